"""What logistic regression is fitted to: columns float32 (n, d + 1), the first of them 1, in memory or made as wanted.

Standardised features are the same bits either way: a block at a time is made of them where they lie, or each was kept.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pawlab.features.rows import AnyRows, as_rows, blocks

Matrix = NDArray[np.float32]

_PIECE = 256  # rows that one thread makes at a time


class Columns(Protocol):
    """Rows (n, d + 1), which may be asked for."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return n and d + 1."""
        ...

    def take(self, places: Any) -> Matrix:
        """Return the rows of a slice or of places."""
        ...

    def blocks(self, pool: Executor) -> Iterator[tuple[slice, Matrix]]:
        """Yield all rows in blocks that only their number and width decide, in order, each with where it is.

        A block is good until the next one.
        """
        ...


@dataclass(frozen=True)
class Held:
    """Columns in memory."""

    matrix: Matrix

    @property
    def shape(self) -> tuple[int, int]:
        """Return n and d + 1."""
        return self.matrix.shape[0], self.matrix.shape[1]

    def take(self, places: Any) -> Matrix:
        """Return these rows: a view, of a slice."""
        return np.asarray(self.matrix[places])

    def blocks(self, _pool: Executor) -> Iterator[tuple[slice, Matrix]]:
        """Yield views of the rows."""
        for rows in blocks(*self.shape):
            yield rows, self.matrix[rows]


class Standardised:
    """Features (n, d) less `mean` (d,), divided by `deviation` (d,), in float32; made whenever they are asked for."""

    def __init__(self, features: AnyRows, mean: NDArray[Any], deviation: NDArray[Any]) -> None:
        self._features = as_rows(features)
        self._mean, self._deviation = mean.astype(np.float32), deviation.astype(np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """Return n and d + 1."""
        return self._features.shape[0], self._features.shape[1] + 1

    def take(self, places: Any) -> Matrix:
        """Return these rows, made anew."""
        given = self._features[places]
        result = np.empty((len(given), self.shape[1]), np.float32)
        self._make(given, result)
        return result

    def blocks(self, pool: Executor) -> Iterator[tuple[slice, Matrix]]:
        """Yield the rows, made anew by several threads in one and the same place: new memory takes longer than that."""
        place = np.empty((0, 0), np.float32)
        for rows in blocks(*self.shape):
            if not place.size:
                place = np.empty((rows.stop, self.shape[1]), np.float32)
            yield rows, self._fill(place[: rows.stop - rows.start], rows.start, pool)

    def held(self, pool: Executor) -> Held:
        """Return all rows, in memory."""
        return Held(self._fill(np.empty(self.shape, np.float32), 0, pool))

    def _fill(self, result: Matrix, first: int, pool: Executor) -> Matrix:
        def piece(start: int) -> None:
            part = result[start : start + _PIECE]
            self._make(self._features[first + start : first + start + len(part)], part)

        list(pool.map(piece, range(0, len(result), _PIECE)))
        return result

    def _make(self, given: Matrix, result: Matrix) -> None:
        result[:, 0] = 1
        np.subtract(given, self._mean, out=result[:, 1:])
        result[:, 1:] /= self._deviation
