"""Random changes of one picture, without Keras: where its pixels are, then their colours, then what is painted over.

Flips, turns, shifts, shears and zooms are those of Keras's layers; a crop is that of Szegedy et al. 2015
(arXiv:1409.4842), and a painted rectangle that of Zhong et al. 2017 (arXiv:1708.04896). Each that moves pixels is an
affine map from where a pixel stands in the result to where it comes from in the picture,

    (x, y, 1)  ->  M (x, y, 1),    x to the right and y down, the centre of the first pixel at (0, 0),

and one after the other they are the product of their matrices. So a picture is resampled once, bilinearly, however many
steps it takes; Keras's layers resample and blur it at each. The matrices, and what stands beyond the edge, are theirs.
"""

from collections.abc import Callable, Sequence
from math import cos, exp, log, pi, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pawlab.images import Pixels
from pawlab.recipes.layers import PLACES, VALUES
from pawlab.recipes.recipe import Layer

Matrix = NDArray[np.float64]  # (3, 3)
Floats = NDArray[np.float32]
Options = dict[str, Any]

_ASPECT = log(1.2)  # either way, of parts that are cut out or painted over
_GRAY = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, as in JPEG
_PAD_MODES = {"reflect": "symmetric", "nearest": "edge"}  # Keras's name -> NumPy's


def augment(pixels: Pixels, layers: Sequence[Layer], random: np.random.Generator) -> Floats:
    """Return one picture (h, w, 3) uint8 with these layers' random changes, as float32, 0-255.

    Layers of other kinds are passed over.
    """
    steps = [layer for layer in layers if layer.kind in PLACES]
    height, width, _ = pixels.shape
    matrix: Matrix = np.eye(3)
    for layer in steps:
        matrix = matrix @ _MATRICES[layer.kind](layer.options, height, width, random)
    fill_modes = [layer.options["fill_mode"] for layer in steps if "fill_mode" in layer.options]
    values = resample(pixels, matrix, fill_modes[0] if fill_modes else "nearest")
    for layer in layers:
        if layer.kind in VALUES:
            values = _CHANGES[layer.kind](values, layer.options, random)
    return values


