"""Rooms: wall and floor, sofa, window sill, bed, kitchen, studio."""

import numpy as np
from PIL import Image

from pawlab.data.drawing.colours import Colour, darker, lighter, mix, varied
from pawlab.data.drawing.outdoors import view_outside
from pawlab.data.drawing.scenery import (
    DAY, LAMP, SHADE, Scene, Size, blob, blurred, chance, glow, gradient, grain, one_of, pen, tree,
)

WALLS: tuple[Colour, ...] = (
    (226, 214, 194), (196, 208, 204), (214, 190, 178), (176, 190, 206), (222, 206, 160), (168, 178, 156), (206, 200, 204), (150, 130, 140), (120, 140, 150),
)
WOODS: tuple[Colour, ...] = ((178, 128, 84), (150, 104, 68), (206, 168, 122), (112, 80, 58), (190, 176, 160))
CLOTHS: tuple[Colour, ...] = (
    (96, 128, 150), (170, 92, 80), (206, 170, 96), (110, 136, 104), (150, 140, 134), (92, 84, 108), (214, 196, 170), (188, 124, 132), (70, 110, 116),
)


def room(size: Size, rng: np.random.Generator) -> Scene:
    """A wall with things on it or before it, and a floor."""
    width, height = size
    floor = int(height * rng.uniform(0.58, 0.76))
    picture = gradient(size, lighter(wall := varied(one_of(rng, WALLS), rng), 0.15), darker(wall, 0.08))
    _wallpaper(picture, rng, wall, floor)
    for _ in range(rng.integers(1, 3)):
        (_picture_frame, _shelf, _lamp, _plant, _curtained_window)[rng.integers(5)](picture, rng, floor)
    _floor(picture, rng, floor)
    pen(picture).rectangle((0, floor - height * 0.035, width, floor), fill=lighter(wall, 0.45))
    picture = blurred(picture, rng.uniform(0.4, 1.8))
    if chance(rng, 0.5):
        _rug(picture, rng, floor)
    return Scene(picture, LAMP if chance(rng, 0.5) else SHADE, (floor / height + 0.10, 0.96))


def _wallpaper(picture: Image.Image, rng: np.random.Generator, wall: Colour, floor: int) -> None:
    kind, step = rng.integers(4), picture.width / rng.uniform(7, 14)
    tint = mix(wall, (255, 255, 255) if chance(rng, 0.5) else (60, 50, 60), 0.12)
    if kind == 0:
        for x in np.arange(0, picture.width, step):
            pen(picture).rectangle((x, 0, x + step / 2, floor), fill=tint)
    elif kind == 1:
        for row, y in enumerate(np.arange(0, floor, step)):
            for x in np.arange((row % 2) * step / 2, picture.width, step):
                blob(picture, (x, y), (step * 0.12, step * 0.12), tint)
    elif kind == 2:
        for y in np.arange(floor % 26, floor, 26):
            pen(picture).line((0, y, picture.width, y), fill=tint, width=2)


