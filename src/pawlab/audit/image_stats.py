"""How every picture looks: each is decoded once, small, and measured. The checks judge by these numbers alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pawlab.datasets.dataset import Picture, Skipped
from pawlab.engines.local import LOCAL, Engine
from pawlab.errors import PictureError
from pawlab.images import PictureInfo, Source, read_small
from pawlab.progress import Progress, silent

BLANK = 16  # levels of 0-255 between the cells that differ most: shading or a sensor's noise, but no thing
GRAY = 8  # levels between channels; JPEG's rounding leaves 2 or 3 in gray pictures

_SIDE = 256  # pixels of the longer side while measuring: about what networks look at; smaller pictures stay as they are
_LEAST = 240  # pixels that a JPEG may be decoded to instead, so that photos of 500 pixels are decoded at half the size
_CELLS = 32  # each way: averages over these are free of noise and of JPEG's blocks
_COARSER = 4  # times smaller: where nothing is lost by that, three quarters of the pixels each way add nothing
_PATCH = 16  # pixels each way: large enough to hold an edge and both its sides, small enough to hold only one
_CONTRAST = 8.0  # gray levels of standard deviation; in flatter patches noise would be taken for detail
_PATCHES = 3  # patches with contrast that it takes to judge sharpness
_BATCH = 16  # pictures a task: a thread's overhead would otherwise be a tenth of the work


@dataclass(frozen=True)
class ImageStats:
    """What was measured of one picture. Brightness and colour are in levels of 0-255.

    `info`: size and format as the header has them.
    `dim`, `bright`: a twentieth of the pixels is darker than `dim`, a twentieth brighter than `bright`. `spread`: from
    the lowest to the highest cell of the channel that differs most, over 32 x 32 cells. `colour`: the largest
    difference between two channels of a cell; 0 in gray pictures. `sharpness`: share of local contrast, in the sharpest
    tenth of the picture, that is lost at a quarter of the size: about 0.2 and less in blurred photos, 0.4 to 1 in sharp
    ones; None where there is too little contrast.
    """

    info: PictureInfo
    dim: float
    bright: float
    spread: int
    colour: int
    sharpness: float | None

    @property
    def size(self) -> str:
        """Width and height in words."""
        return f"{self.info.width} x {self.info.height}"

    @property
    def is_blank(self) -> bool:
        """Whether the picture is of nearly one colour."""
        return self.spread < BLANK

    @property
    def is_gray(self) -> bool:
        """Whether the picture has no colour."""
        return self.colour <= GRAY


def measure_images(
    pictures: Sequence[Picture], progress: Progress = silent, engine: Engine = LOCAL
) -> tuple[dict[str, ImageStats], tuple[Skipped, ...]]:
    """Measure every picture; return what was measured by SHA-256, and the pictures that can't be decoded.

    Copies are measured once. Takes about 1 ms of one core for a photo of 500 x 375; memory holds 0.5 KB per picture.
    """
    distinct = {picture.sha256: picture for picture in pictures}
    image_stats: dict[str, ImageStats] = {}
    reasons: dict[str, str] = {}
    paths = (picture.path for picture in distinct.values())
    with progress("Looking at pictures", len(distinct)) as advance:
        for content, result in zip(distinct, engine.map(_look_or_reason, paths, _BATCH), strict=True):
            advance(1)
            if isinstance(result, ImageStats):
                image_stats[content] = result
            else:
                reasons[content] = result
    broken = (picture for picture in pictures if picture.sha256 in reasons)
    return image_stats, tuple(Skipped(picture.name, reasons[picture.sha256], broken=True) for picture in broken)


def image_stats_of(source: Source) -> ImageStats:
    """Decode a picture, small, and measure it. Raises PictureError where it can't be decoded."""
    image, info = read_small(source, _LEAST)
    gray = _measured_at(image.convert("L"))
    cells = np.asarray(image.resize((_CELLS, _CELLS), Image.Resampling.BOX, reducing_gap=2.0), dtype=np.int16)
    dim, bright = percentiles(gray, (0.05, 0.95))
    return ImageStats(
        info=info,
        dim=dim,
        bright=bright,
        spread=int(np.ptp(cells, axis=(0, 1)).max()),
        colour=int(np.ptp(cells, axis=2).max()),
        sharpness=sharpness(gray),
    )


def percentiles(gray: Image.Image, shares: Sequence[float]) -> list[float]:
    """Return the levels, 0-255, that these shares of a gray picture's pixels lie below; between two, linearly."""
    counts = np.cumsum(gray.histogram())
    places = np.array(shares) * (counts[-1] - 1)
    below, above = (np.searchsorted(counts, ends, side="right") for ends in (np.floor(places), np.ceil(places)))
    found: list[float] = (below + (above - below) * (places % 1)).tolist()
    return found


def sharpness(gray: Image.Image) -> float | None:
    """Return how much of a gray picture's local contrast is lost at a quarter of its size; see `ImageStats`.

    Relative to the contrast that each patch has, so that a soft background, fog or a dim room don't count as blur; in
    the sharpest tenth of the patches, so that one sharp thing is enough.
    """
    small = (max(1, gray.width // _COARSER), max(1, gray.height // _COARSER))
    coarse = gray.resize(small, Image.Resampling.BOX).resize(gray.size, Image.Resampling.BICUBIC)
    whole, kept = (np.asarray(image, np.float32) - np.float32(128) for image in (gray, coarse))
    contrast = np.sqrt(np.maximum(_patch_means(whole * whole) - _patch_means(whole) ** 2, 0))
    judged = contrast > _CONTRAST
    if judged.sum() < _PATCHES:
        return None
    lost = np.sqrt(_patch_means((whole - kept) ** 2))
    shares = np.sort(lost[judged] / contrast[judged])
    return float(np.interp(0.9 * (len(shares) - 1), np.arange(len(shares)), shares))


def _look_or_reason(source: Source) -> ImageStats | str:
    try:
        return image_stats_of(source)
    except PictureError as error:
        return str(error)


def _measured_at(gray: Image.Image) -> Image.Image:
    """Return the picture with the longer side brought to _SIDE, or as it is where it is smaller."""
    scale = min(1.0, _SIDE / max(gray.size))
    size = max(1, round(gray.width * scale)), max(1, round(gray.height * scale))
    return gray if size == gray.size else gray.resize(size, Image.Resampling.BILINEAR)


def _patch_means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of each patch of (height, width): (patches,). What is left over at the right and below isn't
    looked at."""
    rows, columns = values.shape[0] // _PATCH, values.shape[1] // _PATCH
    within = values[: rows * _PATCH, : columns * _PATCH].reshape(rows, _PATCH, columns * _PATCH).sum(axis=1)
    return np.asarray(within.reshape(rows * columns, _PATCH).sum(axis=1) / _PATCH**2)
