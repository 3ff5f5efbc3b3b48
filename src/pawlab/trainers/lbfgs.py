"""L-BFGS (Nocedal 1980) for several convex functions at once, in step with each other.

The direction is found in the space that the memory spans, from dot products kept of all steps and changes (Chen, Wang
and Zhou 2014, "Large-scale L-BFGS using MapReduce"): an iteration reads the memory four times, each in one product.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Vectors = NDArray[np.float32]
Cost = Callable[[Vectors, NDArray[np.intp]], tuple[Values, Vectors]]

_MOST_STEPS = 300
_MOST_HALVINGS = 20
_MEMORY = 8  # pairs looked back on


def minimise(cost: Cost, start: Vectors, enough: Values, pool: Executor, most: int = _MOST_STEPS) -> Vectors:
    """Return where each of several convex functions is smallest, float32 (problems, size).

    `start`: (problems, size). `cost`: takes vectors (some, size) and which problems they are of, and gives values
    (some,) and slopes like the vectors, scaled so that curvatures are about 1. Each problem ends when its slope says
    that less than `enough` (problems,) is to be gained, and costs no more from there.
    """
    at, which = start.copy(), np.arange(len(start))
    memories = [_Memory(start.shape[1]) for _ in start]
    values, slopes = cost(at, which)
    for _ in range(most):
        going = _squares(slopes) / 2 > enough[which]
        which, values, slopes = which[going], values[going], slopes[going]
        if not len(which):
            break
        directions = np.stack(list(pool.map(lambda one, slope: memories[one].direction(slope), which, slopes)))
        old = slopes
        steps, values, slopes = _descend(cost, at[which], which, values, slopes, directions)
        at[which] += steps
        list(pool.map(lambda one, *pair: memories[one].add(*pair), which, steps, slopes - old))
    return at


def _descend(
    cost: Cost, at: Vectors, which: NDArray[np.intp], values: Values, slopes: Vectors, directions: Vectors
) -> tuple[Vectors, Values, Vectors]:
    """Return steps along the directions, halved until each makes its value smaller, and values and slopes there."""
    expected = np.array([slope @ direction for slope, direction in zip(slopes, directions, strict=True)], np.float64)
    length = np.ones(len(at), np.float32)
    for _ in range(_MOST_HALVINGS):
        steps = length[:, np.newaxis] * directions
        new_values, new_slopes = cost(at + steps, which)
        too_far = new_values > values + 1e-4 * length * expected + 1e-6 * np.abs(values)
        if not too_far.any():
            break
        length[too_far] /= 2
    return steps, new_values, new_slopes


def _squares(vectors: Vectors) -> Values:
    return np.array([vector @ vector for vector in vectors], np.float64)


class _Memory:
    """What is known of one function's curvature: the last steps, and how the slope changed in each."""

    def __init__(self, size: int) -> None:
        self._pairs: NDArray[Any] = np.zeros((2, _MEMORY, size), np.float32)  # steps and changes
        self._products = np.zeros((2, _MEMORY, 2, _MEMORY))  # of all with each other
        self._order: list[int] = []  # places in use, the oldest first

    def add(self, step: Vectors, change: Vectors) -> None:
        place = self._order.pop(0) if len(self._order) == _MEMORY else len(self._order)
        self._pairs[:, place] = step, change
        for kind, vector in enumerate((step, change)):
            self._products[:, :, kind, place] = self._products[kind, place] = self._pairs @ vector
        if self._products[0, place, 1, place] > 0:
            self._order.append(place)

    def direction(self, slope: Vectors) -> Vectors:
        """Return the slope times the inverse curvature, downhill: the two loops, on coefficients of the pairs.

        Between them stands what the last pair says of the curvature everywhere.
        """
        along, products = (self._pairs @ slope).astype(np.float64), self._products
        of_pairs, gains, inverse = np.zeros((2, _MEMORY)), {}, 1.0
        for place in reversed(self._order):
            gains[place] = (along[0, place] + (products[0, place] * of_pairs).sum()) / products[0, place, 1, place]
            of_pairs[1, place] -= gains[place]
        for place in self._order[-1:]:
            inverse = products[0, place, 1, place] / products[1, place, 1, place]
            of_pairs *= inverse
        for place in self._order:
            back = (inverse * along[1, place] + (products[1, place] * of_pairs).sum()) / products[0, place, 1, place]
            of_pairs[0, place] += gains[place] - back
        joined = of_pairs.reshape(-1).astype(np.float32) @ self._pairs.reshape(2 * _MEMORY, -1)
        return np.asarray(-(np.float32(inverse) * slope + joined))
