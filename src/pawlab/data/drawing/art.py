"""What backgrounds are painted with: gradients, grain, glow, soft focus."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pawlab.data.drawing import fur
from pawlab.data.drawing.colours import Colour
from pawlab.data.drawing.light import Light

Size = tuple[int, int]
Spot = tuple[float, float]  # x, y in pixels


@dataclass(frozen=True)
class Scene:
    """`picture`: the background, RGB, of the finished picture's size. `ground`: where an animal's feet may be, from and
    to, as shares of the height. `dress`: paints what is before the animal on the fine canvas, given the line its feet
    are on (fine pixels), or None."""

    picture: Image.Image
    light: Light
    ground: tuple[float, float]
    dress: Callable[[Image.Image, float], None] | None = None


def gradient(size: Size, top: Colour, bottom: Colour) -> Image.Image:
    """Fade from one colour to another, downwards."""
    column = np.linspace(top, bottom, size[1]).astype(np.uint8)[:, None, :]
    return Image.fromarray(column).resize(size, Image.Resampling.NEAREST)


def grain(
    picture: Image.Image,
    rng: np.random.Generator,
    strength: float,
    direction: str,
    box: tuple[int, int, int, int] | None = None,
) -> None:
    """Lay streaks over a picture, or over a box of it: wood, grass, cloth."""
    left, top, right, bottom = box or (0, 0, *picture.size)
    if right <= left or bottom <= top:
        return
    corner = (int(rng.integers(fur.TILE - (right - left))), int(rng.integers(fur.TILE - (bottom - top))))
    streaks = fur.crop(direction, (right - left, bottom - top), corner) * np.float32(strength)
    picture.paste((20, 14, 16), (left, top), Image.fromarray(np.clip(streaks, 0, 255).astype(np.uint8)))
    picture.paste((255, 250, 240), (left, top), Image.fromarray(np.clip(-streaks, 0, 255).astype(np.uint8)))


def blurred(picture: Image.Image, radius: float) -> Image.Image:
    """Take a picture out of focus. What is large enough is blurred at half its size, which looks the same."""
    if radius < 0.8:
        return picture.filter(ImageFilter.BoxBlur(radius))
    half = picture.reduce(2).filter(ImageFilter.BoxBlur(radius * 0.6))
    return half.resize(picture.size, Image.Resampling.BILINEAR)


def glow(picture: Image.Image, centre: tuple[float, float], radius: float, colour: Colour, strength: float) -> None:
    """Add a soft spot of light (or, with a dark colour, of shade)."""
    size = (max(4, round(2 * radius)), max(4, round(2 * radius)))
    spot = soft_disc().resize(size, Image.Resampling.BILINEAR).point([round(value * strength) for value in range(256)])
    picture.paste(colour, (round(centre[0] - radius), round(centre[1] - radius)), spot)


@cache
def soft_disc() -> Image.Image:
    """Return a white disc that fades out to black, 64 pixels wide."""
    y, x = (np.indices((64, 64), dtype=np.float32) - 31.5) / 32
    return Image.fromarray((255 * np.clip(1 - np.hypot(x, y), 0, 1) ** 1.5).astype(np.uint8))


def pen(picture: Image.Image) -> ImageDraw.ImageDraw:
    """Return a pen whose colours may have a fourth part, opacity."""
    return ImageDraw.Draw(picture, "RGBA")


def blob(
    picture: Image.Image, centre: tuple[float, float], radii: tuple[float, float], colour: Colour, opacity: float = 1.0
) -> None:
    """Fill an ellipse, in pixels."""
    (x, y), (rx, ry) = centre, radii
    pen(picture).ellipse((x - rx, y - ry, x + rx, y + ry), fill=(*colour, round(255 * opacity)))


def chance(rng: np.random.Generator, share: float) -> bool:
    """Toss a coin that falls on its head in a `share` of cases."""
    return bool(rng.random() < share)


def one_of(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """Pick a colour."""
    return colours[int(rng.integers(len(colours)))]
