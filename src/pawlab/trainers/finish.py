"""What is done to every fitted model before it ships, so that people can trust its answers.

Its probabilities are calibrated, it gets to know when it isn't sure, and labels that look wrong are found.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pawlab.backbones.load import backbone_graph
from pawlab.backbones.table import find_backbone
from pawlab.datasets.dataset import Dataset, Picture
from pawlab.errors import PictureError
from pawlab.evaluation.calibration import (
    BINS,
    apply_temperature,
    calibration_error,
    confidence_threshold,
    fit_temperature,
    tempered,
)
from pawlab.evaluation.evaluate import Evaluation
from pawlab.evaluation.label_issues import NO_FOLD, LabelIssue, find_label_issues, fit_jury
from pawlab.evaluation.metrics import Probabilities
from pawlab.evaluation.out_of_distribution import (
    Features,
    add_ood_score,
    fit_centres,
    has_picture_features,
    ood_score,
    picture_features,
)
from pawlab.features.extract import extract_features
from pawlab.images import Preprocess
from pawlab.progress import Progress, silent
from pawlab.trainers.fitted import Fitted

if TYPE_CHECKING:
    from onnx import ModelProto

ImageStats = Callable[[Sequence[Picture], Preprocess], Features]

_DEFAULT_BACKBONE = "efficientnet_lite0"  # the only one that is always at hand
_STRENGTH = 0.01  # of the penalty on a model of frozen features, where fitting chose none


@dataclass(frozen=True)
class Finished:
    """A fitted model whose answers can be finished.

    `graph`: as fitted, but with calibrated `probabilities` and, where it has a pretrained network to tell by, a second
    output, `ood_score`. `temperature`: what its logits are divided by. `threshold` and `ood_threshold`:
    beyond which an answer isn't sure. `validation`: the calibrated answers. `features`: float32 (n, d), the pretrained
    network's, of training and validation pictures in this request; like `ood_threshold` None without one.
    """

    graph: "ModelProto"
    temperature: float
    threshold: float
    ood_threshold: float | None
    validation: Evaluation
    features: Features | None


def finish_model(fitted: Fitted, dataset: Dataset, preprocess: Preprocess, progress: Progress = silent) -> Finished:
    """Calibrate a fitted model, and set when it isn't sure, on `dataset`'s training and validation pictures alone."""
    pictures = dataset.split("validation")
    labels = np.array(dataset.class_indices(pictures))
    temperature = fit_temperature(fitted.validation, labels)
    probabilities = tempered(fitted.validation, temperature)
    threshold = confidence_threshold(probabilities, labels)
    graph = _copy(fitted.graph)
    apply_temperature(graph, temperature)
    features = _features(fitted, dataset, preprocess, progress)
    sure, limit = probabilities.max(axis=1) >= threshold, None
    if features is not None:
        train, validation = np.split(features, [len(features) - len(pictures)])
        centres = fit_centres(train, validation)
        add_ood_score(graph, centres.centres)
        limit = centres.threshold
        sure &= ood_score(validation, centres.centres) <= limit
    answers = Evaluation(dataset.classes, pictures, labels, probabilities, (), sure)
    return Finished(graph, temperature, threshold, limit, answers, features)


def find_wrong_labels(
    fitted: Fitted,
    finished: Finished,
    dataset: Dataset,
    test: Evaluation,
    preprocess: Preprocess,
    progress: Progress = silent,
) -> tuple[LabelIssue, ...]:
    """Return the pictures of all three splits whose label looks wrong, the most suspected first.

    They are judged by features that learned from no label of ours: the classifier's own where it has a pretrained
    network, else those of the default one, which are kept in the cache for the next run.
    """
    trained, unseen = dataset.split("train") + dataset.split("validation"), np.full(len(test.pictures), NO_FOLD)
    strength = fitted.choices.get("strength", _STRENGTH)
    if finished.features is not None:
        look = _own_look(fitted.graph)
        jury = fit_jury(finished.features, trained, dataset.classes, strength)
        first = [jury.probabilities(finished.features, jury.folds), test.probabilities]
    else:
        look, preprocess = _default_look(progress)
        features = look(trained, preprocess)
        jury = fit_jury(features, trained, dataset.classes, strength)
        first = [jury.probabilities(features, jury.folds), jury.probabilities(look(test.pictures, preprocess), unseen)]
    return find_label_issues(
        trained + test.pictures,
        np.concatenate(first),
        jury,
        np.concatenate([jury.folds, unseen]),
        dataset.classes,
        look_again=lambda pictures: look(pictures, _another_view(preprocess)),
    )


def finish_record(finished: Finished, test: Evaluation) -> dict[str, Any]:
    """Return what metrics.json tells: calibration errors before and after, and how many answers are sure."""
    both = {"validation": finished.validation, "test": test}
    return {
        "calibration": {
            "temperature": finished.temperature,
            "bins": BINS,
            **{name: _errors(one, finished.temperature) for name, one in both.items()},
        },
        "sure": {
            "threshold": finished.threshold,
            "ood_threshold": finished.ood_threshold,
            **{name: _sure_shares(one) for name, one in both.items()},
        },
    }


def _copy(graph: "ModelProto") -> "ModelProto":
    from onnx import ModelProto

    copy = ModelProto()
    copy.CopyFrom(graph)
    return copy


def _features(fitted: Fitted, dataset: Dataset, preprocess: Preprocess, progress: Progress) -> Features | None:
    if fitted.features is not None or not has_picture_features(fitted.graph):
        return fitted.features
    return picture_features(fitted.graph, dataset.split("train") + dataset.split("validation"), preprocess, progress)


def _own_look(graph: "ModelProto") -> ImageStats:
    return lambda pictures, preprocess: picture_features(graph, pictures, preprocess)


def _default_look(progress: Progress) -> tuple[ImageStats, Preprocess]:
    """Return the default backbone's way of looking, and the size that it is meant for."""
    backbone = find_backbone(_DEFAULT_BACKBONE)
    size = (backbone.image_size, backbone.image_size)
    graph = backbone_graph(backbone.name, size, progress=progress)

    def look(pictures: Sequence[Picture], preprocess: Preprocess) -> Features:
        extracted = extract_features(pictures, graph, preprocess, progress)
        if extracted.broken:  # since it was looked at first
            raise PictureError(f"{extracted.broken[0].name}: {extracted.broken[0].reason}")
        return extracted.features

    return look, Preprocess(*size)


def _another_view(preprocess: Preprocess) -> Preprocess:
    return replace(preprocess, resize_mode="squash" if preprocess.resize_mode == "crop" else "crop")


def _errors(answers: Evaluation, temperature: float) -> dict[str, float]:
    before: Probabilities = tempered(answers.probabilities, 1 / temperature)
    return {
        "before": round(calibration_error(before, answers.labels), 6),
        "after": round(calibration_error(answers.probabilities, answers.labels), 6),
    }


def _sure_shares(answers: Evaluation) -> dict[str, float | None]:
    """Return the share of the right answers that are sure, and that of the wrong ones; None where there are none."""
    right = answers.probabilities.argmax(axis=1) == answers.labels
    return {name: _share(answers.sure[chosen]) for name, chosen in (("of_right", right), ("of_wrong", ~right))}


def _share(sure: Any) -> float | None:
    return float(sure.mean()) if len(sure) else None
