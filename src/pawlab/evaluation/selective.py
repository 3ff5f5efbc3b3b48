"""When to say "not sure": a promise on how often the answers given are right.

A classifier that may decline answers those pictures whose most probable class is probable enough. From where that is so
is read off predictions for pictures that the model wasn't fitted on (Geifman and El-Yaniv 2017, arXiv:1705.08500): of
all thresholds, the one that answers most while the accuracy of what it answers is at least the target. Not the accuracy
seen, but its lower confidence bound (Clopper and Pearson 1934); so few pictures promise little. The bound holds for
each threshold by itself; what choosing among them costs was measured: see docs/trust.md.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.card import CONFIDENCE, Curve, Point

TARGETS = (0.99, 0.95, 0.90)  # of which the highest is promised that answers enough
LEAST_COVERAGE = 0.5  # is enough
_LEAST_PROMISED = 0.5
_MOST_TRIED = 5000  # thresholds


def curve_of(confidence: NDArray[np.floating[Any]], correct: NDArray[np.bool_]) -> Curve:
    """Return what can be promised, from predictions for pictures not fitted on: probability (n,), and whether right."""
    from scipy.special import betaincinv

    if not len(confidence):
        return Curve(())
    order = np.argsort(-confidence, kind="stable")
    levels, right = confidence[order].astype(np.float64), np.cumsum(correct[order])
    below = np.append(levels[1:], 0.0)
    thresholds = np.append((levels + below)[:-1] / 2, 0.0)  # half-way to what isn't answered any more
    tried = np.unique(np.linspace(0, len(levels) - 1, _MOST_TRIED).round().astype(int))[::-1]
    tried = tried[levels[tried] > below[tried]]  # no answers of the same probability are parted
    hits, answered = right[tried], tried + 1
    bounds = betaincinv(hits, answered - hits + 1, 1 - CONFIDENCE)  # of Clopper and Pearson; nan where there is no hit
    best = np.maximum.accumulate(np.fmax(np.append(_LEAST_PROMISED, bounds), _LEAST_PROMISED))
    points = []
    for row in np.flatnonzero(bounds > best[:-1]):
        seen = int(answered[row])
        threshold, bound = float(thresholds[tried[row]]), float(bounds[row])
        points.append(Point(threshold, bound, seen / len(levels), int(hits[row]) / seen, seen))
    return Curve(tuple(points))


def choose(curve: Curve, target: float | None = None) -> tuple[float, Point] | None:
    """Return the target to promise and its point: the one asked for, or the highest of TARGETS that answers half.

    None where that can't be kept.
    """
    for one in TARGETS if target is None else (target,):
        point = curve.at(one)
        if point is not None and (target is not None or point.coverage >= LEAST_COVERAGE):
            return one, point
    return None


def selective(correct: NDArray[np.bool_], sure: NDArray[np.bool_]) -> dict[str, float | None]:
    """Return coverage, the accuracy of what is answered, and the share of the errors that "not sure" catches.

    None where nothing is answered, or there is no error.
    """
    wrong = ~correct
    return {
        "coverage": float(sure.mean()),
        "accuracy": float(correct[sure].mean()) if sure.any() else None,
        "errors_caught": float((wrong & ~sure).sum() / wrong.sum()) if wrong.any() else None,
    }


def accuracy_by_coverage(
    confidence: NDArray[np.floating[Any]], correct: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the accuracy of the surest predictions, of (n,), and the shares of all that they are, both (n,)."""
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    return answered / len(order), np.cumsum(correct[order]) / answered
