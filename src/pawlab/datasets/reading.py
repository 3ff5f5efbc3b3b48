"""From files on disk to Pictures: each file is opened once and its bytes hashed. Nothing is decoded here."""

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from pawlab.datasets.dataset import Dataset, Picture, Skipped, Split, contents_by_class
from pawlab.datasets.options import DEFAULT, DataOptions
from pawlab.errors import DataError, counted
from pawlab.files.names import NO_PICTURE, file_sha256
from pawlab.names import printable
from pawlab.progress import Progress, silent

_BATCH = 32  # files per task: few enough that the bar moves, many enough that threads don't wait for work
_THREADS = min(8, 2 * (os.cpu_count() or 1))  # more than cores, since on a cold disk most time is waiting


@dataclass(frozen=True)
class Candidate:
    """A file that should be a picture, and what its place in a folder or table says of it. `name` is `Picture.name`."""

    path: Path
    name: str
    label: str
    split: Split | None = None
    group: str | None = None


def label_text(name: str) -> str:
    """Return a label as text in one form: composed characters (NFC), as macOS takes names apart."""
    return unicodedata.normalize("NFC", printable(name))


def set_aside(skipped: Iterable[Skipped]) -> list[dict[str, str]]:
    """Return name and reason of each entry that was to be a picture, or might have been."""
    return [{"picture": item.name, "reason": item.reason} for item in skipped if item.reason != NO_PICTURE]


def read_dataset(
    name: str,
    root: Path,
    candidates: Sequence[Candidate],
    skipped: Iterable[Skipped],
    progress: Progress = silent,
    notes: tuple[str, ...] = (),
    options: DataOptions = DEFAULT,
    doubts: tuple[str, ...] = (),
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
    dataset = Dataset(
        name=name,
        root=root,
        classes=tuple(sorted({picture.label for picture in pictures})),
        pictures=tuple(sorted(pictures, key=lambda picture: (picture.name, picture.label))),
        skipped=(*skipped, *unreadable),
        notes=notes,
        doubts=doubts,
    )
    return without_small_classes(dataset, options.min_per_class)


def without_small_classes(dataset: Dataset, least: int) -> Dataset:
    """Take out classes of fewer distinct pictures. Raises DataError where none is left."""
    contents = contents_by_class(dataset.pictures)
    classes = tuple(label for label in dataset.classes if len(contents.get(label, ())) >= least)
    if not classes:
        raise DataError(f"no class has {least} different pictures. Lower --min-per-class.")
    small = tuple(
        Skipped(picture.name, f"its class has only {counted(len(contents[picture.label]), 'picture', 'pictures')}")
        for picture in dataset.pictures
        if picture.label not in classes
    )
    kept = tuple(picture for picture in dataset.pictures if picture.label in classes)
    return replace(dataset, classes=classes, pictures=kept, skipped=dataset.skipped + small)


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
    return Picture(candidate.path, candidate.name, candidate.label, digest, candidate.split, candidate.group)


_OF_NOTHING = hashlib.sha256().hexdigest()
