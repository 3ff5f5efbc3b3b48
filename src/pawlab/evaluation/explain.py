"""Where in a picture an answer came from. Works on the classifier's file alone: no framework, no second file.

With A_k the channels of the last feature map and z the logit of a class, Grad-CAM (Selvaraju et al. 2017,
arXiv:1610.02391) is the map over places i

    M_i = sum over k of w_k A_ki        w_k = sum over i of dz / dA_ki

(they divide w_k by the number of places and leave out where M is negative; both is left to whoever draws it). Where
only the mean over places and one matrix product follow, as in backbone + linear head, w_k is the class's weight itself,
M is the class activation map of Zhou et al. 2016 (arXiv:1512.04150), and it is exact: its mean plus the bias is the
logit.

The derivatives need no framework: between the last convolution and the logits there is but a handful of layers, the
tail, and for each kind of them the step back is a line of NumPy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pawlab.classifier import Classifier
from pawlab.errors import ModelError, OutputError, PawlabError, did_you_mean
from pawlab.graphs.anatomy import Anatomy, Node, find_anatomy
from pawlab.graphs.edit import with_outputs
from pawlab.graphs.runtime import open_graph
from pawlab.images import Pixels, Source, decode
from pawlab.storage import replacing_file

if TYPE_CHECKING:
    from onnx import ModelProto

Array = NDArray[Any]
Method = Literal["class activation", "Grad-CAM"]

_EXACT = frozenset(
    {"GlobalAveragePool", "Flatten", "Identity", "Gemm"}
)  # a tail of these alone is linear in each channel
_LONGEST = 1024  # pixels of a side of a drawn picture
_FAINTEST, _STRONGEST = 0.25, 0.6  # opacity of the colours where nothing, and where most, speaks for the class

# From dark to bright by even steps of lightness: the order is seen in gray, and by whoever confuses colours.
_COLOURS = ((18, 16, 64), (92, 36, 110), (176, 62, 90), (234, 122, 58), (252, 196, 92), (255, 250, 205))


@dataclass(frozen=True)
class Heatmap:
    """What speaks for a class, and where.

    `values`: float32 (y, x), one for each place of the last feature map, in logits before the temperature: above 0
    speaks for `label`, below against it. Their mean plus the bias is the logit, where `method` is class activation.
    """

    values: NDArray[np.float32]
    label: str
    method: Method


class Explainer:
    """Opens a classifier once to draw many heat maps."""

    def __init__(self, classifier: Classifier) -> None:
        """Raises ModelError where the network has no feature map, or a layer behind it that isn't known here."""
        import onnx

        self._classifier = classifier
        model = onnx.load(classifier.path)
        self._anatomy = find_anatomy(model)
        self._constants = _constants(model)
        self._names = _tensors(self._anatomy, classifier)
        self._graph = open_graph(with_outputs(model, self._names).SerializeToString())

    def heatmap(self, source: Source, label: str | None = None) -> Heatmap:
        """Return the map for one picture and a class; without one, for the predicted class.

        Raises PictureError where it can't be read, PawlabError where there is no such class.
        """
        pixels = decode(source, self._classifier.card.preprocess)
        values = dict(zip(self._names, self._graph.run(self._names, pixels[np.newaxis]), strict=True))
        classes = self._classifier.classes
        best = int(values["probabilities"][0].argmax())
        place = best if label is None else _position(label, classes)
        channels = values[str(self._anatomy.feature_map)][0]
        weights = self._gradient(values, place)[0].sum(axis=(1, 2))
        heat = np.einsum("k,kyx->yx", weights, channels).astype(np.float32)
        exact = {node.op_type for node in self._anatomy.tail} <= _EXACT
        return Heatmap(heat, classes[place], "class activation" if exact else "Grad-CAM")

    def _gradient(self, values: dict[str, Array], place: int) -> Array:
        """Return dz / dA (1, channels, y, x), where z is the logit of the class at `place`."""
        logits = values[self._anatomy.logits]
        gradient = np.zeros(logits.shape, np.float64)
        if self._anatomy.sigmoid:
            gradient[0, 0] = 1 if place == 1 else -1
        else:
            gradient[0, place] = 1
        before = [self._anatomy.feature_map, *(node.output[0] for node in self._anatomy.tail)]
        for node, given in reversed(list(zip(self._anatomy.tail, before, strict=False))):
            step = _Step(node, values[str(given)], values[node.output[0]], self._constants)
            gradient = _BACK[node.op_type](step, gradient)
        return gradient


