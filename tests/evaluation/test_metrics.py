from math import log

import numpy as np
import pytest

from pawlab.evaluation.evaluate import Evaluation
from pawlab.evaluation.metrics import cross_entropy, score, wilson_interval


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
