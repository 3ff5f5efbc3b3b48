"""Layer lists -> Keras models. What each kind of layer does is said in `recipes.layers`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pawlab.graphs.keras_runtime import import_keras
from pawlab.recipes.layers import AUGMENTATION
from pawlab.recipes.recipe import Layer, Recipe
from pawlab.trainers.keras.randomness import layer_seed

Model = Any  # keras.Model

_KERAS_NAMES = {
    "rescale": "Rescaling",
    "flip": "RandomFlip",
    "rotate": "RandomRotation",
    "shift": "RandomTranslation",
    "shear": "RandomShear",
    "zoom": "RandomZoom",
    "conv": "Conv2D",
    "pool": "MaxPooling2D",
    "global_max_pool": "GlobalMaxPooling2D",
    "global_average_pool": "GlobalAveragePooling2D",
    "dropout": "Dropout",
    "flatten": "Flatten",
    "dense": "Dense",
}


def build(layers: Sequence[Layer], input_shape: tuple[int, ...], seed: int, backbone: Model = None) -> Model:
    """Return a Keras model of these layers, its weights drawn from the seed.

    `input_shape`: of one picture or feature map; pictures are 0-255 and may come as uint8. `backbone`: a Keras network
    to stand frozen, in inference mode, where the layers name one.
    """
    keras = import_keras("training a network")
    inputs = keras.Input(input_shape)
    values = inputs
    for position, layer in enumerate(layers):
        if layer.kind == "backbone":
            backbone.trainable = False
            values = backbone(values, training=False)
        else:
            values = _keras_layer(keras, layer, position, seed)(values)
    return keras.Model(inputs, values, name="network")  # else Keras counts the models of a process


def _keras_layer(keras: Any, layer: Layer, position: int, seed: int) -> Any:
    """Return the layer of Keras that a recipe's layer names; the options have the same names but for a rotation's."""
    options = {**layer.options, "name": f"{layer.kind}_{position}"}
    if layer.kind == "rotate":
        options["factor"] = (options.pop("lower"), options.pop("upper"))
    if layer.kind in AUGMENTATION or layer.kind == "dropout":
        options["seed"] = layer_seed(seed, "layers", 0, position)
    if layer.kind in ("conv", "dense"):  # Keras's default, with a seed of its own
        options["kernel_initializer"] = keras.initializers.GlorotUniform(seed=layer_seed(seed, "weights", position))
    return getattr(keras.layers, _KERAS_NAMES[layer.kind])(**options)


def compile_for(model: Model, recipe: Recipe) -> None:
    """Give the model the recipe's optimizer and loss, and accuracy as its metric.

    Without XLA, which on processors makes the step of a small network several times slower.
    """
    keras = import_keras("training a network")
    optimizers = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop"}
    optimizer = getattr(keras.optimizers, optimizers[recipe.optimizer])
    if recipe.loss == "binary cross-entropy":
        loss = keras.losses.BinaryCrossentropy()
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=recipe.loss.endswith("from logits"))
    model.compile(optimizer(learning_rate=recipe.learning_rate), loss, metrics=["accuracy"], jit_compile=False)
    model.optimizer.build(model.trainable_variables)


def reseed(model: Model, seed: int, epoch: int) -> None:
    """Set the random state of every dropout and augmentation layer to that of an epoch's beginning."""
    for position, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None) or getattr(layer, "generator", None)
        if generator is not None:
            generator.state.assign(np.array([layer_seed(seed, "layers", epoch, position), 0]))
