"""Two classifiers on the same pictures: is one better, or are there too few pictures to tell?

Pictures that both get right, or both wrong, say nothing of the difference. Of those that only one gets right, half
would fall to each by chance: McNemar's test in its exact, binomial form (McNemar 1947). The interval of the difference
of accuracies is Newcombe's for paired proportions (1998, Statistics in Medicine 17:2635, method 10).
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.evaluation.metrics import binomial_p_value, wilson_interval

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Paired:
    """One classifier against another on the same pictures (1 or more).

    `only_one`, `only_other`: pictures that only the one, only the other gets right; `both`, `neither`: all others.
    """

    both: int
    only_one: int
    only_other: int
    neither: int

    @property
    def pictures(self) -> int:
        """Return how many pictures there are."""
        return self.both + self.only_one + self.only_other + self.neither

    @property
    def difference(self) -> float:
        """Return the one's accuracy less the other's, -1 to 1."""
        return (self.only_one - self.only_other) / self.pictures

    @property
    def p_value(self) -> float:
        """Return how probable a difference as large as this, either way, is by chance."""
        differing = self.only_one + self.only_other
        return binomial_p_value(self.only_one, differing, 0.5)

    @property
    def ci95(self) -> tuple[float, float]:
        """Return the 95% interval of the difference."""
        one, other = self.both + self.only_one, self.both + self.only_other
        (low, high), (other_low, other_high) = (wilson_interval(right, self.pictures) for right in (one, other))
        share, other_share, together = one / self.pictures, other / self.pictures, self._correlation
        down = _joined(share - low, other_high - other_share, together)
        up = _joined(high - share, other_share - other_low, together)
        return (self.difference - down, self.difference + up)

    @property
    def better(self) -> bool | None:
        """Return True where the one is better, False where it is worse; None where that may be chance."""
        low, high = self.ci95
        if self.p_value >= SIGNIFICANT or low <= 0 <= high:
            return None
        return self.difference > 0

    @property
    def _correlation(self) -> float:
        """Return the correlation of the two, corrected for continuity where it is positive."""
        one, other, total = self.both + self.only_one, self.both + self.only_other, self.pictures
        spread = one * (total - one) * other * (total - other)
        product = self.both * self.neither - self.only_one * self.only_other
        if product > 0:
            product = max(product - total / 2, 0)  # type: ignore[assignment]
        return product / sqrt(spread) if spread else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "difference": self.difference,
            "ci95": [round(bound, 6) for bound in self.ci95],
            "p_value": self.p_value,
            "better": self.better,
            "pictures": self.pictures,
        }


def paired(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> Paired:
    """Compare two classifiers by whether each of the same pictures, (n,) in one order, is predicted correctly."""
    return Paired(
        int((one & other).sum()), int((one & ~other).sum()), int((~one & other).sum()), int((~one & ~other).sum())
    )


def _joined(one: float, other: float, correlation: float) -> float:
    return sqrt(max(one**2 - 2 * correlation * one * other + other**2, 0.0))
