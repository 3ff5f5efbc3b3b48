"""From files on disk to Pictures: each file is opened once and its bytes hashed. Nothing is decoded here."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pawlab.datasets.dataset import Dataset, Picture, Skipped, Split
from pawlab.errors import DataError
from pawlab.images import EXTENSIONS, looks_like_picture
from pawlab.progress import Progress, silent

_IGNORED = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir"})  # what systems leave beside people's files
_CHUNK = 1 << 20  # bytes read at a time, so that memory stays flat whatever the files' sizes
_BATCH = 32  # files per task: few enough that the bar moves, many enough that threads don't wait for work
_THREADS = min(8, 2 * (os.cpu_count() or 1))  # more than cores, since on a cold disk most time is waiting


@dataclass(frozen=True)
class Candidate:
    """A file that should be a picture, and what its place in a folder or table says of it. `name` is `Picture.name`."""

    path: Path
    name: str
    label: str
    split: Split | None = None


def is_ignored(name: str) -> bool:
    """Say whether a file or folder of this name is no part of anyone's data: hidden, or left by a system."""
    return name.startswith(".") or name.casefold() in _IGNORED


def is_picture_name(name: str) -> bool:
    """Say whether a file's name has one of the extensions of pictures."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122 (a million names: no Path for each)


def is_picture_file(path: Path) -> bool:
    """Say whether a file is a picture by its extension or else by its first bytes."""
    if is_picture_name(path.name):
        return True
    try:
        with path.open("rb", buffering=0) as file:
            return looks_like_picture(file.read(16))
    except OSError:
        return False


def printable(name: str) -> str:
    r"""Return a file's name as text that every file and terminal takes; bytes that aren't text appear as `\udcff`."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def read_dataset(
    name: str, root: Path, candidates: Sequence[Candidate], skipped: Iterable[Skipped], progress: Progress = silent
) -> Dataset:
    """Hash every candidate and return those that can be read as a Dataset; the others join `skipped`.

    There's at least one candidate. Raises DataError where none can be read.
    """
    pictures: list[Picture] = []
    unreadable: list[Skipped] = []
    for item in _read_all(candidates, progress):
        (pictures if isinstance(item, Picture) else unreadable).append(item)  # type: ignore[arg-type]
    if not pictures:
        raise _nothing_readable(name, unreadable)
    return Dataset(
        name=name,
        root=root,
        classes=tuple(sorted({picture.label for picture in pictures})),
        pictures=tuple(sorted(pictures, key=lambda picture: (picture.name, picture.label))),
        skipped=(*skipped, *unreadable),
    )


def _nothing_readable(name: str, unreadable: list[Skipped]) -> DataError:
    first = unreadable[0]
    count = f"none of the {len(unreadable)} pictures" if len(unreadable) > 1 else "the only picture"
    verb = "can be" if len(unreadable) > 1 else "can't be"
    return DataError(
        f"{count} of {name} {verb} read: {first.name} {first.reason}. Check the files and their permissions."
    )


def _read_all(candidates: Sequence[Candidate], progress: Progress) -> Iterator[Picture | Skipped]:
    batches = [candidates[start : start + _BATCH] for start in range(0, len(candidates), _BATCH)]
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="pawlab-read")
    try:
        with progress("Reading pictures", total=len(candidates)) as advance:
            for batch in pool.map(_read_batch, batches):
                yield from batch
                advance(len(batch))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)  # an interrupted run doesn't hash the rest first


def _read_batch(candidates: Sequence[Candidate]) -> list[Picture | Skipped]:
    return [_read(candidate) for candidate in candidates]


def _read(candidate: Candidate) -> Picture | Skipped:
    try:
        digest = file_sha256(candidate.path)
    except OSError as error:
        return Skipped(candidate.name, f"can't be read: {error.strerror or error}", broken=True)
    if digest == _OF_NOTHING:
        return Skipped(candidate.name, "is empty", broken=True)
    return Picture(candidate.path, candidate.name, candidate.label, digest, candidate.split)


def file_sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


_OF_NOTHING = hashlib.sha256().hexdigest()
