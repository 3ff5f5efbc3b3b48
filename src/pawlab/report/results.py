"""The predictions for labelled pictures -> the drawings of them, and what each shows in words."""

from typing import Any

import numpy as np

from pawlab.evaluation.calibration import reliability
from pawlab.evaluation.evaluate import Evaluation
from pawlab.report import plots
from pawlab.templates import percent

_CONFUSED = 8


def result_figures(evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures by name: confusion and calibration, and for two classes roc and precision_recall."""
    curves = evaluation.curves
    figures = {
        "confusion": plots.confusion_figure(evaluation.confusion, evaluation.classes),
        "calibration": plots.calibration_figure(
            reliability(evaluation.probabilities, evaluation.labels), len(evaluation.classes)
        ),
    }
    if curves is not None:
        share = float((evaluation.labels == curves.positive).mean())
        figures["roc"] = plots.roc_figure(curves.false_positive_rate, curves.true_positive_rate)
        figures["precision_recall"] = plots.precision_recall_figure(curves.recall, curves.precision, share)
    return figures


def result_drawings(evaluation: Evaluation, figures: dict[str, Any]) -> dict[str, str]:
    """Return these figures as elements for a page, told to those who can't see, under their names."""
    says = {"confusion": _confusion_says(evaluation), "calibration": _calibration_says(evaluation)}
    curves = evaluation.curves
    if curves is not None:
        says["roc"] = f"ROC curve; the area under it is {curves.roc_auc:.3f}."
        says["precision_recall"] = f"Precision-recall curve; average precision is {curves.average_precision:.3f}."
    return {name: plots.to_svg(figures[name], name, words) for name, words in says.items()}


def confused(evaluation: Evaluation) -> list[str]:
    """Return which class was most often taken for which other."""
    classes, counts = evaluation.classes, evaluation.confusion
    wrong = np.where(np.eye(len(classes), dtype=bool), 0, counts)
    places = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSED]
    return [
        f"{classes[label]} taken for {classes[predicted]}: {wrong[label, predicted]:,} of {counts[label].sum():,}"
        for label, predicted in zip(*np.unravel_index(places, wrong.shape), strict=True)
        if wrong[label, predicted]
    ]


def _confusion_says(evaluation: Evaluation) -> str:
    """Return what the shades mean and, where they are written into the drawing, the counts."""
    classes = evaluation.classes
    shades = f"Confusion of {len(classes)} classes: the darker a cell, the larger the share of its row."
    if len(classes) > plots.MOST_NUMBERED:
        return shades
    rows = (
        f"{label}: {', '.join(f'{count} {name}' for name, count in zip(classes, row, strict=True) if count)}"
        for label, row in zip(classes, evaluation.confusion, strict=True)
    )
    return f"{shades} Each label, and what was predicted: {'; '.join(rows)}."


def _calibration_says(evaluation: Evaluation) -> str:
    said = (
        f"{entry.count} at {percent(entry.confidence)} on average, of which {percent(entry.accuracy)} correct"
        for entry in reliability(evaluation.probabilities, evaluation.labels)
    )
    return f"Predictions by their probability: {'; '.join(said)}."
