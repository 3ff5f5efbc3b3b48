"""Drawings to test checks with: as full of detail as photos, all different. They are the built-in sample's."""

import io
from functools import cache
from pathlib import Path

from PIL import Image

from pawlab.audit.image_stats import ImageStats, image_stats_of
from pawlab.datasets.sample import sample_files


@cache
def _files() -> tuple[bytes, ...]:
    return tuple(sample_files(300))


@cache
def drawing(number: int) -> Image.Image:
    """Return a drawing, 200-256 pixels each way: cats have even numbers, dogs odd ones. Don't change it."""
    return Image.open(io.BytesIO(_files()[number])).convert("RGB")


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def stats_of(image: Image.Image, quality: int = 90) -> ImageStats:
    """Return what is measured of an image kept as JPEG."""
    return image_stats_of(jpeg(image, quality))


def save(image: Image.Image, path: Path, quality: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(image, quality))
