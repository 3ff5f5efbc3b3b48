"""Balls -> what is seen of them: for every coarse pixel how deep inside, how near, facing where, and which part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pawlab.data.drawing.solids import Balls, Floats, Tube, View, balls

STEP = 4  # fine pixels a coarse pixel; light and coat change slowly enough for that
_OUTSIDE = -1e4

Where = tuple[NDArray[np.intp], NDArray[np.intp]]
Box = tuple[int, int, int, int]  # left, top, right, bottom in coarse pixels


@dataclass(frozen=True)
class Relief:
    """What is seen inside `box`. Arrays are (h, w) or (h, w, 3).

    `inside`: fine pixels to the outline, negative outside. `height`: nearness in fine pixels. `normal`: where the
    surface faces in the picture's axes; `own_normal` in the body's. `place`: the surface point in the body's units.
    `part`: index into `parts`. `along`: 0-1 along the limb.
    """

    box: Box
    inside: Floats
    height: Floats
    normal: Floats
    own_normal: Floats
    place: Floats
    part: NDArray[np.int8]
    along: Floats
    parts: tuple[str, ...]

    def of(self, *names: str) -> NDArray[np.bool_]:
        """Say where one of the named parts is seen."""
        named: NDArray[np.bool_] = np.array([part in names for part in self.parts])[self.part]
        return named

    def height_at(self, x: float, y: float) -> float:
        """Return how near the surface is at a fine pixel; far away where nothing is."""
        column, row = int(x / STEP) - self.box[0], int(y / STEP) - self.box[1]
        if 0 <= row < self.height.shape[0] and 0 <= column < self.height.shape[1] and self.inside[row, column] > 0:
            return float(self.height[row, column])
        return _OUTSIDE


def relief(limbs: list[Tube], view: View, size: tuple[int, int], blend: float, margin: float) -> Relief | None:
    """Look at tubes. `size`: width, height of the fine canvas. `blend`: how softly limbs melt into each other, and
    `margin`: how much is looked at around them, fine pixels. None where nothing is in the picture."""
    strung = [balls(limb, view) for limb in limbs]
    box = _around(strung, margin, size)
    if box[2] <= box[0] or box[3] <= box[1]:
        return None
    seen = _blank(box, tuple(limb.part for limb in limbs))
    for index, limb in enumerate(limbs):
        _lay(seen, index, strung[index], limb.flat, view, blend, margin)
    return seen


def _around(strung: list[Balls], margin: float, size: tuple[int, int]) -> Box:
    low = np.min([(string.centres[:, :2] - string.radii[:, None]).min(axis=0) for string in strung], axis=0)
    high = np.max([(string.centres[:, :2] + string.radii[:, None]).max(axis=0) for string in strung], axis=0)
    return _clip((low - margin) / STEP, (high + margin) / STEP, (0, 0, -(-size[0] // STEP), -(-size[1] // STEP)))


def _clip(low: Floats, high: Floats, limits: Box) -> Box:
    left, top = max(limits[0], int(np.floor(low[0]))), max(limits[1], int(np.floor(low[1])))
    right, bottom = min(limits[2], int(np.ceil(high[0])) + 1), min(limits[3], int(np.ceil(high[1])) + 1)
    return (left, top, right, bottom)


def _blank(box: Box, parts: tuple[str, ...]) -> Relief:
    shape = (box[3] - box[1], box[2] - box[0])
    far = np.full(shape, _OUTSIDE, np.float32)
    vectors = [np.zeros((*shape, 3), np.float32) for _ in range(3)]
    return Relief(
        box,
        far,
        far.copy(),
        vectors[0],
        vectors[1],
        vectors[2],
        np.zeros(shape, np.int8),
        np.zeros(shape, np.float32),
        parts,
    )


def _lay(seen: Relief, index: int, string: Balls, flat: float, view: View, blend: float, margin: float) -> None:
    """Lay one tube into the relief, in the window around it."""
    box = _window(seen, string, margin)
    if box[2] <= box[0] or box[3] <= box[1]:
        return
    x = ((np.arange(box[0], box[2], dtype=np.float32) + 0.5) * STEP)[None, :]
    y = ((np.arange(box[1], box[3], dtype=np.float32) + 0.5) * STEP)[:, None]
    table = np.concatenate([string.centres, string.radii[:, None], string.own, string.along[:, None]], axis=1)
    window = (slice(box[1] - seen.box[1], box[3] - seen.box[1]), slice(box[0] - seen.box[0], box[2] - seen.box[0]))
    heights, depth = _heights(x, y, table[:, :4, None, None], flat)
    seen.inside[window] = _melt(seen.inside[window], depth, blend)
    top = heights.max(axis=0)
    rows, columns = np.nonzero(top > seen.height[window])
    ball = _between(table, _nearest(heights[:, rows, columns]))
    target = (rows + window[0].start, columns + window[1].start)
    seen.height[target] = top[rows, columns]
    seen.part[target] = index
    seen.along[target] = ball[:, 7]
    _face(seen, target, x[0, columns], y[rows, 0], ball, view)


def _face(seen: Relief, target: Where, x: Floats, y: Floats, ball: Floats, view: View) -> None:
    """Note where points x, y (n,) on balls (n, 8) lie in the body and which way they face."""
    radius = ball[:, 3]
    dx, dy = x - ball[:, 0], y - ball[:, 1]
    bulge = np.sqrt(np.maximum(radius**2 - dx**2 - dy**2, 0))
    normal = np.stack([dx, dy, bulge], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + np.float32(1e-6)
    own = normal @ view.turn
    seen.normal[target] = normal
    seen.own_normal[target] = own
    seen.place[target] = ball[:, 4:7] + own * (radius / np.float32(view.unit))[:, None]


def _heights(x: Floats, y: Floats, table: Floats, flat: float) -> tuple[Floats, Floats]:
    """Return how near each ball's surface is (n, h, w), far less beside it, and how deep inside the deepest (h, w)."""
    radii: Floats = table[:, 3]
    squared: Floats = (x - table[:, 0]) ** 2 + (y - table[:, 1]) ** 2
    depth: Floats = radii - np.sqrt(squared)
    bulge = np.sqrt(np.maximum(radii**2 - squared, 0))
    heights: Floats = table[:, 2] + np.float32(flat) * bulge + np.float32(3) * np.minimum(depth, np.float32(0))
    return heights, depth.max(axis=0)


