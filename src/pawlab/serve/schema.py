"""The JSON that the service answers with; the OpenAPI document is made from these."""

from dataclasses import dataclass
from typing import Any, Literal

from pawlab.classifier import Result
from pawlab.serve.limits import Limits
from pawlab.serve.predictor import Predictor


@dataclass(frozen=True)
class PicturePrediction:
    """The answer for one picture.

    `picture`: its file name as it was sent. `label`: the most probable class, with its `probability`, 0 to 1. `sure`:
    whether the answer can be relied on; where not, `reason` says why. `probabilities`: by class, most probable first.
    Where the picture couldn't be read, `error` says why and `label` and `probability` are null.
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
    """An answer for each picture, in the order in which they were sent."""

    predictions: list[PicturePrediction]


@dataclass(frozen=True)
class Failure:
    """Why a request wasn't served, in one sentence."""

    error: str


@dataclass(frozen=True)
class NoneRead:
    """None of the pictures could be read; `predictions` says of each why."""

    error: str
    predictions: list[PicturePrediction]


@dataclass(frozen=True)
class Preprocessing:
    """How a picture is brought to the model's size in pixels: `squash`, `crop` or `pad`."""

    height: int
    width: int
    fit: Literal["squash", "crop", "pad"]


@dataclass(frozen=True)
class Taken:
    """What one request may bring: bytes per file and in all, files, and pixels of a picture that isn't a JPEG."""

    file_bytes: int
    request_bytes: int
    files: int
    pixels: int


@dataclass(frozen=True)
class Model:
    """The model that answers.

    An answer counts as not sure below the probability `threshold`, and above `ood_threshold`, 0 to 1, where
    the model scores how unlike its training pictures one is; null where it doesn't. `metrics`: how it was tested, as
    its metrics.json says, or null where there is none beside it. `heat_maps`: whether /heatmap can draw any.
    """

    classes: list[str]
    recipe: str
    preprocess: Preprocessing
    threshold: float
    ood_threshold: float | None
    version: str
    metrics: dict[str, Any] | None
    heat_maps: bool
    limits: Taken


@dataclass(frozen=True)
class State:
    """How the service is: `ok` while it runs, `ready` while it has room for more."""

    status: Literal["ok", "ready"]


def prediction_of(prediction: Result) -> PicturePrediction:
    """Return a prediction as the service sends it."""
    found = prediction.error is None
    return PicturePrediction(
        picture=prediction.picture,
        label=prediction.label,
        probability=prediction.probability if found else None,
        sure=prediction.sure,
        reason=prediction.reason,
        probabilities=prediction.probabilities,
        error=prediction.error,
    )


def model_of(predictor: Predictor, metrics: dict[str, Any] | None, limits: Limits) -> Model:
    """Return what is said of the model."""
    card = predictor.classifier.card
    return Model(
        classes=list(card.classes),
        recipe=card.recipe,
        preprocess=Preprocessing(card.preprocess.height, card.preprocess.width, card.preprocess.resize_mode),
        threshold=card.threshold,
        ood_threshold=card.ood_threshold,
        version=card.version,
        metrics=metrics,
        heat_maps=predictor.explainer is not None,
        limits=Taken(limits.file_bytes, limits.request_bytes, limits.files, limits.pixels),
    )
