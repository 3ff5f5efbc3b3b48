from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from pawlab.evaluation.calibration import tempered
from pawlab.evaluation.out_of_distribution import directions, ood_score
from pawlab.graphs.anatomy import find_anatomy
from pawlab.graphs.builder import IR_VERSION, OPSET
from pawlab.graphs.edit import add_linear_classifier, add_ood_score, apply_temperature, features_of
from pawlab.trainers.probe import LinearProbe

Features = NDArray[np.float32]
Numbers = NDArray[np.float64]
WIDTH = 40


def pictures(seed: int, number: int) -> Features:
    return np.random.default_rng(seed).gamma(0.3, 1.0, (number, WIDTH)).astype(np.float32)


def graph(ending: str) -> ModelProto:
    """From `pictures` float32 (n, 3), the logits, to `probabilities`, by softmax or by the sigmoid of the first."""
    nodes = [helper.make_node("Softmax", ["pictures"], ["probabilities"], axis=1)]
    if ending == "sigmoid":
        nodes = [
            helper.make_node("Slice", ["pictures", "from", "to", "axis"], ["first"]),
            helper.make_node("Sigmoid", ["first"], ["second_class"]),
            helper.make_node("Sub", ["one", "second_class"], ["first_class"]),
            helper.make_node("Concat", ["first_class", "second_class"], ["probabilities"], axis=1),
        ]
    whole = helper.make_graph(
        nodes,
        ending,
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", "classes"])],
        [
            helper.make_tensor("from", TensorProto.INT64, [1], [0]),
            helper.make_tensor("to", TensorProto.INT64, [1], [1]),
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
            helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
        ],
    )
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def run(model: ModelProto, logits: Numbers) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: NDArray[np.float32] = session.run(["probabilities"], {"pictures": logits.astype(np.float32)})[0]
    return result


@pytest.mark.parametrize("ending", ["softmax", "sigmoid"])
def test_a_finished_graph_takes_the_temperature_into_itself(ending: str) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (40, 3))
    model = graph(ending)
    plain, name, nodes = run(model, logits), find_anatomy(model).logits, len(model.graph.node)
    apply_temperature(model, 1.7)
    np.testing.assert_allclose(run(model, logits), tempered(np.log(plain), 1.7), atol=1e-6)
    assert len(model.graph.node) == nodes + 1
    assert find_anatomy(model).logits == name  # the logits before the temperature are still to be had


def classifier_graph(tensor: str) -> ModelProto:
    """A classifier of features (n, 40), that are given as they are, or as a feature map (n, 2, 2, 40)."""
    shape: list[str | int | None] = ["n", WIDTH] if tensor == "features" else ["n", 2, 2, WIDTH]
    nodes = [helper.make_node("Identity", ["pictures"], [tensor], name="given")]
    if tensor != "features":
        nodes.append(helper.make_node("ReduceMean", [tensor, "axes"], ["pooled"], keepdims=0))
    nodes.append(helper.make_node("Softmax", [tensor if tensor == "features" else "pooled"], ["probabilities"], axis=1))
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", WIDTH])],
        [helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def run_all(model: ModelProto, outputs: list[str], given: Features) -> list[Any]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    results: list[Any] = session.run(outputs, {"pictures": given})
    return results


@pytest.mark.parametrize("tensor", ["features", "feature_map"])
def test_the_graph_gives_what_the_formula_does_and_predicts_as_before(tensor: str) -> None:
    model, features = (
        classifier_graph(tensor),
        np.vstack([pictures(2, 30), pictures(7, 30), np.zeros((1, WIDTH), "f4")]),
    )
    given = features
    if tensor == "feature_map":  # four places whose mean is the features
        given = np.stack([features * share for share in np.array([0.5, 1.5, 1, 1], np.float32)], axis=1).reshape(
            -1, 2, 2, WIDTH
        )
    (before,) = run_all(model, ["probabilities"], given)
    centres = directions(pictures(0, 400))[:256]
    add_ood_score(model, centres)
    after, scores = run_all(model, ["probabilities", "ood_score"], given)
    assert after.tobytes() == before.tobytes()
    assert scores.shape == (61,)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, ood_score(features, centres), atol=1e-6)


def test_without_a_pretrained_network_there_is_nothing_to_tell_by() -> None:
    model = classifier_graph("something_else")
    assert not features_of(model)
    with pytest.raises(ValueError, match="no pretrained network"):
        add_ood_score(model, directions(pictures(0, 20)))


def backbone_of_means() -> bytes:
    """A graph with a backbone's names: `features` is each colour's mean; `feature_map` is only for looking."""
    nodes = [
        helper.make_node("Cast", ["pictures"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Identity", ["floats"], ["feature_map"]),
        helper.make_node("ReduceMean", ["floats", "axes"], ["features"], keepdims=0),
    ]
    pictures = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])
    outputs = [
        helper.make_tensor_value_info("feature_map", TensorProto.FLOAT, ["n", "h", "w", 3]),
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3]),
    ]
    graph = helper.make_graph(
        nodes, "means", [pictures], outputs, [helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


def test_a_joined_graph_predicts_as_the_probe_does() -> None:
    random = np.random.default_rng(0)
    probe = LinearProbe((random.normal(size=(3, 4)) / 100).astype(np.float32), np.ones(4, np.float32), 1.0)
    model = add_linear_classifier(backbone_of_means(), probe.weights, probe.bias)
    assert [node.op_type for node in model.graph.node] == ["Cast", "ReduceMean", "Gemm", "Softmax"]
    pixels = random.integers(0, 256, (5, 8, 6, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (given,) = session.run(["probabilities"], {"pictures": pixels})
    features = pixels.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)
    np.testing.assert_allclose(given, probe.probabilities(features), atol=1e-6)
