"""Pictures of all clients in one bounded queue, processed by as many threads as there are cores.

Nothing is batched across clients: measured on CPU, ONNX Runtime predicts a batch no faster than its pictures one by one
while every core has one to work on.
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
    """Threads behind a bounded queue. Called on the event loop only: no locks."""

    def __init__(self, waiting: int, threads: int | None = None) -> None:
        self.threads = threads or cores()
        self._limit = waiting
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="pawlab")
        self._unfinished = 0
        self._seconds = 0.05  # per job: a moving average, after a first guess

    @property
    def waiting(self) -> int:
        """Return how many jobs are in the queue, without those that are running."""
        return max(0, self._unfinished - self.threads)

    def require_room(self, jobs: int) -> None:
        """Raise a refusal where the queue has no room for so many, with the seconds until it may have."""
        if self.waiting + jobs > self._limit:
            seconds = max(1, math.ceil(self.waiting * self._seconds / self.threads))
            raise busy("The service's queue is full.", seconds)

    async def run(self, work: Sequence[Callable[[], Result]]) -> list[Result]:
        """Return the results, in order. If the caller is cancelled, what hasn't begun never does.

        Raises RefusedError where the queue is full, and whatever the work raises.
        """
        self.require_room(len(work))
        jobs = [[item] for item in work]
        futures = [asyncio.get_running_loop().run_in_executor(self._pool, self._do, job) for job in jobs]
        self._unfinished += len(futures)
        for future in futures:
            future.add_done_callback(self._finish)
        try:
            return await asyncio.gather(*futures)
        finally:
            for job, future in zip(jobs, futures, strict=True):
                future.cancel()
                job.clear()  # the pool keeps a cancelled call, and with it an upload, until a thread is free

    def _do(self, job: list[Callable[[], Result]]) -> Result:
        """Do the work that the list holds, in a thread."""
        start = perf_counter()
        result = job.pop()()
        self._seconds += 0.05 * (perf_counter() - start - self._seconds)
        return result

    def _finish(self, _: "asyncio.Future[Result]") -> None:
        self._unfinished -= 1


async def within(seconds: float, work: asyncio.Task[Result], gone: asyncio.Task[None]) -> Result:
    """Return the result of `work`. Raises RefusedError, and cancels it, on a time-out or when the client is gone."""
    try:
        await asyncio.wait({work, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if gone.done():
            raise RefusedError(499, "The client disconnected before the response.")
        raise busy(f"The response took longer than {seconds:.0f} s.", 10)
    finally:
        work.cancel()
        gone.cancel()