def heatmap(classifier: Classifier, source: Source, label: str | None = None) -> Heatmap:
    """Return where in a picture a class, or the predicted one, comes from. For many pictures see `Explainer`."""
    return Explainer(classifier).heatmap(source, label)


def overlay(pixels: Pixels, heat: Heatmap) -> Pixels:
    """Return a picture, uint8 (h, w, 3), RGB, with what speaks for the class laid over it: the brighter, the more.

    The map is stretched over the picture. Full brightness is the largest value either way, so that a class for which
    little speaks gets a dark picture; places that speak against it are as dark as those that say nothing.
    """
    height, width = pixels.shape[:2]
    strength = np.maximum(heat.values, 0) / (np.abs(heat.values).max() or 1)
    smooth = Image.fromarray(strength.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(smooth), 0, 1)[..., np.newaxis]
    gray = pixels.mean(axis=2, keepdims=True)
    opacity = _FAINTEST + (_STRONGEST - _FAINTEST) * share
    mixed = (1 - opacity) * gray + opacity * _colours(share[..., 0])
    result: Pixels = np.clip(mixed.round(), 0, 255).astype(np.uint8)
    return result


def explain(classifier: Classifier, source: Source, label: str | None = None) -> tuple[Pixels, Heatmap]:
    """Return a picture with its heat map laid over it, uint8 (h, w, 3), and the map.

    The picture keeps its shape, but isn't drawn longer than 1,024 pixels; where the classifier crops or pads, it is
    drawn as the classifier sees it.
    """
    heat = heatmap(classifier, source, label)
    preprocess = classifier.card.preprocess
    pixels = decode(source, None if preprocess.resize_mode == "squash" else preprocess)
    return overlay(_at_most(pixels, _LONGEST), heat), heat


def write_explanation(classifier: Classifier, source: Source, out: str | Path, label: str | None = None) -> Heatmap:
    """Write what `explain` draws to a picture file, in the format that its ending names, and return the map.

    Raises OutputError where it can't be written, and what `Explainer` raises.
    """
    out = Path(out)
    form = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}.get(out.suffix.lower())
    if form is None:
        raise OutputError(f"can't write {out}: its ending names no picture format. End it with .png, .jpg or .webp.")
    pixels, heat = explain(classifier, source, label)
    with replacing_file(out) as partial:
        Image.fromarray(pixels).save(partial, format=form)
    return heat


