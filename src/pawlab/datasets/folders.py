"""A folder on disk -> labelled candidates: which subfolders are classes, and which are train, validation and test.

    photos/cats/1.jpg                  classes
    photos/train/cats/1.jpg            splits, then classes
    photos/anything/cats/1.jpg         either of these within folders that hold nothing else

All folders below a class folder belong to that class. Folders of pawlab's own results are skipped, so that training
on the folder one works in doesn't make a class of the last run's plots.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pawlab.datasets.dataset import Dataset, Skipped, Split
from pawlab.datasets.reading import (
    Candidate,
    is_ignored,
    is_picture_file,
    is_picture_name,
    printable,
    read_dataset,
)
from pawlab.errors import DataError
from pawlab.progress import Progress, silent
from pawlab.storage import COMPARISON_FILE, HISTORY_FILE, RUN_FILE

SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "training_set": "train",
    "validation": "validation",
    "validation_set": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
    "test_set": "test",
}
_RESULTS = ((RUN_FILE, HISTORY_FILE), (COMPARISON_FILE,))  # what only a run's or a comparison's folder holds
_MAX_DEPTH = 100  # folders within folders; nobody's pictures lie deeper, and a program's stack is finite

_Identity = tuple[int, int]  # device and inode: the same for a folder and all links to it


@dataclass(eq=False)
class Folder:
    """What was found in one folder. `skipped` are entries that can't be followed or read; `results` says whether it
    holds results of pawlab's, or nothing but folders that do."""

    path: Path
    files: list[Path] = field(default_factory=list)
    folders: list["Folder"] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    results: bool = False

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.name

    @cached_property
    def holds_pictures(self) -> bool:
        """Whether there's a picture here or in any folder below."""
        return bool(self.files) or any(folder.holds_pictures for folder in self.folders)

    @property
    def with_pictures(self) -> list["Folder"]:
        """The subfolders that hold pictures."""
        return [folder for folder in self.folders if folder.holds_pictures]

    def walk(self) -> Iterator["Folder"]:
        """Yield this folder and all below."""
        yield self
        for folder in self.folders:
            yield from folder.walk()


def folder_dataset(path: Path, name: str, progress: Progress = silent, shown: Path | None = None) -> Dataset:
    """Read a folder of labelled pictures; `split` is set where its subfolders are train, validation or test.

    `shown` is what errors call the folder, where people know it by another path: that of an archive.

    Pictures that belong to no class or can't be read, and class folders without pictures, are skipped, with the
    reason. Raises DataError where there's no folder, it can't be read, or it holds no pictures in class folders.
    """
    found = scan(path.absolute())
    top = _unwrap(found)
    candidates, left_over = _sort_out(top)
    if not candidates:
        raise _no_candidates(found, shown or path)
    skipped = [Skipped(_name(file, top.path), reason) for file, reason in left_over]
    return read_dataset(name, top.path, candidates, skipped, progress)


def scan(path: Path) -> Folder:
    """List a folder with all below it, links followed, hidden entries skipped. Raises DataError."""
    try:
        return _scan(path, ())
    except OSError as error:
        raise DataError(f"can't read the folder {printable(str(path))}: {error.strerror or error}.") from error


