"""A run's folder: what was there before comes back or goes, whatever ends the work, and no two runs take one name."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from pawlab.errors import OutputError
from pawlab.pipeline import resume
from pawlab.runs.directory import (
    held,
    making_folder,
    remove_replaced,
    replacing_run,
    reserved_folder,
    resumed_run,
)

FINISHED = ("run.json", "history.csv", "metrics.json")
UNFINISHED = ("run.json", "history.csv")
BEGUN = ("run.json",)
LINKS = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


def put(folder: Path, mark: str, names: tuple[str, ...] = FINISHED, time: int = 1_000_000_000) -> Path:
    """Make a run of which every file says `mark`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(mark, encoding="utf-8")
        os.utime(folder / name, (time, time))
    return folder


def standing(folder: Path) -> dict[str, str]:
    """Return what every file below a folder says; of an empty folder only its name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file():
            found[name] = path.read_text(encoding="utf-8")
        elif not any(path.iterdir()):
            found[f"{name}/"] = ""
    return found


def whole(name: str, mark: str, names: tuple[str, ...] = FINISHED) -> dict[str, str]:
    return {f"{name}/{file}": mark for file in sorted(names)}


def killed_overwrite(folder: Path, names: tuple[str, ...] = BEGUN) -> Path:
    """Leave what a killed `train --overwrite` leaves: the old run, finished, put aside; return where."""
    put(folder, "killed", names, time=1_000_000_100)
    return put(folder.with_name(f".{folder.name}.a1b2c3_4.previous"), "old")


def refusal(out: Path, overwrite: bool = False) -> str:
    with pytest.raises(OutputError) as caught, reserved_folder(out, "", "", overwrite):
        pass
    return str(caught.value)


# Work that fails


def test_work_that_fails_at_once_leaves_what_was_there(tmp_path: Path) -> None:
    put(tmp_path / "run", "old")
    with suppress(KeyboardInterrupt), making_folder(tmp_path / "run"):
        put(tmp_path / "run", "new", BEGUN)
        raise KeyboardInterrupt
    assert standing(tmp_path) == whole("run", "old")


def test_work_that_fails_at_once_leaves_an_empty_folder_empty(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with suppress(KeyboardInterrupt), making_folder(tmp_path / "run"):
        put(tmp_path / "run", "new", BEGUN)
        raise KeyboardInterrupt
    assert standing(tmp_path) == {"run/": ""}


def test_work_that_fails_removes_all_parents_that_it_made(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with suppress(KeyboardInterrupt), making_folder(tmp_path / "kept" / "a" / "b" / "run"):
        raise KeyboardInterrupt
    assert standing(tmp_path) == {"kept/": ""}


def test_another_run_in_the_new_parent_does_not_hide_the_error(tmp_path: Path) -> None:
    with suppress(ZeroDivisionError), making_folder(tmp_path / "a" / "b" / "run"):
        put(tmp_path / "a" / "other", "theirs")
        _ = 1 / 0
    assert standing(tmp_path) == whole("a/other", "theirs")


def test_a_clean_up_that_fails_does_not_hide_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, goal: Path) -> Path:
        raise PermissionError

    put(tmp_path / "run", "old")
    with suppress(ZeroDivisionError), making_folder(tmp_path / "run"):
        monkeypatch.setattr(Path, "replace", refused)
        _ = 1 / 0
    monkeypatch.undo()
    (kept,) = tmp_path.iterdir()
    assert standing(tmp_path) == whole(kept.name, "old")
    assert refusal(tmp_path / "run").count(str(kept)) == 1


def test_what_has_been_learnt_stays_with_what_was_there(tmp_path: Path) -> None:
    put(tmp_path / "run", "old")
    with suppress(KeyboardInterrupt), making_folder(tmp_path / "run"):
        put(tmp_path / "run", "new", UNFINISHED)
        raise KeyboardInterrupt
    (kept,) = tmp_path.glob(".run.*.previous")
    assert standing(tmp_path) == whole(kept.name, "old") | whole("run", "new", UNFINISHED)
    remove_replaced(tmp_path / "run")
    assert standing(tmp_path) == whole("run", "new", UNFINISHED)


# Kills


KILLED = """
import os, sys
from pathlib import Path
from pawlab.runs.directory import making_folder
with making_folder(Path(sys.argv[1])):
    Path(sys.argv[1], "run.json").write_text("killed")
    os._exit(9)
