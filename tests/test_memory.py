import sys
from pathlib import Path

import pytest

from pawlab import memory
from picture_folders import write


def test_this_machine_has_some() -> None:
    assert 2**28 < memory.memory_there() < 2**50


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"memory.max": "2147483648\n"}, 2**31),
        ({"memory.max": "max\n"}, sys.maxsize),
        ({"memory/memory.limit_in_bytes": "1000000000\n"}, 10**9),
        ({}, sys.maxsize),
    ],
)
def test_a_containers_limit_is_kept(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    for name, text in files.items():
        write(tmp_path / name, text.encode())
    assert memory._limit(tmp_path) == expected


def test_the_smaller_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_of_machine", lambda: 8)
    for limit, expected in ((3, 3), (64, 8)):
        monkeypatch.setattr(memory, "_limit", lambda _, limit=limit: limit)
        assert memory.memory_there() == expected
