"""Keras models -> ONNX graphs, for the layers that pawlab's networks are made of. Keras itself isn't imported here.

Why not a general converter: this one keeps batch norm, padding and activation in forms that ONNX Runtime merges into
the convolution before them, brings layers of any precision to float32 (ONNX Runtime has no convolution in float64), and
adds nothing to install. What it doesn't know it refuses; whoever converts compares the answers.

Pictures are (n, height, width, channels) in Keras and (n, channels, height, width) in ONNX. Inside a graph they are
always the latter; they are turned at the input, at the output, and where Keras lays them flat.
"""

from collections.abc import Callable, Mapping
from functools import partial, reduce
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
    """Add a Functional or Sequential model's layers to `graph`, and return its output. Models may be nested.

    `names`: what the outputs of some layers are called in the graph, by the layers' names.
    """
    functional: Any = getattr(model, "_functional", model)  # what is inside a Sequential
    # Keras goes through its own graph, with ours in place of each layer's work and tensors' names in place of tensors.
    result = functional._run_through_graph([value], lambda operation: partial(_add, graph, names or {}, operation))
    return str(result if isinstance(result, str) else result[0])


def _add(graph: GraphBuilder, names: Mapping[str, str], operation: Layer, *given: Any, **_options: Any) -> str:
    """Add a layer, a model inside the model, or arithmetic with numbers such as `x + 3`; return its output."""
    kind = type(operation).__name__
    values = given[0] if isinstance(given[0], list) else given
    if hasattr(operation, "layers"):
        result = add_model(graph, operation, values[0], names)
    elif not hasattr(operation, "weights") and kind in _ARITHMETIC:
        numbers = [value if isinstance(value, str) else graph.constant(float(value)) for value in values]
        result = graph.add(_ARITHMETIC[kind], *numbers)
    elif kind in _LAYERS:
        result = _LAYERS[kind](graph, operation, *values)
    else:
        raise _unknown(operation)
    return graph.add("Identity", result, name=names[operation.name]) if operation.name in names else result


def _unknown(layer: Layer, how: str = "") -> NotImplementedError:
    return NotImplementedError(
        f"no ONNX form is known for the Keras layer '{layer.name}' ({type(layer).__name__}){how}"
    )


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
    if layer.activation.__name__ not in _ACTIVATIONS:
        raise _unknown(layer, f" with {layer.activation.__name__}")
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


def _separable(graph: GraphBuilder, layer: Layer, value: str) -> str:
    """Each channel by itself, then across channels in each place."""
    height, width, channels, multiplier = layer.depthwise_kernel.shape
    kernel = np.asarray(layer.depthwise_kernel).transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    filtered = graph.add(
        "Conv",
        value,
        graph.constant(kernel),
        group=channels,
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        auto_pad=_padding(layer),
    )
    return _activated(
        graph, layer, _in_each_place(graph, filtered, np.asarray(layer.pointwise_kernel)[0, 0], layer.bias)
    )


def _in_each_place(graph: GraphBuilder, value: str, kernel: Array, bias: Any) -> str:
    """Return the product of a map's channels with a kernel (in, out), plus a bias where there is one."""
    return graph.add("Conv", value, *_constants(graph, kernel.T[:, :, np.newaxis, np.newaxis], bias))


def _layer_norm(graph: GraphBuilder, layer: Layer, value: str) -> str:
    shape = layer.input.shape
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    if [axis % len(shape) for axis in axes] != [len(shape) - 1] or getattr(layer, "rms_scaling", False):
        raise _unknown(layer, " but over channels")
    gamma = np.ones(shape[-1]) if layer.gamma is None else layer.gamma
    constants = _constants(graph, gamma, layer.beta)
    value = _as_in_keras(graph, layer.input, value)
    result = graph.add("LayerNormalization", value, *constants, axis=-1, epsilon=float(layer.epsilon))
    return graph.add("Transpose", result, perm=[0, 3, 1, 2]) if _is_map(layer.input) else result


def _by_channel(layer: Layer, numbers: Any) -> Array:
    """Return one number, or one for each channel, as ours have them."""
    array = np.asarray(numbers, np.float32)
    if array.size == 1:
        return array.reshape(())
    if array.size != layer.input.shape[-1]:
        raise _unknown(layer, " but with a number for each channel")
    return array.reshape(-1, 1, 1) if _is_map(layer.input) else array.ravel()


