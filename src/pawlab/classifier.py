"""The classifier: one ONNX file that knows its classes and how it wants its pictures.

ONNX Runtime, NumPy and Pillow only: no training framework is needed to predict.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pawlab.card import Card
from pawlab.datasets.dataset import Named
from pawlab.engines.local import LOCAL, Engine
from pawlab.engines.work import Computed, ForwardPass, Held
from pawlab.errors import ModelError, PawlabError, PictureError
from pawlab.files.addresses import is_address, redacted
from pawlab.graphs.checksum import checksum_holds, with_checksum
from pawlab.graphs.runtime import Graph, open_graph
from pawlab.graphs.untrusted import require_harmless
from pawlab.images import PictureInfo, Pixels, Source, is_picture_name
from pawlab.install import install_command
from pawlab.notebook import predictions_html
from pawlab.storage import replacing_file

if TYPE_CHECKING:
    from onnx import ModelProto

FILE_NAME = "model.onnx"
UNLIKE_TRAINING = "unlike the training pictures"
_KEY = "pawlab"
_NEARLY = 0.5  # of the first class's probability
_MOST_METADATA = 2_000_000  # bytes
_MOST_BYTES = 2**31 - 1  # that protobuf reads
_DAMAGED = "Copy it again, or train anew."


@dataclass(frozen=True)
class Prediction:
    """The prediction for one picture.

    `picture`: its path, or "" where it has none. `probabilities`: by class, most probable first; `sure`: whether the
    classifier answers, for which its card's `target` is promised; where not, `reason` says why. Without a target any
    prediction is sure, unless the picture is unlike the training pictures. `info`: the picture's size and format.
    """

    picture: str
    label: str
    probability: float
    probabilities: dict[str, float] = field(repr=False)
    sure: bool
    reason: str | None = None
    info: PictureInfo | None = field(default=None, repr=False, compare=False)
    error: None = field(default=None, repr=False)

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return the `count` most probable classes with their probabilities."""
        return list(self.probabilities.items())[:count]

    def to_dict(self) -> dict[str, Any]:
        """Return its fields as plain values, without `info`."""
        return _document(self)

    def _repr_html_(self) -> str:
        return predictions_html([self])


@dataclass(frozen=True)
class NoPrediction:
    """In a list, a picture that couldn't be read; `error` says why. The other fields are those of a Prediction."""

    picture: str
    error: str
    label: None = field(default=None, repr=False)
    probability: float = field(default=0.0, repr=False)
    probabilities: dict[str, float] = field(default_factory=dict, repr=False)
    sure: bool = field(default=False, repr=False)
    reason: None = field(default=None, repr=False)

    def top(self, count: int) -> list[tuple[str, float]]:
        """Return nothing."""
        return []

    def to_dict(self) -> dict[str, Any]:
        """Return the same fields as a Prediction does; its probability is None."""
        return _document(self)

    def _repr_html_(self) -> str:
        return predictions_html([self])


Result = Prediction | NoPrediction
_LASTING = (str, os.PathLike, bytes)  # what can be read later as well as at once
_ONE = (*_LASTING, bytearray, memoryview, Image.Image)  # what is one picture, though it may be iterable


def _document(prediction: Result) -> dict[str, Any]:
    return {
        "picture": prediction.picture,
        "label": prediction.label,
        "probability": prediction.probability if prediction.error is None else None,
        "sure": prediction.sure,
        "probabilities": prediction.probabilities,
        "error": prediction.error,
        "reason": prediction.reason,
    }


class Predictions(list[Result]):
    """A list of predictions, which a notebook shows with thumbnails."""

    @overload
    def __getitem__(self, place: SupportsIndex) -> Result: ...
    @overload
    def __getitem__(self, place: slice) -> "Predictions": ...
    def __getitem__(self, place: SupportsIndex | slice) -> "Result | Predictions":
        found = super().__getitem__(place)
        return Predictions(found) if isinstance(found, list) else found

    def to_dict(self) -> list[dict[str, Any]]:
        """Return each prediction as plain values."""
        return [prediction.to_dict() for prediction in self]

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row per picture. Raises PawlabError where pandas isn't installed."""
        try:
            from pandas import DataFrame
        except ModuleNotFoundError as error:
            raise PawlabError(f"a DataFrame needs pandas: {install_command('pandas')}") from error
        return DataFrame(self.to_dict())

    def _repr_html_(self) -> str:
        return predictions_html(self)


