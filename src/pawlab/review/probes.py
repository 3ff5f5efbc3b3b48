"""The linear probe as review and labelling use it: fitted on those pictures whose labels are known by now."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawlab.evaluation.metrics import Labels, Logits
from pawlab.trainers.cross_validation import CrossValidated, assign_folds, cross_validate, cross_validate_at
from pawlab.trainers.finish import fit_temperature
from pawlab.trainers.probe import LinearProbe, Matrix, fit_probe

Positions = NDArray[np.intp]

_FEWEST = 6  # labels, below which nothing can be held out
_ENOUGH = 20  # labels, from which on C is chosen by them: fewer choose badly
_FIRST_C = 0.1
_MORE = 1.5  # times as many labels as C was chosen by: from there on it is chosen again


@dataclass(frozen=True)
class Fit:
    """A probe fitted on labelled pictures.

    `known`: the classes that it has seen, as positions among all; `logits`: (n, classes) for all pictures; `held_out`:
    (m, classes) for the labelled ones, by probes that hadn't seen them, None where those are too few. A class that a
    probe hasn't seen has the logit minus infinity. `chosen_by`: by how many labels C was chosen, 0 where it wasn't.
    """

    probe: LinearProbe
    known: Positions
    logits: Logits
    held_out: Logits | None
    chosen_by: int = 0

    def temperature(self, labels: Labels) -> float:
        """Return the temperature that fits out-of-fold predictions to the labels (m,) best; 1 without any."""
        if self.held_out is None:
            return 1.0
        judged = np.isfinite(self.held_out[np.arange(len(labels)), labels])
        return fit_temperature(self.held_out[judged], labels[judged]) if judged.any() else 1.0

    def stands_for(self, known: Positions, labels: int) -> bool:
        """Say whether C would hardly be chosen otherwise by so many labels of these classes."""
        return np.array_equal(known, self.known) and max(labels, self.chosen_by) < _MORE * min(labels, self.chosen_by)


def fit(
    features: Matrix,
    rows: Positions,
    labels: Labels,
    contents: Sequence[str],
    classes: int,
    before: Fit | None = None,
) -> Fit | None:
    """Fit on the pictures in `rows`, with labels (m,), class positions; None where they are of fewer than two classes.

    `features`: (n, d) of all pictures; `contents`: their SHA-256. `before`: the fit before, whose C is held while it
    was chosen by nearly as many labels, of the same classes: that takes half of the time.
    """
    seen, positions = np.unique(labels, return_inverse=True)
    known = seen.astype(np.intp)
    if len(known) < 2:
        return None
    learned, held_out, chosen_by = features[rows], None, 0
    folds = assign_folds(positions, [contents[row] for row in rows.tolist()])
    if len(rows) < _FEWEST or not folds.any():
        probe = fit_probe(learned, positions, _FIRST_C)
    elif len(rows) < _ENOUGH:
        probe = fit_probe(learned, positions, _FIRST_C)
        held_out = _spread(_by_fold(learned, positions, folds), known, classes)
    else:
        held = before if before is not None and before.stands_for(known, len(rows)) else None
        if held is None:
            validated, chosen_by = _chosen(learned, positions, folds, len(known)), len(rows)
        else:
            validated = cross_validate_at(held.probe.C, learned, positions, folds, len(known))
            chosen_by = held.chosen_by
        probe, held_out = validated.probe, _spread(validated.out_of_fold.logits, known, classes)
    return Fit(probe, known, _spread(probe.logits(features), known, classes), held_out, chosen_by)


def _chosen(features: Matrix, positions: Labels, folds: NDArray[np.int64], classes: int) -> CrossValidated:
    """Choose C by the labels, unless with any C they are predicted no better than by the classes' shares.

    What was asked about first are the hard cases. They may tell that C should be next to nothing, which would leave a
    probe that knows nothing of the easy ones.
    """
    found = cross_validate(features, positions, folds, classes)
    shares = np.bincount(positions) / len(positions)
    if found.out_of_fold.loss < -(shares * np.log(shares)).sum():
        return found
    return cross_validate_at(_FIRST_C, features, positions, folds, classes)


def _by_fold(features: Matrix, positions: Labels, folds: NDArray[np.int64]) -> Logits:
    """Return logits (m, classes) by probes without the picture's fold; minus infinity where one saw no such class."""
    result = np.full((len(features), int(positions.max()) + 1), -np.inf, np.float32)
    for fold in np.unique(folds):
        inside = folds == fold
        seen, rest = np.unique(positions[~inside], return_inverse=True)
        if len(seen) > 1:
            probe = fit_probe(features[~inside], rest, _FIRST_C)
            result[np.ix_(inside, seen)] = probe.logits(features[inside])
    return result


def _spread(logits: Logits, known: Positions, classes: int) -> Logits:
    result = np.full((len(logits), classes), -np.inf, np.float32)
    result[:, known] = logits
    return result