def _nearest(heights: Floats) -> Floats:
    """Return which ball (n, points) stands out most at each point, between two where they share: a parabola's top."""
    best = heights.argmax(axis=0)
    if len(heights) < 3:
        return np.asarray(best, np.float32)
    middle = np.clip(best, 1, len(heights) - 2)
    points = np.arange(heights.shape[1])
    before, at, after = (heights[middle + step, points] for step in (-1, 0, 1))
    bend = np.minimum(before - 2 * at + after, -1e-3)
    shifted: Floats = (middle + np.clip(0.5 * (before - after) / bend, -1, 1)).astype(np.float32)
    return shifted


def _between(table: Floats, position: Floats) -> Floats:
    """Interpolate the rows of a table (n, k) at positions (points,): (points, k)."""
    low = np.minimum(position.astype(int), len(table) - 2)
    share = (position - low)[:, None].astype(np.float32)
    mixed: Floats = table[low] * (1 - share) + table[low + 1] * share
    return mixed


def _window(seen: Relief, string: Balls, margin: float) -> Box:
    low = (string.centres[:, :2] - string.radii[:, None]).min(axis=0) - margin
    high = (string.centres[:, :2] + string.radii[:, None]).max(axis=0) + margin
    return _clip(low / STEP, high / STEP, seen.box)


def _melt(old: Floats, new: Floats, blend: float) -> Floats:
    """Return the larger of both, rounded off where they are nearly equal: the outline's inner corners fill up."""
    corner = np.maximum(blend - np.abs(old - new), 0)
    melted: Floats = np.maximum(old, new) + corner**2 / (4 * blend)
    return melted


def spread(values: Floats, times: int) -> Floats:
    """Blur (h, w) values over about `times` coarse pixels."""
    height, width = values.shape
    small = Image.fromarray(values).resize((max(1, width // times), max(1, height // times)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float32)
