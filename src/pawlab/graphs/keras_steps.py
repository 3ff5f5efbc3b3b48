"""The nodes of our graphs as Keras layers: one function per kind of node.

Pictures are (n, channels, height, width) inside the graph and (n, height, width, channels) in Keras, on processors the
only order it computes in. So a value that is turned in the graph isn't turned here: it is only remembered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.errors import ModelError

Array = NDArray[Any]
Options = Mapping[str, Any]

_TO_FIRST, _TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass(frozen=True)
class Value:
    """A Keras tensor. `turned`: in the graph its channels come second; in Keras they are last, as always."""

    tensor: Any
    turned: bool = False

    @property
    def axes(self) -> int:
        """Return how many axes there are."""
        return len(self.tensor.shape)

    def like(self, tensor: Any) -> "Value":
        """Return another tensor in the same order of axes."""
        return Value(tensor, self.turned)


@dataclass(frozen=True)
class Step:
    """One node: its kind, what it takes (values, and arrays where these are constants), and its options."""

    kind: str
    name: str
    inputs: tuple[Value | Array | None, ...]
    options: Options

    @property
    def value(self) -> Value:
        """Return the first input, which isn't a constant."""
        given = self.inputs[0]
        return given if isinstance(given, Value) else self.refuse("of a constant")

    def constant(self, place: int, default: Any = None) -> Any:
        """Return an input that is a constant, or the default where it is absent."""
        given = self.inputs[place] if place < len(self.inputs) else None
        if isinstance(given, Value):
            self.refuse("with changing weights")
        return default if given is None else given

    def refuse(self, how: str) -> Any:
        """Raise ModelError: this node can't be written in Keras."""
        raise ModelError(
            f"the model has a step, {self.kind} {how}, that has no form in Keras here. Use its model.onnx as it is."
        )


def _same(layers: Any, step: Step) -> Value:
    return step.value


def _transpose(layers: Any, step: Step) -> Value:
    turns = {(False, tuple(_TO_FIRST)): True, (True, tuple(_TO_LAST)): False}
    key = (step.value.turned, tuple(step.options["perm"]))
    return Value(step.value.tensor, turns[key]) if key in turns else step.refuse("of other axes")


