"""Metrics by their usual names, each with a line for those who don't know it."""

from collections.abc import Mapping
from math import log
from typing import Any, NamedTuple

from pawlab.templates import percent

PRECISION = "of the pictures that were predicted as it, the share that are of it"
RECALL = "of the pictures of the class, the share that were predicted as it"
F1 = "one number for both: high only where both are"


class Metric(NamedTuple):
    """A metric's key in metrics.json, its name, and what it says in plain words."""

    key: str
    name: str
    plain: str

    def shown(self, scores: Mapping[str, Any]) -> str:
        """Return its value as people read it."""
        value = scores[self.key]
        return percent(value) if self.key in _SHARES else f"{value:.3f}"


_SHARES = frozenset({"accuracy", "balanced_accuracy", "ece"})

_ALWAYS = (
    Metric("accuracy", "Accuracy", "The share of pictures whose predicted class is the right one."),
    Metric(
        "balanced_accuracy",
        "Balanced accuracy",
        "The mean of all classes' recall: a rare class counts as much as a frequent one.",
    ),
    Metric("macro_f1", "Macro F1", "The mean of all classes' F1, from 0 to 1: recall and precision in one number."),
    Metric(
        "log_loss",
        "Log loss",
        "How little probability the right class got, on average: 0 is perfect, equal probabilities for the {classes} "
        "classes get {even:.3f}, and a confident mistake costs most.",
    ),
    Metric(
        "ece",
        "Calibration error (ECE)",
        "How far, on average, the probabilities are from the share that turns out correct.",
    ),
)
_TWO_CLASSES = (
    Metric(
        "roc_auc",
        "ROC AUC",
        "Take a picture of each class: how often that of {positive} gets the higher probability of it. 0.5 is chance.",
    ),
    Metric(
        "average_precision",
        "Average precision",
        "The area under the precision-recall curve of {positive}: its precision, averaged over all recalls.",
    ),
)


def explained(scores: Mapping[str, Any], classes: int) -> list[Metric]:
    """Return the metrics that `scores`, a block of metrics.json, has, their words filled in."""
    words = {"classes": f"{classes:,}", "even": log(classes), "positive": f"“{scores.get('positive_class')}”"}
    rows = (*_ALWAYS, *_TWO_CLASSES)
    return [row._replace(plain=row.plain.format(**words)) for row in rows if row.key in scores]
