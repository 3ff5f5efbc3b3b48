import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier

import pytest

from pawlab import parallel
from pawlab.errors import PawlabError
from pawlab.parallel import cores, map_in_threads, meanwhile
from picture_folders import write


def test_results_come_in_the_items_order() -> None:
    assert list(map_in_threads(lambda number: number * number, range(100))) == [n * n for n in range(100)]


def test_as_many_items_run_at_once_as_there_are_cores() -> None:
    meeting = Barrier(cores(), timeout=10)  # breaks unless that many threads wait at it together
    list(map_in_threads(lambda _: meeting.wait(), range(cores())))


def test_items_are_drawn_as_they_are_needed() -> None:
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        for number in range(10_000):
            drawn += 1
            yield number

    results = map_in_threads(lambda number: number, items())
    next(iter(results))
    assert drawn <= 2 * cores() + 1


def test_an_error_reaches_the_caller() -> None:
    def fail_on_three(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    with pytest.raises(ValueError, match="three"):
        list(map_in_threads(fail_on_three, range(10)))


def test_the_variable_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_THREADS", "7")
    assert cores() == 7


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_what_is_no_number_of_threads(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_THREADS", text)
    with pytest.raises(PawlabError) as caught:
        cores()
    assert str(caught.value) == (f"PAWLAB_THREADS is {text!r}. Set it to a whole number, 1 or more, or unset it.")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, sys.maxsize),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, sys.maxsize),
        ({}, sys.maxsize),
    ],
)
def test_a_containers_quota_is_kept(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    for name, text in files.items():
        write(tmp_path / name, text.encode())
    assert parallel._quota(tmp_path) == expected


def test_the_quota_and_the_cores_that_are_allowed_both_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAWLAB_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for quota, expected in ((3, 3), (64, 8)):
        monkeypatch.setattr(parallel, "_quota", lambda _, quota=quota: quota)
        assert cores() == expected


def test_what_is_done_meanwhile_runs_in_a_thread_of_its_own() -> None:
    seen: list[int] = []
    meanwhile(lambda: seen.append(threading.get_ident())).join()
    assert seen != [threading.get_ident()]
    assert len(seen) == 1


def test_an_error_of_what_is_done_meanwhile_is_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    meanwhile(fail).join()
    assert capsys.readouterr().err == ""
