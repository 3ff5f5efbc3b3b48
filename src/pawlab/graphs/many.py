"""Networks that were exported for one picture at a time, opened for any number.

What was written down as 1 stands for the number of pictures in two places: in the shapes that values are brought to,
and where something that doesn't depend on the picture, such as a class token, is laid beside what does. Whether that
was all shows when the network is tried out.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

Node = Any  # onnx.NodeProto


def open_for_many(model: "ModelProto") -> None:
    """Have reshapes keep their first axis, and repeat what is the same for every picture; in place."""
    _keep_first_axes(model)
    _repeat_what_is_fixed(model)


def _keep_first_axes(model: "ModelProto") -> None:
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    tensors |= {node.output[0]: node.attribute[0].t for node in model.graph.node if node.op_type == "Constant"}
    for number, node in enumerate(model.graph.node):
        literal = any(option.name == "allowzero" and option.i for option in node.attribute)  # 0 means 0, not "keep"
        if node.op_type != "Reshape" or literal or node.input[1] not in tensors:
            continue
        shape = numpy_helper.to_array(tensors[node.input[1]])
        if len(shape) > 1 and shape[0] == 1:
            node.input[1] = _constant(model, f"kept_axes_{number}", [0, *shape[1:]])


def _repeat_what_is_fixed(model: "ModelProto") -> None:
    """Lay fixed values of a Concat out for each picture: expanded to (n, 1, ...)."""
    from onnx import helper, shape_inference

    axes = {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in shape_inference.infer_shapes(model).graph.value_info
    }
    (pictures,) = model.graph.input
    flowing, nodes = {pictures.name}, []
    for number, node in enumerate(model.graph.node):
        depends = node.op_type not in ("Shape", "Size") and not flowing.isdisjoint(node.input)
        along = next((option.i for option in node.attribute if option.name == "axis"), 0)
        if node.op_type == "Concat" and depends and along and node.output[0] in axes:
            for place, name in enumerate(node.input):
                if name not in flowing:
                    nodes += _expanded(model, node, place, f"{number}_{place}", axes[node.output[0]], pictures.name)
        flowing |= set(node.output) if depends else set()
        nodes.append(node)
    copies = [helper.make_node("Identity", ["x"], ["y"]) for _ in nodes]
    for copy, node in zip(copies, nodes, strict=True):
        copy.CopyFrom(node)
    del model.graph.node[:]
    model.graph.node.extend(copies)


def _expanded(model: "ModelProto", node: Node, place: int, suffix: str, axes: int, pictures: str) -> list[Node]:
    from onnx import helper

    count, shape, repeated = (f"{kind}_{suffix}" for kind in ("count", "shape", "repeated"))
    ones = _constant(model, f"ones_{suffix}", [1] * (axes - 1))
    fixed, node.input[place] = node.input[place], repeated
    return [
        helper.make_node("Shape", [pictures], [count], start=0, end=1),
        helper.make_node("Concat", [count, ones], [shape], axis=0),
        helper.make_node("Expand", [fixed, shape], [repeated]),
    ]


def _constant(model: "ModelProto", name: str, values: list[int]) -> str:
    from onnx import numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
    return name
