"""The extrapolation, on points whose law is known."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import t

from pawlab.evaluation.learning_curve import CurvePoint, LearningCurve, curve_point, learning_curve
from pawlab.evaluation.metrics import wilson_interval

SIZES = (100, 200, 500, 1000)


def points(errors: Sequence[float], half: float = 0.001) -> list[CurvePoint]:
    pairs = zip(SIZES, errors, strict=False)
    return [CurvePoint(n / SIZES[-1], n, 1 - error, (1 - error - half, 1 - error + half)) for n, error in pairs]


def test_an_exact_power_law_is_found_and_goes_on() -> None:
    curve = learning_curve(points([2 * n**-0.5 for n in SIZES]))
    assert curve.doubled is not None
    assert curve.gain is not None
    assert curve.doubled[0] == pytest.approx(1 - 2 * 2000**-0.5)
    assert curve.gain[0] == pytest.approx(2 * 1000**-0.5 - 2 * 2000**-0.5)
    assert curve.gain[1] < curve.gain[0] < curve.gain[2] < curve.gain[0] + 0.001


def test_a_level_curve_promises_nothing() -> None:
    curve = learning_curve(points([0.1, 0.1, 0.1, 0.1]))
    assert curve.gain is not None
    assert list(curve.gain[:2]) == pytest.approx([0.0, 0.0])
    assert curve.sentence.startswith(
        "Twice as many pictures would bring less than a point: 0.0 more (95% interval 0.0 to"
    )


def test_a_curve_that_falls_isnt_carried_on_downwards() -> None:
    curve = learning_curve(points([0.08, 0.09, 0.1, 0.11]))
    assert curve.gain is not None
    assert curve.gain[0] == 0.0


def test_few_pictures_say_that_they_are_too_few() -> None:
    wide = learning_curve(points([0.5, 0.4, 0.35, 0.25], half=0.2))
    assert wide.gain is not None
    low, high = wide.gain[1] * 100, wide.gain[2] * 100
    assert wide.sentence == (
        "These pictures are too few to tell what twice as many would bring: anything from "
        f"{low:.1f} to {high:.1f} points more, by a power law."
    )
    assert LearningCurve((), None, None).sentence == (
        "There are too few pictures to tell what more of them would bring."
    )
    assert learning_curve(points([0.2, 0.1])[:2]).doubled is None


def test_more_uncertain_points_make_a_wider_interval() -> None:
    errors = [0.3, 0.22, 0.15, 0.11]
    widths = []
    for half in (0.005, 0.01, 0.02):
        gain = learning_curve(points(errors, half)).gain
        assert gain is not None
        widths.append(gain[2] - gain[1])
    assert widths == sorted(widths)
    assert widths[0] < widths[1] / 1.5


def test_no_mistake_at_all_is_no_reason_to_fail() -> None:
    curve = learning_curve([curve_point(share, n, [(20, 20)] * 5) for share, n in ((0.2, 10), (0.5, 25), (1.0, 50))])
    assert curve.doubled is not None
    assert curve.doubled[0] > 0.95
    assert json.loads(json.dumps(curve.to_dict()))["points"][2]["accuracy"] == 1.0


def test_the_interval_of_a_point_is_the_wider_of_two() -> None:
    alike = curve_point(1.0, 80, [(18, 20)] * 5)
    assert alike.accuracy == 0.9
    assert alike.ci95 == wilson_interval(90, 100)  # folds that don't differ can't say how uncertain they are
    folds = [(12, 20), (20, 20), (20, 20), (20, 20), (18, 20)]
    uneven = curve_point(1.0, 80, folds)
    half = t.ppf(0.975, 4) * np.std([right / 20 for right, _ in folds], ddof=1) / np.sqrt(5)
    assert list(uneven.ci95) == pytest.approx([0.9 - half, 1.0])


def test_the_same_points_give_the_same_interval() -> None:
    assert learning_curve(points([0.3, 0.2, 0.15, 0.1])) == learning_curve(points([0.3, 0.2, 0.15, 0.1]))


def test_the_interval_holds_what_it_says() -> None:
    """Of curves drawn from a power law, 95% of the intervals hold the true accuracy at twice the number."""
    random, held = np.random.default_rng(0), 0
    for _ in range(100):
        drawn = []
        for n in SIZES:
            right = random.binomial(250, 1 - 1.2 * n**-0.3, 5)
            drawn.append(curve_point(n / SIZES[-1], n, [(int(one), 250) for one in right]))
        doubled = learning_curve(drawn).doubled
        assert doubled is not None
        held += doubled[1] <= 1 - 1.2 * 2000**-0.3 <= doubled[2]
    assert held >= 88  # as 99.9% of binomial draws of 95% are
