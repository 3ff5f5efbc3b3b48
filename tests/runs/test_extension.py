"""A run extended by more pictures and a new class."""

import csv
import shutil
from pathlib import Path

import fsspec
import pytest
from PIL import Image

import pawlab
from pawlab.datasets.dataset import Dataset
from pawlab.errors import DataError, OutputError
from pawlab.runs.extension import changes, read_score
from pawlab.runs.record import read_split
from picture_folders import dataset_of


@pytest.fixture
def more(learnable_folder: Path, tmp_path: Path) -> Path:
    """Three old pictures once more, and a new class."""
    folder = tmp_path / "more"
    (folder / "gray").mkdir(parents=True)
    (folder / "warm-circles").mkdir()
    for number in range(20):
        with Image.open(learnable_folder / "cold-squares" / f"{number:02}.png") as picture:
            picture.convert("L").rotate(45).save(folder / "gray" / f"{number:02}.png")
    for number in range(3):
        shutil.copy(learnable_folder / "warm-circles" / f"{number:02}.png", folder / "warm-circles" / f"{number}.png")
    return folder


def splits_by_name(run: pawlab.Run) -> dict[str, str]:
    with (run.folder / "split.csv").open(encoding="utf-8", newline="") as file:
        return {row["path"]: row["split"] for row in csv.DictReader(file)}


def test_old_pictures_stay_in_their_splits(learnable_folder: Path, more: Path, tmp_path: Path) -> None:
    old = pawlab.train(learnable_folder, out=tmp_path / "old", report=False, memory=1.5)
    new = pawlab.extend(old, more, tmp_path / "new", report=False)
    before, after = read_split(old.folder), read_split(new.folder)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 20
    assert new.metrics["classes"] == ["cold-squares", "gray", "warm-circles"]
    assert new.metrics["overlap"] == 0
    changed = changes(old, new)
    assert changed["new_classes"] == ["gray"]
    assert changed["pictures"] == old.metrics["test"]["pictures"]
    assert changed["before"] == old.metrics["test"]["accuracy"]
    assert changed["after"] >= 0.8
    third = pawlab.extend(new.folder, more, tmp_path / "third", report=False)  # an extended run can be extended
    assert read_split(third.folder) == after
    assert [run.record["request"]["memory"] for run in (old, new, third)] == [1.5] * 3


def test_a_run_that_was_replaced_is_compared_only_by_what_was_read_before(
    learnable_folder: Path, more: Path, tmp_path: Path
) -> None:
    old = pawlab.train(learnable_folder, out=tmp_path / "run", report=False)
    before, pictures = read_score(old), old.metrics["test"]["pictures"]
    new = pawlab.extend(old, more, tmp_path / "run", report=False, overwrite=True)
    changed = changes(before, new)
    assert (changed["pictures"], changed["new_classes"]) == (pictures, ["gray"])
    assert changed["new_test_pictures"] == new.metrics["test"]["pictures"] - pictures > 0
    with pytest.raises(OutputError) as caught:
        changes(pawlab.Run(tmp_path / "more" / ".." / "run"), new)
    assert str(caught.value) == (
        f"{tmp_path / 'more' / '..' / 'run'} holds the new run alone: the old one was replaced. Extend with another "
        "--out to compare."
    )


def test_splits_that_the_new_pictures_were_given_are_kept(learnable_folder: Path, more: Path, tmp_path: Path) -> None:
    """But for a copy of an old picture, which would be in a split and in training at once."""
    old = pawlab.train(learnable_folder, out=tmp_path / "old", report=False)
    trained = next(path for path, split in splits_by_name(old).items() if split == "train" and "warm" in path)
    shutil.rmtree(more / "warm-circles")
    given = tmp_path / "given"
    for number, picture in enumerate(sorted((more / "gray").iterdir())):
        (given / ("test" if number % 2 else "train") / "gray").mkdir(parents=True, exist_ok=True)
        shutil.move(picture, given / ("test" if number % 2 else "train") / "gray")
    (given / "test" / "warm-circles").mkdir()
    shutil.copy(learnable_folder / trained, given / "test" / "warm-circles" / "again.png")
    new = pawlab.extend(old, given, tmp_path / "new", report=False)
    found = splits_by_name(new)
    assert splits_by_name(old).items() <= found.items()
    added = {path: split for path, split in found.items() if path.startswith("given/")}
    assert len(added) == 20
    assert all(path.startswith(f"given/{split}/gray/") for path, split in added.items())
    assert new.record["set_aside"] == [
        {"picture": "given/test/warm-circles/again.png", "reason": f"is a copy of {trained}, which stands in train"}
    ]


