"""Files sorted into folders, by copying or moving: nothing is overwritten, a kill loses nothing, all can be undone.

Each file first gets a row in a table, and only then its place. So after a kill only the last row may wait for its file:
whoever sorts on begins with copying that, or sorts it anew if it was to be moved. A file that is moved is never away:
it stands at its new place before it leaves the old one, and where it can't leave that, the new one goes.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pawlab.errors import OutputError
from pawlab.files.names import file_sha256
from pawlab.names import as_path, from_printable, printable
from pawlab.storage import creating_file, one_at_a_time, remove_empty, rename_to_new, sweep, unlink_moved
from pawlab.storage.journal import Journal

TABLE = "sorted.csv"
_COLUMNS = ("picture", "folder", "name", "sha256", "label", "probability", "how")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # of Windows


@dataclass(frozen=True)
class Placed:
    """A row of the table: `picture` was copied or moved (`how`) into `folder` under `name`."""

    picture: str
    folder: str
    name: str
    sha256: str
    label: str
    probability: str
    how: str


class Sorter:
    """Sorts files into folders below `out`; use within `sorting`."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._journal = Journal(out / TABLE, _COLUMNS)
        rows = [Placed(*row) for row in self._journal.rows()]
        self._done = {row.picture: row for row in rows}
        if rows:
            self._place_last(rows[-1])

    def is_done(self, source: Path) -> bool:
        """Say whether this file, with this content, was sorted before."""
        row = self._done.get(_text(source))
        if row is None or not source.exists():
            return row is not None
        return row.sha256 == file_sha256(source) and (row.how == "copy" or self._is_placed(row))

    def put(self, source: Path, folder: str, move: bool, label: str = "", probability: str = "") -> Placed:
        """Copy or move a file into a folder, under a name that is free there. A link is copied, not moved.

        Raises OutputError where it can't be read or written.
        """
        how = "move" if move and not source.is_symlink() else "copy"
        try:
            row = Placed(
                *(_text(source), folder, self._free_name(folder, source.name)),
                *(file_sha256(source), label, probability, how),
            )
        except OSError as error:
            raise OutputError(f"can't read {source}: {error.strerror or error}.") from error
        return self._place(source, row)

    def _place(self, source: Path, row: Placed) -> Placed:
        self._journal.append(tuple(vars(row).values()))
        target = self._target(row)
        try:
            _bring(source, target, row.how)
        except FileExistsError:  # another program's file came there
            name = self._free_name(row.folder, source.name)
            return self._place(source, Placed(**{**vars(row), "name": name}))
        except OSError as error:
            reason = error.strerror or error
            if row.how == "move" and isinstance(error, PermissionError) and os.access(target.parent, os.W_OK):
                raise OutputError(
                    f"can't move {source} out of its folder: {reason}. Leave out --move to copy."
                ) from error
            hint = "Free some space there, or choose a place you can write."
            raise OutputError(f"can't bring {source} to {target}: {reason}. {hint}") from error
        self._done[row.picture] = row
        return row

    def _place_last(self, row: Placed) -> None:
        """Do what a kill may have cut off."""
        source, target = Path(as_path(row.picture)), self._target(row)
        if not source.exists():
            return
        if row.how == "move":
            if self._is_placed(row) and file_sha256(source) == row.sha256:
                with suppress(OSError):
                    unlink_moved(source, target)
        elif not target.exists():
            self._place(source, row)
        elif not self._is_placed(row):
            self.put(source, row.folder, False, row.label, row.probability)

    def _is_placed(self, row: Placed) -> bool:
        target = self._target(row)
        return target.exists() and file_sha256(target) == row.sha256

    def _target(self, row: Placed) -> Path:
        return self._out / row.folder / from_printable(row.name)

    def _free_name(self, folder: str, name: str) -> str:
        path, number = self._out / folder / name, 2
        while os.path.lexists(path):
            path = path.with_name(f"{Path(name).stem}-{number}{Path(name).suffix}")
            number += 1
        return printable(path.name)


@contextmanager
def sorting(out: Path) -> Iterator[Sorter]:
    """Give what sorts into `out`, where an earlier sorting goes on. Raises OutputError where another process does."""
    with _held(out):
        yield Sorter(out)


def undo(table: str | Path) -> list[str]:
    """Bring all back as it was before the sorting: copies go, what was moved returns.

    Returns a sentence for each file that was left where it is, since it has changed, is gone, or its old place is
    taken; the table then stays, with all rows. Can be called again after a kill. Raises OutputError for no such table.
    """
    table = Path(table).expanduser()
    if not table.is_file():
        raise OutputError(f"there is no table {table}. Give the {TABLE} that a sorting has left.")
    out = table.parent
    with _held(out):
        placed = (Placed(*row) for row in Journal(table, _COLUMNS).rows())
        rows = list({(row.picture, row.sha256): row for row in placed}.values())  # the last place of each
        left = [problem for row in reversed(rows) if (problem := _take_back(row, out))]
        folders = [out / folder for folder in {row.folder for row in rows}]
        for folder in folders:
            sweep(folder)
        remove_empty(folders)
        if not left:
            table.unlink()
            remove_empty([out])
    return left


def folder_names(labels: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a folder's name for each label, such as every system takes, no two alike."""
    used = {name.casefold() for name in taken}
    names = {}
    for label in labels:
        safe = _UNSAFE.sub("_", label).strip(". ")[:200] or "_"
        safe = name = f"{safe}_" if _RESERVED.fullmatch(safe) else safe
        number = 2
        while name.casefold() in used:
            name, number = f"{safe}-{number}", number + 1
        used.add(name.casefold())
        names[label] = name
    return names


@contextmanager
def _held(out: Path) -> Iterator[None]:
    from filelock import Timeout

    lock = one_at_a_time(out.resolve())
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise OutputError(f"another process is sorting into {out}. Wait until it is done, or stop it.") from error
    try:
        yield
    finally:
        lock.release()


def _bring(source: Path, target: Path, how: str) -> None:
    """Make a file stand at a target too, or there instead. Raises FileExistsError where something stands there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if how == "move" and source.stat().st_dev == target.parent.stat().st_dev:
        rename_to_new(source, target)
        return
    with creating_file(target) as partial:
        shutil.copyfile(source, partial)
        shutil.copystat(source, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
    if how == "move":
        unlink_moved(source, target)


def _take_back(row: Placed, out: Path) -> str | None:
    """Undo a row, and return what is wrong where that can't be done."""
    source, target = Path(as_path(row.picture)), out / row.folder / from_printable(row.name)
    shown = f"{row.folder}/{row.name}"
    try:
        if not target.exists():
            return None if source.exists() else f"{shown} is gone, and so is {row.picture}"
        if file_sha256(target) != row.sha256:
            return f"{shown} has changed since" if row.how == "copy" or not source.exists() else None
        if row.how == "copy":
            target.unlink()
        elif not source.exists():
            _bring(target, source, "move")
        elif file_sha256(source) == row.sha256:
            target.unlink()
        else:
            return f"{shown} can't return: there is another file at {row.picture}"
    except OSError as error:
        return f"{shown} can't be brought back: {error.strerror or error}"
    return None


def _text(path: Path) -> str:
    return printable(str(path.absolute()))
