"""What makes a face: eyes, nose, mouth, whiskers, the inside of the ears."""

from dataclasses import dataclass

import numpy as np

from pawlab.data.drawing.animal import Animal, Eyes
from pawlab.data.drawing.brush import Canvas, fill, line
from pawlab.data.drawing.colours import INK, ROSE, Colour, darker, lighter, lightness, mix
from pawlab.data.drawing.head import on_face
from pawlab.data.drawing.relief import Relief
from pawlab.data.drawing.solids import Floats, View, curve, loop


@dataclass(frozen=True)
class Sitting:
    """Everything a face is painted with. `glow`: how bright the light is, 0-1."""

    canvas: Canvas
    animal: Animal
    view: View
    seen: Relief
    glow: float


def paint_face(face: Sitting) -> None:
    """Paint a face onto a head that was painted before."""
    if face.view.turn[2, 2] < -0.3:
        return
    _paint_inner_ears(face)
    for side in (-1, 1):
        _paint_eye(face, side)
    if face.animal.kind == "cats":
        _paint_cat_nose(face)
        _paint_whiskers(face)
    else:
        _paint_dog_mouth(face)


def _toned(face: Sitting, colour: Colour) -> Colour:
    return mix((10, 10, 24), colour, 0.35 + 0.65 * face.glow)


def _visible(face: Sitting, point: Floats, slack: float = 0.12) -> bool:
    """Say whether nothing of the head stands before this point (3,)."""
    x, y, z = (float(value) for value in face.view.project(point[None])[0])
    return face.seen.height_at(x, y) < z + slack * face.view.unit


def _patch(face: Sitting, centre: Floats, shape: Floats, tilt: float = 0.0) -> Floats:
    """Lay a flat shape (n, 2) on the head at `centre` (3,), facing outwards; return it in the picture."""
    outward = centre / (np.linalg.norm(centre) + 1e-6)
    right = np.cross(np.array([0, 1, 0], np.float32), outward)
    right /= np.linalg.norm(right) + 1e-6
    down = np.cross(outward, right)
    c, s = np.cos(tilt), np.sin(tilt)
    turned = shape @ np.array([[c, s], [-s, c]], np.float32)
    return face.view.project((centre + turned[:, :1] * right + turned[:, 1:] * down).astype(np.float32))


def _ellipse(width: float, height: float, count: int = 26) -> Floats:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle) * width, np.sin(angle) * height], axis=1).astype(np.float32)


def _almond(size: float, lids: float, side: int) -> Floats:
    """Return a cat's eye: round below, drawn out to the outer corner; flatter where the lids close."""
    top = 0.92 * (1 - lids) + 0.02
    knots = [
        (-1.0, 0.18),
        (-0.6, -0.55 * top),
        (0.0, -top),
        (0.62, -0.78 * top),
        (1.08, -0.18),
        (0.6, 0.6),
        (0.0, 0.86),
        (-0.62, 0.62),
    ]
    shape = loop(np.array(knots, np.float32), 32) * np.float32(size)
    shape[:, 0] *= side
    return shape


def _round_eye(size: float, lids: float) -> Floats:
    shape = _ellipse(size * 1.02, size)
    shape[:, 1] = np.maximum(shape[:, 1], -size * (1 - 1.1 * lids))
    return shape


def _paint_eye(face: Sitting, side: int) -> None:
    animal = face.animal
    head, cat = animal.head, animal.kind == "cats"
    centre = on_face(side * head.eye_gap * head.width, -0.04 if cat else -0.12, head)
    outward = centre / np.linalg.norm(centre)
    if face.view.faces(outward) < 0.28 or not _visible(face, centre):
        return
    tilt = -side * head.slant
    if animal.eyes.lids >= 1:
        _paint_closed_eye(face, centre, tilt)
        return
    opening = _almond(head.eye, animal.eyes.lids, side) if cat else _round_eye(head.eye, animal.eyes.lids)
    soft = _toned(face, darker(animal.coat.base, 0.72))
    fill(face.canvas, _patch(face, centre, opening * np.float32(1.3), tilt), soft, 0.45)
    fill(face.canvas, _patch(face, centre, opening * np.float32(1.17), tilt), _toned(face, INK))
    if not cat:
        white = opening + np.array([side * 0.13 * head.eye, 0], np.float32)
        fill(face.canvas, _patch(face, centre, white, tilt), _toned(face, (222, 212, 204)))
    _paint_iris(face, centre, opening, tilt, animal.eyes)
    _paint_gleam(face, centre, head.eye)


def _paint_closed_eye(face: Sitting, centre: Floats, tilt: float) -> None:
    size = face.animal.head.eye * 1.15
    arc = np.array([(-1, 0), (-0.5, 0.38), (0, 0.5), (0.5, 0.38), (1, 0)], np.float32) * np.float32(size)
    dark = _toned(face, INK if lightness(face.animal.coat.base) > 0.35 else (0, 0, 0))
    line(face.canvas, _patch(face, centre, curve(arc, 15), tilt), dark, face.view.unit * 0.055)