class Classifier:
    """A trained classifier. `Classifier.load(path)` opens one; `predict` takes pictures. `path`: its file.

    It can be pickled, copied and sent to other processes, which open the same file.
    """

    def __init__(self, graph: Graph, card: Card, path: Path) -> None:
        self._graph = graph
        self.card = card
        self.path = path
        scores = [name for name in ("ood_score", "unfamiliarity") if name in graph.outputs]  # the latter in format 1
        outputs = {"probabilities": (len(card.classes),)}
        score: dict[str, tuple[int, ...]] = {name: () for name in scores[:1] if card.ood_threshold is not None}
        self._probabilities = ForwardPass(path, outputs, card.preprocess, str(path), _local, graph)
        self._work = replace(self._probabilities, outputs={**outputs, **score})

    @staticmethod
    def load(model: str | os.PathLike[str], sure_at: float | None = None) -> "Classifier":
        """Open a run, its folder or its model.onnx. `sure_at`: the share of its answers that must be right, instead of
        the file's own; it is not sure of the rest.

        Raises ModelError where that can't be promised, and where it isn't a whole classifier of ours, with the bits
        that it was saved with, whose graph and card do nothing but classify pictures.
        """
        path = model_file(model)
        data = _read(path)
        card = _checked_card(data, path)
        with _reading(path):
            graph = open_graph(data)
        return Classifier(graph, card if sure_at is None else card.sure_at(sure_at), path)

    def __reduce__(self) -> tuple[Any, ...]:
        return Classifier.load, (str(self.path.absolute()), self.card.target)

    def __repr__(self) -> str:
        preprocess, classes = self.card.preprocess, ", ".join(self.classes[:5])
        more = f" and {len(self.classes) - 5} more" if len(self.classes) > 5 else ""
        size = f"{preprocess.height} x {preprocess.width}"
        return f"Classifier({str(self.path)!r}, recipe {self.card.recipe}, {size} pixels, classes {classes}{more})"

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class names in the order of the outputs."""
        return self.card.classes

    @overload
    def predict(self, pictures: list[Any] | tuple[Any, ...]) -> Predictions: ...
    @overload
    def predict(self, pictures: Source) -> Prediction: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, pictures: Iterable[Any]) -> Predictions: ...
    def predict(self, pictures: Source | Iterable[Any]) -> Prediction | Predictions:
        """Predict one picture, or each of several.

        One is a path, an address, bytes, an open binary file, a Pillow image, or a uint8 array (height, width, 3), RGB.
        Several are any iterable of such, an array (n, height, width, 3), or, given alone, the path or address of a
        folder, an archive, a table or a glob. Raises PictureError for one picture that can't be read; among several
        such a picture gets a NoPrediction. Raises DataError for a folder, archive or glob without pictures,
        NetworkError where an address can't be read.
        """
        several = _several(pictures)
        if several is not None:
            return Predictions(self.predict_each(several))
        result = self._result(_name_of(pictures), self._work(pictures))  # type: ignore[arg-type]
        if isinstance(result, NoPrediction):
            raise PictureError(f"{result.picture or 'the picture'}: {result.error}")
        return result

    def predict_each(self, pictures: Iterable[Source | Named], engine: Engine = LOCAL) -> Iterator[Result]:
        """Yield a prediction for each picture, in order, using every core; memory stays flat.

        Pictures are drawn some ahead of their predictions. What an iterator gives may change with the next one, as a
        film's frames do: such pictures are read as they are drawn, in one thread, unlike paths, bytes and lists.

        `engine`: what computes them. Raises TypeError where it is given one picture instead of several.
        """
        if isinstance(pictures, _ONE) or hasattr(pictures, "read"):  # whose letters or lines are none
            raise TypeError("predict_each takes several pictures. Give a list, as in ['cat.jpg'], or use predict.")
        return self._predict_each(pictures, engine)

    def probabilities(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return (n, classes) float32 for pictures (n, h, w, 3) uint8, RGB, of the size that `card` names.

        Raises ValueError for any other array; `predict` takes pictures of all sizes.
        """
        height, width = self.card.preprocess.height, self.card.preprocess.width
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (height, width, 3):
            wanted = f"uint8 (n, {height}, {width}, 3)"
            raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}; they must be {wanted}")
        return self._probabilities.run(pixels)[0]

    def _predict_each(self, pictures: Iterable[Source | Named], engine: Engine) -> Iterator[Result]:
        names: deque[str] = deque()  # of the pictures under way
        lasting = isinstance(pictures, list | tuple | np.ndarray)

        def sources() -> Iterator[Source | Held]:
            for picture in pictures:
                name, source = (
                    (picture.name, picture.path) if isinstance(picture, Named) else (_name_of(picture), picture)
                )
                names.append(name)
                yield source if lasting or isinstance(source, _LASTING) else Held(self._work.read(source))

        for computed in engine.forward(self._work, sources()):
            yield self._result(names.popleft(), computed)

    def _result(self, name: str, computed: Computed) -> Result:
        if isinstance(computed, str):
            return NoPrediction(name, computed)
        row, *score = computed.values
        ranked = {self.classes[index]: float(row[index]) for index in np.argsort(-row, kind="stable")}
        label, probability = next(iter(ranked.items()))
        reason = self._why_not_sure(ranked, float(score[0]) if score else 0.0)
        return Prediction(name, label, probability, ranked, sure=reason is None, reason=reason, info=computed.info)

    def _why_not_sure(self, ranked: dict[str, float], ood_score: float) -> str | None:
        """Return why a prediction isn't sure; None where it is."""
        limit = self.card.ood_threshold
        if limit is not None and ood_score > limit:
            return UNLIKE_TRAINING
        (first, probability), (second, next_best), *_ = ranked.items()
        if probability >= self.card.threshold:
            return None
        if next_best >= _NEARLY * probability:
            return f"{first} and {second} are nearly as likely"
        return "no class is likely enough"