def test_old_pictures_that_are_gone_are_named(learnable_folder: Path, more: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(learnable_folder, tmp_path / "data"))
    shutil.rmtree(more / "warm-circles")
    old = pawlab.train(data, out=tmp_path / "old", report=False)
    for number in range(1, 8):
        (data / "warm-circles" / f"{number:02}.png").unlink()
    new = pawlab.extend(old, more, tmp_path / "new", report=False)
    names = ", ".join(f"warm-circles/{number:02}.png" for number in range(1, 6))
    doubt = f"7 of the 60 pictures of {old.folder} aren't here any more, or have changed: {names}, ..."
    assert doubt in new.metrics["notes"]
    again = pawlab.explore(data, split_from=str(old.folder))
    assert {"doubtful reading": f"To be looked at: {doubt}."}.items() <= {
        finding["check"]: finding["sentence"] for finding in again["findings"]
    }.items()


def test_an_earlier_run_of_other_pictures(learnable_folder: Path, more: Path, tmp_path: Path) -> None:
    """Splits can't come from it, and it can't be extended once all its own are gone."""
    data = Path(shutil.copytree(learnable_folder, tmp_path / "data"))
    old = pawlab.train(data, out=tmp_path / "old", report=False)
    other = [f"other/{label}/{number}.png" for label in ("a", "b") for number in range(10)]
    for number, name in enumerate(other):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (number * 12, 0, 0)).save(tmp_path / name)
    explored = pawlab.explore(tmp_path / "other", split_from=str(old.folder), near_duplicates="report")
    assert f"none of the 60 pictures of {old.folder} is here, so all are split anew" in explored["notes"]
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "other", data)
    shutil.rmtree(more / "warm-circles")
    with pytest.raises(DataError) as caught:
        pawlab.extend(old, more, tmp_path / "new", report=False)
    assert str(caught.value) == (
        f"none of the 60 pictures of {old.folder} is where it was, or all have changed. Put them back as they were, or "
        "train anew on all pictures."
    )


def test_an_extended_run_can_be_sent_to_an_address(
    learnable_folder: Path, more: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old = pawlab.train(learnable_folder, out=tmp_path / "old", report=False)
    new = pawlab.extend(old, more, "memory://bucket/extended", report=False)
    files = fsspec.filesystem("memory")
    assert files.cat("/bucket/extended/model.onnx") == (new.folder / "model.onnx").read_bytes()
    with pytest.raises(OutputError) as caught:
        pawlab.compare(learnable_folder, "fast", "memory://bucket/compared")
    assert str(caught.value) == (
        "a comparison is made in a folder of this machine, not at memory://bucket/compared. Give a path."
    )


def test_names_of_what_is_added_begin_with_its_own() -> None:
    one, other = dataset_of(("a.jpg", "cats", "1", "train")), dataset_of(("a.jpg", "dogs", "2", "test"))
    joined: Dataset = one.joined(other)
    assert [(item.name, item.label, item.split) for item in joined.pictures] == [
        ("a.jpg", "cats", "train"),
        ("photos/a.jpg", "dogs", "test"),
    ]
    assert joined.classes == ("cats", "dogs")
    again = joined.joined(dataset_of(("a.jpg", "dogs", "3", "test")))
    assert [item.name for item in again.pictures] == ["a.jpg", "photos-2/a.jpg", "photos/a.jpg"]


def test_a_least_number_of_pictures_counts_old_and_new_ones_together(
    learnable_folder: Path, more: Path, tmp_path: Path
) -> None:
    old = pawlab.train(learnable_folder, out=tmp_path / "old", report=False, min_per_class=20)
    shutil.rmtree(more / "gray")
    (more / "rare").mkdir()
    shutil.copy(learnable_folder / "warm-circles" / "00.png", more / "rare" / "0.png")
    new = pawlab.extend(old, more, tmp_path / "new", report=False)
    assert new.metrics["classes"] == old.metrics["classes"]
    assert new.metrics["skipped"][-1]["reason"] == "its class has only 1 picture"


def test_an_old_class_is_counted_with_its_new_pictures(learnable_folder: Path, more: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(learnable_folder, data)
    (data / "gray").mkdir()
    shutil.move(more / "gray" / "00.png", data / "gray" / "00.png")
    old = pawlab.train(data, out=tmp_path / "old", report=False, min_per_class=20)
    assert old.metrics["classes"] == ["cold-squares", "warm-circles"]
    new = pawlab.extend(old, more, tmp_path / "new", report=False)
    assert new.metrics["classes"] == ["cold-squares", "gray", "warm-circles"]
    assert "gray/00.png" in splits_by_name(new)


def test_a_class_of_too_few_new_pictures_is_told_without_an_option_that_extending_refuses(
    learnable_folder: Path, more: Path, tmp_path: Path
) -> None:
    old = pawlab.train(learnable_folder, out=tmp_path / "old", report=False)
    for picture in sorted((more / "gray").iterdir())[2:]:
        picture.unlink()
    with pytest.raises(DataError) as caught:
        pawlab.extend(old, more, tmp_path / "new", report=False)
    assert str(caught.value) == (
        f"{learnable_folder.name}: 'gray' has only 2 different pictures; a class takes at least 3 different pictures, "
        "to train, validate and test. Add more, or remove the class."
    )
