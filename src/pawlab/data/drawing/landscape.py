"""Parts of a landscape: sky, clouds, hills, trees, ground, grass."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from pawlab.data.drawing import art
from pawlab.data.drawing.art import Size, Spot
from pawlab.data.drawing.colours import Colour, darker, varied
from pawlab.data.drawing.light import DAY, EVENING, Light

SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((120, 172, 222), (214, 232, 240)),
    ((150, 190, 224), (236, 236, 226)),
    ((176, 186, 196), (222, 224, 226)),
    ((122, 120, 170), (244, 190, 140)),
)
OVERCAST, SUNSET = 2, 3
BARK: Colour = (96, 76, 60)


def sky(size: Size, rng: np.random.Generator, horizon: float) -> tuple[Image.Image, Light]:
    """Return a picture full of sky, its clouds above the horizon (a share of the height), and the light it gives."""
    kind = int(rng.choice(4, p=[0.4, 0.25, 0.2, 0.15]))
    picture = art.gradient(size, *SKIES[kind])
    if kind != OVERCAST:
        clouds(picture, rng, horizon, (252, 214, 180) if kind == SUNSET else (255, 255, 255))
    return picture, EVENING if kind == SUNSET else DAY


def clouds(picture: Image.Image, rng: np.random.Generator, horizon: float, colour: Colour) -> None:
    """Draw a few clouds."""
    for _ in range(rng.integers(1, 4)):
        x, y = rng.uniform(0, picture.width), rng.uniform(0.05, 0.6) * horizon * picture.height
        size = rng.uniform(0.05, 0.1) * picture.width
        for _ in range(6):
            spot = (x + rng.normal(0, 1.4) * size, y + rng.normal(0, 0.25) * size)
            art.blob(picture, spot, (size, size * 0.55), colour, 0.7)


def hills(picture: Image.Image, rng: np.random.Generator, base: float, height: float, colour: Colour) -> None:
    """Fill everything below a rolling line. `base`, `height`: shares of the picture's height."""
    x = np.linspace(0, 1, 40)
    waves = sum(np.sin(2 * np.pi * (x * k * rng.uniform(0.6, 1.3) + rng.random())) / k for k in (1, 2, 4))
    y = (base - height * (0.5 + 0.3 * np.asarray(waves))) * picture.height
    outline = [(float(a * picture.width), float(b)) for a, b in zip(x, y, strict=True)]
    art.pen(picture).polygon([(0, picture.height), *outline, (picture.width, picture.height)], fill=colour)


def tree(picture: Image.Image, rng: np.random.Generator, foot: Spot, size: float, leaves: Colour) -> None:
    """Draw a round tree; `foot` and `size` in pixels."""
    x, y = foot
    art.pen(picture).rectangle((x - size * 0.06, y - size * 0.5, x + size * 0.06, y), fill=BARK)
    for _ in range(9):
        spot = (x + rng.normal(0, 0.2) * size, y - size * rng.uniform(0.5, 0.95))
        art.blob(picture, spot, (size * 0.24, size * 0.2), varied(leaves, rng, 11))


def fir(picture: Image.Image, foot: Spot, size: float, needles: Colour, snow: Colour) -> None:
    """Draw a fir tree with snow on its boughs."""
    x, y = foot
    for step in range(4):
        top, low, half = y - size * (1 - 0.18 * step), y - size * (0.62 - 0.18 * step), size * (0.13 + 0.07 * step)
        middle = (top + low) / 2
        art.pen(picture).polygon([(x, top), (x - half, low), (x + half, low)], fill=needles)
        drift = [(x, top), (x - half * 0.6, middle), (x + half * 0.35, middle - size * 0.03)]
        art.pen(picture).polygon(drift, fill=snow)


def ground(
    picture: Image.Image, rng: np.random.Generator, top: float, far: Colour, near: Colour, grain: float, hair: str
) -> None:
    """Cover everything below `top` (a share of the height) with earth, sand or grass."""
    line = int(top * picture.height)
    picture.paste(art.gradient((picture.width, picture.height - line), far, near), (0, line))
    art.grain(picture, rng, grain, hair, (0, line, picture.width, picture.height))


def view_outside(size: Size, rng: np.random.Generator) -> Image.Image:
    """Return a small landscape, for windows and for pictures on the wall."""
    picture = art.gradient(size, *SKIES[int(rng.integers(4))])
    hills(picture, rng, 0.8, 0.2, varied((130, 156, 140), rng))
    hills(picture, rng, 0.95, 0.2, varied((104, 140, 90), rng))
    foot = (size[0] * rng.uniform(0.1, 0.9), size[1] * 0.95)
    tree(picture, rng, foot, size[1] * 0.5, varied((90, 130, 76), rng))
    return picture


def grass(rng: np.random.Generator, green: Colour) -> Callable[[Image.Image, float], None]:
    """Return a painter of blades of grass before an animal's feet, on the fine canvas."""
    seed = int(rng.integers(2**31))
    return lambda image, line: _blades(image, np.random.default_rng(seed), line, darker(green, 0.05))


def _blades(image: Image.Image, rng: np.random.Generator, line: float, green: Colour) -> None:
    for x in rng.uniform(0, image.width, 90):
        foot, long = line + rng.uniform(0.0, 0.05) * image.height, rng.uniform(0.02, 0.06) * image.height
        tip = (x + rng.normal(0, 0.35) * long, foot - long)
        art.pen(image).polygon([(x - 2.5, foot), (x + 2.5, foot), tip], fill=varied(green, rng, 14))
