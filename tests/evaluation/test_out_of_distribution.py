from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from pawlab.evaluation.out_of_distribution import (
    add_ood_score,
    fit_centres,
    has_picture_features,
    ood_score,
)

Features = NDArray[np.float32]
WIDTH = 40


def pictures(seed: int, number: int, noise: float = 0.3) -> Features:
    """Features like those of a real network: never below 0, around a handful of themes."""
    random = np.random.default_rng(seed)
    themes = np.random.default_rng(99).gamma(0.3, 1.0, (6, WIDTH))
    lengths = random.uniform(0.5, 2.0, (number, 1))
    seen = themes[random.integers(0, 6, number)] + random.gamma(0.3, noise, (number, WIDTH))
    return (seen * lengths).astype(np.float32)


def strange(number: int) -> Features:
    """Features of other themes."""
    random = np.random.default_rng(7)
    return random.gamma(0.3, 1.0, (number, WIDTH)).astype(np.float32)


def share_familiar(train: Features, validation: Features, asked: Features) -> float:
    found = fit_centres(train, validation)
    return float((ood_score(asked, found.centres) <= found.threshold).mean())


@pytest.mark.parametrize("number", [100, 2000])
def test_new_pictures_of_the_same_kind_are_familiar_and_others_are_not(number: int) -> None:
    train, validation = pictures(0, number), pictures(1, number // 3)
    assert share_familiar(train, validation, pictures(2, 3000)) > 0.97
    assert share_familiar(train, validation, strange(1000)) < 0.05


def test_the_stated_share_is_kept() -> None:
    assert share_familiar(pictures(0, 1000), pictures(1, 4000), pictures(2, 8000)) == pytest.approx(0.995, abs=0.004)


def test_a_handful_of_pictures_is_enough_for_a_sensible_answer() -> None:
    """Eight to train on and two for validation. From these two alone the threshold would reject half of what comes."""
    kept = [share_familiar(pictures(seed, 8), pictures(seed + 50, 2), pictures(2, 500)) for seed in range(20)]
    refused = [1 - share_familiar(pictures(seed, 8), pictures(seed + 50, 2), strange(500)) for seed in range(20)]
    assert np.mean(kept) > 0.85
    assert np.mean(refused) > 0.5


def test_the_length_of_the_features_plays_no_part() -> None:
    found = fit_centres(pictures(0, 300), pictures(1, 300))
    asked = pictures(2, 50)
    np.testing.assert_allclose(
        ood_score(asked * np.float32(100), found.centres), ood_score(asked, found.centres), atol=1e-6
    )


def test_copies_do_not_vouch_for_each_other() -> None:
    train = pictures(0, 20)
    once, thrice = (fit_centres(rows, pictures(1, 3)) for rows in (train, np.tile(train, (3, 1))))
    assert thrice.threshold == once.threshold
    np.testing.assert_array_equal(thrice.centres, once.centres)


def test_many_pictures_become_few_centres_of_length_one() -> None:
    centres = fit_centres(pictures(0, 1000), pictures(1, 300)).centres
    assert centres.shape == (256, WIDTH)
    assert centres.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("number", [1, 2])
def test_the_smallest_possible_data_is_served(number: int) -> None:
    found = fit_centres(pictures(0, number), pictures(1, 1))
    assert found.centres.shape == (number, WIDTH)
    assert 0 <= found.threshold <= 1.001


def test_few_validation_pictures_are_all_familiar() -> None:
    validation = pictures(1, 12)
    found = fit_centres(pictures(0, 300), validation)
    assert (ood_score(validation, found.centres) <= found.threshold).all()


def test_the_same_arrays_give_the_same_bits() -> None:
    first, second = (fit_centres(pictures(0, 1500), pictures(1, 100)) for _ in range(2))
    assert first.centres.tobytes() == second.centres.tobytes()
    assert first.threshold == second.threshold


def test_features_of_nothing_are_unlike_everything() -> None:
    centres = fit_centres(pictures(0, 20), pictures(1, 5)).centres
    assert ood_score(np.zeros((1, WIDTH), np.float32), centres).tolist() == [1.0]


def classifier_graph(tensor: str) -> ModelProto:
    """A classifier of features (n, 40), that are given as they are, or as a feature map (n, 2, 2, 40)."""
    shape: list[str | int | None] = ["n", WIDTH] if tensor == "features" else ["n", 2, 2, WIDTH]
    nodes = [helper.make_node("Identity", ["pictures"], [tensor], name="given")]
    if tensor != "features":
        nodes.append(helper.make_node("ReduceMean", [tensor], ["pooled"], axes=[1, 2], keepdims=0))
    nodes.append(helper.make_node("Softmax", [tensor if tensor == "features" else "pooled"], ["probabilities"], axis=1))
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", WIDTH])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model: ModelProto, outputs: list[str], given: Features) -> list[Any]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    results: list[Any] = session.run(outputs, {"pictures": given})
    return results


@pytest.mark.parametrize("tensor", ["features", "feature_map"])
def test_a_graph_tells_what_the_formula_does_and_answers_as_before(tensor: str) -> None:
    model, features = classifier_graph(tensor), np.vstack([pictures(2, 30), strange(30), np.zeros((1, WIDTH), "f4")])
    given = features
    if tensor == "feature_map":  # four places whose mean is the features
        given = np.stack([features * share for share in np.array([0.5, 1.5, 1, 1], np.float32)], axis=1).reshape(
            -1, 2, 2, WIDTH
        )
    (before,) = run(model, ["probabilities"], given)
    centres = fit_centres(pictures(0, 400), pictures(1, 50)).centres
    add_ood_score(model, centres)
    after, told = run(model, ["probabilities", "ood_score"], given)
    assert after.tobytes() == before.tobytes()
    assert told.shape == (61,)
    assert told.dtype == np.float32
    np.testing.assert_allclose(told, ood_score(features, centres), atol=1e-6)


def test_without_a_pretrained_network_there_is_nothing_to_tell_by() -> None:
    model = classifier_graph("something_else")
    assert not has_picture_features(model)
    with pytest.raises(ValueError, match="no pretrained network"):
        add_ood_score(model, fit_centres(pictures(0, 20), pictures(1, 5)).centres)
