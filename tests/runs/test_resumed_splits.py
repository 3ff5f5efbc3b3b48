"""A stopped run goes on with the splits that it was begun with, whatever became of the run that they are from."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pawlab import pipeline as workflow
from pawlab.datasets.labels import Decision, Labels
from pawlab.errors import DataError
from pawlab.runs.record import Run, read_split
from pawlab.trainers.fitted import Fitted
from pawlab.trainers.table import TRAINERS
from quick_training import SMALL, interrupting, killing

KILLED_IN_EPOCH_2 = f"""{killing(2)}
from pawlab import pipeline
pipeline.extend(sys.argv[1], sys.argv[2], sys.argv[1], overwrite=True, report=False, progress=deadly)
"""


@pytest.fixture(scope="module")
def data(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of which some are gone since the earlier run was trained."""
    return Path(shutil.copytree(learnable_folder, tmp_path_factory.mktemp("data") / "photos"))


@pytest.fixture(scope="module")
def trained(keras: ModuleType, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "small.toml").write_text(SMALL)
    run = workflow.train(data, folder / "small.toml", folder / "run", report=False, seed=7)
    (data / "warm-circles" / "00.png").unlink()
    return run


@pytest.fixture
def old(trained: Run, tmp_path: Path) -> Run:
    """The earlier run, in a folder that holds nothing else."""
    return Run(shutil.copytree(trained.folder, tmp_path / "runs" / "run"))


@pytest.fixture
def more(learnable_folder: Path, tmp_path: Path) -> Path:
    """New pictures of an old class."""
    folder = tmp_path / "more" / "cold-squares"
    folder.mkdir(parents=True)
    for number in range(10):
        old = learnable_folder / "cold-squares" / f"{number:02}.png"
        (folder / f"{number}.png").write_bytes(old.read_bytes() + b"x")
    return folder.parent


def require_alike(resumed: Run, unbroken: Run, notes: list[str]) -> None:
    assert resumed.finished
    assert read_split(resumed.folder) == read_split(unbroken.folder)
    assert (resumed.folder / "model.onnx").read_bytes() == (unbroken.folder / "model.onnx").read_bytes()
    assert resumed.metrics["notes"] == notes
    assert any(note.startswith("1 of the 60 pictures of ") for note in notes)
    assert {path.name for path in resumed.folder.iterdir()} == {path.name for path in unbroken.folder.iterdir()}


def test_a_run_that_was_killed_while_it_was_to_replace_the_one_it_extends(
    old: Run, trained: Run, more: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLED_IN_EPOCH_2, str(old.folder), str(more)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode not in (0, 1), process.stderr
    (kept,) = old.folder.parent.glob(".run.*.previous")
    assert (kept / "model.onnx").read_bytes() == (trained.folder / "model.onnx").read_bytes()
    assert not (old.folder / "split.csv").exists()
    with pytest.raises(DataError) as caught:
        workflow.train(more, split_from=str(old.folder), out=tmp_path / "new")
    assert str(caught.value) == (
        f"can't read {old.folder / 'split.csv'}: No such file or directory. That run isn't finished: go on with "
        f"`pawlab train --resume {old.folder}` first."
    )
    resumed = workflow.resume(old.folder)
    assert list(old.folder.parent.iterdir()) == [old.folder]
    unbroken = workflow.extend(trained, more, tmp_path / "unbroken", report=False)
    notes = [note.replace(str(trained.folder), str(old.folder)) for note in unbroken.metrics["notes"]]
    require_alike(resumed, unbroken, notes)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_run_that_was_interrupted(old: Run, data: Path, trained: Run, tmp_path: Path, in_place: bool) -> None:
    """Pictures that people excluded aren't in its own split.csv: by that they might come back as test pictures."""
    labels = Labels(tmp_path / "labels.csv")
    for sha256 in [one for one, split in read_split(old.folder).items() if split != "test"][::3]:
        labels.decide(sha256, Decision("exclude"))
    place = old.folder if in_place else tmp_path / "runs" / "other"
    asked: dict[str, Any] = {"recipe": tmp_path / "small.toml", "report": False, "labels": str(labels.path), "seed": 8}
    (tmp_path / "small.toml").write_text(SMALL)
    unbroken = workflow.train(data, split_from=str(old.folder), out=tmp_path / "unbroken", **asked)
    asked |= {"overwrite": in_place, "progress": interrupting("Epoch 2")}
    stopped = workflow.train(data, split_from=str(old.folder), out=place, **asked)
    assert stopped.interrupted
    if not in_place:
        shutil.rmtree(old.folder)
    require_alike(workflow.resume(place), unbroken, unbroken.metrics["notes"])
    assert list((tmp_path / "runs").iterdir()) == [place]


def test_the_run_that_is_extended_in_its_place_comes_back_where_that_fails(
    old: Run, more: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: Any) -> Fitted:
        raise KeyboardInterrupt

    before = {path: path.read_bytes() for path in old.folder.rglob("*") if path.is_file()}
    monkeypatch.setitem(TRAINERS, "keras", failing)
    with pytest.raises(KeyboardInterrupt):
        workflow.extend(old, more, old.folder, overwrite=True, report=False)
    assert {path: path.read_bytes() for path in old.folder.parent.rglob("*") if path.is_file()} == before
