"""History -> verdict: has validation accuracy levelled off, is it better than guessing, does it overfit?

Read off a window, the last quarter of the epochs and at least the last five: fewer would catch a lucky epoch, more
would take in the climb. In it

    stable_range   = the lowest and the highest validation accuracy
    trend          = rising or falling where a straight line through validation accuracy has a slope other than 0, by a
                     t test at 5%, and moves by a point or more; else level; None where too little tells
    over_baseline  = mean validation accuracy - that of guessing, with its 95% interval (Wilson's)
    better_than_baseline = True or False where an exact binomial test at 5% and the interval agree; else None
    gap            = mean training accuracy - mean validation accuracy
    overfit        = True where the gap is larger than 0.05 and Fisher's exact test at 5%, one-sided, takes it for more
                     than chance; False where it isn't, and its 95% interval (Newcombe 1998, Statistics in Medicine
                     17:873, method 10) stays below 0.10; None where there are too few pictures to tell

0.05 is 2.6 standard errors of the difference between accuracies of 0.7 on 800 and on 2,000 pictures. Training accuracy
is taken during the epoch, with dropout and augmentation at work: it errs on the low side, and so does the gap. A trend
that moves fewer than six of the pictures is none that any test could tell from chance: 2 x 0.5^5 > 5%.

Training stands still where the network's outputs are the same for all pictures, as of a last layer whose ReLUs are all
at 0: validation loss is ln(outputs), that of guessing, and validation accuracy the share of the class that is always
predicted. No gradient flows any more. After a first epoch of it there is a warning; the verdict says it where the whole
window was so.

A probe that is fitted in one go isn't judged: with more features than pictures it separates its training pictures
whatever it does on others.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil, log, sqrt
from statistics import fmean
from typing import Any, NamedTuple

from pawlab.evaluation.history import Epoch
from pawlab.evaluation.metrics import binomial_p_value, wilson_interval

_SHARE = 4  # the window is one fourth of the epochs
_FEWEST_EPOCHS = 5
_LARGEST_GAP = 0.05
_TELLABLE_GAP = 0.10  # where a gap as large as this can't be excluded, nothing is said
_SMALLEST_TREND = 0.01  # from the first epoch of the window to the last
_FEWEST_MOVED = 6  # pictures
_SMALLEST_SHOWN = 0.0005  # less would read as 0.0 points
_SIGNIFICANT = 0.05
_SAME_LOSS = 1e-4  # nats; dead ReLUs give that of guessing to a float's precision


class Share(NamedTuple):
    """So many of so many pictures."""

    right: int
    pictures: int

    @property
    def value(self) -> float:
        """Return it as a number, 0 to 1."""
        return self.right / self.pictures


class Guessing(NamedTuple):
    """What a network without any information scores. `outputs`: of the network, 2 for one sigmoid; `shares`: of each
    class among the validation pictures, 0 to 1.
    """

    outputs: int
    shares: Sequence[float]

    @staticmethod
    def at(outputs: int, labels: Iterable[Any]) -> "Guessing":
        """Return it for the labels of the validation pictures, one each (1 or more)."""
        counts = Counter(labels).values()
        return Guessing(outputs, [count / sum(counts) for count in counts])


STANDS_STILL = (
    "Training stood still: all pictures are predicted alike, at the loss of guessing. "
    "Another seed (--seed) or a lower learning_rate may help."
)


def stands_still(row: Epoch, guessing: Guessing) -> bool:
    """Say whether the network predicted all pictures alike after an epoch, at the loss of guessing."""
    at_share = any(abs(row.val_accuracy - share) < _SAME_LOSS for share in guessing.shares)
    return at_share and abs(row.val_loss - log(guessing.outputs)) < _SAME_LOSS


def judge(
    history: Sequence[Epoch],
    baseline: float,
    pictures: tuple[int, int],
    one_shot: bool = False,
    guessing: Guessing | None = None,
) -> dict[str, Any]:
    """Return the verdict on a history of one epoch or more, as metrics.json holds it.

    All numbers are shares, 0 to 1. `baseline`: the validation accuracy of guessing the most frequent class, or at
    random. `pictures`: how many were trained and validated on. `one_shot`: the only epoch is a probe, fitted in one go.
    `guessing`: by what standing still is known; where it isn't given, that isn't looked for.
    In the verdict `overfit` is None where there is but one epoch, or where there are too few pictures to tell;
    `sentences` say where it ended, and whether it overfits.
    """
    rows = window(history)
    validation = [row.val_accuracy for row in rows]
    means = fmean(row.accuracy for row in rows), fmean(validation)
    trained, validated = (Share(round(mean * count), count) for mean, count in zip(means, pictures, strict=True))
    over_baseline, gap = means[1] - baseline, means[0] - means[1]
    trend = _trend(validation, pictures[1])
    overfit = None if len(history) == 1 else overfits(trained, validated)
    learned = True in (differs(trained, baseline), differs(validated, baseline))
    still = guessing is not None and all(stands_still(row, guessing) for row in rows)
    return {
        "stable_range": [round(min(validation), 6), round(max(validation), 6)],
        "trend": trend,
        "over_baseline": round(over_baseline, 6),
        "over_baseline_ci95": [round(bound - baseline, 6) for bound in wilson_interval(*validated)],
        "better_than_baseline": differs(validated, baseline),
        "gap": round(gap, 6),
        "overfit": overfit,
        "stands_still": still,
        "sentences": [
            f"{_ended(validation, trend)}{_against_guessing(validated, over_baseline, baseline)}.",
            STANDS_STILL if still else _fits(gap, learned, overfit, one_shot, len(history), pictures[1]),
        ],
    }


def window(history: Sequence[Epoch]) -> Sequence[Epoch]:
    """Return the last epochs, off which the verdict is read; not epoch 0, what training began from, beside others."""
    trained = [row for row in history if row.epoch] or history
    return trained[-max(_FEWEST_EPOCHS, ceil(len(trained) / _SHARE)) :]


def differs(share: Share, baseline: float) -> bool | None:
    """Say whether accuracy is better (True) or worse (False) than a baseline; None where that may be chance.

    By an exact binomial test, two-sided at 5%, and Wilson's 95% interval, which must agree.
    """
    low, high = wilson_interval(*share)
    if low <= baseline <= high or binomial_p_value(*share, baseline) >= _SIGNIFICANT:
        return None
    return low > baseline


def overfits(trained: Share, validated: Share) -> bool | None:
    """Say whether training accuracy is higher than validation accuracy for more reasons than chance; None: can't tell.

    See the head of this module.
    """
    from scipy.stats import fisher_exact

    table = [(right, pictures - right) for right, pictures in (trained, validated)]
    certain = float(fisher_exact(table, alternative="greater").pvalue) < _SIGNIFICANT
    if certain and trained.value - validated.value > _LARGEST_GAP:
        return True
    return False if difference_interval(trained, validated)[1] < _TELLABLE_GAP else None


def difference_interval(one: Share, other: Share) -> tuple[float, float]:
    """Return the 95% interval of the difference of two shares of different pictures (Newcombe 1998, method 10)."""
    (low, high), (other_low, other_high) = wilson_interval(*one), wilson_interval(*other)
    down = sqrt((one.value - low) ** 2 + (other_high - other.value) ** 2)
    up = sqrt((high - one.value) ** 2 + (other.value - other_low) ** 2)
    return (one.value - other.value - down, one.value - other.value + up)


def _trend(values: Sequence[float], pictures: int) -> str | None:
    """Return the trend; None for fewer than three values, and for one that chance may have made of few pictures."""
    if len(values) < 3:
        return None
    if min(values) == max(values):
        return "level"
    from scipy.stats import linregress

    line = linregress(range(len(values)), values)
    moved = abs(line.slope) * (len(values) - 1)
    if moved >= _SMALLEST_TREND and round(moved * pictures) < _FEWEST_MOVED:
        return None
    if line.pvalue >= _SIGNIFICANT or moved < _SMALLEST_TREND:
        return "level"
    return "rising" if line.slope > 0 else "falling"


def _ended(validation: Sequence[float], trend: str | None) -> str:
    low, high = f"{min(validation):.1%}", f"{max(validation):.1%}"
    if len(validation) == 1:
        return f"Validation accuracy is {low}, "
    where = low if low == high else f"between {low} and {high}"
    if trend in ("rising", "falling"):
        where = f"still {trend}, from {validation[0]:.1%} to {validation[-1]:.1%}"
    return f"Validation accuracy was {where} over the last {len(validation)} epochs, on average "


def _against_guessing(validated: Share, over_baseline: float, baseline: float) -> str:
    guessing = "the baseline"
    if differs(validated, baseline) is not None:
        low, high = sorted(abs(bound - baseline) * 100 for bound in wilson_interval(*validated))
        return f"{_points(over_baseline)} than {guessing} (95% interval {low:.1f} to {high:.1f})"
    if abs(over_baseline) < _SMALLEST_SHOWN:
        return f"the same as {guessing}"
    pictures = f"{validated.pictures:,} pictures are" if validated.pictures != 1 else "1 picture is"
    return f"{_points(over_baseline, 'above', 'below')} {guessing}: {pictures} too few to tell the two apart"


def _fits(gap: float, learned: bool, overfit: bool | None, one_shot: bool, epochs: int, pictures: int) -> str:
    higher = "the same" if abs(gap) < _SMALLEST_SHOWN else _points(gap, "higher", "lower")
    if overfit:
        says = "it overfits"
    elif not learned:
        says = "neither is clearly better than guessing"
    elif one_shot:
        says = "for a probe fitted in one go, that says little about overfitting"
    elif epochs == 1:
        says = "one epoch is too few to tell whether it overfits"
    elif overfit is None:
        says = f"{pictures:,} validation pictures are too few to tell whether it overfits"
    else:
        says = "no sign of overfitting"
    return f"Training accuracy is {higher}: {says}."


def _points(difference: float, more: str = "better", less: str = "worse") -> str:
    """Return e.g. `8.3 points better`. A point is a hundredth."""
    return f"{abs(difference) * 100:.1f} points {more if difference >= 0 else less}"
