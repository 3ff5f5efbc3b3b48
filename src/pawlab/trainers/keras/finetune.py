"""Fine-tuning: a linear probe on a pretrained network, and then the network's upper layers trained together with it.

It begins as the probe alone: logistic regression fitted on training pictures, C by cross-validation within them. The
whole graph goes to Keras and its weights come back into the same graph, so whatever looks into a probe's graph looks
into this one too. Batch normalisation, folded or not, stays as it is.

AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) with a rate that falls from layer to layer downwards (Howard and
Ruder 2018, arXiv:1801.06146), a linear warm-up and a cosine to zero; smoothed labels (Szegedy et al. 2016,
arXiv:1512.00567). Losses that are shown, and the one that chooses the epoch, are of the labels as they are;
validation losses are those after the temperature that suits validation best, since that is how a classifier ships.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pawlab.datasets.dataset import Dataset
from pawlab.datasets.splits import require_trainable
from pawlab.errors import ModelError, RecipeError
from pawlab.evaluation.calibration import tempered
from pawlab.evaluation.history import Epoch
from pawlab.evaluation.metrics import score
from pawlab.features.source import FeatureSource
from pawlab.graphs.edit import add_linear_classifier
from pawlab.graphs.keras_runtime import import_keras
from pawlab.graphs.to_keras import layers_with_weights, to_keras, with_weights
from pawlab.recipes.layers import AUGMENTATION
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import Parameters
from pawlab.trainers.cross_validation import LIKELY_C, cross_validate, folds_of
from pawlab.trainers.finish import fit_temperature
from pawlab.trainers.fitted import Fitted, Settings
from pawlab.trainers.keras.architectures import Model
from pawlab.trainers.keras.batches import decode_splits, picture_feed
from pawlab.trainers.keras.fit import fit_network
from pawlab.trainers.keras.network import Network, identity_of
from pawlab.trainers.keras.steps import start_tensorflow
from pawlab.trainers.probe import LinearProbe, fit_probe

if TYPE_CHECKING:
    from onnx import ModelProto

_WARM_UP = 0.1  # of all steps
_WHAT = "fine-tuning"
_EXACT = "float32"


class Start(NamedTuple):
    """The probe that training begins from, and what it scores as epoch 0."""

    probe: LinearProbe
    row: Epoch


def fit(dataset: Dataset, recipe: Recipe, source: FeatureSource, settings: Settings) -> Fitted:
    """Fine-tune a recipe's network and return the epoch of the lowest validation loss: a `Trainer`.

    That may be epoch 0, the linear probe. Folder, interrupts and errors are those of `keras.fit.fit`; RecipeError also
    where the network has a layer that Keras doesn't.
    """
    start_tensorflow(f"the recipe {recipe.name}")
    settings = replace(settings, epochs=settings.epochs or recipe.epochs)
    return fit_network(lambda: prepare(dataset, recipe, source, settings), settings)


def prepare(dataset: Dataset, recipe: Recipe, source: FeatureSource, settings: Settings) -> Network:
    """Fit the probe and return the network that it ends. Pixels that don't fit in memory go to the folder."""
    classes, size = len(dataset.classes), recipe.preprocess
    backbone = source.backbone(recipe, settings.weights)
    weights, bias = np.zeros((backbone.width, classes), np.float32), np.zeros(classes, np.float32)
    graph = add_linear_classifier(backbone.path.read_bytes(), weights, bias)
    precision = _precision()
    model = _in_keras(graph, recipe, precision)
    layers = _unfreeze(graph, model, recipe)
    train, validation, skipped, infos = decode_splits(dataset, size, settings.folder, settings.progress)
    readable = dataset.without(skipped)
    require_trainable(readable)
    start = _fit_probe(readable, recipe, source, settings)
    layers[-1].set_weights([start.probe.weights, start.probe.bias])
    augmentation = [layer for layer in recipe.layers if layer.kind in AUGMENTATION]
    feed = picture_feed(train, validation, recipe.batch_size, settings.seed, augmentation)
    epochs = settings.epochs or recipe.epochs
    _compile(model, layers, recipe, classes, epochs * ceil(len(train) / recipe.batch_size))
    identity = {**identity_of(recipe, readable, settings.seed, backbone.checksum), "epochs": epochs}
    return Network(
        recipe,
        classes,
        model,
        lambda: with_weights(graph, model),
        feed,
        validation,
        skipped,
        infos,
        identity,
        Parameters(backbone.backbone.parameters + weights.size + bias.size, _numbers(model.trainable_variables)),
        None if precision == _EXACT else lambda: _in_keras(graph, recipe, _EXACT, model),
        start.row,
        {"C": start.probe.C, "began_as": "linear probe", "probe_validation_loss": start.row.val_loss},
    )


