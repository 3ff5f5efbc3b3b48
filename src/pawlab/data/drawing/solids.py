"""Bodies as balls strung along curves, and the view that brings them into the picture.

Axes: x to the right, y down, z towards the viewer. An animal's own axes: x forward, y down (the ground is y = 0),
z to its right-hand side; the length unit is about the radius of its head.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Tube:
    """A limb. `spine` (k, 3), `radii` (k,): knots of its middle line and how thick it is there.

    `part` says to the coat what it is. `flat`: how far it bulges towards the viewer, 1 like a ball, less for an ear.
    """

    part: str
    spine: Floats
    radii: Floats
    flat: float = 1.0


@dataclass(frozen=True)
class Balls:
    """A tube as balls in the picture: `centres` (n, 3) and `radii` (n,) in pixels, `own` (n, 3) centres in the body's
    own axes, `along` (n,) from 0 at the tube's start to 1 at its end."""

    centres: Floats
    radii: Floats
    own: Floats
    along: Floats


@dataclass(frozen=True)
class View:
    """Brings a body into the picture. `turn`: rotation (3, 3); `unit`: pixels a length unit; `origin`: where the body's
    own origin lies, x, y, z in pixels."""

    turn: Floats
    unit: float
    origin: Floats

    def project(self, points: Floats) -> Floats:
        """Bring points (n, 3) into the picture: (n, 3), pixels."""
        moved: Floats = points @ self.turn.T * np.float32(self.unit) + self.origin
        return moved

    def faces(self, direction: Floats) -> float:
        """Say how far a direction (3,) of the body points to the viewer, from -1 (away) to 1."""
        return float((self.turn @ direction)[2])


def tube(part: str, knots: list[tuple[float, float, float, float]], flat: float = 1.0) -> Tube:
    """Make a tube of knots (x, y, z, radius)."""
    table = np.array(knots, np.float32)
    return Tube(part, table[:, :3], np.maximum(table[:, 3], 0.02), flat)


def vectors(*rows: tuple[float, ...]) -> Floats:
    """Return rows of numbers as an array (n, d)."""
    return np.array(rows, np.float32)


def curve(knots: Floats, count: int) -> Floats:
    """Sample a Catmull-Rom curve through knots (k, d) at `count` points: (count, d)."""
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    position = np.arange(count, dtype=np.float32) * np.float32((len(knots) - 1) / max(1, count - 1))
    start = np.minimum(position.astype(int), len(knots) - 2)
    u = (position - start)[:, None]
    a, b, c, d = (padded[start + offset] for offset in range(4))
    smooth: Floats = 0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3)
    return smooth


def loop(knots: Floats, count: int) -> Floats:
    """Sample a closed curve through knots (k, d): (count, d)."""
    around = np.concatenate([knots[-2:], knots, knots[:2]])
    dense = curve(around, (len(around) - 1) * 8 + 1)[16:-16]
    around_evenly: Floats = dense[np.linspace(0, len(dense) - 1, count, endpoint=False).astype(int)]
    return around_evenly


def balls(limb: Tube, view: View) -> Balls:
    """String a tube's balls closely enough to look smooth."""
    knots = np.concatenate([limb.spine, limb.radii[:, None]], axis=1)
    count = _ball_count(limb)
    dense = curve(knots, count) if len(knots) > 1 else knots
    radii = np.maximum(dense[:, 3], 0.02)
    along = np.arange(len(dense), dtype=np.float32) / np.float32(max(1, len(dense) - 1))
    return Balls(view.project(dense[:, :3]), radii * np.float32(view.unit), dense[:, :3], along)


def _ball_count(limb: Tube) -> int:
    steps = limb.spine[1:] - limb.spine[:-1]
    length = float(np.sqrt((steps**2).sum(axis=1)).sum())
    return max(2, round(length / (0.45 * float(limb.radii.mean()))) + 1)


def turning(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Floats:
    """Return the (3, 3) rotation by yaw about the upright axis, then pitch (looking down on it), then roll; degrees."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_x = [[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]]
    about_z = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    return np.array(np.array(about_z) @ np.array(about_x) @ np.array(about_y), np.float32)
