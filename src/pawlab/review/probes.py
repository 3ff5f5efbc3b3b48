"""The linear probe as review and labelling use it: on some pictures' features, with labels as they are now."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pawlab.evaluation.metrics import Labels, Probabilities
from pawlab.trainers.cross_validation import NO_FOLD, cross_validate
from pawlab.trainers.finish import fit_temperature
from pawlab.trainers.linear_probe import Matrix, fit_probe

_TINY = 1e-6  # a class that a probe hasn't seen isn't impossible
UNSEEN = -1e4  # the logit of such a class


def out_of_fold(
    features: Matrix,
    labels: Labels,
    contents: Sequence[str],
    classes: int,
    C: float,  # noqa: N803
) -> Probabilities:
    """Return probabilities (n, classes) for features (n, d), each from a probe that hasn't seen the picture.

    `labels`: class positions (n,), -1 for pictures that no probe shall learn from; those get the mean of all probes.
    A class that a probe hasn't seen has the probability 0.
    """
    known = labels >= 0
    validated = cross_validate(features[known], labels[known], np.asarray(contents)[known].tolist(), classes, C)
    folds = np.full(len(labels), NO_FOLD)
    folds[known] = validated.folds
    return np.nan_to_num(validated.probabilities(features, folds), nan=0.0)


def fitted_logits(
    features: Matrix,
    rows: NDArray[np.intp],
    labels: Labels,
    classes: int,
    C: float,  # noqa: N803
) -> NDArray[np.float64] | None:
    """Return logits (n, classes) for all features (n, d), of a probe fitted on those in `rows`, whose labels (m,) are
    class positions; None where they are of fewer than two classes.
    """
    known, positions = np.unique(labels, return_inverse=True)
    if len(known) < 2:
        return None
    result = np.full((len(features), classes), UNSEEN)
    result[:, known] = fit_probe(features[rows], positions, C).logits(features)
    return result


def temperature_of_few(probabilities: Probabilities, labels: Labels) -> float:
    """Return the temperature that makes out-of-fold probabilities (m, classes) fit the labels (m,) best."""
    return fit_temperature(np.log(probabilities + _TINY).astype(np.float32), labels)
