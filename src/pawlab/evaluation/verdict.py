"""History -> verdict: has it settled, is it better than guessing, does it overfit? Computed, not judged by eye.

Settled means: over the last quarter of the epochs, and at least the last five. Fewer would catch a lucky epoch, more
would take in the climb. In that window

    stable_range   = the lowest and the highest validation accuracy
    over_baseline  = mean validation accuracy - share of the largest class
    gap            = mean training accuracy - mean validation accuracy
    overfit        = the gap is larger than 0.05, and larger than chance allows where the number of pictures is known

0.05, because that is what chance seldom exceeds on a thousand pictures: an accuracy of 0.7 on 800 has a standard error
of 0.016, on 2,000 of 0.010, their difference one of 0.019, and 0.05 is 2.6 times that. Training accuracy is the one
seen during the epoch, with dropout and augmentation at work, so it errs on the low side, and so does the gap.

Where neither accuracy is two points above always guessing the largest class, it says that nothing was learnt instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import fmean
from typing import Any

from pawlab.evaluation.history import Epoch

_SHARE = 4  # the window is one fourth of the epochs
_FEWEST_EPOCHS = 5
_LARGEST_GAP = 0.05
_LEAST_LEARNT = 0.02  # above guessing, in validation or training: a network below it stands still
_SMALLEST_TOLD = 0.0005  # less would read as 0.0 points
_STANDARD_ERRORS = 1.96  # 95% of chance differences are smaller


@dataclass(frozen=True)
class Verdict:
    """What a history amounts to. All numbers are shares, 0 to 1; see the module for how each is defined.

    `epochs`: how many the window holds; 1 for a head that was fitted in one go.
    """

    stable_range: tuple[float, float]
    over_baseline: float
    gap: float
    overfit: bool
    epochs: int

    @property
    def sentences(self) -> tuple[str, str]:
        """Return the verdict in two plain sentences: where it settled, and whether it overfits."""
        return f"{self._where()}, {self._over_baseline()}.", f"{self._gap()}: {self._overfit()}."

    def to_dict(self) -> dict[str, Any]:
        """Return what metrics.json holds."""
        return {
            "stable_range": [round(bound, 6) for bound in self.stable_range],
            "over_baseline": round(self.over_baseline, 6),
            "gap": round(self.gap, 6),
            "overfit": self.overfit,
            "sentences": list(self.sentences),
        }

    def _where(self) -> str:
        low, high = self.stable_range
        if self.epochs == 1:
            return f"Validation accuracy is {low:.1%}"
        where = f"at {low:.1%}" if f"{low:.1%}" == f"{high:.1%}" else f"between {low:.1%} and {high:.1%}"
        return f"Validation accuracy settled {where} over the last {self.epochs} epochs"

    def _over_baseline(self) -> str:
        mean = "" if self.epochs == 1 else "on average "
        return f"{mean}{_points(self.over_baseline)} than always guessing the largest class"

    def _gap(self) -> str:
        if abs(self.gap) < _SMALLEST_TOLD:
            return "Training accuracy is the same"
        return f"Training accuracy is {_points(self.gap, 'higher', 'lower')}"

    def _overfit(self) -> str:
        if self.overfit:
            return "it overfits"
        if max(self.over_baseline, self.over_baseline + self.gap) < _LEAST_LEARNT:
            return "it has learnt no more than to guess"
        return "no sign of overfitting"


def judge(history: Sequence[Epoch], baseline: float, pictures: tuple[int, int] | None = None) -> Verdict:
    """Judge a history of one epoch or more.

    `baseline`: the validation accuracy of always guessing the largest class, 0 to 1. `pictures`: how many were trained
    and validated on; with few of them a larger gap is needed before it counts as overfitting.
    """
    window = history[-max(_FEWEST_EPOCHS, ceil(len(history) / _SHARE)) :]
    validation = [row.val_accuracy for row in window]
    trained, validated = fmean(row.accuracy for row in window), fmean(validation)
    gap = trained - validated
    return Verdict(
        stable_range=(min(validation), max(validation)),
        over_baseline=validated - baseline,
        gap=gap,
        overfit=gap > max(_LARGEST_GAP, _chance(trained, validated, pictures)),
        epochs=len(window),
    )


def _chance(trained: float, validated: float, pictures: tuple[int, int] | None) -> float:
    """Return the gap that 95% of samples of one population stay below."""
    if pictures is None:
        return 0.0
    shared = (trained * pictures[0] + validated * pictures[1]) / sum(pictures)
    return _STANDARD_ERRORS * sqrt(shared * (1 - shared) * sum(1 / count for count in pictures))


def _points(difference: float, more: str = "better", less: str = "worse") -> str:
    """Return e.g. `8.3 points better`. A point is a hundredth."""
    return f"{abs(difference) * 100:.1f} points {more if difference >= 0 else less}"
