"""Trained Keras model -> the classifier's graph, from `pictures` to `probabilities`; refused where the two differ."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.graphs.builder import FLOAT32, GraphBuilder
from pawlab.graphs.edit import chain, rename_input
from pawlab.graphs.from_keras import convert
from pawlab.graphs.runtime import open_graph
from pawlab.images import Pixels
from pawlab.recipes.recipe import Recipe

if TYPE_CHECKING:
    from onnx import ModelProto

LARGEST_DIFFERENCE = 1e-4  # of a probability

Probabilities = NDArray[np.float32]


def to_probabilities(outputs: NDArray[Any], recipe: Recipe, classes: int) -> Probabilities:
    """Return (n, classes) float32 for a recipe's outputs (n, units).

    One sigmoid is the probability of the second class. Logits become a softmax. Where a recipe has more outputs than
    classes, the spare ones are dropped first: that is the softmax over all of them, given that it is one of the
    classes.
    """
    from scipy.special import softmax

    if recipe.loss == "binary cross-entropy":
        return np.hstack([1 - outputs, outputs]).astype(np.float32)
    if recipe.loss == "sparse categorical cross-entropy":
        return outputs.astype(np.float32)
    result: Probabilities = softmax(outputs[:, :classes].astype(np.float32), axis=1)
    return result


def to_onnx(model: Any, recipe: Recipe, classes: int, backbone: Path | None) -> "ModelProto":
    """Return the graph from `pictures` uint8 (n, h, w, 3) to `probabilities` float32 (n, classes).

    `backbone`: the graph of the frozen network, where the model is only what follows it. Layers that compute in float64
    do so in float32 here.
    """
    import onnx

    output = _output_graph(recipe, classes, units=model.output.shape[1])
    if backbone is None:
        return chain(convert(model, "outputs"), output)
    head = convert(model, "outputs", "feature_map", np.float32)
    frozen = onnx.load(backbone)
    rename_input(frozen, "scaled_pictures")  # `pictures` is what the whole graph takes
    return chain(_scaling_graph(recipe), frozen, head, output)


def require_same_predictions(graph: "ModelProto", pixels: Pixels, expected: Probabilities) -> None:
    """Compare a graph's predictions for pictures (n, h, w, 3) with Keras's. Raises RuntimeError where they differ."""
    (given,) = open_graph(graph.SerializeToString()).run(["probabilities"], np.ascontiguousarray(pixels))
    off = float(np.abs(given - expected).max())
    if not off <= LARGEST_DIFFERENCE:
        raise RuntimeError(
            f"exported to ONNX, the model's probabilities differ from Keras's by {off:.1e}, "
            f"more than {LARGEST_DIFFERENCE:.0e}"
        )


def _output_graph(recipe: Recipe, classes: int, units: int) -> "ModelProto":
    """See `to_probabilities`."""
    graph = GraphBuilder("output_")
    outputs = graph.input("outputs", np.float32, ("n", units))
    if recipe.loss == "binary cross-entropy":
        other = graph.add("Sub", graph.constant(1.0), outputs)
        probabilities = graph.add("Concat", other, outputs, axis=1)
    elif recipe.loss == "sparse categorical cross-entropy":
        probabilities = outputs
    else:
        first, end, axis = (graph.constant([value], np.int64) for value in (0, classes, 1))
        probabilities = graph.add("Softmax", graph.add("Slice", outputs, first, end, axis), axis=1)
    graph.output(probabilities, "probabilities", np.float32, ("n", classes))
    return graph.model("output")


def _scaling_graph(recipe: Recipe) -> "ModelProto":
    """Return the recipe's scaling, from `pictures` uint8 to `scaled_pictures` float32."""
    shape = ("n", recipe.preprocess.height, recipe.preprocess.width, 3)
    graph = GraphBuilder("scaling_")
    values = graph.add("Cast", graph.input("pictures", np.uint8, shape), to=FLOAT32)
    for layer in recipe.layers:
        if layer.kind == "rescale":
            values = graph.add("Mul", values, graph.constant(layer.options["scale"]))
            values = graph.add("Add", values, graph.constant(layer.options["offset"]))
    graph.output(values, "scaled_pictures", np.float32, shape)
    return graph.model("scaling")
