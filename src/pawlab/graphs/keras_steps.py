"""The nodes of our graphs as Keras layers: one function per kind of node.

Pictures are (n, channels, height, width) inside the graph and (n, height, width, channels) in Keras, on processors the
only order it computes in. So a value that is turned in the graph isn't turned here: it is only remembered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.errors import ModelError

Array = NDArray[Any]
Options = Mapping[str, Any]


@dataclass(frozen=True)
class Value:
    """A Keras tensor, or several. `turned`: in the graph its channels come second; in Keras they are always last."""

    tensor: Any
    turned: bool = False

    @property
    def axes(self) -> int:
        """Return how many axes there are."""
        return len(self.tensor.shape)


@dataclass(frozen=True)
class Step:
    """One node: its kind, what it takes (values, and arrays where these are constants), and its options."""

    layers: Any  # the module keras.layers
    kind: str
    name: str
    inputs: tuple[Value | Array | None, ...]
    options: Options

    @property
    def value(self) -> Value:
        """Return the first input, which isn't a constant."""
        given = self.inputs[0]
        return given if isinstance(given, Value) else self.refuse("of a constant")

    @property
    def map(self) -> Value:
        """Return the first input, which is a feature map with channels second."""
        return self.value if self.value.turned else self.refuse("with channels last")

    def constant(self, place: int, default: Any = None) -> Any:
        """Return an input that is a constant, or the default where it is absent."""
        given = self.inputs[place] if place < len(self.inputs) else None
        if isinstance(given, Value):
            self.refuse("with changing weights")
        return default if given is None else given

    def layer(
        self, kind: str, *settings: Any, given: Value | None = None, weights: Sequence[Array] = (), **options: Any
    ) -> Value:
        """Return what a Keras layer makes of the first input, or of `given`, in the same order of axes."""
        value = given or self.value
        layer = getattr(self.layers, kind)(*settings, **{"name": self.name, **options})
        result = layer(value.tensor)
        if weights:
            layer.set_weights(weights)
        return replace(value, tensor=result)

    def refuse(self, how: str) -> Any:
        """Raise ModelError: this node can't be written in Keras."""
        raise ModelError(
            f"the model has a step, {self.kind} {how}, that has no form in Keras here. Use its model.onnx as it is."
        )


def _transpose(step: Step) -> Value:
    key = (step.value.turned, tuple(step.options["perm"]))
    if key not in ((False, (0, 3, 1, 2)), (True, (0, 2, 3, 1))):
        step.refuse("of other axes")
    return replace(step.value, turned=not step.value.turned)


def _convolution(step: Step) -> Value:
    kernel, bias = step.constant(1), step.constant(2)
    groups = step.options.get("group", 1)
    given, padding = _padded(step)
    options = {
        "kernel_size": kernel.shape[2:],
        "strides": tuple(step.options.get("strides", (1, 1))),
        "dilation_rate": tuple(step.options.get("dilations", (1, 1))),
        "padding": padding,
        "use_bias": bias is not None,
        "given": given,
    }
    biases = [] if bias is None else [bias]
    if groups > 1 and kernel.shape[1] == 1:  # each channel by itself: (c m, 1, h, w) -> (h, w, c, m)
        weights = kernel.reshape(groups, -1, *kernel.shape[2:]).transpose(2, 3, 0, 1)
        multiplier = kernel.shape[0] // groups
        return step.layer("DepthwiseConv2D", depth_multiplier=multiplier, weights=[weights, *biases], **options)
    weights = kernel.transpose(2, 3, 1, 0)  # (out, in, h, w) -> (h, w, in, out)
    return step.layer("Conv2D", kernel.shape[0], groups=groups, weights=[weights, *biases], **options)


def _padded(step: Step) -> tuple[Value, str]:
    """Return the value with its zeros laid around it, and the name of what padding is left to the layer."""
    automatic = step.options.get("auto_pad", "NOTSET")
    if automatic == "SAME_UPPER":
        return step.map, "same"
    if automatic not in ("NOTSET", "VALID"):
        step.refuse(f"padded as {automatic}")
    top, left, bottom, right = step.options.get("pads", (0, 0, 0, 0))
    if not any((top, left, bottom, right)):
        return step.map, "valid"
    sides = ((top, bottom), (left, right))
    return step.layer("ZeroPadding2D", sides, given=step.map, name=f"{step.name}_padding"), "valid"


