"""A table on disk that only grows and is whole after a kill: each row is on the disk before the next step is taken.

It is CSV, for people's spreadsheets. A row that a kill cut off counts as never written; the next writer removes it.
"""

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from pawlab.errors import OutputError
from pawlab.names import from_csv, write_csv
from pawlab.storage import one_at_a_time

Row = tuple[str, ...]


class Journal:
    """A table with fixed columns. Several threads and processes may append at once: no row of any is lost."""

    def __init__(self, path: Path, columns: Row) -> None:
        self.path = path
        self._columns = columns
        self._known = False

    def rows(self) -> list[Row]:
        """Return all whole rows; none where there is no file. Raises OutputError where it is some other file."""
        return self._whole(self._read())

    def append(self, *rows: Row) -> None:
        """Add rows; on return they are on the disk. Raises OutputError where they can't be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with one_at_a_time(self.path.resolve()), self.path.open("ab+", buffering=0) as file:
                if not self._ends_well(file):
                    self._mend(file)
                self._write(file, rows)
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"can't write {self.path}: {reason}. Choose a place you can write.") from error

    def _write(self, file: io.FileIO, rows: Sequence[Row]) -> None:
        data = _text(rows if file.seek(0, os.SEEK_END) else [self._columns, *rows])
        if file.write(data) != len(data):
            raise OutputError(f"can't write all of {self.path}. Free some space, or choose another disk.")
        os.fsync(file.fileno())

    def _ends_well(self, file: io.FileIO) -> bool:
        """Say whether the file is ours, which is checked once, and ends with a whole row."""
        if not self._known:
            self.rows()
            self._known = True
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"

    def _mend(self, file: io.FileIO) -> None:
        """Take away what a kill cut off: all behind the last line's end."""
        file.truncate(self._read().rfind(b"\n") + 1)

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise OutputError(f"can't read {self.path}: {error.strerror or error}.") from error

    def _whole(self, data: bytes) -> list[Row]:
        if _text([self._columns]).startswith(data):
            return []
        lines = csv.reader(io.StringIO(data[: data.rfind(b"\n") + 1].decode("utf-8-sig", "replace"), newline=""))
        first = tuple(next(lines, ()))
        if first != self._columns:
            raise OutputError(f"{self.path} holds something else: its columns aren't {', '.join(self._columns)}.")
        return [tuple(map(from_csv, row)) for row in lines if len(row) == len(self._columns)]


def _text(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    write_csv(rows, text)
    return text.getvalue().encode("utf-8")
