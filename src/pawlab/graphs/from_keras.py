"""Keras models -> ONNX graphs, for the layers that pawlab's networks are made of. Keras itself isn't imported here.

Why not a general converter: this one keeps batch norm, padding and activation in forms that ONNX Runtime merges into
the convolution before them, brings layers of any precision to float32 (ONNX Runtime has no convolution in float64), and
adds nothing to install. What it doesn't know it refuses; `difference` then shows that what it knows is right.

Pictures are (n, height, width, channels) in Keras and (n, channels, height, width) in ONNX. Inside a graph they are
always the latter; they are turned at the input, at the outputs, and where Keras lays them flat.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.graphs.builder import FLOAT32, GraphBuilder, Shape
from pawlab.graphs.runtime import open_graph

if TYPE_CHECKING:
    from onnx import ModelProto

Layer = Any  # a Keras layer or model
Array = NDArray[Any]


@dataclass(frozen=True)
class Value:
    """What a layer hands on: its name in the graph, and its number of axes.

    With four axes it is (n, channels, height, width). `padding`: zeros that are still to be laid around it, as top,
    left, bottom, right; a convolution takes them over.
    """

    name: str
    axes: int
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)


def convert(
    model: Layer,
    outputs: Sequence[str],
    input_name: str = "pictures",
    input_dtype: Any = np.uint8,
    prefix: str = "",
) -> "ModelProto":
    """Return a Keras model, in inference mode, as an ONNX graph with the given names of outputs, all float32.

    The shapes are Keras's, channels last, with an open number of pictures. `prefix` begins the names of all that is
    inside, so that `edit.chain` can put the graph behind another.

    Raises NotImplementedError, naming the layer, where a layer has no known form in ONNX.
    """
    graph = GraphBuilder(prefix)
    (keras_input,) = model.inputs
    given = graph.input(input_name, input_dtype, _open_shape(keras_input))
    numbers = given if np.dtype(input_dtype) == np.float32 else graph.add("Cast", given, to=FLOAT32)
    results = add_model(graph, model, channels_first(graph, numbers, len(keras_input.shape)))
    for name, value, tensor in zip(outputs, results, model.outputs, strict=True):
        graph.output(channels_last(graph, value), name, np.float32, _open_shape(tensor))
    return graph.model(model.name)


def add_model(graph: GraphBuilder, model: Layer, value: Value, names: Mapping[str, str] | None = None) -> list[Value]:
    """Add a Sequential or Functional model's layers to `graph`, and return its outputs.

    `names`: what the outputs of some layers of a Functional model are called in the graph, by the layers' names.
    """
    kinds = _kinds(model)
    if "Sequential" in kinds:
        for layer in model.layers:
            value = _add_layer(graph, layer, [value])
        return [value]
    if "Functional" not in kinds:
        raise NotImplementedError(f"no ONNX form is known for the Keras model '{model.name}' ({kinds[0]})")
    return _add_functional(graph, model, value, names or {})


def _add_functional(graph: GraphBuilder, model: Layer, value: Value, names: Mapping[str, str]) -> list[Value]:
    """Add the layers in the order of the configuration, in which each stands behind those that feed it."""
    config = model.get_config()
    values: dict[str, Value] = {}
    for entry in config["layers"]:
        name, sources = entry["name"], _sources(entry)
        is_input = not sources
        made = value if is_input else _add_layer(graph, model.get_layer(name), [values[s] for s in sources])
        values[name] = replace(made, name=graph.rename(made.name, names[name])) if name in names else made
    return [values[name] for name in _output_layers(config)]


def difference(model: Layer, converted: "ModelProto", inputs: Array) -> float:
    """Return how far a converted model is from Keras's on `inputs`: the largest difference in any output, as a share of
    the largest number in that output."""
    actual = open_graph(converted.SerializeToString()).run(None, inputs)
    expected = model(inputs, training=False)
    expected = expected if isinstance(expected, list | tuple) else [expected]
    return max(largest_difference(np.asarray(one), other) for one, other in zip(expected, actual, strict=True))


def largest_difference(expected: Array, actual: Array) -> float:
    """Return the largest difference between two arrays, as a share of the largest number in the first."""
    if expected.shape != actual.shape or not np.isfinite(actual).all():
        return float("inf")
    scale = float(np.abs(expected).max(initial=0.0)) or 1.0
    return float(np.abs(expected - actual).max(initial=0.0)) / scale


def channels_first(graph: GraphBuilder, name: str, axes: int) -> Value:
    """Return a Keras-shaped value as it is kept inside the graph."""
    return Value(graph.add("Transpose", name, perm=[0, 3, 1, 2]) if axes == 4 else name, axes)


def channels_last(graph: GraphBuilder, value: Value) -> str:
    """Return the name of a value in Keras's shape."""
    name = _padded(graph, value)
    return graph.add("Transpose", name, perm=[0, 2, 3, 1]) if value.axes == 4 else name


def _open_shape(tensor: Any) -> Shape:
    return ("n", *(int(length) for length in tensor.shape[1:]))