"""


def test_after_a_real_kill_the_old_run_is_found_and_comes_back(tmp_path: Path) -> None:
    folder = put(tmp_path / "run", "old")
    assert subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False).returncode == 9
    (kept,) = tmp_path.glob(".run.*.previous")
    assert standing(tmp_path) == whole(kept.name, "old") | whole("run", "killed", BEGUN)
    assert refusal(folder) == (
        f"{folder} holds a run that isn't finished. Go on with `pawlab train --resume {folder}`, choose another --out, "
        f"or add --overwrite to replace it. The run that was there before is kept in {kept}."
    )
    with suppress(KeyboardInterrupt), reserved_folder(folder, "", "", overwrite=True), making_folder(folder):
        raise KeyboardInterrupt
    assert standing(tmp_path) == whole("run", "old")


@pytest.mark.parametrize("names", [(), BEGUN, UNFINISHED])
def test_once_a_run_is_whole_nothing_is_left_of_those_before(tmp_path: Path, names: tuple[str, ...]) -> None:
    killed_overwrite(tmp_path / "run", names)
    with making_folder(tmp_path / "run"):
        put(tmp_path / "run", "new")
    assert standing(tmp_path) == whole("run", "new")


@pytest.mark.parametrize("names", [(), BEGUN, UNFINISHED])
def test_a_run_that_is_made_at_one_go_leaves_nothing_either(tmp_path: Path, names: tuple[str, ...]) -> None:
    killed_overwrite(tmp_path / "run", names)
    with replacing_run(tmp_path / "run", overwrite=True) as partial:
        put(partial, "new")
    assert standing(tmp_path) == whole("run", "new")


def test_of_several_killed_runs_the_latest_that_has_learnt_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    kept = killed_overwrite(folder, UNFINISHED)
    with suppress(KeyboardInterrupt), making_folder(folder):
        folder.rmdir()
        raise KeyboardInterrupt
    assert standing(tmp_path) == whole(kept.name, "old") | whole("run", "killed", UNFINISHED)
    folder.rename(tmp_path / ".run.00000000.previous")
    put(folder, "killed at once", BEGUN)
    with suppress(KeyboardInterrupt), making_folder(folder):
        raise KeyboardInterrupt
    assert standing(tmp_path) == whole(kept.name, "old") | whole("run", "killed", UNFINISHED)


def test_a_folder_that_a_kill_left_empty_or_away_is_not_taken_for_free(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    kept = killed_overwrite(folder, ())
    sentence = (
        f"{folder} is where a run was stopped as it began. The run that was there before is kept in {kept}. "
        "Rename that to have it back, choose another --out, or add --overwrite to replace it."
    )
    assert refusal(folder) == sentence
    folder.rmdir()
    assert refusal(folder) == sentence
    with pytest.raises(OutputError) as caught, resumed_run(folder):
        pass
    assert str(caught.value) == (
        f"there is no run in {folder}. Give the folder of a run that was stopped. "
        f"The run that was there before is kept in {kept}."
    )
    assert standing(tmp_path) == whole(kept.name, "old")


def test_a_default_name_whose_run_is_put_aside_is_not_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    killed_overwrite(Path("runs") / "pets-fast", ()).parent.joinpath("pets-fast").rmdir()
    with reserved_folder(None, "pets", "fast", overwrite=False) as folder:
        assert folder == Path("runs") / "pets-fast-2"


def test_what_was_put_aside_for_others_stays(tmp_path: Path) -> None:
    others = [".run.b.a1b2c3_4.previous", ".run-2.a1b2c3_4.previous", ".run.previous", ".run.a1b2c3_4.partial"]
    for name in others:
        put(tmp_path / name, "theirs")
    put(tmp_path / "run", "old")
    with making_folder(tmp_path / "run"):
        put(tmp_path / "run", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "run"])


# Links


@LINKS
def test_a_run_lies_where_a_link_points_to(tmp_path: Path) -> None:
    (tmp_path / "disk" / "run").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "disk" / "run")
    for mark in ("old", "new"):
        with making_folder(link):
            put(link, mark)
    assert link.is_symlink()
    assert standing(tmp_path / "disk") == whole("run", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "link"]


@LINKS
def test_what_was_put_aside_behind_a_link_is_found(tmp_path: Path) -> None:
    kept = killed_overwrite(tmp_path / "disk" / "run")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "disk" / "run")
    assert refusal(link).endswith(f" The run that was there before is kept in {kept}.")


# Runs at the same time


def test_runs_that_begin_at_once_take_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        reserved = [reserved_folder(None, "pets", "fast", overwrite=False) for _ in range(8)]
        folders = list(pool.map(stack.enter_context, reserved))
    assert sorted(folders) == sorted(
        Path("runs") / name for name in ("pets-fast", *(f"pets-fast-{number}" for number in range(2, 9)))
    )


HOLDING = """
import sys, time
from pathlib import Path
from pawlab.runs.directory import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_in_which_another_process_trains_is_refused_until_that_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = put(Path("runs") / "pets-fast", "theirs", UNFINISHED)
    sentence = f"another process is training the run in {folder}. Wait until it is done, or stop it."
    command = [sys.executable, "-c", HOLDING, str(folder.absolute())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        assert refusal(folder) == refusal(folder, overwrite=True) == sentence
        with pytest.raises(OutputError) as caught:
            resume(folder)
        other.kill()
    assert str(caught.value) == sentence
    with reserved_folder(folder, "", "", overwrite=True):
        assert standing(tmp_path) == whole("runs/pets-fast", "theirs", UNFINISHED)  # the lock lies elsewhere


def test_a_cache_that_cant_be_written_keeps_nobody_from_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "file"))
    with held(tmp_path / "run"), held(tmp_path / "run"):
        pass