def resample(pixels: Pixels, matrix: Matrix, fill_mode: str) -> Floats:
    """Return the picture whose pixel at (x, y) is the given one's at `matrix` (x, y, 1), to within half a step of 255.

    `fill_mode`: what stands beyond the edge: `reflect` mirrors the picture there, `nearest` repeats its last pixel.
    """
    height, width, _ = pixels.shape
    (left, top), (right, bottom) = _reach(matrix, height, width)
    if left or right or top or bottom:
        pixels = np.pad(pixels, ((top, bottom), (left, right), (0, 0)), mode=_PAD_MODES[fill_mode])  # type: ignore[call-overload]
    a, b, c, d, e, f = matrix[:2].ravel()
    # Pillow counts from a pixel's corner: its (x + 1/2, y + 1/2) is our (x, y)
    coefficients = (a, b, c + left + (1 - a - b) / 2, d, e, f + top + (1 - d - e) / 2)
    image = Image.fromarray(pixels).transform(
        (width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    exact = bool((matrix == np.rint(matrix)).all())
    return np.asarray(image) + np.float32(0.0 if exact else 0.5)  # Pillow cuts fractions off: half is lost on average


def _reach(matrix: Matrix, height: int, width: int) -> list[list[int]]:
    """Return how many pixels beyond the picture the result needs: [left, top], [right, bottom]."""
    corners = np.array([[0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1], [1, 1, 1, 1]])
    places = (matrix @ corners)[:2]
    tolerance = 1e-6  # a flip lands on the last pixel, give or take a rounding
    before = -np.floor(places.min(axis=1) + tolerance)
    after = np.ceil(places.max(axis=1) - tolerance) - (width - 1, height - 1)
    beyond = np.stack([before, after]).astype(int)
    # Pillow leaves a pixel blank whose place lies outside by any amount: one more on each side keeps rounding harmless
    return np.where(beyond > 0, beyond + 1, 0).tolist()  # type: ignore[no-any-return]


def _flip(options: Options, height: int, width: int, random: np.random.Generator) -> Matrix:
    """Keras's layer throws one coin for both directions."""
    flipped = random.random() <= 0.5
    across = -1.0 if flipped and "horizontal" in options["mode"] else 1.0
    down = -1.0 if flipped and "vertical" in options["mode"] else 1.0
    return _about_centre(np.diag([across, down, 1.0]), height, width)


def _rotate(options: Options, height: int, width: int, random: np.random.Generator) -> Matrix:
    angle = 2 * pi * random.uniform(options["lower"], options["upper"])
    turn = np.array([[cos(angle), -sin(angle), 0], [sin(angle), cos(angle), 0], [0, 0, 1]])
    return _about_centre(turn, height, width)


def _shift(options: Options, height: int, width: int, random: np.random.Generator) -> Matrix:
    down = height * random.uniform(-options["height_factor"], options["height_factor"])
    right = width * random.uniform(-options["width_factor"], options["width_factor"])
    return np.array([[1, 0, -right], [0, 1, -down], [0, 0, 1]])


def _shear(options: Options, height: int, width: int, random: np.random.Generator) -> Matrix:
    """Keras's layer shears about the first row, not about the middle."""
    return np.array([[1, random.uniform(-options["x_factor"], options["x_factor"]), 0], [0, 1, 0], [0, 0, 1]])


def _zoom(options: Options, height: int, width: int, random: np.random.Generator) -> Matrix:
    """Factors above 1 shrink the picture."""
    down = 1 + random.uniform(-options["height_factor"], options["height_factor"])
    across = 1 + random.uniform(-options["width_factor"], options["width_factor"])
    return _about_centre(np.diag([across, down, 1.0]), height, width)


def _crop(options: Options, height: int, width: int, random: np.random.Generator) -> Matrix:
    area, wider = random.uniform(options["smallest"], 1.0), exp(random.uniform(-_ASPECT, _ASPECT))
    down, across = min(1.0, (area / wider) ** 0.5), min(1.0, (area * wider) ** 0.5)
    top = random.uniform(0.0, (1 - down) * (height - 1))
    left = random.uniform(0.0, (1 - across) * (width - 1))
    return np.array([[across, 0, left], [0, down, top], [0, 0, 1]])


def _colour(values: Floats, options: Options, random: np.random.Generator) -> Floats:
    """Towards or away from black, from the picture's mean gray, and from each pixel's own gray."""
    brighter, starker, richer = (
        np.float32(1 + random.uniform(-options[name], options[name]))
        for name in ("brightness", "contrast", "saturation")
    )
    values = values * brighter
    gray = values @ _GRAY
    values = gray.mean() + starker * (values - gray.mean())
    gray = (values @ _GRAY)[..., np.newaxis]
    changed: Floats = np.clip(gray + richer * (values - gray), 0.0, 255.0)
    return changed


def _erase(values: Floats, options: Options, random: np.random.Generator) -> Floats:
    if random.random() >= options["rate"]:
        return values
    height, width, _ = values.shape
    area, wider = random.uniform(0.0, options["largest"]), exp(random.uniform(-_ASPECT, _ASPECT))
    down, across = min(height, round(height * (area / wider) ** 0.5)), min(width, round(width * (area * wider) ** 0.5))
    top, left = round(random.uniform(0, height - down)), round(random.uniform(0, width - across))
    painted = values.copy()
    painted[top : top + down, left : left + across] = values.mean(axis=(0, 1))
    return painted


def _about_centre(matrix: Matrix, height: int, width: int) -> Matrix:
    offset = np.array([[0, 0, (width - 1) / 2], [0, 0, (height - 1) / 2], [0, 0, 0]])
    result: Matrix = (np.eye(3) + offset) @ matrix @ (np.eye(3) - offset)
    return result


_MATRICES: dict[str, Callable[[Options, int, int, np.random.Generator], Matrix]] = {
    "flip": _flip,
    "rotate": _rotate,
    "shift": _shift,
    "shear": _shear,
    "zoom": _zoom,
    "crop": _crop,
}
_CHANGES: dict[str, Callable[[Floats, Options, np.random.Generator], Floats]] = {"colour": _colour, "erase": _erase}
