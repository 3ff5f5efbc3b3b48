"""Rows of features where they lie, in a mapped file as a rule: read when they are wanted, and not before."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]
Positions = NDArray[np.int64]

BLOCK = 2**24  # numbers that are read at a time, 64 MB; never by the number of cores, which must change no bit


class FeatureRows:
    """Rows float32 (n, d): the first `width` numbers of those at `positions` (n,) in `source` (m, d or more).

    A slice, an array of places or of truth values gives these rows as an array, without a copy where they lie one
    behind the other. `np.asarray` reads all.
    """

    def __init__(self, source: Features, positions: Positions, width: int | None = None) -> None:
        self.source, self.positions = np.asarray(source), positions
        self.shape = len(positions), source.shape[1] if width is None else width

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, places: Any) -> Features:
        at, width = self.positions[places], self.shape[1]
        if at.ndim and len(at) and at[-1] - at[0] == len(at) - 1 and (np.diff(at) == 1).all():
            return self.source[at[0] : at[-1] + 1, :width]
        return np.asarray(self.source[at, :width])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        rows = np.asarray(self[:], dtype)
        return rows.copy() if copy and np.shares_memory(rows, self.source) else rows

    def only(self, places: Any) -> "FeatureRows":
        """Return these rows, unread."""
        return FeatureRows(self.source, self.positions[places], self.shape[1])

    def first(self, width: int) -> "FeatureRows":
        """Return so many numbers of each row, unread."""
        return FeatureRows(self.source, self.positions, width)


AnyRows = Features | FeatureRows


def as_rows(features: AnyRows) -> FeatureRows:
    """Return features as rows, whichever they are."""
    if isinstance(features, FeatureRows):
        return features
    return FeatureRows(features, np.arange(len(features), dtype=np.int64))


def blocks(number: int, width: int) -> Iterator[slice]:
    """Yield slices of so many rows of so many numbers, in order, each of 64 MB or one row."""
    size = max(1, BLOCK // max(1, width))
    for start in range(0, number, size):
        yield slice(start, min(start + size, number))
