"""Accuracy by the number of training pictures, and what twice as many would bring.

The error of a classifier falls with the number of training pictures n about as a power law (Cortes et al. 1993;
Hestness et al. 2017, arXiv:1712.00409):

    error(n) = a n^-b        b >= 0

fitted to the measured points by weighted least squares on their logarithms. How far that can be trusted: errors are
drawn anew within what each point's uncertainty allows, the law is fitted to each draw, and 95% of what the draws
predict is the interval. It doesn't know of a floor below which no number of pictures leads, so it errs on the hopeful
side where labels are wrong or classes look the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.evaluation.metrics import wilson_interval

_DRAWS = 2000
_SEED = 0  # the same points give the same interval
_QUANTILES = (0.025, 0.975)
_LITTLE = 0.01  # a point of accuracy
_UNCERTAIN = 0.05  # an interval of this width or more tells nobody what to do


@dataclass(frozen=True)
class CurvePoint:
    """Accuracy, 0 to 1, of probes trained on so many pictures, `share` of all there are. `ci95`: its interval."""

    share: float
    pictures: int
    accuracy: float
    ci95: tuple[float, float]

    @property
    def deviation(self) -> float:
        """Return the standard error that the interval stands for."""
        return (self.ci95[1] - self.ci95[0]) / (2 * 1.959964)


@dataclass(frozen=True)
class LearningCurve:
    """The points, the fewest pictures first, and what twice as many as the last would bring.

    `doubled`: accuracy with twice as many, `gain`: less that of the same law at the last point; both with their 95%
    intervals. None where there are fewer than three points.
    """

    points: tuple[CurvePoint, ...]
    doubled: tuple[float, float, float] | None
    gain: tuple[float, float, float] | None

    @property
    def sentence(self) -> str:
        """Say what twice as many pictures would bring."""
        if self.gain is None or self.doubled is None:
            return "There are too few pictures to tell what more of them would bring."
        gain, low, high = (f"{value * 100:.1f}" for value in self.gain)
        to, lowest, highest = (f"{value:.1%}" for value in self.doubled)
        span = f"(95% interval {low} to {high})"
        if self.gain[2] - self.gain[1] >= _UNCERTAIN:
            told = "These pictures are too few to tell what twice as many would bring: anything from"
            return f"{told} {low} to {high} points more, by a power law."
        if self.gain[2] < _LITTLE:
            return f"Twice as many pictures would bring less than a point: {gain} more {span}, by a power law."
        return (
            f"Twice as many pictures would bring about {gain} points more {span}, by a power law: "
            f"some {to} ({lowest} to {highest})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "points": [
                {"share": one.share, "pictures": one.pictures, "accuracy": one.accuracy, "ci95": list(one.ci95)}
                for one in self.points
            ],
            "doubled": _named(self.doubled),
            "gain": _named(self.gain),
            "sentence": self.sentence,
        }


def _named(values: tuple[float, float, float] | None) -> dict[str, Any] | None:
    return None if values is None else {"value": round(values[0], 6), "ci95": [round(one, 6) for one in values[1:]]}


def curve_point(share: float, pictures: int, folds: Sequence[tuple[int, int]]) -> CurvePoint:
    """Return a point from each fold's (correct, pictures): 2 folds or more.

    Its interval is, on each side, the wider of two: Wilson's, of that many pictures, and Student's, of the folds, which
    also differ in what they were trained on.
    """
    from scipy.special import stdtrit

    right, total = (sum(column) for column in zip(*folds, strict=True))
    accuracies = [correct / of for correct, of in folds]
    accuracy = right / total
    half = float(stdtrit(len(folds) - 1, _QUANTILES[1])) * float(np.std(accuracies, ddof=1)) / sqrt(len(folds))
    low, high = wilson_interval(right, total)
    return CurvePoint(
        share, pictures, accuracy, (max(0.0, min(low, accuracy - half)), min(1.0, max(high, accuracy + half)))
    )


def learning_curve(points: Sequence[CurvePoint]) -> LearningCurve:
    """Extrapolate points of rising numbers of pictures. The same points give the same bits."""
    if len(points) < 3:
        return LearningCurve(tuple(points), None, None)
    sizes = np.array([one.pictures for one in points], float)
    errors = np.array([_error(one) for one in points])
    spread = np.array([one.deviation for one in points]) / errors  # of the logarithm, to first order
    noise = np.random.default_rng(_SEED).standard_normal((_DRAWS, len(points)))
    drawn = np.vstack([np.log(errors), np.log(errors) + noise * spread])
    last, doubled = _fitted(np.log(sizes), drawn, 1 / spread**2, np.log(sizes[-1] * np.array([1.0, 2.0])))
    return LearningCurve(tuple(points), _with_interval(1 - doubled), _with_interval(last - doubled))


def _error(point: CurvePoint) -> float:
    """Return the error as if half a picture more were wrong: its logarithm must exist."""
    return max(1 - point.accuracy, point.deviation / 2, 1e-4)


def _fitted(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit a falling line to each row of y (draws, points) over x, and return exp of it at `at`: (at, draws)."""
    weights = weights / weights.sum()
    centre = weights @ x
    slope = np.minimum(((y - (y @ weights)[:, np.newaxis]) * (x - centre)) @ weights / (weights @ (x - centre) ** 2), 0)
    return np.minimum(np.exp((y @ weights)[np.newaxis] + slope * (at - centre)[:, np.newaxis]), 1.0)


def _with_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the value of the points themselves, the first, and the interval of the draws."""
    low, high = np.quantile(values[1:], _QUANTILES)
    return float(values[0]), float(low), float(high)
