"""CSV and Parquet tables that name pictures and labels, and splits and groups where there are some.

    path,label,split
    photos/1.jpg,cats,train

Paths are relative to the table's folder; `files` finds what they mean. Columns go by many names (`_NAMES`), or are
given. CSV is text in UTF-8, UTF-16 or Windows-1252 with a comma, semicolon or tab between its fields. Labels stay the
table's text.
"""

import csv
import io
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from pawlab.datasets.dataset import Dataset, Skipped, Split
from pawlab.datasets.folder_names import split_named
from pawlab.datasets.options import DEFAULT, DataOptions, found_in
from pawlab.datasets.reading import Candidate, label_text, read_dataset
from pawlab.errors import DataError, MissingExtraError
from pawlab.files.addresses import on_the_web
from pawlab.files.find import Files
from pawlab.names import from_csv, printable
from pawlab.progress import Progress, silent

_TEXT = frozenset({".csv", ".tsv"})
_PARQUET = frozenset({".parquet", ".pq"})
_DELIMITERS = (",", ";", "\t")
_ROWS = 10_000  # Parquet rows held at a time
_PATHS_ONLY = DataOptions(label_from_name="")  # which needs no column of labels
_NAMES = {
    "path": (
        ("path", "file_name", "filename", "file", "filepath", "file_path", "image_path", "image_file", "image_name"),
        ("image", "img", "picture", "photo", "image_id", "id"),
    ),
    "label": (("label",), ("class", "category", "class_name", "classname", "breed", "species", "target", "tag", "y")),
    "split": (("split",), ("set", "subset", "partition")),
    "group": (("group",),),
}


@dataclass(frozen=True)
class _Row:
    """One row, numbered as in a spreadsheet: a CSV's header is row 1. Empty fields are empty texts."""

    number: int
    path: str
    label: str
    split: str = ""
    group: str = ""


ANSWER_COLUMNS = ("path", "label", "by")  # of a table that `pawlab label` writes


def is_table(path: Path) -> bool:
    """Say whether a file is taken as a table, by its extension. Raises DataError for a spreadsheet's own formats."""
    suffix = path.suffix.lower()
    if suffix in (".xlsx", ".xls", ".xlsm", ".ods"):
        raise DataError(f"{_shown(path)} is a spreadsheet ({suffix[1:]}). Save it as CSV in UTF-8 and give that.")
    return suffix in _TEXT | _PARQUET


def table_dataset(path: Path, name: str, progress: Progress = silent, options: DataOptions = DEFAULT) -> Dataset:
    """Read the pictures that a table names; `Picture.name` is the path as the table gives it.

    Files that are missing or are no pictures, and rows that repeat another, are skipped with the reason. What a person
    has answered is read as it stands, whatever the options say of names and columns. Raises DataError where the table
    can't be read, lacks a column, has an empty field, or names no picture that's there.
    """
    path, notes, doubts = path.absolute(), list[str](), list[str]()
    if _holds_answers(path):
        options = replace(options, columns=None, group=None, label_from_name=None)
    read = _parquet_rows if path.suffix.lower() in _PARQUET else _csv_rows
    rows = list(read(path, options, notes, doubts))
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
    return read_dataset(name, path.parent, candidates, skipped, progress, tuple(notes), options, tuple(doubts))


