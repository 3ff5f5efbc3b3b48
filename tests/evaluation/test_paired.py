"""Two classifiers on the same pictures: equality with the literature and with the definition."""

import json

import numpy as np
import pytest
from scipy.stats import binom

from pawlab.evaluation.paired import Paired, paired


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17:2635, table III, method 10
        ((36, 12, 2, 0), 0.0569, 0.3404),
        ((20, 12, 2, 16), 0.0562, 0.3292),
        ((54, 0, 0, 0), -0.0664, 0.0664),
    ],
)
def test_the_interval_equals_published_values(counts: tuple[int, int, int, int], low: float, high: float) -> None:
    assert Paired(*counts).ci95 == pytest.approx((low, high), abs=5e-5)


def test_the_interval_mirrors_and_stays_within_reach() -> None:
    random = np.random.default_rng(0)
    for both, one, other, neither in random.integers([0, 0, 0, 1], 20, (200, 4)).tolist():
        (low, high), (mirrored_low, mirrored_high) = (
            Paired(both, one, other, neither).ci95,
            Paired(both, other, one, neither).ci95,
        )
        assert (low, high) == pytest.approx((-mirrored_high, -mirrored_low))
        assert -1 <= low <= (one - other) / (both + one + other + neither) <= high <= 1


@pytest.mark.parametrize("differing", [1, 5, 6, 17, 40])
def test_the_test_is_mcnemars_exact_one(differing: int) -> None:
    for one in range(differing + 1):
        tail = binom.cdf(min(one, differing - one), differing, 0.5)
        assert Paired(10, one, differing - one, 3).p_value == pytest.approx(min(1.0, 2 * tail))


@pytest.mark.parametrize(
    ("counts", "better"),
    [
        ((50, 6, 0, 4), True),  # 2 x 0.5^6 = 0.031
        ((50, 5, 0, 4), None),  # 0.0625
        ((50, 0, 6, 4), False),
        ((60, 0, 0, 0), None),
        ((0, 1, 0, 0), None),
        ((100, 30, 29, 41), None),
    ],
)
def test_it_is_better_only_where_the_pictures_say_so(counts: tuple[int, int, int, int], better: bool | None) -> None:
    assert Paired(*counts).better is better


def test_counts_of_four_kinds() -> None:
    one = np.array([True, True, True, False, False, True])
    other = np.array([True, False, False, True, False, True])
    found = paired(one, other)
    assert found == Paired(both=2, only_one=2, only_other=1, neither=1)
    assert json.loads(json.dumps(found.to_dict())) == {
        "difference": pytest.approx(1 / 6),
        "ci95": [round(bound, 6) for bound in found.ci95],
        "p_value": 1.0,
        "better": None,
        "pictures": 6,
    }
