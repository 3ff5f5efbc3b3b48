"""A recipe's shapes and parameter counts, computed from the recipe alone: no TensorFlow needed to print them."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from pawlab.backbones.table import find_backbone
from pawlab.recipes.layers import AUGMENTATION
from pawlab.recipes.recipe import Layer, Recipe

Shape = tuple[int, ...]
Options = dict[str, Any]


@dataclass(frozen=True)
class LayerSummary:
    """One line of a recipe's table. `output_shape`: of one picture; `trainable`: whether training changes the layer."""

    kind: str
    options: dict[str, Any]
    output_shape: Shape
    parameters: int
    trainable: bool


@dataclass(frozen=True)
class Parameters:
    """How many numbers a model holds, and how many of them training changes."""

    total: int
    trainable: int


def summarise(recipe: Recipe, classes: int = 2) -> tuple[LayerSummary, ...]:
    """Return a line for each layer, for so many classes."""
    shape: Shape = (recipe.preprocess.height, recipe.preprocess.width, 3)
    lines = []
    for layer in recipe.for_classes(classes).layers:
        shape, parameters = effect(layer, shape, classes)
        trainable = parameters > 0 and layer.kind != "backbone"
        lines.append(LayerSummary(layer.kind, layer.options, shape, parameters, trainable))
    return tuple(lines)


def count_parameters(recipe: Recipe, classes: int = 2) -> Parameters:
    """Return the recipe's counts for so many classes."""
    lines = summarise(recipe, classes)
    return Parameters(
        total=sum(line.parameters for line in lines),
        trainable=sum(line.parameters for line in lines if line.trainable),
    )


def recipe_document(recipe: Recipe, classes: int = 2) -> dict[str, Any]:
    """Return what `pawlab recipes NAME --json` prints: the recipe with its shapes and counts, all JSON values."""
    adapted = recipe.for_classes(classes)
    counts = count_parameters(recipe, classes)
    return {
        **adapted.to_dict(),
        "image_size": [recipe.preprocess.height, recipe.preprocess.width],
        "classes": classes,
        "layers": [_document(line) for line in summarise(recipe, classes)],
        "parameters": {"total": counts.total, "trainable": counts.trainable},
    }


def _document(line: LayerSummary) -> dict[str, Any]:
    return {
        "kind": line.kind,
        **line.options,
        "output_shape": list(line.output_shape),
        "parameters": line.parameters,
        "trainable": line.trainable,
    }


def effect(layer: Layer, shape: Shape, classes: int) -> tuple[Shape, int]:
    """Return a layer's output shape for this input shape, and its number of parameters."""
    if layer.kind in _KEEPS_SHAPE:
        return shape, 0
    if layer.kind == "logistic_regression":
        return (classes,), (shape[0] + 1) * classes
    return _EFFECTS[layer.kind](shape, layer.options)


def _conv(shape: Shape, options: Options) -> tuple[Shape, int]:
    height, width, channels = shape
    kernel, filters = options["kernel_size"], options["filters"]
    return (height - kernel + 1, width - kernel + 1, filters), (kernel * kernel * channels + 1) * filters


def _pool(shape: Shape, options: Options) -> tuple[Shape, int]:
    height, width, channels = shape
    return (height // options["pool_size"], width // options["pool_size"], channels), 0


def _global_max_pool(shape: Shape, options: Options) -> tuple[Shape, int]:
    return ((1, 1, shape[-1]) if options["keepdims"] else shape[-1:]), 0


def _global_average_pool(shape: Shape, options: Options) -> tuple[Shape, int]:
    return shape[-1:], 0


def _flatten(shape: Shape, options: Options) -> tuple[Shape, int]:
    return (prod(shape),), 0


def _dense(shape: Shape, options: Options) -> tuple[Shape, int]:
    return (options["units"],), (shape[0] + 1) * options["units"]


def _backbone(shape: Shape, options: Options) -> tuple[Shape, int]:
    if "feature_map" in options:  # the user's own
        return tuple(options["feature_map"]), options["parameters"]
    backbone = find_backbone(options["name"], options["cut"])
    height, width, _ = shape
    return (backbone.map_size(height), backbone.map_size(width), backbone.channels), backbone.parameters


_KEEPS_SHAPE = AUGMENTATION | {"rescale", "dropout", "standardise"}
_EFFECTS: dict[str, Callable[[Shape, Options], tuple[Shape, int]]] = {
    "backbone": _backbone,
    "conv": _conv,
    "pool": _pool,
    "global_max_pool": _global_max_pool,
    "global_average_pool": _global_average_pool,
    "flatten": _flatten,
    "dense": _dense,
}
