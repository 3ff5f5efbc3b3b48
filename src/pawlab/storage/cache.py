"""What lies in the cache: listed, cleared, and kept within PAWLAB_CACHE_MB."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from pawlab.errors import OutputError
from pawlab.storage import cache_dir, is_in_use, remove

_KINDS = {
    "archives": "unpacked archive",
    "backbones": "pretrained network",
    "downloads": "download",
    "hub": "network of a hub",
    "features": "features of pictures",
    "matplotlib": "list of fonts",
    "predictions": "predictions of a stopped job",
    "remote": "pictures of a store",
}


@dataclass(frozen=True)
class Space:
    """One thing in the cache. `size`: bytes; `age`: seconds since it was last used."""

    path: Path
    what: str
    size: int
    age: float

    def to_dict(self) -> dict[str, Any]:
        """Return its fields as plain values."""
        return {"path": str(self.path), "what": self.what, "bytes": self.size, "seconds_since_use": round(self.age)}


def spaces() -> list[Space]:
    """Return all that the cache holds, the least recently used first; but not its locks."""
    root = cache_dir()
    found = [
        Space(path, what, _size(path), time() - path.stat().st_mtime)
        for kind, what in _KINDS.items()
        if (root / kind).is_dir()
        for path in (root / kind).iterdir()
    ]
    return sorted(found, key=lambda space: -space.age)


def clear() -> int:
    """Remove all of it and return how many bytes that were. Raises OutputError while another process uses it."""
    found = spaces()
    if is_in_use():
        raise OutputError("another pawlab process uses the cache. Wait until it has ended, or stop it.")
    for space in found:
        remove(space.path)
    return sum(space.size for space in found)


def trim() -> None:
    """Remove what was least recently used until the cache keeps to PAWLAB_CACHE_MB, unless another process uses it.

    Raises OutputError where that is no number of megabytes.
    """
    most = most_bytes()
    if most is None or is_in_use():
        return
    with suppress(OSError):  # where something else clears it meanwhile, it is no reason to fail
        found = spaces()
        total = sum(space.size for space in found)
        for space in found:
            if total <= most:
                return
            remove(space.path)
            total -= space.size


@contextmanager
def within_limit() -> Iterator[None]:
    """Keep the cache to its limit, where there is one, before work and after it. Raises OutputError as `trim` does."""
    trim()
    yield
    trim()


def most_bytes() -> float | None:
    """Return how many bytes PAWLAB_CACHE_MB allows; None without it. Raises OutputError where it is no number."""
    text = os.environ.get("PAWLAB_CACHE_MB")
    if not text:
        return None
    if not text.isdecimal():
        raise OutputError(f"PAWLAB_CACHE_MB is {text!r}; it must be a whole number of megabytes, such as 5000.")
    return int(text) * 1e6


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