def _colours(share: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return colours (h, w, 3), 0-255, for shares (h, w), 0 to 1."""
    stops = np.linspace(0, 1, len(_COLOURS))
    return np.stack([np.interp(share, stops, channel) for channel in zip(*_COLOURS, strict=True)], axis=-1)


def _at_most(pixels: Pixels, side: int) -> Pixels:
    scale = side / max(pixels.shape)
    if scale >= 1:
        return pixels
    height, width = (max(1, round(length * scale)) for length in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height)))


def _position(label: str, classes: Sequence[str]) -> int:
    if label in classes:
        return classes.index(label)
    raise PawlabError(
        f"the classifier doesn't know the class '{label}'; it knows: {', '.join(classes)}."
        f"{did_you_mean(label, list(classes))}"
    )


def _constants(model: "ModelProto") -> dict[str, Array]:
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _tensors(anatomy: Anatomy, classifier: Classifier) -> list[str]:
    """Return what the graph is to give besides its answer."""
    unknown = {node.op_type for node in anatomy.tail} - set(_BACK)
    if anatomy.feature_map is None or unknown:
        why = f"no way back through its layer {min(unknown)} is known" if unknown else "its network has no convolution"
        raise ModelError(f"no heat map can be drawn for {classifier.path}: {why}.")
    return ["probabilities", anatomy.feature_map, *(node.output[0] for node in anatomy.tail)]


@dataclass(frozen=True)
class _Step:
    """One layer of the tail: what it was `given` and `made` for a picture."""

    node: Node
    given: Array
    made: Array
    constants: dict[str, Array]

    @property
    def constant(self) -> Array | None:
        """Return the first constant among its inputs: a dense layer's weights."""
        return next((self.constants[name] for name in self.node.input if name in self.constants), None)

    def option(self, name: str, default: Any = None) -> Any:
        from onnx import helper

        return next((helper.get_attribute_value(one) for one in self.node.attribute if one.name == name), default)


def _gemm(step: _Step, gradient: Array) -> Array:
    weights = step.constants[step.node.input[1]]
    back: Array = gradient @ (weights if step.option("transB", 0) else weights.T) * step.option("alpha", 1.0)
    return back


def _multiplied(step: _Step, gradient: Array) -> Array:
    """Multiplied by a constant, or by its own sigmoid (SiLU): x s(x), whose slope is s (1 + x (1 - s))."""
    if step.constant is not None:
        return gradient * step.constant
    gate = 1 / (1 + np.exp(-step.given.astype(np.float64)))
    return gradient * gate * (1 + step.given * (1 - gate))


def _clipped(step: _Step, gradient: Array) -> Array:
    low, high = (step.constants[name] for name in step.node.input[1:3])
    return gradient * ((step.given > low) & (step.given < high))


def _softmax(step: _Step, gradient: Array) -> Array:
    back: Array = step.made * (gradient - (gradient * step.made).sum(axis=1, keepdims=True))
    return back


def _sliced(step: _Step, gradient: Array) -> Array:
    start, end, axis = (int(step.constants[name][0]) for name in step.node.input[1:4])
    back = np.zeros(step.given.shape)
    back[(slice(None),) * axis + (slice(start, end),)] = gradient
    return back


def _turned(step: _Step, gradient: Array) -> Array:
    return gradient.transpose(np.argsort(step.option("perm")))


def _averaged(step: _Step, gradient: Array) -> Array:
    height, width = step.given.shape[2:]
    return np.broadcast_to(gradient / (height * width), step.given.shape)


def _largest(step: _Step, gradient: Array) -> Array:
    """All goes to the largest place; where several are, each gets its share."""
    chosen = step.given == step.made
    back: Array = gradient * chosen / chosen.sum(axis=(2, 3), keepdims=True)
    return back


def _pooled(step: _Step, gradient: Array) -> Array:
    """As `_largest`, in each window. Windows don't overlap; what is left over at the edge went nowhere."""
    (rows, columns), (height, width) = step.option("kernel_shape"), step.made.shape[2:]
    back = np.zeros(step.given.shape)
    inside = (..., slice(0, height * rows), slice(0, width * columns))
    windows = (*step.made.shape[:2], height, rows, width, columns)
    chosen = step.given[inside].reshape(windows) == step.made[..., :, np.newaxis, :, np.newaxis]
    share = chosen / chosen.sum(axis=(3, 5), keepdims=True)
    back[inside] = (gradient[..., :, np.newaxis, :, np.newaxis] * share).reshape(back[inside].shape)
    return back


_BACK: dict[str, Callable[[_Step, Array], Array]] = {
    "Identity": lambda step, gradient: gradient,
    "Add": lambda step, gradient: gradient,
    "Flatten": lambda step, gradient: gradient.reshape(step.given.shape),
    "Transpose": _turned,
    "Gemm": _gemm,
    "MatMul": lambda step, gradient: gradient @ step.constants[step.node.input[1]].T,
    "Mul": _multiplied,
    "Relu": lambda step, gradient: gradient * (step.given > 0),
    "Clip": _clipped,
    "Sigmoid": lambda step, gradient: gradient * step.made * (1 - step.made),
    "Tanh": lambda step, gradient: gradient * (1 - step.made**2),
    "Softmax": _softmax,
    "Slice": _sliced,
    "GlobalAveragePool": _averaged,
    "GlobalMaxPool": _largest,
    "MaxPool": _pooled,
}
