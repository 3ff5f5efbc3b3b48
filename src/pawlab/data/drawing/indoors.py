"""Rooms: wall and floor, sofa, window sill, bed, kitchen, studio."""

import numpy as np
from PIL import Image

from pawlab.data.drawing import art
from pawlab.data.drawing.art import Scene, Size
from pawlab.data.drawing.colours import Colour, darker, lighter, varied
from pawlab.data.drawing.furniture import (
    CLOTHS,
    ON_THE_WALL,
    WALLS,
    WOODS,
    curtain,
    cushions,
    picture_frame,
    pillow,
    wallpaper,
    window,
)
from pawlab.data.drawing.landscape import ground, tree
from pawlab.data.drawing.light import DAY, LAMP, SHADE


def room(size: Size, rng: np.random.Generator) -> Scene:
    """A wall with things on it or before it, and a floor."""
    (width, height), wall = size, varied(art.one_of(rng, WALLS), rng)
    floor = int(height * rng.uniform(0.58, 0.76))
    picture = art.gradient(size, lighter(wall, 0.15), darker(wall, 0.08))
    wallpaper(picture, rng, wall, floor)
    for _ in range(rng.integers(1, 3)):
        ON_THE_WALL[rng.integers(len(ON_THE_WALL))](picture, rng, floor)
    _floor(picture, rng, floor)
    art.pen(picture).rectangle((0, floor - height * 0.035, width, floor), fill=lighter(wall, 0.45))
    picture = art.blurred(picture, rng.uniform(0.4, 1.8))
    if art.chance(rng, 0.5):
        _rug(picture, rng, floor)
    return Scene(picture, LAMP if art.chance(rng, 0.5) else SHADE, (floor / height + 0.10, 0.96))


