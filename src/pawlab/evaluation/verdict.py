"""History -> verdict: has validation accuracy levelled off, is it better than guessing, does it overfit?

Read off a window, the last quarter of the epochs and at least the last five: fewer would catch a lucky epoch, more
would take in the climb. In it

    stable_range   = the lowest and the highest validation accuracy
    trend          = rising or falling where a straight line through validation accuracy has a slope other than 0, by a
                     t test at 5%, and moves by a point or more; else level
    over_baseline  = mean validation accuracy - share of the largest class
    gap            = mean training accuracy - mean validation accuracy
    overfit        = the gap is larger than 0.05, and larger than chance allows where the number of pictures is known

0.05 is 2.6 standard errors of the difference between accuracies of 0.7 on 800 and on 2,000 pictures. Training accuracy
is taken during the epoch, with dropout and augmentation at work: it errs on the low side, and so does the gap.

A probe that is fitted in one go isn't judged: with more features than pictures it separates its training pictures
whatever it does on others. Where neither accuracy is two points above guessing, nothing was learned.
"""

from collections.abc import Sequence
from math import ceil, sqrt
from statistics import fmean
from typing import Any

from pawlab.evaluation.history import Epoch

_SHARE = 4  # the window is one fourth of the epochs
_FEWEST_EPOCHS = 5
_LARGEST_GAP = 0.05
_SMALLEST_TREND = 0.01  # from the first epoch of the window to the last
_LEAST_LEARNED = 0.02  # above guessing, in validation or training
_SMALLEST_SHOWN = 0.0005  # less would read as 0.0 points
_STANDARD_ERRORS = 1.645  # 95% of chance differences are smaller (one-sided)


def judge(
    history: Sequence[Epoch], baseline: float, pictures: tuple[int, int] | None = None, one_shot: bool = False
) -> dict[str, Any]:
    """Return the verdict on a history of one epoch or more, as metrics.json holds it.

    All numbers are shares, 0 to 1. `baseline`: the validation accuracy of always guessing the largest class.
    `pictures`: how many were trained and validated on. `one_shot`: the only epoch is a probe that was fitted in one go.
    In the verdict `overfit` is None where there is but one epoch; `sentences` say where it ended, and whether it
    overfits.
    """
    rows = window(history)
    validation = [row.val_accuracy for row in rows]
    trained, validated = fmean(row.accuracy for row in rows), fmean(validation)
    over_baseline, gap = validated - baseline, trained - validated
    trend = _trend(validation)
    allowed = max(_LARGEST_GAP, _chance(trained, validated, pictures))
    overfit = None if len(history) == 1 else gap > allowed
    return {
        "stable_range": [round(min(validation), 6), round(max(validation), 6)],
        "trend": trend,
        "over_baseline": round(over_baseline, 6),
        "gap": round(gap, 6),
        "overfit": overfit,
        "sentences": [_ended(validation, trend, over_baseline), _fits(gap, over_baseline, overfit, one_shot)],
    }


def window(history: Sequence[Epoch]) -> Sequence[Epoch]:
    """Return the last epochs, off which the verdict is read."""
    return history[-max(_FEWEST_EPOCHS, ceil(len(history) / _SHARE)) :]


def _ended(validation: Sequence[float], trend: str, over_baseline: float) -> str:
    low, high = f"{min(validation):.1%}", f"{max(validation):.1%}"
    better = f"{_points(over_baseline)} than always guessing the largest class."
    if len(validation) == 1:
        return f"Validation accuracy is {low}, {better}"
    where = low if low == high else f"between {low} and {high}"
    if trend != "level":
        where = f"still {trend}, from {validation[0]:.1%} to {validation[-1]:.1%}"
    return f"Validation accuracy was {where} over the last {len(validation)} epochs, on average {better}"


def _fits(gap: float, over_baseline: float, overfit: bool | None, one_shot: bool) -> str:
    higher = "the same" if abs(gap) < _SMALLEST_SHOWN else _points(gap, "higher", "lower")
    if overfit:
        says = "it overfits"
    elif max(over_baseline, over_baseline + gap) < _LEAST_LEARNED:
        says = "it is no better than guessing"
    elif one_shot:
        says = "for a probe fitted in one go, that says little about overfitting"
    elif overfit is None:
        says = "one epoch is too few to tell whether it overfits"
    else:
        says = "no sign of overfitting"
    return f"Training accuracy is {higher}: {says}."


def _trend(values: Sequence[float]) -> str:
    """Return the trend; fewer than three values count as level."""
    if len(values) < 3 or min(values) == max(values):
        return "level"
    from scipy.stats import linregress

    line = linregress(range(len(values)), values)
    if line.pvalue >= 0.05 or abs(line.slope) * (len(values) - 1) < _SMALLEST_TREND:
        return "level"
    return "rising" if line.slope > 0 else "falling"


def _chance(trained: float, validated: float, pictures: tuple[int, int] | None) -> float:
    """Return the gap that 95% of samples of one population stay below."""
    if pictures is None:
        return 0.0
    shared = (trained * pictures[0] + validated * pictures[1]) / sum(pictures)
    return _STANDARD_ERRORS * sqrt(shared * (1 - shared) * sum(1 / count for count in pictures))


def _points(difference: float, more: str = "better", less: str = "worse") -> str:
    """Return e.g. `8.3 points better`. A point is a hundredth."""
    return f"{abs(difference) * 100:.1f} points {more if difference >= 0 else less}"
