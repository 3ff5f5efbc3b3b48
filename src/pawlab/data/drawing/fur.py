"""Hair: tiles of streaky noise, made once, that roughen outlines and give coats their strokes."""

from functools import cache

import numpy as np
from PIL import Image

from pawlab.data.drawing.solids import Floats

TILE = 1024  # pixels a side: more than the fine canvas has


@cache
def strokes(direction: str) -> Floats:
    """Return a tile (TILE, TILE) of hair, mean 0 and deviation 1.

    `direction`: 'down', 'along', 'slanted', 'radial' (from the middle outwards) or 'fringe' (tufts with no direction).
    """
    if direction == "radial":
        return _normal(_radial())
    if direction == "fringe":
        return _normal(_fringe())
    if direction == "slanted":
        return _normal(_sheared(_streaks()))
    return _normal(_streaks() if direction == "down" else _streaks().T)


def crop(direction: str, size: tuple[int, int], corner: tuple[int, int]) -> Floats:
    """Cut a (height, width) piece of a tile; `size` is width, height and `corner` x, y, moved inside if need be."""
    width, height = min(size[0], TILE), min(size[1], TILE)
    left, top = min(max(corner[0], 0), TILE - width), min(max(corner[1], 0), TILE - height)
    return strokes(direction)[top : top + height, left : left + width]


def _streaks() -> Floats:
    """Hairs that run down, of two lengths and thicknesses, in locks."""
    rng = np.random.default_rng(20)
    fine = _stretched(rng, TILE // 3, TILE // 14)
    coarse = _stretched(rng, TILE // 6, TILE // 30)
    locks = _stretched(rng, TILE // 22, TILE // 60)
    together: Floats = 0.55 * fine + 0.7 * coarse + 0.6 * locks
    return together


def _fringe() -> Floats:
    """Tufts for outlines: fine and coarse grain without a direction, which suits every edge."""
    rng = np.random.default_rng(22)
    tufts: Floats = 0.8 * _stretched(rng, TILE // 5, TILE // 6) + 0.8 * _stretched(rng, TILE // 9, TILE // 11)
    return tufts


def _stretched(rng: np.random.Generator, columns: int, rows: int) -> Floats:
    noise = Image.fromarray(rng.standard_normal((rows, columns)).astype(np.float32))
    return np.asarray(noise.resize((TILE, TILE), Image.Resampling.BICUBIC), np.float32)


def _sheared(tile: Floats) -> Floats:
    columns = np.arange(TILE)
    rows = columns[:, None]
    sheared: Floats = tile[rows, (columns + rows // 2) % TILE]
    return sheared


def _radial() -> Floats:
    """Hairs that run outwards from the tile's middle."""
    rng = np.random.default_rng(21)
    steps = np.arange(TILE, dtype=np.float32) - TILE / 2
    x, y = steps[None, :], steps[:, None]
    angle = (np.arctan2(y, x) / (2 * np.pi) + 0.5) * (TILE - 1)
    distance = np.minimum(np.hypot(x, y) * 1.4, TILE - 1)
    around = 0.6 * _stretched(rng, 150, 60) + 0.7 * _stretched(rng, 70, 30)
    radial: Floats = around[distance.astype(int), angle.astype(int)]
    return radial


def _normal(tile: Floats) -> Floats:
    scaled: Floats = ((tile - tile.mean()) / tile.std()).astype(np.float32)
    scaled.setflags(write=False)
    return scaled
