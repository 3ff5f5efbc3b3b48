"""An animal in a picture: its pose in a view, painted from back to front."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pawlab.data.drawing.animal import Animal
from pawlab.data.drawing.brush import FINE, Canvas, line, paint_solid
from pawlab.data.drawing.colours import Colour, darker, lighter
from pawlab.data.drawing.face import paint_face
from pawlab.data.drawing.head import head_tubes
from pawlab.data.drawing.on_face import Face
from pawlab.data.drawing.pose import Pose
from pawlab.data.drawing.relief import Relief
from pawlab.data.drawing.solids import Floats, Tube, View, balls, turning, vectors


@dataclass(frozen=True)
class Figure:
    """Angles are in degrees.

    `yaw`: which way the body points, 0 to the right, -90 at us, 180 to the left, 90 away; `pitch`: how far we look down
    on it. `gaze`: the head's turn from looking at us; `nod` and `tilt` likewise. `unit`: fine pixels a length unit;
    `spot`: x, y on the canvas of the point of the ground under its middle.
    """

    animal: Animal
    pose: Pose
    yaw: float
    pitch: float
    gaze: float
    nod: float
    tilt: float
    unit: float
    spot: tuple[float, float]


def body_view(figure: Figure) -> View:
    """Return the view of the figure's body."""
    return View(turning(figure.yaw, figure.pitch), figure.unit, np.array([*figure.spot, 0], np.float32))


def head_view(figure: Figure) -> View:
    """Return the view of the figure's head."""
    origin = body_view(figure).project(np.array([figure.pose.head], np.float32))[0]
    return View(turning(figure.gaze, figure.nod, figure.tilt), figure.unit * figure.animal.build.head, origin)


def paint_figure(canvas: Canvas, figure: Figure) -> None:
    """Paint body, head and face; the head first where it is turned away from us."""
    if body_view(figure).faces(np.array([1, 0, 0], np.float32)) < -0.5:
        _paint_head(canvas, figure)
        _paint_body(canvas, figure)
    else:
        _paint_body(canvas, figure)
        _paint_collar(canvas, figure)
        _paint_head(canvas, figure)


def _paint_body(canvas: Canvas, figure: Figure) -> None:
    view = body_view(figure)
    hair = "down" if figure.pose.upright else "slanted"
    seen = paint_solid(canvas, list(figure.pose.limbs), view, figure.animal.coat, hair)
    if seen is not None:
        _paint_toes(canvas, figure, view, seen)


def _paint_toes(canvas: Canvas, figure: Figure, view: View, seen: Relief) -> None:
    """Draw two lines on every front paw that points at us."""
    if view.faces(np.array([1, 0, 0], np.float32)) < 0.2:
        return
    bone = figure.animal.build.bone
    for paw in figure.pose.paws:
        for side in (-1, 1):
            root = np.array(paw, np.float32) + np.array([0.16, -0.08, side * 0.07], np.float32) * np.float32(bone)
            path = view.project(np.stack([root, root + np.array([0.06, 0.15, 0], np.float32) * np.float32(bone)]))
            if seen.height_at(float(path[0, 0]), float(path[0, 1])) < path[0, 2] + 0.15 * view.unit:
                line(canvas, path, darker(figure.animal.coat.base, 0.8), 0.035 * view.unit, 0.6)


def _paint_head(canvas: Canvas, figure: Figure) -> None:
    view = head_view(figure)
    centre = view.project(np.array([[0, 0.25, 0.8]], np.float32))[0]
    seen = paint_solid(canvas, head_tubes(figure.animal), view, figure.animal.coat, "radial", centre)
    if seen is not None:
        paint_face(Face(canvas, figure.animal, view, seen))


def _paint_collar(canvas: Canvas, figure: Figure) -> None:
    colour = figure.animal.collar
    neck = next((limb for limb in figure.pose.limbs if limb.part == "neck"), None)
    if colour is None or neck is None:
        return
    ring = _ring(neck, figure)
    line(canvas, ring, darker(colour, 0.35), 0.20 * figure.unit)
    line(canvas, ring - vectors((0, 0.02 * figure.unit, 0)), colour, 0.15 * figure.unit)
    _paint_tag(canvas, ring[len(ring) // 2], figure.unit, lighter((222, 182, 70), 0.1))


def _ring(neck: Tube, figure: Figure) -> Floats:
    """Return the visible half of a ring around the neck, (n, 3) in the picture."""
    start, end = body_view(figure).project(neck.spine)
    middle = start + (end - start) * np.float32(0.62)
    radius = float(neck.radii.mean()) * figure.unit
    across = np.array([-(end - start)[1], (end - start)[0]], np.float32)
    across /= np.linalg.norm(across) + 1e-6
    along = np.array([-across[1], across[0]], np.float32)
    along *= np.sign(along[1]) or 1
    angle = np.linspace(0, np.pi, 17)[:, None]
    ring = middle[:2] + radius * 0.98 * (np.cos(angle) * across + 0.38 * np.sin(angle) * along)
    return np.concatenate([ring, np.full((17, 1), middle[2])], axis=1).astype(np.float32)


def _paint_tag(canvas: Canvas, place: Floats, unit: float, colour: Colour) -> None:
    size = 0.1 * unit
    x, y = float(place[0]), float(place[1]) + 1.3 * size
    canvas.pen.ellipse((x - size, y - size, x + size, y + size), fill=darker(colour, 0.4))
    canvas.pen.ellipse((x - 0.8 * size, y - 0.85 * size, x + 0.75 * size, y + 0.7 * size), fill=colour)


def bounds(figure: Figure, head_only: bool = False) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of the figure around its spot, in length units."""
    plain = replace(figure, unit=1.0, spot=(0.0, 0.0))
    parts = [(limb, head_view(plain)) for limb in head_tubes(figure.animal)]
    if not head_only:
        parts += [(limb, body_view(plain)) for limb in figure.pose.limbs]
    knots = np.concatenate([view.project(limb.spine) for limb, view in parts])
    radii = np.concatenate([limb.radii for limb, _ in parts])[:, None]
    low, high = (knots - radii).min(axis=0), (knots + radii).max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def paint_shadow(picture: Image.Image, figure: Figure, towards: tuple[float, float, float]) -> None:
    """Lay the figure's shadow on a picture of the ground, soft at its edge. The picture is FINE times smaller than the
    canvas; `towards`: direction to the light."""
    scale = 4
    small = Image.new("L", (picture.width // scale, picture.height // scale))
    view = body_view(figure)
    aside = np.array([-0.35 * towards[0], 0, -0.25 * abs(towards[2])], np.float32) @ view.turn
    pen = ImageDraw.Draw(small)
    for limb in figure.pose.limbs:
        string = balls(limb, view)
        cast = string.own + aside * np.maximum(-string.own[:, 1:2], 0)
        cast[:, 1] = 0
        spots = np.concatenate([view.project(cast)[:, :2], string.radii[:, None]], axis=1) / (scale * FINE)
        for x, y, radius in spots.tolist():
            pen.ellipse((x - radius, y - 0.35 * radius, x + radius, y + 0.35 * radius), fill=120)
    soft = small.filter(ImageFilter.BoxBlur(1.2)).resize(picture.size, Image.Resampling.BILINEAR)
    picture.paste((16, 14, 26), (0, 0), soft)
