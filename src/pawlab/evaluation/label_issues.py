"""Pictures whose label looks wrong, the most suspected first.

Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068): ask a model that wasn't trained on a picture
how probable each class is, and rank by the normalised margin

    p(label) - max over the other classes of p(class)        -1: another class is certain; 1: the label is

Five models are fitted to a frozen network's features, each without a fifth of the pictures, the jury. The features have
learned from no label of ours, so a wrong one can't hide in them. A picture's copies are in one fold: else the model
would have seen it under its label after all. The most suspected of a first look are looked at again, cut another way
than in training, and ranked by that: what both views find wrong is seldom just an odd picture.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Picture
from pawlab.evaluation.metrics import Labels, Probabilities
from pawlab.trainers.scaling import mean_and_deviation

Features = NDArray[np.float32]
LookAgain = Callable[[Sequence[Picture]], Features]

NO_FOLD = -1  # of a picture that no model of the jury was trained on

_FOLDS = 5
_CAUTION = 3  # the jury trusts labels less than the head, by so much: they are what is in doubt
_MOST_ITERATIONS = 1000
_LOOKED_AT_AGAIN = 0.05  # of the pictures,
_FEWEST, _MOST = 100, 300  # but so many


@dataclass(frozen=True)
class LabelIssue:
    """A picture whose label is less probable than another class. `score`: by how much, above 0 to 1."""

    picture: Picture
    suggested: str
    score: float

    @property
    def label(self) -> str:
        """Return the label that looks wrong."""
        return self.picture.label


@dataclass(frozen=True)
class Jury:
    """Models by the fold of the training pictures that each was fitted without.

    `folds`: (n,), each picture's fold. `mean` and `deviation`: (d,), of the features; they don't depend on the labels.
    """

    models: dict[int, Any]
    folds: NDArray[np.int64]
    classes: int
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def probabilities(self, features: Features, folds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (n, classes) for features (n, d), each from the model without its fold; of NO_FOLD, all models' mean.

        A number is NaN where the model has seen no picture of that class.
        """
        result = np.full((len(features), self.classes), np.nan)
        for fold, model in self.models.items():
            rows = folds == fold
            if rows.any():
                result[rows] = self._ask(model, features[rows])
        rows = folds == NO_FOLD
        if rows.any() and self.models:
            result[rows] = np.mean([self._ask(model, features[rows]) for model in self.models.values()], axis=0)
        return result

    def _ask(self, model: Any, features: Features) -> NDArray[np.float64]:
        result = np.full((len(features), self.classes), np.nan)
        result[:, model.classes_] = model.predict_proba((features - self.mean) / self.deviation)
        return result


def find_label_issues(
    pictures: Sequence[Picture],
    first: Probabilities,
    jury: Jury,
    folds: NDArray[np.int64],
    classes: Sequence[str],
    look_again: LookAgain,
) -> tuple[LabelIssue, ...]:
    """Return the pictures whose label models that weren't trained on them find wrong, the most suspected first.

    `first`: (n, classes), what a first look at the `pictures` made of them; `folds`: (n,), each one's in the jury, or
    NO_FOLD. `look_again`: gives features (m, d) of pictures in another view; it is asked for the most suspected alone.
    """
    order = np.argsort(_margins(pictures, first, classes), kind="stable")
    chosen = order[: min(_MOST, max(_FEWEST, round(_LOOKED_AT_AGAIN * len(pictures))))]
    again = [pictures[place] for place in chosen.tolist()]
    return rank(again, jury.probabilities(look_again(again), folds[chosen]), classes)


def rank(pictures: Sequence[Picture], probabilities: Probabilities, classes: Sequence[str]) -> tuple[LabelIssue, ...]:
    """Return the pictures whose label isn't the most probable class, the most suspected first.

    `probabilities`: (n, classes), from models that weren't trained on the picture. NaN stands for a class that the
    model doesn't know; a picture whose label is such a class isn't judged.
    """
    margins = _margins(pictures, probabilities, classes)
    found = [
        LabelIssue(pictures[place], classes[int(np.nanargmax(probabilities[place]))], float(-margins[place]))
        for place in np.flatnonzero(margins < 0).tolist()
    ]
    return tuple(sorted(found, key=lambda suspect: (-suspect.score, suspect.picture.name)))


def fit_jury(features: Features, pictures: Sequence[Picture], classes: Sequence[str], strength: float) -> Jury:
    """Fit logistic regression on standardised features (n, d), as in `heads`, once without each fold of the pictures.

    `strength`: of the head's penalty. The same arrays give the same bits.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    labels = _labels(pictures, classes)
    folds = _folds(labels, [picture.sha256 for picture in pictures])
    mean, deviation = mean_and_deviation(features)
    models = {}
    with threadpool_limits(1):  # sums in one order
        for fold in range(int(folds.max()) + 1):
            rest = folds != fold
            if len(np.unique(labels[rest])) > 1:
                model = LogisticRegression(C=strength / _CAUTION, max_iter=_MOST_ITERATIONS)
                models[fold] = model.fit((features[rest] - mean) / deviation, labels[rest])
    return Jury(models, folds, len(classes), mean, deviation)


def _folds(labels: Labels, contents: Sequence[str]) -> NDArray[np.int64]:
    """Return each picture's fold; every class is spread over them, and copies stay together."""
    from sklearn.model_selection import StratifiedKFold

    _, first, content = np.unique(np.asarray(contents), return_index=True, return_inverse=True)
    largest = int(np.bincount(labels[first]).max())
    folds = np.zeros(len(first), np.int64)
    if largest < 2:
        return folds[content]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are too small for every fold
        parts = StratifiedKFold(min(_FOLDS, largest)).split(first, labels[first])
        for number, (_, held_out) in enumerate(parts):
            folds[held_out] = number
    return folds[content]


def _margins(pictures: Sequence[Picture], probabilities: Probabilities, classes: Sequence[str]) -> NDArray[np.float64]:
    """Return (n,): p(label) less that of the most probable other class; infinite where the label isn't judged."""
    rows, labels = np.arange(len(pictures)), _labels(pictures, classes)
    own = probabilities[rows, labels]
    others = np.where(np.isnan(probabilities), 0.0, probabilities)
    others[rows, labels] = -np.inf
    return np.where(np.isnan(own), np.inf, own - others.max(axis=1))


def _labels(pictures: Sequence[Picture], classes: Sequence[str]) -> NDArray[np.int64]:
    positions = {name: index for index, name in enumerate(classes)}
    return np.array([positions[picture.label] for picture in pictures], dtype=np.int64)
