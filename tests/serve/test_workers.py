import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Coroutine
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from pawlab.serve.errors import RefusedError
from pawlab.serve.uploads import Memory
from pawlab.serve.workers import Workers, within


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))


def slow_if_odd(number: int) -> int:
    time.sleep(0.02 * (number % 2))
    return number


def test_results_come_in_the_order_of_the_jobs() -> None:
    async def work() -> list[int]:
        workers = Workers(waiting=100, threads=4)
        return await workers.run([partial(slow_if_odd, number) for number in range(20)])

    assert run(work()) == list(range(20))


def test_every_thread_works_and_none_more() -> None:
    together, most, lock = 0, 0, threading.Lock()

    def job() -> None:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.01)
        with lock:
            together -= 1

    async def work() -> None:
        workers = Workers(waiting=100, threads=3)
        await asyncio.gather(*(workers.run([job] * 5) for _ in range(6)))

    run(work())
    assert most == 3


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    async def work() -> RefusedError:
        release = threading.Event()
        workers = Workers(waiting=4, threads=1)
        under_way = asyncio.create_task(workers.run([release.wait] * 2))  # one in the thread, one waiting
        await asyncio.sleep(0)
        waiting = asyncio.create_task(workers.run([release.wait] * 3))
        await asyncio.sleep(0)
        with pytest.raises(RefusedError) as refused:
            await workers.run([release.wait])
        release.set()
        assert await waiting == [True] * 3
        await under_way
        assert await workers.run([lambda: "there is room again"]) == ["there is room again"]
        return refused.value

    refused = run(work())
    assert (refused.status, refused.headers) == (503, {"Retry-After": "1"})
    assert str(refused) == "The service's queue is full. Try again in 1 s."


def test_a_fault_reaches_the_caller_alone() -> None:
    def fault() -> int:
        raise ZeroDivisionError

    async def work() -> None:
        workers = Workers(waiting=10, threads=1)
        bad = asyncio.create_task(workers.run([fault, lambda: 1]))
        good = asyncio.create_task(workers.run([lambda: 2]))
        with pytest.raises(ZeroDivisionError):
            await bad
        assert await good == [2]
        assert workers.waiting == 0

    run(work())


def test_nothing_is_computed_for_a_client_that_is_gone() -> None:
    begun = []

    async def work() -> None:
        release = threading.Event()
        workers = Workers(waiting=100, threads=1)

        def job() -> None:
            begun.append(1)
            release.wait()

        async def leave() -> None:
            await asyncio.sleep(0.05)

        answer = asyncio.create_task(workers.run([job] * 50))
        with pytest.raises(RefusedError, match="The client disconnected before the response"):
            await within(10, answer, asyncio.create_task(leave()))
        await asyncio.gather(answer, return_exceptions=True)
        left = workers.waiting
        release.set()
        assert left == 0

    run(work())
    assert len(begun) <= 2  # the one under way


def test_a_response_that_takes_too_long_is_refused() -> None:
    async def work() -> RefusedError:
        answer, stays = (asyncio.create_task(asyncio.sleep(9)) for _ in range(2))
        with pytest.raises(RefusedError) as refused:
            await within(0.01, answer, stays)
        return refused.value

    refused = run(work())
    assert (refused.status, str(refused)) == (503, "The response took longer than 0 s. Try again in 10 s.")


def test_memory_is_given_back_whatever_happens() -> None:
    memory = Memory(100)
    with memory.hold() as take:
        take(60)
        with memory.hold() as other, pytest.raises(RefusedError) as refused:
            other(41)
        assert memory.held == 60
        take(40)
    assert memory.held == 0
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "5"})


def test_an_upload_is_freed_with_its_request() -> None:
    """While the only thread is busy, the work of a cancelled request waits in the pool, but not with its picture."""

    async def work() -> bool:
        release = threading.Event()
        workers = Workers(waiting=10, threads=1)
        busy = asyncio.create_task(workers.run([release.wait]))
        await asyncio.sleep(0)
        upload = np.zeros(9)
        alive = weakref.ref(upload)
        cancelled = asyncio.create_task(workers.run([partial(np.sum, upload)]))
        del upload
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        del cancelled
        gc.collect()
        kept = alive() is not None
        release.set()
        await busy
        return kept

    assert not run(work())
