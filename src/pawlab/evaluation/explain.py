"""Where in a picture an answer came from. Works on the classifier's file alone: no framework, no second file.

With A_k the channels of the last feature map and z the logit of a class, Grad-CAM (Selvaraju et al. 2017,
arXiv:1610.02391) is the map over places i

    M_i = sum over k of w_k A_ki        w_k = sum over i of dz / dA_ki

(they divide w_k by the number of places and leave out where M is negative; both is left to whoever draws it). Behind a
backbone with a linear head, M is the class activation map of Zhou et al. 2016 (arXiv:1512.04150), and exact: its mean
plus the bias is the logit. Where a probe sees several stages of a network, M is the sum of their maps, each brought to
the size of the largest without changing its mean, so that it stays exact.

Between that map and the logits, in the tail, stand but a few layers; for each kind the step back is a line of NumPy.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pawlab.classifier import Classifier
from pawlab.errors import ModelError, OutputError, PawlabError, did_you_mean
from pawlab.graphs.anatomy import find_anatomy
from pawlab.graphs.edit import with_outputs
from pawlab.graphs.runtime import open_graph
from pawlab.images import Pixels, Source, decode
from pawlab.storage import replacing_file

Array = NDArray[Any]
Method = Literal["class activation", "Grad-CAM"]

_LINEAR = frozenset({"GlobalAveragePool", "Flatten", "Identity", "Gemm"})
_LONGEST = 1024  # pixels of a side of a drawn picture
_SOFTWARE, _MADE_BY = 0x0131, "pawlab explain"  # the EXIF tag by which an explanation is known
_FAINTEST, _STRONGEST = 0.25, 0.6  # opacity of the colours where nothing, and where most, speaks for the class

# From dark to bright by even steps of lightness: the order is seen in gray, and by whoever confuses colours.
_COLOURS = ((18, 16, 64), (92, 36, 110), (176, 62, 90), (234, 122, 58), (252, 196, 92), (255, 250, 205))


@dataclass(frozen=True)
class Heatmap:
    """What speaks for a class, and where.

    `values`: float32 (y, x), one for each place of the last feature map, in logits before the temperature: above 0
    speaks for `label`, below against it.
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
        self._softmaxes = sum(node.op_type == "Softmax" for node in model.graph.node)
        self._constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self._names = ["probabilities", *self._tensors()]
        self._graph = open_graph(with_outputs(model, self._names).SerializeToString())

    def heatmap(self, source: Source, label: str | None = None) -> Heatmap:
        """Return the map for one picture and a class; without one, for the predicted class.

        Raises PictureError where it can't be read, PawlabError where there is no such class.
        """
        pixels = decode(source, self._classifier.card.preprocess)
        values = dict(zip(self._names, self._graph.run(self._names, pixels[np.newaxis]), strict=True))
        probabilities = values["probabilities"]
        classes = self._classifier.classes
        label = classes[int(probabilities[0].argmax())] if label is None else label
        if label not in classes:
            raise PawlabError(
                f"the classifier doesn't know the class '{label}'; it knows: {', '.join(classes)}."
                f"{did_you_mean(label, list(classes))}"
            )
        maps = [self._map(*branch) for branch in self._gradients(values, classes.index(label))]
        height, width = (max(heat.shape[axis] for heat in maps) for axis in (0, 1))
        heat = sum((resized(heat, height, width) for heat in maps), np.zeros((height, width)))
        exact = {node.op_type for node in self._nodes} <= _LINEAR
        return Heatmap(heat.astype(np.float32), label, "class activation" if exact else "Grad-CAM")

    @property
    def _nodes(self) -> list[Any]:
        return [*(node for branch in self._anatomy.branches for node in branch.tail), *self._anatomy.tail]

    def _tensors(self) -> list[str]:
        """Return the tensors from the feature maps to the logits."""
        if not self._anatomy.branches:
            why = "its network has no convolution"
        elif unknown := {node.op_type for node in self._nodes} - set(_BACK):
            why = f"{self._kind()}no way back through its layer {min(unknown)} is known"
        else:
            maps = [branch.feature_map for branch in self._anatomy.branches]
            return list(dict.fromkeys([*maps, *(node.output[0] for node in self._nodes)]))
        raise ModelError(f"no heat map can be drawn for {self._classifier.path}: {why}.")

    def _kind(self) -> str:
        """Say what a network with attention is: there is a softmax in each block beside the one that ends it."""
        return "its network is a transformer, and " if self._softmaxes > 1 else ""

    def _gradients(self, values: Mapping[str, Array], place: int) -> Iterator[tuple[Array, Array]]:
        """Yield for each branch its feature map A and dz / dA, (1, channels, y, x), of the logit z at `place`."""
        gradient = np.zeros(values[self._anatomy.logits].shape)
        column, sign = (0, 2 * place - 1) if self._anatomy.sigmoid else (place, 1)
        gradient[0, column] = sign
        branches = self._anatomy.branches
        ends = [values[branch.tail[-1].output[0] if branch.tail else branch.feature_map] for branch in branches]
        gradient = self._back(self._anatomy.tail, np.concatenate(ends, axis=1), gradient, values)
        parts = np.split(gradient, np.cumsum([end.shape[1] for end in ends])[:-1], axis=1)
        for branch, part in zip(branches, parts, strict=True):
            feature_map: Array = values[branch.feature_map]
            yield feature_map, self._back(branch.tail, feature_map, part, values)

    def _back(self, nodes: Sequence[Any], first: Array, gradient: Array, values: Mapping[str, Array]) -> Array:
        """Return the gradient in front of `nodes`, which were given `first`, from that behind them."""
        from onnx import helper

        activations = [first, *(values[node.output[0]] for node in nodes)]
        for node, (given, made) in reversed(list(zip(nodes, pairwise(activations), strict=True))):
            constants = [self._constants[name] for name in node.input if name in self._constants]
            options = {option.name: helper.get_attribute_value(option) for option in node.attribute}
            gradient = _BACK[node.op_type](_Step(constants, options, given, made), gradient)
        return gradient

    @staticmethod
    def _map(feature_map: Array, gradient: Array) -> Array:
        return np.asarray(np.einsum("k,kyx->yx", gradient[0].sum(axis=(1, 2)), feature_map[0]))