def _scaled_and_shifted(graph: GraphBuilder, layer: Layer, value: str, scale: Any, offset: Any) -> str:
    scale, offset = _by_channel(layer, scale), _by_channel(layer, offset)
    value = graph.add("Mul", value, graph.constant(scale)) if np.any(scale != 1) else value
    return graph.add("Add", value, graph.constant(offset)) if np.any(offset) else value


def _normalised(graph: GraphBuilder, layer: Layer, value: str) -> str:
    deviation = np.maximum(np.sqrt(np.asarray(layer.variance, np.float64)), 1e-7)  # as Keras does
    return _scaled_and_shifted(graph, layer, value, 1 / deviation, -np.asarray(layer.mean, np.float64) / deviation)


def _dense(graph: GraphBuilder, layer: Layer, value: str) -> str:
    if _is_map(layer.input):  # in each place by itself
        return _activated(graph, layer, _in_each_place(graph, value, np.asarray(layer.kernel), layer.bias))
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


def _cropping(graph: GraphBuilder, layer: Layer, value: str) -> str:
    (top, bottom), (left, right) = layer.cropping
    ends = [-length or np.iinfo(np.int64).max for length in (bottom, right)]
    return graph.add("Slice", value, *(graph.constant(some, np.int64) for some in ([top, left], ends, [2, 3])))


def _reshape(graph: GraphBuilder, layer: Layer, value: str) -> str:
    """A row as a map of one place: what gates channels."""
    shape = tuple(layer.output.shape[1:])
    if shape != (1, 1, layer.input.shape[-1]):
        raise _unknown(layer, f" to {shape}")
    return graph.add("Reshape", value, graph.constant([0, -1, 1, 1], np.int64))


def _scaled_residual(graph: GraphBuilder, layer: Layer, value: str, residual: str) -> str:
    """Inception-ResNet's sum."""
    return graph.add("Add", value, graph.add("Mul", residual, graph.constant(float(layer.scale))))


def _merged(graph: GraphBuilder, layer: Layer, *values: str, kind: str) -> str:
    return reduce(partial(graph.add, kind), values)


def _flatten(graph: GraphBuilder, layer: Layer, value: str) -> str:
    return graph.add("Flatten", _as_in_keras(graph, layer.input, value))


def _concatenate(graph: GraphBuilder, layer: Layer, *values: str) -> str:
    axes = len(layer.output.shape)
    if layer.axis % axes != axes - 1:
        raise _unknown(layer, " but over channels")
    return graph.add("Concat", *values, axis=1)


_ACTIVATIONS: dict[str, Callable[[GraphBuilder, str], str]] = {
    "linear": lambda graph, value: value,
    "relu": lambda graph, value: graph.add("Relu", value),
    "relu6": partial(_clip, highest=6.0),
    "sigmoid": lambda graph, value: graph.add("Sigmoid", value),
    "softmax": lambda graph, value: graph.add("Softmax", value, axis=1),  # the channels', however many axes there are
    "tanh": lambda graph, value: graph.add("Tanh", value),
    "silu": lambda graph, value: graph.add("Mul", value, graph.add("Sigmoid", value)),
    "gelu": lambda graph, value: graph.add("Gelu", value),
    "hard_silu": lambda graph, value: graph.add("HardSwish", value),
}

_IN_TRAINING = ("Dropout", "RandomFlip", "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom")

_LAYERS: dict[str, Callable[..., str]] = {
    **dict.fromkeys(_IN_TRAINING, lambda graph, layer, value: value),
    "Conv2D": _convolution,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    "BatchNormalization": _batch_norm,
    "Dense": _dense,
    "ReLU": _relu,
    "Activation": _activated,
    "MaxPooling2D": partial(_pool, kind="MaxPool"),
    "AveragePooling2D": partial(_pool, kind="AveragePool", count_include_pad=0),
    "GlobalMaxPooling2D": partial(_global_pool, kind="GlobalMaxPool"),
    "GlobalAveragePooling2D": partial(_global_pool, kind="GlobalAveragePool"),
    "ZeroPadding2D": _zero_padding,
    "Cropping2D": _cropping,
    "Rescaling": lambda graph, layer, value: _scaled_and_shifted(graph, layer, value, layer.scale, layer.offset),
    "Normalization": _normalised,
    "LayerNormalization": _layer_norm,
    "LayerScale": lambda graph, layer, value: _scaled_and_shifted(graph, layer, value, layer.gamma, 0.0),  # of ConvNeXt
    "CustomScaleLayer": _scaled_residual,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Add": partial(_merged, kind="Add"),
    "Multiply": partial(_merged, kind="Mul"),
    "Concatenate": _concatenate,
}

_ARITHMETIC = {"Add": "Add", "Multiply": "Mul"}
