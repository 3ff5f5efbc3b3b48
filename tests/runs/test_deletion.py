import subprocess
import sys
from pathlib import Path

import pytest

import pawlab
from pawlab.errors import OutputError
from pawlab.runs.deletion import delete_run
from pawlab.runs.directory import held
from pawlab.runs.listing import list_runs
from run_folders import make_run, with_predictions


def refusal(folder: Path) -> str:
    before = sorted(folder.parent.rglob("*"))
    with pytest.raises(OutputError) as caught:
        delete_run(folder)
    assert sorted(folder.parent.rglob("*")) == before
    return str(caught.value)


def test_a_run_is_deleted_with_all_that_training_writes(learnable_folder: Path, tmp_path: Path) -> None:
    run = pawlab.train(learnable_folder, out=tmp_path / "run")
    assert (run.folder / "plots").is_dir()
    assert pawlab.delete_run(run.folder) == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_the_runs_own_is_kept(tmp_path: Path) -> None:
    run = with_predictions(make_run(tmp_path / "run"), {"aa": True})
    for name in ("notes.txt", "my.onnx", "my.npy"):
        (run / name).write_text("precious")
    (run / "plots").symlink_to(tmp_path)
    for name in ("epoch-0003.npz", "train-pixels.npy", "earlier_split.csv"):  # of a run that was killed
        (run / name).write_text("")
    assert delete_run(run) == [run / "my.npy", run / "my.onnx", run / "notes.txt"]
    assert sorted(tmp_path.rglob("*")) == [run, run / "my.npy", run / "my.onnx", run / "notes.txt"]
    assert refusal(run) == f"{run} isn't a run: it has no run.json. Nothing was deleted."


def test_what_is_no_run_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "metrics.json").write_text("{}")
    assert refusal(folder) == f"{folder} isn't a run: it has no run.json. Nothing was deleted."
    (folder / "run.json").write_text('{"job": 7}')
    assert refusal(folder) == f"{folder} isn't a run: its run.json is another program's. Nothing was deleted."
    (folder / "run.json").write_text("{")
    assert refusal(folder) == f"{folder} isn't a run: its run.json is another program's. Nothing was deleted."
    link = tmp_path / "link"
    link.symlink_to(make_run(tmp_path / "run"))
    assert refusal(link) == f"{link} is a link to {tmp_path / 'run'}. Name that folder, or remove the link."


def test_a_damaged_run_can_be_deleted(tmp_path: Path) -> None:
    run = with_predictions(make_run(tmp_path / "run"), {"aa": True})
    (run / "run.json").write_text("{")
    assert delete_run(run) == []
    assert not run.exists()


HOLDING = """
import sys, time
from pathlib import Path
from pawlab.runs.directory import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_run_that_another_process_is_training_is_left_alone_until_that_dies(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", accuracy=None)
    other = subprocess.Popen([sys.executable, "-c", HOLDING, str(run)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        busy = f"another process is training the run in {run}. Wait until it is done, or stop it."
        assert refusal(run) == busy
    finally:
        other.kill()
        other.communicate()
    assert delete_run(run) == []


def test_a_run_that_is_half_deleted_is_still_one_and_can_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = with_predictions(make_run(tmp_path / "run"), {"aa": True})

    def full(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", full)
        with pytest.raises(OutputError) as caught:
            delete_run(run)
    assert str(caught.value) == f"can't delete {run / 'predictions.csv'}: Permission denied."
    (run / "predictions.csv").unlink()
    (run / "metrics.json").unlink()
    assert [found.state for found in list_runs(tmp_path)] == ["not finished"]
    assert delete_run(run) == []
    with held(run):  # nobody else holds it
        assert not run.exists()
