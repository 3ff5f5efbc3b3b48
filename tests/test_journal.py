"""The table that only grows: whole after a kill at any byte, and nothing lost between writers."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pawlab.errors import OutputError
from pawlab.storage.journal import Journal

COLUMNS = ("name", "what")


def test_cut_off_at_any_byte_the_rows_before_stay(tmp_path: Path) -> None:
    rows = [("ä", "1"), ("=b", "2"), ("c,d", "3")]
    Journal(tmp_path / "whole.csv", COLUMNS).append(*rows)
    data = (tmp_path / "whole.csv").read_bytes()
    ends = [number + 1 for number, byte in enumerate(data) if byte == ord("\n")]
    for length in range(len(data) + 1):
        path = tmp_path / f"{length}.csv"
        path.write_bytes(data[:length])
        journal = Journal(path, COLUMNS)
        whole = rows[: max(0, sum(end <= length for end in ends) - 1)]
        assert journal.rows() == whole
        journal.append(("new", "9"))
        assert journal.rows() == [*whole, ("new", "9")]
        assert Journal(path, COLUMNS).rows() == [*whole, ("new", "9")]


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    def write(number: int) -> None:
        Journal(tmp_path / "table.csv", COLUMNS).append((str(number), "x"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(100)))
    assert sorted(int(name) for name, _ in Journal(tmp_path / "table.csv", COLUMNS).rows()) == list(range(100))


def test_another_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("name,other\n1,2")
    for act in (Journal(path, COLUMNS).rows, lambda: Journal(path, COLUMNS).append(("a", "b"))):
        with pytest.raises(OutputError) as caught:
            act()
        assert str(caught.value) == f"{path} holds something else: its columns aren't name, what."
    assert path.read_text() == "name,other\n1,2"
