"""Small networks in ONNX, as a user might bring them, for tests of backbones of one's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

SCALING = 'pixels = "0-1"\nmean = [0.5, 0.4, 0.3]\nstd = 0.25\n'
Value = tuple[str, int, Sequence[int | str]]  # name, type, shape


def write_network(
    path: Path,
    nodes: Sequence[NodeProto],
    given: Value,
    results: Sequence[Value],
    constants: dict[str, Any] | None = None,
    opset: int = 17,
) -> Path:
    """Write a network of these nodes; its description is left to the caller."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    outputs = [helper.make_tensor_value_info(*result) for result in results]
    graph = helper.make_graph(list(nodes), "own", [helper.make_tensor_value_info(*given)], outputs, tensors)
    opsets = [helper.make_opsetid("", opset)]
    oldest_form = helper.find_min_ir_version_for(opsets)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=oldest_form), path)
    return path


def convolution_network(path: Path, opset: int, size: int = 16) -> Path:
    """Write a network of layers that ONNX has changed over time, and its description: (n, 3, size, size) to (n, 8)."""
    random = np.random.default_rng(0)
    constants: dict[str, Any] = {"kernel": random.normal(size=(8, 3, 3, 3)).astype(np.float32)}
    constants |= {name: np.full(8, value, np.float32) for name, value in zip("smbv", (1, 0, 0.5, 2), strict=True)}
    constants |= {"low": np.float32(0), "high": np.float32(6)}
    mean: dict[str, Any] = {"inputs": ["z"], "axes": [2, 3]}
    if opset >= 18:  # axes have become an input
        mean, constants["axes"] = {"inputs": ["z", "axes"]}, np.array([2, 3])
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "s", "m", "b", "v"], ["b_out"]),
        helper.make_node("Clip", ["b_out", "low", "high"], ["z"]),
        helper.make_node("ReduceMean", outputs=["y"], keepdims=0, **mean),
    ]
    path.with_suffix(".toml").write_text(SCALING, encoding="utf-8")
    given: Value = ("x", TensorProto.FLOAT, ["n", 3, size, size])
    return write_network(path, nodes, given, [("y", TensorProto.FLOAT, ["n", 8])], constants, opset)


def cells_network(
    path: Path, description: str = SCALING, opset: int = 17, size: int | str = 16, width: int | None = None
) -> Path:
    """Write a network, and its description: each colour's mean in each 4 x 4 cell. It takes (n, 3, size, width)."""
    nodes = [
        helper.make_node("AveragePool", ["x"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["pooled"], ["y"]),
    ]
    path.with_suffix(".toml").write_text(description, encoding="utf-8")
    given: Value = ("x", TensorProto.FLOAT, ["n", 3, size, width or size])
    return write_network(path, nodes, given, [("y", TensorProto.FLOAT, ["n", "d"])], opset=opset)
