"""The mistakes, the most confident first, each with where in the picture its prediction came from."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from pawlab.classifier import Classifier
from pawlab.datasets.dataset import Picture
from pawlab.errors import ModelError, PictureError
from pawlab.evaluation.evaluate import Evaluation
from pawlab.evaluation.explain import Explainer, overlay
from pawlab.images import Pixels, Preprocess, decode
from pawlab.report.shown import Shown, answers, decoded, whole


class Mistakes(NamedTuple):
    """`shown`: the first of them, decoded; `in_all`: how many there are; `heated`: whether any has a heat map."""

    shown: list[Shown]
    in_all: int
    heated: bool


def wrong_predictions(evaluation: Evaluation) -> list[Shown]:
    """Return all mistakes, the most confident first, not decoded."""
    wrong = (item for item in answers(evaluation) if not item.right)
    return sorted(wrong, key=lambda item: -item.probability)


def mistakes(
    evaluation: Evaluation,
    classifier: Classifier | None,
    most: int,
    how: Callable[[Picture], Pixels | None] = whole,
) -> Mistakes:
    """Return the mistakes to show, decoded by `how`; without a classifier, or a feature map, they have no heat maps."""
    wrong = wrong_predictions(evaluation)
    shown = _explained(decoded(wrong[:most], how), classifier)
    return Mistakes(shown, len(wrong), any(item.heat is not None for item in shown))


def _explained(wrong: list[Shown], classifier: Classifier | None) -> list[Shown]:
    if not wrong or classifier is None:
        return wrong
    try:
        explainer = Explainer(classifier)
    except ModelError:  # a network without a feature map has no positions
        return wrong
    return [item if item.pixels is None else _heated(item, explainer, classifier.card.preprocess) for item in wrong]


def _heated(item: Shown, explainer: Explainer, preprocess: Preprocess) -> Shown:
    path = item.picture.path
    squashed = item.pixels if preprocess.resize_mode == "squash" else None
    try:
        seen = decode(path, preprocess) if squashed is None else squashed
        return replace(item, heat=overlay(seen, explainer.heatmap(path, item.answer)))
    except PictureError:  # it was there a moment ago
        return item
