r"""How names stand in what we write and print, whatever bytes and characters they hold.

- A byte that isn't UTF-8 stands as the text `\udc80` to `\udcff` in JSON, CSV, Parquet and HTML alike.
- In CSV a row with control characters is quoted whole, and a text that a spreadsheet would take for a formula, since it
  begins with = + - @ or a tab and is no number, gets an apostrophe in front.
- On a terminal each character that isn't printable is spelt out, as `\x1b`.
"""

import csv
import json
import os
import re
from collections.abc import Iterable
from typing import Any, Protocol

_SPELT = re.compile(r"\\u(dc[89a-f][0-9a-f])")
_NO_TEXT = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x7f-\x9f\u2028\u2029]")  # which JSON may hold as they are
_LIKE_FORMULA = re.compile("'*[=+\\-@\t\r]")


class Output(Protocol):
    """An open text file, or what takes its place."""

    def write(self, text: str, /) -> Any:
        """Write text."""
        ...


def plain(value: Any) -> Any:
    """Return a path as text, a number of NumPy's as one of Python's, and all else as it is: what JSON takes."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if hasattr(value, "item") else value


def printable(name: str) -> str:
    r"""Return a name as text that every file takes; bytes that aren't UTF-8 appear as `\udcff`."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def from_printable(text: str) -> str:
    r"""Return the name, as Python's paths have it, for which `printable` gave this text.

    Who reads a path tries the text as it stands first: a name may hold the letters `\udcff` themselves.
    """
    return _SPELT.sub(lambda match: chr(int(match[1], 16)), text)


def as_path(text: str) -> str:
    """Return the path for which `printable` gave this text; where a file is called as the text is, that one."""
    return text if os.path.exists(text) else from_printable(text)  # noqa: PTH110


def on_terminal(text: str, kept: str = "") -> str:
    """Return text with characters spelt out that a terminal would obey, such as line breaks; not those `kept`."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in kept else ascii(one)[1:-1] for one in text)


def flag(option: str) -> str:
    """Return how an option with a name in Python is written on the command line: `--min-per-class`."""
    return f"--{option.replace('_', '-')}"


def listed(names: Iterable[str], conjunction: str = "and") -> str:
    """Return `a`, `a and b` or `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def json_text(document: Any, indent: int | None = None) -> str:
    """Return strict JSON in Unicode, without control characters. Raises ValueError for numbers that aren't finite."""
    text = json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)
    text = _NO_TEXT.sub(lambda match: f"\\\\u{ord(match[0]):04x}", text)
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def write_csv(rows: Iterable[Iterable[Any]], file: Output) -> None:
    """Write rows to an open file, by the rules above."""
    minimal, whole = (csv.writer(file, lineterminator="\n", quoting=how) for how in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    for row in rows:
        cells = [_cell(value) if isinstance(value, str) else value for value in row]
        plain = all(cell.isprintable() for cell in cells if isinstance(cell, str))
        (minimal if plain else whole).writerow(cells)


def from_csv(cell: str) -> str:
    """Return the text that `write_csv` was given, but for bytes that aren't UTF-8: see `from_printable`."""
    return cell[1:] if cell.startswith("'") and _LIKE_FORMULA.match(cell) else cell


def _cell(text: str) -> str:
    text = printable(text)
    return f"'{text}" if _LIKE_FORMULA.match(text) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
