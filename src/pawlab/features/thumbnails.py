"""Pictures -> small gray thumbnails, by which near duplicates are found, and what can't be decoded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawlab.audit.near_duplicates import THUMBNAIL, NearPair, find_near_duplicates
from pawlab.datasets.dataset import Picture, Skipped
from pawlab.errors import PictureError
from pawlab.images import PictureInfo, Pixels, Range, gray_thumbnail
from pawlab.parallel import MapBatches, map_in_threads
from pawlab.progress import Progress, silent


@dataclass(frozen=True)
class Thumbnails:
    """`pixels`: uint8 (n, 64, 64), a row for each of `contents`; `infos`: size and format of each.

    `skipped`: pictures that can't be decoded.
    """

    contents: list[str]
    pixels: Pixels
    infos: list[PictureInfo]
    skipped: tuple[Skipped, ...]

    @property
    def value_range(self) -> Range | None:
        """Black and white for all pictures of more than 8 bits: the largest white of any; None where none is deeper."""
        whites = [info.white for info in self.infos if info.white is not None]
        return (0.0, max(whites)) if whites else None

    def near_duplicates(self, progress: Progress = silent) -> tuple[NearPair, ...]:
        """Return every pair of contents that show the same."""
        large: NDArray[np.bool_] = np.array([min(info.width, info.height) >= THUMBNAIL for info in self.infos], bool)
        return find_near_duplicates(self.contents, self.pixels, large, progress)


def thumbnails(
    pictures: Sequence[Picture], progress: Progress = silent, map_batches: MapBatches = map_in_threads
) -> Thumbnails:
    """Decode each distinct picture small. Takes about 0.4 ms of one core for a photo of 500 x 375."""
    distinct = list({picture.sha256: picture for picture in pictures}.values())
    contents, rows, infos, reasons = list[str](), list[Pixels](), list[PictureInfo](), dict[str, str]()
    with progress("Looking at pictures", len(distinct)) as advance:
        for picture, result in zip(distinct, map_batches(_thumbnail_or_reason, distinct), strict=True):
            advance(1)
            if isinstance(result, str):
                reasons[picture.sha256] = result
            else:
                contents.append(picture.sha256)
                rows.append(result[0])
                infos.append(result[1])
    pixels = np.stack(rows) if rows else np.empty((0, THUMBNAIL, THUMBNAIL), np.uint8)
    broken = (picture for picture in pictures if picture.sha256 in reasons)
    skipped = tuple(Skipped(picture.name, reasons[picture.sha256], broken=True) for picture in broken)
    return Thumbnails(contents, pixels, infos, skipped)


def _thumbnail_or_reason(picture: Picture) -> tuple[Pixels, PictureInfo] | str:
    try:
        return gray_thumbnail(picture.path, THUMBNAIL)
    except PictureError as error:
        return str(error)
