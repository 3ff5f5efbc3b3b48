import numpy as np
import pytest
from scipy.stats import binom

from pawlab.card import Curve
from pawlab.evaluation.selective import accuracy_by_coverage, choose, curve_of, selective


def test_the_bound_is_that_of_clopper_and_pearson() -> None:
    """Of 100 answers 97 are right: an accuracy of 0.9243 would show as many or more in 5% of cases."""
    confidence = np.linspace(1, 0.5, 100)
    correct = np.ones(100, bool)
    correct[[20, 50, 80]] = False
    every = curve_of(confidence, correct).points[0]
    assert (every.coverage, every.accuracy, every.pictures, every.threshold) == (1.0, 0.97, 100, 0.0)
    assert binom.sf(96, 100, every.promised) == pytest.approx(0.05)


def test_the_point_answers_most_of_those_that_keep_the_target() -> None:
    confidence = np.linspace(1, 0, 2000)
    correct = np.random.default_rng(0).uniform(size=2000) < 0.5 + 0.5 * confidence
    curve = curve_of(confidence, correct)
    point = curve.at(0.9)
    assert point is not None
    answered = confidence >= point.threshold
    assert (point.pictures, point.coverage) == (answered.sum(), answered.mean())
    assert point.accuracy == correct[answered].mean()
    hits = np.cumsum(correct)
    for more in range(point.pictures + 4, 2000, 4):  # no larger number of answers would have done
        assert binom.sf(hits[more - 1] - 1, more, 0.9) > 0.04
    assert [one.promised for one in curve.points] == sorted(one.promised for one in curve.points)


@pytest.mark.parametrize(("target", "needed"), [(0.9, 30), (0.95, 60), (0.99, 300)])
def test_a_target_takes_three_answers_over_what_may_be_wrong(target: float, needed: int) -> None:
    assert curve_of(np.linspace(1, 0.9, needed), np.ones(needed, bool)).at(target) is not None
    assert curve_of(np.linspace(1, 0.9, needed - 1), np.ones(needed - 1, bool)).at(target) is None


def test_answers_of_the_same_probability_are_not_parted() -> None:
    confidence = np.repeat([0.9, 0.6], [100, 100])
    correct = np.repeat([True, False, True, False], [99, 1, 60, 40])
    (point,) = (point for point in curve_of(confidence, correct).points if point.promised > 0.9)
    assert point.pictures == 100
    assert point.threshold == pytest.approx(0.75)


def test_the_highest_target_is_promised_that_answers_half() -> None:
    confidence = np.linspace(1, 0, 4000)
    some = curve_of(confidence, np.random.default_rng(0).uniform(size=4000) < np.where(confidence > 0.4, 0.97, 0.5))
    found = choose(some)
    assert found is not None
    assert found[0] == 0.95
    assert choose(some, 0.5) is not None
    assert choose(some, 0.999) is None


def test_where_half_cannot_be_answered_nothing_is_promised() -> None:
    confidence = np.linspace(1, 0, 1000)
    curve = curve_of(confidence, np.arange(1000) < 400)
    assert curve.at(0.99) is not None
    assert choose(curve) is None
    assert choose(curve_of(confidence[:0], np.zeros(0, bool))) is None


def test_promises_hold_for_new_pictures() -> None:
    """Of 400 curves, each of 600 predictions, one in twenty may promise more than is true, or a few more."""
    broken = made = 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        confidence = random.uniform(size=600)
        point = curve_of(confidence, random.uniform(size=600) < 0.6 + 0.4 * confidence).at(0.9)
        if point is not None:
            made += 1
            broken += 0.6 + 0.4 * (1 + point.threshold) / 2 < 0.9  # the true accuracy of what it answers
    assert made > 300
    assert broken / made < 0.12


def test_what_not_sure_catches() -> None:
    correct = np.array([True, True, False, False, True])
    sure = np.array([True, False, False, True, True])
    assert selective(correct, sure) == {"coverage": 0.6, "accuracy": pytest.approx(2 / 3), "errors_caught": 0.5}
    assert selective(correct[:2], np.zeros(2, bool)) == {"coverage": 0.0, "accuracy": None, "errors_caught": None}


def test_accuracy_by_coverage() -> None:
    shares, accuracies = accuracy_by_coverage(np.array([0.5, 0.9, 0.7]), np.array([True, True, False]))
    np.testing.assert_allclose(shares, [1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(accuracies, [1, 0.5, 2 / 3])


def test_an_empty_curve_promises_nothing() -> None:
    assert Curve().at(0.6) is None
