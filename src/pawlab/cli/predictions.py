"""Predictions as a table for people, as JSON, as CSV or as Parquet."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pawlab.classifier import NoPrediction, Result
from pawlab.cli.terminal import say
from pawlab.datasets.dataset import Skipped, count_skipped
from pawlab.errors import OutputError
from pawlab.names import Output, json_text, on_terminal, printable, write_csv
from pawlab.parallel import batched
from pawlab.storage import replacing_file

Format = Literal["table", "json", "csv", "parquet"]
_ENDINGS: dict[str, Format] = {".json": "json", ".csv": "csv", ".parquet": "parquet"}
_TEXT = ".txt"  # whichever of the formats that are text
_A_LINE = re.compile(rb"[^\n]*(%|\)|error) {2,}\S")  # of the table
_ROWS_A_GROUP = 10_000  # of Parquet: what memory holds at a time, and what a reader may skip


def choose_format(asked: Format | None, out: Path | None, shown: str | None = None) -> Format:
    """Return the format asked for, or else the one that the file's ending names, or else the table.

    `shown`: how messages name the file; as `out` says by default.

    Raises OutputError where the two contradict each other, where the ending names no format, or where a file stands
    there that isn't such a table of pawlab's: a picture, most likely.
    """
    shown, suffix = shown or str(out), "" if out is None else out.suffix.lower()
    named = _ENDINGS.get(suffix)
    if out is not None and named is None and suffix != _TEXT:
        raise OutputError(f"{shown} must end with {', '.join([*_ENDINGS, _TEXT])}. Choose another --out.")
    if asked and named and asked != named:
        raise OutputError(f"{shown} ends as {named} does, but --format is {asked}. Choose another --out or --format.")
    form = asked or named or "table"
    if out is not None and out.is_file() and not _is_ours(out, form):
        raise OutputError(f"{shown} is there already and holds no predictions. Choose another --out.")
    return form


def _is_ours(path: Path, form: Format) -> bool:
    """Say whether a file may be replaced: it is empty, or looks like what `write` writes in this format."""
    with path.open("rb") as file:
        head = file.read(4096)
    if form == "parquet":
        return not head or (head.startswith(b"PAR1") and _columns_of(path)[: len(columns(1))] == columns(1))
    starts: dict[Format, bytes] = {"csv": ",".join(columns(1)).encode(), "json": b'[\n{"picture":'}
    return not head or (head.startswith(starts[form]) if form in starts else _A_LINE.match(head) is not None)


def _columns_of(parquet: Path) -> tuple[str, ...]:
    from pawlab.datasets.tables import require_pyarrow

    pyarrow = require_pyarrow("writing Parquet")
    try:
        with parquet.open("rb") as file:
            return tuple(pyarrow.parquet.read_schema(file).names)
    except pyarrow.ArrowException:
        return ()


def write(predictions: Iterable[Result], form: Format, top: int, out: Path) -> None:
    """Write the answers to a file; it appears once it is whole. Raises OutputError where it can't be written."""
    with replacing_file(out) as partial:
        if form == "parquet":
            _write_parquet((_row(prediction, top) for prediction in predictions), columns(top), partial)
        else:
            with partial.open("w", encoding="utf-8", newline="\n") as file:
                write_text(predictions, form, top, file)


def write_text(predictions: Iterable[Result], form: Format, top: int, file: Output) -> None:
    """Write the answers, one by one as they come. Not for Parquet, which isn't text."""
    if form == "csv":
        rows = (map(_csv_value, _row(prediction, top)) for prediction in predictions)
        write_csv(chain([columns(top)], rows), file)
        return
    for line in _json(predictions, top) if form == "json" else _table(predictions, top):
        file.write(line)


def say_passed_over(skipped: Iterable[Skipped]) -> None:
    """Say which other files lay between the pictures."""
    for kind in count_skipped(skipped):
        say(f"passed over: {kind['files']:,} {kind['extension'] or 'without extension'}: {kind['reason']}")


def columns(top: int) -> tuple[str, ...]:
    """Return the columns of CSV and Parquet; the second best answer and so on follow in pairs."""
    more = (f"{name}_{rank}" for rank in range(2, top + 1) for name in ("label", "probability"))
    return ("picture", "label", "probability", "sure", "error", "reason", *more)


def _row(prediction: Result, top: int) -> tuple[Any, ...]:
    label, probability = (prediction.label, prediction.probability) if prediction.error is None else (None, None)
    others: list[Any] = [value for pair in prediction.top(top)[1:] for value in pair]
    picture = printable(prediction.picture)
    row = (picture, label, probability, prediction.sure, prediction.error, prediction.reason, *others)
    return row + (None,) * (len(columns(top)) - len(row))


def _table(predictions: Iterable[Result], top: int) -> Iterator[str]:
    """Yield a line per picture: the prediction first, so that the eye finds it whatever the paths' lengths."""
    for prediction in predictions:
        why = prediction.error or prediction.reason
        yield f"{_answer(prediction, top):<24}  {on_terminal(prediction.picture)}{f': {why}' if why else ''}\n"


def _answer(prediction: Result, top: int) -> str:
    if isinstance(prediction, NoPrediction):
        return "error"
    ranked = ", ".join(f"{on_terminal(label)} {probability:.1%}" for label, probability in prediction.top(top))
    return ranked if prediction.sure else f"not sure ({ranked})"


def _csv_value(value: Any) -> Any:
    """Six decimals are what a probability is good for; true and false are spelt as in JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6f}" if isinstance(value, float) else value


def _json(predictions: Iterable[Result], top: int) -> Iterator[str]:
    """Yield one JSON array, an element a line."""
    separator = "[\n"
    for prediction in predictions:
        yield separator + json_text(_document(prediction, top))
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _document(prediction: Result, top: int) -> dict[str, Any]:
    document = {**prediction.to_dict(), "picture": printable(prediction.picture)}
    return document if top == 1 else {**document, "probabilities": dict(prediction.top(top))}


def _write_parquet(rows: Iterable[tuple[Any, ...]], names: tuple[str, ...], path: Path) -> None:
    """Write a group of rows at a time."""
    from pawlab.datasets.tables import require_pyarrow

    pyarrow = require_pyarrow("writing Parquet")
    kinds = {"probability": pyarrow.float64(), "sure": pyarrow.bool_()}
    schema = pyarrow.schema([(name, kinds.get(name.split("_")[0], pyarrow.string())) for name in names])
    with path.open("wb") as file, pyarrow.parquet.ParquetWriter(file, schema) as writer:  # no path: it may not be UTF-8
        for group in batched(rows, _ROWS_A_GROUP):
            values = {name: [row[place] for row in group] for place, name in enumerate(names)}
            writer.write_table(pyarrow.table(values, schema))
