"""split.csv is read as it was written, or not at all: a part of it would split anew what was split before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pawlab
from pawlab import pipeline as workflow
from pawlab.datasets.dataset import Dataset, Picture
from pawlab.errors import DataError, OutputError
from pawlab.runs.pictures import pictures_of
from pawlab.runs.record import Run, read_seen, read_split, read_split_file, write_split
from pawlab.runs.side_by_side import correct_by_picture

HEADER = "path,label,split,sha256\n"
ROW = f"cats/a.jpg,cats,train,{'a' * 64}\n"
DAMAGES = [
    ("", "it is empty"),
    (HEADER, "it names no picture"),
    (HEADER[:10], "it is cut off"),
    (HEADER + ROW + ROW[:-1], "it is cut off"),
    (HEADER + ROW + ROW[:20], "it is cut off"),
    (HEADER + ROW + '"cats/a\n', "line 3: unexpected end of data"),
    (ROW, "its first line isn't path,label,split,sha256"),
    ("\n", "its first line isn't path,label,split,sha256"),
    ("path,split,sha256\n" + ROW, "its first line isn't path,label,split,sha256"),
    (HEADER + ROW + "\n", "row 3 has 0 cells, not 4"),
    (HEADER + "cats/a.jpg\n", "row 2 has 1 cell, not 4"),
    (HEADER + ROW.replace("train", "trian"), "row 2 has 'trian' for a split, not train, validation or test"),
    (HEADER + ROW + ROW.replace("a" * 64, "abc"), "row 3 has 'abc' for a SHA-256, not 64 hexadecimal digits"),
    (HEADER + ROW.replace("a" * 64, "g" * 64), f"row 2 has '{'g' * 64}' for a SHA-256, not 64 hexadecimal digits"),
]


def sentence(path: Path, what: str) -> str:
    return f"{path} is damaged: {what}. Bring the file back as it was, or train that run anew."


@pytest.mark.parametrize(("text", "what"), DAMAGES)
@pytest.mark.parametrize("read", [read_split, read_seen])
def test_what_is_damaged_is_not_read(tmp_path: Path, read: Callable[[Path], Any], text: str, what: str) -> None:
    (tmp_path / "split.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert str(caught.value) == sentence(tmp_path / "split.csv", what)


def test_what_was_written_is_read_whatever_its_names(tmp_path: Path) -> None:
    names = ["a.jpg", 'a "b", c.jpg', "two\nlines.jpg", "\r.jpg", "=1+1.jpg", "\udcff.jpg", "ü.jpg"]
    pictures = [Picture(Path(name), name, "=cats", f"{number:064x}", "test") for number, name in enumerate(names)]
    pictures.append(Picture(Path("b"), "b", "\n", "f" * 64, "train"))
    write_split(Dataset("photos", Path(), ("=cats",), tuple(pictures)), tmp_path / "split.csv")
    assert read_split(tmp_path) == {picture.sha256: picture.split for picture in pictures}
    assert [row.path for row in read_split_file(tmp_path / "split.csv").values()] == [
        *names[:3],
        "'\r.jpg",
        "'=1+1.jpg",
        r"\udcff.jpg",
        "ü.jpg",
        "b",
    ]
    assert read_seen(tmp_path) == {"f" * 64}


def test_without_the_file(tmp_path: Path) -> None:
    assert read_seen(tmp_path) == frozenset()
    with pytest.raises(DataError) as caught:
        read_split(tmp_path)
    assert str(caught.value) == (
        f"can't read {tmp_path / 'split.csv'}: No such file or directory. Give a folder that `pawlab train` made."
    )


@pytest.fixture
def cut_off(learnable_folder: Path, tmp_path: Path) -> Run:
    """A run whose split.csv has lost its second half, and whose classifier doesn't know what it was trained on."""
    run = workflow.train(learnable_folder, out=tmp_path / "run", report=False)
    whole = (run.folder / "split.csv").read_bytes()
    (run.folder / "split.csv").write_bytes(whole[: len(whole) // 2])
    return run


def test_whatever_needs_the_splits_says_that_they_are_damaged(
    cut_off: Run, learnable_folder: Path, tmp_path: Path
) -> None:
    told = sentence(cut_off.folder / "split.csv", "it is cut off")
    asked: list[Callable[[], Any]] = [
        lambda: workflow.train(learnable_folder, split_from=cut_off, out=tmp_path / "new", report=False),  # type: ignore[arg-type]
        lambda: pawlab.explore(learnable_folder, split_from=str(cut_off.folder)),
        lambda: workflow.extend(cut_off, learnable_folder, tmp_path / "new", report=False),
        lambda: pawlab.review_queue(cut_off),
        lambda: pictures_of(cut_off.folder, lambda *_: pytest.fail("nothing is read")),
    ]
    for ask in asked:
        with pytest.raises(DataError) as caught:
            ask()
        assert str(caught.value) == told
    with pytest.raises(OutputError) as refused:
        correct_by_picture(cut_off.folder)
    assert str(refused.value) == told
    assert not (tmp_path / "new").exists()


def test_a_test_of_pictures_that_may_have_been_seen_is_refused(
    cut_off: Run, learnable_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classifier of more pictures than its file can name takes them from split.csv beside it."""
    monkeypatch.setattr("pawlab.card.SeenPictures.complete", False, raising=False)
    with pytest.raises(DataError) as caught:
        workflow.evaluate_data(cut_off, learnable_folder)
    assert str(caught.value) == sentence(cut_off.folder / "split.csv", "it is cut off")