def _paint_iris(face: Sitting, centre: Floats, opening: Floats, tilt: float, eyes: Eyes) -> None:
    size = face.animal.head.eye
    iris = _toned(face, eyes.iris)
    inset = opening * np.float32(0.97 if eyes.pupil != "round" else 1.0)
    fill(face.canvas, _patch(face, centre, inset, tilt), darker(iris, 0.35))
    low = inset.copy()
    low[:, 1] = np.maximum(low[:, 1], -0.12 * size)
    fill(face.canvas, _patch(face, centre, low * np.float32(0.92), tilt), iris)
    low[:, 1] = np.maximum(low[:, 1], 0.25 * size)
    fill(face.canvas, _patch(face, centre, low * np.float32(0.86), tilt), lighter(iris, 0.25))
    pupil = {"slit": (0.3, 0.74), "wide": (0.62, 0.76), "round": (0.68, 0.7)}[eyes.pupil]
    hole = _ellipse(size * pupil[0], size * pupil[1])
    hole[:, 1] = np.maximum(hole[:, 1], inset[:, 1].min())
    fill(face.canvas, _patch(face, centre, hole), (12, 10, 14))


def _paint_gleam(face: Sitting, centre: Floats, size: float) -> None:
    side = 1 if face.canvas.light.towards[0] >= 0 else -1
    white = _toned(face, (255, 255, 255))
    big = _ellipse(size * 0.24, size * 0.26) + np.array([side * 0.28, -0.32], np.float32) * np.float32(size)
    small = _ellipse(size * 0.11, size * 0.11) + np.array([-side * 0.26, 0.36], np.float32) * np.float32(size)
    fill(face.canvas, _patch(face, centre, big), white, 0.95)
    fill(face.canvas, _patch(face, centre, small), white, 0.6)


def _paint_inner_ears(face: Sitting) -> None:
    head = face.animal.head
    if head.ears != "pricked":
        return
    inner = _toned(face, mix(ROSE, face.animal.coat.base, 0.42))
    for side in (-1, 1):
        spine = _ear_hollow(head.ear_spread * head.width, head.ear_length, head.ear_width, side)
        points = face.view.project(spine)
        if face.view.faces(np.array([side * 0.25, 0, 0.97], np.float32)) > 0.25:
            _paint_hollow(face, points, inner)
            _paint_tuft(face, side)


def _paint_hollow(face: Sitting, points: Floats, inner: Colour) -> None:
    """Fill an ear's hollow, lighter and lighter towards its lower end."""
    low = points.mean(axis=0) + 0.35 * (points[0] - points.mean(axis=0))
    for size, depth in ((1.0, 0.5), (0.88, 0.32), (0.74, 0.16), (0.55, 0.04)):
        fill(face.canvas, points * np.float32(size) + low * np.float32(1 - size), darker(inner, depth), 0.8)


def _paint_tuft(face: Sitting, side: int) -> None:
    """Draw the pale hairs that grow out of an ear."""
    head = face.animal.head
    pale = _toned(face, lighter(face.animal.coat.base, 0.55))
    for step in range(5):
        x = head.ear_spread * head.width - head.ear_width * (0.42 - 0.14 * step)
        root = np.array([x, -0.58, 0.2])
        lean = 0.06 + 0.05 * step
        hair = curve(np.array([root, root + [lean * 0.4, -0.14, 0], root + [lean, -0.30 * head.ear_length, 0]], np.float32), 6)
        line(face.canvas, face.view.project(hair * np.float32([side, 1, 1])), pale, 0.03 * face.view.unit, 0.55)


def _ear_hollow(x: float, length: float, wide: float, side: int) -> Floats:
    """Return the hollow of a pricked ear (n, 3): a drop that follows the ear, open below."""
    rise = 0.2 * length
    knots = [
        (x - 0.50 * wide, -0.66),
        (x - 0.30 * wide + rise * 0.4, -0.66 - 0.36 * length),
        (x + rise * 1.02, -0.68 - 0.74 * length),
        (x + 0.42 * wide + rise * 0.5, -0.62 - 0.34 * length),
        (x + 0.62 * wide, -0.55),
        (x + 0.1 * wide, -0.60),
    ]
    flat = loop(np.array(knots, np.float32), 28)
    return np.stack([side * flat[:, 0], flat[:, 1], np.full(len(flat), 0.12, np.float32)], axis=1)


