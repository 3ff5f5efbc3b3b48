"""Folds, and what probes say of the pictures that they were fitted without: out-of-fold predictions.

Each picture is predicted by a probe that was fitted without its fold; pictures that belong together (copies, near
duplicates, a group) are in one fold. C, the temperature and thresholds are chosen by these predictions, of all training
and validation pictures, and the probe that ships is fitted on all of them.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Picture
from pawlab.datasets.groups import Pair, unit_numbers
from pawlab.errors import DataError
from pawlab.evaluation.metrics import Labels, Logits
from pawlab.features.rows import AnyRows, blocks
from pawlab.progress import Progress, silent
from pawlab.trainers.logistic import OUT_OF_FOLD, PRECISE, Rows, Solver
from pawlab.trainers.probe import (
    C_GRID,
    Balance,
    LinearProbe,
    Matrix,
    Prepared,
    class_weights,
    prepare,
    to_probe,
)

FOLDS = 5
LIKELY_C = 0.01  # of C_GRID: where the search begins
_WORSE = 1.01  # times the smallest loss: further from the best C it would be worse still
ENOUGH_TO_CHOOSE = 4_000  # held-out pictures: where fewer folds than all have as many, those choose C
_UNEQUAL = 1.5  # times as many pictures in the largest class as in the smallest, from where weights are tried

Losses = dict[float, float]  # of each C
Solutions = dict[float, Matrix]


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

        judged = np.flatnonzero(self.judged)
        if not len(judged):
            return float("inf")
        likelihood = np.empty(len(judged))
        for some in blocks(len(judged), self.logits.shape[1]):
            rows = judged[some]
            shares = log_softmax(self.logits[rows].astype(np.float64), axis=1)
            likelihood[some] = shares[np.arange(len(rows)), self.labels[rows]]
        return float(-likelihood.mean())


@dataclass(frozen=True)
class CrossValidated:
    """A probe fitted on all pictures, with the C that the folds chose.

    `losses`: out-of-fold loss in nats for each C tried, as exactly as a choice needs it; `balanced`: whether classes
    were weighted; `choosing`: how many of the folds chose.
    """

    probe: LinearProbe
    out_of_fold: OutOfFold
    losses: dict[float, float] = field(default_factory=dict)
    balanced: bool = False
    choosing: int = FOLDS


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
    features: AnyRows,
    labels: Labels,
    folds: NDArray[np.int64],
    classes: int,
    balance: Balance = "none",
    progress: Progress = silent,
    memory: float | None = None,
) -> CrossValidated:
    """Choose C, and whether to weight classes, by the loss of out-of-fold predictions, and fit on all.

    `features`: (n, d); `labels`: (n,), class positions, each of which occurs; `folds`: (n,), two or more different.
    Where few of the folds hold 4,000 pictures, those few choose. The same arrays give the same bits. `memory`: in GB,
    as in `budget.holds`, whose errors it raises. Raises DataError where there is one fold alone.
    """
    names = np.unique(folds)
    if len(names) < 2:
        raise DataError(
            "there are too few different pictures to cross-validate: each class shows one thing alone. Add some."
        )
    prepared = prepare(features, labels, classes, len(names) + 1, memory, progress)
    names = names[: _enough_to_choose(folds)]
    tried = []
    for weighted in _to_try(balance, labels):
        weights = class_weights(labels, classes) if weighted else np.ones(classes)
        losses, solutions = _along_c(_Folds(prepared.rows, folds, names, weights), progress)
        tried.append((min(losses.values()), weighted, weights, losses, solutions))
    _, weighted, weights, losses, solutions = min(tried, key=lambda one: one[0])
    C = min(losses, key=losses.__getitem__)  # noqa: N806
    with progress("Fitting at the best C", 1, "fits") as advance:
        found = _at(C, prepared, folds, weights, solutions[C])
        advance(1)
    return replace(found, losses=losses, balanced=weighted, choosing=len(names))


def cross_validate_at(
    C: float,  # noqa: N803
    features: AnyRows,
    labels: Labels,
    folds: NDArray[np.int64],
    classes: int,
) -> CrossValidated:
    """Do the same at a C that is known, without weights: in less than half of the time."""
    prepared = prepare(features, labels, classes, len(np.unique(folds)) + 1)
    found = _at(C, prepared, folds, np.ones(classes))
    return replace(found, losses={C: found.out_of_fold.loss})


def _at(
    C: float,  # noqa: N803
    prepared: Prepared,
    folds: NDArray[np.int64],
    weights: NDArray[np.float64],
    known: Matrix | None = None,
) -> CrossValidated:
    """Fit the folds' probes, and one on all, together. `known`: solutions of the first folds."""
    names = np.unique(folds)
    every = _Folds(prepared.rows, folds, np.append(names, names[-1] + 1), weights)  # the last holds no picture
    start = every.nothing.copy()
    if known is not None:
        start[:] = known.mean(axis=0)
        start[: len(known)] = known
    solutions = every.fit(C, start, np.array([OUT_OF_FOLD] * len(names) + [PRECISE]))
    return CrossValidated(to_probe(solutions[-1], C, weights, prepared), every.held_out(solutions))


def _enough_to_choose(folds: NDArray[np.int64]) -> int:
    """Return how many of the folds, from the first on, hold the pictures that it takes to choose C."""
    held_out = np.cumsum(np.unique(folds, return_counts=True)[1])
    return min(int(np.searchsorted(held_out, ENOUGH_TO_CHOOSE)) + 1, len(held_out))


def _to_try(balance: Balance, labels: Labels) -> tuple[bool, ...]:
    counts = np.bincount(labels)
    unequal = counts.max() >= _UNEQUAL * counts[counts > 0].min()
    return {"none": (False,), "weights": (True,), "auto": (False, True) if unequal else (False,)}[balance]


class _Folds:
    """The probes of some folds, `names`, fitted together; each class has its weight (classes,)."""

    def __init__(
        self, rows: Rows, folds: NDArray[np.int64], names: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> None:
        self._rows, self._folds, self._names, self._weights = rows, folds, names, weights
        self._solver = Solver(rows, (folds != names[:, np.newaxis]) * weights[rows.labels])
        self.nothing, self.fit = self._solver.nothing, self._solver.fit

    def held_out(self, solutions: Matrix) -> OutOfFold:
        """Return predictions for the pictures of these folds; the others' logits are minus infinity."""
        own = np.where(np.isin(self._folds, self._names), np.searchsorted(self._names, self._folds), -1)
        logits = self._solver.held_out(solutions, own)
        logits -= np.log(self._weights).astype(np.float32)
        return OutOfFold(logits, self._rows.labels, self._folds)


def _along_c(folds: _Folds, progress: Progress) -> tuple[Losses, Solutions]:
    """Go from a likely C up until it gets worse, and down where that one is the best."""
    losses: Losses = {}
    solutions: Solutions = {}
    above = [one for one in C_GRID if one >= LIKELY_C]
    below = [one for one in reversed(C_GRID) if one < LIKELY_C]
    with progress("Fitting", len(C_GRID), "values of C") as advance:
        for way in (above, below):
            start = solutions.get(LIKELY_C, folds.nothing)
            for C in way:  # noqa: N806
                start = solutions[C] = folds.fit(C, start, OUT_OF_FOLD)
                losses[C] = folds.held_out(start).loss
                advance(1)
                if losses[C] > _WORSE * min(losses.values()):
                    break
            if min(losses, key=losses.__getitem__) != LIKELY_C:
                break
    return dict(sorted(losses.items())), solutions
