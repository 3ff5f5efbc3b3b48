"""Things on a wall and before it. `floor`: the pixel row where the wall ends."""

import numpy as np
from PIL import Image

from pawlab.data.drawing import art
from pawlab.data.drawing.colours import Colour, darker, lighter, mix, varied
from pawlab.data.drawing.landscape import view_outside

Box = tuple[float, float, float, float]  # left, top, right, bottom

WALLS: tuple[Colour, ...] = (
    *((226, 214, 194), (196, 208, 204), (214, 190, 178), (176, 190, 206), (222, 206, 160)),
    *((168, 178, 156), (206, 200, 204), (150, 130, 140), (120, 140, 150)),
)
WOODS: tuple[Colour, ...] = ((178, 128, 84), (150, 104, 68), (206, 168, 122), (112, 80, 58), (190, 176, 160))
CLOTHS: tuple[Colour, ...] = (
    *((96, 128, 150), (170, 92, 80), (206, 170, 96), (110, 136, 104), (150, 140, 134)),
    *((92, 84, 108), (214, 196, 170), (188, 124, 132), (70, 110, 116)),
)


def wallpaper(picture: Image.Image, rng: np.random.Generator, wall: Colour, floor: int) -> None:
    """Print stripes, dots or boards on a wall, or nothing."""
    kind, step = rng.integers(4), picture.width / rng.uniform(7, 14)
    tint = mix(wall, (255, 255, 255) if art.chance(rng, 0.5) else (60, 50, 60), 0.12)
    if kind == 0:
        for x in np.arange(0, picture.width, step):
            art.pen(picture).rectangle((x, 0, x + step / 2, floor), fill=tint)
    elif kind == 1:
        for row, y in enumerate(np.arange(0, floor, step)):
            for x in np.arange((row % 2) * step / 2, picture.width, step):
                art.blob(picture, (x, y), (step * 0.12, step * 0.12), tint)
    elif kind == 2:
        for y in range(floor % 26, floor, 26):
            art.pen(picture).line((0, y, picture.width, y), fill=tint, width=2)


