"""Pictures of all clients in one line, worked off by as many threads as there are cores.

Measured on CPU, ONNX Runtime answers no faster for a batch than for its pictures one by one, as long as every core has
one to work on. So what is gathered across clients isn't batches but work: one bounded line that is fair, and threads
that never idle while it has anything.
"""

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Generic, TypeVar

from pawlab.parallel import cores
from pawlab.serve.refusals import RefusedError, busy

Result = TypeVar("Result")
Item = TypeVar("Item")


class FairLine(Generic[Item]):
    """A line in which clients take turns, and within a client its requests: one with a hundred pictures delays the
    others by one picture, not by a hundred."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, OrderedDict[int, deque[Item]]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def put(self, client: str, request: int, items: Sequence[Item]) -> None:
        """Add a request's items. `request`: a number of its own."""
        self._clients.setdefault(client, OrderedDict())[request] = deque(items)
        self._length += len(items)

    def take(self) -> Item:
        """Return the next item. Raises IndexError where there is none."""
        if not self._length:
            raise IndexError("the line is empty")
        client, requests = self._clients.popitem(last=False)
        request, items = requests.popitem(last=False)
        item = items.popleft()
        self._length -= 1
        if items:
            requests[request] = items
        if requests:
            self._clients[client] = requests
        return item

    def drop(self, client: str, request: int) -> None:
        """Forget what is left of a request."""
        requests = self._clients.get(client, OrderedDict())
        self._length -= len(requests.pop(request, ()))
        if not requests:
            self._clients.pop(client, None)


@dataclass(frozen=True)
class _Job:
    work: Callable[[], Any]
    done: asyncio.Future[Any]


class Workers:
    """Threads that work off a fair, bounded line. All but the work itself happens on the event loop: no locks."""

    def __init__(self, waiting: int, threads: int | None = None) -> None:
        self.threads = threads or cores()
        self._limit = waiting
        self._line: FairLine[_Job] = FairLine()
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="pawlab")
        self._running = 0
        self._requests = 0
        self._seconds = 0.05  # that one job takes: a moving average, after a first guess

    @property
    def waiting(self) -> int:
        """Return how many jobs are in line, those under way not counted."""
        return len(self._line)

    def require_room(self, jobs: int) -> None:
        """Raise the refusal that a client should see, with the seconds until there may be room for so many."""
        if len(self._line) + jobs > self._limit:
            seconds = max(1, math.ceil(len(self._line) * self._seconds / self.threads))
            raise busy("The service has as many pictures in line as it takes.", seconds)

    async def run(self, client: str, jobs: Sequence[Callable[[], Result]]) -> list[Result]:
        """Return the jobs' results, in their order. Where the caller is cancelled, what hasn't begun never does.

        Raises RefusedError where the line is full, and whatever a job raises.
        """
        self.require_room(len(jobs))
        self._requests += 1
        request = self._requests
        loop = asyncio.get_running_loop()
        entries = [_Job(job, loop.create_future()) for job in jobs]
        self._line.put(client, request, entries)
        self._start_some()
        try:
            return list(await asyncio.gather(*(entry.done for entry in entries)))
        finally:
            self._line.drop(client, request)

    def close(self) -> None:
        """End the threads, after what they are at."""
        self._pool.shutdown(cancel_futures=True)

    def _start_some(self) -> None:
        """Keep one job ready for each thread beside the one it is at, so that none waits for the event loop."""
        while self._running < 2 * self.threads and len(self._line):
            job = self._line.take()
            self._running += 1
            future = asyncio.get_running_loop().run_in_executor(self._pool, _timed, job.work)
            future.add_done_callback(partial(self._finish, job))

    def _finish(self, job: _Job, future: asyncio.Future[tuple[float, Any]]) -> None:
        self._running -= 1
        if future.cancelled():  # the threads were told to end before they came to it
            job.done.cancel()
            return
        error = future.exception()
        if error is None:
            seconds, result = future.result()
            self._seconds += 0.05 * (seconds - self._seconds)
        if not job.done.done():
            job.done.set_exception(error) if error is not None else job.done.set_result(result)
        self._start_some()


def _timed(work: Callable[[], Result]) -> tuple[float, Result]:
    start = perf_counter()
    result = work()
    return perf_counter() - start, result


async def within(seconds: float, work: asyncio.Task[Result], gone: asyncio.Task[None]) -> Result:
    """Return what `work` gives. Raises RefusedError, and stops the work, where time runs out or the client is gone."""
    try:
        await asyncio.wait({work, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if gone.done():
            raise RefusedError(499, "The client left before the answer.")
        raise busy(f"The answer took longer than {seconds:.0f} s.", 10)
    finally:
        work.cancel()
        gone.cancel()
