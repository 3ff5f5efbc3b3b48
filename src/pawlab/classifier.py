"""The classifier: one ONNX file that knows its classes and how it wants its pictures.

ONNX Runtime, NumPy and Pillow only: no training framework is needed to predict.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from pawlab.errors import ModelError, PictureError
from pawlab.graphs.runtime import open_session
from pawlab.images import Pixels, Preprocess, Source, decode
from pawlab.notebook import Answer, answer_html, answers_html
from pawlab.parallel import map_in_threads
from pawlab.storage import replacing_file

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession

FILE_NAME = "model.onnx"
UNLIKE_TRAINING = "unlike any picture it was trained on"
FORMAT = 1  # of the metadata; a reader refuses what is newer than itself
_KEY = "pawlab"
_NEARLY = 0.5  # of the first class's probability


@dataclass(frozen=True)
class Card:
    """What the file says of itself, in its metadata.

    `classes`: in the order of the outputs. `threshold`: below this probability an answer counts as "not sure".
    `version`: of pawlab, when it was made. `ood_threshold`: the same above this `ood_score`, 0 to 1; None
    where the graph doesn't tell it.
    """

    classes: tuple[str, ...]
    preprocess: Preprocess
    recipe: str
    version: str
    threshold: float
    ood_threshold: float | None = None

    def to_json(self) -> str:
        """Return what stands under the metadata key `pawlab`."""
        return json.dumps(
            {
                "format": FORMAT,
                "classes": self.classes,
                "preprocess": self.preprocess.to_dict(),
                "recipe": self.recipe,
                "version": self.version,
                "threshold": self.threshold,
                "ood_threshold": self.ood_threshold,
            }
        )

    @staticmethod
    def from_json(text: str) -> "Card":
        """Read it back. Raises ValueError, KeyError or TypeError where it isn't whole."""
        values = json.loads(text)
        if values["format"] > FORMAT:
            raise ValueError(f"it was made by a newer pawlab ({values['version']})")
        limit = values.get("ood_threshold")  # older files have none
        return Card(
            classes=tuple(values["classes"]),
            preprocess=Preprocess(**values["preprocess"]),
            recipe=values["recipe"],
            version=values["version"],
            threshold=float(values["threshold"]),
            ood_threshold=None if limit is None else float(limit),
        )


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    `picture`: its path, or "" where it has none. `probabilities`: by class, most probable first; `sure`: whether the
    answer can be relied on; where not, `reason` says why. Where the picture couldn't be read, `error` says why, `label`
    is None, `probability` is 0 and `probabilities` is empty.
    """

    picture: str
    label: str | None
    probability: float
    probabilities: dict[str, float] = field(repr=False)
    sure: bool
    error: str | None = None
    reason: str | None = None

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return the `count` most probable classes with their probabilities."""
        return list(self.probabilities.items())[:count]

    def _repr_html_(self) -> str:
        return answer_html(self._shown())

    def _shown(self) -> Answer:
        return Answer(self.picture, list(self.probabilities.items()), self.sure, self.reason, self.error)


class Predictions(list[Prediction]):
    """A list of predictions, which a notebook shows with thumbnails."""

    @overload
    def __getitem__(self, place: SupportsIndex) -> Prediction: ...
    @overload
    def __getitem__(self, place: slice) -> "Predictions": ...
    def __getitem__(self, place: SupportsIndex | slice) -> "Prediction | Predictions":
        found = super().__getitem__(place)
        return Predictions(found) if isinstance(found, list) else found

    def _repr_html_(self) -> str:
        return answers_html([prediction._shown() for prediction in self])


