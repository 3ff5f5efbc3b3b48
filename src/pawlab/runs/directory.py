"""Where runs go: free names, folders held for work that goes on, and what becomes of a run that another replaces.

A run that is replaced is put aside under a hidden name, `.NAME.*.previous`, until the new one is whole: whoever is
killed in between, or finds such a folder later, loses nothing.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

from pawlab.errors import OutputError
from pawlab.runs.record import HISTORY_FILE, METRICS_FILE, RUN_FILE, Run
from pawlab.storage import is_free, one_at_a_time, remove_empty, replacing_folder, sweep

_PUT_ASIDE = ".previous"  # how the hidden name ends of what a run is to replace


@contextmanager
def reserved_folder(out: str | Path | None, data_name: str, recipe_name: str, overwrite: bool) -> Iterator[Path]:
    """Give the folder for a new run, held: `out`, else runs/DATA-RECIPE or, where that is taken, -2, -3 and so on.

    Raises OutputError where `out` is taken or held, or can't be written; nothing is made yet.
    """
    if out is not None:
        with held(Path(out)):
            _require_free(Path(out), overwrite)
            _require_writable(Path(out))
            yield Path(out)
        return
    for folder in _default_folders(data_name, recipe_name):
        with _trying_to_hold(folder) as is_held:
            if is_held and not folder.exists() and not _put_aside_of(folder):
                _require_writable(folder)
                yield folder
                return


@contextmanager
def resumed_run(folder: Path) -> Iterator[Run]:
    """Give the run that goes on in a folder, held; what it is to replace is gone once the work is done.

    Raises OutputError unless it was begun and then killed or interrupted, or where another process trains it.
    """
    run = Run(folder)
    with held(folder):
        if not (folder / RUN_FILE).is_file():
            earlier = _earlier_run(folder)
            raise OutputError(f"there is no run in {folder}. Give the folder of a run that was stopped.{earlier}")
        if run.finished:
            raise OutputError(f"the run in {folder} is finished; there is nothing to resume.")
        yield run
        remove_replaced(folder)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes off a run's folder. Raises OutputError where one of them holds it."""
    with _trying_to_hold(folder) as is_held:
        if not is_held:
            raise OutputError(f"another process is training the run in {folder}. Wait until it is done, or stop it.")
        yield


@contextmanager
def _trying_to_hold(folder: Path) -> Iterator[bool]:
    """Hold a folder unless another has it, and say whether that worked. A cache that can't be written is no reason not
    to train.
    """
    from filelock import Timeout

    is_held = True
    with ExitStack() as stack:
        try:
            stack.enter_context(one_at_a_time(folder.resolve()).acquire(timeout=0))
        except Timeout:
            is_held = False
        except (OSError, OutputError):
            pass
        yield is_held


def _default_folders(data_name: str, recipe_name: str) -> Iterator[Path]:
    first = Path("runs") / f"{data_name}-{recipe_name}"
    yield first
    for number in count(2):
        yield first.with_name(f"{first.name}-{number}")


def _require_free(folder: Path, overwrite: bool) -> None:
    earlier = _earlier_run(folder)
    if is_free(folder):
        if earlier and not overwrite:
            raise OutputError(
                f"{folder} is where a run was stopped as it began.{earlier} Rename that to have it back, "
                "choose another --out, or add --overwrite to replace it."
            )
        return
    if not (folder / RUN_FILE).is_file():
        raise OutputError(f"{folder} holds something other than a run. Choose another --out.{earlier}")
    if overwrite:
        return
    if not (folder / METRICS_FILE).is_file():
        raise OutputError(
            f"{folder} holds a run that isn't finished. Go on with `pawlab train --resume {folder}`, "
            f"choose another --out, or add --overwrite to replace it.{earlier}"
        )
    raise OutputError(f"{folder} holds a run already. Choose another --out, or add --overwrite to replace it.")


def _require_writable(folder: Path) -> None:
    """Find out before the work, not after it, and leave nothing behind."""
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    sweep(existing)
    try:
        Path(mkdtemp(dir=existing, prefix=".pawlab-")).rmdir()
    except OSError as error:
        where = f"{folder}: {existing}: {error.strerror or error}"
        raise OutputError(f"can't write the run to {where}. Choose another --out.") from error


@contextmanager
def making_folder(folder: Path) -> Iterator[None]:
    """Make a run's folder for work that goes on in it. What stood there before is gone once the work is done.

    Where the work fails before an epoch is done, the folder vanishes and what stood there before is back. Where it is
    killed, that lies beside the folder, under a hidden name, until a run in the folder is whole.
    """
    place = folder.resolve()  # what a link points to is replaced, not the link
    _put_aside(place)
    new_folders = [path for path in (place, *place.parents) if not path.exists()]
    place.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if not (place / HISTORY_FILE).is_file():
            _bring_back(place, new_folders)
        raise
    remove_replaced(folder)


@contextmanager
def replacing_run(folder: Path, overwrite: bool) -> Iterator[Path]:
    """Give an empty folder beside a run's, which takes its place once it is whole, as `replacing_folder` does.

    Raises OutputError where another run has come there meanwhile, unless `overwrite`.
    """
    with replacing_folder(folder) as partial:
        yield partial
        _require_free(folder, overwrite)
    remove_replaced(folder)


def remove_replaced(folder: Path) -> None:
    """Remove what was put aside for the run in `folder`, which is whole now, by its own process or by killed ones."""
    for kept in _put_aside_of(folder):
        shutil.rmtree(kept, ignore_errors=True)


def _put_aside(place: Path) -> None:
    """Rename the run at `place` to a hidden name beside it that nothing has."""
    if is_free(place):
        return
    if _has_learnt_nothing(place) and _put_aside_of(place):
        shutil.rmtree(place)  # begun by a killed process; what it was to replace is what stood there before
        return
    kept = Path(mkdtemp(prefix=f".{place.name}.", suffix=_PUT_ASIDE, dir=place.parent))
    kept.rmdir()
    place.replace(kept)


def _put_aside_of(folder: Path) -> list[Path]:
    """Return what was put aside for a folder's runs, the latest last: more than one where several were killed."""
    place = folder.resolve()
    name = re.compile(rf"\.{re.escape(place.name)}\.[a-z0-9_]+{re.escape(_PUT_ASIDE)}")
    try:
        found = [path for path in place.parent.iterdir() if name.fullmatch(path.name)]
    except OSError:
        return []  # there is no such folder yet; writing will report what else is wrong
    return sorted(found, key=_time_of_run)


def _earlier_run(folder: Path) -> str:
    """Return what an error says where a killed process has put a run aside, with a leading space."""
    kept = _put_aside_of(folder)
    return f" The run that was there before is kept in {kept[-1]}." if kept else ""


def _time_of_run(folder: Path) -> float:
    try:
        return (folder / RUN_FILE).stat().st_mtime
    except OSError:
        return 0.0


def _has_learnt_nothing(folder: Path) -> bool:
    return not any((folder / name).is_file() for name in (HISTORY_FILE, METRICS_FILE))


def _bring_back(place: Path, new_folders: list[Path]) -> None:
    """Leave all as it was before the work. An error here would hide what went wrong: it is passed over."""
    shutil.rmtree(place, ignore_errors=True)
    kept = _put_aside_of(place)
    with suppress(OSError):
        if kept:
            kept[-1].replace(place)
        elif place not in new_folders:
            place.mkdir()
    remove_empty(new_folders)
