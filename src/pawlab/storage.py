"""Where pawlab keeps things, and how it writes them: beside the target first, then renamed, so nothing is half-written."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pawlab.errors import OutputError


def cache_dir(*parts: str) -> Path:
    """Return the folder for caches: PAWLAB_CACHE_DIR, or the user's cache folder; made if absent."""
    chosen = os.environ.get("PAWLAB_CACHE_DIR")
    if chosen:
        base = Path(chosen).expanduser()
    else:
        from platformdirs import user_cache_path

        base = user_cache_path("pawlab", appauthor=False)
    folder = base.joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"can't make the cache folder {folder}: {error.strerror or error}. Set PAWLAB_CACHE_DIR to a folder you can write."
        ) from error
    return folder


@contextmanager
def replacing_file(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write to; it becomes `target` on success and vanishes on failure."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise OutputError(f"can't write {target}: {error.strerror or error}. Choose a place you can write.") from error
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o666 & ~_umask())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`; it takes `target`'s place on success and vanishes on failure.

    What stood at `target` before stays untouched until the new folder is whole.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    except OSError as error:
        raise OutputError(f"can't write {target}: {error.strerror or error}. Choose a place you can write.") from error
    try:
        yield partial
        partial.chmod(0o777 & ~_umask())
        _swap_in(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _swap_in(partial: Path, target: Path) -> None:
    if not target.exists():
        partial.replace(target)
        return
    previous = partial.with_suffix(".previous")
    target.replace(previous)
    try:
        partial.replace(target)
    except OSError:
        previous.replace(target)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
