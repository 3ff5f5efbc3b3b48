"""The inside of pricked ears: a rosy hollow and the pale hairs that grow out of it."""

import numpy as np

from pawlab.data.drawing.animal import Head
from pawlab.data.drawing.brush import fill, line
from pawlab.data.drawing.colours import ROSE, Colour, darker, lighter, mix
from pawlab.data.drawing.on_face import Face
from pawlab.data.drawing.solids import Floats, loop, vectors


def paint_inner_ear(face: Face, side: int) -> None:
    """Paint the inside of the ear on one side, -1 or 1, where it is open to us."""
    head, base = face.animal.head, face.animal.coat.base
    if head.ears == "pricked" and face.view.faces(vectors((side * 0.25, 0, 0.97))[0]) > 0.25:
        hollow = face.view.project(_hollow(head) * vectors((side, 1, 1)))
        _paint_hollow(face, hollow, face.toned(mix(ROSE, base, 0.42)))
        _paint_tuft(face, side)


def _hollow(head: Head) -> Floats:
    """Return the outline (28, 3) of the right ear's hollow: a drop that follows the ear."""
    x, long, wide = head.ear_spread * head.width, head.ear_length, head.ear_width
    inner = ((x - 0.50 * wide, -0.66), (x - 0.30 * wide + 0.08 * long, -0.66 - 0.36 * long))
    tip = (x + 0.2 * long, -0.68 - 0.74 * long)
    outer = ((x + 0.42 * wide + 0.1 * long, -0.62 - 0.34 * long), (x + 0.62 * wide, -0.55), (x + 0.1 * wide, -0.60))
    flat = loop(vectors(*inner, tip, *outer), 28)
    return np.concatenate([flat, np.full((28, 1), 0.12, np.float32)], axis=1)


def _paint_hollow(face: Face, points: Floats, inner: Colour) -> None:
    """Fill a hollow, lighter and lighter towards its lower end."""
    middle = points.mean(axis=0)
    low = middle + np.float32(0.35) * (points[0] - middle)
    for size, depth in ((1.0, 0.5), (0.88, 0.32), (0.74, 0.16), (0.55, 0.04)):
        fill(face.canvas, low + (points - low) * np.float32(size), darker(inner, depth), 0.8)


def _paint_tuft(face: Face, side: int) -> None:
    head, pale = face.animal.head, face.toned(lighter(face.animal.coat.base, 0.55))
    for step in range(5):
        x = head.ear_spread * head.width - head.ear_width * (0.42 - 0.14 * step)
        lean, long = 0.06 + 0.05 * step, 0.30 * head.ear_length
        hair = vectors((x, -0.58, 0.2), (x + lean * 0.4, -0.72, 0.2), (x + lean, -0.58 - long, 0.2))
        line(face.canvas, face.view.project(hair * vectors((side, 1, 1))), pale, 0.03 * face.view.unit, 0.55)
