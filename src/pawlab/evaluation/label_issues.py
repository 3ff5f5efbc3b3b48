"""Pictures whose label looks wrong, the most likely first, and how many of them are likely to be.

From out-of-fold predictions, those of a model that wasn't fitted on the picture, the share e of wrong labels is
estimated: with q = softmax(logits / T), a label y of K classes is taken to come about as

    p(y | picture) = (1 - e) q_y + e (1 - q_y) / (K - 1)

T and e are the most probable ones together. A model that is often wrong but knows when gets a larger T; wrong labels
are where a model is sure of another class more often than its sureness allows, and give e > 0. A label's probability of
being wrong then follows from Bayes' rule. Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068) was
measured beside it: its thresholds take the model's own mistakes for wrong labels, so of five breeds of cats that are
hard to distinguish it listed a quarter of the pictures. Figures are in docs/trust.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Picture
from pawlab.evaluation.metrics import Labels, Logits

_LISTED = 0.1  # probability of being wrong
_LARGEST_SHARE = 0.15  # of the pictures that may be listed
_LEAST_WRONG = 0.01  # share of labels: a data set without any is rare, and too few can't be estimated
_RATES = (0.0, 0.003, 0.01, 0.02, 0.04, 0.07, 0.11, 0.16, 0.22, 0.3)  # from where the best is looked for
_PRIOR = 0.5  # standard deviation of log T, as in trainers.finish
_MOST_ROWS = 20_000  # that the two numbers are estimated from
_ROWS = 4_096  # judged at a time, so that memory holds no table of all pictures and classes


@dataclass(frozen=True)
class LabelIssue:
    """A picture whose label may be wrong. `score`: its estimated probability of being so, 0 to 1."""

    picture: Picture
    suggested: str
    score: float


def find_label_issues(pictures: Sequence[Picture], logits: Logits, classes: Sequence[str]) -> tuple[LabelIssue, ...]:
    """Return the pictures whose label is wrong with a probability of 0.1 or more; at most 15% of all.

    `logits`: (n, classes), out of fold; minus infinity for a class that the model hasn't seen. A picture whose label is
    such a class isn't judged.
    """
    positions = {name: place for place, name in enumerate(classes)}
    labels = np.array([positions[picture.label] for picture in pictures], np.intp)
    judged = np.isfinite(logits[np.arange(len(labels)), labels])
    places = np.flatnonzero(judged)
    if not len(places):
        return ()
    temperature, rate = _noise(logits, labels, places)
    own, suggested = _own_and_best(logits, labels, places, temperature)
    wrong = _wrong(own, max(rate, _LEAST_WRONG), len(classes))
    order = sorted(range(len(places)), key=lambda row: (-wrong[row], pictures[int(places[row])].name))
    listed = [row for row in order[: int(_LARGEST_SHARE * len(places))] if wrong[row] >= _LISTED]
    return tuple(
        LabelIssue(pictures[places[row]], classes[int(suggested[row])], float(wrong[row]))
        for row in listed
        if suggested[row] != labels[places[row]]
    )


def expected_true(issues: Sequence[LabelIssue]) -> float:
    """Return how many of these labels are likely to be wrong."""
    return sum(issue.score for issue in issues)


def estimate_noise(logits: Logits, labels: Labels) -> tuple[float, float]:
    """Return the temperature and the share of wrong labels, 0 to 0.5, that make labels (n,) most probable.

    Of more than 20,000 pictures, every second is looked at, or every third and so on.
    """
    return _noise(logits, labels, np.arange(len(labels)))


def _noise(logits: Logits, labels: Labels, places: NDArray[np.intp]) -> tuple[float, float]:
    """Do so for the pictures at some places."""
    from scipy.optimize import minimize

    sampled = places[:: -(-len(places) // _MOST_ROWS)]
    some, theirs = logits[sampled], labels[sampled]
    rows = np.arange(len(theirs))

    def cost(values: NDArray[np.float64]) -> float:
        log_temperature, rate = values[0], min(max(values[1], 0.0), 0.5)
        own = _shares(some, float(np.exp(log_temperature)))[rows, theirs]
        likelihood = np.log(np.maximum(_given(own, rate, logits.shape[1]), 1e-300)).sum()
        return float(log_temperature**2 / (2 * _PRIOR**2) - likelihood)

    starts = ((log_temperature, rate) for log_temperature in (-0.7, 0.0, 0.5) for rate in _RATES)
    start = min(starts, key=lambda pair: cost(np.array(pair)))
    found = minimize(cost, start, method="Nelder-Mead", options={"initial_simplex": _around(start), "xatol": 1e-4}).x
    return float(np.exp(found[0])), float(min(max(found[1], 0.0), 0.5))


def _around(start: tuple[float, float]) -> NDArray[np.float64]:
    return np.array([start, (start[0] + 0.2, start[1]), (start[0], start[1] + 0.01)])


def _shares(logits: Logits, temperature: float) -> NDArray[np.float64]:
    from scipy.special import softmax

    result: NDArray[np.float64] = softmax(logits.astype(np.float64) / temperature, axis=1)
    return result


def _own_and_best(
    logits: Logits, labels: Labels, places: NDArray[np.intp], temperature: float
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return, for the pictures at some places, the probability of the label's class, and the most probable class."""
    own, best = np.empty(len(places)), np.empty(len(places), np.intp)
    for start in range(0, len(places), _ROWS):
        some, rows = places[start : start + _ROWS], slice(start, start + _ROWS)
        shares = _shares(logits[some], temperature)
        own[rows], best[rows] = shares[np.arange(len(some)), labels[some]], shares.argmax(axis=1)
    return own, best


def _given(own: NDArray[np.float64], rate: float, classes: int) -> NDArray[np.float64]:
    """Return the probability of a label whose class has the probability `own`."""
    return (1 - rate) * own + rate * (1 - own) / (classes - 1)


def _wrong(own: NDArray[np.float64], rate: float, classes: int) -> NDArray[np.float64]:
    """Return the probability that a label is wrong."""
    result: NDArray[np.float64] = rate * (1 - own) / (classes - 1) / _given(own, rate, classes)
    return result
