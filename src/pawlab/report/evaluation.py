"""A classifier tested on labelled pictures -> one page with its metrics, curves and mistakes."""

from pathlib import Path
from typing import Any

from pawlab.classifier import Classifier
from pawlab.datasets.dataset import Picture
from pawlab.evaluation.confusion import rarest_class
from pawlab.evaluation.evaluate import Evaluation
from pawlab.images import Pixels
from pawlab.report.glossary import explained
from pawlab.report.mistakes import mistakes
from pawlab.report.page import write_page
from pawlab.report.results import confused, result_drawings, result_figures
from pawlab.templates import thumbnail

EVALUATION_PAGE = "evaluation.html"

_MISTAKES = 60
_LONGEST = 480  # pixels of a mistake's longer side: they are what people look at


def write_evaluation_page(
    path: Path, evaluation: Evaluation, classifier: Classifier, document: dict[str, Any], command: str
) -> None:
    """Write the page to `path`. `document`: what metrics.json holds; `command`: what repeats the evaluation.

    Raises OutputError where it can't be written.
    """
    classes = evaluation.classes
    write_page(
        path,
        "evaluation.html.j2",
        document=document,
        classes=classes,
        explained=explained(document, len(classes)),
        rarest=rarest_class({name: row["pictures"] for name, row in evaluation.per_class.items() if row["pictures"]}),
        drawings=result_drawings(evaluation, result_figures(evaluation)),
        confused=confused(evaluation),
        mistakes=mistakes(evaluation, classifier, _MISTAKES, _large),
        card=classifier.card,
        command=command,
    )


def _large(picture: Picture) -> Pixels | None:
    return thumbnail(picture.path, _LONGEST)