def _pool(step: Step, kind: str) -> Value:
    given, padding = _padded(step)
    gaps = set(step.options.get("dilations", [1])) != {1}
    if any(step.options.get("pads", ())) or step.options.get("ceil_mode") or gaps:
        step.refuse("with padding of its own, rounding up or gaps")
    size, strides = tuple(step.options["kernel_shape"]), tuple(step.options.get("strides", (1, 1)))
    return step.layer(kind, size, strides, padding, given=given)


def _batch_norm(step: Step) -> Value:
    given = step.map if step.value.axes == 4 else step.value
    weights = [step.constant(place) for place in range(1, 5)]
    return step.layer("BatchNormalization", epsilon=step.options.get("epsilon", 1e-5), given=given, weights=weights)


def _dense(step: Step) -> Value:
    """A product with weights; it comes with a bias where one was added behind it."""
    factors = [step.options.get(name, 1.0) for name in ("alpha", "beta")]
    if step.value.turned or factors != [1.0, 1.0] or step.options.get("transA"):
        step.refuse("with factors or channels first")
    kernel, bias = step.constant(1), step.constant(2)
    kernel = kernel.T if step.options.get("transB") else kernel
    weights = [kernel] if bias is None else [kernel, bias]
    return step.layer("Dense", kernel.shape[1], use_bias=bias is not None, weights=weights)


def _clip(step: Step) -> Value:
    lowest, highest = step.constant(1), step.constant(2)
    if lowest is None or float(lowest) != 0:
        step.refuse("to other bounds than from 0")
    return step.layer("ReLU", max_value=None if highest is None else float(highest))


def _softmax(step: Step) -> Value:
    if step.options.get("axis", -1) not in (-1, step.value.axes - 1) or step.value.turned:
        step.refuse("over another axis than the last")
    return step.layer("Softmax")


def _arithmetic(step: Step, kind: str) -> Value:
    """A sum, difference, product or quotient: of two values, or with constants, which rescale a value."""
    first, second = step.inputs
    if isinstance(first, Value) and isinstance(second, Value):
        if kind == "Divide" or first.turned != second.turned or first.axes != second.axes:
            step.refuse("of such values")
        return step.layer(kind, given=Value([first.tensor, second.tensor], first.turned))
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
    return step.layer("Rescaling", *(np.asarray(some).tolist() for some in (scale, offset)), given=value)


