"""Which classes were predicted as which, and what that says of each class. NumPy only.

With counts c, row = true class, column = predicted class:

    recall of k = c[k, k] / row sum        of the pictures of k, the share predicted as k
    precision of k = c[k, k] / column sum  of the pictures predicted as k, the share that are of k
    F1 of k = 2 c[k, k] / (row sum + column sum), their harmonic mean

Balanced accuracy is the mean recall over the classes that have pictures (Brodersen et al. 2010), macro F1 the mean F1
over the classes that have pictures or were predicted: as scikit-learn defines them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.evaluation.metrics import Labels, Probabilities

Counts = NDArray[np.int64]

_UNEQUAL = 2  # times as many pictures in the largest class as in the rarest


def confusion_counts(probabilities: Probabilities, labels: Labels) -> Counts:
    """Return counts (classes, classes) for probabilities (n, classes) and labels (n,), class positions."""
    counts = np.zeros((probabilities.shape[1],) * 2, np.int64)
    np.add.at(counts, (labels, probabilities.argmax(axis=1)), 1)
    return counts


def normalised(counts: Counts) -> NDArray[np.float64]:
    """Return the counts as shares of their row, the true class; a row without pictures is of zeros."""
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def per_class(counts: Counts, classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return precision, recall, F1 (0 to 1) and pictures of each class; None where there is nothing to divide by."""
    correct, predicted, pictures = counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)
    rows = zip(classes, correct.tolist(), predicted.tolist(), pictures.tolist(), strict=True)
    return {
        name: {
            "precision": right / taken if taken else None,
            "recall": right / there if there else None,
            "f1": 2 * right / (taken + there) if taken + there else None,
            "pictures": there,
        }
        for name, right, taken, there in rows
    }


def mean_over_classes(of_classes: Mapping[str, Mapping[str, Any]], name: str) -> float:
    """Return the mean of `recall` (balanced accuracy) or `f1` (macro F1) over the classes that have one."""
    return float(np.mean([row[name] for row in of_classes.values() if row[name] is not None]))


def rarest_class(pictures: Mapping[str, int]) -> str | None:
    """Return the class with the fewest pictures; None where none has half as many as the largest, or fewer."""
    rarest = min(pictures, key=lambda name: pictures[name])
    return rarest if _UNEQUAL * pictures[rarest] <= max(pictures.values()) else None
