"""Drawings to test checks with: as full of detail as photos, all different, drawn once for all tests of a session."""

import io
from functools import cache
from pathlib import Path

from PIL import Image

from pawlab.data.drawing.shot import draw_picture
from pawlab.data.looks import Look, look_of


@cache
def drawing(number: int) -> Image.Image:
    """Return a drawing, 240-400 pixels each way: cats have even numbers, dogs odd ones. Don't change it."""
    return draw_picture("dogs" if number % 2 else "cats", 0, 1 + number // 2)[0]


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def look(image: Image.Image, quality: int = 90) -> Look:
    """Return what is measured of an image kept as JPEG."""
    return look_of(jpeg(image, quality))


def save(image: Image.Image, path: Path, quality: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(image, quality))
