"""Keras models -> ONNX graphs, for the layers that pawlab's networks are made of. Keras itself isn't imported here.

Why not a general converter: this one keeps batch norm, padding and activation in forms that ONNX Runtime merges into
the convolution before them, brings layers of any precision to float32 (ONNX Runtime has no convolution in float64), and
adds nothing to install. What it doesn't know it refuses; whoever converts compares the answers.

Pictures are (n, height, width, channels) in Keras and (n, channels, height, width) in ONNX. Inside a graph they are
always the latter; they are turned at the input, at the output, and where Keras lays them flat.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.graphs.builder import FLOAT32, GraphBuilder, Shape

if TYPE_CHECKING:
    from onnx import ModelProto

Layer = Any  # a Keras layer or Functional model
Array = NDArray[Any]


def convert(model: Layer, output: str, input_name: str = "pictures", input_dtype: Any = np.uint8) -> "ModelProto":
    """Return a Functional model of one input, in inference mode, as an ONNX graph with a float32 output of that name.

    The shapes are Keras's, channels last, with an open number of pictures. `net_` begins the names of all that is
    inside, so that `edit.chain` can put the graph beside others.

    Raises NotImplementedError, naming the layer, where a layer has no known form in ONNX.
    """
    graph = GraphBuilder("net_")
    given = graph.input(input_name, input_dtype, _open_shape(model.inputs[0]))
    numbers = given if np.dtype(input_dtype) == np.float32 else graph.add("Cast", given, to=FLOAT32)
    if _is_map(model.inputs[0]):
        numbers = graph.add("Transpose", numbers, perm=[0, 3, 1, 2])
    result = add_model(graph, model, numbers)
    graph.output(_as_in_keras(graph, model.outputs[0], result), output, np.float32, _open_shape(model.outputs[0]))
    return graph.model(model.name)


def add_model(graph: GraphBuilder, model: Layer, value: str, names: Mapping[str, str] | None = None) -> str:
    """Add a Functional model's layers to `graph`, and return its output. Keras keeps each behind those that feed it.

    `names`: what the outputs of some layers are called in the graph, by the layers' names.
    """
    made = {id(model.inputs[0]): value}
    for layer in model.layers:
        if id(layer.output) in made:  # the input
            continue
        kind = type(layer).__name__
        if kind not in _LAYERS:
            raise NotImplementedError(f"no ONNX form is known for the Keras layer '{layer.name}' ({kind})")
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        made[id(layer.output)] = _LAYERS[kind](graph, layer, *(made[id(tensor)] for tensor in given))
        if names and layer.name in names:
            graph.add("Identity", made[id(layer.output)], name=names[layer.name])
    return made[id(model.outputs[0])]


def _open_shape(tensor: Any) -> Shape:
    return ("n", *(int(length) for length in tensor.shape[1:]))


def _is_map(tensor: Any) -> bool:
    return len(tensor.shape) == 4


def _as_in_keras(graph: GraphBuilder, tensor: Any, value: str) -> str:
    return graph.add("Transpose", value, perm=[0, 2, 3, 1]) if _is_map(tensor) else value


def _constants(graph: GraphBuilder, *variables: Any) -> list[str]:
    """Return those that a layer has, as float32."""
    return [graph.constant(np.asarray(variable)) for variable in variables if variable is not None]


def _activated(graph: GraphBuilder, layer: Layer, value: str) -> str:
    return _ACTIVATIONS[layer.activation.__name__](graph, value)


def _clip(graph: GraphBuilder, value: str, highest: float) -> str:
    return graph.add("Clip", value, graph.constant(0.0), graph.constant(highest))


def _convolution(graph: GraphBuilder, layer: Layer, value: str) -> str:
    kernel = np.asarray(layer.kernel).transpose(3, 2, 0, 1)  # (h, w, in, out) -> (out, in, h, w)
    return _convolve(graph, layer, value, kernel, layer.groups)


def _depthwise(graph: GraphBuilder, layer: Layer, value: str) -> str:
    height, width, channels, multiplier = layer.kernel.shape
    kernel = np.asarray(layer.kernel).transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return _convolve(graph, layer, value, kernel, channels)


def _convolve(graph: GraphBuilder, layer: Layer, value: str, kernel: Array, groups: int) -> str:
    result = graph.add(
        "Conv",
        value,
        *_constants(graph, kernel, layer.bias),
        group=groups,
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        auto_pad=_padding(layer),
    )
    return _activated(graph, layer, result)


def _padding(layer: Layer) -> str:
    """ONNX's SAME_UPPER is TensorFlow's 'same'."""
    return "VALID" if layer.padding == "valid" else "SAME_UPPER"


def _batch_norm(graph: GraphBuilder, layer: Layer, value: str) -> str:
    mean, variance = np.asarray(layer.moving_mean), layer.moving_variance
    scale = np.ones_like(mean) if layer.gamma is None else layer.gamma
    shift = np.zeros_like(mean) if layer.beta is None else layer.beta
    constants = _constants(graph, scale, shift, mean, variance)
    return graph.add("BatchNormalization", value, *constants, epsilon=float(layer.epsilon))


def _dense(graph: GraphBuilder, layer: Layer, value: str) -> str:
    kernel, *bias = _constants(graph, layer.kernel, layer.bias)
    value = graph.add("MatMul", value, kernel)
    return _activated(graph, layer, graph.add("Add", value, *bias) if bias else value)


def _relu(graph: GraphBuilder, layer: Layer, value: str) -> str:
    return graph.add("Relu", value) if layer.max_value is None else _clip(graph, value, float(layer.max_value))


def _pool(graph: GraphBuilder, layer: Layer, value: str, kind: str, **options: Any) -> str:
    """Add a pool. The zeros of a layer before it count in Keras; those of its own 'same' padding don't."""
    size, strides = list(layer.pool_size), list(layer.strides)
    return graph.add(kind, value, kernel_shape=size, strides=strides, auto_pad=_padding(layer), **options)