def _name_of(source: Any) -> str:
    return redacted(os.fspath(source)) if isinstance(source, str | os.PathLike) else ""


def _several(pictures: Any) -> Iterable[Any] | None:
    """Return what to predict one by one; None where `pictures` is one picture, or nothing that can be one."""
    if isinstance(pictures, str | os.PathLike):
        from pawlab.datasets.inputs import find_pictures, holds_many  # which a picture in memory doesn't need

        if not holds_many(pictures) and not is_address(os.fspath(pictures)):
            return None
        found = find_pictures([pictures]).pictures
        return None if [item.name for item in found] == [_name_of(pictures)] else found
    if isinstance(pictures, np.ndarray):
        return pictures if pictures.ndim == 4 or pictures.dtype.kind in "OUS" else None
    one = isinstance(pictures, _ONE) or hasattr(pictures, "read") or not isinstance(pictures, Iterable)
    return None if one else pictures


def _local(source: Any) -> Any:
    """Return a source that can be read here: an address is fetched, `~` is the home."""
    if not isinstance(source, str | os.PathLike):
        return source
    text = os.fspath(source)
    if is_address(text):
        from pawlab.files.remote import content

        return content(text)
    return os.path.expanduser(text) if text.startswith("~") else source  # noqa: PTH111  (a nobody's home is no error)


def model_file(model: str | os.PathLike[str]) -> Path:
    """Return the model file that a user means. Raises ModelError where there is none."""
    path = Path(model).expanduser()
    if is_picture_name(path.name) and path.is_file():
        raise ModelError(f"{path} is a picture. The model comes first, then the pictures.")
    if path.is_dir():
        if not (path / FILE_NAME).is_file():
            raise ModelError(f"there is no {FILE_NAME} in the folder {path}. Give a folder that `pawlab train` made.")
        return path / FILE_NAME
    if not path.is_file():
        raise ModelError(f"there is no model at {path}. Give a folder that `pawlab train` made, or its {FILE_NAME}.")
    return path


def save_classifier(graph: "ModelProto", card: Card, path: Path) -> None:
    """Write a graph from `pictures` to `probabilities`, with the card and a checksum in its metadata, to `path`."""
    del graph.metadata_props[:]
    entry = graph.metadata_props.add()
    entry.key, entry.value = _KEY, card.to_json()
    with replacing_file(path) as partial:
        partial.write_bytes(with_checksum(graph.SerializeToString(deterministic=True)))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ModelError(f"{path} is larger than an ONNX file can be, {_MOST_BYTES:,} bytes. {_DAMAGED}")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"can't read {path}: {error.strerror or error}. {_DAMAGED}") from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (PawlabError, MemoryError):
        raise
    except Exception as error:  # protobuf and ONNX Runtime have a class of their own for each kind of bad file
        raise ModelError(
            f"{path} isn't a model file that can be read: it is damaged, cut off or something else. {_DAMAGED}"
        ) from error


def _checked_card(data: bytes, path: Path) -> Card:
    """Return a file's card where file, card and graph are sound and fit each other. Raises ModelError."""
    import onnx

    whole = checksum_holds(data)
    if whole is False:
        raise ModelError(f"{path} is damaged: its checksum doesn't match its content. {_DAMAGED}")
    with _reading(path):
        model = onnx.load_from_string(data)
    text = next((entry.value for entry in model.metadata_props if entry.key == _KEY), None)
    if text is None:
        raise ModelError(
            f"{path} is an ONNX file, but not one of pawlab's: it doesn't name its classes. "
            f"Give a folder that `pawlab train` made, or its {FILE_NAME}."
        )
    try:
        if sum(entry.ByteSize() for entry in model.metadata_props) > _MOST_METADATA:
            raise ValueError(f"its metadata is of more than {_MOST_METADATA:,} bytes")
        card = Card.from_json(text)
        require_harmless(model)
    except ValueError as error:
        raise ModelError(f"{path} can't be used: {error}. Update pawlab, or train anew.") from error
    problem = _misfit(card, model, whole)
    if problem:
        raise ModelError(f"{path} is damaged: {problem}. {_DAMAGED}")
    return card


def _misfit(card: Card, model: "ModelProto", whole: bool | None) -> str | None:
    """Say in what a card and its graph contradict each other."""
    outputs = {output.name: output.type.tensor_type.shape.dim for output in model.graph.output}
    sides = model.graph.input[0].type.tensor_type.shape.dim[1:]
    size = card.preprocess.height, card.preprocess.width, 3
    if card.checksum and whole is None:
        return "it has lost its checksum"
    if outputs["probabilities"][1].dim_value != len(card.classes):
        return "its outputs don't match its class names"
    if any(dim.dim_value not in (0, length) for dim, length in zip(sides, size, strict=True)):
        return "its input doesn't match its picture size"
    if card.ood_threshold is not None and outputs.keys().isdisjoint({"ood_score", "unfamiliarity"}):
        return "it lacks the output 'ood_score'"
    return None
