"""The JSON that the service returns; the OpenAPI document is made from these. Public: keys are added, never renamed."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from pawlab.images import Interpolation, ResizeMode


class PicturePrediction(BaseModel):
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


class Predictions(BaseModel):
    """A prediction for each picture, in the order in which they were sent."""

    predictions: list[PicturePrediction]


class Failure(BaseModel):
    """Why a request wasn't served, in one sentence."""

    error: str


class NoneRead(Failure):
    """None of the pictures could be read; `predictions` gives the reason for each."""

    predictions: list[PicturePrediction]


class Preprocessing(BaseModel):
    """The model's picture size in pixels, how pictures are brought to it (`fit`), and how pixels are made of theirs."""

    height: int
    width: int
    fit: ResizeMode = Field(validation_alias="resize_mode")
    interpolation: Interpolation


class RequestLimits(BaseModel):
    """What one request may have: bytes per file and in all, files, and pixels of a picture that isn't a JPEG (of any
    where the model's `interpolation` isn't `area`: then JPEGs are decoded whole too).
    """

    file_bytes: int
    request_bytes: int
    files: int
    pixels: int


class Model(BaseModel):
    """The model.

    Of the predictions that are sure, a share of `target` is right, at least; null where that isn't promised. A
    prediction is not sure below the probability `threshold`, or where the picture's out-of-distribution score, 0 to
    2, is above `ood_threshold`; null where the model has no such score. `unfamiliarity_threshold`: the same;
    deprecated. `metrics`: its metrics.json, or null where there is none beside it, or another model's. `heat_maps`:
    whether /heatmap can draw any.
    """

    classes: list[str]
    recipe: str
    preprocess: Preprocessing
    target: float | None
    threshold: float
    ood_threshold: float | None
    unfamiliarity_threshold: float | None
    version: str
    metrics: dict[str, Any] | None
    heat_maps: bool
    limits: RequestLimits


class State(BaseModel):
    """How the service is: `ok` while it runs, `ready` while it has room for more."""

    status: Literal["ok", "ready"]
