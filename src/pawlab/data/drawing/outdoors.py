"""Scenes under the sky: meadow, beach, street, snow, night, autumn, garden, wood."""

import numpy as np
from PIL import Image

from pawlab.data.drawing.colours import Colour, darker, lighter, mix, varied
from pawlab.data.drawing.scenery import (
    DAY, EVENING, MOON, SHADE, Scene, Size, blob, blurred, chance, clouds, fir, glow, gradient, grain, hills, one_of, pen, tree,
)

BLOSSOMS: tuple[Colour, ...] = ((240, 220, 90), (232, 120, 130), (244, 240, 236), (170, 130, 200), (236, 150, 70))
FACADES: tuple[Colour, ...] = ((206, 160, 128), (190, 110, 90), (222, 206, 170), (150, 166, 178), (176, 150, 150), (130, 140, 120))
SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((120, 172, 222), (214, 232, 240)), ((150, 190, 224), (236, 236, 226)), ((176, 186, 196), (222, 224, 226)), ((122, 120, 170), (244, 190, 140)),
)


def view_outside(size: Size, rng: np.random.Generator) -> Image.Image:
    """A small landscape, for windows and pictures on the wall."""
    top, bottom = SKIES[int(rng.integers(4))]
    picture = gradient(size, top, bottom)
    hills(picture, rng, 0.8, 0.2, varied((130, 156, 140), rng))
    hills(picture, rng, 0.95, 0.2, varied((104, 140, 90), rng))
    tree(picture, rng, (size[0] * rng.uniform(0.1, 0.9), size[1] * 0.95), size[1] * 0.5, varied((90, 130, 76), rng), (100, 76, 60))
    return picture


def _sky(size: Size, rng: np.random.Generator, horizon: float) -> tuple[Image.Image, bool]:
    """Return a sky and whether the sun is low."""
    kind = int(rng.choice(4, p=[0.4, 0.25, 0.2, 0.15]))
    picture = gradient(size, *SKIES[kind])
    if kind != 2:
        clouds(picture, rng, horizon, (255, 255, 255) if kind < 3 else (252, 214, 180))
    return picture, kind == 3


def _grass(image: Image.Image, rng: np.random.Generator, line: float, colour: Colour, count: int = 90) -> None:
    """Draw blades of grass before a pair of feet, on the fine canvas."""
    for x in rng.uniform(0, image.width, count):
        foot, long = line + rng.uniform(0.0, 0.05) * image.height, rng.uniform(0.02, 0.06) * image.height
        lean = rng.normal(0, 0.35) * long
        blade = [(x - 2.5, foot), (x + 2.5, foot), (x + lean, foot - long)]
        pen(image).polygon(blade, fill=varied(colour, rng, 14))


def meadow(size: Size, rng: np.random.Generator) -> Scene:
    """Hills, trees, flowers, grass."""
    width, height = size
    horizon = rng.uniform(0.38, 0.6)
    picture, low = _sky(size, rng, horizon)
    hills(picture, rng, horizon, 0.14, varied((146, 176, 160), rng))
    for _ in range(rng.integers(1, 6)):
        tree(picture, rng, (rng.uniform(0, width), (horizon + 0.03) * height), height * rng.uniform(0.15, 0.4), varied((88, 132, 74), rng, 14), (96, 76, 60))
    green = varied((116, 158, 78), rng, 14)
    hills(picture, rng, horizon + 0.06, 0.05, green)
    near = int(height * (horizon + 0.08))
    picture.paste(gradient((width, height - near), green, darker(green, 0.2)), (0, near))
    grain(picture, rng, 26, "down", (0, near, width, height))
    blossom = one_of(rng, BLOSSOMS)
    for _ in range(int(rng.choice([0, 30, 60]))):
        x, y = rng.uniform(0, width), rng.uniform(near, height)
        blob(picture, (x, y), (1 + 2 * (y - near) / height * 4, 1 + 1.5 * (y - near) / height * 4), varied(blossom, rng))
    picture = blurred(picture, rng.uniform(0.3, 1.8))
    return Scene(picture, EVENING if low else DAY, (horizon + 0.22, 0.95), lambda image, line: _grass(image, np.random.default_rng(int(line)), line, green))


