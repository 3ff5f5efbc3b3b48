from collections.abc import Iterator
from threading import Barrier

import pytest

from pawlab.parallel import cores, map_in_threads


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
