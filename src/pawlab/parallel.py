"""Work spread over the cores by threads: for code that lets go of Python's lock, as Pillow and ONNX Runtime do."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from pawlab.errors import PawlabError

Item = TypeVar("Item")
Result = TypeVar("Result")


class MapBatches(Protocol):
    """Applies a function to every item and yields the results in the items' order."""

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the results."""
        ...


def cores() -> int:
    """Return how many threads compute at once: PAWLAB_THREADS, or the cores that this process may use, at least 1.

    A container's share of the processor (a cgroup's quota) counts: a thread more than that only waits. Raises
    PawlabError where PAWLAB_THREADS is no whole number above 0.
    """
    chosen = os.environ.get("PAWLAB_THREADS", "").strip()
    if chosen:
        if not chosen.isdecimal() or int(chosen) < 1:
            raise PawlabError(f"PAWLAB_THREADS is {chosen!r}. Set it to a whole number, 1 or more, or unset it.")
        return int(chosen)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _quota(Path("/sys/fs/cgroup"))))


def _quota(cgroup: Path) -> int:
    """Return how many cores the control group may keep busy, rounded up; many where it sets no limit."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):  # versions 2 and 1
        try:
            quota, period = " ".join((cgroup / name).read_text() for name in files).split()
            if int(quota) > 0:
                return -(-int(quota) // int(period))
        except (OSError, ValueError):  # no such system, or "max"
            continue
    return sys.maxsize


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of `size`, the last of which may be shorter."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `function(item)` for each item, in order, computed by as many threads as there are cores.

    Items are drawn as needed and few results wait at any time, so memory stays flat however many items come.
    """
    workers = cores()
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def meanwhile(function: Callable[[], None]) -> threading.Thread:
    """Call a function in a thread of its own while others compute. Its errors are dropped: it only saves time.

    It is for imports: whoever needs one that fails meets the error again, where it can be told.
    """

    def call() -> None:
        with suppress(Exception):
            function()

    thread = threading.Thread(target=call, name="meanwhile")
    thread.start()
    return thread