@pytest.mark.parametrize("at_one_go", [True, False])
def test_a_reserved_folder_becomes_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_one_go: bool) -> None:
    monkeypatch.chdir(tmp_path)
    with reserved_folder(None, "pets", "fast", overwrite=False) as folder:
        if at_one_go:
            with replacing_run(folder, overwrite=False) as partial:
                put(partial, "new")
        else:
            with making_folder(folder):
                put(folder, "new")
    assert standing(tmp_path) == whole("runs/pets-fast", "new")


@pytest.mark.parametrize("out", [None, Path("a") / "b" / "run"])
def test_a_reserved_folder_vanishes_where_the_work_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: Path | None
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError), reserved_folder(out, "pets", "fast", overwrite=False):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []
    with (
        suppress(ZeroDivisionError),
        reserved_folder(out, "pets", "fast", overwrite=False) as folder,
        making_folder(folder),
    ):
        put(folder, "new", BEGUN)
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_has_come_meanwhile_is_replaced_only_when_asked_for(tmp_path: Path) -> None:
    replacing = replacing_run(tmp_path / "run", overwrite=False)
    put(replacing.__enter__(), "new")
    put(tmp_path / "run", "theirs")
    with pytest.raises(OutputError) as caught:
        replacing.__exit__(None, None, None)
    assert str(caught.value) == (
        f"{tmp_path / 'run'} holds a run already. Choose another --out, or add --overwrite to replace it."
    )
    assert standing(tmp_path) == whole("run", "theirs")
    with replacing_run(tmp_path / "run", overwrite=True) as partial:
        put(partial, "new")
    assert standing(tmp_path) == whole("run", "new")