def _sources(entry: Mapping[str, Any]) -> list[str]:
    """Return the names of the layers that feed a layer of a Functional model's configuration."""
    if len(entry["inbound_nodes"]) > 1:
        raise NotImplementedError(f"the Keras layer '{entry['name']}' is used more than once in one model")
    return [name for node in entry["inbound_nodes"] for name in _tensor_sources(node["args"])]


def _tensor_sources(arguments: Any) -> list[str]:
    if isinstance(arguments, list | tuple):
        return [name for argument in arguments for name in _tensor_sources(argument)]
    return [arguments["config"]["keras_history"][0]] if isinstance(arguments, dict) else []


def _output_layers(config: Mapping[str, Any]) -> list[str]:
    outputs = config["output_layers"]
    return [outputs[0]] if isinstance(outputs[0], str) else [output[0] for output in outputs]


def _add_layer(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    """Add one layer. A layer that only acts in training, or whose class is derived from a known one, is found by it."""
    kinds = _kinds(layer)
    if "Model" in kinds:
        (output,) = add_model(graph, layer, values[0])
        return output
    if not _TRAINING_ONLY.isdisjoint(kinds):
        return values[0]
    for kind in kinds:
        if kind in _LAYERS:
            return _LAYERS[kind](graph, layer, values)
    raise NotImplementedError(f"no ONNX form is known for the Keras layer '{layer.name}' ({type(layer).__name__})")


def _kinds(layer: Layer) -> list[str]:
    return [kind.__name__ for kind in type(layer).__mro__]


def _padded(graph: GraphBuilder, value: Value) -> str:
    if not any(value.padding):
        return value.name
    top, left, bottom, right = value.padding
    return graph.add("Pad", value.name, graph.constant([0, 0, top, left, 0, 0, bottom, right], np.int64))


def _weight(variable: Any) -> Array:
    return np.asarray(variable, dtype=np.float32)


def _activated(graph: GraphBuilder, function: Any, value: Value) -> Value:
    name = getattr(function, "__name__", str(function))
    if name not in _ACTIVATIONS:
        raise NotImplementedError(f"no ONNX form is known for the activation '{name}'")
    return Value(_ACTIVATIONS[name](graph, _padded(graph, value)), value.axes)


_ACTIVATIONS: dict[str, Callable[[GraphBuilder, str], str]] = {
    "linear": lambda graph, name: name,
    "relu": lambda graph, name: graph.add("Relu", name),
    "relu6": lambda graph, name: graph.add("Clip", name, graph.constant(0.0), graph.constant(6.0)),
    "sigmoid": lambda graph, name: graph.add("Sigmoid", name),
    "softmax": lambda graph, name: graph.add("Softmax", name, axis=1),  # the channels', however many axes there are
    "tanh": lambda graph, name: graph.add("Tanh", name),
    "silu": lambda graph, name: graph.add("Mul", name, graph.add("Sigmoid", name)),
}


def _convolution(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    kernel = _weight(layer.kernel).transpose(3, 2, 0, 1)  # (h, w, in, out) -> (out, in, h, w)
    result = _convolve(graph, layer, values[0], kernel, layer.groups, layer.bias)
    return _activated(graph, layer.activation, result)


def _depthwise(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    result = _convolve(graph, layer, values[0], *_one_channel_each(layer.kernel), layer.bias)
    return _activated(graph, layer.activation, result)


def _separable(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    filtered = _convolve(graph, layer, values[0], *_one_channel_each(layer.depthwise_kernel), None)
    mixing = _weight(layer.pointwise_kernel).transpose(3, 2, 0, 1)
    bias = [] if layer.bias is None else [graph.constant(_weight(layer.bias))]
    mixed = graph.add("Conv", filtered.name, graph.constant(mixing), *bias)
    return _activated(graph, layer.activation, Value(mixed, 4))


def _one_channel_each(kernel: Any) -> tuple[Array, int]:
    """Return a depthwise kernel (h, w, channels, multiplier) as (channels * multiplier, 1, h, w), and its channels."""
    height, width, channels, multiplier = kernel.shape
    turned = _weight(kernel).transpose(2, 3, 0, 1)
    return turned.reshape(channels * multiplier, 1, height, width), channels


def _convolve(graph: GraphBuilder, layer: Layer, value: Value, kernel: Array, groups: int, bias: Any) -> Value:
    constants = [graph.constant(kernel)] + ([] if bias is None else [graph.constant(_weight(bias))])
    name, padding = _take_padding(graph, layer, value)
    strides = list(layer.strides)
    dilations = list(layer.dilation_rate)
    return Value(graph.add("Conv", name, *constants, group=groups, strides=strides, dilations=dilations, **padding), 4)


def _take_padding(graph: GraphBuilder, layer: Layer, value: Value) -> tuple[str, dict[str, Any]]:
    """Return the name to convolve and the padding to do it with. ONNX's SAME_UPPER is TensorFlow's 'same'."""
    if layer.padding == "valid":
        return value.name, {"pads": list(value.padding)}
    return _padded(graph, value), {"auto_pad": "SAME_UPPER"}


def _batch_norm(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    mean = _weight(layer.moving_mean)
    scale = np.ones_like(mean) if layer.gamma is None else _weight(layer.gamma)
    shift = np.zeros_like(mean) if layer.beta is None else _weight(layer.beta)
    parts = [graph.constant(part) for part in (scale, shift, mean, _weight(layer.moving_variance))]
    name = graph.add("BatchNormalization", _padded(graph, values[0]), *parts, epsilon=float(layer.epsilon))
    return Value(name, values[0].axes)


def _dense(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    name = graph.add("MatMul", channels_last(graph, values[0]), graph.constant(_weight(layer.kernel)))
    if layer.bias is not None:
        name = graph.add("Add", name, graph.constant(_weight(layer.bias)))
    return _activated(graph, layer.activation, channels_first(graph, name, values[0].axes))


def _relu(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    if layer.negative_slope or layer.threshold:
        raise NotImplementedError(f"no ONNX form is known for the leaky or shifted ReLU '{layer.name}'")
    name = _padded(graph, values[0])
    if layer.max_value is None:
        return Value(graph.add("Relu", name), values[0].axes)
    bounds = graph.constant(0.0), graph.constant(float(layer.max_value))
    return Value(graph.add("Clip", name, *bounds), values[0].axes)


def _pool(graph: GraphBuilder, layer: Layer, values: list[Value], kind: str, **options: Any) -> Value:
    """Add a pool. The zeros of a layer before it count in Keras; those of its own 'same' padding don't."""
    options["auto_pad"] = "VALID" if layer.padding == "valid" else "SAME_UPPER"
    size, strides = list(layer.pool_size), list(layer.strides)
    return Value(graph.add(kind, _padded(graph, values[0]), kernel_shape=size, strides=strides, **options), 4)


def _global_pool(graph: GraphBuilder, layer: Layer, values: list[Value], kind: str) -> Value:
    name = graph.add(kind, _padded(graph, values[0]))
    return Value(name, 4) if layer.keepdims else Value(graph.add("Flatten", name), 2)


def _zero_padding(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    (top, bottom), (left, right) = layer.padding
    added = (top, left, bottom, right)
    before = values[0].padding
    return Value(values[0].name, 4, tuple(a + b for a, b in zip(before, added, strict=True)))


def _rescaling(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    scaled = graph.add("Mul", _padded(graph, values[0]), graph.constant(float(layer.scale)))
    shifted = graph.add("Add", scaled, graph.constant(float(layer.offset))) if layer.offset else scaled
    return Value(shifted, values[0].axes)


def _flatten(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    return Value(graph.add("Flatten", channels_last(graph, values[0])), 2)


def _add(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    name = _padded(graph, values[0])
    for value in values[1:]:
        name = graph.add("Add", name, _padded(graph, value))
    return Value(name, values[0].axes)


def _concatenate(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    axes = values[0].axes
    axis = layer.axis % axes
    inside = {1: 2, 2: 3, 3: 1}[axis] if axes == 4 else axis
    return Value(graph.add("Concat", *(_padded(graph, value) for value in values), axis=inside), axes)


def _softmax(graph: GraphBuilder, layer: Layer, values: list[Value]) -> Value:
    if layer.axis != -1:
        raise NotImplementedError(f"no ONNX form is known for the softmax '{layer.name}' over axis {layer.axis}")
    return Value(graph.add("Softmax", _padded(graph, values[0]), axis=1), values[0].axes)


_LAYERS: dict[str, Callable[[GraphBuilder, Layer, list[Value]], Value]] = {
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    "Conv2D": _convolution,
    "BatchNormalization": _batch_norm,
    "Dense": _dense,
    "ReLU": _relu,
    "Softmax": _softmax,
    "Activation": lambda graph, layer, values: _activated(graph, layer.activation, values[0]),
    "MaxPooling2D": lambda graph, layer, values: _pool(graph, layer, values, "MaxPool"),
    "AveragePooling2D": lambda graph, layer, values: _pool(graph, layer, values, "AveragePool", count_include_pad=0),
    "GlobalMaxPooling2D": lambda graph, layer, values: _global_pool(graph, layer, values, "GlobalMaxPool"),
    "GlobalAveragePooling2D": lambda graph, layer, values: _global_pool(graph, layer, values, "GlobalAveragePool"),
    "ZeroPadding2D": _zero_padding,
    "Rescaling": _rescaling,
    "Flatten": _flatten,
    "Add": _add,
    "Concatenate": _concatenate,
}

_TRAINING_ONLY = frozenset(
    {
        "InputLayer",
        "Identity",
        "ActivityRegularization",
        "Dropout",
        "SpatialDropout2D",
        "GaussianDropout",
        "GaussianNoise",
        "RandomBrightness",
        "RandomContrast",
        "RandomFlip",
        "RandomRotation",
        "RandomShear",
        "RandomTranslation",
        "RandomZoom",
    }
)
