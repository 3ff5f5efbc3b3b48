"""What the checks judge by: the data, how every picture looks, and which pictures show the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pawlab.data.dataset import Dataset, Picture
from pawlab.data.looks import Look, look_at
from pawlab.data.near_duplicates import NearPair, find_near_duplicates
from pawlab.progress import Progress, silent


@dataclass(frozen=True)
class Evidence:
    """`looks`: by SHA-256, empty where pixels weren't looked at; `near`: pairs of contents that show the same."""

    dataset: Dataset
    looks: Mapping[str, Look] = field(default_factory=dict)
    near: tuple[NearPair, ...] = ()

    def seen(self) -> Iterator[tuple[Picture, Look]]:
        """Yield each picture whose pixels were looked at, with what was measured."""
        for picture in self.dataset.pictures:
            if picture.sha256 in self.looks:
                yield picture, self.looks[picture.sha256]


def gather(dataset: Dataset, progress: Progress = silent) -> Evidence:
    """Decode and measure every picture, and compare them all. Those that can't be decoded join `dataset.set_aside`.

    Takes about 5 s for 3,000 photos of 500 x 375 on two cores.
    """
    looks, broken = look_at(dataset.pictures, progress)
    return Evidence(dataset.without(broken), looks, find_near_duplicates(looks, progress))