def _scan(path: Path, above: tuple[_Identity, ...]) -> Folder:
    status = path.stat()
    here = (*above, (status.st_dev, status.st_ino))
    folder = Folder(path)
    with os.scandir(path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not is_ignored(entry.name):
                _add(entry, folder, here)
    folder.results = (folder.results and not folder.files and not folder.folders) or _is_result(folder.path)
    return folder


def _is_result(path: Path) -> bool:
    return any(all((path / name).is_file() for name in names) for names in _RESULTS)


def _add(entry: os.DirEntry[str], folder: Folder, here: tuple[_Identity, ...]) -> None:
    path = folder.path / entry.name
    try:
        if entry.is_dir():
            _add_folder(path, folder, here)
        elif entry.is_file():
            if is_picture_file(path):
                folder.files.append(path)
        elif is_picture_name(entry.name):
            folder.skipped.append((path, "is a link to nothing" if entry.is_symlink() else "isn't a regular file"))
    except OSError as error:
        folder.skipped.append((path, f"can't be read: {error.strerror or error}"))


def _add_folder(path: Path, folder: Folder, here: tuple[_Identity, ...]) -> None:
    status = path.stat()
    if (status.st_dev, status.st_ino) in here:
        folder.skipped.append((path, "is a link to a folder that it lies in"))
    elif len(here) >= _MAX_DEPTH:
        folder.skipped.append((path, f"lies more than {_MAX_DEPTH} folders deep"))
    else:
        found = _scan(path, here)
        if found.results:
            folder.skipped.append((path, "holds pawlab's own results"))
            folder.results = True
        else:
            folder.folders.append(found)


def _unwrap(folder: Folder) -> Folder:
    """Go down through folders that hold one folder and nothing else, as in many archives, to where there's a choice."""
    while len(folder.folders) == 1 and not folder.files and _is_wrapper(folder.folders[0]):
        folder = folder.folders[0]
    return folder


def _is_wrapper(only: Folder) -> bool:
    """A lone folder with pictures in it is a class, not a wrapper; and `train` alone is a split."""
    return bool(only.folders) and not only.files and _split_of(only) is None


def _split_of(folder: Folder) -> Split | None:
    return SPLIT_NAMES.get(folder.name.casefold())


def _split_folders(top: Folder) -> list[Folder]:
    """Return the subfolders that are splits; none where these are classes that happen to be called so.

    They are splits where nothing else holds pictures, or where two different ones hold folders of pictures. So `train`,
    `plane` and `car`, each with pictures, are three classes.
    """
    named = [folder for folder in top.with_pictures if _split_of(folder)]
    with_classes = {_split_of(folder) for folder in named if folder.with_pictures}
    if len(named) == len(top.with_pictures) or len(with_classes) >= 2:
        return named
    return []


def _sort_out(top: Folder) -> tuple[list[Candidate], list[tuple[Path, str]]]:
    """Return the labelled pictures, and the rest with reasons."""
    splits = _split_folders(top)
    if not splits:
        return _classes_of(top, top, None)
    candidates: list[Candidate] = []
    left_over = [*top.skipped, *((file, "lies beside the splits' folders") for file in top.files)]
    for folder in top.folders:
        if folder in splits:
            found, rest = _classes_of(folder, top, _split_of(folder))
            candidates += found
            left_over += rest
        else:
            left_over += [(file, "lies beside the splits' folders") for file in _all_files(folder)]
    return candidates, left_over


def _classes_of(parent: Folder, top: Folder, split: Split | None) -> tuple[list[Candidate], list[tuple[Path, str]]]:
    candidates: list[Candidate] = []
    left_over = [*parent.skipped, *((file, "lies in no class folder") for file in parent.files)]
    for folder in parent.folders:
        label = printable(folder.name)
        candidates += [Candidate(file, _name(file, top.path), label, split) for file in _all_files(folder)]
        left_over += [item for inner in folder.walk() for item in inner.skipped]
        if not folder.holds_pictures:
            left_over.append((folder.path, "is a folder without pictures"))
    return candidates, left_over


def _all_files(folder: Folder) -> list[Path]:
    return [file for inner in folder.walk() for file in inner.files]


def _name(path: Path, root: Path) -> str:
    return printable(path.relative_to(root).as_posix())


def _no_candidates(found: Folder, shown: Path) -> DataError:
    unreadable = [item for inner in found.walk() for item in inner.skipped]
    flat = next((folder for folder in found.walk() if folder.files), found)
    place = shown / flat.path.relative_to(found.path)
    if flat.files:
        count = "1 picture" if len(flat.files) == 1 else f"{len(flat.files)} pictures"
        problem = f"holds {count} but no class folders. Move each"
    elif unreadable:
        path, reason = unreadable[0]
        problem = f"holds no pictures that can be read ({_name(path, found.path)} {reason}). Put each"
    else:
        problem = "holds no pictures. Put each"
    return DataError(
        f"{printable(str(place))} {problem} into a folder named after what it shows, such as cats/ and dogs/."
    )
