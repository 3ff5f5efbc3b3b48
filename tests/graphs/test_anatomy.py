from collections.abc import Callable

import numpy as np
import pytest
from onnx import ModelProto

from pawlab.graphs.anatomy import find_anatomy
from pawlab.graphs.builder import GraphBuilder

Layers = Callable[[GraphBuilder, str], str]


def convolution(graph: GraphBuilder, name: str, channels: int = 3) -> str:
    return graph.add("Conv", name, graph.constant(np.ones((4, channels, 1, 1))), graph.constant(np.zeros(4)))


def dense(graph: GraphBuilder, name: str, inputs: int = 4, units: int = 4) -> str:
    product = graph.add("MatMul", name, graph.constant(np.ones((inputs, units))))
    return graph.add("Add", product, graph.constant(np.zeros(units)))


def silu(graph: GraphBuilder, name: str) -> str:
    return graph.add("Mul", name, graph.add("Sigmoid", name))


def network(layers: Layers, ending: str = "Softmax") -> ModelProto:
    graph = GraphBuilder()
    planes = graph.input("pictures", np.float32, ("n", 3, 6, 6))
    graph.output(graph.add(ending, layers(graph, planes)), "probabilities", np.float32, ("n", 4))
    return graph.model("network")


def mean(graph: GraphBuilder, name: str) -> str:
    return graph.add("Flatten", graph.add("GlobalAveragePool", name))


NETWORKS: dict[str, tuple[Layers, str, list[str]]] = {
    "plain": (
        lambda graph, name: dense(graph, mean(graph, graph.add("Relu", convolution(graph, name)))),
        "Relu",
        ["GlobalAveragePool", "Flatten", "MatMul", "Add"],
    ),
    "no activation": (
        lambda graph, name: dense(graph, mean(graph, convolution(graph, name))),
        "Conv",
        ["GlobalAveragePool", "Flatten", "MatMul", "Add"],
    ),
    "a hidden layer": (
        lambda graph, name: dense(graph, graph.add("Relu", dense(graph, mean(graph, convolution(graph, name))))),
        "Conv",
        ["GlobalAveragePool", "Flatten", "MatMul", "Add", "Relu", "MatMul", "Add"],
    ),
    "silu twice": (
        lambda graph, name: silu(graph, dense(graph, mean(graph, silu(graph, convolution(graph, name))))),
        "Mul",
        ["GlobalAveragePool", "Flatten", "MatMul", "Add", "Mul"],
    ),
    "residual": (
        lambda graph, name: dense(
            graph,
            mean(graph, graph.add("Relu", graph.add("Add", convolution(graph, name), convolution(graph, name)))),
        ),
        "Relu",
        ["GlobalAveragePool", "Flatten", "MatMul", "Add"],
    ),
    "branches": (
        lambda graph, name: dense(
            graph,
            mean(graph, graph.add("Concat", convolution(graph, name), convolution(graph, name), axis=1)),
            inputs=8,
        ),
        "Concat",
        ["GlobalAveragePool", "Flatten", "MatMul", "Add"],
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_parts_are_found(name: str) -> None:
    layers, kind, tail = NETWORKS[name]
    model = network(layers)
    anatomy = find_anatomy(model)
    makers = {node.output[0]: node.op_type for node in model.graph.node}
    (branch,) = anatomy.branches
    assert (makers[branch.feature_map], branch.tail) == (kind, ())
    assert [node.op_type for node in anatomy.tail] == tail
    assert anatomy.tail[-1].output[0] == anatomy.logits
    assert not anatomy.sigmoid


def test_a_network_without_convolutions_has_no_feature_map() -> None:
    model = network(lambda graph, name: silu(graph, dense(graph, graph.add("Flatten", name), inputs=108)))
    anatomy = find_anatomy(model)
    assert (anatomy.branches, anatomy.tail) == ((), ())


def test_a_sigmoid_is_told() -> None:
    assert find_anatomy(network(NETWORKS["plain"][0], "Sigmoid")).sigmoid


def test_without_softmax_or_sigmoid_it_is_no_classifier() -> None:
    with pytest.raises(ValueError, match="no softmax or sigmoid makes the probabilities"):
        find_anatomy(network(NETWORKS["plain"][0], "Tanh"))
