"""Where the parts lie in a classifier's finished graph that others look at or add to.

Whatever made the graph, it ends alike: a convolution with its activation gives a feature map (n, channels, y, x); some
layers, the tail, bring that to the logits, one number per class; a softmax or sigmoid makes them probabilities. So the
parts are found by walking back from the end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import ModelProto

Node = Any  # onnx.NodeProto

_ANSWERS = frozenset({"Softmax", "Sigmoid"})
_JOINTS = frozenset({"Conv", "Concat"})  # where a feature map is computed; a Concat joins several convolutions
_ACTIVATIONS = frozenset({"BatchNormalization", "Clip", "Relu", "Sigmoid", "Tanh"})
PLANES = "feature_planes"  # the map that ends a pretrained network, (n, channels, y, x), whatever made it
POOLED = "pooled"  # the means over positions of its feature map and of inner tensors, side by side
TEMPERATURE = "temperature"  # the node that divides the logits before they become probabilities


@dataclass(frozen=True)
class Anatomy:
    """The parts of a graph, by the names of their tensors.

    `logits`: float32 (n, outputs). `sigmoid`: the one output stands for two classes and is the second's logit; else
    there is an output per class. `branches`: what the logits are computed from; none where the graph has no
    convolution. `tail`: the nodes from there to the logits, in order; each takes what the one before gives. The first
    takes the one branch's end, or the ends of several side by side.
    """

    logits: str
    sigmoid: bool
    branches: tuple["Branch", ...]
    tail: tuple[Node, ...]


@dataclass(frozen=True)
class Branch:
    """`feature_map`: float32 (n, channels, y, x), an activation that has places; `tail`: the nodes from there to where
    the branches meet, in order."""

    feature_map: str
    tail: tuple[Node, ...] = ()


def find_anatomy(model: "ModelProto") -> Anatomy:
    """Walk back from `probabilities`. Raises ValueError where no softmax or sigmoid makes them."""
    back = _Back(model)
    end = back.path("probabilities", lambda node: node.op_type in _ANSWERS)
    if not end:
        raise ValueError("no softmax or sigmoid makes the probabilities of this graph")
    logits, sigmoid = back.before_temperature(end[0].input[0]), end[0].op_type == "Sigmoid"
    path = back.path_from_places(logits)
    if not path:
        return Anatomy(logits, sigmoid, (), ())
    if POOLED not in path[0].output:
        return Anatomy(logits, sigmoid, (Branch(path[0].output[0]),), tuple(path[1:]))
    ways = [back.path_from_places(name) for name in path[0].input]
    return Anatomy(logits, sigmoid, tuple(Branch(way[0].output[0], tuple(way[1:])) for way in ways), tuple(path[1:]))


class _Back:
    """Walks against the flow, along the input that isn't a constant."""

    def __init__(self, model: "ModelProto") -> None:
        self._makers = {name: node for node in model.graph.node for name in node.output}
        constants = {node.output[0] for node in model.graph.node if node.op_type == "Constant"}
        self._constants = constants | {tensor.name for tensor in model.graph.initializer}

    def path(self, tensor: str, until: Callable[[Node], bool]) -> list[Node]:
        """Return the nodes that lead to `tensor`, in order, from the last that `until` is true of; [] without one."""
        nodes: list[Node] = []
        while tensor in self._makers:
            node = self._makers[tensor]
            nodes.insert(0, node)
            if until(node):
                return nodes
            tensor = self._flowing(node)[0]
        return []

    def path_from_places(self, tensor: str) -> list[Node]:
        """Return the nodes that lead to `tensor` from the last activation that has places, or from `pooled`."""
        path = self.path(tensor, lambda node: node.op_type in _JOINTS or self.joins(node) or PLANES in node.output)
        while len(path) > 1 and (path[1].op_type in _ACTIVATIONS or self.is_silu(path[1])):
            path = path[1:]
        return path

    def joins(self, node: Node) -> bool:
        """Say whether a node adds or multiplies two things that both depend on the picture."""
        return len(self._flowing(node)) > 1 and not self.is_silu(node)

    def is_silu(self, node: Node) -> bool:
        """Say whether a node is the product of a value and its sigmoid, which is an activation."""
        if node.op_type != "Mul" or node.input[1] not in self._makers:
            return False
        gate = self._makers[node.input[1]]
        return bool(gate.op_type == "Sigmoid" and gate.input[0] == node.input[0])

    def before_temperature(self, tensor: str) -> str:
        maker = self._makers.get(tensor)
        return str(maker.input[0]) if maker is not None and maker.name == TEMPERATURE else tensor

    def _flowing(self, node: Node) -> list[str]:
        return [name for name in node.input if name and name not in self._constants]
