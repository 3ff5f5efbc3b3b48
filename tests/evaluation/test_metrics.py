import json
from math import log
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics as reference

from pawlab.evaluation.confusion import rarest_class
from pawlab.evaluation.evaluate import Evaluation
from pawlab.evaluation.metrics import binomial_p_value, cross_entropy, score, wilson_interval


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3 (the score method without correction)
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_interval_equals_published_values(right: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(right, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_of_nothing_is_everything() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_score_of_known_predictions() -> None:
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.9, 0.1], [0.5, 0.5]])
    result = score(probabilities, np.array([0, 1, 1, 0]))
    assert result.accuracy == 0.75
    assert result.loss == pytest.approx(-(log(0.8) + log(0.6) + log(0.1) + log(0.5)) / 4)
    assert result.to_dict()["ci95"] == [round(bound, 6) for bound in wilson_interval(3, 4)]


def test_a_sure_mistake_costs_much_but_not_infinitely() -> None:
    assert cross_entropy(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-log(1e-7))


def test_confusion_has_true_classes_in_rows() -> None:
    labels, predicted = np.array([0, 0, 1, 2]), np.eye(3)[[0, 1, 1, 2]]
    evaluation = Evaluation(("a", "b", "c"), (), labels, predicted, skipped=(), sure=np.ones(4, bool))
    assert evaluation.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


def evaluation(classes: tuple[str, ...], labels: list[int], probabilities: Any) -> Evaluation:
    return Evaluation(classes, (), np.array(labels), np.array(probabilities), (), np.ones(len(labels), bool))


