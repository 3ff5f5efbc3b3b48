"""Below the eyes: noses, mouths, tongues, whiskers."""

import numpy as np

from pawlab.data.drawing.brush import fill, line
from pawlab.data.drawing.colours import ROSE, Colour, darker, lighter, lightness, mix
from pawlab.data.drawing.head import dog_snout_tip
from pawlab.data.drawing.on_face import Face, ellipse
from pawlab.data.drawing.solids import Floats, curve, loop, vectors

TONGUE: Colour = (226, 114, 120)


def paint_cat_muzzle(face: Face) -> None:
    """Paint a small three-cornered nose, the mouth's two bows, and whiskers."""
    head = face.animal.head
    tip = np.array([0, 0.27, 0.98 + 0.5 * head.snout], np.float32)
    if face.view.faces(vectors((0, 0, 1))[0]) < -0.1:
        return
    mouth = face.toned(darker(mix(face.animal.coat.base, ROSE, 0.2), 0.72))
    for side in (-1, 1):
        half = vectors((0, 0.06, -0.02), (0, 0.18, -0.02), (0.1, 0.26, -0.05), (0.24, 0.23, -0.14), (0.3, 0.17, -0.22))
        path = tip + half * vectors((side, 1, 1))
        line(face.canvas, face.view.project(curve(path, 14)), mouth, face.view.unit * 0.028, 0.9)
    _paint_nose(face, tip, _TRIANGLE)
    if head.tongue:
        tongue = face.patch(tip + vectors((0, 0.31, -0.04))[0], ellipse(0.07, 0.09))
        fill(face.canvas, tongue, face.toned(TONGUE))
    _paint_whiskers(face)


_TRIANGLE = vectors((-1, -0.45), (0, -0.6), (1, -0.45), (0.55, 0.3), (0, 0.72), (-0.55, 0.3))
_OVAL = vectors((-1, -0.1), (-0.62, -0.66), (0, -0.74), (0.62, -0.66), (1, -0.1), (0.62, 0.5), (0, 0.72), (-0.62, 0.5))


def _paint_nose(face: Face, tip: Floats, outline: Floats) -> None:
    size, colour = face.animal.head.nose, _nose_colour(face)
    fill(face.canvas, face.patch(tip, loop(outline, 28) * np.float32(size)), colour)
    gleam = face.patch(tip, ellipse(size * 0.38, size * 0.15, 0, -0.36 * size))
    fill(face.canvas, gleam, lighter(colour, 0.57), 0.65)


def _nose_colour(face: Face) -> Colour:
    """Dark on dark coats; on light ones a cat's is mostly rose, a dog's mostly black."""
    coat, cat = face.animal.coat, face.animal.kind == "cats"
    if coat.nose_is_dark:
        return face.toned(darker(ROSE, 0.72) if cat else (30, 24, 26))
    if cat:
        return face.toned(darker(ROSE, 0.1))
    return face.toned((30, 24, 26) if face.animal.grain % 3 else (104, 66, 58))


def _paint_whiskers(face: Face) -> None:
    rng, head = np.random.default_rng(face.animal.grain), face.animal.head
    pale = lightness(face.animal.coat.base) > 0.62
    colour = face.toned((120, 104, 92) if pale else (252, 250, 246))
    for side in (-1, 1):
        for step in (-1.0, 0.0, 1.0):
            root = np.array([side * 0.24, 0.42 + 0.05 * step, 0.92 + 0.4 * head.snout], np.float32)
            if face.shows(root, 0.3):
                reach = head.whiskers * rng.uniform(0.85, 1.1)
                bend = vectors((0, 0, 0), (0.5 * side, 0.1 * step - 0.05, -0.1), (side, 0.26 * step + 0.05, -0.4))
                path = curve(root + bend * np.float32(reach), 10)
                line(face.canvas, face.view.project(path), colour, face.view.unit * 0.016, 0.75)


def paint_dog_muzzle(face: Face) -> None:
    """Paint a large nose with nostrils, long lips, and perhaps the tongue."""
    head = face.animal.head
    tip, size = vectors(dog_snout_tip(head))[0], head.nose
    if head.tongue:
        _paint_tongue(face, tip)
    _paint_lips(face, tip)
    nose = tip + vectors((0, -0.1, 0.29 * head.snout_width))[0]
    _paint_nose(face, nose, _OVAL)
    for side in (-1, 1):
        nostril = face.patch(nose, ellipse(size * 0.2, size * 0.13, side * 0.42 * size, 0.12 * size))
        fill(face.canvas, nostril, darker(_nose_colour(face), 0.7))


def _paint_lips(face: Face, tip: Floats) -> None:
    broad, colour = face.animal.head.snout_width, face.toned(darker(face.animal.coat.base, 0.78))
    for side in (-1, 1):
        front = vectors((0, 0.14, 0.27 * broad), (0, 0.25, 0.22 * broad), (side * 0.13 * broad, 0.37, 0.14))
        corner = vectors((side * 0.3 * broad, 0.60, float(tip[2]) - 0.12), (side * 0.40 * broad, 0.54, 0.66))
        path = curve(np.concatenate([tip + front, corner]), 24)
        line(face.canvas, face.line(path), colour, face.view.unit * 0.042, 0.9)


def _paint_tongue(face: Face, tip: Floats) -> None:
    head = face.animal.head
    broad, wide_open = head.snout_width, head.open_mouth
    mouth = tip + vectors((0, 0.38 + 0.06 * wide_open, 0.06))[0]
    fill(face.canvas, face.patch(mouth, ellipse(0.27 * broad, 0.10 + 0.09 * wide_open)), face.toned((88, 34, 38)))
    long = 0.24 + 0.26 * wide_open
    half = ((0.13, -0.05), (0.17, long * 0.6), (0.08, long))
    tongue = loop(vectors(*half, *((-x, y) for x, y in reversed(half))), 26) * vectors((broad, 1))
    fill(face.canvas, face.patch(mouth, tongue), face.toned(TONGUE))
    crease = face.patch(mouth, vectors((0, 0), (0, long * 0.7)))
    line(face.canvas, crease, face.toned(darker(TONGUE, 0.22)), face.view.unit * 0.025)