def _floor(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    width, height = picture.size
    kind, wood = rng.integers(3), varied(one_of(rng, WOODS), rng)
    colour = wood if kind < 2 else varied(one_of(rng, CLOTHS), rng)
    picture.paste(gradient((width, height - floor), darker(colour, 0.18), lighter(colour, 0.08)), (0, floor))
    if kind == 0:
        _planks(picture, rng, floor, darker(colour, 0.4))
    elif kind == 1:
        for y in floor + (height - floor) * np.array([0.06, 0.16, 0.32, 0.55, 0.85]):
            pen(picture).line((0, y, width, y), fill=(*darker(colour, 0.4), 160), width=1)
    grain(picture, rng, 8 if kind == 2 else 14, "down" if kind == 0 else "along", (0, floor, width, height))


def _planks(picture: Image.Image, rng: np.random.Generator, floor: int, colour: Colour) -> None:
    """Draw the joints of floorboards, which meet far behind the wall."""
    width, height = picture.size
    vanish = (width * rng.uniform(0.3, 0.7), floor - height * 0.5)
    for x in np.arange(-2 * width, 3 * width, width / 5):
        near = x + (vanish[0] - x) * (height - floor) / (height - vanish[1])
        pen(picture).line((x, height, near, floor), fill=(*colour, 170), width=1)


def _rug(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    width, height = picture.size
    centre = (width * rng.uniform(0.4, 0.6), (floor + height) / 2 + height * 0.05)
    radii = (width * rng.uniform(0.35, 0.55), (height - floor) * 0.42)
    first, second = varied(one_of(rng, CLOTHS), rng), varied(one_of(rng, CLOTHS), rng)
    for share, colour in ((1.0, darker(first, 0.25)), (0.95, first), (0.75, second), (0.68, lighter(first, 0.15))):
        blob(picture, centre, (radii[0] * share, radii[1] * share), colour)


def _picture_frame(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    w, h = picture.width * rng.uniform(0.12, 0.24), floor * rng.uniform(0.25, 0.4)
    x, y = rng.uniform(0, picture.width - w), rng.uniform(0.04, 0.3) * floor
    pen(picture).rectangle((x, y, x + w, y + h), fill=one_of(rng, WOODS))
    edge = 0.1 * min(w, h)
    view = view_outside((max(4, int(w - 2 * edge)), max(4, int(h - 2 * edge))), rng)
    picture.paste(view, (int(x + edge), int(y + edge)))


def _shelf(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    w, x = picture.width * rng.uniform(0.3, 0.5), rng.uniform(-0.1, 0.75) * picture.width
    wood = one_of(rng, WOODS)
    for y in np.arange(0.18, 1.0, 0.27) * floor:
        pen(picture).rectangle((x, y - 0.25 * floor, x + w, y), fill=darker(wood, 0.45))
        place = x + 3
        while place < x + w - 8:
            thick = rng.uniform(0.015, 0.035) * picture.width
            book = varied(one_of(rng, CLOTHS), rng, 16)
            pen(picture).rectangle((place, y - floor * rng.uniform(0.13, 0.21), place + thick, y), fill=book)
            place += thick + (rng.uniform(4, 20) if chance(rng, 0.2) else 1)
        pen(picture).rectangle((x, y, x + w, y + 0.02 * floor), fill=wood)


def _lamp(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    x, size = rng.uniform(0.05, 0.95) * picture.width, floor * 0.2
    top = floor * rng.uniform(0.12, 0.3)
    pen(picture).rectangle((x - 2, top, x + 2, floor), fill=(70, 60, 56))
    glow(picture, (x, top + size * 0.4), size * 2.6, (255, 226, 160), 0.55)
    shade = [(x - size * 0.35, top), (x + size * 0.35, top), (x + size * 0.6, top + size * 0.8), (x - size * 0.6, top + size * 0.8)]
    pen(picture).polygon(shade, fill=(250, 226, 176))


def _plant(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    x, size = rng.uniform(0.05, 0.95) * picture.width, floor * rng.uniform(0.35, 0.6)
    green = varied((86, 128, 80), rng)
    for angle in np.linspace(-1.2, 1.2, 9):
        tip = (x + np.sin(angle) * size * 0.6, floor - 0.3 * size - np.cos(angle) * size * 0.7)
        middle = (x + np.sin(angle) * size * 0.4, floor - 0.3 * size - np.cos(angle) * size * 0.3)
        pen(picture).polygon([(x, floor - 0.3 * size), middle, tip, (middle[0] + size * 0.1, middle[1])], fill=varied(green, rng, 14))
    pot = varied((186, 106, 72), rng)
    half = 0.17 * size
    pen(picture).polygon([(x - half, floor - 0.36 * size), (x + half, floor - 0.36 * size), (x + 0.7 * half, floor), (x - 0.7 * half, floor)], fill=pot)


def _curtained_window(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    w, h = picture.width * rng.uniform(0.25, 0.4), floor * rng.uniform(0.5, 0.7)
    x, y = rng.uniform(0, picture.width - w), floor * 0.06
    _window(picture, rng, (x, y, x + w, y + h), lighter(one_of(rng, WOODS), 0.7))
    _curtain(picture, rng, (x - 0.25 * w, 0, x + 0.12 * w, floor * 0.92), varied(one_of(rng, CLOTHS), rng))


def _window(picture: Image.Image, rng: np.random.Generator, box: tuple[float, float, float, float], frame: Colour) -> None:
    left, top, right, bottom = (int(value) for value in box)
    edge = max(3, (right - left) // 28)
    pen(picture).rectangle((left - edge, top - edge, right + edge, bottom + edge), fill=frame)
    picture.paste(view_outside((max(4, right - left), max(4, bottom - top)), rng), (left, top))
    middle = (left + right) // 2
    pen(picture).rectangle((middle - edge // 2, top, middle + edge // 2, bottom), fill=frame)
    bar = top + (bottom - top) // 3
    pen(picture).rectangle((left, bar - edge // 3, right, bar + edge // 3), fill=frame)


def _curtain(picture: Image.Image, rng: np.random.Generator, box: tuple[float, float, float, float], colour: Colour) -> None:
    left, top, right, bottom = box
    folds = 7
    for fold in range(folds):
        x = left + (right - left) * fold / folds
        tint = mix(lighter(colour, 0.2), darker(colour, 0.3), 0.5 + 0.5 * np.sin(fold * 2.2))
        pen(picture).polygon([(x, top), (x + (right - left) / folds + 1, top), (x + (right - left) / folds + 1, bottom), (x, bottom)], fill=tint)


def sofa(size: Size, rng: np.random.Generator) -> Scene:
    """A sofa from the front, the animal on its seat."""
    width, height = size
    cloth, wall = varied(one_of(rng, CLOTHS), rng), varied(one_of(rng, WALLS), rng)
    picture = gradient(size, lighter(wall, 0.2), wall)
    _wallpaper(picture, rng, wall, height)
    if chance(rng, 0.6):
        _picture_frame(picture, rng, int(height * 0.5))
    picture = blurred(picture, rng.uniform(0.8, 2.0))
    seat = height * rng.uniform(0.60, 0.72)
    back = seat - height * rng.uniform(0.35, 0.5)
    _cushions(picture, cloth, (0, back, width, seat + 8), count=int(rng.integers(2, 4)))
    if chance(rng, 0.7):
        _pillow(picture, rng, (width * rng.choice([0.12, 0.88]), seat), height * 0.16)
    _cushions(picture, lighter(cloth, 0.10), (0, seat, width, height * 1.02), count=int(rng.integers(1, 3)))
    grain(picture, rng, 7, "slanted", (0, int(back), width, height))
    return Scene(picture, LAMP if chance(rng, 0.6) else SHADE, (seat / height + 0.07, min(0.97, seat / height + 0.2)))


def _cushions(picture: Image.Image, cloth: Colour, box: tuple[float, float, float, float], count: int) -> None:
    left, top, right, bottom = box
    wide = (right - left) / count
    pen(picture).rectangle((left, top + 0.1 * (bottom - top), right, bottom), fill=darker(cloth, 0.45))
    for step in range(count):
        for inset, tone in ((0, darker(cloth, 0.22)), (3, darker(cloth, 0.1)), (7, cloth), (14, lighter(cloth, 0.06))):
            corners = (left + wide * step + 1 + inset, top + inset, left + wide * (step + 1) - 1 - inset, bottom - inset)
            if corners[2] > corners[0] and corners[3] > corners[1]:
                pen(picture).rounded_rectangle(corners, radius=14, fill=tone)


def _pillow(picture: Image.Image, rng: np.random.Generator, foot: tuple[float, float], size: float) -> None:
    colour = varied(one_of(rng, CLOTHS), rng)
    (x, y), lean = foot, rng.uniform(-0.3, 0.3)
    corners = [(-1, -1.9), (1, -1.9), (1.05, 0.1), (-1.05, 0.1)]
    points = [(x + size * (a * np.cos(lean) - b * np.sin(lean) * 0.4), y + size * (b * 0.85 + a * np.sin(lean) * 0.4)) for a, b in corners]
    pen(picture).polygon(points, fill=colour)
    for share in np.linspace(0.2, 0.8, 4):
        start = tuple(points[0][i] + (points[1][i] - points[0][i]) * share for i in (0, 1))
        end = tuple(points[3][i] + (points[2][i] - points[3][i]) * share for i in (0, 1))
        pen(picture).line((start[0], start[1], end[0], end[1]), fill=(*lighter(colour, 0.4), 180), width=3)


def sill(size: Size, rng: np.random.Generator) -> Scene:
    """A window from inside, the animal on the sill."""
    width, height = size
    foot = int(height * rng.uniform(0.74, 0.84))
    wall = varied(one_of(rng, WALLS), rng)
    picture = gradient(size, wall, darker(wall, 0.1))
    frame = lighter(one_of(rng, WOODS), rng.choice([0.1, 0.75]))
    _window(picture, rng, (width * 0.1, height * 0.03, width * 0.9, foot - 4), frame)
    picture = blurred(picture, rng.uniform(0.8, 2.2))
    for left, right in ((-0.05, 0.14), (0.86, 1.05)):
        if chance(rng, 0.7):
            _curtain(picture, rng, (left * width, 0, right * width, height * 0.95), varied(one_of(rng, CLOTHS), rng))
    picture.paste(gradient((width, height - foot), lighter(frame, 0.2), frame), (0, foot))
    pen(picture).rectangle((0, height * 0.97, width, height), fill=darker(frame, 0.35))
    return Scene(picture, DAY if chance(rng, 0.7) else SHADE, (foot / height + 0.04, 0.94))


def bed(size: Size, rng: np.random.Generator) -> Scene:
    """A bed or blanket with checks, a pillow behind."""
    width, height = size
    edge = int(height * rng.uniform(0.38, 0.55))
    cloth, wall = varied(one_of(rng, CLOTHS), rng), varied(one_of(rng, WALLS), rng)
    picture = gradient(size, wall, darker(wall, 0.15))
    pen(picture).rounded_rectangle((width * 0.03, edge * 0.35, width * 0.97, height), 18, fill=darker(one_of(rng, WOODS), 0.1))
    pillow = lighter(varied(one_of(rng, CLOTHS), rng), 0.6)
    for x in (0.27, 0.73):
        pen(picture).rounded_rectangle(((x - 0.2) * width, edge * 0.62, (x + 0.2) * width, edge * 1.25), 20, fill=pillow)
    picture = blurred(picture, rng.uniform(0.8, 1.8))
    picture.paste(gradient((width, height - edge), darker(cloth, 0.12), lighter(cloth, 0.1)), (0, edge))
    _checks(picture, rng, edge, varied(one_of(rng, CLOTHS), rng))
    grain(picture, rng, 9, "slanted", (0, edge, width, height))
    return Scene(picture, LAMP if chance(rng, 0.5) else DAY, (edge / height + 0.22, 0.95))


def _checks(picture: Image.Image, rng: np.random.Generator, edge: int, colour: Colour) -> None:
    width, height = picture.size
    step = width / rng.uniform(5, 9)
    for x in np.arange(-width, 2 * width, step):
        far = width / 2 + (x - width / 2) * 0.6
        pen(picture).polygon([(far, edge), (far + step * 0.25, edge), (x + step * 0.4, height), (x, height)], fill=(*colour, 90))
    y = float(edge)
    while y < height:
        thick = 4 + 16 * (y - edge) / (height - edge)
        pen(picture).rectangle((0, y, width, y + thick * 0.6), fill=(*colour, 90))
        y += thick * 1.7


def kitchen(size: Size, rng: np.random.Generator) -> Scene:
    """Tiles, cupboards and a chequered floor."""
    width, height = size
    floor = int(height * rng.uniform(0.55, 0.68))
    front = varied(one_of(rng, CLOTHS), rng)
    picture = gradient(size, (236, 232, 224), (214, 210, 204))
    step = width / rng.uniform(8, 12)
    for x in np.arange(0, width, step):
        pen(picture).line((x, 0, x, floor), fill=(190, 186, 182, 150), width=1)
    for y in np.arange(0, floor, step):
        pen(picture).line((0, y, width, y), fill=(190, 186, 182, 150), width=1)
    for x in np.arange(-0.2 * width, width, 0.36 * width):
        pen(picture).rectangle((x, floor * 0.45, x + 0.34 * width, floor), fill=front)
        pen(picture).rectangle((x + 6, floor * 0.52, x + 0.34 * width - 6, floor - 8), outline=darker(front, 0.3), width=2)
        blob(picture, (x + 0.28 * width, floor * 0.7), (4, 4), (230, 220, 190))
    pen(picture).rectangle((0, floor * 0.40, width, floor * 0.46), fill=one_of(rng, WOODS))
    picture = blurred(picture, rng.uniform(0.6, 1.6))
    _chequers(picture, rng, floor)
    return Scene(picture, SHADE if chance(rng, 0.5) else LAMP, (floor / height + 0.13, 0.96))


def _chequers(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    width, height = picture.size
    pale, dark = (232, 226, 214), varied(one_of(rng, CLOTHS), rng)
    rows = floor + (height - floor) * np.array([0, 0.12, 0.29, 0.54, 0.9, 1.4])
    pen(picture).rectangle((0, floor, width, height), fill=pale)
    spread = (rows - floor) / (height - floor) * 0.9 + 0.6
    for row in range(5):
        for column in range(-7, 7):
            if (row + column) % 2 == 0:
                quad = [(width / 2 + (column + side) * width * 0.22 * spread[row + down], rows[row + down]) for side, down in ((0, 0), (1, 0), (1, 1), (0, 1))]
                pen(picture).polygon(quad, fill=dark)


def studio(size: Size, rng: np.random.Generator) -> Scene:
    """A sheet of coloured paper, as photographers hang it."""
    colour = varied(one_of(rng, WALLS + CLOTHS), rng)
    picture = gradient(size, lighter(colour, 0.12), colour)
    glow(picture, (size[0] * rng.uniform(0.3, 0.7), size[1] * 0.4), size[0] * 0.8, lighter(colour, 0.5), 0.8)
    picture.paste(gradient((size[0], size[1] // 4), colour, lighter(colour, 0.2)), (0, size[1] - size[1] // 4))
    if chance(rng, 0.3):
        tree(picture, rng, (size[0] * 0.9, size[1] * 0.8), size[1] * 0.5, (110, 140, 104), (120, 90, 70))
    return Scene(blurred(picture, 3), LAMP if chance(rng, 0.5) else DAY, (0.85, 0.95))
