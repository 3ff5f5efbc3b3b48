"""Pictures whose label looks wrong, the most likely first.

Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068): take out-of-fold probabilities, those of a
model that wasn't trained on the picture, and rank by the normalised margin

    p(label) - max over the other classes of p(class)        -1: another class is certain; 1: the label is

`trainers.cross_validation` gives the probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Picture
from pawlab.evaluation.metrics import Probabilities

_SHARE_SHORTLISTED = 0.05  # of the pictures,
_FEWEST, _MOST = 100, 300  # but so many


@dataclass(frozen=True)
class LabelIssue:
    """A picture whose label is less probable than another class. `score`: by how much, above 0 to 1."""

    picture: Picture
    suggested: str
    score: float


def shortlist(pictures: Sequence[Picture], probabilities: Probabilities, classes: Sequence[str]) -> NDArray[np.intp]:
    """Return the positions of the pictures with the smallest margins: 5%, at least 100 and at most 300."""
    order = np.argsort(_margins(pictures, probabilities, classes), kind="stable")
    return order[: min(_MOST, max(_FEWEST, round(_SHARE_SHORTLISTED * len(pictures))))]


def rank(pictures: Sequence[Picture], probabilities: Probabilities, classes: Sequence[str]) -> tuple[LabelIssue, ...]:
    """Return the pictures whose label isn't the most probable class, the largest difference first.

    `probabilities`: (n, classes), out of fold. NaN stands for a class that the model hasn't seen; a picture whose label
    is such a class isn't judged.
    """
    margins = _margins(pictures, probabilities, classes)
    found = [
        LabelIssue(pictures[place], classes[int(np.nanargmax(probabilities[place]))], float(-margins[place]))
        for place in np.flatnonzero(margins < 0).tolist()
    ]
    return tuple(sorted(found, key=lambda issue: (-issue.score, issue.picture.name)))


def _margins(pictures: Sequence[Picture], probabilities: Probabilities, classes: Sequence[str]) -> NDArray[np.float64]:
    """Return (n,): p(label) less that of the most probable other class; infinite where the label isn't judged."""
    rows, labels = np.arange(len(pictures)), np.array([classes.index(one.label) for one in pictures], np.intp)
    own = probabilities[rows, labels]
    others = np.where(np.isnan(probabilities), 0.0, probabilities)
    others[rows, labels] = -np.inf
    return np.where(np.isnan(own), np.inf, own - others.max(axis=1))
