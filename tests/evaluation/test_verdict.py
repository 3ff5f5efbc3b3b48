"""The verdict says in numbers what people read off the curves."""

import pytest

from pawlab.evaluation.history import Epoch
from pawlab.evaluation.verdict import judge, window


def history(*pairs: tuple[float, float]) -> list[Epoch]:
    """Epochs of (training accuracy, validation accuracy)."""
    return [Epoch(i, 0.5, train, 0.5, validation, 1.0) for i, (train, validation) in enumerate(pairs, start=1)]


def climbing(count: int) -> list[tuple[float, float]]:
    return [(0.5, 0.1)] * count


def test_the_window_is_the_last_quarter_of_the_epochs() -> None:
    late = [(0.9, 0.60), (0.9, 0.64), (0.9, 0.61), (0.9, 0.62), (0.9, 0.63), (0.9, 0.62)]
    assert judge(history(*climbing(18), *late), 0.5)["stable_range"] == [0.60, 0.64]
    assert len(window(history(*climbing(18), *late))) == 6


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


def test_few_pictures_need_a_larger_gap() -> None:
    rows = history(*[(0.75, 0.6)] * 5)
    assert judge(rows, 0.5, pictures=(2000, 800))["overfit"]
    assert not judge(rows, 0.5, pictures=(80, 10))["overfit"]


def test_two_sentences_for_epochs() -> None:
    verdict = judge(
        history(*climbing(15), *[(0.956, 0.55), (0.956, 0.6), (0.956, 0.58), (0.956, 0.58), (0.956, 0.6)]), 0.5
    )
    assert verdict["sentences"] == [
        "Validation accuracy was between 55.0% and 60.0% over the last 5 epochs, "
        "on average 8.2 points better than always guessing the largest class.",
        "Training accuracy is 37.4 points higher: it overfits.",
    ]


def test_a_probe_fitted_in_one_go_is_not_judged_by_its_gap() -> None:
    verdict = judge(history((1.0, 0.80)), 0.5, pictures=(2000, 800), one_shot=True)
    assert verdict["overfit"] is None
    assert verdict["sentences"] == [
        "Validation accuracy is 80.0%, 30.0 points better than always guessing the largest class.",
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
        ([0.6, 0.8], "level"),
    ],
)
def test_a_curve_that_still_climbs_is_told_from_a_level_one(values: list[float], trend: str) -> None:
    assert judge(history(*((0.9, value) for value in values)), 0.5)["trend"] == trend


def test_a_curve_that_still_climbs_is_said_so() -> None:
    rows = history(*((0.9, value) for value in (0.60, 0.65, 0.70, 0.75, 0.80)))
    assert judge(rows, 0.5)["sentences"][0] == (
        "Validation accuracy was still rising, from 60.0% to 80.0% over the last 5 epochs, "
        "on average 20.0 points better than always guessing the largest class."
    )


def test_chance_is_one_sided() -> None:
    """With 100 and 100 pictures at 0.5, 95% of gaps by chance stay below 1.645 standard errors, 0.1163."""
    assert judge(history(*[(0.56, 0.44)] * 5), 0.4, pictures=(100, 100))["overfit"]
    assert not judge(history(*[(0.555, 0.445)] * 5), 0.4, pictures=(100, 100))["overfit"]


def test_two_sentences_where_nothing_moves() -> None:
    assert judge(history(*[(1.0, 1.0)] * 5), 0.5)["sentences"] == [
        "Validation accuracy was 100.0% over the last 5 epochs, "
        "on average 50.0 points better than always guessing the largest class.",
        "Training accuracy is the same: no sign of overfitting.",
    ]


@pytest.mark.parametrize(
    ("training", "validation", "said"),
    [
        (0.5, 0.5, "Training accuracy is the same: it is no better than guessing."),
        (0.515, 0.51, "Training accuracy is 0.5 points higher: it is no better than guessing."),
        (0.51, 0.53, "Training accuracy is 2.0 points lower: no sign of overfitting."),
        (0.54, 0.5, "Training accuracy is 4.0 points higher: no sign of overfitting."),
    ],
)
def test_a_network_that_stands_still_is_not_praised(training: float, validation: float, said: str) -> None:
    assert judge(history(*[(training, validation)] * 5), 0.5)["sentences"][1] == said


def test_worse_than_guessing_is_said() -> None:
    assert judge(history((0.5, 0.45)), 0.5)["sentences"][0] == (
        "Validation accuracy is 45.0%, 5.0 points worse than always guessing the largest class."
    )


def test_metrics_hold_the_verdict_as_plain_values() -> None:
    verdict = judge(history((0.985, 0.99)), 0.5, one_shot=True)
    assert verdict == {
        "stable_range": [0.99, 0.99],
        "trend": "level",
        "over_baseline": 0.49,
        "gap": -0.005,
        "overfit": None,
        "sentences": verdict["sentences"],
    }
