"""What the checks judge by: the data, what was measured of every picture, and which pictures show the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pawlab.audit.image_stats import ImageStats, measure_images
from pawlab.audit.near_duplicates import NearPair
from pawlab.datasets.dataset import Dataset, Picture
from pawlab.engines.local import LOCAL, Engine
from pawlab.images import Range
from pawlab.progress import Progress, silent


@dataclass(frozen=True)
class Measurements:
    """`image_stats`: by SHA-256, empty where pixels weren't looked at; `near`: pairs of contents that show the same;
    `value_range`: black and white of pictures of more than 8 bits, None where there are none; `sizes`: (width, height)
    of each distinct picture, in pixels.
    """

    dataset: Dataset
    image_stats: Mapping[str, ImageStats] = field(default_factory=dict)
    near: tuple[NearPair, ...] = ()
    value_range: Range | None = None
    sizes: Sequence[tuple[int, int]] = ()

    def seen(self) -> Iterator[tuple[Picture, ImageStats]]:
        """Yield each picture whose pixels were looked at, with what was measured."""
        for picture in self.dataset.pictures:
            if picture.sha256 in self.image_stats:
                yield picture, self.image_stats[picture.sha256]


def measure(read: Measurements, progress: Progress = silent, engine: Engine = LOCAL) -> Measurements:
    """Return the same with `image_stats`. Takes about 5 s for 3,000 photos of 500 x 375 on two cores."""
    image_stats, broken = measure_images(read.dataset.pictures, progress, engine)
    return replace(read, dataset=read.dataset.without(broken), image_stats=image_stats)
