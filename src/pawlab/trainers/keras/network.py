"""Dataset + recipe -> a network ready to train: pictures decoded, model built, and the two joined by a feed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pawlab.backbones.load import BackboneGraph, Weights, backbone_graph
from pawlab.datasets.dataset import Dataset, Skipped
from pawlab.datasets.splits import require_trainable
from pawlab.errors import RecipeError
from pawlab.evaluation.history import Epoch
from pawlab.images import PictureInfo
from pawlab.progress import Progress
from pawlab.recipes.recipe import Layer, Recipe
from pawlab.recipes.summary import Parameters, count_parameters
from pawlab.trainers.fitted import Settings
from pawlab.trainers.keras.architectures import Model, build, compile_for
from pawlab.trainers.keras.batches import Decoded, Feed, decode_splits, picture_feed
from pawlab.trainers.keras.checkpoint import best_epoch
from pawlab.trainers.keras.frozen import feature_feed
from pawlab.trainers.keras.steps import compiled_prediction, full_precision
from pawlab.trainers.keras.to_onnx import Probabilities, require_same_predictions, to_onnx, to_probabilities

if TYPE_CHECKING:
    from onnx import ModelProto

# for people alone; two recipes that differ in nothing else train the same network
_DESCRIPTION = ("title", "source", "purpose", "known_quirks", "published", "measured", "epochs", "early_stopping")
_COMPARED_PICTURES = 32  # by which an exported graph is compared with Keras


@dataclass(frozen=True)
class Network:
    """A compiled Keras model and what it is trained on.

    `recipe`: adapted to the number of `classes`. `model`: all of it, or what follows a frozen network. `graph`: gives
    the classifier's graph with the model's weights as they are then. `identity`: JSON values that distinguish
    trainings. `exact`: gives, where the model computes in half precision, the same in float32. `start`: what a network
    that begins from a linear probe scores before its first epoch; it is then epoch 0, and validation loss, after the
    best temperature, decides which epoch is the best. `choices`: as in `Fitted`.
    """

    recipe: Recipe
    classes: int
    model: Model
    graph: Callable[[], "ModelProto"]
    feed: Feed
    validation: Decoded
    skipped: tuple[Skipped, ...]
    infos: Mapping[str, PictureInfo]
    identity: dict[str, Any]
    parameters: Parameters
    exact: Callable[[], Model] | None = None
    start: Epoch | None = None
    choices: dict[str, Any] = field(default_factory=dict)

    def best_epoch(self, history: Sequence[Epoch]) -> int:
        """Return the number of the epoch whose weights are kept."""
        return best_epoch(history, by_loss=self.start is not None)

    def predict_validation(self) -> Probabilities:
        """Return Keras's probabilities for the validation pictures, computed in float32: (n, classes)."""
        predict = compiled_prediction(self.exact() if self.exact else self.model, self.feed)
        with full_precision():
            outputs = [predict(inputs).numpy() for inputs, _ in self.feed.validation()]
        return to_probabilities(np.concatenate(outputs), self.recipe, self.classes)

    def export(self, expected: Probabilities) -> "ModelProto":
        """Return the classifier's graph. Raises RuntimeError where its predictions aren't Keras's."""
        graph = self.graph()
        some = slice(_COMPARED_PICTURES)
        require_same_predictions(graph, self.validation.pixels[some], expected[some])
        return graph


def prepare(dataset: Dataset, recipe: Recipe, settings: Settings) -> Network:
    """Decode the pictures and build the recipe's network for them. What doesn't fit in memory goes to the folder."""
    folder, seed, progress = settings.folder, settings.seed, settings.progress
    classes = len(dataset.classes)
    adapted = recipe.for_classes(classes)
    backbone = _frozen_network(adapted, settings.weights, progress)
    train, validation, skipped, infos = decode_splits(dataset, adapted.preprocess, folder, progress)
    readable = dataset.without(skipped)
    require_trainable(readable)
    if backbone is None:
        feed = picture_feed(train, validation, adapted.batch_size, seed)
        model = build(adapted.layers, feed.input_shape, seed)
    else:
        before, after = split_at_backbone(adapted)
        feed = feature_feed(train, validation, before, backbone, adapted.batch_size, settings)
        model = build(after, feed.input_shape, seed)
    compile_for(model, adapted)
    path = None if backbone is None else backbone.path
    return Network(
        adapted,
        classes,
        model,
        lambda: to_onnx(model, adapted, classes, path),
        feed,
        validation,
        skipped,
        infos,
        identity_of(adapted, readable, seed, None if backbone is None else backbone.checksum),
        count_parameters(recipe, classes),
    )


def identity_of(recipe: Recipe, dataset: Dataset, seed: int, weights: str | None) -> dict[str, Any]:
    """Return JSON values that distinguish trainings. `weights`: the checksum of a pretrained network's."""
    described = {name: value for name, value in recipe.to_dict().items() if name not in _DESCRIPTION}
    return {"recipe": described, "seed": seed, "pictures": dataset.fingerprint, "weights": weights}


def split_at_backbone(recipe: Recipe) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    """Return the layers before the frozen network and those after it."""
    place = [layer.kind for layer in recipe.layers].index("backbone")
    return recipe.layers[:place], recipe.layers[place + 1 :]


def _frozen_network(recipe: Recipe, weights: Weights, progress: Progress) -> BackboneGraph | None:
    for layer in recipe.layers:
        if layer.kind == "backbone":
            size = (recipe.preprocess.height, recipe.preprocess.width)
            cut = layer.options["cut"]
            return backbone_graph(layer.options["name"], size, weights, progress, cut=cut, include_preprocessing=False)
    if weights is not None:
        raise RecipeError(
            f"the recipe '{recipe.name}' has no pretrained network that takes weights. Leave --weights out."
        )
    return None
