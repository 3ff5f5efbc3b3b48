import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from pawlab.trainers.linear_probe import C_GRID, Head, fit_head, join
from pawlab.trainers.scaling import mean_and_deviation

Arrays = tuple[NDArray[np.float32], NDArray[np.int64]]


def separable(seed: int, pictures: int, classes: int, width: int = 12) -> Arrays:
    """Features that tell the classes apart, not perfectly; one column never varies."""
    random = np.random.default_rng(seed)
    labels = np.arange(pictures) % classes
    centres = np.random.default_rng(99).normal(size=(classes, width)) * 1.5
    features = centres[labels] + random.normal(size=(pictures, width)) * random.uniform(0.5, 2.0, width) + 3.0
    features[:, 0] = 7.0
    return features.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 5])
def test_head_equals_scikit_learn_on_scaled_features(classes: int) -> None:
    train, labels = separable(0, 120, classes)
    validation, validation_labels = separable(1, 60, classes)
    head = fit_head(train, labels, validation, validation_labels)
    mean, deviation = mean_and_deviation(train)
    scaler = FunctionTransformer(lambda features: (features - mean) / deviation)
    reference = make_pipeline(scaler, LogisticRegression(C=head.strength, max_iter=1000))
    reference.fit(train.astype(np.float64), labels)
    np.testing.assert_allclose(head.probabilities(validation), reference.predict_proba(validation), atol=1e-4)


def test_strength_is_the_one_with_the_smallest_validation_loss() -> None:
    train, labels = separable(0, 60, 3)
    validation, validation_labels = separable(1, 60, 3)
    head = fit_head(train, labels, validation, validation_labels)
    assert set(head.losses) == set(C_GRID)
    assert head.losses[head.strength] == min(head.losses.values())


def test_same_arrays_give_the_same_bits() -> None:
    train, labels = separable(0, 100, 3)
    validation, validation_labels = separable(1, 40, 3)
    first, second = (fit_head(train, labels, validation, validation_labels) for _ in range(2))
    assert first.weights.tobytes() == second.weights.tobytes()
    assert first.bias.tobytes() == second.bias.tobytes()


def backbone_of_means() -> bytes:
    """A graph with a backbone's names: `features` is each colour's mean; `feature_map` is only for looking."""
    nodes = [
        helper.make_node("Cast", ["pictures"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Identity", ["floats"], ["feature_map"]),
        helper.make_node("ReduceMean", ["floats"], ["features"], axes=[1, 2], keepdims=0),
    ]
    pictures = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])
    outputs = [
        helper.make_tensor_value_info("feature_map", TensorProto.FLOAT, ["n", "h", "w", 3]),
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3]),
    ]
    graph = helper.make_graph(nodes, "means", [pictures], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def test_joined_graph_answers_as_the_head_does() -> None:
    random = np.random.default_rng(0)
    head = Head((random.normal(size=(3, 4)) / 100).astype(np.float32), np.ones(4, np.float32), 1.0, {})
    model = join(backbone_of_means(), head)
    assert [node.op_type for node in model.graph.node] == ["Cast", "ReduceMean", "Gemm", "Softmax"]
    pictures = random.integers(0, 256, (5, 8, 6, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (answers,) = session.run(["probabilities"], {"pictures": pictures})
    features = pictures.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)
    np.testing.assert_allclose(answers, head.probabilities(features), atol=1e-6)
