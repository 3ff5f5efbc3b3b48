"""Where pawlab keeps things, and how it writes them: beside the target, then renamed, so nothing is half-written."""

import errno
import hashlib
import json
import os
import shutil
import stat
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pawlab.errors import OutputError

if TYPE_CHECKING:
    from filelock import FileLock

# What a run's and a comparison's folder hold, and by which others know them
RUN_FILE = "run.json"
HISTORY_FILE = "history.csv"
COMPARISON_FILE = "comparison.json"

_NOT_UTF_8 = "it isn't text in UTF-8. Save it as UTF-8."
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_IN_THE_WAY = (errno.ENOTEMPTY, errno.EEXIST)


def cache_dir(*parts: str) -> Path:
    """Return the folder for caches: PAWLAB_CACHE_DIR, or the user's cache folder; made if absent.

    Where the user has none that can be written, as in many containers, it is a temporary one of this process. Raises
    OutputError where PAWLAB_CACHE_DIR can't be written.
    """
    chosen = os.environ.get("PAWLAB_CACHE_DIR")
    folder = (Path(chosen) if chosen else _users_cache()).joinpath(*parts)
    try:
        folder = folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"can't make the cache folder {folder}: {reason}. Set PAWLAB_CACHE_DIR to a folder you can write."
        ) from error
    return folder


def _users_cache() -> Path:
    from platformdirs import user_cache_path

    folder = user_cache_path("pawlab", appauthor=False)
    with suppress(OSError):
        if folder.is_absolute():  # without a home it begins with ~
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    return _temporary_cache()


@cache
def _temporary_cache() -> Path:
    import atexit
    import logging
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="pawlab-cache-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    logging.getLogger("pawlab").warning(
        "pawlab: the user's cache folder can't be written: nothing is kept for the next run. Set PAWLAB_CACHE_DIR."
    )
    return folder


def one_at_a_time(target: Path) -> "FileLock":
    """Return the lock of those who make `target`, for `with`: the system's, so that a dead process holds none.

    It lies in the cache, where it is no litter beside the target.
    """
    from filelock import FileLock

    name = hashlib.sha256(os.fsencode(target)).hexdigest()[:16]
    return FileLock(cache_dir("locks") / name, thread_local=False)


def is_free(place: Path) -> bool:
    """Say whether nothing is lost where something takes this place: nothing stands there, or an empty folder."""
    return not any(place.iterdir()) if place.is_dir() else not place.exists()


def no_room_in_cache(place: str, error: OSError) -> OutputError:
    """Return what to raise where the system wouldn't write into the cache."""
    return OutputError(
        f"can't write {place}: {error.strerror or error}. "
        "Free some space there, or set PAWLAB_CACHE_DIR to a folder with more."
    )


def replacing_file(target: Path) -> AbstractContextManager[Path]:
    """Give an empty file beside `target` to write to; it becomes `target` on success and vanishes on failure.

    Raises OutputError where the place can't be written or the disk fills up.
    """
    return _replacing(target, folder=False)


def replacing_folder(target: Path) -> AbstractContextManager[Path]:
    """Give an empty folder beside `target`; it takes `target`'s place on success and vanishes on failure.

    What stood at `target` before stays untouched until the new folder is whole. Raises OutputError as `replacing_file`.
    """
    return _replacing(target, folder=True)


@contextmanager
def _replacing(target: Path, folder: bool) -> Iterator[Path]:
    real = target.resolve()  # what a link points to is replaced, not the link
    partial = real.with_name(f".{real.name[:40]}.{os.urandom(6).hex()}.partial")
    parents_to_make = [parent for parent in real.parents if not parent.exists()]
    _check_kind(target, real, folder)
    try:
        with _told(target):
            real.parent.mkdir(parents=True, exist_ok=True)
            partial.mkdir() if folder else partial.touch(exist_ok=False)
        with _told(target, only=_DISK_FULL):
            yield partial
        with _told(target):
            _swap_in(partial, real) if folder else partial.replace(real)
    finally:
        _remove(partial)
        remove_empty(parents_to_make)


def _check_kind(target: Path, real: Path, folder: bool) -> None:
    """Say at once, rather than after an hour's work, that something else is in the way: a folder, a device."""
    try:
        mode = real.stat().st_mode  # asked once: between two questions another writer may put its own in place
    except OSError:
        return  # nothing stands there, or writing will report what is wrong
    if not (stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode)):
        kind = "folder" if folder else "file"
        raise OutputError(f"can't write {target}: what stands there is no {kind}. Choose another name.")


@contextmanager
def _told(target: Path, only: tuple[int, ...] | None = None) -> Iterator[None]:
    """Turn the system's errors, or `only` those of these numbers, into an OutputError that names the target."""
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        raise OutputError(f"can't write {target}: {error.strerror or error}. Choose a place you can write.") from error


def _swap_in(partial: Path, target: Path) -> None:
    """Put a folder in another's place. It takes two renames: for a moment nothing stands there."""
    previous = partial.with_suffix(".previous")
    with suppress(FileNotFoundError):
        target.replace(previous)
    try:
        partial.replace(target)
    except OSError as error:
        if error.errno not in _IN_THE_WAY and not target.exists():
            previous.replace(target)
            raise
        # Another writer's folder, whole, came in between: as if ours had come just before it.
    _remove(previous)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove those folders, the deepest named first, that are there and hold nothing."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def strict_json(text: str) -> Any:
    """Return what a JSON text holds. Raises ValueError where it isn't JSON, as NaN isn't, or too deeply nested."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which JSON doesn't know")


def finite(values: Any) -> Any:
    """Return JSON values with None for every number that JSON doesn't know: NaN and infinity."""
    if isinstance(values, dict):
        return {name: finite(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [finite(value) for value in values]
    return None if isinstance(values, float) and not isfinite(values) else values


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file with a byte order mark, as Windows' editors write it, or without.

    Raises OSError or ValueError.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(_NOT_UTF_8) from error
    if "\0" in text:  # UTF-16 without a mark
        raise ValueError(_NOT_UTF_8)
    return tomllib.loads(text)
