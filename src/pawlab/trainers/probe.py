"""A linear classifier on a network's features, and the only place that fits one.

Features are standardised first. With features x, training mean m and standard deviation s, weights W and bias b, the
logits are

    ((x - m) / s) W + b  =  x (W / s) + (b - (m / s) W)

so standardisation is folded into one matrix and one vector and costs nothing in the graph. C, the inverse strength of
the L2 penalty, weighs each picture's loss against the penalty: it holds for more pictures too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pawlab.evaluation.metrics import Labels
from pawlab.features.rows import AnyRows, blocks
from pawlab.progress import Progress, silent
from pawlab.trainers.budget import holds
from pawlab.trainers.columns import Standardised
from pawlab.trainers.logistic import PRECISE, Rows, Solver
from pawlab.trainers.products import workers

Matrix = NDArray[np.float32]
Balance = Literal["auto", "none", "weights"]

C_GRID = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
_PRIOR_PICTURES = 10
_PIECE = 256  # rows at a time in double precision


@dataclass(frozen=True)
class LinearProbe:
    """A linear classifier on raw features.

    `weights`: float32 (d, classes); `bias`: float32 (classes,). `C`: of its penalty.
    """

    weights: Matrix
    bias: Matrix
    C: float

    def logits(self, features: NDArray[Any]) -> NDArray[Any]:
        """Return (n, classes) for features (n, d), in their precision."""
        return np.asarray(features @ self.weights + self.bias)

    def probabilities(self, features: AnyRows) -> Matrix:
        """Return (n, classes) float32 for features (n, d): what the graph computes."""
        from scipy.special import softmax

        some = [softmax(self.logits(features[rows]), axis=1) for rows in blocks(*features.shape)]
        return np.concatenate(some) if some else np.empty((0, len(self.bias)), np.float32)


class Prepared(NamedTuple):
    """Features and labels ready to be fitted: `rows`, standardised by `mean` and `deviation`, each float64 (d,)."""

    rows: Rows
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


def prepare(
    features: AnyRows,
    labels: Labels,
    classes: int,
    problems: int = 1,
    memory: float | None = None,
    progress: Progress = silent,
) -> Prepared:
    """Standardise features (n, d) with labels (n,), class positions, for so many problems at once.

    `memory`: as in `budget.holds`, whose errors it raises.
    """
    pictures, width = features.shape
    held = holds(memory, pictures, width, problems, classes)
    mean, deviation = (values.astype(np.float32).astype(np.float64) for values in mean_and_deviation(features))
    with progress("Reading features", pictures) as advance:
        rows = Rows.of(Standardised(features, mean, deviation), labels, classes, held, advance)
    return Prepared(rows, mean, deviation)


def fit_probe(features: AnyRows, labels: Labels, C: float, balanced: bool = False) -> LinearProbe:  # noqa: N803
    """Fit logistic regression on features (n, d), standardised. The same arrays give the same bits.

    Labels (n,) are of two classes or more, class positions from 0 without gaps. `balanced`: weight every class alike,
    and put its true share back into the bias, so that probabilities stay those of the pictures given.
    """
    return fit_along_c(features, labels, (C,), balanced)[0]


def fit_along_c(
    features: AnyRows, labels: Labels, values: Sequence[float], balanced: bool = False
) -> tuple[LinearProbe, ...]:
    """Do the same for several values of C, each from where the one before ended."""
    prepared = prepare(features, labels, int(labels.max()) + 1)
    rows = prepared.rows
    weights = class_weights(labels, rows.classes) if balanced else np.ones(rows.classes)
    solver = Solver(rows, weights[labels][np.newaxis])
    solutions, probes = solver.nothing, []
    for C in values:  # noqa: N806
        solutions = solver.fit(C, solutions, PRECISE)
        probes.append(to_probe(solutions[0], C, weights, prepared))
    return tuple(probes)


def to_probe(
    solution: Matrix,
    C: float,  # noqa: N803
    weights: NDArray[np.float64],
    prepared: Prepared,
) -> LinearProbe:
    """Return what classifies raw features, from a solution and the classes' weights (classes,) that led to it."""
    coefficients, bias = prepared.rows.original(solution)
    folded = coefficients / prepared.deviation[:, np.newaxis]
    bias = bias - np.log(weights) - prepared.mean @ folded
    return LinearProbe(folded.astype(np.float32), bias.astype(np.float32), C)


def class_weights(labels: Labels, classes: int) -> NDArray[np.float64]:
    """Return each class's weight (classes,): all classes together weigh the same, and a picture 1 on average."""
    return len(labels) / (classes * np.bincount(labels, minlength=classes))


def mean_and_deviation(features: AnyRows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what to subtract from features (n, d) and what to divide them by, each float64 (d,).

    The deviation comes from a variance shrunk towards the mean of all features' variances, v, as though ten more
    pictures had been seen in which each feature varied by v: (n var + 10 v) / (n + 10). Without it, a feature that
    hardly varied in a few training pictures gets a tiny deviation, and drowns all others in the next picture: of photos
    of cats and dogs, three per class to train on, 68% were classified correctly, with it 93%. From a hundred pictures
    on it makes no difference.
    """
    mean, variance = _moments(features)
    shrunk = (len(features) * variance + _PRIOR_PICTURES * variance.mean()) / (len(features) + _PRIOR_PICTURES)
    deviation = np.sqrt(shrunk)
    deviation[deviation < 1e-6] = 1.0  # where nothing varies at all, leave it where it is
    return mean, deviation


def _moments(features: AnyRows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance, of each piece and then put together (Chan, Golub and LeVeque 1979): read once."""

    def of_piece(rows: slice) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
        some = features[rows].astype(np.float64)
        mean = some.mean(axis=0)
        some -= mean
        return len(some), mean, np.einsum("ij,ij->j", some, some)

    seen, mean, squares = 0, np.zeros(features.shape[1]), np.zeros(features.shape[1])
    with workers() as pool:
        for rows in blocks(*features.shape):
            starts = range(rows.start, rows.stop, _PIECE)
            pieces = (slice(start, min(start + _PIECE, rows.stop)) for start in starts)
            for number, own, spread in pool.map(of_piece, pieces):
                seen += number
                away = own - mean
                mean += away * (number / seen)
                squares += spread + away**2 * (number * (seen - number) / seen)
    return mean, squares / len(features)
