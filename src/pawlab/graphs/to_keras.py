"""A classifier's ONNX graph -> a Keras model of ordinary layers: the way back from `from_keras`.

One converter for every recipe, rather than a second building plan for each: what is written is the network that ships,
weights, calibration and all. A kind of node that isn't known is refused; whoever exports compares the answers.
"""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pawlab.graphs.edit import drop_unused, with_outputs
from pawlab.graphs.keras_runtime import import_keras
from pawlab.graphs.keras_steps import STEPS, Array, Options, Step, Value

if TYPE_CHECKING:
    from onnx import ModelProto

Size = tuple[int, int]  # height, width


def to_keras(model: "ModelProto", size: Size, output: str = "probabilities") -> Any:
    """Return a Keras model from pictures (n, height, width, 3), RGB, 0-255, of any type, to `output`.

    What other outputs need alone is dropped. Raises ModelError where a node has no form in Keras, MissingExtraError
    where Keras isn't installed.
    """
    from onnx import numpy_helper

    keras = import_keras("exporting to Keras")
    graph = with_outputs(model, [output]).graph
    drop_unused(graph)
    pictures = keras.Input((*size, 3), name="pictures")
    known: dict[str, Value | Array] = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        graph.node.remove(node)
    _join_biases(graph, known)
    known[graph.input[0].name] = Value(pictures)
    for node in graph.node:
        inputs = tuple(known[name] if name else None for name in node.input)
        step = Step(keras.layers, node.op_type, _layer_name(node.output[0]), inputs, _options(node))
        if node.op_type not in STEPS:
            step.refuse("by name")
        known[node.output[0]] = STEPS[node.op_type](step)
    answer = known[output]
    assert isinstance(answer, Value)
    return keras.Model(pictures, answer.tensor, name="classifier")


def layers_with_weights(model: "ModelProto", network: Any) -> list[Any]:
    """Return those of a Keras model's layers that hold a convolution or product of the graph, in the graph's order."""
    layers = {layer.name: layer for layer in network.layers if type(layer).__name__ in _FROM_KERAS}
    names = [_layer_name(node.output[0]) for node in model.graph.node if node.op_type in _PRODUCTS]
    return [layers[name] for name in names if name in layers]


def with_weights(model: "ModelProto", network: Any) -> "ModelProto":
    """Return a copy of the graph that a Keras model was made from, with that model's weights as they are now.

    Those of convolutions and products, with their biases; others are taken to be unchanged.
    """
    copy = deepcopy(model)
    nodes = {name: node for node in copy.graph.node for name in node.output}
    by_name = {_layer_name(name): name for name in nodes}
    for layer in layers_with_weights(model, network):
        name = by_name[layer.name]
        node = nodes[name]
        product = node if node.op_type != "Add" else nodes[node.input[0]]  # of a product with a bias behind it
        kernel, *bias = (np.asarray(weight) for weight in layer.get_weights())
        kernel = _FROM_KERAS[type(layer).__name__](kernel)
        _replace(copy.graph, product, 1, kernel.T if _options(product).get("transB") else kernel)
        if bias:
            _replace(copy.graph, node, 1 if node is not product else 2, bias[0])
    drop_unused(copy.graph)
    return copy


_PRODUCTS = ("Add", "Conv", "Gemm", "MatMul")  # Add: behind a product, see `_join_biases`
_FROM_KERAS: dict[str, Callable[[Array], Array]] = {
    "Conv2D": lambda kernel: kernel.transpose(3, 2, 0, 1),  # (h, w, in, out) -> (out, in, h, w)
    "DepthwiseConv2D": lambda kernel: kernel.transpose(2, 3, 0, 1).reshape(-1, 1, *kernel.shape[:2]),
    "Dense": lambda kernel: kernel,
}


def _replace(graph: Any, node: Any, place: int, array: Array) -> None:
    """Give a node a constant of its own: others may share the one it has."""
    from onnx import numpy_helper

    name = f"{node.output[0]}_{'kernel' if place == 1 and node.op_type != 'Add' else 'bias'}"
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
    node.input[place] = name


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
