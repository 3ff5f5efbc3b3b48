import csv
import io
import json
import os

import pytest

from pawlab.names import from_csv, from_printable, json_text, on_terminal, printable, write_csv

STRANGE = [
    *("a\rb", "a\nb", "\x1b[2J", "nul\0", "\x85", "\u2028", "\x9b", '"', "a,b", "'", "  ", "Katze 🐈"),
    *("=1+1", "+a", "-a", "@a", "\ta", "\ra", "'=1", "''-a", "-1", "+2.5"),
]


def test_bytes_that_are_no_text_read_back() -> None:
    raw = bytes(range(1, 256)).replace(b"/", b"")
    name = os.fsdecode(raw)
    assert os.fsencode(from_printable(printable(name))) == raw
    assert printable(printable(name)) == printable(name)
    assert printable("\udcff.jpg") == r"\udcff.jpg"


@pytest.mark.parametrize("text", STRANGE)
def test_what_csv_holds_reads_back_in_one_row(text: str) -> None:
    file = io.StringIO(newline="")
    write_csv([("path", "n"), (text, 1)], file)
    assert [[from_csv(cell) for cell in row] for row in csv.reader(io.StringIO(file.getvalue(), newline=""))] == [
        ["path", "n"],
        [text, "1"],
    ]


def test_rows_with_control_characters_are_quoted_and_formulas_marked() -> None:
    file = io.StringIO()
    write_csv([("a\rb", -1), ("=1+1", 0.5), ("-1", None), ("\udcff", True)], file)
    assert file.getvalue() == '"a\rb","-1"\n' + "'=1+1,0.5\n" + "-1,\n" + "\\udcff,True\n"


@pytest.mark.parametrize("text", STRANGE)
def test_json_reads_back_and_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    written = json_text({"a": [text]})
    assert json.loads(written) == {"a": [text]}
    assert on_terminal(written) == written


def test_json_is_strict() -> None:
    assert json_text({"\udcff": "a"}) == r'{"\\udcff": "a"}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text([float("nan")])


def test_a_terminal_gets_nothing_to_obey() -> None:
    assert on_terminal("a\x1b[2J\r\n\x9b🐈") == r"a\x1b[2J\r\n\x9b🐈"
    assert on_terminal("a\n\x07", "\n") == "a\n\\x07"
