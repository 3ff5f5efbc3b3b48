"""What people name when they want predictions -> the pictures that they mean."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import BinaryIO

from pawlab.datasets.dataset import Named, Skipped
from pawlab.datasets.tables import is_table, table_paths, table_with_its_files
from pawlab.errors import DataError
from pawlab.files.addresses import address_below, is_address, redacted
from pawlab.files.archives import archive_kind, unpack
from pawlab.files.find import Files
from pawlab.files.names import is_ignored, is_picture_file, why_passed_over
from pawlab.files.scan import scan
from pawlab.names import printable
from pawlab.progress import Progress, silent


@dataclass(frozen=True)
class Inputs:
    """The pictures found, in the order named and sorted within each, and the other files that were passed over."""

    pictures: list[Named]
    passed_over: list[Skipped]


def find_pictures(
    named: Iterable[str | os.PathLike[str]],
    standard_input: BinaryIO | None = None,
    progress: Progress = silent,
    fetched: bool = True,
) -> Inputs:
    """Find the pictures that are meant by what people name.

    `named`: files, folders and archives (all pictures in them), tables (their column of paths), globs, addresses of
    pictures, folders or archives, `-` for paths on standard input, one a line. A file that doesn't exist is returned
    too: its prediction will say so. What lies in several of the folders and globs comes once. `fetched`: whether what
    lies below an address is brought here; else its pictures are listed by their names, for an engine whose workers read
    addresses. Raises DataError for no name or an empty one, for a folder, archive or glob without pictures, and for a
    table or standard input that names none.
    """
    finder = _Finder(standard_input, progress, fetched)
    names = [os.fspath(name) for name in named]
    pictures = [picture for name in names for picture in finder.meant_by(name)]
    if not names:
        raise DataError("no pictures were given: the list is empty. Name a file or a folder.")
    if not pictures:
        source = "standard input" if names[-1] == "-" else printable(names[-1])
        raise DataError(f"{source} names no pictures. Give one path a line.")
    return Inputs(pictures, finder.passed_over)


def holds_many(name: str | os.PathLike[str]) -> bool:
    """Say whether a name stands for any number of pictures: a folder, an archive, a table or a glob."""
    text = os.path.expanduser(os.fspath(name))  # noqa: PTH111  (no Path of what may be an address or a glob)
    try:
        path = Path(text)
        if path.is_dir() or (path.is_file() and _is_bundle(path)):
            return True
        return not is_address(text) and has_magic(text) and not path.exists()
    except (OSError, ValueError):
        return False


def _is_bundle(path: Path) -> bool:
    return is_table(path) or (not is_picture_file(path) and archive_kind(path) is not None)


class _Finder:
    def __init__(self, standard_input: BinaryIO | None, progress: Progress, fetched: bool) -> None:
        self._standard_input = standard_input
        self._progress = progress
        self._fetched = fetched
        self.passed_over: list[Skipped] = []
        self._found: set[str] = set()  # in folders and by globs
        self._folders: dict[str, str] = {}  # by how they were named, where they really are

    def meant_by(self, name: str) -> Iterator[Named]:
        if not name:  # which Path would take for the current folder
            raise DataError(
                "a picture's name is empty, as an unset shell variable's would be. Name a file or a folder."
            )
        if name == "-":
            for line in _lines(self._standard_input.read() if self._standard_input else b""):
                yield Named(redacted(line), line)
        elif is_address(name):
            yield from self._at_address(name)
        elif has_magic(name) and not _exists(name):
            yield from self._matching(name)
        else:
            path = Path(name).expanduser()
            yield from self._in_folder(path, name) if path.is_dir() else self._in_file(path, name)

    def _at_address(self, address: str) -> Iterator[Named]:
        from pawlab.files.remote import fetch, list_pictures, refuse_page  # 20 ms, which files here needn't wait for

        listed = None if self._fetched else list_pictures(address, self._progress)
        if listed is not None:
            self.passed_over += [Skipped(name, reason) for name, reason in listed.others]
            if not listed.pictures:
                raise DataError(f"there are no pictures at {redacted(address)}.")
            for _, at, version in listed.pictures:
                yield Named(at, at, version)
            return
        fetched = fetch(address, self._progress)
        refuse_page(fetched, address)
        self.passed_over += [Skipped(name, reason) for name, reason in fetched.skipped]
        if fetched.place.is_dir():
            yield from self._in_folder(fetched.place, fetched.address)
        elif is_table(fetched.place):
            beside, skipped = table_with_its_files(address, fetched.place, self._progress)
            self.passed_over += [Skipped(name, reason) for name, reason in skipped]
            yield from self._in_file(beside, fetched.address)
        else:
            yield from self._in_file(fetched.place, fetched.address)

    def _in_folder(self, folder: Path, shown: str) -> Iterator[Named]:
        found = scan(folder)
        others = [file for inner in found.walk() for file in inner.others]
        self.passed_over += [Skipped(file.name, why_passed_over(file)) for file in others]
        files = sorted(found.all_files())
        if not files:
            raise DataError(f"there are no pictures in the folder {printable(shown)}.")
        for file in files:
            name = file.relative_to(folder)
            path = address_below(shown, name.as_posix()) if is_address(shown) else os.path.join(shown, name)  # noqa: PTH118
            at = str(file)
            if self._is_new(at):
                yield Named(at if at == path else path, at)  # one text where they are equal, of a million

    def _in_file(self, path: Path, shown: str) -> Iterator[Named]:
        if not path.is_file() or not _is_bundle(path):
            yield Named(shown, str(path))
        elif is_table(path):
            files = Files(path.absolute().parent)
            for text in table_paths(path):
                found = files.find(text)
                yield Named(text.strip(), str(path.parent / text.strip()) if isinstance(found, str) else str(found))
        else:
            yield from self._in_folder(unpack(path, self._progress).folder, shown)

    def _matching(self, pattern: str) -> Iterator[Named]:
        spelt: dict[str, str] = {}  # the shortest way to each, whatever links there are
        expanded = os.path.expanduser(pattern)  # noqa: PTH111
        named = set(Path(expanded).parts)
        for match in sorted(glob(expanded, recursive=True), key=len):  # noqa: PTH207
            if not any(is_ignored(part) for part in Path(match).parts if part not in named):
                spelt.setdefault(self._real(match), match)
        matches = sorted(spelt.values())
        if not matches:
            raise DataError(f"no file matches {printable(pattern)}.")
        for match in matches:
            path = Path(match)
            if path.is_dir():
                yield from self._in_folder(path, match)
            elif self._is_new(match):
                yield from self._in_file(path, match)

    def _is_new(self, path: str) -> bool:
        """Say whether a file wasn't found before, by whatever links its folder was reached."""
        real = self._real(path)
        new = real not in self._found
        self._found.add(real)
        return new

    def _real(self, path: str) -> str:
        """Return a file's name in the folder that it really is in: a link to a file is a file of its own."""
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return f"{self._folders[folder]}/{name}"


def _exists(name: str) -> bool:
    """Say whether a name with the marks of a glob is that of a file or folder."""
    try:
        return Path(name).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return True  # it isn't a glob either; its prediction says what's wrong


def _lines(data: bytes) -> list[str]:
    """Return the paths in a list, one a line: in UTF-8 or UTF-16, with quotes around them or without."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        text = data.decode("utf-8", "surrogateescape")
    lines = (line.strip("\r") for line in text.removeprefix("\ufeff").split("\n"))
    return [line[1:-1] if line[0] == line[-1] == '"' and len(line) > 1 else line for line in lines if line.strip()]
