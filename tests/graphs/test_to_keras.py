"""Every kind of node that our graphs are made of, written as Keras layers, against ONNX Runtime."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pawlab.backbones.load import backbone_graph
from pawlab.errors import ModelError
from pawlab.graphs.builder import GraphBuilder
from pawlab.graphs.edit import add_linear_classifier
from pawlab.graphs.to_keras import layers_with_weights, to_keras, with_weights
from pawlab.images import Preprocess
from pawlab.recipes import PUBLISHED
from pawlab.recipes.recipe import Recipe
from sessions import open_session

pytestmark = pytest.mark.usefixtures("keras")

RNG = np.random.default_rng(0)
SIZE = (12, 10)
PICTURES = RNG.integers(0, 256, (3, *SIZE, 3), dtype=np.uint8)
FLOAT32 = 1  # onnx.TensorProto.FLOAT
Build = Callable[[GraphBuilder, str], str]


def graph_of(build: Build) -> Any:
    """Return a graph in which `build` stands between float planes (n, 3, h, w), -1 to 1, and the output."""
    graph = GraphBuilder()
    pictures = graph.input("pictures", np.uint8, ("n", *SIZE, 3))
    scaled = graph.add("Div", graph.add("Cast", pictures, to=FLOAT32), graph.constant(127.5))
    planes = graph.add("Transpose", graph.add("Sub", scaled, graph.constant(1.0)), perm=[0, 3, 1, 2])
    value = graph.add("Flatten", build(graph, planes))
    graph.output(value, "probabilities", np.float32, ("n", "c"))
    return graph.model("test")


def assert_alike(build: Build) -> None:
    model = graph_of(build)
    expected = open_session(model.SerializeToString()).run(None, {"pictures": PICTURES})[0]
    given = np.asarray(to_keras(model, SIZE)(PICTURES.astype(np.float32), training=False))
    assert given.shape == expected.shape
    assert np.abs(expected).max() > 0.01  # not a comparison of zeros
    np.testing.assert_allclose(given, expected, rtol=0, atol=2e-5)


def weights(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32) / 3


def convolved(*shape: int, **options: Any) -> Build:
    bias = weights(shape[0])
    return lambda graph, value: graph.add(
        "Conv", value, graph.constant(weights(*shape)), graph.constant(bias), **options
    )


def rows(graph: GraphBuilder, value: str) -> str:
    """Return (n, 3)."""
    return graph.add("Flatten", graph.add("GlobalAveragePool", value))


NODES: dict[str, Build] = {
    "hard sigmoid": lambda graph, value: graph.add("HardSigmoid", value, alpha=1 / 6, beta=0.5),
    "conv": convolved(5, 3, 3, 3),
    "conv, strided, same": convolved(5, 3, 3, 3, strides=[2, 2], auto_pad="SAME_UPPER"),
    "conv, padded unevenly": convolved(4, 3, 3, 3, strides=[2, 2], pads=[0, 1, 1, 0]),
    "conv, with gaps": convolved(4, 3, 3, 3, dilations=[2, 2]),
    "conv, oblong": convolved(4, 3, 1, 5, auto_pad="SAME_UPPER"),
    "conv without a bias": lambda graph, value: graph.add("Conv", value, graph.constant(weights(2, 3, 3, 3))),
    "depthwise": convolved(3, 1, 3, 3, group=3, strides=[2, 2], auto_pad="SAME_UPPER"),
    "depthwise, two each": convolved(6, 1, 3, 3, group=3),
    "batch norm": lambda graph, value: graph.add(
        "BatchNormalization", value, *(graph.constant(np.abs(weights(3)) + place) for place in range(4)), epsilon=1e-3
    ),
    "batch norm of rows": lambda graph, value: graph.add(
        "BatchNormalization", rows(graph, value), *(graph.constant(np.abs(weights(3)) + place) for place in range(4))
    ),
    "relu": lambda graph, value: graph.add("Relu", value),
    "clip": lambda graph, value: graph.add("Clip", value, graph.constant(0.0), graph.constant(0.5)),
    "clip without a top": lambda graph, value: graph.add("Clip", value, graph.constant(0.0)),
    "sigmoid": lambda graph, value: graph.add("Sigmoid", value),
    "tanh": lambda graph, value: graph.add("Tanh", value),
    "softmax": lambda graph, value: graph.add("Softmax", rows(graph, value), axis=1),
    "silu": lambda graph, value: graph.add("Mul", value, graph.add("Sigmoid", value)),
    "max pool": lambda graph, value: graph.add("MaxPool", value, kernel_shape=[2, 3], strides=[2, 2]),
    "max pool, same": lambda graph, value: graph.add(
        "MaxPool", value, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"
    ),
    "average pool, same": lambda graph, value: graph.add(
        "AveragePool", value, kernel_shape=[3, 3], strides=[1, 1], auto_pad="SAME_UPPER", count_include_pad=0
    ),
    "global max pool": lambda graph, value: graph.add("GlobalMaxPool", value),
    "mean over places": lambda graph, value: graph.add(
        "ReduceMean", value, graph.constant([2, 3], np.int64), keepdims=0
    ),
    "mean over places, kept": lambda graph, value: graph.add(
        "ReduceMean", value, graph.constant([-1, -2], np.int64), keepdims=1
    ),
    "flatten, channels first": lambda graph, value: graph.add("Flatten", value),
    "flatten, channels last": lambda graph, value: graph.add(
        "Flatten", graph.add("Transpose", value, perm=[0, 2, 3, 1])
    ),
    "gelu": lambda graph, value: graph.add("Gelu", value),
    "hard swish": lambda graph, value: graph.add("HardSwish", graph.add("Mul", value, graph.constant(4.0))),
    "layer norm": lambda graph, value: graph.add(
        "LayerNormalization",
        graph.add("Transpose", value, perm=[0, 2, 3, 1]),
        graph.constant(weights(3)),
        graph.constant(weights(3)),
        epsilon=1e-6,
    ),
    "gate": lambda graph, value: graph.add(
        "Mul", value, graph.add("Reshape", rows(graph, value), graph.constant([0, -1, 1, 1], np.int64))
    ),
    "reshape": lambda graph, value: graph.add("Reshape", value, graph.constant([0, -1], np.int64)),
    "concat": lambda graph, value: graph.add("Concat", value, graph.add("Relu", value), axis=1),
    "concat below": lambda graph, value: graph.add("Concat", value, graph.add("Relu", value), axis=2),
    "concat of rows": lambda graph, value: graph.add("Concat", rows(graph, value), rows(graph, value), axis=1),
    "pad": lambda graph, value: graph.add("Pad", value, graph.constant([0, 0, 1, 2, 0, 0, 3, 4], np.int64)),
    "matmul": lambda graph, value: graph.add("MatMul", rows(graph, value), graph.constant(weights(3, 4))),
    "matmul and bias": lambda graph, value: graph.add(
        "Add",
        graph.add("MatMul", rows(graph, value), graph.constant(weights(3, 4))),
        graph.constant(np.arange(4.0)),
    ),
    "matmul by place": lambda graph, value: graph.add(
        "MatMul", graph.add("Transpose", value, perm=[0, 2, 3, 1]), graph.constant(weights(3, 4))
    ),
    "gemm": lambda graph, value: graph.add(
        "Gemm", rows(graph, value), graph.constant(weights(4, 3)), graph.constant(weights(4)), transB=1
    ),
    "slice": lambda graph, value: graph.add(
        "Slice", rows(graph, value), *(graph.constant([number], np.int64) for number in (1, 3, 1))
    ),
    "sum": lambda graph, value: graph.add("Add", value, graph.add("Relu", value)),
    "difference": lambda graph, value: graph.add("Sub", graph.add("Relu", value), value),
    "constants first": lambda graph, value: graph.add("Sub", graph.constant(1.0), value),
    "constants by channel": lambda graph, value: graph.add(
        "Div", graph.add("Sub", value, graph.constant(weights(3, 1, 1))), graph.constant(weights(1, 3, 1, 1) + 3)
    ),
    "constants by column": lambda graph, value: graph.add("Mul", rows(graph, value), graph.constant(weights(3))),
}


@pytest.mark.parametrize("node", NODES)
def test_a_node_means_the_same_in_keras(node: str) -> None:
    assert_alike(NODES[node])


REFUSED: dict[str, tuple[Build, str]] = {
    "by name": (lambda graph, value: graph.add("Erf", value), "Erf by name"),
    "clip": (
        lambda graph, value: graph.add("Clip", value, graph.constant(-1.0), graph.constant(1.0)),
        "Clip to other bounds than from 0",
    ),
    "turned": (lambda graph, value: graph.add("Transpose", value, perm=[0, 1, 3, 2]), "Transpose of other axes"),
    "by place": (
        lambda graph, value: graph.add("Add", value, graph.constant(weights(12, 10))),
        "Add with constants that differ by place",
    ),
    "rounding up": (
        lambda graph, value: graph.add("MaxPool", value, kernel_shape=[5, 5], strides=[2, 2], ceil_mode=1),
        "MaxPool with padding of its own, rounding up or gaps",
    ),
    "softmax": (lambda graph, value: graph.add("Softmax", value, axis=2), "Softmax over another axis than the last"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_known_is_refused(case: str) -> None:
    build, step = REFUSED[case]
    with pytest.raises(ModelError) as caught:
        to_keras(graph_of(build), SIZE)
    assert str(caught.value) == (
        f"the model has a step, {step}, that has no form in Keras here. Use its model.onnx as it is."
    )


def test_what_other_outputs_need_is_left_out() -> None:
    graph = GraphBuilder()
    planes = graph.add("Transpose", graph.input("pictures", np.uint8, ("n", *SIZE, 3)), perm=[0, 3, 1, 2])
    means = rows(graph, graph.add("Cast", planes, to=FLOAT32))
    graph.output(graph.add("Erf", means), "ood_score", np.float32, ("n", 3))
    graph.output(means, "probabilities", np.float32, ("n", 3))
    model = to_keras(graph.model("test"), SIZE)
    np.testing.assert_allclose(np.asarray(model(PICTURES)), PICTURES.mean(axis=(1, 2)), rtol=1e-5)


def test_the_default_network_is_the_same_in_keras() -> None:
    graph = backbone_graph("efficientnet_lite0", (64, 64))
    model = add_linear_classifier(graph.path.read_bytes(), weights(1280, 3) / 10, weights(3))
    pictures = RNG.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    expected = open_session(model.SerializeToString()).run(["probabilities"], {"pictures": pictures})[0]
    given = np.asarray(to_keras(model, (64, 64))(pictures.astype(np.float32), training=False))
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5)
    assert expected.max() < 0.99  # a comparison of ones would be none


# One of each architecture; small pictures suffice for every layer of it. Those on InceptionV3 take too long for a test.
SMALL = {"a1": 48, "b1": 96, "b4": 160, "c2": 48, "d1": 48, "d4": 160}


@pytest.mark.parametrize("name", SMALL)
def test_a_published_network_is_the_same_in_keras(name: str) -> None:
    from pawlab.trainers.keras.architectures import build
    from pawlab.trainers.keras.network import split_at_backbone
    from pawlab.trainers.keras.to_onnx import to_onnx

    side, classes = SMALL[name], 3
    (published,) = (recipe for recipe in PUBLISHED if recipe.name == name)
    recipe: Recipe = replace(published, preprocess=Preprocess(side, side)).for_classes(classes)
    backbone, layers, shape = None, recipe.layers, (side, side, 3)
    if recipe.backbone:
        graph = backbone_graph(recipe.backbone, (side, side), "random", include_preprocessing=False)
        backbone, (_, layers), shape = graph.path, split_at_backbone(recipe), (5, 5, 1280)
    model = to_onnx(build(layers, shape, seed=0), recipe, classes, backbone)
    pictures = RNG.integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    expected = open_session(model.SerializeToString()).run(["probabilities"], {"pictures": pictures})[0]
    given = np.asarray(to_keras(model, (side, side))(pictures.astype(np.float32), training=False))
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5)


def test_weights_changed_in_keras_come_back_into_the_graph() -> None:
    """Of convolutions, in groups and by channel, and of products with and without a bias; constants may be shared."""

    def build(graph: GraphBuilder, value: str) -> str:
        zeros = graph.constant(np.zeros(6))  # two convolutions have the same one
        value = graph.add("Conv", value, graph.constant(weights(6, 3, 3, 3)), zeros, pads=[1, 1, 1, 1])
        value = graph.add("Conv", value, graph.constant(weights(6, 1, 3, 3)), zeros, group=6)
        value = graph.add("Conv", value, graph.constant(weights(4, 3, 1, 1)), group=2)
        value = rows(graph, value)
        value = graph.add("Gemm", value, graph.constant(weights(5, 4)), graph.constant(weights(5)), transB=1)
        value = graph.add("Add", graph.add("MatMul", value, graph.constant(weights(5, 4))), graph.constant(weights(4)))
        return graph.add("MatMul", value, graph.constant(weights(4, 2)))

    model = graph_of(build)
    before = model.SerializeToString()
    network = to_keras(model, SIZE)
    layers = layers_with_weights(model, network)
    assert [type(layer).__name__ for layer in layers] == ["Conv2D", "DepthwiseConv2D", "Conv2D", *["Dense"] * 3]
    for layer in layers:
        layer.set_weights([weights(*weight.shape) for weight in layer.get_weights()])
    given = open_session(with_weights(model, network).SerializeToString()).run(None, {"pictures": PICTURES})[0]
    expected = np.asarray(network(PICTURES.astype(np.float32), training=False))
    assert np.ptp(expected, axis=0).min() > 1e-3, "pictures must differ, or equality says nothing"
    np.testing.assert_allclose(given, expected, rtol=0, atol=2e-5)
    assert model.SerializeToString() == before
