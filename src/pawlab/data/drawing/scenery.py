"""What backgrounds are made of: gradients, grain, blurred shapes. Everything here has the finished picture's size."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pawlab.data.drawing import fur
from pawlab.data.drawing.colours import Colour
from pawlab.data.drawing.light import Light

Size = tuple[int, int]
DAY = Light((-0.5, -0.7, 0.6), (0.80, 0.77, 0.70), (0.36, 0.39, 0.44))
SHADE = Light((-0.3, -0.8, 0.6), (0.50, 0.52, 0.55), (0.55, 0.57, 0.60))
EVENING = Light((-0.8, -0.35, 0.5), (0.95, 0.72, 0.48), (0.34, 0.31, 0.38))
LAMP = Light((-0.5, -0.6, 0.65), (0.82, 0.72, 0.56), (0.36, 0.33, 0.32))
MOON = Light((-0.5, -0.8, 0.4), (0.42, 0.48, 0.62), (0.24, 0.27, 0.38))


@dataclass(frozen=True)
class Scene:
    """`picture`: the background, RGB. `ground`: where an animal's feet may be, from and to, as shares of the height.
    `dress`: paints what is before the animal's feet on the fine canvas, given its ground line (fine pixels), or None."""

    picture: Image.Image
    light: Light
    ground: tuple[float, float]
    dress: Callable[[Image.Image, float], None] | None = None


def gradient(size: Size, top: Colour, bottom: Colour) -> Image.Image:
    """Fade from one colour to another, downwards."""
    strip = np.linspace(np.array(top), np.array(bottom), 32).astype(np.uint8)[:, None, :]
    return Image.fromarray(strip).resize(size, Image.Resampling.BICUBIC)


def grain(picture: Image.Image, rng: np.random.Generator, strength: float, direction: str, box: tuple[int, int, int, int] | None = None) -> None:
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


def hills(picture: Image.Image, rng: np.random.Generator, base: float, height: float, colour: Colour) -> None:
    """Fill everything below a rolling line. `base`, `height`: shares of the picture's height."""
    x = np.linspace(0, 1, 40)
    waves = sum(np.sin(2 * np.pi * (x * k * rng.uniform(0.6, 1.3) + rng.random())) / k for k in (1, 2, 4))
    y = (base - height * (0.5 + 0.3 * np.asarray(waves))) * picture.height
    outline = [(float(a * picture.width), float(b)) for a, b in zip(x, y, strict=True)]
    pen(picture).polygon([(0, picture.height), *outline, (picture.width, picture.height)], fill=colour)


def blob(picture: Image.Image, centre: tuple[float, float], radii: tuple[float, float], colour: Colour, opacity: float = 1.0) -> None:
    """Fill an ellipse, in pixels."""
    (x, y), (rx, ry) = centre, radii
    pen(picture).ellipse((x - rx, y - ry, x + rx, y + ry), fill=(*colour, round(255 * opacity)))


def clouds(picture: Image.Image, rng: np.random.Generator, horizon: float, colour: Colour = (255, 255, 255)) -> None:
    """Draw a few clouds above the horizon (a share of the height)."""
    for _ in range(rng.integers(1, 4)):
        x, y = rng.uniform(0, picture.width), rng.uniform(0.05, 0.6) * horizon * picture.height
        size = rng.uniform(0.05, 0.1) * picture.width
        for _ in range(6):
            blob(picture, (x + rng.normal(0, 1.4) * size, y + rng.normal(0, 0.25) * size), (size, size * 0.55), colour, 0.7)


def tree(picture: Image.Image, rng: np.random.Generator, foot: tuple[float, float], size: float, leaves: Colour, trunk: Colour) -> None:
    """Draw a round tree; `foot` and `size` in pixels."""
    x, y = foot
    pen(picture).rectangle((x - size * 0.06, y - size * 0.5, x + size * 0.06, y), fill=trunk)
    for _ in range(9):
        spot = (x + rng.normal(0, 0.2) * size, y - size * rng.uniform(0.5, 0.95))
        tint = tuple(int(np.clip(channel + rng.normal(0, 12), 0, 255)) for channel in leaves)
        blob(picture, spot, (size * 0.24, size * 0.2), (tint[0], tint[1], tint[2]))


def fir(picture: Image.Image, foot: tuple[float, float], size: float, colour: Colour, snow: Colour | None) -> None:
    """Draw a fir tree, with snow on its boughs if given a colour for it."""
    x, y = foot
    for step in range(4):
        top, low, half = y - size * (1 - 0.18 * step), y - size * (0.62 - 0.18 * step), size * (0.13 + 0.07 * step)
        pen(picture).polygon([(x, top), (x - half, low), (x + half, low)], fill=colour)
        if snow:
            pen(picture).polygon([(x, top), (x - half * 0.6, (top + low) / 2), (x + half * 0.35, (top + low) / 2 - size * 0.03)], fill=snow)


def chance(rng: np.random.Generator, share: float) -> bool:
    """Toss a coin that falls on its head in a `share` of cases."""
    return bool(rng.random() < share)


def one_of(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """Pick a colour."""
    return colours[int(rng.integers(len(colours)))]