def beach(size: Size, rng: np.random.Generator) -> Scene:
    """Sky, sea, foam, sand."""
    width, height = size
    horizon, shore = rng.uniform(0.3, 0.42), rng.uniform(0.5, 0.6)
    picture, low = _sky(size, rng, horizon)
    sea = varied((74, 146, 168), rng, 14)
    top, bottom = int(horizon * height), int(shore * height)
    picture.paste(gradient((width, bottom - top), darker(sea, 0.15), lighter(sea, 0.35)), (0, top))
    grain(picture, rng, 14, "along", (0, top, width, bottom))
    if chance(rng, 0.6):
        x, size_ = width * rng.uniform(0.1, 0.9), height * 0.12
        pen(picture).polygon([(x, top - size_), (x, top), (x + size_ * 0.6, top)], fill=(250, 246, 238))
        pen(picture).polygon([(x - size_ * 0.5, top + 2), (x + size_ * 0.7, top + 2), (x + size_ * 0.4, top + size_ * 0.22), (x - size_ * 0.3, top + size_ * 0.22)], fill=(150, 70, 60))
    sand = varied((226, 204, 160), rng)
    hills(picture, rng, shore + 0.02, 0.03, (246, 246, 242))
    hills(picture, rng, shore + 0.04, 0.03, darker(sand, 0.15))
    near = int((shore + 0.05) * height)
    picture.paste(gradient((width, height - near), darker(sand, 0.06), lighter(sand, 0.1)), (0, near))
    if chance(rng, 0.5):
        _umbrella(picture, rng, (width * rng.choice([0.1, 0.9]), (shore + 0.12) * height), height * 0.4)
    grain(picture, rng, 9, "slanted", (0, near, width, height))
    return Scene(blurred(picture, rng.uniform(0.3, 1.5)), EVENING if low else DAY, (shore + 0.18, 0.95))


def _umbrella(picture: Image.Image, rng: np.random.Generator, foot: tuple[float, float], size: float) -> None:
    x, y = foot
    first, second = one_of(rng, BLOSSOMS), (248, 244, 236)
    pen(picture).rectangle((x - 2, y - size, x + 2, y), fill=(230, 224, 214))
    for step in range(6):
        pen(picture).pieslice((x - size * 0.6, y - size * 1.15, x + size * 0.6, y - size * 0.35), 180 + 30 * step, 210 + 30 * step, fill=first if step % 2 else second)


def street(size: Size, rng: np.random.Generator) -> Scene:
    """Houses, a pavement, a kerb, perhaps a car."""
    width, height = size
    foot = rng.uniform(0.5, 0.64)
    picture, low = _sky(size, rng, 0.5)
    x = -rng.uniform(0, 0.2) * width
    while x < width:
        wide = rng.uniform(0.24, 0.4) * width
        _house(picture, rng, (x, height * rng.uniform(-0.05, 0.18), x + wide, foot * height))
        x += wide
    road, kerb = int(foot * height), int((foot + 0.09) * height)
    picture.paste(gradient((width, kerb - road), (118, 116, 120), (136, 134, 136)), (0, road))
    if chance(rng, 0.5):
        _car(picture, rng, (width * rng.uniform(0.1, 0.9), kerb - 2.0), width * 0.42)
    picture = blurred(picture, rng.uniform(0.8, 2.4))
    stone = varied((176, 170, 164), rng)
    picture.paste(gradient((width, height - kerb), darker(stone, 0.1), lighter(stone, 0.12)), (0, kerb))
    pen(picture).rectangle((0, kerb, width, kerb + 5), fill=lighter(stone, 0.4))
    _slabs(picture, kerb, darker(stone, 0.35))
    grain(picture, rng, 8, "slanted", (0, kerb, width, height))
    return Scene(picture, EVENING if low else SHADE if chance(rng, 0.4) else DAY, (foot + 0.2, 0.96))