def picture_frame(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    """Hang a landscape on the wall."""
    wide, tall = picture.width * rng.uniform(0.12, 0.24), floor * rng.uniform(0.25, 0.4)
    x, y = rng.uniform(0, picture.width - wide), rng.uniform(0.04, 0.3) * floor
    edge = 0.1 * min(wide, tall)
    art.pen(picture).rectangle((x, y, x + wide, y + tall), fill=art.one_of(rng, WOODS))
    view = view_outside((max(4, int(wide - 2 * edge)), max(4, int(tall - 2 * edge))), rng)
    picture.paste(view, (int(x + edge), int(y + edge)))


def shelf(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    """Put up shelves full of books."""
    wide, left = picture.width * rng.uniform(0.3, 0.5), rng.uniform(-0.1, 0.75) * picture.width
    wood, board = art.one_of(rng, WOODS), 0.02 * floor
    for y in np.array([0.18, 0.45, 0.72, 0.99]) * floor:
        art.pen(picture).rectangle((left, y - 0.25 * floor, left + wide, y), fill=darker(wood, 0.45))
        _row_of_books(picture, rng, (left + 3, y - 0.21 * floor, left + wide - 8, y))
        art.pen(picture).rectangle((left, y, left + wide, y + board), fill=wood)


def _row_of_books(picture: Image.Image, rng: np.random.Generator, box: Box) -> None:
    left, top, right, bottom = box
    while left < right:
        thick = rng.uniform(0.015, 0.035) * picture.width
        book = (left, top + rng.uniform(0, 0.35) * (bottom - top), left + thick, bottom)
        art.pen(picture).rectangle(book, fill=varied(art.one_of(rng, CLOTHS), rng, 16))
        left += thick + (rng.uniform(4, 20) if art.chance(rng, 0.2) else 1)


def lamp(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    """Stand a lit lamp on the floor."""
    x, size = rng.uniform(0.05, 0.95) * picture.width, floor * 0.2
    top = floor * rng.uniform(0.12, 0.3)
    low = top + size * 0.8
    art.pen(picture).rectangle((x - 2, top, x + 2, floor), fill=(70, 60, 56))
    art.glow(picture, (x, top + size * 0.4), size * 2.6, (255, 226, 160), 0.55)
    shade = [(x - size * 0.35, top), (x + size * 0.35, top), (x + size * 0.6, low), (x - size * 0.6, low)]
    art.pen(picture).polygon(shade, fill=(250, 226, 176))


def plant(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    """Stand a plant in a pot on the floor."""
    x, size = rng.uniform(0.05, 0.95) * picture.width, floor * rng.uniform(0.35, 0.6)
    green, root = varied((86, 128, 80), rng), floor - 0.3 * size
    for angle in np.linspace(-1.2, 1.2, 9):
        aside, up = np.sin(angle) * size, np.cos(angle) * size
        middle, tip = (x + aside * 0.4, root - up * 0.3), (x + aside * 0.6, root - up * 0.7)
        leaf = [(x, root), middle, tip, (middle[0] + size * 0.1, middle[1])]
        art.pen(picture).polygon(leaf, fill=varied(green, rng, 14))
    half, top = 0.17 * size, floor - 0.36 * size
    pot = [(x - half, top), (x + half, top), (x + 0.7 * half, floor), (x - 0.7 * half, floor)]
    art.pen(picture).polygon(pot, fill=varied((186, 106, 72), rng))


def curtained_window(picture: Image.Image, rng: np.random.Generator, floor: int) -> None:
    """Break a window into the wall, a curtain on its left."""
    wide, tall = picture.width * rng.uniform(0.25, 0.4), floor * rng.uniform(0.5, 0.7)
    x, y = rng.uniform(0, picture.width - wide), floor * 0.06
    window(picture, rng, (x, y, x + wide, y + tall), lighter(art.one_of(rng, WOODS), 0.7))
    cloth = varied(art.one_of(rng, CLOTHS), rng)
    curtain(picture, (x - 0.25 * wide, 0, x + 0.12 * wide, floor * 0.92), cloth)


ON_THE_WALL = (picture_frame, shelf, lamp, plant, curtained_window)


def window(picture: Image.Image, rng: np.random.Generator, box: Box, frame: Colour) -> None:
    """Draw a window with what is seen through it."""
    left, top, right, bottom = (int(value) for value in box)
    edge = max(3, (right - left) // 28)
    art.pen(picture).rectangle((left - edge, top - edge, right + edge, bottom + edge), fill=frame)
    picture.paste(view_outside((max(4, right - left), max(4, bottom - top)), rng), (left, top))
    middle, bar = (left + right) // 2, top + (bottom - top) // 3
    art.pen(picture).rectangle((middle - edge // 2, top, middle + edge // 2, bottom), fill=frame)
    art.pen(picture).rectangle((left, bar - edge // 3, right, bar + edge // 3), fill=frame)


def curtain(picture: Image.Image, box: Box, cloth: Colour, folds: int = 7) -> None:
    """Hang a curtain in folds."""
    left, top, right, bottom = box
    wide = (right - left) / folds
    for fold in range(folds):
        tint = mix(lighter(cloth, 0.2), darker(cloth, 0.3), 0.5 + 0.5 * np.sin(fold * 2.2))
        x = left + wide * fold
        art.pen(picture).rectangle((x, top, x + wide + 1, bottom), fill=tint)


def cushions(picture: Image.Image, cloth: Colour, box: Box, count: int) -> None:
    """Lay `count` cushions side by side."""
    left, top, right, bottom = box
    wide = (right - left) / count
    tones = ((0, darker(cloth, 0.22)), (3, darker(cloth, 0.1)), (7, cloth), (14, lighter(cloth, 0.06)))
    art.pen(picture).rectangle((left, top + 0.1 * (bottom - top), right, bottom), fill=darker(cloth, 0.45))
    for start in left + wide * np.arange(count):
        for inset, tone in tones:
            corners = (start + 1 + inset, top + inset, start + wide - 1 - inset, bottom - inset)
            if corners[2] > corners[0] and corners[3] > corners[1]:
                art.pen(picture).rounded_rectangle(corners, radius=14, fill=tone)


def pillow(picture: Image.Image, rng: np.random.Generator, foot: art.Spot, size: float) -> None:
    """Lean a striped pillow against something."""
    colour, lean = varied(art.one_of(rng, CLOTHS), rng), rng.uniform(-0.3, 0.3)
    square = np.array([(-1, -1.9), (1, -1.9), (1.05, 0.1), (-1.05, 0.1)])
    turn = np.array([(np.cos(lean), 0.4 * np.sin(lean)), (-0.4 * np.sin(lean), 0.85)])
    corners = np.array(foot) + size * square @ turn
    art.pen(picture).polygon([(x, y) for x, y in corners.tolist()], fill=colour)
    for share in (0.2, 0.4, 0.6, 0.8):
        start = corners[0] + (corners[1] - corners[0]) * share
        end = corners[3] + (corners[2] - corners[3]) * share
        art.pen(picture).line((*start.tolist(), *end.tolist()), fill=(*lighter(colour, 0.4), 180), width=3)
