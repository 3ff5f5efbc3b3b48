"""A whole recipe, trained once for each fold, and scored on it: what `--cv` asks for."""

from dataclasses import replace

import numpy as np

from pawlab.datasets.dataset import Dataset, Split
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
    pictures = dataset.split("train") + dataset.split("validation")
    labels = np.array(dataset.class_indices(pictures))
    folds = folds_of(pictures, labels, settings.near, settings.folds)
    number = int(folds.max()) + 1
    logits = np.full((len(pictures), len(dataset.classes)), -np.inf, np.float32)
    for fold in range(number):
        held_out = np.flatnonzero(folds == fold).tolist()
        split: list[Split] = ["validation" if one == (fold + 1) % number else "train" for one in folds]
        others = tuple(
            replace(picture, split=one) for picture, one, own in zip(pictures, split, folds, strict=True) if own != fold
        )
        place = settings.folder / f"{fold + 1}"
        place.mkdir(parents=True, exist_ok=True)
        data = replace(dataset, pictures=others + dataset.split("test"))
        fitted = trainer(data, recipe, source, replace(settings, folder=place))
        if fitted.interrupted:
            raise KeyboardInterrupt
        scored = [pictures[one] for one in held_out]
        logits[held_out] = logits_of_pictures(fitted.graph, scored, recipe.preprocess, settings.progress)
    return OutOfFold(logits, labels, folds)
