"""What training pictures look like to a pretrained network: the centres that `out_of_distribution` measures by.

Centres are up to 256 k-means centres of the training pictures' features scaled to length 1 (spherical k-means, Dhillon
and Modha 2001), or the pictures themselves where there are no more. Of more than 20,000 training pictures so many are
taken, spread evenly over all. The limit keeps a stated share of pictures that the centres haven't seen.
"""

import warnings
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.evaluation.out_of_distribution import directions, ood_score
from pawlab.features.rows import AnyRows, Features, Positions
from pawlab.trainers.products import one_thread_each

KEPT_SHARE = 0.995  # of the pictures that the centres haven't seen which count as like the training pictures

_CENTRES = 256  # of 1,280 numbers each: 1.3 MB in the classifier's file
_MOST_TRAINING = 20_000  # pictures: 78 a centre
_ROUNDS = 20  # of k-means at most; it has all but converged by then, and needn't be perfect
_ENOUGH = 200  # scores, so that the share of 1 in 200 beyond the limit is more than a guess
_FOLDS = 5
_FEW = 100  # pictures: then each is left out alone
_ROUNDING = 1e-6


def fit_centres(train: AnyRows, validation: AnyRows) -> tuple[Features, float]:
    """Return centres, float32 (k, d), of training features (n, d), and the `ood_score` above which a picture is unlike.

    The centres have length 1, and the limit keeps KEPT_SHARE of validation features (m, d). Where those are few,
    training pictures join them, each scored against centres made without it. The same arrays give the same bits.
    """
    distinct = _distinct(directions(train[_spread(len(train), _MOST_TRAINING)]))
    with one_thread_each():
        centres = _cluster(distinct)
        scores = ood_score(validation, centres)
        if len(scores) < _ENOUGH:
            scores = np.concatenate([scores, _held_out(distinct)])
    return centres, float(np.quantile(scores, KEPT_SHARE, method="higher")) + _ROUNDING


def _spread(number: int, most: int) -> Positions:
    """Return places of all, or of `most`, as evenly as can be."""
    return np.linspace(0, number - 1, min(number, most)).round().astype(np.int64)


def _distinct(rows: Features) -> Features:
    """Drop repeated pictures: one would make its copy look known."""
    return rows[sorted({sha256(row).digest(): place for place, row in reversed(list(enumerate(rows)))}.values())]


def _cluster(rows: Features) -> Features:
    """Start from pictures spread evenly over the training set: every class has its share, and nothing is random."""
    from scipy.cluster.vq import kmeans2

    if len(rows) <= _CENTRES:
        return rows
    centres: NDArray[Any] = rows[_spread(len(rows), _CENTRES)]
    nearest: NDArray[Any] = np.full(len(rows), -1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="One of the clusters is empty")  # its centre stays where it was
        for _ in range(_ROUNDS):
            before = nearest
            centres, nearest = kmeans2(rows, centres, 1, minit="matrix", check_finite=False)
            if (nearest == before).all():
                break
    return directions(centres.astype(np.float32))


def _held_out(rows: Features) -> NDArray[np.float32]:
    """Return each training picture's score against centres made without it."""
    number = len(rows)
    if number < 2:
        return np.empty(0, np.float32)
    folds = np.arange(number) % (number if number <= _FEW else _FOLDS)
    parts = [ood_score(rows[folds == fold], _cluster(rows[folds != fold])) for fold in np.unique(folds)]
    return np.concatenate(parts)
