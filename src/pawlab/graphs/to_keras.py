"""A classifier's ONNX graph -> a Keras model of ordinary layers: the way back from `from_keras`.

One converter for every recipe, rather than a second building plan for each: what is written is the network that ships,
weights, calibration and all. A kind of node that isn't known is refused; whoever exports compares the answers.
"""

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pawlab.graphs.edit import drop_unused, with_outputs
from pawlab.graphs.keras_runtime import import_keras
from pawlab.graphs.keras_steps import STEPS, Array, Options, Step, Value

if TYPE_CHECKING:
    from onnx import ModelProto

Size = tuple[int, int]  # height, width


def to_keras(model: "ModelProto", size: Size) -> Any:
    """Return a Keras model from pictures (n, height, width, 3), RGB, 0-255, of any type, to `probabilities`.

    What other outputs need alone is dropped. Raises ModelError where a node has no form in Keras, MissingExtraError
    where Keras isn't installed.
    """
    from onnx import numpy_helper

    keras = import_keras("exporting to Keras")
    graph = with_outputs(model, ["probabilities"]).graph
    drop_unused(graph)
    pictures = keras.Input((*size, 3), name="pictures")
    known: dict[str, Value | Array] = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    _join_biases(graph, known)
    known[graph.input[0].name] = Value(pictures)
    for node in graph.node:
        inputs = tuple(known[name] if name else None for name in node.input)
        step = Step(keras.layers, node.op_type, _layer_name(node.output[0]), inputs, _options(node))
        if node.op_type not in STEPS:
            step.refuse("by name")
        known[node.output[0]] = STEPS[node.op_type](step)
    answer = known["probabilities"]
    assert isinstance(answer, Value)
    return keras.Model(pictures, answer.tensor, name="classifier")


def _join_biases(graph: Any, constants: dict[str, Any]) -> None:
    """Make a product with weights and the sum with a bias behind it one node, as they are one layer in Keras."""
    takers = Counter(name for node in graph.node for name in node.input)
    for product, following in pairwise(list(graph.node)):
        kinds, result = (product.op_type, following.op_type), product.output[0]
        alone = takers[result] == 1 and result == following.input[0]
        if kinds == ("MatMul", "Add") and alone and np.ndim(constants.get(following.input[1], 0)) == 1:
            product.op_type, product.output[0] = "Gemm", following.output[0]
            product.input.append(following.input[1])
            graph.node.remove(following)


def _options(node: Any) -> Options:
    from onnx import helper

    values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def _layer_name(name: str) -> str:
    """Return a name that Keras takes."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_.") else "_" for letter in name)
