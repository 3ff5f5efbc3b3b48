"""What lies below a folder: its pictures, its other files, and what can't be followed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pawlab.errors import DataError
from pawlab.files.names import is_ignored, is_picture_file
from pawlab.images import is_picture_name
from pawlab.names import printable
from pawlab.storage import COMPARISON_FILE, HISTORY_FILE, RUN_FILE
from pawlab.waiting import waiting_for

_RESULTS = ((RUN_FILE, HISTORY_FILE), (COMPARISON_FILE,))  # what only a run's or a comparison's folder holds
_MAX_DEPTH = 100  # folders within folders; nobody's pictures lie deeper, and a program's stack is finite
_MAX_FOLDERS = 1_000_000

_Identity = tuple[int, int]  # device and inode: the same for a folder and all links to it


@dataclass(eq=False)
class Folder:
    """What was found in one folder: `files` are pictures, `others` are not.

    `skipped`: entries that can't be followed or read, with the reason; `results`: whether it holds results of pawlab's,
    or nothing but folders that do.
    """

    path: Path
    files: list[Path] = field(default_factory=list)
    folders: list["Folder"] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
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

    @cached_property
    def with_pictures(self) -> list["Folder"]:
        """The subfolders that hold pictures."""
        return [folder for folder in self.folders if folder.holds_pictures]

    def walk(self) -> Iterator["Folder"]:
        """Yield this folder and all below."""
        yield self
        for folder in self.folders:
            yield from folder.walk()

    def all_files(self) -> list[Path]:
        """Return the pictures here and in all folders below."""
        return [file for folder in self.walk() for file in folder.files]


def scan(path: Path) -> Folder:
    """List a folder with all below it, links followed, hidden entries skipped; each real folder is read once.

    Raises DataError where it can't be read, or more than 1,000,000 folders lie below it.
    """
    try:
        return _scan(path, 0, {_identity(path)})
    except OSError as error:
        raise DataError(f"can't read the folder {printable(str(path))}: {error.strerror or error}.") from error


def _identity(path: Path) -> _Identity:
    status = path.stat()
    return status.st_dev, status.st_ino


def _scan(path: Path, depth: int, read: set[_Identity]) -> Folder:
    folder = Folder(path)
    with waiting_for(path), os.scandir(path) as found:
        entries = list(found)
    for entry in sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name)):  # what lies here comes first
        if not is_ignored(entry.name):
            _add(entry, folder, depth, read)
    folder.files.sort()
    folder.folders.sort(key=lambda inner: inner.name)
    folder.results = (folder.results and not folder.files and not folder.folders) or _is_result(folder.path)
    return folder


def _is_result(path: Path) -> bool:
    return any(all((path / name).is_file() for name in names) for names in _RESULTS)


def _add(entry: os.DirEntry[str], folder: Folder, depth: int, read: set[_Identity]) -> None:
    path = folder.path / entry.name
    try:
        if entry.is_dir():
            _add_folder(path, folder, depth, read)
        elif entry.is_file():
            (folder.files if is_picture_file(path) else folder.others).append(path)
        elif is_picture_name(entry.name):
            folder.skipped.append((path, "isn't a regular file" if path.exists() else "is a link to nothing"))
    except OSError as error:
        folder.skipped.append((path, f"can't be read: {error.strerror or error}"))


def _add_folder(path: Path, folder: Folder, depth: int, read: set[_Identity]) -> None:
    identity = _identity(path)
    if identity in read:
        folder.skipped.append((path, "is a link to a folder that is read already"))
    elif depth + 1 >= _MAX_DEPTH:
        folder.skipped.append((path, f"lies more than {_MAX_DEPTH} folders deep"))
    elif len(read) >= _MAX_FOLDERS:
        raise DataError(f"more than {_MAX_FOLDERS:,} folders lie around {printable(str(path))}. Name a smaller one.")
    else:
        read.add(identity)
        found = _scan(path, depth + 1, read)
        if found.results:
            folder.skipped.append((path, "holds pawlab's own results"))
            folder.results = True
        else:
            folder.folders.append(found)
