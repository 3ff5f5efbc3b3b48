"""Builds ONNX graphs a node at a time: each call adds one node and returns the name of what it computes."""

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

OPSET = 21  # of every graph in pawlab: the newest that ONNX Runtime 1.20, the oldest supported, reads
IR_VERSION = 10

FLOAT32 = 1  # onnx.TensorProto.FLOAT

Array = NDArray[Any]
Shape = tuple[int | str, ...]  # a string names a length that is open


class GraphBuilder:
    """Collects nodes and constants in the order of their work. `prefix` begins all names but inputs' and outputs'."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []
        self._named: dict[tuple[str, str, tuple[int, ...]], str] = {}

    def input(self, name: str, dtype: Any, shape: Shape) -> str:
        """Declare an input."""
        self._inputs.append(_value_info(name, dtype, shape))
        return name

    def output(self, value: str, name: str, dtype: Any, shape: Shape) -> None:
        """Declare that `value` leaves the graph under `name`."""
        self.add("Identity", value, name=name)
        self._outputs.append(_value_info(name, dtype, shape))

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        """Keep an array in the graph; equal arrays are kept once."""
        from onnx import numpy_helper

        array = np.asarray(array, dtype=dtype, order="C")
        key = (sha256(array.data).hexdigest(), array.dtype.str, array.shape)
        if key not in self._named:
            self._named[key] = f"{self._prefix}constant_{len(self._constants)}"
            self._constants.append(numpy_helper.from_array(array, self._named[key]))
        return self._named[key]

    def add(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node of an ONNX kind and return its (first) output."""
        from onnx import helper

        output = name or f"{self._prefix}{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def model(self, name: str) -> "ModelProto":
        """Return the whole, checked."""
        from onnx import checker, helper

        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, producer_name="pawlab", opset_imports=opsets, ir_version=IR_VERSION)
        checker.check_model(model, full_check=True)
        return model


def picture_planes(
    graph: GraphBuilder, mean: Sequence[float], std: Sequence[float], scaled: bool = False, size: Shape = ("h", "w")
) -> str:
    """Declare the input `pictures` (n, h, w, 3), RGB, and bring it to (n, 3, h, w) float32 as a network wants it.

    Pictures are uint8, 0-255, and the network gets (pixels - mean) / std, `mean` and `std` per channel. Where they are
    `scaled` already, they are float32.
    """
    pictures = graph.input("pictures", np.float32 if scaled else np.uint8, ("n", *size, 3))
    planes = graph.add("Transpose", pictures, perm=[0, 3, 1, 2])
    if scaled:
        return planes
    return scale(graph, planes, _per_channel(mean), _per_channel(std))


def scale(graph: GraphBuilder, pixels: str, mean: Any, std: Any) -> str:
    """Return (pixels - mean) / std as float32."""
    shifted = graph.add("Sub", graph.add("Cast", pixels, to=FLOAT32), graph.constant(mean))
    return graph.add("Div", shifted, graph.constant(std))


def _per_channel(values: Sequence[float]) -> Array:
    """Return one number where all channels have the same, else one for each: (3, 1, 1)."""
    return np.array(values[0] if len(set(values)) == 1 else np.reshape(values, (3, 1, 1)), np.float32)


def feature_outputs(graph: GraphBuilder, planes: str, channels: int | str) -> None:
    """Declare the outputs for `planes` (n, channels, y, x): `feature_map`, channels last, and `features`, its mean."""
    feature_map = graph.add("Transpose", planes, perm=[0, 2, 3, 1])
    graph.output(feature_map, "feature_map", np.float32, ("n", "y", "x", channels))
    mean = graph.add("Flatten", graph.add("GlobalAveragePool", planes))
    graph.output(mean, "features", np.float32, ("n", channels))


def _value_info(name: str, dtype: Any, shape: Shape) -> "ValueInfoProto":
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
