"""A whole recipe, trained once for each fold, and scored on it: what `--cv` asks for."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Dataset, Picture, Split
from pawlab.datasets.groups import Pair
from pawlab.datasets.splits import require_trainable
from pawlab.errors import DataError
from pawlab.evaluation.metrics import Labels
from pawlab.features.source import FeatureSource
from pawlab.recipes.recipe import Recipe
from pawlab.trainers.cross_validation import OutOfFold, folds_of
from pawlab.trainers.fitted import Settings, Trainer
from pawlab.trainers.graph_outputs import logits_of_pictures

FEWEST = 3  # folds: one to score, one to choose the epoch by, and the rest to train on


def repeat(trainer: Trainer, dataset: Dataset, recipe: Recipe, source: FeatureSource, settings: Settings) -> OutOfFold:
    """Train on all folds of training and validation pictures but two, `settings.folds` times.

    The next fold is the validation split, by which the best epoch is chosen; the fold itself is scored. All pictures
    can be decoded. Test pictures aren't touched.
    """
    pictures = _learned_from(dataset)
    labels, folds = _folds(dataset, settings.near, settings.folds)
    logits = np.full((len(pictures), len(dataset.classes)), -np.inf, np.float32)
    for fold in range(int(folds.max()) + 1):
        place = settings.folder / f"{fold + 1}"
        place.mkdir(parents=True, exist_ok=True)
        fitted = trainer(_without(dataset, folds, fold), recipe, source, replace(settings, folder=place))
        if fitted.interrupted:
            raise KeyboardInterrupt
        held_out = np.flatnonzero(folds == fold).tolist()
        scored = [pictures[one] for one in held_out]
        logits[held_out] = logits_of_pictures(fitted.graph, scored, recipe.preprocess, settings.progress)
    return OutOfFold(logits, labels, folds)


def require_repeatable(dataset: Dataset, near: Iterable[Pair], number: int) -> None:
    """Raise DataError where what is left without some fold can't be trained on; before any training."""
    _, folds = _folds(dataset, near, number)
    for fold in range(int(folds.max()) + 1):
        try:
            require_trainable(_without(dataset, folds, fold))
        except DataError as error:
            raise DataError(f"--cv {number} would leave too little to train on: {error}") from error


def _learned_from(dataset: Dataset) -> tuple[Picture, ...]:
    return dataset.split("train") + dataset.split("validation")


def _folds(dataset: Dataset, near: Iterable[Pair], number: int) -> tuple[Labels, NDArray[np.int64]]:
    pictures = _learned_from(dataset)
    labels = np.array(dataset.class_indices(pictures))
    return labels, folds_of(pictures, labels, near, number)


def _without(dataset: Dataset, folds: NDArray[np.int64], fold: int) -> Dataset:
    """Return the data without a fold; the next one is the validation split."""
    following = (fold + 1) % (int(folds.max()) + 1)
    split: list[Split] = ["validation" if one == following else "train" for one in folds]
    others = tuple(
        replace(picture, split=one)
        for picture, one, own in zip(_learned_from(dataset), split, folds, strict=True)
        if own != fold
    )
    return replace(dataset, pictures=others + dataset.split("test"))
