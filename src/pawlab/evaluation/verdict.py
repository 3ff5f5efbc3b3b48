"""History -> verdict: has validation accuracy levelled off, is it better than guessing, does it overfit?

Read off the last quarter of the epochs, and at least the last five: fewer would catch a lucky epoch, more would take in
the climb. In that window

    stable_range   = the lowest and the highest validation accuracy
    trend          = rising or falling where a straight line through validation accuracy has a slope other than 0, by a
                     t test at 5%, and moves by a point or more; else level
    over_baseline  = mean validation accuracy - share of the largest class
    gap            = mean training accuracy - mean validation accuracy
    overfit        = the gap is larger than 0.05, and larger than chance allows where the number of pictures is known

0.05, because that is what chance seldom exceeds on a thousand pictures: an accuracy of 0.7 on 800 has a standard error
of 0.016, on 2,000 of 0.010, their difference one of 0.019, and 0.05 is 2.6 times that. Training accuracy is the one
seen during the epoch, with dropout and augmentation at work, so it errs on the low side, and so does the gap.

A probe that is fitted in one go isn't judged: with more features than pictures it separates its training pictures
whatever it does on others, and its C was chosen on validation. Where neither accuracy is two points above always
guessing the largest class, nothing was learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import fmean
from typing import Any, Literal

from pawlab.evaluation.history import Epoch

Trend = Literal["rising", "falling", "level"]

_SHARE = 4  # the window is one fourth of the epochs
_FEWEST_EPOCHS = 5
_LARGEST_GAP = 0.05
_SMALLEST_TREND = 0.01  # from the first epoch of the window to the last
_LEAST_LEARNED = 0.02  # above guessing, in validation or training
_SMALLEST_SHOWN = 0.0005  # less would read as 0.0 points
_STANDARD_ERRORS = 1.645  # 95% of chance differences are smaller (one-sided)


@dataclass(frozen=True)
class Verdict:
    """What a history amounts to. All numbers are shares, 0 to 1; see the module for how each is defined.

    `overfit`: None where there is too little to tell. `epochs`: how many the window holds. `first` and `last`:
    validation accuracy at the window's ends. `one_shot`: whether this is a probe that was fitted in one go.
    """

    stable_range: tuple[float, float]
    over_baseline: float
    gap: float
    overfit: bool | None
    epochs: int
    trend: Trend
    first: float
    last: float
    one_shot: bool = False

    @property
    def sentences(self) -> tuple[str, str]:
        """Return the verdict in two plain sentences: where it ended, and whether it overfits."""
        return f"{self._where()}, {self._over_baseline()}.", f"{self._gap()}: {self._overfit()}."

    def to_dict(self) -> dict[str, Any]:
        """Return what metrics.json holds."""
        return {
            "stable_range": [round(bound, 6) for bound in self.stable_range],
            "trend": self.trend,
            "over_baseline": round(self.over_baseline, 6),
            "gap": round(self.gap, 6),
            "overfit": self.overfit,
            "sentences": list(self.sentences),
        }

    def _where(self) -> str:
        low, high = self.stable_range
        if self.epochs == 1:
            return f"Validation accuracy is {low:.1%}"
        if self.trend != "level":
            still = f"was still {self.trend}, from {self.first:.1%} to {self.last:.1%}"
            return f"Validation accuracy {still} over the last {self.epochs} epochs"
        where = f"{low:.1%}" if f"{low:.1%}" == f"{high:.1%}" else f"between {low:.1%} and {high:.1%}"
        return f"Validation accuracy was {where} over the last {self.epochs} epochs"

    def _over_baseline(self) -> str:
        mean = "" if self.epochs == 1 else "on average "
        return f"{mean}{_points(self.over_baseline)} than always guessing the largest class"

    def _gap(self) -> str:
        if abs(self.gap) < _SMALLEST_SHOWN:
            return "Training accuracy is the same"
        return f"Training accuracy is {_points(self.gap, 'higher', 'lower')}"

    def _overfit(self) -> str:
        if self.overfit:
            return "it overfits"
        if max(self.over_baseline, self.over_baseline + self.gap) < _LEAST_LEARNED:
            return "it is no better than guessing"
        if self.one_shot:
            return "for a probe fitted in one go, that says little about overfitting"
        if self.overfit is None:
            return "one epoch is too few to tell whether it overfits"
        return "no sign of overfitting"


def judge(
    history: Sequence[Epoch], baseline: float, pictures: tuple[int, int] | None = None, one_shot: bool = False
) -> Verdict:
    """Judge a history of one epoch or more.

    `baseline`: the validation accuracy of always guessing the largest class, 0 to 1. `pictures`: how many were trained
    and validated on; with few of them a larger gap is needed before it counts as overfitting. `one_shot`: the only
    epoch is a probe that was fitted in one go.
    """
    window = history[-max(_FEWEST_EPOCHS, ceil(len(history) / _SHARE)) :]
    validation = [row.val_accuracy for row in window]
    trained, validated = fmean(row.accuracy for row in window), fmean(validation)
    gap = trained - validated
    return Verdict(
        stable_range=(min(validation), max(validation)),
        over_baseline=validated - baseline,
        gap=gap,
        overfit=None if len(history) == 1 else gap > max(_LARGEST_GAP, _chance(trained, validated, pictures)),
        epochs=len(window),
        trend=_trend(validation),
        first=validation[0],
        last=validation[-1],
        one_shot=one_shot,
    )


def _trend(values: Sequence[float]) -> Trend:
    """Fit a straight line and test its slope. Fewer than three values count as level."""
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
