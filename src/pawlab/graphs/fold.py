"""If nodes that always go one way, replaced by that way.

Exporters write an If where a program asks for a shape: is there a batch, are there three colours? Its condition is then
worked out here from shapes and constants alone, for several numbers of pictures and several sizes; where all agree, the
branch that is taken stands in the node's place. Nothing that depends on pixels is folded.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

Array = NDArray[Any]
Values = dict[str, Array]

_COUNTS, _SIDES = (1, 2, 7), (224, 256)  # for lengths that are open: of the first axis, of the others
_MOST_ROUNDS = 1000
_LOGIC = ("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or", "Where")
_SELECTION = ("Cast", "Concat", "Constant", "Gather", "Identity", "Slice", "Squeeze", "Unsqueeze")
_ON_SHAPES = frozenset((*_LOGIC, *_SELECTION, "Add", "Div", "Mod", "Mul", "ReduceProd", "Sub"))


def fold_constant_ifs(model: "ModelProto") -> None:
    """Replace what always goes one way, in place; leave the rest."""
    for _ in range(_MOST_ROUNDS):
        ifs = [node for node in model.graph.node if node.op_type == "If"]
        if not ifs:
            return
        shapes = list(_shapes(model))
        for number, node in enumerate(ifs):
            taken = {_condition(model.graph, node.input[0], known) for known in shapes}
            if len(taken) == 1 and None not in taken:
                _inline(model.graph, node, bool(taken.pop()))
                break
            if number == len(ifs) - 1:
                return


def _shapes(model: "ModelProto") -> Iterator[Mapping[str, tuple[int, ...]]]:
    """Yield the known shapes of all tensors for each choice of the lengths that are open."""
    from onnx import shape_inference

    constants = {tensor.name for tensor in model.graph.initializer}
    for count, side in product(_COUNTS, _SIDES):
        filled = deepcopy(model)
        for value in filled.graph.input:
            for place, dim in enumerate(value.type.tensor_type.shape.dim if value.name not in constants else ()):
                if not dim.dim_value:
                    dim.dim_value = side if place else count
        try:
            graph = shape_inference.infer_shapes(filled, data_prop=True).graph
        except Exception:  # a contradiction, which the checker will name; onnx has a class of its own for each
            return
        lengths = {
            value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
            for value in (*graph.input, *graph.value_info, *graph.output)
            if value.type.tensor_type.HasField("shape")
        }
        yield {name: shape for name, shape in lengths.items() if all(shape)}


def _condition(graph: "GraphProto", name: str, shapes: Mapping[str, tuple[int, ...]]) -> bool | None:
    """Return what a condition is where tensors have these shapes; None where it depends on more."""
    from onnx import numpy_helper

    known: Values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer if len(tensor.dims) < 2}
    for node in _before(graph, name):
        if node.op_type == "Shape" and node.input[0] in shapes:
            ends = {option.name: option.i for option in node.attribute}
            lengths = shapes[node.input[0]][ends.get("start", 0) : ends.get("end")]
            known[node.output[0]] = np.array(lengths, np.int64)
        elif node.op_type in _ON_SHAPES and not node.domain and all(given in known for given in node.input if given):
            known[node.output[0]] = _computed(node, known)
        else:
            return None
    return bool(known[name].reshape(-1)[0]) if name in known and known[name].size == 1 else None


def _before(graph: "GraphProto", name: str) -> list["NodeProto"]:
    """Return the nodes that a tensor comes from, in the order of their work; what is before a Shape doesn't matter."""
    needed, nodes = {name}, list["NodeProto"]()
    for node in reversed(graph.node):
        if not needed.isdisjoint(node.output):
            nodes.insert(0, node)
            needed.update(node.input if node.op_type != "Shape" else ())
    return nodes


def _computed(node: Any, known: Values) -> Array:
    from onnx.reference import ReferenceEvaluator

    given = {name: known[name] for name in node.input if name}
    results: Any = ReferenceEvaluator(node).run(None, given)
    return np.asarray(results[0])


def _inline(graph: "GraphProto", node: "NodeProto", condition: bool) -> None:
    """Put a branch's nodes in its If's place, their tensors renamed so that they meet no others."""
    from onnx import helper

    wanted = "then_branch" if condition else "else_branch"
    branch = next(attribute.g for attribute in node.attribute if attribute.name == wanted)
    inner = {name for made in branch.node for name in made.output} | {tensor.name for tensor in branch.initializer}
    new = {name: f"{node.output[0]}/{name}" for name in inner}
    place = list(graph.node).index(node)
    nodes = [_renamed(made, new) for made in branch.node]
    for output, result in zip(node.output, branch.output, strict=True):
        nodes.append(helper.make_node("Identity", [new.get(result.name, result.name)], [output]))
    for tensor in branch.initializer:
        copy = graph.initializer.add()
        copy.CopyFrom(tensor)
        copy.name = new[tensor.name]
    rest = [deepcopy(other) for other in graph.node]
    del graph.node[:]
    graph.node.extend([*rest[:place], *nodes, *rest[place + 1 :]])


def _renamed(node: "NodeProto", new: Mapping[str, str]) -> "NodeProto":
    copy = deepcopy(node)
    copy.input[:] = [new.get(name, name) for name in node.input]
    copy.output[:] = [new.get(name, name) for name in node.output]
    for attribute in copy.attribute:
        if attribute.HasField("g"):
            inner = [_renamed(made, new) for made in attribute.g.node]
            del attribute.g.node[:]
            attribute.g.node.extend(inner)
            for output in attribute.g.output:
                output.name = new.get(output.name, output.name)
    return copy
