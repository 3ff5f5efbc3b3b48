"""Where pawlab keeps things, and how it writes them: beside the target, then renamed, so nothing is half-written."""

import errno
import json
import os
import re
import shutil
import stat
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from math import isfinite
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from pawlab.errors import OutputError, system_hint

if TYPE_CHECKING:
    from filelock import FileLock

# What a run's and a comparison's folder hold, and by which others know them
RUN_FILE = "run.json"
HISTORY_FILE = "history.csv"
COMPARISON_FILE = "comparison.json"

_LOCKS = ("locks",)
_PROCESS = "process-"  # how the locks of living processes begin
_TEMPORARY = "pawlab-cache-"
_UNFINISHED = re.compile(r"\..*\.([0-9a-f]{8})[0-9a-f]{8}\.partial", re.DOTALL)
_ONE_DAY = 86_400  # seconds
_NOT_UTF_8 = "it isn't text in UTF-8. Save it as UTF-8."
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
        if parts != _LOCKS:
            _mark()  # from now on others know that the cache is in use
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(
            f"can't make the cache folder {folder}: {reason}. Set PAWLAB_CACHE_DIR to a folder you can write."
        ) from error
    return folder


def _users_cache() -> Path:
    from platformdirs import user_cache_path

    with suppress(OSError, RuntimeError):  # without a home it begins with ~, or is refused
        folder = user_cache_path("pawlab", appauthor=False)
        if folder.is_absolute():
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    return _temporary_cache()


@cache
def _temporary_cache() -> Path:
    import atexit
    import logging
    import tempfile

    for left in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        if _is_left(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    logging.getLogger("pawlab").warning(
        "pawlab: the user's cache folder can't be written: nothing is kept for the next run. Set PAWLAB_CACHE_DIR."
    )
    return folder


def _is_left(temporary: Path) -> bool:
    """Say whether a temporary cache is of this user's, and of processes that were all killed."""
    with suppress(OSError):
        if temporary.lstat().st_uid == getattr(os, "getuid", int)():
            held = [_is_held(file) for file in temporary.glob(f"locks/{_PROCESS}*")]
            return bool(held) and not any(held)
    return False


def one_at_a_time(target: Path) -> "FileLock":
    """Return the lock of those who make `target`, for `with`: the system's, so that a dead process holds none.

    It lies in the cache, where it is no litter beside the target.
    """
    import hashlib

    from filelock import FileLock

    name = hashlib.sha256(os.fsencode(target)).hexdigest()[:16]
    return FileLock(cache_dir(*_LOCKS) / name, thread_local=False)


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


def creating_file(target: Path) -> AbstractContextManager[Path]:
    """Give an empty file beside `target`, as `replacing_file` does, which never replaces anything.

    Raises FileExistsError where something has come to `target` meanwhile.
    """
    return _replacing(target, folder=False, new=True)


def rename_to_new(path: Path, target: Path) -> None:
    """Rename a file within a disk; where something stands at `target`, raise FileExistsError."""
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # a disk without hard links: the moment between two calls remains
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        path.rename(target)
    else:
        unlink_moved(path, target)


def unlink_moved(path: Path, target: Path) -> None:
    """Remove a file that stands at `target` too; where that can't be done, `target` goes, so that it stands once."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        if os.path.lexists(path):
            target.unlink()
        raise


def replacing_folder(target: Path) -> AbstractContextManager[Path]:
    """Give an empty folder beside `target`; it takes `target`'s place on success and vanishes on failure.

    What stood at `target` before stays untouched until the new folder is whole. Raises OutputError as `replacing_file`.
    """
    return _replacing(target, folder=True)


@contextmanager
def _replacing(target: Path, folder: bool, new: bool = False) -> Iterator[Path]:
    real = target.resolve()  # what a link points to is replaced, not the link
    sweep(real.parent)
    partial = real.with_name(f".{real.name[:40]}.{_mark()}{os.urandom(4).hex()}.partial")
    parents_to_make = [parent for parent in real.parents if not parent.exists()]
    _check_kind(target, real, folder)
    try:
        with _told(target):
            real.parent.mkdir(parents=True, exist_ok=True)
            partial.mkdir() if folder else partial.touch(exist_ok=False)
        with _told(target, any_number=False):
            yield partial
        if new:
            rename_to_new(partial, real)
            return
        with _told(target):
            _swap_in(partial, real) if folder else partial.replace(real)
    finally:
        remove(partial)
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
def _told(target: Path, any_number: bool = True) -> Iterator[None]:
    """Turn errors of the system, any or those that can't be ours, into an OutputError that names the target."""
    try:
        yield
    except OSError as error:
        hint = system_hint(error)
        if hint is None and not any_number:
            raise
        hint = hint or "Choose a place you can write."
        raise OutputError(f"can't write {target}: {error.strerror or error}. {hint}") from error


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
    remove(previous)


def remove(path: Path) -> None:
    """Remove a file or a folder with all in it, where that can be done."""
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


@cache
def sweep(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder; once per process.

    Whether the process of a file lives is told by its lock in the cache; what was made with another cache is removed
    once it has not been touched for a day.
    """
    with suppress(OSError, OutputError, NotImplementedError):
        for path in folder.iterdir():
            found = _UNFINISHED.fullmatch(path.name)
            if found and _is_dead(found[1], path):
                remove(path)


def _is_dead(mark: str, path: Path) -> bool:
    if mark == _mark():
        return False
    held = _is_held(_locks() / f"{_PROCESS}{mark}")
    return time() - path.stat().st_mtime > _ONE_DAY if held is None else not held


def _is_held(file: Path) -> bool | None:
    """Say whether a process holds a lock; None where there is no such lock."""
    from filelock import FileLock, Timeout

    if not file.is_file():
        return None
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True


def _mark() -> str:
    """Return what marks the unfinished files of this process. Without a cache nobody can tell that it lives."""
    try:
        return _mark_in(_locks())
    except (OSError, OutputError, NotImplementedError):
        return "0" * 8


@cache
def _mark_in(locks: Path) -> str:
    """Take a lock that is held as long as this process lives, and return its mark."""
    import atexit

    from filelock import FileLock

    mark = os.urandom(4).hex()
    file = locks / f"{_PROCESS}{mark}"
    lock = FileLock(file, timeout=0)
    lock.acquire()
    atexit.register(_give_up, lock, file)
    return mark


def _give_up(lock: "FileLock", file: Path) -> None:
    lock.release(force=True)
    remove(file)


def is_in_use() -> bool:
    """Say whether another process that lives has used the cache."""
    own = f"{_PROCESS}{_mark()}"
    return any(_is_held(file) for file in _locks().glob(f"{_PROCESS}*") if file.name != own)


def mark_used(path: Path) -> None:
    """Note that something in the cache is used now: what wasn't for longest is removed first."""
    with suppress(OSError):
        os.utime(path)


def _locks() -> Path:
    return cache_dir(*_LOCKS)


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
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply.") from error
