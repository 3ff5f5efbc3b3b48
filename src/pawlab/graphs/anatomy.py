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
TEMPERATURE = "temperature"  # the node that divides the logits before they become probabilities


@dataclass(frozen=True)
class Anatomy:
    """The parts of a graph, by the names of their tensors.

    `logits`: float32 (n, outputs). `sigmoid`: the one output stands for two classes and is the second's logit; else
    there is an output per class. `feature_map`: float32 (n, channels, y, x), the last activation that has places; None
    where the graph has no convolution. `tail`: the nodes from there to the logits, in order; each takes what the one
    before gives.
    """

    logits: str
    sigmoid: bool
    feature_map: str | None
    tail: tuple[Node, ...]


def find_anatomy(model: "ModelProto") -> Anatomy:
    """Walk back from `probabilities`. Raises ValueError where no softmax or sigmoid makes them."""
    back = _Back(model)
    end = back.path("probabilities", lambda node: node.op_type in _ANSWERS)
    if not end:
        raise ValueError("no softmax or sigmoid makes the probabilities of this graph")
    logits, sigmoid = back.before_temperature(end[0].input[0]), end[0].op_type == "Sigmoid"
    path = back.path(logits, lambda node: node.op_type in _JOINTS or back.joins(node) or PLANES in node.output)
    while len(path) > 1 and (path[1].op_type in _ACTIVATIONS or back.is_silu(path[1])):
        path = path[1:]
    return Anatomy(logits, sigmoid, path[0].output[0] if path else None, tuple(path[1:]))


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
