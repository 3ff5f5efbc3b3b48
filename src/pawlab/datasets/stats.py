"""What there is: counts, the score to beat, sizes and formats."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from pawlab.datasets.dataset import SPLITS, Dataset, Picture, Split
from pawlab.errors import PictureError
from pawlab.images import PictureInfo, inspect
from pawlab.progress import Progress, silent


@dataclass(frozen=True)
class Range:
    """Smallest, middle and largest of some numbers; in pixels."""

    smallest: int
    median: float
    largest: int


@dataclass(frozen=True)
class Stats:
    """What a data set has: `counts` of pictures by split and class, `formats` by format.

    `baseline_accuracy`: see the function. `width`, `height`: of upright pictures, None where no header could be read.
    `unreadable`: how many pictures have no header that can be read.
    """

    counts: dict[str, dict[str, int]]
    baseline_accuracy: float
    width: Range | None
    height: Range | None
    formats: dict[str, int]
    unreadable: int

    def to_dict(self) -> dict[str, Any]:
        """Return its fields as plain values, sizes under `sizes`."""
        fields = asdict(self)
        return {
            "counts": fields["counts"],
            "baseline_accuracy": fields["baseline_accuracy"],
            "sizes": {"width": fields["width"], "height": fields["height"]},
            "formats": fields["formats"],
            "unreadable": fields["unreadable"],
        }


def describe(dataset: Dataset, progress: Progress = silent, infos: Mapping[str, PictureInfo] | None = None) -> Stats:
    """Count, and read the header of each picture that isn't among `infos`, by SHA-256, already."""
    known = infos or {}
    found = [known[picture.sha256] for picture in dataset.pictures if picture.sha256 in known]
    read, unreadable = _headers([item for item in dataset.pictures if item.sha256 not in known], progress)
    found += read
    return Stats(
        counts=count_pictures(dataset),
        baseline_accuracy=baseline_accuracy(dataset),
        width=_range([info.width for info in found]),
        height=_range([info.height for info in found]),
        formats=dict(Counter(info.format for info in found).most_common()),
        unreadable=unreadable,
    )


def count_pictures(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Return how many pictures each split has of each class, zeros included."""
    found = Counter((picture.split, picture.label) for picture in dataset.pictures)
    return {split: {label: found[split, label] for label in dataset.classes} for split in SPLITS}


def baseline_accuracy(dataset: Dataset, split: Split = "test") -> float:
    """Return the accuracy, on a split's pictures, of a classifier that always answers the most frequent training class.

    Where no splits are assigned, all pictures stand for both. Of classes equally frequent, the first by name is taken.
    Never less than guessing at random: one by the number of classes.
    """
    trained = Counter(picture.label for picture in dataset.split("train") or dataset.pictures)
    tested = dataset.split(split) or dataset.pictures
    if not tested:
        return 0.0
    answer = max(sorted(trained), key=trained.__getitem__)
    return max(1 / len(trained), sum(picture.label == answer for picture in tested) / len(tested))


def _headers(pictures: Iterable[Picture], progress: Progress) -> tuple[list[PictureInfo], int]:
    pictures = list(pictures)
    infos = []
    with progress("Reading sizes", total=len(pictures)) as advance:
        for picture in pictures:
            with suppress(PictureError):  # training will set it aside, with the reason
                infos.append(inspect(picture.path))
            advance(1)
    return infos, len(pictures) - len(infos)


def _range(numbers: list[int]) -> Range | None:
    return Range(min(numbers), median(numbers), max(numbers)) if numbers else None
