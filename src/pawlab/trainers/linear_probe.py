"""Linear probe: logistic regression on a frozen network's features. The default trainer.

Training and validation pictures are used alike: C is chosen by out-of-fold predictions of both, and the probe that
ships is fitted on both. The test set plays no part.
"""

from time import perf_counter
from typing import Any

import numpy as np

from pawlab.datasets.dataset import Dataset
from pawlab.datasets.splits import require_trainable
from pawlab.evaluation.calibration import tempered
from pawlab.evaluation.history import Epoch
from pawlab.evaluation.metrics import score
from pawlab.features.source import FeatureSource
from pawlab.graphs.edit import add_linear_classifier
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import Parameters
from pawlab.trainers.budget import require_enough
from pawlab.trainers.cross_validation import CrossValidated, cross_validate, folds_of
from pawlab.trainers.fitted import Fitted, Settings


def fit(dataset: Dataset, recipe: Recipe, source: FeatureSource, settings: Settings) -> Fitted:
    """Fit a probe on the features of the recipe's frozen backbone: a `Trainer`. Test pictures aren't touched.

    Raises WeightsError for its weights, DataError for too few readable pictures, and what `require_enough` raises.
    """
    started, classes = perf_counter(), len(dataset.classes)
    graph, pictures = source.backbone(recipe, settings.weights), dataset.split("train") + dataset.split("validation")
    require_enough(settings.memory, len(pictures), graph.width, settings.folds + 1, classes)
    extracted = source.features(pictures, graph, recipe.preprocess)
    readable = dataset.without(extracted.skipped)
    require_trainable(readable)
    features_done = perf_counter()

    pictures, features = extracted.pictures, extracted.features
    labels = np.array(readable.class_indices(pictures))
    folds = folds_of(pictures, labels, settings.near, settings.folds)
    found = cross_validate(features, labels, folds, classes, settings.balance, settings.progress, settings.memory)
    seconds, probe = perf_counter() - features_done, found.probe
    train, validation = (np.array([picture.split == name for picture in pictures]) for name in ("train", "validation"))
    held_out = features.only(validation)
    before = score(probe.probabilities(features.only(train)), labels[train])
    after = score(tempered(found.out_of_fold.logits[validation]), labels[validation])
    fitted = probe.weights.size + probe.bias.size
    return Fitted(
        graph=add_linear_classifier(graph.path.read_bytes(), probe.weights, probe.bias),
        history=(Epoch(1, before.loss, before.accuracy, after.loss, after.accuracy, seconds),),
        best_epoch=1,
        parameters=Parameters(total=graph.backbone.parameters + fitted, trainable=fitted),
        skipped=extracted.skipped,
        seconds={"features": features_done - started, "fit": perf_counter() - features_done},
        validation=probe.probabilities(held_out),
        choices=_choices(found),
        features=features.first(graph.backbone.channels),
        probe_input=held_out,
        infos=extracted.infos,
        out_of_fold=found.out_of_fold,
    )


def _choices(found: CrossValidated) -> dict[str, Any]:
    return {
        "C": found.probe.C,
        "balance": "weights" if found.balanced else "none",
        "folds_that_chose": found.choosing,
        "validation_loss_by_C": {str(C): loss for C, loss in found.losses.items()},
    }
