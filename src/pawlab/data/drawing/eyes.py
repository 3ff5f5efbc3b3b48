"""Eyes: a cat's almond with a slit or a wide pupil, a dog's round one; open or shut."""

import numpy as np

from pawlab.data.drawing.brush import fill, line
from pawlab.data.drawing.colours import INK, darker, lighter
from pawlab.data.drawing.head import on_skull
from pawlab.data.drawing.on_face import Face, ellipse
from pawlab.data.drawing.solids import Floats, curve, loop, vectors

PUPILS = {"slit": (0.3, 0.74), "wide": (0.62, 0.76), "round": (0.68, 0.7)}  # half width and height, in eyes


def paint_eye(face: Face, side: int) -> None:
    """Paint the eye on one side, -1 or 1, if it can be seen."""
    animal = face.animal
    head = animal.head
    centre = on_skull(side * head.eye_gap * head.width, -0.04 if animal.kind == "cats" else -0.12, head)
    if face.view.faces(centre / np.linalg.norm(centre)) < 0.28 or not face.shows(centre, 0.4):
        return
    tilt = -side * head.slant
    if animal.eyes.lids >= 1:
        _paint_shut(face, centre, tilt)
        return
    opening = _opening(face, side)
    _paint_rim(face, centre, opening, tilt)
    if animal.kind == "dogs":
        white = opening + vectors((side * 0.13 * head.eye, 0))
        fill(face.canvas, face.patch(centre, white, tilt), face.toned((222, 212, 204)))
    _paint_iris(face, centre, opening, tilt)
    _paint_gleam(face, centre)


def _opening(face: Face, side: int) -> Floats:
    """Return what the lids leave free (n, 2)."""
    size, lids = face.animal.head.eye, face.animal.eyes.lids
    if face.animal.kind == "cats":
        return _almond(size, lids, side)
    shape = ellipse(size * 1.02, size)
    shape[:, 1] = np.maximum(shape[:, 1], -size * (1 - 1.1 * lids))
    return shape


def _almond(size: float, lids: float, side: int) -> Floats:
    """Round below, drawn out to the outer corner; flatter above where the lids close."""
    top = 0.92 * (1 - lids) + 0.02
    above = ((-1.0, 0.18), (-0.6, -0.55 * top), (0.0, -top), (0.62, -0.78 * top))
    below = ((1.08, -0.18), (0.6, 0.6), (0.0, 0.86), (-0.62, 0.62))
    return loop(vectors(*above, *below), 32) * vectors((side * size, size))


def _paint_rim(face: Face, centre: Floats, opening: Floats, tilt: float) -> None:
    soft = face.toned(darker(face.animal.coat.base, 0.72))
    fill(face.canvas, face.patch(centre, opening * np.float32(1.3), tilt), soft, 0.45)
    fill(face.canvas, face.patch(centre, opening * np.float32(1.17), tilt), face.toned(INK))


def _paint_iris(face: Face, centre: Floats, opening: Floats, tilt: float) -> None:
    """Paint iris and pupil; the iris grows lighter downwards, as the lid shades it."""
    eyes, size = face.animal.eyes, face.animal.head.eye
    iris = face.toned(eyes.iris)
    shape = opening * np.float32(1.0 if eyes.pupil == "round" else 0.97)
    fill(face.canvas, face.patch(centre, shape, tilt), darker(iris, 0.35))
    for top, share, colour in ((-0.12, 0.92, iris), (0.25, 0.79, lighter(iris, 0.18))):
        low = shape * np.float32(share)
        low[:, 1] = np.maximum(low[:, 1], top * size)
        fill(face.canvas, face.patch(centre, low, tilt), colour)
    wide, tall = PUPILS[eyes.pupil]
    pupil = ellipse(size * wide, size * tall)
    pupil[:, 1] = np.maximum(pupil[:, 1], shape[:, 1].min())
    fill(face.canvas, face.patch(centre, pupil), (12, 10, 14))


def _paint_gleam(face: Face, centre: Floats) -> None:
    """Paint what the light leaves on an eye: a large spot on its side, a small one across."""
    size, white = face.animal.head.eye, face.toned((255, 255, 255))
    side = 1 if face.canvas.light.towards[0] >= 0 else -1
    large = ellipse(size * 0.24, size * 0.26, side * 0.28 * size, -0.32 * size)
    small = ellipse(size * 0.11, size * 0.11, -side * 0.26 * size, 0.36 * size)
    fill(face.canvas, face.patch(centre, large), white, 0.95)
    fill(face.canvas, face.patch(centre, small), white, 0.6)


def _paint_shut(face: Face, centre: Floats, tilt: float) -> None:
    """Draw a closed lid, with a pale line below that shows on dark fur."""
    size, unit = face.animal.head.eye * 1.15, face.view.unit
    arc = vectors((-1, 0), (-0.5, 0.38), (0, 0.5), (0.5, 0.38), (1, 0)) * np.float32(size)
    path = face.patch(centre, curve(arc, 15), tilt)
    pale = face.toned(lighter(face.animal.coat.base, 0.4))
    line(face.canvas, path + vectors((0, 0.035 * unit, 0)), pale, unit * 0.05, 0.5)
    line(face.canvas, path, face.toned(INK), unit * 0.055)
