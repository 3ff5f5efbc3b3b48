"""How accuracy grows with the number of training pictures: linear probes on a frozen network's features.

In each of five folds probes are fitted to 10, 20, 50 and 100% of the other folds' pictures and tested on the fold; the
smaller sets lie within the larger ones, and have at least one picture of each class. C is the one of three with the
smallest out-of-fold loss for that number.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Dataset
from pawlab.datasets.groups import Pair, unit_numbers
from pawlab.evaluation.learning_curve import CurvePoint, LearningCurve, curve_point, learning_curve
from pawlab.evaluation.metrics import Labels, cross_entropy
from pawlab.features.rows import AnyRows, FeatureRows, as_rows
from pawlab.features.source import FeatureSource
from pawlab.progress import Progress, silent
from pawlab.recipes.recipe import Recipe
from pawlab.trainers.cross_validation import assign_folds
from pawlab.trainers.probe import Matrix, fit_along_c

SHARES = (0.1, 0.2, 0.5, 1.0)

_C_TRIED = (1e-3, 1e-2, 1e-1)

Tested = tuple[float, int, int]  # summed loss, correct, pictures


def curve_of(
    dataset: Dataset,
    recipe: Recipe,
    source: FeatureSource,
    near: Iterable[Pair] = (),
    seed: int = 0,
) -> LearningCurve:
    """Measure and extrapolate on the training and validation pictures of `dataset`; test pictures aren't touched.

    `recipe`: one that fits a probe. `near`: contents that show the same, which stay in one fold, as copies and groups
    do. Raises what `FeatureSource` raises.
    """
    pictures = dataset.split("train") + dataset.split("validation")
    if len({picture.label for picture in pictures}) < 2:
        return learning_curve(())
    extracted = source.of_recipe(pictures, recipe)
    _, labels = np.unique(dataset.class_indices(extracted.pictures), return_inverse=True)
    units = [extracted.pictures[first].sha256 for first in unit_numbers(extracted.pictures, near)]
    return learning_curve(measure_curve(extracted.features, labels, units, seed, source.progress))


def measure_curve(
    features: AnyRows, labels: Labels, units: Sequence[str], seed: int, progress: Progress = silent
) -> tuple[CurvePoint, ...]:
    """Return a point for each share of the training pictures, without those that would be as large as the one before.

    `features`: (n, d); `labels`: (n,), class positions without gaps; `units`: pictures with the same one stay in one
    fold. The same arrays and seed give the same bits. No points where a class is in one fold only.
    """
    folds = assign_folds(labels, units)
    numbers = range(int(folds.max()) + 1)
    if any(len(np.unique(labels[folds != fold])) < len(np.unique(labels)) for fold in numbers) or len(numbers) < 2:
        return ()
    rows = as_rows(features)
    orders = [_order(np.flatnonzero(folds != fold), labels, seed + fold) for fold in numbers]
    points: list[CurvePoint] = []
    with progress("Fitting the learning curve", len(SHARES) * len(orders), "folds") as advance:
        for share in SHARES:
            tested = []
            for fold, order in enumerate(orders):
                trained = order[: _size(share, order, labels)]
                tested.append((len(trained), _test(rows, labels, trained, np.flatnonzero(folds == fold))))
                advance(1)
            pictures = round(np.mean([number for number, _ in tested]))
            if not points or pictures > points[-1].pictures:
                points.append(_point(share, pictures, [some for _, some in tested]))
    return tuple(points)


def _test(
    features: FeatureRows, labels: Labels, trained: NDArray[np.intp], held_out: NDArray[np.intp]
) -> tuple[Tested, ...]:
    """Fit a probe for each C to some pictures, and test it on others."""
    probes, true = fit_along_c(features.only(trained), labels[trained], _C_TRIED), labels[held_out]
    return tuple(_tested(probe.probabilities(features.only(held_out)), true) for probe in probes)


def _tested(probabilities: Matrix, true: Labels) -> Tested:
    return (
        cross_entropy(probabilities, true) * len(true),
        int((probabilities.argmax(axis=1) == true).sum()),
        len(true),
    )


def _point(share: float, pictures: int, tested: Sequence[tuple[Tested, ...]]) -> CurvePoint:
    """Take the C with the smallest loss in all folds together."""
    best = min(zip(*tested, strict=True), key=lambda folds: sum(loss for loss, _, _ in folds))
    return curve_point(share, pictures, [(correct, of) for _, correct, of in best])


def _order(places: NDArray[np.intp], labels: Labels, seed: int) -> NDArray[np.intp]:
    """Return places in an order of which every beginning has about the classes' shares, and all of them early.

    Each class is shuffled; its k-th of m pictures stands at (k + 1/2) / m, but the first of each at the front.
    """
    random = np.random.default_rng(seed)
    places = random.permutation(places)
    rank = np.empty(len(places))
    for label in np.unique(labels[places]):
        mine = np.flatnonzero(labels[places] == label)
        rank[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
        rank[mine[0]] = 0.0
    return np.asarray(places[np.argsort(rank, kind="stable")])


def _size(share: float, order: NDArray[np.intp], labels: Labels) -> int:
    return max(round(share * len(order)), len(np.unique(labels[order])))