class Classifier:
    """A trained classifier. `Classifier.load(path)` opens one; `predict` answers for pictures. `path`: its file."""

    def __init__(self, session: "InferenceSession", card: Card, path: Path) -> None:
        self._session = session
        self.card = card
        self.path = path

    @staticmethod
    def load(model: str | Path) -> "Classifier":
        """Open a run's folder or its model.onnx. Raises ModelError where that isn't a whole classifier of ours."""
        path = model_file(model)
        try:
            session = open_session(path)
        except Exception as error:  # ONNX Runtime has a class of its own for each kind of bad file
            raise ModelError(
                f"{path} isn't a model file that can be read: it is damaged, cut off or something else. "
                "Copy it again, or train anew."
            ) from error
        return Classifier(session, _read_card(session, path), path)

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class names in the order of the outputs."""
        return self.card.classes

    @overload
    def predict(self, pictures: list[Any] | tuple[Any, ...]) -> Predictions: ...
    @overload
    def predict(self, pictures: Source) -> Prediction: ...
    def predict(self, pictures: Source | list[Any] | tuple[Any, ...]) -> Prediction | Predictions:
        """Answer for one picture, or for each of a list: paths, bytes, open files, Pillow images or uint8 arrays.

        Raises PictureError for one picture that can't be read; in a list such a picture's answer carries the error.
        """
        if isinstance(pictures, list | tuple):
            return Predictions(self.predict_each(pictures))
        answer = self._answer(pictures)
        if answer.error is not None:
            raise PictureError(f"{answer.picture or 'the picture'}: {answer.error}")
        return answer

    def predict_each(self, pictures: Iterable[Source]) -> Iterator[Prediction]:
        """Yield an answer for each picture, in order, using every core; memory stays flat.

        Raises TypeError where it is given one picture instead of several.
        """
        if isinstance(pictures, str | Path | bytes) or hasattr(pictures, "read"):  # whose letters or lines are none
            raise TypeError("predict_each takes several pictures. Give a list, as in ['cat.jpg'], or use predict.")
        return map_in_threads(self._answer, pictures)

    def probabilities(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return (n, classes) float32 for pictures (n, h, w, 3) uint8, RGB, of the size that `card` names."""
        result: NDArray[np.float32] = self._session.run(["probabilities"], {"pictures": pixels})[0]
        return result

    def _answer(self, source: Source) -> Prediction:
        name = str(source) if isinstance(source, str | Path) else ""
        try:
            pixels = decode(source, self.card.preprocess)
        except PictureError as error:
            return Prediction(name, None, 0.0, {}, sure=False, error=str(error))
        row, *ood_score = self._session.run(self._outputs, {"pictures": pixels[np.newaxis]})
        return self._prediction(name, row[0], float(ood_score[0][0]) if ood_score else 0.0)

    @property
    def _outputs(self) -> list[str]:
        return ["probabilities"] + ["ood_score"] * (self.card.ood_threshold is not None)

    def _prediction(self, name: str, row: NDArray[np.float32], ood_score: float) -> Prediction:
        ranked = {self.classes[index]: float(row[index]) for index in np.argsort(-row, kind="stable")}
        label, probability = next(iter(ranked.items()))
        reason = self._doubt(ranked, ood_score)
        return Prediction(name, label, probability, ranked, sure=reason is None, reason=reason)

    def _doubt(self, ranked: dict[str, float], ood_score: float) -> str | None:
        """Return why an answer isn't sure; None where it is."""
        limit = self.card.ood_threshold
        if limit is not None and ood_score > limit:
            return UNLIKE_TRAINING
        (first, probability), (second, next_best), *_ = ranked.items()
        if probability >= self.card.threshold:
            return None
        if next_best >= _NEARLY * probability:
            return f"{first} and {second} are nearly as likely"
        return "no class is likely enough"


def model_file(model: str | Path) -> Path:
    """Return the model file that a user means. Raises ModelError where there is none."""
    path = Path(model)
    if path.is_dir():
        if not (path / FILE_NAME).is_file():
            raise ModelError(f"there is no {FILE_NAME} in the folder {path}. Give a folder that `pawlab train` made.")
        return path / FILE_NAME
    if not path.is_file():
        raise ModelError(f"there is no model at {path}. Give a folder that `pawlab train` made, or its {FILE_NAME}.")
    return path


def save_classifier(graph: "ModelProto", card: Card, path: Path) -> None:
    """Write a graph from `pictures` to `probabilities`, with the card in its metadata, to `path`."""
    del graph.metadata_props[:]
    entry = graph.metadata_props.add()
    entry.key, entry.value = _KEY, card.to_json()
    with replacing_file(path) as partial:
        partial.write_bytes(graph.SerializeToString(deterministic=True))


def _read_card(session: "InferenceSession", path: Path) -> Card:
    text = session.get_modelmeta().custom_metadata_map.get(_KEY)
    if text is None:
        raise ModelError(
            f"{path} is an ONNX file, but not one of pawlab's: it doesn't name its classes. "
            f"Give a folder that `pawlab train` made, or its {FILE_NAME}."
        )
    try:
        card = Card.from_json(text)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} can't be used: {error}. Update pawlab, or train anew.") from error
    outputs = {output.name: output.shape for output in session.get_outputs()}
    if outputs.get("probabilities", [None])[-1] != len(card.classes):
        raise ModelError(f"{path} is damaged: its outputs don't match its class names. Copy it again, or train anew.")
    if card.ood_threshold is not None and "ood_score" not in outputs:
        raise ModelError(f"{path} is damaged: it lacks the output 'ood_score'. Copy it again, or train anew.")
    return card
