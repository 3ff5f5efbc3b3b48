"""The camera: exposure, colour cast, vignette, soft focus, noise. From the fine canvas to the finished picture."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageFilter

from pawlab.data.drawing.brush import FINE
from pawlab.data.drawing.solids import Floats

_TILE = 512


@dataclass(frozen=True)
class Camera:
    """`exposure`: factor of brightness; `cast`: factors of red, green, blue; `contrast`: 1 as it is.

    `vignette`: how much darker the corners are, 0-1; `blur`: pixels; `noise`: deviation, of 255; `quality`: the JPEG's.
    """

    exposure: float
    cast: tuple[float, float, float]
    contrast: float
    vignette: float
    blur: float
    noise: float
    quality: int


def any_camera(rng: np.random.Generator) -> Camera:
    """Draw a camera by lot."""
    warmth, tint = rng.normal(0, 0.045), rng.normal(0, 0.02)
    return Camera(
        exposure=float(np.clip(rng.normal(1.02, 0.09), 0.8, 1.25)),
        cast=(1 + warmth, 1 + tint, 1 - warmth),
        contrast=rng.uniform(0.88, 1.12),
        vignette=rng.uniform(0, 0.35),
        blur=float(rng.choice([0, 0.5, 0.9], p=[0.7, 0.2, 0.1])),
        noise=float(rng.choice([1.5, 3.0, 5.5], p=[0.5, 0.35, 0.15])),
        quality=int(rng.integers(78, 91)),
    )


def develop(image: Image.Image, camera: Camera, rng: np.random.Generator) -> Image.Image:
    """Bring the fine canvas to its finished size, seen by a camera."""
    picture = image.reduce(FINE)
    if camera.blur:
        picture = picture.filter(ImageFilter.BoxBlur(camera.blur))
    picture.paste((0, 0, 0), (0, 0), _corners(picture.size, camera.vignette))
    picture = picture.point(_curve(camera))
    top, left = (int(value) for value in rng.integers(0, _TILE - max(picture.size) + 1, 2))
    grain = _noise()[top : top + picture.height, left : left + picture.width] * np.float32(camera.noise)
    noisy = np.asarray(picture, np.float32) + grain
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def _corners(size: tuple[int, int], strength: float) -> Image.Image:
    """Return how much of the light is lost at every point, 0-255."""
    y, x = (np.indices((24, 24), dtype=np.float32) - 11.5) / 11.5
    lost = 255 * strength * np.clip(x**2 + y**2 - 0.35, 0, None) / 1.65
    return Image.fromarray(lost.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)


def _curve(camera: Camera) -> list[int]:
    values = np.arange(256) / 255
    table = []
    for gain in camera.cast:
        bright = np.clip(values * gain * camera.exposure, 0, 1.2)
        table += list(np.clip((bright - 0.5) * camera.contrast + 0.5, 0, 1) * 255)
    return [round(float(value)) for value in table]


@cache
def _noise() -> Floats:
    """Return a tile (512, 512, 3) of a sensor's noise, deviation 1: mostly the same in all colours."""
    rng = np.random.default_rng(23)
    tile = 0.8 * rng.standard_normal((_TILE, _TILE, 1)) + 0.6 * rng.standard_normal((_TILE, _TILE, 3))
    return tile.astype(np.float32)
