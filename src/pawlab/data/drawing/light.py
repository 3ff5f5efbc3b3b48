"""Light on a relief: one lamp or sun, the sky around, and the shade in creases."""

from dataclasses import dataclass, replace

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

    @property
    def glow(self) -> float:
        """How bright it is, 0-1."""
        return min(1.0, max(self.key) * 0.6 + max(self.sky) * 0.8)

    def mirrored(self) -> "Light":
        """Return the same light from the other side."""
        x, y, z = self.towards
        return replace(self, towards=(-x, y, z))


DAY = Light((-0.5, -0.7, 0.6), (0.80, 0.77, 0.70), (0.36, 0.39, 0.44))
SHADE = Light((-0.3, -0.8, 0.6), (0.50, 0.52, 0.55), (0.55, 0.57, 0.60))
EVENING = Light((-0.8, -0.35, 0.5), (0.95, 0.72, 0.48), (0.34, 0.31, 0.38))
LAMP = Light((-0.5, -0.6, 0.65), (0.82, 0.72, 0.56), (0.36, 0.33, 0.32))
MOON = Light((-0.5, -0.8, 0.4), (0.42, 0.48, 0.62), (0.24, 0.27, 0.38))


def lit(relief: Relief, light: Light, unit: float) -> Floats:
    """Return the factor (h, w, 3) by which light and shade change a colour. `unit`: fine pixels a length unit."""
    towards = np.array(light.towards, np.float32)
    towards /= np.linalg.norm(towards)
    facing = relief.normal @ towards
    key = np.clip(facing * 0.55 + 0.45, 0, None)
    sky = 0.72 - 0.28 * relief.normal[..., 1]  # more from above than from below
    crease = _crease(relief, unit)
    edge = 0.86 + 0.14 * np.clip(relief.normal[..., 2] * 1.8, 0, 1)
    glow = key[..., None] * np.array(light.key, np.float32) + sky[..., None] * np.array(light.sky, np.float32)
    shaded: Floats = glow * (crease * edge)[..., None]
    shaded[1:-1, 1:-1] = (
        shaded[1:-1, 1:-1] + shaded[:-2, 1:-1] + shaded[2:, 1:-1] + shaded[1:-1, :-2] + shaded[1:-1, 2:]
    ) / 5
    return shaded


def _crease(relief: Relief, unit: float) -> Floats:
    """Darken what lies behind its neighbourhood: under the chin, between the legs."""
    inside = relief.inside > 0
    if not inside.any():
        return np.ones_like(relief.height)
    floor = float(relief.height[inside].min())
    height = np.where(inside, relief.height, np.float32(floor)).astype(np.float32) / np.float32(unit)
    behind = spread(height, max(2, round(unit / 9))) - height
    shade = np.float32(0.55) * np.clip(behind * np.float32(1.3), 0, 1) * inside
    open_to_light: Floats = np.float32(1) - shade
    return open_to_light
