"""Pictures of all clients in one bounded queue, worked off by as many threads as there are cores.

Measured on CPU, ONNX Runtime predicts a batch no faster than its pictures one by one, as long as every core has one to
work on. So nothing is batched across clients: threads just never idle while there is work.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TypeVar

from pawlab.parallel import cores
from pawlab.serve.errors import RefusedError, busy

Result = TypeVar("Result")


class Workers:
    """Threads that work off a bounded queue. Used on the event loop only: no locks."""

    def __init__(self, waiting: int, threads: int | None = None) -> None:
        self.threads = threads or cores()
        self._limit = waiting
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="pawlab")
        self._unfinished = 0
        self._seconds = 0.05  # that one job takes: a moving average, after a first guess

    @property
    def waiting(self) -> int:
        """Return how many jobs are in the queue, those under way not counted."""
        return max(0, self._unfinished - self.threads)

    def require_room(self, jobs: int) -> None:
        """Raise the refusal that a client should see, with the seconds until there may be room for so many."""
        if self.waiting + jobs > self._limit:
            seconds = max(1, math.ceil(self.waiting * self._seconds / self.threads))
            raise busy("The service has as many pictures in its queue as it takes.", seconds)

    async def run(self, jobs: Sequence[Callable[[], Result]]) -> list[Result]:
        """Return the jobs' results, in their order. Where the caller is cancelled, what hasn't begun never does.

        Raises RefusedError where the queue is full, and whatever a job raises.
        """
        self.require_room(len(jobs))
        futures = [asyncio.get_running_loop().run_in_executor(self._pool, _timed, job) for job in jobs]
        self._unfinished += len(futures)
        for future in futures:
            future.add_done_callback(self._finish)
        try:
            return [result for _, result in await asyncio.gather(*futures)]
        finally:
            for future in futures:
                future.cancel()

    def close(self) -> None:
        """End the threads, after what they are at."""
        self._pool.shutdown(cancel_futures=True)

    def _finish(self, future: "asyncio.Future[tuple[float, Result]]") -> None:
        self._unfinished -= 1
        if not future.cancelled() and future.exception() is None:
            self._seconds += 0.05 * (future.result()[0] - self._seconds)


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
            raise RefusedError(499, "The client left before the predictions.")
        raise busy(f"The predictions took longer than {seconds:.0f} s.", 10)
    finally:
        work.cancel()
        gone.cancel()
