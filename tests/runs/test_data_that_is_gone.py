"""A run whose data isn't where it was: every command that reads it again says so, and none that doesn't."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pawlab
from pawlab import pipeline as workflow
from pawlab.datasets.discover import is_gone
from pawlab.errors import DataError
from pawlab.progress import silent
from pawlab.runs.pictures import pictures_of, validation_pictures
from pawlab.runs.record import Run
from pawlab.runs.request import Request
from quick_training import SMALL, interrupting


@pytest.fixture
def moved(learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run in a folder where its data, of which it knows the relative path, was and isn't any more."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(learnable_folder, "photos")
    run = workflow.train("photos", out="run", report=False)
    Path("photos").rename("elsewhere")
    return run


def gone(run: Path, data: Path) -> str:
    return (
        f"the data that {run} was trained on is no longer at {data}. Bring it back; or train anew where it is now, "
        f"with --split-from {run} to keep its splits."
    )


READERS: list[Callable[[Path], Any]] = [
    lambda run: pawlab.review_queue(run),
    lambda run: workflow.extend(run, run.with_name("elsewhere")),
    lambda run: workflow.export_int8(run, run.with_name("int8.onnx")),
    lambda run: validation_pictures(run, lambda *_: pytest.fail("nothing is read")),
]


@pytest.mark.parametrize("ask", READERS)
def test_whatever_reads_it_again_says_that_it_is_gone(
    moved: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Path], Any]
) -> None:
    with pytest.raises(DataError) as caught:
        ask(moved.folder)
    assert str(caught.value) == gone(Path("run"), Path("photos"))
    monkeypatch.chdir("/")
    with pytest.raises(DataError) as caught:
        ask(tmp_path / "run")
    assert str(caught.value) == gone(tmp_path / "run", tmp_path / "photos")
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "run"}


def test_what_the_line_advises_keeps_the_splits(moved: Run) -> None:
    new = workflow.train("elsewhere", split_from="run", out="new", report=False)
    assert (new.folder / "split.csv").read_bytes() == (moved.folder / "split.csv").read_bytes()
    Path("elsewhere").rename("photos")
    assert pictures_of(moved.folder, silent)


def test_what_was_added_may_be_gone(moved: Run, learnable_folder: Path) -> None:
    Path("elsewhere").rename("photos")
    (Path("more") / "gray").mkdir(parents=True)
    for number in range(5):
        old = learnable_folder / "cold-squares" / f"{number:02}.png"
        Path(f"more/gray/{number}.png").write_bytes(old.read_bytes() + b"x")
    extended = workflow.extend(moved, "more", "extended", report=False)
    shutil.rmtree("more")
    with pytest.raises(DataError) as caught:
        pawlab.review_queue(extended)
    assert str(caught.value) == gone(Path("extended"), Path("more"))


def test_a_classifier_needs_no_data(moved: Run) -> None:
    answer = moved.classifier.predict("elsewhere/warm-circles/00.png")
    assert answer.label == "warm-circles"
    evaluated, _ = workflow.evaluate_data(moved, "elsewhere", include_seen=True)
    assert len(evaluated.pictures) == 60


@pytest.mark.usefixtures("keras")
def test_a_run_that_was_stopped_has_no_splits_to_give(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(SMALL)
    shutil.copytree(learnable_folder, "photos")
    workflow.train("photos", "small.toml", "run", report=False, progress=interrupting("Epoch 2"))
    shutil.rmtree("photos")
    for name in ("split.csv", "metrics.json"):  # as a kill would have left it
        Path("run", name).unlink()
    with pytest.raises(DataError) as caught:
        workflow.resume("run")
    assert str(caught.value) == (
        "the data that run was trained on is no longer at photos. Bring it back, or train anew."
    )


def test_where_nothing_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    there = [".", "file", "~/file", str(tmp_path), (tmp_path / "file").as_uri(), "sample", "https://example.org/x.zip"]
    away = [
        "away",
        "./sample",
        "file/x",
        "~/away",
        "~nobody-of-this-name/x",
        "a\0b",
        "x" * 5000,
        f"{tmp_path.as_uri()}/x",
    ]
    assert [is_gone(data) for data in there] == [False] * len(there)
    assert [is_gone(data) for data in away] == [True] * len(away)


def test_an_address_is_asked_only_when_it_is_read(tmp_path: Path) -> None:
    run = Run(tmp_path)
    request = Request("s3://bucket/photos", "fast", directory=str(tmp_path))
    object.__setattr__(run, "record", {"request": request.to_dict()})
    assert Request.of_run(run).data == "s3://bucket/photos"
