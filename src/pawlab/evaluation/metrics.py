"""Arrays -> numbers with intervals. NumPy only."""

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.floating[Any]]
Logits = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]

_Z_975 = 1.959963984540054
_SMALLEST = 1e-7  # keeps the loss of a confident mistake finite, as Keras does


@dataclass(frozen=True)
class Score:
    """How well predictions fit the labels: share right, mean cross-entropy in nats, and how many pictures it is of."""

    accuracy: float
    loss: float
    pictures: int

    @property
    def ci95(self) -> tuple[float, float]:
        """Return the 95% confidence interval of the accuracy."""
        return wilson_interval(round(self.accuracy * self.pictures), self.pictures)

    def to_dict(self) -> dict[str, Any]:
        """Return the block that metrics.json holds for a split."""
        return {**asdict(self), "ci95": [round(bound, 6) for bound in self.ci95]}


def score(probabilities: Probabilities, labels: Labels) -> Score:
    """Score predictions. `probabilities`: (n, classes), rows summing to 1; `labels`: (n,), class positions; n >= 1."""
    right = int((probabilities.argmax(axis=1) == labels).sum())
    return Score(right / len(labels), cross_entropy(probabilities, labels), len(labels))


def cross_entropy(probabilities: Probabilities, labels: Labels) -> float:
    """Return the mean of -log p(true class), in nats."""
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(true, _SMALLEST, 1.0)).mean())


def log_loss(probabilities: Probabilities, labels: Labels) -> float:
    """Return the mean of -log p(true class), in nats, as scikit-learn computes it.

    A probability of 0 counts as 2.2e-16, a float64's precision, where `cross_entropy` has 1e-7: a class that was ruled
    out wrongly costs 36 nats instead of 16.
    """
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(true, np.finfo(np.float64).eps, 1.0)).mean())


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """Return the 95% interval of a share `right` of `total`.

    Wilson 1927: all shares p whose distance from the observed one is at most 1.96 of p's own standard errors.
    """
    if total == 0:
        return (0.0, 1.0)
    z2, share = _Z_975**2 / total, right / total
    margin = sqrt(z2 * (share * (1 - share) + z2 / 4))
    low, high = ((share + z2 / 2 + side) / (1 + z2) for side in (-margin, margin))
    return (low if right else 0.0, high if right < total else 1.0)


def binomial_p_value(right: int, total: int, share: float) -> float:
    """Return how probable it is by chance that so many of `total`, each with this probability, are as far off, or more.

    Exact and two-sided: twice the smaller tail, so it is below 5% where Clopper and Pearson's 95% interval leaves
    `share` out.
    """
    from scipy.special import bdtr, bdtrc  # scipy.stats takes half a second to import

    tails = bdtr(right, total, share), bdtrc(right - 1, total, share)
    return min(1.0, 2 * float(min(tails)))