def _holds_answers(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.readline(64).strip() == ",".join(ANSWER_COLUMNS).encode()
    return False


def table_paths(path: Path) -> list[str]:
    """Return the paths that a table names, whatever else it holds. Raises DataError."""
    read = _parquet_rows if path.suffix.lower() in _PARQUET else _csv_rows
    return [row.path for row in read(path.absolute(), _PATHS_ONLY, [], []) if row.path.strip()]


def table_with_its_files(
    address: str, table: Path, progress: Progress = silent, options: DataOptions = DEFAULT
) -> tuple[Path, tuple[tuple[str, str], ...]]:
    """Fetch the files around a table at an address that it may mean, and return where it lies beside them.

    `table`: its own copy. What was skipped comes with it: names and reasons. Raises what `fetch` does, and DataError.
    """
    from pawlab.files.remote import fetch

    web = on_the_web(address)
    around, _, name = (address.partition("?")[0] if web else address).rpartition("/")
    name, wanted = unquote(name) if web else name, names_in_table(table, options)
    fetched = fetch(f"{around}/", progress, lambda item: item == name or wanted(item), purpose=name)
    return fetched.place / name, fetched.skipped


def names_in_table(path: Path, options: DataOptions = DEFAULT) -> Callable[[str], bool]:
    """Return what says of a file's name below the table's folder whether the table may mean it. Raises DataError."""
    options = replace(options, label_from_name="")  # which needs no column of labels
    read = _parquet_rows if path.suffix.lower() in _PARQUET else _csv_rows
    named = {_last(row.path) for row in read(path.absolute(), options, [], [])}
    return lambda name: _last(name) in named or _last(PurePosixPath(name).stem) in named


def _last(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip().replace("\\", "/").rpartition("/")[2])


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
    files = Files(table.parent)
    for row in rows:
        key = (row.path, row.label, row.split)
        found = f"stands in the table twice (row {row.number})" if key in seen else files.find(row.path)
        seen.add(key)
        name = printable(row.path).strip()
        if isinstance(found, str):
            skipped.append(Skipped(name, found))
        else:
            candidates.append(Candidate(found, name, label_text(row.label), _split(row, table), row.group or None))
    return candidates, skipped


def _split(row: _Row, table: Path) -> Split | None:
    if not row.split:
        return None
    split = split_named(row.split)
    if split is None or split == "unlabelled":
        raise DataError(
            f"row {row.number} of {_shown(table)} has the split {printable(row.split)!r}. "
            "Use train, validation or test."
        )
    return split


def _find_columns(header: Sequence[str], table: Path, options: DataOptions, notes: list[str]) -> dict[str, int]:
    """Return where each role's column stands, and note it. Raises DataError for a path or label without, or several."""
    names = [name.strip().casefold() for name in header]
    given = {role: name.casefold() for role, name in options.column_names.items()}
    columns = {}
    for role, known in _NAMES.items():
        if (role == "label" and options.label_pattern is not None) or given.get(role) == "":
            continue
        wanted = ((given[role],),) if role in given else known
        found = next((fits for tier in wanted if (fits := [name for name in names if name in tier])), [])
        if len(found) == 1:
            columns[role] = names.index(found[0])
        elif found or role in given or role in ("path", "label"):
            raise _no_column(role, found, [name.strip() for name in header], table, given)
    taken = (f"{role} from column {printable(header[place].strip())}" for role, place in columns.items())
    notes.append(f"{_shown(table)}: {', '.join(taken)}")
    return columns


def _no_column(role: str, found: Sequence[str], header: Sequence[str], table: Path, given: dict[str, str]) -> DataError:
    has = printable(", ".join(name for name in header if name) or "none")[:200]
    if found:
        problem = f"has several columns that could be the {role} ({printable(', '.join(found))})"
    else:
        problem = f"has no column {printable(given.get(role, role))}; its columns are: {has}"
    return DataError(f"{_shown(table)} {problem}. Say which hold path and label: --columns path=COLUMN,label=COLUMN")


def _csv_rows(path: Path, options: DataOptions, notes: list[str], doubts: list[str]) -> Iterator[_Row]:
    try:
        lines = io.StringIO(_text(path, doubts), newline="")
        first = lines.readline()
        delimiter = first[4:5] if first.casefold().startswith("sep=") else None
        if delimiter is None:  # not Excel's own line that names it
            delimiter = max(_DELIMITERS, key=first.count)
            lines.seek(0)
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
        columns = _find_columns(next(reader, []), path, options, notes)
        for fields in reader:
            if any(field.strip() for field in fields):
                yield _row(reader.line_num, fields, columns, options)
    except csv.Error as error:
        raise DataError(f"{_shown(path)} can't be read as CSV: {error}.") from error
    except OSError as error:
        raise DataError(f"can't read {printable(str(path))}: {error.strerror or error}.") from error


def _text(path: Path, doubts: list[str]) -> str:
    """Return a text file's content, whichever of the encodings that spreadsheets write it has."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if b"\0" in data:
            raise DataError(f"{_shown(path)} isn't text. Save it as CSV in UTF-8.") from None
        doubts.append(f"{_shown(path)} isn't UTF-8: read as Windows-1252; save it as UTF-8 if its labels look wrong")
        return data.decode("cp1252", "replace")


def _row(number: int, fields: Sequence[str], columns: dict[str, int], options: DataOptions) -> _Row:
    def field(role: str) -> str:
        index = columns.get(role)
        return from_csv(fields[index]) if index is not None and index < len(fields) else ""

    label = field("label").strip()
    if options.label_pattern is not None:
        label = found_in(options.label_pattern, field("path")) or ""
    return _Row(number, field("path"), label, field("split").strip(), field("group").strip())


def _parquet_rows(path: Path, options: DataOptions, notes: list[str], _: list[str]) -> Iterator[_Row]:
    """Yield the rows, a few thousand in memory at a time; whatever is no text is written out as such."""
    pyarrow = require_pyarrow(f"reading {_shown(path)}")
    try:
        with path.open("rb") as opened, pyarrow.parquet.ParquetFile(opened) as file:
            header = file.schema_arrow.names
            columns = _find_columns(header, path, options, notes)
            _require_names(file.schema_arrow.field(columns["path"]), path)
            roles = {role: place for place, role in enumerate(columns)}
            number = 0
            for batch in file.iter_batches(_ROWS, columns=[header[index] for index in columns.values()]):
                texts = [
                    ["" if _is_missing(value) else str(value) for value in batch.column(header[index]).to_pylist()]
                    for index in columns.values()
                ]
                for number, fields in enumerate(zip(*texts, strict=True), start=number + 1):  # noqa: B020
                    yield _row(number, fields, roles, options)
    except (OSError, pyarrow.ArrowException, ValueError, LookupError, OverflowError) as error:  # also of damaged text
        reason = " ".join(str(error).split())
        raise DataError(f"{_shown(path)} can't be read as Parquet: {printable(reason)[:160]}.") from error


def _is_missing(value: Any) -> bool:
    return value is None or value != value


def _require_names(column: Any, path: Path) -> None:
    """Raise DataError where a column holds pictures in place of their paths."""
    import pyarrow

    kind = column.type
    if pyarrow.types.is_nested(kind) or pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
        raise DataError(
            f"the column {printable(column.name)} of {_shown(path)} holds {kind}, not paths. Save the pictures as "
            "files and name those, or say which column holds paths: --columns path=COLUMN,label=COLUMN"
        )


def require_pyarrow(what: str) -> ModuleType:
    """Return the module `pyarrow`, with `pyarrow.parquet`. Raises MissingExtraError, beginning with `what`."""
    try:
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise MissingExtraError(what, "parquet") from error
    return pyarrow  # type: ignore[no-any-return]
