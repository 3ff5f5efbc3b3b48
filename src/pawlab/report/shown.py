"""Which pictures a page shows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pawlab.datasets.dataset import Dataset, Picture
from pawlab.errors import PictureError
from pawlab.evaluation.evaluate import Evaluation
from pawlab.images import Pixels, Preprocess, decode
from pawlab.parallel import map_in_threads
from pawlab.templates import thumbnail

_SIDE = 192  # pixels of a square thumbnail: shown at half that, sharp on dense screens
_LONGEST = 320  # of a picture shown whole
_CLASSES_SAMPLED = 24


@dataclass(frozen=True)
class Shown:
    """One picture of a page. `pixels`: None where it can't be decoded; `answer`: None where none was asked for.

    `heat`: the same picture with what spoke for the answer laid over it.
    """

    picture: Picture
    answer: str | None = None
    probability: float = 0.0
    pixels: Pixels | None = None
    heat: Pixels | None = None

    @property
    def right(self) -> bool:
        """Say whether the answer is the label."""
        return self.answer == self.picture.label


def samples(dataset: Dataset) -> list[tuple[str, list[Picture]]]:
    """Return, class by class, some pictures spread evenly over the training set; of many classes the first ones."""
    columns = 6 if len(dataset.classes) <= 6 else 4
    trained = dataset.split("train") or dataset.pictures
    return [
        (label, _spread([picture for picture in trained if picture.label == label], columns))
        for label in dataset.classes[:_CLASSES_SAMPLED]
    ]


def shown_samples(dataset: Dataset) -> list[tuple[str, list[Shown]]]:
    """Return the same, decoded."""
    return [(label, decoded(map(Shown, pictures))) for label, pictures in samples(dataset)]


def answers(evaluation: Evaluation) -> list[Shown]:
    """Return each picture with its answer, not decoded."""
    best, surest = evaluation.probabilities.argmax(axis=1), evaluation.probabilities.max(axis=1)
    rows = zip(evaluation.pictures, best, surest, strict=True)
    return [Shown(picture, evaluation.classes[answer], float(sure)) for picture, answer, sure in rows]


def square(picture: Picture) -> Pixels | None:
    """Return a picture's central square, small; None where it can't be decoded."""
    try:
        return decode(picture.path, Preprocess(_SIDE, _SIDE, "crop"))
    except PictureError:
        return None


def whole(picture: Picture) -> Pixels | None:
    """Return a picture in its own shape, small; None where it can't be decoded."""
    return thumbnail(picture.path, _LONGEST)


def decoded(shown: Iterable[Shown], how: Callable[[Picture], Pixels | None] = square) -> list[Shown]:
    """Decode the pictures, by `square` or `whole`."""
    shown = list(shown)
    pixels = map_in_threads(how, (item.picture for item in shown))
    return [replace(item, pixels=found) for item, found in zip(shown, pixels, strict=True)]


def _spread(pictures: Sequence[Picture], count: int) -> list[Picture]:
    return [pictures[round(place)] for place in np.linspace(0, len(pictures) - 1, min(count, len(pictures)))]