def _by_channel(step: Step, value: Value, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return constants as one number, or as one for each channel, which is Keras's last axis."""
    if numbers.size == 1:
        return numbers.reshape(())
    shape = (1,) * (value.axes - numbers.ndim) + numbers.shape
    channels = 1 if value.turned else value.axes - 1
    if len(shape) != value.axes or shape[channels] != numbers.size:
        step.refuse("with constants that differ by place")
    return numbers.ravel()


def _flatten(step: Step) -> Value:
    value = step.value
    if step.options.get("axis", 1) != 1:
        step.refuse("from another axis than the second")
    if value.turned and tuple(value.tensor.shape[1:3]) != (1, 1):
        value = step.layer("Permute", (3, 1, 2), name=f"{step.name}_order")
    return step.layer("Flatten", given=replace(value, turned=False))


def _reshape(step: Step) -> Value:
    lengths = [int(length) for length in step.constant(1)]
    if lengths == [0, -1, 1, 1] and step.value.axes == 2:  # a row as a map of one place
        return replace(step.layer("Reshape", (1, 1, step.value.tensor.shape[1])), turned=True)
    if len(lengths) != 2 or not (lengths[0] in (0, -1) or lengths[1] == -1):
        step.refuse("to more than a row per picture")
    return _flatten(step)


def _concatenate(step: Step) -> Value:
    values = [value for value in step.inputs if isinstance(value, Value)]
    first = values[0]
    if len(values) != len(step.inputs) or any(value.turned != first.turned for value in values):
        step.refuse("of such values")
    axis = step.options["axis"] % first.axes
    axis = {1: 3, 2: 1, 3: 2}[axis] if first.turned else axis
    return step.layer("Concatenate", axis, given=Value([value.tensor for value in values], first.turned))


def _slice(step: Step) -> Value:
    """Some columns of a row: Keras has no layer for it, but a product with ones and zeros is one, and exact."""
    start, end, axes, steps = (step.constant(place, [default]) for place, default in ((1, 0), (2, 0), (3, 0), (4, 1)))
    if step.value.axes != 2 or [int(axes[0]) % 2, int(steps[0])] != [1, 1] or len(axes) != 1:
        step.refuse("of anything but columns")
    chosen = np.eye(step.value.tensor.shape[1], dtype=np.float32)[:, int(start[0]) : int(end[0])]
    return step.layer("Dense", chosen.shape[1], use_bias=False, weights=[chosen])


def _pad(step: Step) -> Value:
    pads = [int(length) for length in step.constant(1)]
    inner = [pads[place] for place in (0, 1, 4, 5)]
    if not step.value.turned or any(inner) or float(step.constant(2, 0.0)) != 0:
        step.refuse("of anything but height and width with zeros")
    return step.layer("ZeroPadding2D", ((pads[2], pads[6]), (pads[3], pads[7])))


def _mean(step: Step) -> Value:
    axes = step.options.get("axes") or [int(axis) for axis in step.constant(1, [])]
    if not step.value.turned or sorted(axis % 4 for axis in axes) != [2, 3]:
        step.refuse("over other axes than height and width")
    keeps = bool(step.options.get("keepdims", 1))
    return replace(step.layer("GlobalAveragePooling2D", keepdims=keeps), turned=keeps)


def _layer_norm(step: Step) -> Value:
    axis = step.options.get("axis", -1)
    if step.value.turned or axis not in (-1, step.value.axes - 1):
        step.refuse("over another axis than the last")
    weights = [step.constant(1), step.constant(2, np.zeros_like(step.constant(1)))]
    return step.layer("LayerNormalization", epsilon=step.options.get("epsilon", 1e-5), weights=weights)


def _hard_sigmoid(step: Step) -> Value:
    """Keras has one slope."""
    if not np.allclose((step.options.get("alpha", 0.2), step.options.get("beta", 0.5)), (1 / 6, 0.5)):
        step.refuse("of another slope than 1/6")
    return step.layer("Activation", "hard_sigmoid")


STEPS: dict[str, Callable[[Step], Value]] = {
    "Add": partial(_arithmetic, kind="Add"),
    "AveragePool": partial(_pool, kind="AveragePooling2D"),
    "BatchNormalization": _batch_norm,
    "Cast": lambda step: step.value,  # everything is float32 in Keras
    "Clip": _clip,
    "Concat": _concatenate,
    "Conv": _convolution,
    "Div": partial(_arithmetic, kind="Divide"),
    "Dropout": lambda step: step.value,
    "Flatten": _flatten,
    "Gelu": lambda step: step.layer("Activation", "gelu"),
    "Gemm": _dense,
    "GlobalAveragePool": lambda step: step.layer("GlobalAveragePooling2D", keepdims=True, given=step.map),
    "GlobalMaxPool": lambda step: step.layer("GlobalMaxPooling2D", keepdims=True, given=step.map),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda step: step.layer("Activation", "hard_silu"),
    "Identity": lambda step: step.value,
    "LayerNormalization": _layer_norm,
    "MatMul": _dense,
    "MaxPool": partial(_pool, kind="MaxPooling2D"),
    "Mul": partial(_arithmetic, kind="Multiply"),
    "Pad": _pad,
    "ReduceMean": _mean,
    "Relu": lambda step: step.layer("Activation", "relu"),
    "Reshape": _reshape,
    "Sigmoid": lambda step: step.layer("Activation", "sigmoid"),
    "Slice": _slice,
    "Softmax": _softmax,
    "Sub": partial(_arithmetic, kind="Subtract"),
    "Tanh": lambda step: step.layer("Activation", "tanh"),
    "Transpose": _transpose,
}
