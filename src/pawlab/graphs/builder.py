"""Builds ONNX graphs a node at a time: each call adds one node and returns the name of what it computes."""

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.backbones.table import Backbone

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

OPSET = 17  # read by ONNX Runtime 1.12 and newer
IR_VERSION = 8

_FLOAT32 = 1  # onnx.TensorProto.FLOAT

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

        array = np.ascontiguousarray(np.asarray(array, dtype=dtype)).reshape(np.shape(array))
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


def chain(first: "ModelProto", second: "ModelProto") -> "ModelProto":
    """Return one graph in which `second`'s input is `first`'s output of the same name; its outputs are `second`'s.

    Both come from this module, so they speak the same ONNX; their inner names mustn't meet (see GraphBuilder's prefix).
    Raises ValueError where nothing joins them.
    """
    from onnx import ModelProto, checker

    whole = ModelProto()
    whole.CopyFrom(first)
    joint = second.graph.input[0].name
    if joint not in [output.name for output in first.graph.output]:
        raise ValueError(f"the first graph has no output '{joint}' to feed the second")
    del whole.graph.output[:]
    whole.graph.node.extend(second.graph.node)
    whole.graph.initializer.extend(second.graph.initializer)
    whole.graph.output.extend(second.graph.output)
    drop_unused(whole.graph)
    checker.check_model(whole, full_check=True)
    return whole


def drop_unused(graph: "GraphProto") -> None:
    """Remove nodes that no output needs. Nodes stand in the order of their work, so one pass backwards suffices."""
    needed = {output.name for output in graph.output}
    for node in reversed(list(graph.node)):
        if needed.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            needed.update(node.input)


def picture_planes(
    graph: GraphBuilder, backbone: Backbone, include_preprocessing: bool, size: Shape = ("h", "w")
) -> str:
    """Declare the input `pictures` (n, h, w, 3), and bring it to (n, 3, h, w) float32 as the backbone wants it.

    With `include_preprocessing` pictures are uint8, RGB, 0-255; without, float32 and already scaled.
    """
    dtype = np.uint8 if include_preprocessing else np.float32
    pictures = graph.input("pictures", dtype, ("n", *size, 3))
    planes = graph.add("Transpose", pictures, perm=[0, 3, 1, 2])
    if not include_preprocessing:
        return planes
    shifted = graph.add("Sub", graph.add("Cast", planes, to=_FLOAT32), graph.constant(backbone.mean))
    return graph.add("Div", shifted, graph.constant(backbone.std))


def feature_outputs(graph: GraphBuilder, planes: str, channels: int) -> str:
    """Declare the outputs for `planes` (n, channels, y, x): `feature_map`, channels last, and `features`, its mean."""
    feature_map = graph.add("Transpose", planes, perm=[0, 2, 3, 1])
    graph.output(feature_map, "feature_map", np.float32, ("n", "y", "x", channels))
    mean = graph.add("Flatten", graph.add("GlobalAveragePool", planes))
    graph.output(mean, "features", np.float32, ("n", channels))
    return "features"


def _value_info(name: str, dtype: Any, shape: Shape) -> "ValueInfoProto":
    from onnx import helper

    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
