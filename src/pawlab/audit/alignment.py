"""Lay small gray pictures over others, as a crop of one would lie on it, and say where the two agree.

All arrays hold many pictures at once, (n, side, side) float32, of mean 0 and standard deviation 1, so that more light
or less contrast change nothing; the k-th of one is compared with the k-th of the other. A placement is (n, 4) float32:
zoom and shift across, zoom and shift down, in shares of the side. With x counted from the middle, from -0.5 to 0.5, a
pixel at x of the first picture is looked for at x * (1 + zoom) + shift in the second. The pictures are squashed, so a
crop with other margins left and right, above and below, is just that.

How a placement is found: B. D. Lucas and T. Kanade, "An iterative image registration technique with an application to
stereo vision", 1981. Near the right placement, a small move changes the second picture by the move times its slope;
which move brings it nearest to the first is a least squares problem, solved a few times over, first on a coarse scale
where large moves are few pixels. A gain and an offset of brightness are solved for along with it.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

_COARSE_STEPS, _FINE_STEPS = 5, 4  # by when placements stand still; 24 find no more crops
_LONGEST_STEP = 0.1  # shares of the side: a slope says nothing about what is further away
_FURTHEST = 0.35  # a copy with less than about two thirds left is another picture
_TILE = 8  # pixels each way of a thumbnail: a tile of 64 pixels shows a pattern, a quarter of them would be chance
_TEXTURE = 0.04  # root mean square of a tile's detail, in the picture's standard deviations: mostly some 2 gray levels
_SAME_PATTERN = 0.5  # correlation that the detail of two tiles must have to be of one thing


@dataclass(frozen=True)
class Agreement:
    """How two pictures agree where both are seen, one number a pair.

    `overlap`: the share of the first picture that the second covers. `textured`: of that, the share of tiles in which
    both have detail. `same`: the share of those in which it is the same detail. `worst`: in the tile that differs most,
    what remains of the difference once brightness is matched, in standard deviations of the first picture.
    """

    overlap: Array
    textured: Array
    same: Array
    worst: Array


def standardised(pictures: NDArray[np.uint8]) -> Array:
    """Return gray pictures, 0-255, with mean 0 and standard deviation 1; plain ones with 0 everywhere."""
    centred = pictures - pictures.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    deviation = np.sqrt((centred * centred).mean(axis=(1, 2), keepdims=True))
    return np.asarray(centred / np.maximum(deviation, 1e-3))


def place_roughly(first: Array, second: Array) -> tuple[Array, Array]:
    """Return placements at a quarter of the resolution, and the correlation they reach: -1 to 1, (n,)."""
    first, second = (soften(_halved(_halved(pictures))) for pictures in (first, second))
    placement = _follow(first, second, np.zeros((len(first), 4), np.float32), _COARSE_STEPS)
    return placement, _correlation(first, *_laid(second, placement))


def place_finely(first: Array, second: Array, placement: Array) -> Array:
    """Return better placements, at half the resolution, which finds a tenth of a pixel at a quarter of the cost."""
    first, second = (soften(_halved(pictures)) for pictures in (first, second))
    return _follow(first, second, placement, _FINE_STEPS)


def agreement(first: Array, second: Array, placement: Array) -> Agreement:
    """Compare pictures tile by tile, the second laid over the first."""
    seen = _laid(second, placement)[1]
    pixels = np.maximum(_tiles(seen), 1.0)
    shown = pixels > _TILE * _TILE / 2
    one, other = detail(first) * seen, _laid(detail(second), placement)[0] * seen
    strength_one, strength_other = np.sqrt(_tiles(one**2) / pixels), np.sqrt(_tiles(other**2) / pixels)
    textured = shown & (strength_one > _TEXTURE) & (strength_other > _TEXTURE)
    same = textured & (_tiles(one * other) / pixels > _SAME_PATTERN * strength_one * strength_other)
    return Agreement(
        overlap=seen.mean(axis=(1, 2)),
        textured=_share(textured, shown),
        same=_share(same, textured),
        worst=_worst_tile(soften(first, 2), _laid(soften(second, 2), placement)[0], seen),
    )


def texture(pictures: Array) -> Array:
    """Return the share of tiles that have detail of their own, (n,)."""
    textured = np.sqrt(_tiles(detail(pictures) ** 2)) / _TILE > _TEXTURE
    return _share(textured, np.ones_like(textured))


def detail(pictures: Array) -> Array:
    """Return what is lost when pictures are softened: edges and texture, around 0."""
    return pictures - soften(pictures, 3)


def soften(pictures: Array, times: int = 1) -> Array:
    """Average every pixel with its neighbours, weights 1 2 1 each way; beyond an edge lies what is at it."""
    weights = _softening(pictures.shape[1], times)
    across = (pictures.reshape(-1, pictures.shape[2]) @ weights.T).reshape(pictures.shape)
    return np.asarray(weights @ across)


@cache
def _softening(side: int, times: int) -> Array:
    """Return the matrix (side, side) that does so along one axis, so many times."""
    edged = np.pad(np.eye(side), ((1, 1), (0, 0)), mode="edge")
    once = (edged[:-2] + 2 * edged[1:-1] + edged[2:]) / 4
    return np.asarray(np.linalg.matrix_power(once, times), np.float32)


def _follow(first: Array, second: Array, placement: Array, steps: int) -> Array:
    for _ in range(steps):
        placement = np.clip(placement + _step(first, second, placement), -_FURTHEST, _FURTHEST)
    return placement


def _step(first: Array, second: Array, placement: Array) -> Array:
    """Return the move, (n, 4), that by its slope brings the second picture nearest to the first."""
    laid, seen = _laid(second, placement)
    slope_down, slope_across = np.gradient(laid * laid.shape[1], axis=(1, 2))  # per side, as placements are
    x = _from_middle(laid.shape[1])
    effects = (slope_across * x, slope_across, slope_down * x[:, None], slope_down, laid, np.ones_like(laid))
    columns = np.stack(effects, axis=-1) * seen[..., None]
    move = _least_squares(columns, first * seen)
    gain = np.where(np.abs(move[:, 4:5]) < _LONGEST_STEP, _LONGEST_STEP, move[:, 4:5])
    return np.clip(move[:, :4] / gain, -_LONGEST_STEP, _LONGEST_STEP)


def _laid(pictures: Array, placement: Array) -> tuple[Array, Array]:
    """Return pictures looked up at their placements, and where they are seen, 0 or 1: both (n, side, side).

    Zoom and shift act on rows and columns independently, so linear interpolation is a matrix from either side.
    """
    side = pictures.shape[1]
    x = _from_middle(side)
    columns, rows = (
        side * (x * (1 + placement[:, zoom, None]) + placement[:, zoom + 1, None]) + (side - 1) / 2 for zoom in (0, 2)
    )
    laid = _between(rows) @ pictures @ _between(columns).transpose(0, 2, 1)
    return laid, _within(rows)[:, :, None] * _within(columns)[:, None, :]


def _between(positions: Array) -> Array:
    """Return (n, side, side): how much of each pixel there is at each position, by linear interpolation."""
    side = positions.shape[1]
    distance = np.clip(positions, 0, side - 1)[:, :, None] - np.arange(side, dtype=np.float32)
    return np.asarray(np.maximum(0, 1 - np.abs(distance)))


def _within(positions: Array) -> Array:
    """Say which positions lie inside, 1 or 0; a quarter of a pixel outside still counts, as rounding may lead there."""
    inside = (positions > -0.25) & (positions < positions.shape[1] - 0.75)
    return np.asarray(inside, dtype=np.float32)


def _from_middle(side: int) -> Array:
    return ((np.arange(side) - (side - 1) / 2) / side).astype(np.float32)


def _least_squares(columns: Array, target: Array) -> Array:
    """Return (n, c): for each picture the weights with which its columns (n, side, side, c) come nearest to the target.

    A little is added to the diagonal, so that pictures without slopes get the weight 0 rather than an error.
    """
    count = columns.shape[-1]
    flat = columns.reshape(len(columns), -1, count)
    turned = flat.transpose(0, 2, 1)
    squares = turned @ flat
    squares[:, np.arange(count), np.arange(count)] *= 1.001
    squares += 1e-3 * np.eye(count, dtype=np.float32)
    solved: Array = np.linalg.solve(squares, turned @ target.reshape(len(target), -1, 1))[..., 0]
    return solved


def _worst_tile(first: Array, second: Array, seen: Array) -> Array:
    """Return `Agreement.worst`. Brightness is matched by a cubic curve: gamma, contrast, clipping."""
    square = second * second
    curve = np.stack([np.ones_like(second), second, square, square * second], axis=-1) * seen[..., None]
    weights = _least_squares(curve, first * seen)
    off = (first * seen - (curve @ weights[:, None, :, None])[..., 0]) ** 2
    variance = _total(_centred(first, seen) ** 2) / _total(seen)
    by_tile = _tiles(off) / np.maximum(_tiles(seen), _TILE * _TILE / 2)
    return np.asarray(np.sqrt(by_tile.max(axis=1) / np.maximum(variance[:, 0, 0], 1e-6)))


def _correlation(first: Array, second: Array, seen: Array) -> Array:
    one, other = (_centred(pictures, seen) for pictures in (first, second))
    scale = np.sqrt(_total(one**2) * _total(other**2))
    return np.asarray((_total(one * other) / np.maximum(scale, 1e-6))[:, 0, 0])


def _centred(pictures: Array, seen: Array) -> Array:
    return np.asarray((pictures - _total(pictures * seen) / _total(seen)) * seen)


def _total(pictures: Array) -> Array:
    """Return each picture's sum, (n, 1, 1)."""
    total: Array = pictures.sum(axis=(1, 2), keepdims=True)
    return total


def _halved(pictures: Array) -> Array:
    rows = pictures[:, ::2] + pictures[:, 1::2]
    halved: Array = (rows[:, :, ::2] + rows[:, :, 1::2]) / 4
    return halved


def _tiles(pictures: Array) -> Array:
    """Return each tile's sum, (n, tiles)."""
    count = pictures.shape[1] // _TILE
    rows = pictures.reshape(len(pictures), count, _TILE, -1).sum(axis=2)
    tiles: Array = rows.reshape(len(pictures), count, count, _TILE).sum(axis=3)
    return tiles.reshape(len(pictures), -1)


def _share(some: NDArray[np.bool_], of: NDArray[np.bool_]) -> Array:
    return np.asarray(some.sum(axis=1) / np.maximum(of.sum(axis=1), 1))