def drawn(classes: int, pictures: int, seed: int) -> Evaluation:
    """Unequal classes, the last without a picture where there are more than two; probabilities with many ties."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, max(2, classes - 1), pictures) * random.integers(0, 2, pictures)
    probabilities = random.dirichlet(np.ones(classes), pictures).round(1) + 0.01
    probabilities[np.arange(pictures), labels] += 0.3
    names = tuple(f"kind {number}" for number in range(classes))
    return evaluation(names, labels.tolist(), probabilities / probabilities.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_metrics_are_those_of_scikit_learn(classes: int, seed: int) -> None:
    one = drawn(classes, 97, seed)
    labels, predicted, positions = one.labels, one.probabilities.argmax(axis=1), list(range(classes))
    found = one.metrics
    assert found["accuracy"] == reference.accuracy_score(labels, predicted)
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(labels, predicted))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(labels, predicted, average="macro"))
    assert found["log_loss"] == pytest.approx(reference.log_loss(labels, one.probabilities, labels=positions))
    assert found["confusion"] == reference.confusion_matrix(labels, predicted, labels=positions).tolist()
    shares = reference.confusion_matrix(labels, predicted, labels=positions, normalize="true")
    assert np.array(found["confusion_normalised"]) == pytest.approx(shares, abs=1e-6)
    columns = reference.precision_recall_fscore_support(labels, predicted, labels=positions, zero_division=np.nan)
    for (name, row), precision, recall, f1, pictures in zip(found["per_class"].items(), *columns, strict=True):
        assert row["pictures"] == pictures, name
        assert row["precision"] == (None if np.isnan(precision) else pytest.approx(precision))
        assert row["recall"] == (None if np.isnan(recall) else pytest.approx(recall))
        assert row["f1"] == (None if np.isnan(f1) else pytest.approx(f1))


@pytest.mark.parametrize("seed", range(8))
def test_curves_are_those_of_scikit_learn(seed: int) -> None:
    one = drawn(2, 83, seed)
    found, positive = one.metrics, one.curves.positive  # type: ignore[union-attr]
    labels, scores = one.labels == positive, one.probabilities[:, positive]
    assert found["positive_class"] == one.classes[positive]
    assert labels.mean() <= 0.5
    assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(labels, scores))
    assert found["average_precision"] == pytest.approx(reference.average_precision_score(labels, scores))
    alarms, hits, _ = reference.roc_curve(labels, scores, drop_intermediate=False)
    assert found["roc"]["false_positive_rate"] == pytest.approx(alarms.tolist(), abs=1e-6)
    assert found["roc"]["true_positive_rate"] == pytest.approx(hits.tolist(), abs=1e-6)
    precision, recall, _ = reference.precision_recall_curve(labels, scores)
    assert found["precision_recall"]["precision"] == pytest.approx(precision[-2::-1].tolist(), abs=1e-6)
    assert found["precision_recall"]["recall"] == pytest.approx(recall[-2::-1].tolist(), abs=1e-6)


def test_long_curves_are_thinned_and_their_areas_stay_exact() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 5000)
    scores = np.clip(random.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    one = evaluation(("a", "b"), labels.tolist(), np.stack([1 - scores, scores], axis=1))
    found, is_positive = one.metrics, labels == one.curves.positive  # type: ignore[union-attr]
    exact = one.probabilities[:, one.classes.index(found["positive_class"])]
    assert found["roc_auc"] == pytest.approx(reference.roc_auc_score(is_positive, exact))
    for curve in ("roc", "precision_recall"):
        assert [len(values) for values in found[curve].values()] == [200, 200]
    assert found["roc"]["true_positive_rate"][0] == 0
    assert found["roc"]["true_positive_rate"][-1] == found["precision_recall"]["recall"][-1] == 1


def test_there_are_curves_for_two_classes_with_pictures_only() -> None:
    assert "roc" not in drawn(3, 20, 0).metrics
    assert "roc" not in evaluation(("a", "b"), [0, 0], [[0.9, 0.1], [0.2, 0.8]]).metrics


def test_a_class_never_predicted_has_no_precision_and_one_without_pictures_no_recall() -> None:
    found = evaluation(("a", "b", "c"), [0, 0, 1], np.eye(3)[[0, 0, 0]]).metrics
    assert found["per_class"] == {
        "a": {"precision": pytest.approx(2 / 3), "recall": 1.0, "f1": pytest.approx(0.8), "pictures": 2},
        "b": {"precision": None, "recall": 0.0, "f1": 0.0, "pictures": 1},
        "c": {"precision": None, "recall": None, "f1": None, "pictures": 0},
    }
    assert found["balanced_accuracy"] == 0.5
    assert found["macro_f1"] == pytest.approx(0.4)


def test_log_loss_and_loss_differ_where_a_class_was_ruled_out_wrongly() -> None:
    found = evaluation(("a", "b"), [1], [[1.0, 0.0]]).metrics
    assert found["loss"] == pytest.approx(-log(1e-7))
    assert found["log_loss"] == pytest.approx(-log(2**-52))


def test_large_confusions_stay_out_of_the_metrics() -> None:
    classes = tuple(f"{number:03}" for number in range(101))
    one = evaluation(classes, list(range(101)), np.eye(101))
    assert "confusion" not in one.metrics
    assert one.to_dict()["confusion"] == np.eye(101).tolist()
    assert "confusion" in evaluation(classes[:100], list(range(100)), np.eye(100)).metrics


def test_all_of_it_is_plain_values_and_keeps_its_former_names() -> None:
    found = json.loads(json.dumps(drawn(2, 50, 1).to_dict()))
    assert found["by_class"] == {
        name: {key: row[key] for key in ("pictures", "precision", "recall")} for name, row in found["per_class"].items()
    }


@pytest.mark.parametrize(
    ("pictures", "rarest"),
    [({"a": 10, "b": 5, "c": 8}, "b"), ({"a": 10, "b": 6}, None), ({"a": 10, "b": 0}, "b"), ({"a": 4}, None)],
)
def test_the_rarest_class_is_named_where_classes_are_unequal(pictures: dict[str, int], rarest: str | None) -> None:
    assert rarest_class(pictures) == rarest


@pytest.mark.parametrize(("right", "total", "share"), [(1, 11, 0.5), (0, 1, 0.5), (7, 14, 0.5), (300, 500, 0.5)])
def test_the_exact_test_is_scipys_where_both_tails_are_alike(right: int, total: int, share: float) -> None:
    assert binomial_p_value(right, total, share) == pytest.approx(binomtest(right, total, share).pvalue, rel=1e-12)


@pytest.mark.parametrize("right", [0, 1, 12, 38, 40])
def test_the_exact_test_is_at_five_percent_where_clopper_and_pearsons_interval_ends(right: int) -> None:
    ends = binomtest(right, 40).proportion_ci(0.95, "exact")
    for end in (ends.low, ends.high):
        if 0 < end < 1:
            assert binomial_p_value(right, 40, end) == pytest.approx(0.05)
