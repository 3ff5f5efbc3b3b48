import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from pawlab.evaluation.calibration import (
    KEPT_SHARE,
    Bin,
    apply_temperature,
    calibration_error,
    confidence_threshold,
    fit_temperature,
    reliability,
    tempered,
)
from pawlab.evaluation.metrics import cross_entropy
from pawlab.graphs.anatomy import find_anatomy

Numbers = NDArray[np.float64]


def softmax(logits: Numbers) -> Numbers:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Numbers = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def answers(
    seed: int, pictures: int, classes: int, overconfidence: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Answers whose logits are so many times too large, and labels drawn from the true probabilities."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (pictures, classes))
    true = softmax(logits)
    labels = (true.cumsum(axis=1) < random.random((pictures, 1))).sum(axis=1)
    return softmax(logits * overconfidence).astype(np.float32), np.minimum(labels, classes - 1)


@pytest.mark.parametrize("classes", [2, 20])
@pytest.mark.parametrize("overconfidence", [0.4, 1.0, 3.0])
def test_the_temperature_is_what_the_logits_are_too_large_by(classes: int, overconfidence: float) -> None:
    probabilities, labels = answers(0, 8000, classes, overconfidence)
    assert fit_temperature(probabilities, labels) == pytest.approx(overconfidence, rel=0.08)


def test_an_overconfident_model_is_calibrated_on_pictures_that_it_was_not_fitted_to() -> None:
    temperature = fit_temperature(*answers(0, 800, 3, overconfidence=3.0))
    held_out, labels = answers(1, 5000, 3, overconfidence=3.0)
    calm = tempered(held_out, temperature)
    assert calibration_error(held_out, labels) > 0.15
    assert calibration_error(calm, labels) < 0.03
    assert cross_entropy(calm, labels) < cross_entropy(held_out, labels) - 0.2
    np.testing.assert_array_equal(calm.argmax(axis=1), held_out.argmax(axis=1))


@pytest.mark.parametrize("pictures", [1, 5, 20])
def test_few_right_answers_do_not_make_it_sure_of_everything(pictures: int) -> None:
    """By likelihood alone the temperature would fall to its lower bound, 0.08."""
    probabilities = np.tile(np.array([[0.9, 0.1]]), (pictures, 1))
    assert 0.4 < fit_temperature(probabilities, np.zeros(pictures, int)) < 1


def test_one_confident_mistake_among_five_does_not_make_it_unsure_of_everything() -> None:
    """By likelihood alone the temperature would rise above 5."""
    probabilities = np.array([[0.999, 0.001]] * 5)
    assert 1 < fit_temperature(probabilities, np.array([0, 0, 0, 0, 1])) < 2.5


def test_on_average_few_pictures_do_no_harm() -> None:
    """A model that is calibrated already, tempered by five pictures at a time, stays nearly as good."""
    held_out, labels = answers(1, 4000, 2, overconfidence=1.0)
    before = cross_entropy(held_out, labels)
    after = [
        cross_entropy(tempered(held_out, fit_temperature(*answers(seed, 5, 2, 1.0))), labels) for seed in range(10, 40)
    ]
    assert np.mean(after) < before + 0.01
    assert max(after) < before + 0.1


def test_a_temperature_is_undone_by_its_inverse() -> None:
    probabilities, _ = answers(0, 50, 4, overconfidence=2.0)
    np.testing.assert_allclose(tempered(tempered(probabilities, 2.5), 1 / 2.5), probabilities, atol=1e-6)
    np.testing.assert_allclose(tempered(probabilities, 1.0), probabilities, atol=1e-6)


def test_tempering_divides_logits() -> None:
    logits = np.array([[3.0, 1.0, -2.0]])
    np.testing.assert_allclose(tempered(softmax(logits), 2.0), softmax(logits / 2), atol=1e-6)


def test_certainty_in_float32_stays_a_number() -> None:
    probabilities = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], dtype=np.float32)
    temperature = fit_temperature(probabilities, np.array([0, 1, 1]))
    assert 1 < temperature < 13
    assert np.isfinite(tempered(probabilities, temperature)).all()


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
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


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
    np.testing.assert_allclose(run(model, logits), tempered(plain, 1.7), atol=1e-6)
    assert len(model.graph.node) == nodes + 1
    assert find_anatomy(model).logits == name  # the logits before the temperature are still to be had


def test_reliability_of_known_answers() -> None:
    probabilities = np.array([[0.5, 0.5], [0.625, 0.375], [0.25, 0.75], [1.0, 0.0]])
    labels = np.array([0, 1, 1, 0])
    nothing = Bin(0, 0.0, 0.0)
    assert reliability(probabilities, labels, bins=4) == (nothing, nothing, Bin(2, 0.5625, 0.5), Bin(2, 0.875, 1.0))


def test_calibration_error_of_known_answers() -> None:
    probabilities = np.array([[0.55, 0.45], [0.7, 0.3], [0.26, 0.74], [1.0, 0.0]])
    off = abs(2 / 3 - (0.55 + 0.7 + 0.74) / 3)  # of three answers in one bin; the fourth is certain, and right
    assert calibration_error(probabilities, np.array([0, 0, 0, 0]), bins=4) == pytest.approx(off * 3 / 4)


def test_calibration_error_of_a_calibrated_model_is_small() -> None:
    assert calibration_error(*answers(0, 50_000, 3, overconfidence=1.0)) < 0.01


@pytest.mark.parametrize("classes", [2, 20])
def test_the_threshold_keeps_the_stated_share_of_right_answers(classes: int) -> None:
    probabilities, labels = answers(0, 4000, classes, overconfidence=1.0)
    threshold = confidence_threshold(probabilities, labels)
    right = probabilities.argmax(axis=1) == labels
    sure = probabilities.max(axis=1) >= threshold
    assert KEPT_SHARE <= sure[right].mean() < 1
    assert sure[~right].mean() < sure[right].mean()


def test_the_threshold_of_few_pictures_stays_near_an_even_chance() -> None:
    assert confidence_threshold(np.array([[0.98, 0.02]]), np.array([0])) == pytest.approx(0.5 + 0.48 / 11)
    assert confidence_threshold(np.array([[0.98, 0.02]]), np.array([1])) == 0.5  # none right: nothing is known
    assert confidence_threshold(np.tile([[1.0, 0.0]], (5000, 1)), np.zeros(5000, int)) == 0.9  # never higher
