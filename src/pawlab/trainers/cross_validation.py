"""Linear probes that haven't seen the picture they predict: out-of-fold probabilities, and label issues by them.

Five probes are fitted to a frozen network's features, each without a fifth of the pictures; the features were learned
without our labels, so a wrong label can't hide in them. Copies of a picture are in one fold, else the probe would have
seen it under its label after all. The pictures with the smallest margins are ranked by a second view, cropped where
training squashes: what both views call wrong is seldom just an unusual picture.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Dataset, Picture
from pawlab.evaluation.evaluate import Evaluation
from pawlab.evaluation.label_issues import LabelIssue, rank, shortlist
from pawlab.evaluation.metrics import Labels
from pawlab.images import Preprocess
from pawlab.trainers.linear_probe import LinearProbe, Matrix, fit_probe, mean_and_deviation

SecondView = Callable[[Sequence[Picture]], Matrix]

NO_FOLD = -1  # of a picture that no probe was fitted on

_FOLDS = 5
_CAUTION = 3  # labels are what is in doubt here, so they weigh less than in training: C is divided by this


@dataclass(frozen=True)
class CrossValidated:
    """Probes by the fold that each was fitted without, with the class positions that it knows.

    `folds`: (n,), each picture's fold.
    """

    probes: dict[int, tuple[LinearProbe, NDArray[np.int64]]]
    folds: NDArray[np.int64]
    classes: int

    def probabilities(self, features: Matrix, folds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (n, classes) for features (n, d), each from the probe without its fold; of NO_FOLD, the mean of all.

        A number is NaN where the probe has seen no picture of that class.
        """
        result = np.full((len(features), self.classes), np.nan)
        for fold in self.probes:
            rows = folds == fold
            if rows.any():
                result[rows] = self._predict(fold, features[rows])
        rows = folds == NO_FOLD
        if rows.any() and self.probes:
            result[rows] = np.mean([self._predict(fold, features[rows]) for fold in self.probes], axis=0)
        return result

    def _predict(self, fold: int, features: Matrix) -> NDArray[np.float64]:
        probe, known = self.probes[fold]
        result = np.full((len(features), self.classes), np.nan)
        result[:, known] = probe.probabilities(features)
        return result


def cross_validate(
    features: Matrix,
    labels: Labels,
    contents: Sequence[str],
    classes: int,
    C: float,  # noqa: N803
) -> CrossValidated:
    """Fit a probe without each fold of features (n, d) and labels (n,); `contents`: the pictures' SHA-256.

    The same arrays give the same bits.
    """
    folds = assign_folds(labels, contents)
    scale = mean_and_deviation(features)
    probes = {}
    for fold in range(int(folds.max()) + 1):
        known, rest = np.unique(labels[folds != fold], return_inverse=True)
        if len(known) > 1:
            probes[fold] = fit_probe(features[folds != fold], rest, C, scale), known
    return CrossValidated(probes, folds, classes)


def assign_folds(labels: Labels, contents: Sequence[str]) -> NDArray[np.int64]:
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


def find_label_issues(
    dataset: Dataset,
    features: Matrix,
    test: Evaluation,
    tested: Matrix | None,
    view: SecondView,
    C: float,  # noqa: N803
) -> tuple[LabelIssue, ...]:
    """Return the pictures of all three splits whose label looks wrong, the most likely first.

    `features`: (n, d), of training and validation pictures in this order. `tested`: (m, d), those of the test pictures;
    None where `test`, the classifier's own predictions, come from the same features. `view`: gives the features of the
    shortlist in another view. `C`: of the probes, before caution.
    """
    trained = dataset.split("train") + dataset.split("validation")
    unseen = np.full(len(test.pictures), NO_FOLD)
    labels, contents = np.array(dataset.class_indices(trained)), [picture.sha256 for picture in trained]
    validated = cross_validate(features, labels, contents, len(dataset.classes), C / _CAUTION)
    first = test.probabilities if tested is None else validated.probabilities(tested, unseen)
    out_of_fold = np.concatenate([validated.probabilities(features, validated.folds), first])
    pictures, folds = trained + test.pictures, np.concatenate([validated.folds, unseen])
    listed = shortlist(pictures, out_of_fold, dataset.classes)
    some = [pictures[place] for place in listed.tolist()]
    return rank(some, validated.probabilities(view(some), folds[listed]), dataset.classes)


def second_view(preprocess: Preprocess) -> Preprocess:
    """Return another way of resizing than the one of training."""
    return replace(preprocess, resize_mode="squash" if preprocess.resize_mode == "crop" else "crop")
