"""Layer lists -> Keras models. One function per kind of layer; what each does is said in `recipes.layers`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pawlab.graphs.keras_runtime import import_keras
from pawlab.recipes.recipe import Layer, Recipe
from pawlab.trainers.keras.randomness import layer_seed

Model = Any  # keras.Model
Options = dict[str, Any]


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
            values = _KERAS_LAYERS[layer.kind](keras, layer.options, _Place(layer.kind, position, seed))(values)
    return keras.Model(inputs, values, name="network")  # else Keras counts the models of a process


def compile_for(model: Model, recipe: Recipe) -> None:
    """Give the model the recipe's optimizer and loss, and accuracy as its metric.

    Without XLA, which on processors makes the step of a small network several times slower.
    """
    keras = import_keras("training a network")
    optimizer = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}[recipe.optimizer]
    model.compile(
        optimizer=optimizer(learning_rate=recipe.learning_rate),
        loss=_LOSSES[recipe.loss](keras.losses),
        metrics=["accuracy"],
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)


def reseed(model: Model, seed: int, epoch: int) -> None:
    """Set the random state of every dropout and augmentation layer to that of an epoch's beginning."""
    for position, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None) or getattr(layer, "generator", None)
        if generator is not None:
            generator.state.assign(np.array([layer_seed(seed, "layers", epoch, position), 0]))


class _Place:
    """Where in a model a layer stands: its name, and the seeds that follow from it."""

    def __init__(self, kind: str, position: int, seed: int) -> None:
        self.name = f"{kind}_{position}"
        self.seed = layer_seed(seed, "layers", 0, position)
        self.weights_seed = layer_seed(seed, "weights", position)


def _rescale(keras: Any, options: Options, place: _Place) -> Any:
    return keras.layers.Rescaling(options["scale"], options["offset"], name=place.name)


def _flip(keras: Any, options: Options, place: _Place) -> Any:
    return keras.layers.RandomFlip(options["mode"], seed=place.seed, name=place.name)


def _rotate(keras: Any, options: Options, place: _Place) -> Any:
    factor = (options["lower"], options["upper"])
    return keras.layers.RandomRotation(factor, options["fill_mode"], seed=place.seed, name=place.name)


def _shift(keras: Any, options: Options, place: _Place) -> Any:
    factors = options["height_factor"], options["width_factor"]
    return keras.layers.RandomTranslation(*factors, fill_mode=options["fill_mode"], seed=place.seed, name=place.name)


def _shear(keras: Any, options: Options, place: _Place) -> Any:
    return keras.layers.RandomShear(
        options["x_factor"], fill_mode=options["fill_mode"], seed=place.seed, name=place.name
    )


def _zoom(keras: Any, options: Options, place: _Place) -> Any:
    factors = options["height_factor"], options["width_factor"]
    return keras.layers.RandomZoom(*factors, fill_mode=options["fill_mode"], seed=place.seed, name=place.name)


def _conv(keras: Any, options: Options, place: _Place) -> Any:
    return keras.layers.Conv2D(
        options["filters"],
        options["kernel_size"],
        activation=options["activation"],
        kernel_initializer=_initializer(keras, place),
        dtype=options["dtype"],
        name=place.name,
    )


def _dense(keras: Any, options: Options, place: _Place) -> Any:
    return keras.layers.Dense(
        options["units"],
        activation=options["activation"],
        kernel_initializer=_initializer(keras, place),
        dtype=options["dtype"],
        name=place.name,
    )


def _initializer(keras: Any, place: _Place) -> Any:
    """Return Keras's default, with a seed of its own."""
    return keras.initializers.GlorotUniform(seed=place.weights_seed)


def _pool(keras: Any, options: Options, place: _Place) -> Any:
    return keras.layers.MaxPooling2D(options["pool_size"], name=place.name)


def _global_max_pool(keras: Any, options: Options, place: _Place) -> Any:
    return keras.layers.GlobalMaxPooling2D(keepdims=options["keepdims"], name=place.name)


def _global_average_pool(keras: Any, options: Options, place: _Place) -> Any:
    return keras.layers.GlobalAveragePooling2D(name=place.name)


def _dropout(keras: Any, options: Options, place: _Place) -> Any:
    return keras.layers.Dropout(options["rate"], seed=place.seed, name=place.name)


def _flatten(keras: Any, options: Options, place: _Place) -> Any:
    return keras.layers.Flatten(name=place.name)


_KERAS_LAYERS: dict[str, Callable[[Any, Options, _Place], Any]] = {
    "rescale": _rescale,
    "flip": _flip,
    "rotate": _rotate,
    "shift": _shift,
    "shear": _shear,
    "zoom": _zoom,
    "conv": _conv,
    "pool": _pool,
    "global_max_pool": _global_max_pool,
    "global_average_pool": _global_average_pool,
    "dropout": _dropout,
    "flatten": _flatten,
    "dense": _dense,
}

_LOSSES: dict[str, Callable[[Any], Any]] = {
    "sparse categorical cross-entropy from logits": lambda losses: losses.SparseCategoricalCrossentropy(
        from_logits=True
    ),
    "sparse categorical cross-entropy": lambda losses: losses.SparseCategoricalCrossentropy(),
    "binary cross-entropy": lambda losses: losses.BinaryCrossentropy(),
}
