"""Light on a relief: one lamp or sun, the sky around, and the shade in creases."""

from dataclasses import dataclass

import numpy as np

from pawlab.data.drawing.relief import Relief, spread
from pawlab.data.drawing.solids import Floats


@dataclass(frozen=True)
class Light:
    """`towards`: direction to the lamp, a unit vector. `key`, `sky`: its colour and that of the light from all around,
    where key + sky of about 1 shows colours as they are."""

    towards: tuple[float, float, float]
    key: tuple[float, float, float]
    sky: tuple[float, float, float]


def lit(relief: Relief, light: Light, unit: float) -> Floats:
    """Return the factor (h, w, 3) by which light and shade change the coat's colour; `unit` is fine pixels a length unit."""
    towards = np.array(light.towards, np.float32)
    towards /= np.linalg.norm(towards)
    facing = relief.normal @ towards
    key = np.clip(facing * 0.55 + 0.45, 0, None)
    sky = 0.72 - 0.28 * relief.normal[..., 1]  # more from above than from below
    crease = _crease(relief, unit)
    edge = 0.86 + 0.14 * np.clip(relief.normal[..., 2] * 1.8, 0, 1)
    glow = key[..., None] * np.array(light.key, np.float32) + sky[..., None] * np.array(light.sky, np.float32)
    shaded: Floats = glow * (crease * edge)[..., None]
    return shaded


def _crease(relief: Relief, unit: float) -> Floats:
    """Darken what lies behind its neighbourhood: under the chin, between the legs."""
    inside = relief.inside > 0
    if not inside.any():
        return np.ones_like(relief.height)
    floor = float(relief.height[inside].min())
    height = np.where(inside, relief.height, floor) / np.float32(unit)
    behind = spread(height, max(2, round(unit / 9))) - height
    open_to_light: Floats = 1 - 0.55 * np.clip(behind * 1.3, 0, 1) * inside
    return open_to_light