def _precision() -> str:
    """Return Keras's policy: half precision where there is a GPU to compute in it."""
    import tensorflow as tf

    return "mixed_float16" if tf.config.list_physical_devices("GPU") else _EXACT


def _in_keras(graph: "ModelProto", recipe: Recipe, precision: str, like: Model = None) -> Model:
    """Return the graph up to its logits as a Keras model. `like`: one of the same graph, whose weights it gets."""
    keras = import_keras(_WHAT)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = to_keras(graph, (recipe.preprocess.height, recipe.preprocess.width), "logits")
        exact = keras.layers.Activation("linear", dtype="float32", name="exact_logits")
        network = keras.Model(model.inputs, exact(model.outputs[0]), name="network")
        if like is not None:
            network.set_weights(like.get_weights())
        return network
    except ModelError as error:
        raise RecipeError(
            f"the network {recipe.backbone} can't be fine-tuned here: {str(error).partition('. Use')[0]}. "
            "Take fast, which leaves it as it is, or another --backbone."
        ) from error
    finally:
        keras.config.set_dtype_policy(before)


def _unfreeze(graph: "ModelProto", model: Model, recipe: Recipe) -> list[Any]:
    """Freeze all layers but the last ones with weights, as many as the recipe says, and return those in order."""
    layers = layers_with_weights(graph, model)[-_options(recipe)["unfreeze"] :]
    for layer in model.layers:
        layer.trainable = layer in layers
    return layers


def _options(recipe: Recipe) -> dict[str, Any]:
    return next(layer.options for layer in recipe.layers if layer.kind == "fine_tune")


def _fit_probe(dataset: Dataset, recipe: Recipe, source: FeatureSource, settings: Settings) -> Start:
    """Fit a linear probe on training pictures alone. All pictures can be decoded."""
    train, validation = dataset.split("train"), dataset.split("validation")
    backbone = source.backbone(recipe, settings.weights)
    features = source.features(train + validation, backbone, recipe.preprocess).features
    started = perf_counter()
    labels = np.array(dataset.class_indices(train + validation))
    first, rest = slice(len(train)), slice(len(train), None)
    folds = folds_of(train, labels[first], settings.near, settings.folds)
    classes = len(dataset.classes)
    learned = features.only(first)
    if folds.any():
        how = settings.balance, settings.progress, settings.memory
        probe = cross_validate(learned, labels[first], folds, classes, *how).probe
    else:  # one picture of each class
        probe = fit_probe(learned, labels[first], LIKELY_C)
    own, logits = score(probe.probabilities(learned), labels[first]), probe.logits(features[rest])
    held_out = score(tempered(logits, fit_temperature(logits, labels[rest])), labels[rest])
    seconds = perf_counter() - started
    return Start(probe, Epoch(0, own.loss, own.accuracy, held_out.loss, held_out.accuracy, seconds))


def _compile(model: Model, layers: Sequence[Any], recipe: Recipe, classes: int, steps: int) -> None:
    """Give the model its optimizer, a loss of smoothed labels, and metrics of the labels as they are."""
    keras = import_keras(_WHAT)
    options = _options(recipe)
    warm_up = max(1, round(_WARM_UP * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=recipe.learning_rate, warmup_steps=warm_up
    )
    smoothed = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=options["label_smoothing"])

    def loss(labels: Any, logits: Any) -> Any:
        return smoothed(keras.ops.one_hot(keras.ops.reshape(labels, (-1,)), classes), logits)

    # called `loss`, it is what is shown in place of the one that is minimised
    shown = keras.metrics.SparseCategoricalCrossentropy(name="loss", from_logits=True)
    optimizer = _layerwise_adamw(model, layers, schedule, options)
    model.compile(optimizer, loss, metrics=["accuracy", shown], jit_compile=False)
    model.optimizer.build(model.trainable_variables)


def _layerwise_adamw(model: Model, layers: Sequence[Any], schedule: Any, options: dict[str, Any]) -> Any:
    """Return Adam with decoupled weight decay, of all weights but biases, and a rate of its own for each layer."""
    keras = import_keras(_WHAT)
    depths = {id(variable): depth for depth, layer in enumerate(reversed(layers)) for variable in layer.weights}
    rates = [options["layer_decay"] ** depths[id(variable)] for variable in model.trainable_variables]

    class LayerwiseAdamW(keras.optimizers.Adam):  # type: ignore[misc, name-defined]
        """The class is made here since Keras is imported late."""

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            rate = learning_rate * rates[self._get_variable_index(variable)]
            if len(variable.shape) > 1:
                self.assign_sub(variable, variable * rate * options["weight_decay"])
            super().update_step(gradient, variable, rate)

    return LayerwiseAdamW(schedule)


def _numbers(variables: Sequence[Any]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)