def _floor(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    """Lay floorboards away from us or across, or a carpet."""
    (width, height), kind = picture.size, rng.integers(3)
    colour = varied(art.one_of(rng, WOODS if kind < 2 else CLOTHS), rng)
    hair, strength = (("down", 14), ("along", 14), ("along", 8))[kind]
    ground(picture, rng, floor / height, darker(colour, 0.18), lighter(colour, 0.08), strength, hair)
    if kind == 0:
        _planks(picture, rng, floor, darker(colour, 0.4))
    elif kind == 1:
        for share in (0.06, 0.16, 0.32, 0.55, 0.85):
            y = floor + (height - floor) * share
            art.pen(picture).line((0, y, width, y), fill=(*darker(colour, 0.4), 160), width=1)


def _planks(picture: Image.Image, rng: np.random.Generator, floor: int, colour: Colour) -> None:
    """Draw the joints of floorboards, which meet far behind the wall."""
    width, height = picture.size
    vanish = (width * rng.uniform(0.3, 0.7), floor - height * 0.5)
    for x in np.arange(-2 * width, 3 * width, width / 5):
        far = x + (vanish[0] - x) * (height - floor) / (height - vanish[1])
        art.pen(picture).line((x, height, far, floor), fill=(*colour, 170), width=1)


def _rug(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    width, height = picture.size
    centre = (width * rng.uniform(0.4, 0.6), (floor + height) / 2 + height * 0.05)
    radii = (width * rng.uniform(0.35, 0.55), (height - floor) * 0.42)
    first, second = varied(art.one_of(rng, CLOTHS), rng), varied(art.one_of(rng, CLOTHS), rng)
    for share, colour in ((1.0, darker(first, 0.25)), (0.95, first), (0.75, second), (0.68, lighter(first, 0.15))):
        art.blob(picture, centre, (radii[0] * share, radii[1] * share), colour)


def sofa(size: Size, rng: np.random.Generator) -> Scene:
    """A sofa from the front, the animal on its seat."""
    width, height = size
    cloth, wall = varied(art.one_of(rng, CLOTHS), rng), varied(art.one_of(rng, WALLS), rng)
    picture = art.gradient(size, lighter(wall, 0.2), wall)
    wallpaper(picture, rng, wall, height)
    if art.chance(rng, 0.6):
        picture_frame(picture, rng, int(height * 0.5))
    picture = art.blurred(picture, rng.uniform(0.8, 2.0))
    seat = height * rng.uniform(0.60, 0.72)
    back = seat - height * rng.uniform(0.35, 0.5)
    cushions(picture, cloth, (0, back, width, seat + 8), int(rng.integers(2, 4)))
    if art.chance(rng, 0.7):
        pillow(picture, rng, (width * rng.choice([0.12, 0.88]), seat), height * 0.16)
    cushions(picture, lighter(cloth, 0.10), (0, seat, width, height * 1.02), int(rng.integers(1, 3)))
    art.grain(picture, rng, 7, "slanted", (0, int(back), width, height))
    low = seat / height
    return Scene(picture, LAMP if art.chance(rng, 0.6) else SHADE, (low + 0.07, min(0.97, low + 0.2)))


def sill(size: Size, rng: np.random.Generator) -> Scene:
    """A window from inside, the animal on the sill."""
    (width, height), wall = size, varied(art.one_of(rng, WALLS), rng)
    foot = int(height * rng.uniform(0.74, 0.84))
    picture = art.gradient(size, wall, darker(wall, 0.1))
    frame = lighter(art.one_of(rng, WOODS), float(rng.choice([0.1, 0.75])))
    window(picture, rng, (width * 0.1, height * 0.03, width * 0.9, foot - 4), frame)
    picture = art.blurred(picture, rng.uniform(0.8, 2.2))
    for left, right in ((-0.05, 0.14), (0.86, 1.05)):
        if art.chance(rng, 0.7):
            cloth = varied(art.one_of(rng, CLOTHS), rng)
            curtain(picture, (left * width, 0, right * width, height * 0.95), cloth)
    picture.paste(art.gradient((width, height - foot), lighter(frame, 0.2), frame), (0, foot))
    art.pen(picture).rectangle((0, height * 0.97, width, height), fill=darker(frame, 0.35))
    return Scene(picture, DAY if art.chance(rng, 0.7) else SHADE, (foot / height + 0.04, 0.94))


def bed(size: Size, rng: np.random.Generator) -> Scene:
    """A bed with a checked blanket, pillows behind."""
    (width, height), edge = size, int(size[1] * rng.uniform(0.38, 0.55))
    cloth, wall = varied(art.one_of(rng, CLOTHS), rng), varied(art.one_of(rng, WALLS), rng)
    picture = art.gradient(size, wall, darker(wall, 0.15))
    board = (width * 0.03, edge * 0.35, width * 0.97, height)
    art.pen(picture).rounded_rectangle(board, 18, fill=darker(art.one_of(rng, WOODS), 0.1))
    linen = lighter(varied(art.one_of(rng, CLOTHS), rng), 0.6)
    for left in (0.07, 0.53):
        head = (left * width, edge * 0.62, (left + 0.4) * width, edge * 1.25)
        art.pen(picture).rounded_rectangle(head, 20, fill=linen)
    picture = art.blurred(picture, rng.uniform(0.8, 1.8))
    ground(picture, rng, edge / height, darker(cloth, 0.12), lighter(cloth, 0.1), 9, "slanted")
    _checks(picture, rng, edge, varied(art.one_of(rng, CLOTHS), rng))
    return Scene(picture, LAMP if art.chance(rng, 0.5) else DAY, (edge / height + 0.22, 0.95))


def _checks(picture: Image.Image, rng: np.random.Generator, edge: int, colour: Colour) -> None:
    (width, height), tint = picture.size, (*colour, 90)
    step = width / rng.uniform(5, 9)
    for x in np.arange(-width, 2 * width, step):
        far = width / 2 + (x - width / 2) * 0.6
        band = [(far, edge), (far + step * 0.25, edge), (x + step * 0.4, height), (x, height)]
        art.pen(picture).polygon(band, fill=tint)
    y = float(edge)
    while y < height:
        thick = 4 + 16 * (y - edge) / (height - edge)
        art.pen(picture).rectangle((0, y, width, y + thick * 0.6), fill=tint)
        y += thick * 1.7


def kitchen(size: Size, rng: np.random.Generator) -> Scene:
    """Tiles, cupboards and a chequered floor."""
    (width, height), floor = size, int(size[1] * rng.uniform(0.55, 0.68))
    picture = art.gradient(size, (236, 232, 224), (214, 210, 204))
    step, joint = width / rng.uniform(8, 12), (190, 186, 182, 150)
    for x in np.arange(0, width, step):
        art.pen(picture).line((x, 0, x, floor), fill=joint, width=1)
    for y in np.arange(0, floor, step):
        art.pen(picture).line((0, y, width, y), fill=joint, width=1)
    _cupboards(picture, floor, varied(art.one_of(rng, CLOTHS), rng))
    art.pen(picture).rectangle((0, floor * 0.40, width, floor * 0.46), fill=art.one_of(rng, WOODS))
    picture = art.blurred(picture, rng.uniform(0.6, 1.6))
    _chequers(picture, floor, varied(art.one_of(rng, CLOTHS), rng))
    return Scene(picture, SHADE if art.chance(rng, 0.5) else LAMP, (floor / height + 0.13, 0.96))


def _cupboards(picture: Image.Image, floor: int, front: Colour) -> None:
    width = picture.width
    for x in np.arange(-0.2 * width, width, 0.36 * width):
        panel = (x + 6, floor * 0.52, x + 0.34 * width - 6, floor - 8)
        art.pen(picture).rectangle((x, floor * 0.45, x + 0.34 * width, floor), fill=front)
        art.pen(picture).rectangle(panel, outline=darker(front, 0.3), width=2)
        art.blob(picture, (x + 0.28 * width, floor * 0.7), (4, 4), (230, 220, 190))


def _chequers(picture: Image.Image, floor: int, dark: Colour) -> None:
    width, height = picture.size
    art.pen(picture).rectangle((0, floor, width, height), fill=(232, 226, 214))
    depth = np.array([0, 0.12, 0.29, 0.54, 0.9, 1.4])
    rows, wide = floor + (height - floor) * depth, width * 0.22 * (0.9 * depth + 0.6)
    for row in range(5):
        for column in range(-7 + row % 2, 7, 2):
            around = ((column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1))
            tile = [(width / 2 + across * wide[down], rows[down]) for across, down in around]
            art.pen(picture).polygon(tile, fill=dark)


def studio(size: Size, rng: np.random.Generator) -> Scene:
    """A sheet of coloured paper, as photographers hang it."""
    (width, height), colour = size, varied(art.one_of(rng, WALLS + CLOTHS), rng)
    picture = art.gradient(size, lighter(colour, 0.12), colour)
    art.glow(picture, (width * rng.uniform(0.3, 0.7), height * 0.4), width * 0.8, lighter(colour, 0.5), 0.8)
    picture.paste(art.gradient((width, height // 4), colour, lighter(colour, 0.2)), (0, height - height // 4))
    if art.chance(rng, 0.3):
        tree(picture, rng, (width * 0.9, height * 0.8), height * 0.5, (110, 140, 104))
    return Scene(art.blurred(picture, 3), LAMP if art.chance(rng, 0.5) else DAY, (0.85, 0.95))