def _global_pool(graph: GraphBuilder, layer: Layer, value: str, kind: str) -> str:
    pooled = graph.add(kind, value)
    return pooled if layer.keepdims else graph.add("Flatten", pooled)


def _zero_padding(graph: GraphBuilder, layer: Layer, value: str) -> str:
    (top, bottom), (left, right) = layer.padding
    return graph.add("Pad", value, graph.constant([0, 0, top, left, 0, 0, bottom, right], np.int64))


def _rescaling(graph: GraphBuilder, layer: Layer, value: str) -> str:
    scaled = graph.add("Mul", value, graph.constant(float(layer.scale)))
    return graph.add("Add", scaled, graph.constant(float(layer.offset))) if layer.offset else scaled


def _flatten(graph: GraphBuilder, layer: Layer, value: str) -> str:
    return graph.add("Flatten", _as_in_keras(graph, layer.input, value))


def _concatenate(graph: GraphBuilder, layer: Layer, *values: str) -> str:
    axes = len(layer.output.shape)
    if layer.axis % axes != axes - 1:
        raise NotImplementedError(f"no ONNX form is known for the Keras layer '{layer.name}' but over channels")
    return graph.add("Concat", *values, axis=1)


_ACTIVATIONS: dict[str, Callable[[GraphBuilder, str], str]] = {
    "linear": lambda graph, value: value,
    "relu": lambda graph, value: graph.add("Relu", value),
    "relu6": partial(_clip, highest=6.0),
    "sigmoid": lambda graph, value: graph.add("Sigmoid", value),
    "softmax": lambda graph, value: graph.add("Softmax", value, axis=1),  # the channels', however many axes there are
    "tanh": lambda graph, value: graph.add("Tanh", value),
    "silu": lambda graph, value: graph.add("Mul", value, graph.add("Sigmoid", value)),
}

_IN_TRAINING = ("Dropout", "RandomFlip", "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom")

_LAYERS: dict[str, Callable[..., str]] = {
    **dict.fromkeys(_IN_TRAINING, lambda graph, layer, value: value),
    "Conv2D": _convolution,
    "DepthwiseConv2D": _depthwise,
    "BatchNormalization": _batch_norm,
    "Dense": _dense,
    "ReLU": _relu,
    "Activation": _activated,
    "MaxPooling2D": partial(_pool, kind="MaxPool"),
    "AveragePooling2D": partial(_pool, kind="AveragePool", count_include_pad=0),
    "GlobalMaxPooling2D": partial(_global_pool, kind="GlobalMaxPool"),
    "GlobalAveragePooling2D": partial(_global_pool, kind="GlobalAveragePool"),
    "ZeroPadding2D": _zero_padding,
    "Rescaling": _rescaling,
    "Flatten": _flatten,
    "Add": lambda graph, layer, first, second: graph.add("Add", first, second),
    "Concatenate": _concatenate,
}
