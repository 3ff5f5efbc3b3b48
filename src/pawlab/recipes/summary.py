"""A recipe's shapes and parameter counts, computed from the recipe alone: no TensorFlow needed to print them."""

from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from pawlab.backbones.table import backbone_output
from pawlab.recipes.layers import AUGMENTATION
from pawlab.recipes.recipe import Layer, Recipe

Shape = tuple[int, ...]


@dataclass(frozen=True)
class LayerSummary:
    """One line of a recipe's table. `output_shape`: of one picture; `trainable`: whether training changes the layer,
    or, of a network that is fine-tuned, some of it: how much is known once the network is built."""

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
    tuned = recipe.trainer == "finetune"
    for layer in recipe.for_classes(classes).layers:
        shape, parameters = effect(layer, shape, classes)
        trainable = parameters > 0 and (tuned or layer.kind != "backbone")
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
    return {
        **recipe.for_classes(classes).to_dict(),
        "image_size": [recipe.preprocess.height, recipe.preprocess.width],
        "classes": classes,
        "layers": [
            {
                "kind": line.kind,
                **line.options,
                "output_shape": list(line.output_shape),
                "parameters": line.parameters,
                "trainable": line.trainable,
            }
            for line in summarise(recipe, classes)
        ],
        "parameters": asdict(count_parameters(recipe, classes)),
    }


def effect(layer: Layer, shape: Shape, classes: int) -> tuple[Shape, int]:
    """Return a layer's output shape for this input shape, and its number of parameters.

    Raises ValueError where the layer doesn't take a shape of so many axes.
    """
    options = layer.options
    match layer.kind, shape:
        case "backbone", (height, width, _):
            return backbone_output(options, height, width)
        case "conv", (height, width, channels):
            size, filters = options["kernel_size"], options["filters"]
            return (height - size + 1, width - size + 1, filters), (size * size * channels + 1) * filters
        case "pool", (height, width, channels):
            return (height // options["pool_size"], width // options["pool_size"], channels), 0
        case "global_max_pool", (_, _, channels) if options["keepdims"]:
            return (1, 1, channels), 0
        case "global_max_pool" | "global_average_pool", (_, _, channels):
            return (channels,), 0
        case "flatten", _:
            return (prod(shape),), 0
        case "dense", (features,):
            return (options["units"],), (features + 1) * options["units"]
        case "logistic_regression", (features,):
            return (classes,), (features + 1) * classes
        case ("rescale" | "dropout", _) | ("standardise" | "fine_tune", (_,)):
            return shape, 0
        case kind, (_, _, _) if kind in AUGMENTATION:
            return shape, 0
    raise ValueError(f"{layer.kind} doesn't take {len(shape)} axes")
