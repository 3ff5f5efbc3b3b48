"""Which pictures a page shows, and how they get into it: as small JPEG images within the page itself."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from pawlab.datasets.dataset import Dataset, Picture
from pawlab.errors import PictureError
from pawlab.evaluation.evaluate import Evaluation
from pawlab.images import Pixels, Preprocess, decode, inspect
from pawlab.parallel import map_in_threads

_SIDE = 192  # pixels of a square thumbnail: shown at half that, sharp on dense screens
_LONGEST = 320  # of a picture shown whole
_QUALITY = 78
_CLASSES_SAMPLED = 24


@dataclass(frozen=True)
class Shown:
    """One picture of a page. `pixels`: None where it can't be decoded; `answer`: None where none was asked for.

    `right`: whether the answer is the label. `heat`: the same picture with what spoke for the answer laid over it.
    """

    picture: Picture
    answer: str | None = None
    probability: float = 0.0
    pixels: Pixels | None = None
    heat: Pixels | None = None

    @property
    def right(self) -> bool | None:
        """Return None where nothing was asked."""
        return None if self.answer is None else self.answer == self.picture.label


def samples(dataset: Dataset) -> list[tuple[str, list[Shown]]]:
    """Return, class by class, some pictures spread evenly over the training set; of many classes the first ones."""
    columns = 6 if len(dataset.classes) <= 6 else 4
    rows = []
    for label in dataset.classes[:_CLASSES_SAMPLED]:
        of_class = [picture for picture in dataset.split("train") or dataset.pictures if picture.label == label]
        rows.append((label, [Shown(picture) for picture in _spread(of_class, columns)]))
    return rows


def drawn(evaluation: Evaluation, count: int, seed: int) -> list[Shown]:
    """Return answers drawn at random: a fair sight of how it does."""
    number = len(evaluation.pictures)
    chosen = np.random.default_rng(seed).permutation(number)[:count]
    return [_shown(evaluation, int(index)) for index in chosen]


def mistakes(evaluation: Evaluation) -> list[Shown]:
    """Return all wrong answers, the surest first."""
    everything = (_shown(evaluation, index) for index in range(len(evaluation.pictures)))
    return sorted((shown for shown in everything if not shown.right), key=lambda shown: -shown.probability)


def with_squares(shown: Iterable[Shown]) -> list[Shown]:
    """Decode the pictures' central squares."""
    shown = list(shown)
    decoded = map_in_threads(square, (item.picture for item in shown))
    return [replace(item, pixels=pixels) for item, pixels in zip(shown, decoded, strict=True)]


def with_whole(shown: Iterable[Shown]) -> list[Shown]:
    """Decode the pictures in their own shapes."""
    shown = list(shown)
    decoded = map_in_threads(whole, (item.picture for item in shown))
    return [replace(item, pixels=pixels) for item, pixels in zip(shown, decoded, strict=True)]


def square(picture: Picture) -> Pixels | None:
    """Return a picture's central square, small; None where it can't be decoded."""
    try:
        return decode(picture.path, Preprocess(_SIDE, _SIDE, "crop"))
    except PictureError:
        return None


def whole(picture: Picture) -> Pixels | None:
    """Return a picture in its own shape, small; None where it can't be decoded."""
    try:
        info = inspect(picture.path)
        scale = _LONGEST / max(info.width, info.height)
        height, width = (max(1, round(side * scale)) for side in (info.height, info.width))
        return decode(picture.path, Preprocess(height, width, "squash"))
    except PictureError:
        return None


def data_uri(pixels: Pixels) -> str:
    """Return uint8 (h, w, 3), RGB, as a JPEG that stands in the page itself."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _shown(evaluation: Evaluation, index: int) -> Shown:
    row = evaluation.probabilities[index]
    best = int(row.argmax())
    return Shown(evaluation.pictures[index], evaluation.classes[best], float(row[best]))


def _spread(pictures: Sequence[Picture], count: int) -> list[Picture]:
    if len(pictures) <= count:
        return list(pictures)
    return [pictures[round(place)] for place in np.linspace(0, len(pictures) - 1, count)]
