"""Where things on a face land in the picture, and whether they are seen."""

from dataclasses import dataclass
from math import cos, hypot, sin

import numpy as np

from pawlab.data.drawing.animal import Animal
from pawlab.data.drawing.brush import Canvas
from pawlab.data.drawing.colours import Colour, mix
from pawlab.data.drawing.relief import Relief
from pawlab.data.drawing.solids import Floats, View


@dataclass(frozen=True)
class Face:
    """Everything a face is painted with. `seen`: the head, painted before."""

    canvas: Canvas
    animal: Animal
    view: View
    seen: Relief

    def toned(self, colour: Colour) -> Colour:
        """Return a colour as it looks in the picture's light."""
        return mix((10, 10, 24), colour, 0.35 + 0.65 * self.canvas.light.glow)

    def shows(self, point: Floats, slack: float) -> bool:
        """Say whether a point (3,) of the head is seen: nothing is more than `slack` head radii before it."""
        x, y, z = (float(value) for value in self.view.project(point[None])[0])
        return self.seen.height_at(x, y) < z + slack * self.view.unit

    def line(self, path: Floats) -> Floats:
        """Bring a line (n, 3) into the picture, without the points that lie beside or behind the head."""
        points = self.view.project(path)
        heights = np.array([self.seen.height_at(float(x), float(y)) for x, y, _ in points])
        on_head = (heights > -1e3) & (heights < points[:, 2] + 0.3 * self.view.unit)
        kept: Floats = points[on_head]
        return kept

    def patch(self, centre: Floats, shape: Floats, tilt: float = 0.0) -> Floats:
        """Lay a flat shape (n, 2) on the head at `centre` (3,), facing outwards; return it in the picture (n, 3)."""
        x, y, z = (float(value) for value in centre)
        aside, far = hypot(x, z) + 1e-6, hypot(x, y, z) + 1e-6
        right = (z / aside, 0.0, -x / aside)
        down = (-y * x / (aside * far), aside / far, -y * z / (aside * far))
        tilted = np.array([[cos(tilt), sin(tilt)], [-sin(tilt), cos(tilt)]], np.float32)
        return self.view.project(centre + shape @ (tilted @ np.array([right, down], np.float32)))


def ellipse(width: float, height: float, x: float = 0.0, y: float = 0.0) -> Floats:
    """Return an ellipse (26, 2) by its half width and half height, around x, y."""
    angle = np.arange(26) * (2 * np.pi / 26)
    return np.stack([np.cos(angle) * width + x, np.sin(angle) * height + y], axis=1).astype(np.float32)
