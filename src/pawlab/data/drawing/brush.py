"""Paints solids with their coat, and flat shapes with colour, on the fine canvas."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from pawlab.data.drawing import fur
from pawlab.data.drawing.coat import Coat, coloured
from pawlab.data.drawing.colours import Colour
from pawlab.data.drawing.light import Light, lit
from pawlab.data.drawing.relief import STEP, Relief, relief
from pawlab.data.drawing.solids import Floats, Tube, View

FINE = 2  # fine pixels a pixel of the finished picture


@dataclass(frozen=True)
class Canvas:
    """`image`: RGB, FINE times as large as the finished picture. `light`: what falls on it."""

    image: Image.Image
    light: Light

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        """A pen whose colours may have a fourth part, opacity."""
        return ImageDraw.Draw(self.image, "RGBA")


def paint_solid(
    canvas: Canvas, limbs: list[Tube], view: View, coat: Coat, hair: str, centre: Floats | None = None
) -> Relief | None:
    """Paint tubes covered with a coat. Its colour has the finished picture's resolution, its outline the fine canvas's.

    `hair`: direction of its strokes ('radial' is the head, from `centre`, x and y)."""
    length = coat.fluff * view.unit * 0.04
    seen = relief(limbs, view, canvas.image.size, blend=0.22 * view.unit, margin=3 * length + 2 * STEP)
    if seen is None:
        return None
    size = ((seen.box[2] - seen.box[0]) * STEP, (seen.box[3] - seen.box[1]) * STEP)
    corner = (seen.box[0] * STEP, seen.box[1] * STEP)
    skin = _enlarged(coloured(seen, coat, hair == "radial") * lit(seen, canvas.light, view.unit), STEP // FINE)
    _stroke(skin, fur.crop(hair, skin.size, _tile_corner(corner, centre)), 9 + 11 * coat.fluff)
    canvas.image.paste(
        skin.resize(size, Image.Resampling.NEAREST),
        corner,
        _outline(
            seen, size, fur.crop("fringe", size, corner) + fur.crop(hair, size, _tile_corner(corner, centre)), length
        ),
    )
    return seen


def _tile_corner(corner: tuple[int, int], centre: Floats | None) -> tuple[int, int]:
    """Keep the radial tile's middle on the face; other tiles just differ from place to place."""
    if centre is None:
        return (corner[0] // FINE, corner[1] // FINE)
    return (fur.TILE // 2 + (corner[0] - int(centre[0])) // FINE, fur.TILE // 2 + (corner[1] - int(centre[1])) // FINE)


def _enlarged(colour: Floats, times: int) -> Image.Image:
    """Return colours (h, w, 3) as a picture `times` as large."""
    coarse = Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8))
    return coarse.resize((coarse.width * times, coarse.height * times), Image.Resampling.BICUBIC)


def _stroke(skin: Image.Image, hairs: Floats, strength: float) -> None:
    shade = Image.fromarray(np.clip(hairs * strength, 0, 110).astype(np.uint8))
    gleam = Image.fromarray(np.clip(hairs * -strength, 0, 110).astype(np.uint8))
    skin.paste((26, 16, 14), (0, 0), shade)
    skin.paste((255, 248, 232), (0, 0), gleam)


def _outline(seen: Relief, size: tuple[int, int], hairs: Floats, length: float) -> Image.Image:
    """Return the mask of what is inside, its edge roughened by hairs of `length` fine pixels."""
    short = seen.of("muzzle", "jaw", "ear", "fore")
    hairiness = np.where(short, np.float32(0.5), np.float32(1))
    inside = np.asarray(Image.fromarray(seen.inside / hairiness).resize(size, Image.Resampling.BILINEAR))
    edge = inside * np.float32(90) + (np.clip(hairs, -2.1, 2.1) + 1) * np.float32(54 * length) + 128
    return Image.fromarray(np.clip(edge, 0, 255).astype(np.uint8))


def fill(canvas: Canvas, points: Floats, colour: Colour, opacity: float = 1.0) -> None:
    """Fill the polygon through points (n, 2 or 3)."""
    canvas.pen.polygon(_flat(points), fill=(*colour, round(255 * opacity)))


def line(canvas: Canvas, points: Floats, colour: Colour, width: float, opacity: float = 1.0) -> None:
    """Draw a line through points (n, 2 or 3), `width` in fine pixels."""
    if len(points) > 1:
        canvas.pen.line(_flat(points), fill=(*colour, round(255 * opacity)), width=max(1, round(width)), joint="curve")


def _flat(points: Floats) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in points[:, :2]]
