"""The head's solids, in its own axes: x to its left as we see it from the front, y down, z out of the face."""

import numpy as np

from pawlab.data.drawing.animal import Animal, Head
from pawlab.data.drawing.solids import Floats, Tube, tube

CRANIUM = 0.84  # radius of the ball that the face lies on


def head_tubes(animal: Animal) -> list[Tube]:
    """Return skull, cheeks, muzzle, jaw and ears."""
    shape = animal.head
    face = _cat_face(shape, animal.coat.fluff) if animal.kind == "cats" else _dog_face(shape, animal.coat.fluff)
    return [*face, *_ears(shape)]


def _cat_face(shape: Head, fluff: float) -> list[Tube]:
    wide, out = shape.width, 0.82 + 0.5 * shape.snout
    cheek = 0.50 + 0.06 * fluff
    pads = [
        tube("muzzle", [(side * 0.05, 0.40, 0.55, 0.30), (side * 0.17, 0.42, out - 0.06, 0.235)]) for side in (-1, 1)
    ]
    return [
        tube("cranium", [(-0.2 * wide, -0.06, 0, CRANIUM), (0.2 * wide, -0.06, 0, CRANIUM)]),
        *[tube("cheek", [(side * 0.2, 0.26, 0.2, cheek), (side * 0.52 * wide, 0.27, 0.12, cheek)]) for side in (-1, 1)],
        tube("muzzle", [(0, 0.1, 0.55, 0.26 * shape.snout_width), (0, 0.32, out - 0.02, 0.2 * shape.snout_width)]),
        *pads,
        tube("jaw", [(0, 0.5, 0.3, 0.36), (0, 0.62, out - 0.22, 0.2)]),
    ]


def _dog_face(shape: Head, fluff: float) -> list[Tube]:
    wide, broad = shape.width, shape.snout_width
    _, low, tip = dog_snout_tip(shape)
    cheek = 0.44 + 0.07 * fluff
    drop = 0.22 * shape.open_mouth
    lip = low + 0.15
    return [
        tube("cranium", [(-0.12 * wide, -0.1, 0, CRANIUM), (0.12 * wide, -0.1, 0, CRANIUM)]),
        *[tube("cheek", [(side * 0.15, 0.24, 0.2, cheek), (side * 0.40 * wide, 0.2, 0.1, cheek)]) for side in (-1, 1)],
        tube("muzzle", [(0, 0.2, 0.4, 0.46 * broad), (0, 0.30, 0.7, 0.39 * broad), (0, low, tip, 0.31 * broad)]),
        *[
            tube(
                "muzzle", [(side * 0.12, 0.42, 0.6, 0.33 * broad), (side * 0.13 * broad, lip, tip - 0.08, 0.24 * broad)]
            )
            for side in (-1, 1)
        ],
        tube("jaw", [(0, 0.55, 0.3, 0.36 * broad), (0, low + 0.36 + drop, tip - 0.24, 0.22 * broad)]),
    ]


def _ears(shape: Head) -> list[Tube]:
    build = {"pricked": _pricked, "folded": _folded, "hanging": _hanging}[shape.ears]
    return [tube("ear", build(shape, side), flat=0.35) for side in (-1, 1)]


def _pricked(shape: Head, side: int) -> list[tuple[float, float, float, float]]:
    x, length, wide = shape.ear_spread * shape.width, shape.ear_length, shape.ear_width
    return [
        (side * x, -0.50, 0.0, wide),
        (side * (x + 0.10 * length), -0.62 - 0.36 * length, 0.0, wide * 0.66),
        (side * (x + 0.20 * length), -0.66 - 0.72 * length, -0.02, wide * 0.30),
        (side * (x + 0.24 * length), -0.68 - 0.95 * length, -0.03, 0.03),
    ]


def _folded(shape: Head, side: int) -> list[tuple[float, float, float, float]]:
    x, length, wide = (shape.ear_spread + 0.08) * shape.width, 0.55 * shape.ear_length + 0.15, shape.ear_width
    return [
        (side * (x - 0.08), -0.55, 0.1, wide * 0.8),
        (side * (x + 0.10), -0.80, 0.25, wide * 0.80),
        (side * (x + 0.24), -0.80 + 0.42 * length, 0.42, wide * 0.55),
        (side * (x + 0.30), -0.80 + 0.85 * length, 0.46, 0.06),
    ]


def _hanging(shape: Head, side: int) -> list[tuple[float, float, float, float]]:
    x, length, wide = 0.60 * shape.width, shape.ear_length, shape.ear_width
    return [
        (side * x, -0.50, 0.12, wide * 0.45),
        (side * (x + 0.26), -0.34, 0.14, wide * 0.68),
        (side * (x + 0.36), -0.22 + 0.5 * length, 0.20, wide * 0.92),
        (side * (x + 0.30), -0.16 + 0.95 * length, 0.26, wide * 0.7),
    ]


def on_skull(x: float, y: float, head: Head) -> Floats:
    """Return the point (3,) of the skull that lies at x, y of the face."""
    inner = x - float(np.clip(x, -0.15 * head.width, 0.15 * head.width))
    reach = max(CRANIUM**2 - inner**2 - (y + 0.08) ** 2, 0.01)
    return np.array([x, y, np.sqrt(reach)], np.float32)


def dog_snout_tip(head: Head) -> tuple[float, float, float]:
    """Return the middle of the ball that a dog's muzzle ends with; the longer the muzzle, the lower."""
    return 0.0, 0.27 + 0.16 * head.snout, 0.72 + 0.75 * head.snout