def _paint_cat_nose(face: Sitting) -> None:
    head, unit = face.animal.head, face.view.unit
    out = 0.98 + 0.5 * head.snout
    tip = np.array([0, 0.27, out], np.float32)
    if face.view.faces(np.array([0, 0, 1], np.float32)) < -0.1:
        return
    dark = _toned(face, darker(ROSE, 0.72) if face.animal.coat.nose_is_dark else darker(ROSE, 0.1))
    knots = np.array([(-1, -0.45), (0, -0.6), (1, -0.45), (0.55, 0.3), (0, 0.72), (-0.55, 0.3)], np.float32)
    nose = _patch(face, tip, loop(knots, 24) * np.float32(head.nose))
    below = tip + np.array([0, 0.13, -0.02], np.float32)
    mouth = _toned(face, darker(mix(face.animal.coat.base, ROSE, 0.2), 0.72))
    for side in (-1, 1):
        path = [
            (0, -0.07, 0.0),
            (0, 0.05, 0.0),
            (side * 0.1, 0.13, -0.03),
            (side * 0.24, 0.1, -0.12),
            (side * 0.3, 0.04, -0.2),
        ]
        line(face.canvas, face.view.project(curve(below + np.array(path, np.float32), 14)), mouth, unit * 0.028, 0.9)
    fill(face.canvas, nose, dark)
    gleam = _patch(face, tip, _ellipse(head.nose * 0.35, head.nose * 0.14) + np.float32([0, -0.035]))
    fill(face.canvas, gleam, lighter(dark, 0.6), 0.6)
    if head.tongue:
        tongue = _patch(face, below + np.float32([0, 0.18, -0.02]), _ellipse(0.07, 0.09))
        fill(face.canvas, tongue, _toned(face, (226, 116, 122)))


def _paint_whiskers(face: Sitting) -> None:
    rng = np.random.default_rng(face.animal.grain)
    head = face.animal.head
    pale = lightness(face.animal.coat.base) > 0.75
    colour = _toned(face, (120, 104, 92) if pale else (252, 250, 246))
    for side in (-1, 1):
        for step in (-1.0, 0.0, 1.0):
            root = np.array([side * 0.24, 0.42 + 0.05 * step, 0.92 + 0.4 * head.snout], np.float32)
            if not _visible(face, root, 0.3):
                continue
            reach = head.whiskers * rng.uniform(0.85, 1.1)
            bend = np.array([(0, 0, 0), (side * 0.5, 0.10 * step - 0.05, -0.1), (side * 1.0, 0.26 * step + 0.05, -0.4)])
            path = curve((root + bend * reach).astype(np.float32), 10)
            line(face.canvas, face.view.project(path), colour, face.view.unit * 0.016, 0.75)


def _paint_dog_mouth(face: Sitting) -> None:
    head, unit = face.animal.head, face.view.unit
    tip = 0.72 + 0.75 * head.snout
    broad = head.snout_width
    dark = _toned(face, (30, 24, 26) if face.animal.coat.nose_is_dark or face.animal.grain % 3 else (104, 66, 58))
    if head.tongue:
        _paint_tongue(face, tip, broad)
    lip = _toned(face, darker(face.animal.coat.base, 0.78))
    for side in (-1, 1):
        path = [
            (0, 0.46, tip + 0.27 * broad),
            (0, 0.57, tip + 0.22 * broad),
            (side * 0.13 * broad, 0.69, tip + 0.14),
            (side * 0.3 * broad, 0.66, tip - 0.12),
            (side * 0.40 * broad, 0.56, 0.66),
        ]
        line(face.canvas, face.view.project(curve(np.array(path, np.float32), 18)), lip, unit * 0.035, 0.85)
    nose = np.array([0, 0.22, tip + 0.29 * broad], np.float32)
    knots = np.array(
        [(-1, -0.1), (-0.62, -0.66), (0, -0.74), (0.62, -0.66), (1, -0.1), (0.62, 0.5), (0, 0.72), (-0.62, 0.5)],
        np.float32,
    )
    fill(face.canvas, _patch(face, nose, loop(knots, 30) * np.float32(head.nose)), dark)
    gleam = _patch(face, nose, _ellipse(head.nose * 0.4, head.nose * 0.16) + np.float32([0, -0.4 * head.nose]))
    fill(face.canvas, gleam, lighter(dark, 0.55), 0.7)
    for side in (-1, 1):
        nostril = _patch(
            face,
            nose,
            _ellipse(head.nose * 0.2, head.nose * 0.13) + np.float32([side * 0.42 * head.nose, 0.12 * head.nose]),
        )
        fill(face.canvas, nostril, darker(dark, 0.7))


def _paint_tongue(face: Sitting, tip: float, broad: float) -> None:
    head = face.animal.head
    mouth = np.array([0, 0.70 + 0.06 * head.open_mouth, tip + 0.06], np.float32)
    inside = _ellipse(0.27 * broad, 0.10 + 0.09 * head.open_mouth)
    fill(face.canvas, _patch(face, mouth, inside), _toned(face, (88, 34, 38)))
    long = 0.24 + 0.26 * head.open_mouth
    knots = np.array(
        [(-0.13, -0.05), (0.13, -0.05), (0.17, long * 0.6), (0.08, long), (-0.08, long), (-0.17, long * 0.6)],
        np.float32,
    )
    tongue = loop(knots * np.float32([broad, 1]), 26)
    fill(face.canvas, _patch(face, mouth, tongue), _toned(face, (226, 112, 120)))
    crease = np.array([(0, 0), (0, long * 0.7)], np.float32)
    line(face.canvas, _patch(face, mouth, crease), _toned(face, (184, 78, 90)), face.view.unit * 0.025)