def resized(values: Array, height: int, width: int) -> Array:
    """Return a map (y, x) in other cells, each the mean of what it covers: the mean of all stays as it is."""
    rows, columns = (_shares(*sizes) for sizes in zip((height, width), values.shape, strict=True))
    return np.asarray(rows @ values @ columns.T)


def _shares(new: int, old: int) -> Array:
    """Return which share of each of `new` cells along a line each of `old` cells covers: (new, old)."""
    ends, old_ends = np.arange(1, new + 1)[:, np.newaxis] / new, np.arange(1, old + 1) / old
    covered = np.minimum(ends, old_ends) - np.maximum(ends - 1 / new, old_ends - 1 / old)
    return np.asarray(np.maximum(covered, 0) * new)


def overlay(pixels: Pixels, heat: Heatmap) -> Pixels:
    """Return a picture, uint8 (h, w, 3), RGB, with what speaks for the class laid over it: the brighter, the more.

    Full brightness is the largest value either way, so that a class for which little speaks gets a dark picture; places
    that speak against it are as dark as those that say nothing.
    """
    height, width = pixels.shape[:2]
    stops = np.linspace(0, 1, len(_COLOURS))
    strength = np.maximum(heat.values, 0) / (np.abs(heat.values).max() or 1)
    smooth = Image.fromarray(strength.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(smooth), 0, 1)
    colours = np.stack([np.interp(share, stops, channel) for channel in zip(*_COLOURS, strict=True)], axis=-1)
    gray = pixels.mean(axis=2, keepdims=True)
    opacity = (_FAINTEST + (_STRONGEST - _FAINTEST) * share)[..., np.newaxis]
    mixed = (1 - opacity) * gray + opacity * colours
    result: Pixels = np.clip(mixed.round(), 0, 255).astype(np.uint8)
    return result


