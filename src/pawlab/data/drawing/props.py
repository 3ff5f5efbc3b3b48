"""Things that lie beside an animal or stand before it, on the fine canvas. Cats and dogs share all of them."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from pawlab.data.drawing.art import Spot, blob, one_of, pen
from pawlab.data.drawing.colours import Colour, darker, lighter, varied

PAINTS: tuple[Colour, ...] = (
    (200, 74, 66),
    (64, 120, 170),
    (232, 184, 70),
    (92, 150, 96),
    (150, 96, 160),
    (230, 140, 80),
    (236, 230, 220),
)
Prop = Callable[[Image.Image, np.random.Generator, Spot, float], None]


def ball(image: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    """A striped ball; `size`: its diameter."""
    colour, second = varied(one_of(rng, PAINTS), rng), varied(one_of(rng, PAINTS), rng)
    x, y, r = foot[0], foot[1] - size / 2, size / 2
    _shadow(image, foot, size)
    blob(image, (x, y), (r, r), darker(colour, 0.35))
    blob(image, (x - 0.05 * r, y - 0.06 * r), (0.93 * r, 0.92 * r), colour)
    blob(image, (x - 0.05 * r, y - 0.06 * r), (0.36 * r, 0.92 * r), second)
    blob(image, (x - 0.34 * r, y - 0.4 * r), (0.24 * r, 0.18 * r), (255, 255, 255), 0.5)


def yarn(image: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    """A ball of wool; `size`: its diameter."""
    colour = varied(one_of(rng, PAINTS), rng)
    x, y, r = foot[0], foot[1] - size / 2, size / 2
    _shadow(image, foot, size)
    blob(image, (x, y), (r, r), darker(colour, 0.25))
    for step in range(9):
        tint, share = (lighter(colour, 0.2) if step % 2 else colour), 0.95 - 0.1 * step
        pen(image).arc(
            (x - r, y - r * share, x + r, y + r * share),
            180 * (step % 2),
            180 + 180 * (step % 2),
            fill=tint,
            width=max(2, int(r * 0.09)),
        )
        pen(image).arc((x - r * share, y - r, x + r * share, y + r), 90, 270, fill=tint, width=max(2, int(r * 0.06)))


def bowl(image: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    """A bowl of food; `size`: its width."""
    colour = varied(one_of(rng, PAINTS), rng)
    x, y, r = foot[0], foot[1], size / 2
    _shadow(image, foot, size * 1.15)
    pen(image).polygon(
        [(x - 0.8 * r, y - 0.55 * r), (x + 0.8 * r, y - 0.55 * r), (x + r, y), (x - r, y)], fill=darker(colour, 0.15)
    )
    blob(image, (x, y), (r, 0.18 * r), darker(colour, 0.15))
    blob(image, (x, y - 0.55 * r), (0.8 * r, 0.22 * r), lighter(colour, 0.25))
    blob(image, (x, y - 0.54 * r), (0.68 * r, 0.16 * r), (120, 78, 52))


def books(image: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    """A pile of books; `size`: its width."""
    y = foot[1]
    _shadow(image, foot, size * 1.1)
    for _ in range(rng.integers(2, 5)):
        thick, half, x = (
            size * rng.uniform(0.12, 0.2),
            size * rng.uniform(0.4, 0.5),
            foot[0] + rng.normal(0, 0.03) * size,
        )
        colour = varied(one_of(rng, PAINTS), rng, 14)
        pen(image).rounded_rectangle((x - half, y - thick, x + half, y), 4, fill=darker(colour, 0.2))
        pen(image).rectangle((x - half, y - thick * 0.8, x + half * 0.96, y - thick * 0.2), fill=(238, 230, 212))
        pen(image).rectangle((x - half, y - thick, x - half * 0.8, y), fill=colour)
        y -= thick


def pot(image: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    """A plant in a pot; `size`: the pot's width."""
    x, y = foot
    green, clay = varied((84, 134, 80), rng, 14), varied((190, 110, 74), rng)
    _shadow(image, foot, size)
    for angle in np.linspace(-1.3, 1.3, 11) + rng.normal(0, 0.08, 11):
        long = size * rng.uniform(0.9, 1.4)
        middle = (x + np.sin(angle) * long * 0.5, y - 0.8 * size - np.cos(angle) * long * 0.35)
        tip = (x + np.sin(angle) * long, y - 0.8 * size - np.cos(angle) * long)
        side = np.array([np.cos(angle), np.sin(angle)]) * size * 0.1
        leaf = [
            (x, y - 0.8 * size),
            (middle[0] - side[0], middle[1] - side[1]),
            tip,
            (middle[0] + side[0], middle[1] + side[1]),
        ]
        pen(image).polygon(leaf, fill=varied(green, rng, 12))
    pen(image).polygon(
        [
            (x - 0.45 * size, y - 0.8 * size),
            (x + 0.45 * size, y - 0.8 * size),
            (x + 0.34 * size, y),
            (x - 0.34 * size, y),
        ],
        fill=clay,
    )
    pen(image).polygon(
        [
            (x + 0.15 * size, y - 0.8 * size),
            (x + 0.45 * size, y - 0.8 * size),
            (x + 0.34 * size, y),
            (x + 0.12 * size, y),
        ],
        fill=darker(clay, 0.2),
    )
    pen(image).rectangle((x - 0.5 * size, y - 0.88 * size, x + 0.5 * size, y - 0.68 * size), fill=lighter(clay, 0.15))