def _convolution(layers: Any, step: Step) -> Value:
    kernel, bias = step.constant(1), step.constant(2)
    groups = step.options.get("group", 1)
    tensor, padding = _padded(layers, step)
    options = {
        "kernel_size": kernel.shape[2:],
        "strides": tuple(step.options.get("strides", (1, 1))),
        "dilation_rate": tuple(step.options.get("dilations", (1, 1))),
        "padding": padding,
        "use_bias": bias is not None,
        "name": step.name,
    }
    biases = [] if bias is None else [bias]
    if groups > 1 and kernel.shape[1] == 1:  # each channel by itself: (c m, 1, h, w) -> (h, w, c, m)
        layer = layers.DepthwiseConv2D(depth_multiplier=kernel.shape[0] // groups, **options)
        weights = kernel.reshape(groups, -1, *kernel.shape[2:]).transpose(2, 3, 0, 1)
    else:  # (out, in, h, w) -> (h, w, in, out)
        layer = layers.Conv2D(kernel.shape[0], groups=groups, **options)
        weights = kernel.transpose(2, 3, 1, 0)
    return step.value.like(_applied(layer, tensor, [weights, *biases]))


def _padded(layers: Any, step: Step) -> tuple[Any, str]:
    """Return the tensor with its zeros laid around it, and the name of what padding is left to the layer."""
    automatic = step.options.get("auto_pad", "NOTSET")
    if not step.value.turned:
        step.refuse("with channels last")
    if automatic == "SAME_UPPER":
        return step.value.tensor, "same"
    if automatic not in ("NOTSET", "VALID"):
        step.refuse(f"padded as {automatic}")
    top, left, bottom, right = step.options.get("pads", (0, 0, 0, 0))
    if not any((top, left, bottom, right)):
        return step.value.tensor, "valid"
    around = layers.ZeroPadding2D(((top, bottom), (left, right)), name=f"{step.name}_padding")
    return around(step.value.tensor), "valid"


def _pool(layers: Any, step: Step, kind: str) -> Value:
    tensor, padding = _padded(layers, step)
    if (
        any(step.options.get("pads", ()))
        or step.options.get("ceil_mode")
        or set(step.options.get("dilations", [1])) != {1}
    ):
        step.refuse("with padding of its own, rounding up or gaps")
    size = tuple(step.options["kernel_shape"])
    strides = tuple(step.options.get("strides", (1, 1)))
    layer = getattr(layers, kind)(size, strides, padding, name=step.name)
    return step.value.like(layer(tensor))


def _global_pool(layers: Any, step: Step, kind: str) -> Value:
    if not step.value.turned:
        step.refuse("with channels last")
    return step.value.like(getattr(layers, kind)(keepdims=True, name=step.name)(step.value.tensor))


def _batch_norm(layers: Any, step: Step) -> Value:
    if step.value.axes == 4 and not step.value.turned:
        step.refuse("with channels last")
    layer = layers.BatchNormalization(epsilon=step.options.get("epsilon", 1e-5), name=step.name)
    return step.value.like(_applied(layer, step.value.tensor, [step.constant(place) for place in range(1, 5)]))


def _dense(layers: Any, step: Step) -> Value:
    """A product with weights; it comes with a bias where one was added behind it."""
    options = {name: step.options.get(name, default) for name, default in _GEMM.items() if name != "transB"}
    if step.value.turned or any(value != _GEMM[name] for name, value in options.items()):
        step.refuse("with factors or channels first")
    kernel, bias = step.constant(1), step.constant(2)
    kernel = kernel.T if step.options.get("transB") else kernel
    layer = layers.Dense(kernel.shape[1], use_bias=bias is not None, name=step.name)
    return Value(_applied(layer, step.value.tensor, [kernel] if bias is None else [kernel, bias]))


def _clip(layers: Any, step: Step) -> Value:
    lowest, highest = step.constant(1), step.constant(2)
    if lowest is None or float(lowest) != 0:
        step.refuse("to other bounds than from 0")
    highest = None if highest is None else float(highest)
    return step.value.like(layers.ReLU(max_value=highest, name=step.name)(step.value.tensor))


def _activation(layers: Any, step: Step, name: str) -> Value:
    return step.value.like(layers.Activation(name, name=step.name)(step.value.tensor))


def _softmax(layers: Any, step: Step) -> Value:
    if step.options.get("axis", -1) not in (-1, step.value.axes - 1) or step.value.turned:
        step.refuse("over another axis than the last")
    return Value(layers.Softmax(name=step.name)(step.value.tensor))


def _arithmetic(layers: Any, step: Step, kind: str) -> Value:
    """A sum, difference, product or quotient: of two values, or with constants, which rescale a value."""
    first, second = step.inputs
    if isinstance(first, Value) and isinstance(second, Value):
        if kind == "Divide" or first.turned != second.turned or first.axes != second.axes:
            step.refuse("of such values")
        return first.like(getattr(layers, kind)(name=step.name)([first.tensor, second.tensor]))
    value, constant = (first, second) if isinstance(first, Value) else (second, first)
    assert isinstance(value, Value)
    numbers = _by_channel(step, value, np.asarray(constant, np.float64))
    if kind == "Divide" and value is second:
        step.refuse("by changing values")
    scale, offset = {
        "Add": (1.0, numbers),
        "Subtract": (1.0, -numbers) if value is first else (-1.0, numbers),
        "Multiply": (numbers, 0.0),
        "Divide": (1 / numbers if kind == "Divide" else 1.0, 0.0),
    }[kind]
    layer = layers.Rescaling(_plain(scale), _plain(offset), name=step.name)
    return value.like(layer(value.tensor))


def _by_channel(step: Step, value: Value, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return constants as one number, or as one for each channel, which is Keras's last axis."""
    if numbers.size == 1:
        return numbers.reshape(())
    shape = (1,) * (value.axes - numbers.ndim) + numbers.shape
    channels = 1 if value.turned else value.axes - 1
    if len(shape) != value.axes or shape[channels] != numbers.size:
        step.refuse("with constants that differ by place")
    return numbers.ravel()


def _plain(numbers: Any) -> Any:
    """Return numbers as Keras keeps them in a layer's configuration."""
    return np.asarray(numbers, np.float64).tolist()


def _flatten(layers: Any, step: Step) -> Value:
    value = step.value
    if step.options.get("axis", 1) != 1:
        step.refuse("from another axis than the second")
    tensor = value.tensor
    if value.turned and tuple(tensor.shape[1:3]) != (1, 1):
        tensor = layers.Permute((3, 1, 2), name=f"{step.name}_order")(tensor)
    return Value(layers.Flatten(name=step.name)(tensor))


def _reshape(layers: Any, step: Step) -> Value:
    lengths = [int(length) for length in step.constant(1)]
    if len(lengths) != 2 or not (lengths[0] in (0, -1) or lengths[1] == -1):
        step.refuse("to more than a row per picture")
    return _flatten(layers, step)


def _concatenate(layers: Any, step: Step) -> Value:
    values = [value for value in step.inputs if isinstance(value, Value)]
    first = values[0]
    if len(values) != len(step.inputs) or any(value.turned != first.turned for value in values):
        step.refuse("of such values")
    axis = step.options["axis"] % first.axes
    axis = {1: 3, 2: 1, 3: 2}[axis] if first.turned else axis
    return first.like(layers.Concatenate(axis, name=step.name)([value.tensor for value in values]))


def _slice(layers: Any, step: Step) -> Value:
    """Some columns of a row: Keras has no layer for it, but a product with ones and zeros is one, and exact."""
    start, end, axes, steps = (step.constant(place, [default]) for place, default in ((1, 0), (2, 0), (3, 0), (4, 1)))
    if step.value.axes != 2 or [int(axes[0]) % 2, int(steps[0])] != [1, 1] or len(axes) != 1:
        step.refuse("of anything but columns")
    width = step.value.tensor.shape[1]
    chosen = np.eye(width, dtype=np.float32)[:, int(start[0]) : int(end[0])]
    layer = layers.Dense(chosen.shape[1], use_bias=False, name=step.name)
    return Value(_applied(layer, step.value.tensor, [chosen]))


def _pad(layers: Any, step: Step) -> Value:
    pads = [int(length) for length in step.constant(1)]
    inner = [pads[place] for place in (0, 1, 4, 5)]
    if not step.value.turned or any(inner) or float(step.constant(2, 0.0)) != 0:
        step.refuse("of anything but height and width with zeros")
    around = layers.ZeroPadding2D(((pads[2], pads[6]), (pads[3], pads[7])), name=step.name)
    return step.value.like(around(step.value.tensor))


def _mean(layers: Any, step: Step) -> Value:
    axes = step.options.get("axes") or [int(axis) for axis in step.constant(1, [])]
    if not step.value.turned or sorted(axis % 4 for axis in axes) != [2, 3]:
        step.refuse("over other axes than height and width")
    keeps = bool(step.options.get("keepdims", 1))
    mean = layers.GlobalAveragePooling2D(keepdims=keeps, name=step.name)(step.value.tensor)
    return Value(mean, turned=keeps)


def _applied(layer: Any, tensor: Any, weights: list[Array]) -> Any:
    """Return what a layer with these weights makes of a tensor."""
    result = layer(tensor)
    layer.set_weights(weights)
    return result


_GEMM = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}

STEPS: dict[str, Callable[[Any, Step], Value]] = {
    "Add": partial(_arithmetic, kind="Add"),
    "AveragePool": partial(_pool, kind="AveragePooling2D"),
    "BatchNormalization": _batch_norm,
    "Cast": _same,  # everything is float32 in Keras
    "Clip": _clip,
    "Concat": _concatenate,
    "Conv": _convolution,
    "Div": partial(_arithmetic, kind="Divide"),
    "Dropout": _same,
    "Flatten": _flatten,
    "Gemm": _dense,
    "GlobalAveragePool": partial(_global_pool, kind="GlobalAveragePooling2D"),
    "GlobalMaxPool": partial(_global_pool, kind="GlobalMaxPooling2D"),
    "Identity": _same,
    "MatMul": _dense,
    "MaxPool": partial(_pool, kind="MaxPooling2D"),
    "Mul": partial(_arithmetic, kind="Multiply"),
    "Pad": _pad,
    "ReduceMean": _mean,
    "Relu": partial(_activation, name="relu"),
    "Reshape": _reshape,
    "Sigmoid": partial(_activation, name="sigmoid"),
    "Slice": _slice,
    "Softmax": _softmax,
    "Sub": partial(_arithmetic, kind="Subtract"),
    "Tanh": partial(_activation, name="tanh"),
    "Transpose": _transpose,
}
