"""A classifier's ONNX graph -> a Keras model of ordinary layers: the way back from `features.keras_to_onnx`.

One converter for every recipe, rather than a second building plan for each: what is written is the network that ships,
weights, calibration and all, and it takes nothing but model.onnx. Recipes, own ones included, and both ways of training
come out of few kinds of nodes; a kind that isn't known is refused, and the model's answers are compared afterwards.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from pawlab.graphs.keras_runtime import import_keras
from pawlab.graphs.keras_steps import STEPS, Array, Options, Step, Value

if TYPE_CHECKING:
    from onnx import ModelProto

Size = tuple[int, int]  # height, width


def to_keras(model: "ModelProto", size: Size, output: str = "probabilities") -> Any:
    """Return a Keras model from pictures (n, height, width, 3), RGB, 0-255, of any type, to one output of the graph.

    What other outputs need alone is dropped. Raises ModelError where a node has no form in Keras, MissingExtraError
    where Keras isn't installed.
    """
    from onnx import numpy_helper

    keras = import_keras("exporting to Keras")
    pictures = keras.Input((*size, 3), name="pictures")
    known: dict[str, Value | Array] = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    known[model.graph.input[0].name] = Value(pictures)
    for node in _with_biases(_needed(model, output), known):
        inputs = tuple(known[name] if name else None for name in node.input)
        step = Step(node.op_type, _layer_name(node.output[0]), inputs, _options(node))
        if node.op_type not in STEPS:
            step.refuse("by name")
        known[node.output[0]] = STEPS[node.op_type](keras.layers, step)
    answer = known[output]
    assert isinstance(answer, Value)
    return keras.Model(pictures, answer.tensor, name="classifier")


def _needed(model: "ModelProto", output: str) -> list[Any]:
    """Return the nodes that an output needs, in order. Nodes stand in the order of their work."""
    needed, nodes = {output}, []
    for node in reversed(list(model.graph.node)):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
            nodes.append(node)
    return nodes[::-1]


def _with_biases(nodes: list[Any], known: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the nodes; a product with weights and the sum with a bias behind it come as one, as they are in Keras."""
    from onnx import helper

    takers = Counter(name for node in nodes for name in node.input)
    joined: dict[str, Any] = {}
    for node, following in zip_longest(nodes, nodes[1:]):
        if node.name in joined:
            yield joined[node.name]
        elif _is_biased(node, following, known) and takers[node.output[0]] == 1:
            joined[following.name] = helper.make_node("Gemm", [*node.input, following.input[1]], following.output)
        else:
            yield node


def _is_biased(node: Any, following: Any, known: Mapping[str, Any]) -> bool:
    if following is None or (node.op_type, following.op_type) != ("MatMul", "Add"):
        return False
    bias = known.get(following.input[1])
    return following.input[0] == node.output[0] and isinstance(bias, np.ndarray) and bias.ndim == 1


def _options(node: Any) -> Options:
    from onnx import helper

    values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def _layer_name(name: str) -> str:
    """Return a name that Keras takes."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_.") else "_" for letter in name)
