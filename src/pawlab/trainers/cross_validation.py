"""Folds, and what probes say of the pictures that they were fitted without: out-of-fold predictions.

Each picture is predicted by a probe that was fitted without its fold; pictures that belong together (copies, near
duplicates, a group) are in one fold. C, the temperature and thresholds are chosen by these predictions, of all training
and validation pictures, and the probe that ships is fitted on all of them.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Picture
from pawlab.datasets.groups import Pair, unit_numbers
from pawlab.evaluation.metrics import Labels, Logits
from pawlab.progress import Progress, silent
from pawlab.trainers.logistic import Rows, Solver
from pawlab.trainers.probe import (
    C_GRID,
    Balance,
    LinearProbe,
    Matrix,
    class_weights,
    fit_prepared,
    prepare,
)

FOLDS = 5
_PATIENCE = 2  # values of C in a row that are worse than the best: larger ones would be worse still
_UNEQUAL = 1.5  # times as many pictures in the largest class as in the smallest, from where weights are tried


@dataclass(frozen=True)
class OutOfFold:
    """Predictions for pictures by models that were fitted without them.

    `logits`: float32 (n, classes), minus infinity for a class that the model has seen no picture of; `labels`: (n,);
    `folds`: (n,), whose model it was.
    """

    logits: Logits
    labels: Labels
    folds: NDArray[np.int64]

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Say for each picture (n,) whether the model had seen its class: else the prediction proves nothing."""
        return np.isfinite(self.logits[np.arange(len(self.labels)), self.labels])

    @property
    def loss(self) -> float:
        """Return the mean cross-entropy in nats of those that are judged."""
        from scipy.special import log_softmax

        rows = np.flatnonzero(self.judged)
        if not len(rows):
            return float("inf")
        likelihood = log_softmax(self.logits[rows].astype(np.float64), axis=1)
        return float(-likelihood[np.arange(len(rows)), self.labels[rows]].mean())


@dataclass(frozen=True)
class CrossValidated:
    """A probe fitted on all pictures, with the C that the folds chose.

    `losses`: out-of-fold loss in nats for each C tried; `balanced`: whether classes were weighted.
    """

    probe: LinearProbe
    out_of_fold: OutOfFold
    losses: dict[float, float] = field(default_factory=dict)
    balanced: bool = False


def assign_folds(
    labels: Labels, contents: Sequence[str], units: Sequence[int] | None = None, folds: int = FOLDS
) -> NDArray[np.int64]:
    """Return each picture's fold (n,); every class is spread over them, and each unit is in one.

    `contents`: SHA-256, which decides; `units`: numbers of what belongs together, copies by default. There are no more
    folds than the class with the most units has of them.
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    together: Sequence[Hashable] = contents if units is None else units
    for place, unit in enumerate(together):
        members[unit].append(place)
    in_order = sorted(members.values(), key=lambda places: (-len(places), min(contents[place] for place in places)))
    labels_of = [np.unique(labels[places]).tolist() for places in in_order]
    folds = max(1, min(folds, int(np.bincount([label for some in labels_of for label in some]).max())))
    counts, result = np.zeros((int(labels.max()) + 1, folds), np.int64), np.zeros(len(labels), np.int64)
    for places, some in zip(in_order, labels_of, strict=True):
        lacking = counts[some].sum(axis=0) * len(labels) + counts.sum(axis=0)  # the class first, then all pictures
        result[places] = fold = int(lacking.argmin())
        np.add.at(counts[:, fold], labels[places], 1)
    return result


def folds_of(
    pictures: Sequence[Picture], labels: Labels, near: Iterable[Pair] = (), folds: int = FOLDS
) -> NDArray[np.int64]:
    """Return each picture's fold (n,); copies, groups and those linked by a pair in `near` are in one."""
    return assign_folds(labels, [picture.sha256 for picture in pictures], unit_numbers(pictures, near), folds)


def cross_validate(
    features: Matrix,
    labels: Labels,
    folds: NDArray[np.int64],
    classes: int,
    balance: Balance = "none",
    progress: Progress = silent,
) -> CrossValidated:
    """Choose C, and whether to weight classes, by the loss of out-of-fold predictions, and fit on all.

    `features`: (n, d); `labels`: (n,), class positions, each of which occurs; `folds`: (n,), two or more different. The
    same arrays give the same bits.
    """
    prepared = prepare(features, labels, classes)
    without = (folds != np.unique(folds)[:, None]).astype(float)
    found = []
    for weighted in _to_try(balance, labels):
        weights = class_weights(labels, classes) if weighted else np.ones(classes)
        found.append((weighted, *_along_c(prepared.rows, without, weights, folds, progress)))
    weighted, out_of_fold, losses = min(found, key=lambda one: one[1].loss)
    _, C = min((loss, C) for C, loss in losses.items())  # noqa: N806
    probe = fit_prepared(prepared, C, weighted)
    return CrossValidated(probe, out_of_fold, losses, weighted)


def _to_try(balance: Balance, labels: Labels) -> tuple[bool, ...]:
    counts = np.bincount(labels)
    unequal = counts.max() >= _UNEQUAL * counts[counts > 0].min()
    return {"none": (False,), "weights": (True,), "auto": (False, True) if unequal else (False,)}[balance]


def _along_c(
    rows: Rows, without: NDArray[np.float64], weights: NDArray[np.float64], folds: NDArray[np.int64], progress: Progress
) -> tuple[OutOfFold, dict[float, float]]:
    """Return the best out-of-fold predictions along C, and the loss at each."""
    solver = Solver(rows, without * weights[rows.labels])
    own, solutions = np.searchsorted(np.unique(folds), folds), solver.nothing
    losses: dict[float, float] = {}
    found: list[OutOfFold] = []
    with progress("Fitting", len(C_GRID), "values of C") as advance:
        for C in C_GRID:  # noqa: N806
            solutions = solver.fit(C, solutions)
            logits = solver.held_out(solutions, own) - np.log(weights).astype(np.float32)
            found.append(OutOfFold(logits, rows.labels, folds))
            losses[C] = found[-1].loss
            advance(1)
            if min(list(losses.values())[-_PATIENCE:]) > min(losses.values()):
                break
    return min(found, key=lambda one: one.loss), losses
