"""CSV and Parquet tables that name pictures: the columns path and label, and split where there are splits.

    path,label,split
    photos/1.jpg,cats,train

Paths are relative to the table's folder. CSV is UTF-8 with a comma, semicolon or tab between its fields.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pawlab.datasets.dataset import Dataset, Skipped, Split
from pawlab.datasets.folders import SPLIT_NAMES
from pawlab.datasets.reading import Candidate, is_picture_file, printable, read_dataset
from pawlab.errors import DataError, MissingExtraError
from pawlab.progress import Progress, silent

_TEXT = frozenset({".csv", ".tsv"})
_PARQUET = frozenset({".parquet", ".pq"})
_DELIMITERS = (",", ";", "\t")
_ROWS = 10_000  # Parquet rows held at a time


@dataclass(frozen=True)
class _Row:
    """One row, numbered as in a spreadsheet: a CSV's header is row 1. Empty fields are empty texts."""

    number: int
    path: str
    label: str
    split: str


@dataclass(frozen=True)
class _Columns:
    """Where in a row the fields stand."""

    path: int
    label: int
    split: int | None


def is_table(path: Path) -> bool:
    """Say whether a file is taken as a table, by its extension."""
    return path.suffix.lower() in _TEXT | _PARQUET


def table_dataset(path: Path, name: str, progress: Progress = silent) -> Dataset:
    """Read the pictures that a table names; `Picture.name` is the path as the table gives it.

    Files that are missing or are no pictures, and rows that repeat another, are skipped with the reason. Raises
    DataError where the table can't be read, lacks a column, has an empty field, or names no picture that's there.
    """
    path = path.absolute()
    rows = list(_parquet_rows(path) if path.suffix.lower() in _PARQUET else _csv_rows(path))
    if not rows:
        raise DataError(f"{_shown(path)} has no rows. It needs one a picture, with the columns path and label.")
    _require_filled(rows, path)
    candidates, skipped = _sort_out(rows, path)
    if not candidates:
        first = skipped[0]
        raise DataError(
            f"none of the {len(rows)} files that {_shown(path)} names can be used; the first is {first.name}, which "
            f"{first.reason}. Paths are relative to the table's folder."
        )
    return read_dataset(name, path.parent, candidates, skipped, progress)


def _shown(path: Path) -> str:
    return printable(path.name)


def _require_filled(rows: Sequence[_Row], path: Path) -> None:
    """Labels aren't guessed, and neither are splits where other rows state theirs."""
    with_splits = any(row.split for row in rows)
    for row in rows:
        fields = {"path": row.path, "label": row.label, "split": row.split or not with_splits}
        missing = " and no ".join(name for name, value in fields.items() if not value)
        if missing:
            raise DataError(f"row {row.number} of {_shown(path)} has no {missing}. Fill it in, or remove the row.")


def _sort_out(rows: Sequence[_Row], table: Path) -> tuple[list[Candidate], list[Skipped]]:
    candidates: list[Candidate] = []
    skipped: list[Skipped] = []
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        key = (row.path, row.label, row.split)
        file = table.parent / row.path
        reason = f"stands in the table twice (row {row.number})" if key in seen else _unusable(file)
        seen.add(key)
        if reason:
            skipped.append(Skipped(printable(row.path), reason))
        else:
            candidates.append(Candidate(file, printable(row.path), printable(row.label), _split(row, table)))
    return candidates, skipped


def _unusable(file: Path) -> str | None:
    try:
        if not file.exists():
            return "doesn't exist"
        if not file.is_file():
            return "isn't a file"
    except (OSError, ValueError) as error:
        return f"can't be read: {getattr(error, 'strerror', None) or error}"
    return None if is_picture_file(file) else "isn't a picture"


def _split(row: _Row, table: Path) -> Split | None:
    if not row.split:
        return None
    split = SPLIT_NAMES.get(row.split.casefold())
    if split is None:
        raise DataError(
            f"row {row.number} of {_shown(table)} has the split {printable(row.split)!r}. "
            "Use train, validation or test."
        )
    return split


def _find_columns(header: Sequence[str], table: Path) -> _Columns:
    names = [name.strip().casefold() for name in header]
    missing = [name for name in ("path", "label") if name not in names]
    if missing:
        has = ", ".join(printable(name.strip()) for name in header) or "none"
        raise DataError(
            f"{_shown(table)} has no column {' and no column '.join(missing)}; its columns are: {has[:200]}. "
            "A table needs path and label, and may have split."
        )
    return _Columns(names.index("path"), names.index("label"), names.index("split") if "split" in names else None)


def _csv_rows(path: Path) -> Iterator[_Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _delimiter(file.readline())
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
            columns = _find_columns(next(reader, []), path)
            for number, fields in enumerate(reader, start=2):
                if any(field.strip() for field in fields):
                    yield _row(number, fields, columns)
    except UnicodeDecodeError as error:
        raise DataError(f"{_shown(path)} isn't UTF-8 text. Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise DataError(f"{_shown(path)} can't be read as CSV: {error}.") from error
    except OSError as error:
        raise DataError(f"can't read {printable(str(path))}: {error.strerror or error}.") from error


def _delimiter(header: str) -> str:
    """Return the delimiter that stands in the header most often; a comma where none does."""
    return max(_DELIMITERS, key=header.count)


def _row(number: int, fields: Sequence[str], columns: _Columns) -> _Row:
    def field(index: int | None) -> str:
        return fields[index] if index is not None and index < len(fields) else ""

    return _Row(number, field(columns.path), field(columns.label).strip(), field(columns.split).strip())


def _parquet_rows(path: Path) -> Iterator[_Row]:
    """Yield the rows, a few thousand in memory at a time; whatever is no text is written out as such."""
    pyarrow = require_pyarrow(f"reading {_shown(path)}")
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            columns = _find_columns(file.schema_arrow.names, path)
            wanted = [index for index in (columns.path, columns.label, columns.split) if index is not None]
            names = [file.schema_arrow.names[index] for index in wanted]
            number = 0
            for batch in file.iter_batches(_ROWS, columns=names):
                texts = [
                    ["" if value is None else str(value) for value in batch.column(name).to_pylist()] for name in names
                ]
                for number, fields in enumerate(zip(*texts, strict=True), start=number + 1):  # noqa: B020
                    yield _row(number, fields, _Columns(0, 1, 2 if columns.split is not None else None))
    except (OSError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{_shown(path)} can't be read as Parquet: {printable(reason)[:160]}.") from error


def require_pyarrow(what: str) -> ModuleType:
    """Return the module `pyarrow`, with `pyarrow.parquet`. Raises MissingExtraError, beginning with `what`."""
    try:
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise MissingExtraError(what, "parquet") from error
    return pyarrow  # type: ignore[no-any-return]
