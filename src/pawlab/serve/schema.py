"""The JSON that the service returns; the OpenAPI document is made from these. Public: keys are added, never renamed."""

from dataclasses import dataclass
from typing import Any, Literal

from pawlab.classifier import Result
from pawlab.serve.limits import Limits
from pawlab.serve.predictor import Predictor


@dataclass(frozen=True)
class PicturePrediction:
    """The prediction for one picture.

    `picture`: its file name as it was sent. `label`: the most probable class, with its `probability`, 0 to 1. `sure`:
    whether the model is sure; where not, `reason` says why. `probabilities`: by class, most probable first. Where the
    picture couldn't be read, `error` says why, and `label` and `probability` are null.
    """

    picture: str
    label: str | None
    probability: float | None
    sure: bool
    reason: str | None
    probabilities: dict[str, float]
    error: str | None


@dataclass(frozen=True)
class Predictions:
    """A prediction for each picture, in the order in which they were sent."""

    predictions: list[PicturePrediction]


@dataclass(frozen=True)
class Failure:
    """Why a request wasn't served, in one sentence."""

    error: str


@dataclass(frozen=True)
class NoneRead:
    """None of the pictures could be read; `predictions` gives the reason for each."""

    error: str
    predictions: list[PicturePrediction]


@dataclass(frozen=True)
class Preprocessing:
    """The model's picture size in pixels, and how pictures are resized to it (`fit`)."""

    height: int
    width: int
    fit: Literal["squash", "crop", "pad"]


@dataclass(frozen=True)
class RequestLimits:
    """What one request may have: bytes per file and in all, files, and pixels of a picture that isn't a JPEG."""

    file_bytes: int
    request_bytes: int
    files: int
    pixels: int


@dataclass(frozen=True)
class Model:
    """The model.

    A prediction is not sure below the probability `threshold`, or where the picture's out-of-distribution score, 0 to
    2, is above `unfamiliarity_threshold`; null where the model has no such score. `metrics`: its metrics.json, or null
    where there is none beside it. `heat_maps`: whether /heatmap can draw any.
    """

    classes: list[str]
    recipe: str
    preprocess: Preprocessing
    threshold: float
    unfamiliarity_threshold: float | None
    version: str
    metrics: dict[str, Any] | None
    heat_maps: bool
    limits: RequestLimits


@dataclass(frozen=True)
class State:
    """How the service is: `ok` while it runs, `ready` while it has room for more."""

    status: Literal["ok", "ready"]


def prediction_of(result: Result) -> PicturePrediction:
    """Return a prediction as the service sends it."""
    return PicturePrediction(
        picture=result.picture,
        label=result.label,
        probability=result.probability if result.error is None else None,
        sure=result.sure,
        reason=result.reason,
        probabilities=result.probabilities,
        error=result.error,
    )


def model_of(predictor: Predictor, metrics: dict[str, Any] | None, limits: Limits) -> Model:
    """Return the description of the model."""
    card = predictor.classifier.card
    return Model(
        classes=list(card.classes),
        recipe=card.recipe,
        preprocess=Preprocessing(card.preprocess.height, card.preprocess.width, card.preprocess.resize_mode),
        threshold=card.threshold,
        unfamiliarity_threshold=card.ood_threshold,
        version=card.version,
        metrics=metrics,
        heat_maps=predictor.explainer is not None,
        limits=RequestLimits(limits.file_bytes, limits.request_bytes, limits.files, limits.pixels),
    )
