"""Summer and winter holidays: beach and snow."""

import numpy as np
from PIL import Image

from pawlab.data.drawing import art
from pawlab.data.drawing.art import Scene, Size, Spot
from pawlab.data.drawing.colours import darker, lighter, varied
from pawlab.data.drawing.countryside import BLOSSOMS
from pawlab.data.drawing.landscape import fir, ground, hills, sky
from pawlab.data.drawing.light import DAY, SHADE


def beach(size: Size, rng: np.random.Generator) -> Scene:
    """Sky, sea, foam, sand."""
    horizon, shore = rng.uniform(0.3, 0.42), rng.uniform(0.5, 0.6)
    picture, light = sky(size, rng, horizon)
    sea = varied((74, 146, 168), rng, 14)
    ground(picture, rng, horizon, darker(sea, 0.15), lighter(sea, 0.35), 14, "along")
    if art.chance(rng, 0.6):
        _boat(picture, (size[0] * rng.uniform(0.1, 0.9), horizon * size[1]), size[1] * 0.12)
    sand = varied((226, 204, 160), rng)
    hills(picture, rng, shore + 0.02, 0.03, (246, 246, 242))
    hills(picture, rng, shore + 0.04, 0.03, darker(sand, 0.15))
    ground(picture, rng, shore + 0.05, darker(sand, 0.06), lighter(sand, 0.1), 9, "slanted")
    if art.chance(rng, 0.5):
        _umbrella(picture, rng, (size[0] * rng.choice([0.1, 0.9]), (shore + 0.12) * size[1]), size[1] * 0.4)
    return Scene(art.blurred(picture, rng.uniform(0.3, 1.5)), light, (shore + 0.18, 0.95))


def _boat(picture: Image.Image, foot: Spot, size: float) -> None:
    x, y = foot
    art.pen(picture).polygon([(x, y - size), (x, y), (x + size * 0.6, y)], fill=(250, 246, 238))
    deck = [(x - size * 0.5, y + 2), (x + size * 0.7, y + 2)]
    keel = [(x + size * 0.4, y + size * 0.22), (x - size * 0.3, y + size * 0.22)]
    art.pen(picture).polygon([*deck, *keel], fill=(150, 70, 60))


def _umbrella(picture: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    (x, y), colours = foot, ((248, 244, 236), art.one_of(rng, BLOSSOMS))
    art.pen(picture).rectangle((x - 2, y - size, x + 2, y), fill=(230, 224, 214))
    roof = (x - size * 0.6, y - size * 1.15, x + size * 0.6, y - size * 0.35)
    for step in range(6):
        art.pen(picture).pieslice(roof, 180 + 30 * step, 210 + 30 * step, fill=colours[step % 2])


def snow(size: Size, rng: np.random.Generator) -> Scene:
    """Snow on the hills, on the firs, in the air."""
    horizon = rng.uniform(0.4, 0.58)
    picture = art.gradient(size, varied((160, 182, 206), rng), (226, 230, 236))
    hills(picture, rng, horizon, 0.18, (206, 216, 228))
    for _ in range(rng.integers(3, 8)):
        foot = (rng.uniform(0, size[0]), size[1] * (horizon + rng.uniform(0.0, 0.07)))
        fir(picture, foot, size[1] * rng.uniform(0.2, 0.5), varied((76, 104, 96), rng), (236, 240, 244))
    hills(picture, rng, horizon + 0.07, 0.05, (236, 240, 246))
    ground(picture, rng, horizon + 0.08, (236, 240, 246), (214, 222, 236), 5, "slanted")
    light, seed = SHADE if art.chance(rng, 0.6) else DAY, int(rng.integers(2**31))
    picture = art.blurred(picture, rng.uniform(0.5, 2.0))
    return Scene(picture, light, (horizon + 0.22, 0.95), lambda image, _: _flakes(image, np.random.default_rng(seed)))


def _flakes(image: Image.Image, rng: np.random.Generator) -> None:
    for _ in range(int(rng.choice([0, 40, 90]))):
        spot, size = (rng.uniform(0, image.width), rng.uniform(0, image.height)), rng.uniform(1.5, 5.5)
        art.blob(image, spot, (size, size), (255, 255, 255), rng.uniform(0.4, 0.9))
