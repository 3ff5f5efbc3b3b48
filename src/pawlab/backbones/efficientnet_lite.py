"""EfficientNet-Lite: a weights file -> one ONNX graph. No framework.

EfficientNet (Tan and Le 2019, arXiv:1905.11946) without squeeze-and-excitation and with ReLU6 for swish, so that it
runs well on small processors; the Lite variant is of the TensorFlow TPU models, 2020. Each block expands its channels
with a 1x1 convolution, filters each channel by itself (depthwise), projects to few channels again, and adds its input
where the shapes allow.

Batch norm at inference is a fixed scale and shift per channel, so it is folded into the convolution before it:

    gamma (conv(x, W) - mean) / sqrt(variance + epsilon) + beta  =  conv(x, W s) + (beta - mean s),
    s = gamma / sqrt(variance + epsilon)
"""

from collections.abc import Mapping
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pawlab.backbones.restricted_pickle import Array, read_tensors
from pawlab.backbones.table import Backbone, require_file
from pawlab.errors import MissingExtraError, WeightsError
from pawlab.graphs.builder import GraphBuilder, feature_outputs, picture_planes
from pawlab.install import install_command

if TYPE_CHECKING:
    from onnx import ModelProto

Weights = Mapping[str, Array]

EPSILON = 1e-3
STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of each stage's first block; weights say the kernels


def installed_weights(row: Backbone) -> Path:
    """Return the weights file of the row's installed package.

    Raises WeightsError where it isn't there, MissingExtraError where it comes with an extra.
    """
    assert row.package is not None, "a row that this module reads names it"
    name, file = row.package
    package = find_spec(name)  # finds the folder without running the package
    folders = (package.submodule_search_locations if package else None) or []
    for folder in folders:
        if (Path(folder) / file).is_file():
            return Path(folder) / file
    if row.extra:
        raise MissingExtraError(f"the backbone {row.name}", row.extra)
    raise WeightsError(f"the weights of {row.name} aren't installed: {install_command(_requirement(name))}")


def is_installed(row: Backbone) -> bool:
    """Say whether the package with the row's weights is there."""
    try:
        installed_weights(row)
    except (WeightsError, MissingExtraError):
        return False
    return True


def load_weights(row: Backbone, path: Path | None = None) -> Weights:
    """Return the network's tensors by name, from `path` or the installed package.

    Raises WeightsError where the file isn't, byte for byte, the one that the table names.
    """
    path = path or installed_weights(row)
    require_file(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"can't read the weights {path}: {error.strerror or error}") from error
    if sha256(data).hexdigest() != row.sha256:
        assert row.package is not None
        raise WeightsError(
            f"{path} isn't the weights file of {row.name} (SHA-256 {row.sha256}): it is damaged or another. "
            + f"Reinstall it: {install_command('--force-reinstall', '--no-deps', _requirement(row.package[0]))}"
        )
    return read_tensors(data)


def _requirement(package: str) -> str:
    return f"{package.replace('_', '-')}==0.1.0"


def build_graph(row: Backbone, weights: Weights, include_preprocessing: bool = True) -> "ModelProto":
    """Return the network as ONNX: `pictures` uint8 (n, h, w, 3), RGB, 0-255, of any n, h and w, in.

    Out: `feature_map` float32 (n, h / 32 rounded up, w / 32 rounded up, 1280) and `features` float32 (n, 1280), its
    mean over positions. Without `include_preprocessing`, `pictures` are float32 and already scaled.

    Raises KeyError where `weights` lacks a tensor.
    """
    graph = GraphBuilder()
    value = picture_planes(graph, row.mean, row.std, scaled=not include_preprocessing)
    value = _relu6(graph, _convolution(graph, value, weights, "_conv_stem", "_bn0", stride=2))
    number = 0
    for stride, stage in zip(STRIDES, row.stages, strict=True):
        for place in range(stage.blocks):
            name = stage.name if place == stage.blocks - 1 else None
            given, value = value, _block(graph, value, weights, number, 1 if place else stride, name)
            value = graph.add("Add", value, given) if place else value  # the first of a stage changes the shape
            number += 1
    value = _relu6(graph, _convolution(graph, value, weights, "_conv_head", "_bn1"))
    feature_outputs(graph, value, row.channels)
    return graph.model(row.name)


def fold(kernel: Array, norm: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return kernel (out, in, h, w) and bias (out,), float64, of the convolution with its batch norm folded in.

    `norm`: `weight` (gamma), `bias` (beta), `running_mean` and `running_var`, each (out,).
    """
    scale = norm["weight"].astype(np.float64) / np.sqrt(norm["running_var"].astype(np.float64) + EPSILON)
    shift = norm["bias"] - norm["running_mean"] * scale
    return kernel * scale[:, np.newaxis, np.newaxis, np.newaxis], shift


def _block(graph: GraphBuilder, value: str, weights: Weights, number: int, stride: int, name: str | None) -> str:
    """Add a block but for its sum. `name`: of its activated depthwise output."""
    block = f"_blocks.{number}."
    if f"{block}_expand_conv.weight" in weights:
        value = _relu6(graph, _convolution(graph, value, weights, f"{block}_expand_conv", f"{block}_bn0"))
    filtered = _convolution(graph, value, weights, f"{block}_depthwise_conv", f"{block}_bn1", stride)
    return _convolution(graph, _relu6(graph, filtered, name), weights, f"{block}_project_conv", f"{block}_bn2")


def _convolution(graph: GraphBuilder, value: str, weights: Weights, conv: str, norm: str, stride: int = 1) -> str:
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
        group=kernel.shape[0] if kernel.shape[1] == 1 else 1,  # depthwise: each channel by itself
        auto_pad="SAME_UPPER",
    )


def _relu6(graph: GraphBuilder, value: str, name: str | None = None) -> str:
    return graph.add("Clip", value, graph.constant(0.0), graph.constant(6.0), name=name)