def write_explanation(classifier: Classifier, source: Source, out: str | Path, label: str | None = None) -> Heatmap:
    """Write a picture with its heat map laid over it, in the format that the ending of `out` names, and return the map.

    The picture keeps its shape, but isn't drawn longer than 1,024 pixels; where the classifier crops or pads, it is
    drawn as the classifier sees it. An earlier explanation is replaced, no other file. Raises OutputError where it
    can't be written, and what `Explainer` raises.
    """
    out = Path(out).expanduser()
    form = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}.get(out.suffix.lower())
    if form is None:
        raise OutputError(f"can't write {out}: its ending names no picture format. End it with .png, .jpg or .webp.")
    if out.is_file() and not _is_explanation(out):
        raise OutputError(f"{out} is there already and is no heat map. Choose another --out.")
    heat = Explainer(classifier).heatmap(source, label)
    preprocess = classifier.card.preprocess
    image = Image.fromarray(decode(source, None if preprocess.resize_mode == "squash" else preprocess))
    image.thumbnail((_LONGEST, _LONGEST), reducing_gap=None)
    about = Image.Exif()
    about[_SOFTWARE] = _MADE_BY
    with replacing_file(out) as partial:
        Image.fromarray(overlay(np.asarray(image), heat)).save(partial, format=form, exif=about)
    return heat


def _is_explanation(path: Path) -> bool:
    """Say whether a file may be replaced: it is empty, or was written by `write_explanation`."""
    try:
        if not path.stat().st_size:
            return True
        with Image.open(path) as image:
            return image.getexif().get(_SOFTWARE) == _MADE_BY
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


@dataclass(frozen=True)
class _Step:
    """One layer of the tail: its constants, its options, and what it was `given` and `made` for a picture."""

    constants: list[Array]
    options: dict[str, Any]
    given: Array
    made: Array


def _gemm(step: _Step, gradient: Array) -> Array:
    weights = step.constants[0] if step.options.get("transB") else step.constants[0].T
    back: Array = gradient @ weights * step.options.get("alpha", 1.0)
    return back


def _multiplied(step: _Step, gradient: Array) -> Array:
    """Multiplied by a constant, or by its own sigmoid (SiLU): x s(x), whose slope is s (1 + x (1 - s))."""
    if step.constants:
        return gradient * step.constants[0]
    gate = 1 / (1 + np.exp(-step.given.astype(np.float64)))
    return gradient * gate * (1 + step.given * (1 - gate))


def _sliced(step: _Step, gradient: Array) -> Array:
    start, end, axis = (int(constant[0]) for constant in step.constants[:3])
    back = np.zeros(step.given.shape)
    back[(slice(None),) * axis + (slice(start, end),)] = gradient
    return back


def _averaged(step: _Step, gradient: Array) -> Array:
    return np.broadcast_to(gradient / prod(step.given.shape[2:]), step.given.shape)


def _pooled(step: _Step, gradient: Array) -> Array:
    """All goes to the largest place of each window, or of the map where none is named; equal ones share it.

    Windows don't overlap; what is left over at the edge went nowhere.
    """
    rows, columns = step.options.get("kernel_shape", step.given.shape[2:])
    height, width = step.made.shape[2:]
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
    "Cast": lambda step, gradient: gradient,
    "Flatten": lambda step, gradient: gradient.reshape(step.given.shape),
    "Transpose": lambda step, gradient: gradient.transpose(np.argsort(step.options["perm"])),
    "Gemm": _gemm,
    "MatMul": lambda step, gradient: gradient @ step.constants[0].T,
    "Mul": _multiplied,
    "Relu": lambda step, gradient: gradient * (step.given > 0),
    "Clip": lambda step, gradient: gradient * ((step.given > step.constants[0]) & (step.given < step.constants[1])),
    "Sigmoid": lambda step, gradient: gradient * step.made * (1 - step.made),
    "Tanh": lambda step, gradient: gradient * (1 - step.made**2),
    "Softmax": lambda step, gradient: step.made * (gradient - (gradient * step.made).sum(axis=1, keepdims=True)),
    "Slice": _sliced,
    "GlobalAveragePool": _averaged,
    "GlobalMaxPool": _pooled,
    "MaxPool": _pooled,
}
