"""Green places: meadow, garden, park in autumn, wood."""

import numpy as np
from PIL import Image

from pawlab.data.drawing import art
from pawlab.data.drawing.art import Scene, Size, Spot
from pawlab.data.drawing.colours import Colour, darker, lighter, mix, varied
from pawlab.data.drawing.landscape import grass, ground, hills, sky, tree
from pawlab.data.drawing.light import DAY, EVENING, SHADE

BLOSSOMS: tuple[Colour, ...] = ((240, 220, 90), (232, 120, 130), (244, 240, 236), (170, 130, 200), (236, 150, 70))
AUTUMN: tuple[Colour, ...] = ((206, 120, 50), (222, 166, 70), (176, 78, 50), (156, 130, 70))
BOARDS: tuple[Colour, ...] = ((236, 230, 218), (170, 126, 88), (120, 140, 150))


def meadow(size: Size, rng: np.random.Generator) -> Scene:
    """Hills, trees, flowers, grass."""
    horizon = rng.uniform(0.38, 0.6)
    picture, light = sky(size, rng, horizon)
    hills(picture, rng, horizon, 0.14, varied((146, 176, 160), rng))
    for _ in range(rng.integers(1, 6)):
        foot = (rng.uniform(0, size[0]), (horizon + 0.03) * size[1])
        tree(picture, rng, foot, size[1] * rng.uniform(0.15, 0.4), varied((88, 132, 74), rng, 14))
    green = varied((116, 158, 78), rng, 14)
    hills(picture, rng, horizon + 0.06, 0.05, green)
    ground(picture, rng, horizon + 0.08, green, darker(green, 0.2), 26, "down")
    _strew(picture, rng, horizon + 0.08, (art.one_of(rng, BLOSSOMS),), int(rng.choice([0, 30, 60])), 6)
    return Scene(art.blurred(picture, rng.uniform(0.3, 1.8)), light, (horizon + 0.22, 0.95), grass(rng, green))


def _strew(
    picture: Image.Image, rng: np.random.Generator, top: float, colours: tuple[Colour, ...], count: int, size: float
) -> None:
    """Strew flowers or leaves over the ground below `top` (a share of the height), `size` pixels wide in front."""
    for _ in range(count):
        near = rng.random()
        spot = (rng.uniform(0, picture.width), (top + near * (1 - top)) * picture.height)
        radii = (1 + near * size / 2, 1 + near * size / 3)
        art.blob(picture, spot, radii, varied(art.one_of(rng, colours), rng))


def garden(size: Size, rng: np.random.Generator) -> Scene:
    """A fence with flowers before it, and a lawn."""
    foot = rng.uniform(0.52, 0.64)
    picture, light = sky(size, rng, 0.4)
    hills(picture, rng, 0.35, 0.2, varied((104, 140, 92), rng))
    _fence(picture, rng, foot * size[1])
    for _ in range(rng.integers(4, 14)):
        _flower(picture, rng, (rng.uniform(0, size[0]), (foot + 0.03) * size[1]), size[1] * rng.uniform(0.1, 0.3))
    green = varied((110, 156, 84), rng)
    ground(picture, rng, foot, darker(green, 0.1), green, 22, "down")
    return Scene(art.blurred(picture, rng.uniform(0.4, 1.6)), light, (foot + 0.16, 0.95), grass(rng, green))


def _fence(picture: Image.Image, rng: np.random.Generator, foot: float) -> None:
    board = varied(art.one_of(rng, BOARDS), rng)
    step, top = picture.width / rng.uniform(9, 14), picture.height * 0.2
    for x in np.arange(0, picture.width, step):
        tip = [(x, top + 8), (x + step * 0.4, top), (x + step * 0.8, top + 8)]
        art.pen(picture).polygon([(x, foot), *tip, (x + step * 0.8, foot)], fill=varied(board, rng, 4))
    for y in (0.3 * picture.height, 0.46 * picture.height):
        art.pen(picture).rectangle((0, y, picture.width, y + 0.03 * picture.height), fill=darker(board, 0.12))


def _flower(picture: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    (x, y), petal = foot, varied(art.one_of(rng, BLOSSOMS), rng)
    art.pen(picture).line((x, y, x, y - size), fill=(84, 124, 70), width=2)
    for angle in np.arange(6) * np.pi / 3:
        spot = (x + np.cos(angle) * size * 0.16, y - size + np.sin(angle) * size * 0.16)
        art.blob(picture, spot, (size * 0.11, size * 0.11), petal)
    art.blob(picture, (x, y - size), (size * 0.09, size * 0.09), (150, 96, 50))


def autumn(size: Size, rng: np.random.Generator) -> Scene:
    """A park with coloured trees and fallen leaves."""
    horizon = rng.uniform(0.45, 0.6)
    picture = art.gradient(size, varied((196, 208, 214), rng), (240, 230, 206))
    for _ in range(rng.integers(4, 9)):
        foot = (rng.uniform(0, size[0]), (horizon + 0.04) * size[1])
        tree(picture, rng, foot, size[1] * rng.uniform(0.3, 0.6), art.one_of(rng, AUTUMN))
    earth = varied((168, 150, 104), rng)
    ground(picture, rng, horizon, darker(earth, 0.12), lighter(earth, 0.1), 16, "slanted")
    _strew(picture, rng, horizon, AUTUMN, 80, 9)
    light = EVENING if art.chance(rng, 0.4) else SHADE
    return Scene(art.blurred(picture, rng.uniform(0.4, 1.6)), light, (horizon + 0.2, 0.95))


def wood(size: Size, rng: np.random.Generator) -> Scene:
    """Trunks, leaves, and the sun between them."""
    horizon = rng.uniform(0.48, 0.62)
    picture = art.gradient(size, varied((126, 156, 108), rng), (206, 214, 160))
    for depth in (0.35, 0.6, 1.0):
        _trunks(picture, rng, depth, (horizon + 0.06 * depth) * size[1])
    for _ in range(26):
        spot = (rng.uniform(0, size[0]), rng.uniform(-0.05, 0.22) * size[1])
        art.blob(picture, spot, (size[0] * 0.09, size[1] * 0.06), varied((90, 132, 70), rng, 16), 0.8)
    for _ in range(7):
        spot = (rng.uniform(0, size[0]), rng.uniform(0, 0.5) * size[1])
        art.glow(picture, spot, size[1] * rng.uniform(0.05, 0.16), (255, 250, 206), 0.5)
    earth = varied((142, 132, 88), rng)
    ground(picture, rng, horizon + 0.02, darker(earth, 0.2), earth, 20, "slanted")
    light = SHADE if art.chance(rng, 0.5) else DAY
    return Scene(art.blurred(picture, rng.uniform(0.8, 2.2)), light, (horizon + 0.2, 0.95))


def _trunks(picture: Image.Image, rng: np.random.Generator, depth: float, foot: float) -> None:
    """Draw six trunks; those of less `depth` are farther away, thinner and paler."""
    for x in rng.uniform(0, picture.width, 6):
        thick = picture.width * 0.03 * depth * rng.uniform(0.7, 1.5)
        bark = mix((190, 200, 160), varied((94, 78, 64), rng), depth)
        art.pen(picture).rectangle((x - thick, 0, x + thick, foot), fill=bark)
