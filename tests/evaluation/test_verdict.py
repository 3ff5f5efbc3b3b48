"""The verdict says in numbers what people read off the curves, and no more than the pictures can tell."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, hypergeom

from pawlab.evaluation import verdict as verdict_module
from pawlab.evaluation.history import Epoch
from pawlab.evaluation.metrics import wilson_interval
from pawlab.evaluation.verdict import Guessing, Share, difference_interval, differs, overfits, window

MANY = (2000, 800)


def judge(rows: list[Epoch], baseline: float, pictures: tuple[int, int] = MANY, **more: Any) -> dict[str, Any]:
    return verdict_module.judge(rows, baseline, pictures, **more)


def history(*pairs: tuple[float, float]) -> list[Epoch]:
    """Epochs of (training accuracy, validation accuracy)."""
    return [Epoch(i, 0.5, train, 0.5, validation, 1.0) for i, (train, validation) in enumerate(pairs, start=1)]


def climbing(count: int) -> list[tuple[float, float]]:
    return [(0.5, 0.1)] * count


def test_the_window_is_the_last_quarter_of_the_epochs() -> None:
    late = [(0.9, 0.60), (0.9, 0.64), (0.9, 0.61), (0.9, 0.62), (0.9, 0.63), (0.9, 0.62)]
    assert judge(history(*climbing(18), *late), 0.5)["stable_range"] == [0.60, 0.64]
    assert len(window(history(*climbing(18), *late))) == 6


def test_what_training_began_from_is_no_epoch_of_the_window() -> None:
    began, *trained = (Epoch(number, 0.5, 0.9, 0.5, 0.6, 1.0) for number in range(3))
    assert window([began, *trained]) == trained
    assert window([began]) == [began]


def test_the_window_is_at_least_five_epochs_where_there_are_five() -> None:
    assert judge(history(*climbing(3), *[(0.9, 0.6)] * 5), 0.5)["stable_range"] == [0.6, 0.6]
    assert judge(history((0.5, 0.4), (0.6, 0.7)), 0.5)["stable_range"] == [0.4, 0.7]


def test_gain_and_gap_are_means_over_the_window() -> None:
    verdict = judge(history((0.5, 0.1), (0.9, 0.5), (1.0, 0.7), (0.9, 0.6), (1.0, 0.6), (0.7, 0.6)), 0.5)
    assert verdict["over_baseline"] == pytest.approx(0.1)
    assert verdict["gap"] == pytest.approx(0.3)
    assert verdict["overfit"]


@pytest.mark.parametrize(("train", "overfit"), [(0.651, True), (0.649, False), (0.3, False)])
def test_overfit_begins_at_five_points(train: float, overfit: bool) -> None:
    assert judge(history(*[(train, 0.6)] * 5), 0.5)["overfit"] is overfit


@pytest.mark.parametrize(("pictures", "overfit"), [((2000, 800), True), ((80, 10), None), ((2, 2), None)])
def test_few_pictures_do_not_tell_whether_it_overfits(pictures: tuple[int, int], overfit: bool | None) -> None:
    verdict = judge(history(*[(0.75, 0.6)] * 5), 0.3, pictures)
    assert verdict["overfit"] is overfit
    if overfit is None and pictures[1] == 10:
        assert verdict["sentences"][1] == (
            "Training accuracy is 15.0 points higher: 10 validation pictures are too few to tell whether it overfits."
        )


def test_a_large_gap_on_few_pictures_is_evidence_all_the_same() -> None:
    assert judge(history(*[(1.0, 0.5)] * 5), 0.3, (80, 10))["overfit"] is True


def fisher(trained: Share, validated: Share) -> float:
    """The exact test from its definition: so many or more of all the right ones fall among those trained on."""
    right, total = trained.right + validated.right, trained.pictures + validated.pictures
    return float(hypergeom(total, right, trained.pictures).sf(trained.right - 1))


@pytest.mark.parametrize("seed", range(30))
def test_overfitting_is_told_by_the_exact_test(seed: int) -> None:
    random = np.random.default_rng(seed)
    counts = random.integers(5, 200, 2)
    trained, validated = (
        Share(int(random.binomial(n, p)), int(n)) for n, p in zip(counts, random.uniform(0.4, 1, 2), strict=True)
    )
    gap = trained.value - validated.value
    if gap > 0.05 and fisher(trained, validated) < 0.05:
        assert overfits(trained, validated) is True
    elif difference_interval(trained, validated)[1] < 0.1:
        assert overfits(trained, validated) is False
    else:
        assert overfits(trained, validated) is None


def test_chance_is_seldom_called_overfitting() -> None:
    """Where both accuracies are the same in truth, an exact test errs in 5% of the cases at most."""
    random = np.random.default_rng(0)
    for truth, trained, validated in ((0.7, 80, 10), (0.9, 40, 40), (0.5, 400, 100)):
        draws = zip(random.binomial(trained, truth, 400), random.binomial(validated, truth, 400), strict=True)
        found = [overfits(Share(int(one), trained), Share(int(other), validated)) for one, other in draws]
        assert binom.sf(found.count(True) - 1, 400, 0.05) > 1e-4


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17:873, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_the_interval_of_a_difference_equals_published_values(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    assert difference_interval(Share(*one), Share(*other)) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("right", "pictures", "baseline", "better"),
    [
        (5, 5, 0.5, None),  # 2 x 0.5^5 = 0.0625
        (6, 6, 0.5, True),  # 0.03125
        (0, 6, 0.5, False),
        (97, 100, 0.97, None),
        (400, 800, 0.5, None),
        (430, 800, 0.5, True),
        (2, 2, 0.5, None),
    ],
)
def test_better_than_the_baseline_only_where_the_exact_test_says_so(
    right: int, pictures: int, baseline: float, better: bool | None
) -> None:
    assert differs(Share(right, pictures), baseline) is better
    two_sided = 2 * min(binom.sf(right - 1, pictures, baseline), binom.cdf(right, pictures, baseline))
    if baseline == 0.5:  # where the test is symmetric
        assert (two_sided < 0.05) == (better is not None)
    low, high = wilson_interval(right, pictures)
    assert better is None or not low <= baseline <= high


def test_two_sentences_for_epochs() -> None:
    verdict = judge(
        history(*climbing(15), *[(0.956, 0.55), (0.956, 0.6), (0.956, 0.58), (0.956, 0.58), (0.956, 0.6)]), 0.5
    )
    assert verdict["sentences"] == [
        "Validation accuracy was between 55.0% and 60.0% over the last 5 epochs, "
        "on average 8.2 points better than the baseline (95% interval 4.8 to 11.6).",
        "Training accuracy is 37.4 points higher: it overfits.",
    ]


def test_a_probe_fitted_in_one_go_is_not_judged_by_its_gap() -> None:
    verdict = judge(history((1.0, 0.80)), 0.5, pictures=(2000, 800), one_shot=True)
    assert verdict["overfit"] is None
    assert verdict["sentences"] == [
        "Validation accuracy is 80.0%, 30.0 points better than the baseline (95% interval 27.1 to 32.6).",
        "Training accuracy is 20.0 points higher: for a probe fitted in one go, that says little about overfitting.",
    ]


def test_one_epoch_is_too_few() -> None:
    verdict = judge(history((1.0, 0.80)), 0.5)
    assert verdict["overfit"] is None
    assert verdict["sentences"][1].endswith("higher: one epoch is too few to tell whether it overfits.")


@pytest.mark.parametrize(
    ("values", "trend"),
    [
        ([0.60, 0.65, 0.70, 0.75, 0.80], "rising"),
        ([0.80, 0.74, 0.71, 0.66, 0.60], "falling"),
        ([0.62, 0.60, 0.64, 0.61, 0.63], "level"),
        ([0.700, 0.701, 0.702, 0.703, 0.704], "level"),  # without doubt, but less than a point
        ([0.6, 0.8], None),  # two points make a line whatever they are
    ],
)
def test_a_curve_that_still_climbs_is_told_from_a_level_one(values: list[float], trend: str | None) -> None:
    assert judge(history(*((0.9, value) for value in values)), 0.5)["trend"] == trend


def test_a_curve_that_still_climbs_is_said_so() -> None:
    rows = history(*((0.9, value) for value in (0.60, 0.65, 0.70, 0.75, 0.80)))
    assert judge(rows, 0.5)["sentences"][0] == (
        "Validation accuracy was still rising, from 60.0% to 80.0% over the last 5 epochs, "
        "on average 20.0 points better than the baseline (95% interval 16.7 to 23.1)."
    )


@pytest.mark.parametrize(("pictures", "trend"), [(2, None), (20, None), (29, "rising"), (800, "rising")])
def test_a_climb_of_a_few_pictures_is_no_trend(pictures: int, trend: str | None) -> None:
    """From 60% to 80%: of 29 pictures these are 6, the fewest of which an exact test could say anything."""
    rows = history(*((0.9, value) for value in (0.60, 0.65, 0.70, 0.75, 0.80)))
    verdict = judge(rows, 0.5, (100, pictures))
    assert verdict["trend"] == trend
    assert ("still rising" in verdict["sentences"][0]) == (trend == "rising")


def test_two_sentences_where_nothing_moves() -> None:
    assert judge(history(*[(1.0, 1.0)] * 5), 0.5)["sentences"] == [
        "Validation accuracy was 100.0% over the last 5 epochs, "
        "on average 50.0 points better than the baseline (95% interval 49.5 to 50.0).",
        "Training accuracy is the same: no sign of overfitting.",
    ]


@pytest.mark.parametrize(
    ("training", "validation", "said"),
    [
        (0.5, 0.5, "Training accuracy is the same: neither is clearly better than guessing."),
        (0.515, 0.51, "Training accuracy is 0.5 points higher: neither is clearly better than guessing."),
        (0.51, 0.55, "Training accuracy is 4.0 points lower: no sign of overfitting."),
        (0.54, 0.5, "Training accuracy is 4.0 points higher: no sign of overfitting."),
    ],
)
def test_a_network_that_stands_still_is_not_praised(training: float, validation: float, said: str) -> None:
    assert judge(history(*[(training, validation)] * 5), 0.5)["sentences"][1] == said


@pytest.mark.parametrize(
    ("accuracy", "pictures", "said"),
    [
        (0.45, 800, "45.0%, 5.0 points worse than the baseline (95% interval 1.5 to 8.4)."),
        (0.6, 10, "60.0%, 10.0 points above the baseline: 10 pictures are too few to tell "),
        (0.5, 10, "50.0%, the same as the baseline."),
        (1.0, 2, "100.0%, 50.0 points above the baseline: 2 pictures are too few to tell "),
        (
            0.0,
            1,
            "0.0%, 50.0 points below the baseline: 1 picture is too few to tell the two ",
        ),
    ],
)
def test_guessing_is_told_from_more_only_where_the_pictures_do(accuracy: float, pictures: int, said: str) -> None:
    verdict = judge(history((0.5, accuracy)), 0.5, (2000, pictures))
    assert verdict["sentences"][0].startswith(f"Validation accuracy is {said}")


def test_metrics_hold_the_verdict_as_plain_values() -> None:
    verdict = judge(history((0.985, 0.99)), 0.5, one_shot=True)
    assert verdict == {
        "stable_range": [0.99, 0.99],
        "trend": None,
        "over_baseline": 0.49,
        "over_baseline_ci95": [round(bound - 0.5, 6) for bound in wilson_interval(792, 800)],
        "better_than_baseline": True,
        "gap": -0.005,
        "overfit": None,
        "stands_still": False,
        "sentences": verdict["sentences"],
    }


@pytest.mark.parametrize("outputs", [2, 64])
def test_a_network_that_predicts_all_pictures_alike_stands_still(outputs: int) -> None:
    guessing = Guessing.at(outputs, ["cat"] * 300 + ["dog"] * 500)
    loss = float(np.log(outputs))
    dead = [Epoch(number, loss, 0.5, loss, 300 / 800, 1.0) for number in range(1, 6)]
    verdict = judge(dead, 0.625, guessing=guessing)
    assert verdict["stands_still"]
    assert verdict["sentences"][1] == (
        "Training stood still: all pictures are predicted alike, at the loss of guessing. "
        "Another seed (--seed) or a lower learning_rate may help."
    )
    assert not judge([*dead[:4], Epoch(5, loss, 0.5, loss, 0.61, 1.0)], 0.625, guessing=guessing)["stands_still"]
    assert not judge([*dead[:4], Epoch(5, loss, 0.5, loss - 0.01, 0.375, 1.0)], 0.625, guessing=guessing)[
        "stands_still"
    ]
    assert not judge(dead, 0.625)["stands_still"]
