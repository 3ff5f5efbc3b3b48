"""The town by day and by night."""

import numpy as np
from PIL import Image

from pawlab.data.drawing import art
from pawlab.data.drawing.art import Scene, Size, Spot
from pawlab.data.drawing.colours import Colour, darker, lighter, mix, varied
from pawlab.data.drawing.landscape import ground, sky
from pawlab.data.drawing.light import MOON, SHADE

FACADES: tuple[Colour, ...] = (
    *((206, 160, 128), (190, 110, 90), (222, 206, 170)),
    *((150, 166, 178), (176, 150, 150), (130, 140, 120)),
)
CARS: tuple[Colour, ...] = ((180, 60, 56), (70, 110, 160), (220, 216, 208), (90, 130, 100), (226, 180, 70))


def street(size: Size, rng: np.random.Generator) -> Scene:
    """Houses, a pavement, a kerb, perhaps a car."""
    (width, height), foot = size, rng.uniform(0.5, 0.64)
    picture, light = sky(size, rng, 0.5)
    left = -rng.uniform(0, 0.2) * width
    while left < width:
        wide = rng.uniform(0.24, 0.4) * width
        _house(picture, rng, (left, height * rng.uniform(-0.05, 0.18), left + wide, foot * height))
        left += wide
    ground(picture, rng, foot, (118, 116, 120), (150, 148, 150), 5, "along")
    kerb = int((foot + 0.09) * height)
    if art.chance(rng, 0.5):
        _car(picture, rng, (width * rng.uniform(0.1, 0.9), kerb - 2.0), width * 0.42)
    picture = art.blurred(picture, rng.uniform(0.8, 2.4))
    _pavement(picture, rng, kerb)
    return Scene(picture, SHADE if art.chance(rng, 0.35) else light, (foot + 0.2, 0.96))


def _house(picture: Image.Image, rng: np.random.Generator, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    wide, tall, wall = right - left, bottom - top, varied(art.one_of(rng, FACADES), rng)
    art.pen(picture).rectangle(box, fill=wall)
    gable = [(left - 4, top), (right + 4, top), ((left + right) / 2, top - 0.3 * wide)]
    art.pen(picture).polygon(gable, fill=varied((140, 84, 72), rng))
    pane = mix((90, 110, 130), (250, 220, 140), float(rng.choice([0, 0.7])))
    for y in top + tall * np.array([0.14, 0.44, 0.74]):
        for x in (left + 0.2 * wide, left + 0.6 * wide):
            window = (x, y, x + 0.2 * wide, y + 0.17 * tall)
            art.pen(picture).rectangle(window, fill=pane, outline=lighter(wall, 0.6), width=2)


def _car(picture: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    paint = varied(art.one_of(rng, CARS), rng)
    shapes: tuple[tuple[tuple[float, float, float, float], int, Colour], ...] = (
        ((-0.3, -0.36, 0.24, -0.12), 10, darker(paint, 0.1)),
        ((-0.24, -0.33, 0.18, -0.2), 6, (180, 206, 216)),
        ((-0.5, -0.22, 0.5, -0.05), 9, paint),
    )
    x, y = foot
    for (left, top, right, bottom), radius, colour in shapes:
        box = (x + left * size, y + top * size, x + right * size, y + bottom * size)
        art.pen(picture).rounded_rectangle(box, radius, fill=colour)
    for wheel in (-0.28, 0.28):
        hub = (x + wheel * size, y - size * 0.05)
        art.blob(picture, hub, (size * 0.085, size * 0.085), (46, 44, 48))
        art.blob(picture, hub, (size * 0.04, size * 0.04), (170, 170, 174))


def _pavement(picture: Image.Image, rng: np.random.Generator, kerb: int) -> None:
    (width, height), stone = picture.size, varied((176, 170, 164), rng)
    ground(picture, rng, kerb / height, darker(stone, 0.1), lighter(stone, 0.12), 8, "slanted")
    art.pen(picture).rectangle((0, kerb, width, kerb + 5), fill=lighter(stone, 0.4))
    joint = (*darker(stone, 0.35), 150)
    for y in kerb + (height - kerb) * np.array([0.2, 0.48, 0.85]):
        art.pen(picture).line((0, float(y), width, float(y)), fill=joint, width=1)
    for x in np.arange(-width, 2 * width, width / 3.5):
        art.pen(picture).line((x, height, width / 2 + (x - width / 2) * 0.55, kerb), fill=joint, width=1)


def night(size: Size, rng: np.random.Generator) -> Scene:
    """Moon, stars, roofs with lit windows, a wall."""
    (width, height), picture = size, art.gradient(size, (22, 28, 58), varied((64, 72, 112), rng))
    for _ in range(60):
        star = (rng.uniform(0, width), rng.uniform(0, height * 0.5))
        art.blob(picture, star, (0.8, 0.8), (240, 240, 220), rng.uniform(0.3, 1))
    moon = (width * rng.uniform(0.1, 0.9), height * rng.uniform(0.1, 0.25))
    art.glow(picture, moon, height * 0.35, (200, 210, 230), 0.5)
    art.blob(picture, moon, (height * 0.06, height * 0.06), (246, 242, 222))
    left = -0.1 * width
    while left < width:
        wide = rng.uniform(0.18, 0.32) * width
        _dark_house(picture, rng, left, wide)
        left += wide
    picture = art.blurred(picture, rng.uniform(0.5, 1.8))
    top = rng.uniform(0.68, 0.76)
    _brick_wall(picture, rng, top)
    return Scene(picture, MOON, (top + 0.06, 0.95))


def _dark_house(picture: Image.Image, rng: np.random.Generator, left: float, wide: float) -> None:
    height, right = picture.height, left + wide
    top = rng.uniform(0.36, 0.55) * height
    roof = [(left, top), (left + wide / 2, top - 0.14 * height), (right, top)]
    art.pen(picture).polygon([(left, height), *roof, (right, height)], fill=varied((38, 42, 66), rng, 5))
    for x in (left + 0.2 * wide, left + 0.6 * wide):
        if art.chance(rng, 0.6):
            window = (x, top + 8, x + 0.18 * wide, top + 8 + 0.07 * height)
            art.pen(picture).rectangle(window, fill=(246, 206, 120))


def _brick_wall(picture: Image.Image, rng: np.random.Generator, top: float) -> None:
    wall, step = varied((92, 90, 112), rng), picture.height * 0.055
    ground(picture, rng, top, wall, darker(wall, 0.35), 5, "slanted")
    joint = (*darker(wall, 0.4), 170)
    for row, y in enumerate(np.arange(int(top * picture.height), picture.height, step)):
        art.pen(picture).line((0, y, picture.width, y), fill=joint, width=1)
        for x in np.arange((row % 2) * step, picture.width, 2 * step):
            art.pen(picture).line((x, y, x, y + step), fill=joint, width=1)
