"""What people name when they want predictions -> the pictures that they mean."""

from collections.abc import Iterable
from glob import glob, has_magic
from pathlib import Path
from typing import TextIO

from pawlab.datasets.scan import scan
from pawlab.errors import DataError


def find_pictures(named: Iterable[str], standard_input: TextIO) -> list[str]:
    """Return paths of pictures, in the order named and sorted within each.

    `named`: files, folders (all pictures below), globs that the shell left alone, `-` for paths on standard input, one
    a line. A file that doesn't exist is returned too: its prediction will say so. Raises DataError for an empty name, a
    folder or glob without pictures, or nothing on standard input.
    """
    found = [path for name in named for path in _meant_by(name, standard_input)]
    if not found:
        raise DataError("standard input names no pictures. Give one path a line.")
    return found


def _meant_by(name: str, standard_input: TextIO) -> list[str]:
    if not name:  # which Path would take for the current folder
        raise DataError("a picture's name is empty, as an unset shell variable's would be. Name a file or a folder.")
    if name == "-":
        return [line.rstrip("\r\n") for line in standard_input if line.strip()]
    if Path(name).is_dir():
        return _in_folder(name)
    if has_magic(name) and not Path(name).exists():
        return _matching(name)
    return [name]


def _in_folder(name: str) -> list[str]:
    paths = sorted(str(path) for folder in scan(Path(name)).walk() for path in folder.files)
    if not paths:
        raise DataError(f"there are no pictures in the folder {name}.")
    return paths


def _matching(pattern: str) -> list[str]:
    matches = sorted(glob(pattern, recursive=True))  # noqa: PTH207  (Path.glob refuses absolute patterns)
    if not matches:
        raise DataError(f"no file matches {pattern}.")
    return [path for match in matches for path in (_in_folder(match) if Path(match).is_dir() else [match])]
