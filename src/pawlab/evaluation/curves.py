"""Two classes: what other thresholds than the most probable class would give. NumPy only.

The pictures are ranked by the probability of one class, the positive one. Going down the ranking, above each threshold

    true positive rate, or recall = positives above / all positives      false positive rate = negatives above / all
    precision = positives above / all above

ROC AUC, the area under true over false positive rate, is the chance that a positive picture gets a higher probability
than a negative one (Hanley and McNeil 1982). Average precision, the area under precision over recall in steps, depends
on how rare the positives are (Davis and Goadrich 2006). As scikit-learn defines both.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.evaluation.metrics import Labels, Probabilities

_MOST_POINTS = 200  # of a curve: no eye sees more

Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """Both curves, from the highest threshold down. Shares from 0 to 1; `positive`: a class position."""

    positive: int
    roc_auc: float
    average_precision: float
    false_positive_rate: Shares
    true_positive_rate: Shares
    precision: Shares
    recall: Shares

    def to_dict(self, positive: str) -> dict[str, Any]:
        """Return them as plain values; `positive`: the class's name."""
        axes = {
            "roc": ("false_positive_rate", "true_positive_rate"),
            "precision_recall": ("recall", "precision"),
        }
        return {
            "positive_class": positive,
            "roc_auc": self.roc_auc,
            "average_precision": self.average_precision,
            **{name: {axis: getattr(self, axis).round(6).tolist() for axis in pair} for name, pair in axes.items()},
        }


def threshold_curves(probabilities: Probabilities, labels: Labels) -> Curves | None:
    """Return the curves for probabilities (n, 2) and labels (n,), class positions; None unless both classes occur.

    The rarer class is the positive one, the second where both are as frequent. The areas are exact, the curves are
    thinned to 200 points.
    """
    counts = np.bincount(labels, minlength=2)
    if probabilities.shape[1] != 2 or not counts.all():
        return None
    positive = int(counts[1] <= counts[0])
    scores = probabilities[:, positive].astype(np.float64)
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    above = last_of_ties + 1
    true = np.cumsum(labels[order] == positive)[last_of_ties]
    hits, alarms = true / counts[positive], (above - true) / counts[1 - positive]
    precision = true / above
    from_zero, over = np.append(0.0, hits), np.append(0.0, alarms)
    return Curves(
        positive,
        roc_auc=float((np.diff(over) * (from_zero[1:] + from_zero[:-1]) / 2).sum()),
        average_precision=float((np.diff(from_zero) * precision).sum()),
        false_positive_rate=_thinned(over),
        true_positive_rate=_thinned(from_zero),
        precision=_thinned(precision),
        recall=_thinned(hits),
    )


def _thinned(values: Shares) -> Shares:
    kept = np.unique(np.linspace(0, len(values) - 1, _MOST_POINTS).round().astype(int))
    return np.asarray(values[kept])