def carton(image: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    """The front of a cardboard box; `size`: its width."""
    card = varied((190, 150, 104), rng)
    (x, y), half, tall = foot, size / 2, size * rng.uniform(0.3, 0.42)
    _shadow(image, foot, size * 1.15)
    pen(image).polygon(
        [
            (x - half, y - tall),
            (x - half * 1.25, y - tall * 0.72),
            (x - half * 1.2, y - tall * 0.6),
            (x - half, y - tall * 0.85),
        ],
        fill=darker(card, 0.25),
    )
    pen(image).polygon(
        [
            (x + half, y - tall),
            (x + half * 1.25, y - tall * 0.72),
            (x + half * 1.2, y - tall * 0.6),
            (x + half, y - tall * 0.85),
        ],
        fill=darker(card, 0.3),
    )
    pen(image).rectangle((x - half, y - tall, x + half, y), fill=card)
    pen(image).rectangle((x - half, y - tall * 0.16, x + half, y), fill=darker(card, 0.12))
    pen(image).rectangle((x - half, y - tall, x + half, y - tall * 0.95), fill=lighter(card, 0.25))
    pen(image).rectangle((x - half * 0.14, y - tall, x + half * 0.14, y), fill=(*lighter(card, 0.35), 150))


def basket(image: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    """The front of a woven basket; `size`: its width."""
    cane = varied((172, 124, 76), rng)
    (x, y), half, tall = foot, size / 2, size * 0.3
    _shadow(image, foot, size * 1.15)
    pen(image).polygon(
        [(x - half, y - tall), (x + half, y - tall), (x + half * 0.86, y), (x - half * 0.86, y)], fill=darker(cane, 0.2)
    )
    rows, columns = 5, 16
    for row in range(rows):
        top, wide = y - tall + tall * row / rows, half * (1 - 0.14 * row / rows)
        for column in range(columns):
            if (row + column) % 2:
                left = x - wide + 2 * wide * column / columns
                pen(image).rounded_rectangle(
                    (left, top + 1, left + 2 * wide / columns, top + tall / rows - 1), 3, fill=varied(cane, rng, 6)
                )
    pen(image).rounded_rectangle(
        (x - half * 1.04, y - tall * 1.1, x + half * 1.04, y - tall * 0.88), 8, fill=lighter(cane, 0.15)
    )


def rail(image: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    """A fence across the picture, before everything; `size`: the distance of its bars."""
    colour = varied(((238, 234, 226), (160, 118, 82), (96, 100, 108))[rng.integers(3)], rng)
    top = foot[1] - size * 1.1
    for x in np.arange(foot[0] % size - size, image.width + size, size):
        pen(image).rectangle((x, top, x + size * 0.22, image.height), fill=darker(colour, 0.1))
        pen(image).rectangle((x, top, x + size * 0.08, image.height), fill=lighter(colour, 0.2))
    pen(image).rectangle((0, top, image.width, top + size * 0.2), fill=colour)


def leaves(image: Image.Image, rng: np.random.Generator, foot: Spot, size: float) -> None:
    """Leaves near the camera, out of focus, in a lower corner; `size`: how far they reach."""
    scale = 6
    veil = Image.new("RGBA", (image.width // scale, image.height // scale), (90, 130, 70, 0))
    corner = 0.0 if foot[0] < image.width / 2 else image.width / scale
    green = varied((92, 136, 72), rng, 16)
    for _ in range(14):
        x, y = corner + rng.normal(0, 0.45) * size / scale, veil.height - abs(rng.normal(0, 0.4)) * size / scale
        blob(veil, (x, y), (size * 0.16 / scale, size * 0.08 / scale), varied(green, rng, 14))
    soft = veil.resize(image.size, Image.Resampling.BICUBIC)
    image.paste(soft, (0, 0), soft)


BESIDE: tuple[Prop, ...] = (ball, yarn, bowl, books, pot)
BEFORE: tuple[Prop, ...] = (carton, basket, pot, books, leaves, rail)


def _shadow(image: Image.Image, foot: Spot, width: float) -> None:
    for share, opacity in ((0.62, 0.10), (0.54, 0.14), (0.46, 0.16)):
        blob(image, foot, (width * share, width * share * 0.16), (20, 16, 22), opacity)
