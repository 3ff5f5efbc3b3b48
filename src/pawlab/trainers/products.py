"""Products of large matrices by several threads, of which the number changes no bit.

Each piece of a result, of a fixed number of columns, is one thread's work and the sum of nothing else. NumPy makes
them: SciPy's products hold Python's lock.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import combinations_with_replacement
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pawlab.parallel import cores

_PIECE = 256  # columns
Triangle = Literal["upper", "lower"]


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Have NumPy and SciPy compute in the thread that asks, so that sums have one order."""
    import scipy.linalg  # noqa: F401  (a library that is loaded within the limit would not be held to it)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@contextmanager
def workers() -> Iterator[Executor]:
    """Give as many threads as there are cores, in each of which a product is computed by that thread alone."""
    with one_thread_each(), ThreadPoolExecutor(cores()) as pool:
        yield pool


def times(
    left: NDArray[np.float32],
    right: NDArray[np.float32],
    pool: Executor,
    triangle: Triangle | None = None,
    offset: int = 0,
) -> NDArray[np.float32]:
    """Return left (n, m) times right (m, k).

    `triangle`: where alone `right` has other values than 0: on its diagonal and to one side of it. The diagonal of a
    lower one begins in column `offset`.
    """
    result = np.empty((len(left), right.shape[1]), np.float32)

    def piece(start: int) -> None:
        end = start + _PIECE
        rows = {"upper": slice(0, end), "lower": slice(max(0, start - offset), None), None: slice(None)}[triangle]
        result[:, start:end] = left[:, rows] @ right[rows, start:end]

    list(pool.map(piece, range(0, right.shape[1], _PIECE)))
    return result


def gram(blocks: Iterable[NDArray[Any]], width: int, pool: Executor, triangular: bool = False) -> NDArray[Any]:
    """Return the products (width, width) of all columns with each other, in their precision.

    `blocks`: the rows (n, width), some at a time, one or more; each adds to the sum in its turn. `triangular`: the only
    block is a column, the first, and a lower triangle beside it.
    """
    pairs = list(combinations_with_replacement(range(0, width, 2 * _PIECE), 2))
    result: NDArray[Any] = np.zeros(0)
    for block in blocks:
        if not result.size:
            result = np.zeros((width, width), block.dtype)
        list(pool.map(partial(_add_products, result, block, triangular), pairs))
    for pair in pairs:
        one, other = (slice(start, start + 2 * _PIECE) for start in pair)
        result[other, one] = result[one, other].T
    return result


def _add_products(result: NDArray[Any], block: NDArray[Any], triangular: bool, pair: tuple[int, int]) -> None:
    one, other = (slice(start, start + 2 * _PIECE) for start in pair)
    rows = block[max(0, other.start - 1) :] if triangular else block
    result[one, other] += rows[:, one].T @ rows[:, other]