def _house(picture: Image.Image, rng: np.random.Generator, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    wall = varied(one_of(rng, FACADES), rng)
    pen(picture).rectangle(box, fill=wall)
    pen(picture).polygon([(left - 4, top), (right + 4, top), ((left + right) / 2, top - 0.3 * (right - left))], fill=varied((140, 84, 72), rng))
    pane = mix((90, 110, 130), (250, 220, 140), float(rng.choice([0, 0.7])))
    for row in np.arange(0.14, 0.9, 0.3):
        for column in (0.2, 0.6):
            x, y = left + column * (right - left), top + row * (bottom - top)
            pen(picture).rectangle((x, y, x + 0.2 * (right - left), y + 0.17 * (bottom - top)), fill=pane, outline=lighter(wall, 0.6), width=2)


def _car(picture: Image.Image, rng: np.random.Generator, foot: tuple[float, float], size: float) -> None:
    x, y = foot
    paint = varied(((180, 60, 56), (70, 110, 160), (220, 216, 208), (90, 130, 100), (226, 180, 70))[rng.integers(5)], rng)
    pen(picture).rounded_rectangle((x - size * 0.3, y - size * 0.36, x + size * 0.24, y - size * 0.12), 10, fill=darker(paint, 0.1))
    pen(picture).rounded_rectangle((x - size * 0.24, y - size * 0.33, x + size * 0.18, y - size * 0.2), 6, fill=(180, 206, 216))
    pen(picture).rounded_rectangle((x - size * 0.5, y - size * 0.22, x + size * 0.5, y - size * 0.05), 9, fill=paint)
    for wheel in (-0.28, 0.28):
        blob(picture, (x + wheel * size, y - size * 0.05), (size * 0.085, size * 0.085), (46, 44, 48))
        blob(picture, (x + wheel * size, y - size * 0.05), (size * 0.04, size * 0.04), (170, 170, 174))


def _slabs(picture: Image.Image, top: int, colour: Colour) -> None:
    width, height = picture.size
    for y in top + (height - top) * np.array([0.2, 0.48, 0.85]):
        pen(picture).line((0, y, width, y), fill=(*colour, 150), width=1)
    for x in np.arange(-width, 2 * width, width / 3.5):
        pen(picture).line((x, height, width / 2 + (x - width / 2) * 0.55, top), fill=(*colour, 150), width=1)


def snow(size: Size, rng: np.random.Generator) -> Scene:
    """Snow on the hills, on the firs, in the air."""
    width, height = size
    horizon = rng.uniform(0.4, 0.58)
    picture = gradient(size, varied((160, 182, 206), rng), (226, 230, 236))
    hills(picture, rng, horizon, 0.18, (206, 216, 228))
    for _ in range(rng.integers(3, 8)):
        foot = (rng.uniform(0, width), height * (horizon + rng.uniform(0.0, 0.07)))
        fir(picture, foot, height * rng.uniform(0.2, 0.5), varied((76, 104, 96), rng), (236, 240, 244))
    near = int((horizon + 0.05) * height)
    hills(picture, rng, horizon + 0.07, 0.05, (236, 240, 246))
    picture.paste(gradient((width, height - near - 8), (236, 240, 246), (214, 222, 236)), (0, near + 8))
    grain(picture, rng, 5, "slanted", (0, near, width, height))
    picture = blurred(picture, rng.uniform(0.5, 2.0))
    seed = int(rng.integers(2**31))
    return Scene(picture, SHADE if chance(rng, 0.6) else DAY, (horizon + 0.22, 0.95), lambda image, line: _flakes(image, np.random.default_rng(seed)))


def _flakes(image: Image.Image, rng: np.random.Generator) -> None:
    for _ in range(int(rng.choice([0, 40, 90]))):
        size = rng.uniform(1.5, 5.5)
        blob(image, (rng.uniform(0, image.width), rng.uniform(0, image.height)), (size, size), (255, 255, 255), rng.uniform(0.4, 0.9))


def night(size: Size, rng: np.random.Generator) -> Scene:
    """Moon, stars, roofs with lit windows, a wall."""
    width, height = size
    picture = gradient(size, (22, 28, 58), varied((64, 72, 112), rng))
    for _ in range(60):
        blob(picture, (rng.uniform(0, width), rng.uniform(0, height * 0.5)), (0.8, 0.8), (240, 240, 220), rng.uniform(0.3, 1))
    moon = (width * rng.uniform(0.1, 0.9), height * rng.uniform(0.1, 0.25))
    glow(picture, moon, height * 0.35, (200, 210, 230), 0.5)
    blob(picture, moon, (height * 0.06, height * 0.06), (246, 242, 222))
    x = -0.1 * width
    while x < width:
        wide, top = rng.uniform(0.18, 0.32) * width, rng.uniform(0.36, 0.55) * height
        dark = varied((38, 42, 66), rng, 5)
        pen(picture).polygon([(x, height), (x, top), (x + wide / 2, top - 0.14 * height), (x + wide, top), (x + wide, height)], fill=dark)
        for column in (0.2, 0.6):
            if chance(rng, 0.6):
                pen(picture).rectangle((x + column * wide, top + 8, x + (column + 0.18) * wide, top + 8 + 0.07 * height), fill=(246, 206, 120))
        x += wide
    picture = blurred(picture, rng.uniform(0.5, 1.8))
    wall = varied((92, 90, 112), rng)
    near = int(height * rng.uniform(0.68, 0.76))
    picture.paste(gradient((width, height - near), wall, darker(wall, 0.35)), (0, near))
    _bricks(picture, near, darker(wall, 0.4))
    return Scene(picture, MOON, (near / height + 0.06, 0.95))


def _bricks(picture: Image.Image, top: int, colour: Colour) -> None:
    step = picture.height * 0.055
    for row, y in enumerate(np.arange(top, picture.height, step)):
        pen(picture).line((0, y, picture.width, y), fill=(*colour, 170), width=1)
        for x in np.arange((row % 2) * step, picture.width, 2 * step):
            pen(picture).line((x, y, x, y + step), fill=(*colour, 170), width=1)


def autumn(size: Size, rng: np.random.Generator) -> Scene:
    """A park with coloured trees and fallen leaves."""
    width, height = size
    horizon = rng.uniform(0.45, 0.6)
    picture = gradient(size, varied((196, 208, 214), rng), (240, 230, 206))
    leaves: tuple[Colour, ...] = ((206, 120, 50), (222, 166, 70), (176, 78, 50), (156, 130, 70))
    for _ in range(rng.integers(4, 9)):
        tree(picture, rng, (rng.uniform(0, width), (horizon + 0.04) * height), height * rng.uniform(0.3, 0.6), one_of(rng, leaves), (92, 70, 58))
    earth = varied((168, 150, 104), rng)
    near = int(horizon * height)
    picture.paste(gradient((width, height - near), darker(earth, 0.12), lighter(earth, 0.1)), (0, near))
    grain(picture, rng, 16, "slanted", (0, near, width, height))
    for _ in range(80):
        x, share = rng.uniform(0, width), rng.random()
        y = near + share * (height - near)
        blob(picture, (x, y), (1.5 + 4 * share, 1 + 2.2 * share), varied(one_of(rng, leaves), rng))
    return Scene(blurred(picture, rng.uniform(0.4, 1.6)), EVENING if chance(rng, 0.4) else SHADE, (horizon + 0.2, 0.95))


def garden(size: Size, rng: np.random.Generator) -> Scene:
    """A fence with flowers before it, and a lawn."""
    width, height = size
    foot = rng.uniform(0.52, 0.64)
    picture, low = _sky(size, rng, 0.4)
    hills(picture, rng, 0.35, 0.2, varied((104, 140, 92), rng))
    board = varied(((236, 230, 218), (170, 126, 88), (120, 140, 150))[rng.integers(3)], rng)
    step = width / rng.uniform(9, 14)
    for x in np.arange(0, width, step):
        top = height * 0.2
        pen(picture).polygon([(x, foot * height), (x, top + 8), (x + step * 0.4, top), (x + step * 0.8, top + 8), (x + step * 0.8, foot * height)], fill=varied(board, rng, 4))
    for y in (0.3, 0.46):
        pen(picture).rectangle((0, y * height, width, (y + 0.03) * height), fill=darker(board, 0.12))
    for _ in range(rng.integers(4, 14)):
        _flower(picture, rng, (rng.uniform(0, width), (foot + 0.03) * height), height * rng.uniform(0.1, 0.3))
    green = varied((110, 156, 84), rng)
    near = int(foot * height)
    picture.paste(gradient((width, height - near), darker(green, 0.1), green), (0, near))
    grain(picture, rng, 22, "down", (0, near, width, height))
    picture = blurred(picture, rng.uniform(0.4, 1.6))
    return Scene(picture, EVENING if low else DAY, (foot + 0.16, 0.95), lambda image, line: _grass(image, np.random.default_rng(int(line)), line, green))


def _flower(picture: Image.Image, rng: np.random.Generator, foot: tuple[float, float], size: float) -> None:
    x, y = foot
    petal = varied(one_of(rng, BLOSSOMS), rng)
    pen(picture).line((x, y, x, y - size), fill=(84, 124, 70), width=2)
    for angle in np.linspace(0, 2 * np.pi, 7)[:-1]:
        blob(picture, (x + np.cos(angle) * size * 0.16, y - size + np.sin(angle) * size * 0.16), (size * 0.11, size * 0.11), petal)
    blob(picture, (x, y - size), (size * 0.09, size * 0.09), (150, 96, 50))


def wood(size: Size, rng: np.random.Generator) -> Scene:
    """Trunks, a path, sun between the leaves."""
    width, height = size
    horizon = rng.uniform(0.48, 0.62)
    picture = gradient(size, varied((126, 156, 108), rng), (206, 214, 160))
    for depth in (0.35, 0.6, 1.0):
        for x in rng.uniform(0, width, 6):
            thick = width * 0.03 * depth * rng.uniform(0.7, 1.5)
            bark = mix((190, 200, 160), varied((94, 78, 64), rng), depth)
            pen(picture).rectangle((x - thick, 0, x + thick, (horizon + 0.06 * depth) * height), fill=bark)
    for _ in range(26):
        spot = (rng.uniform(0, width), rng.uniform(-0.05, 0.22) * height)
        blob(picture, spot, (width * 0.09, height * 0.06), varied((90, 132, 70), rng, 16), 0.8)
    for _ in range(7):
        glow(picture, (rng.uniform(0, width), rng.uniform(0, 0.5) * height), height * rng.uniform(0.05, 0.16), (255, 250, 206), 0.5)
    earth = varied((142, 132, 88), rng)
    near = int((horizon + 0.02) * height)
    picture.paste(gradient((width, height - near), darker(earth, 0.2), earth), (0, near))
    grain(picture, rng, 20, "slanted", (0, near, width, height))
    return Scene(blurred(picture, rng.uniform(0.8, 2.2)), SHADE if chance(rng, 0.5) else DAY, (horizon + 0.2, 0.95))
