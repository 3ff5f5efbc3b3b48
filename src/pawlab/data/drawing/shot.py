"""One picture, drawn by lot: which animal, how it holds itself, where, seen how. Then painted."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from pawlab.data.drawing import countryside, holidays, indoors, props, town
from pawlab.data.drawing.animal import Animal, Kind, any_animal
from pawlab.data.drawing.art import Scene
from pawlab.data.drawing.brush import FINE, Canvas
from pawlab.data.drawing.camera import Camera, any_camera, develop
from pawlab.data.drawing.figure import Figure, bounds, paint_figure, paint_shadow
from pawlab.data.drawing.pose import POSES

SCENES = (
    indoors.room,
    indoors.room,
    indoors.sofa,
    indoors.sill,
    indoors.bed,
    indoors.kitchen,
    indoors.studio,
    countryside.meadow,
    holidays.beach,
    town.street,
    holidays.snow,
    town.night,
    countryside.autumn,
    countryside.garden,
    countryside.wood,
)
SHAPES = ((4, 3), (4, 3), (3, 4), (1, 1), (3, 2), (5, 4), (4, 5))  # width to height, as cameras have them
SHORTEST, LONGEST = 240, 400  # sides of a picture, in pixels
POSE_CHANCES = {"bust": 0.3, "sitting": 0.24, "standing": 0.18, "lying": 0.15, "bowing": 0.07, "curled": 0.06}
HARD = ("behind", "dark", "small", "hidden")
HARD_CHANCE = 0.04


@dataclass(frozen=True)
class Shot:
    """`size`: the finished picture's width and height; `hard`: what makes it hard to recognise, mostly nothing ('')."""

    size: tuple[int, int]
    pose: str
    hard: str
    camera: Camera

    @property
    def fine_size(self) -> tuple[int, int]:
        """Width and height of the fine canvas."""
        return self.size[0] * FINE, self.size[1] * FINE


def draw_picture(kind: Kind, seed: int, index: int) -> tuple[Image.Image, int]:
    """Draw a picture (RGB) and say which JPEG quality suits it. The same arguments give the same pixels."""
    rng = np.random.default_rng([seed, kind == "dogs", index])
    animal, shot = any_animal(kind, rng), _any_shot(rng)
    scene = SCENES[int(rng.integers(len(SCENES)))](shot.size, rng)
    light = scene.light if rng.random() < 0.5 else scene.light.mirrored()
    figure = _any_figure(animal, shot, rng)
    figure = _portrayed(figure, shot, rng) if shot.pose == "bust" else _stood(figure, shot, scene, rng)
    backdrop = scene.picture.filter(ImageFilter.BoxBlur(0.45))  # its shapes have hard edges
    if shot.pose != "bust":
        paint_shadow(backdrop, figure, light.towards)
    canvas = Canvas(backdrop.resize(shot.fine_size, Image.Resampling.NEAREST), light)
    _paint(canvas, figure, shot, scene, rng)
    return develop(canvas.image, shot.camera, rng), shot.camera.quality


def _any_shot(rng: np.random.Generator) -> Shot:
    size, hard = _any_size(rng), ""
    if rng.random() < HARD_CHANCE:
        hard = HARD[int(rng.integers(len(HARD)))]
    pose = str(rng.choice(list(POSE_CHANCES), p=list(POSE_CHANCES.values())))
    if hard and pose == "bust":  # from behind, small: that needs a whole animal
        pose = "sitting"
    camera = any_camera(rng)
    if hard == "dark":
        camera = replace(camera, exposure=camera.exposure * 0.42, noise=7.0)
    return Shot(size, pose, hard, camera)


def _any_size(rng: np.random.Generator) -> tuple[int, int]:
    across, down = SHAPES[int(rng.integers(len(SHAPES)))]
    shorter, longer = min(across, down), max(across, down)
    most = min(310, LONGEST * shorter // longer)
    scale = rng.integers(SHORTEST, most + 1) / shorter
    return round(across * scale), round(down * scale)


def _any_figure(animal: Animal, shot: Shot, rng: np.random.Generator) -> Figure:
    """Choose a pose and a view; the size and the place come later."""
    pose = POSES[shot.pose](animal.build, rng)
    yaw = -90 + rng.normal(0, 22) if shot.pose == "bust" else _any_yaw(rng)
    gaze = float(np.clip(np.cos(np.radians(yaw)) * rng.uniform(0, 60) + rng.normal(0, 12), -66, 66))
    if shot.hard == "behind":
        yaw, gaze = 90 + rng.normal(0, 20), 180 + rng.normal(0, 25)
    pitch = {"curled": 32, "lying": 18}.get(shot.pose, 11) + rng.normal(0, 3)
    nod, tilt = rng.normal(3, 6), rng.normal(0, 9 if shot.pose == "curled" else 6)
    sleepy = animal.asleep() if pose.asleep else animal
    return Figure(sleepy, pose, float(yaw), float(pitch), gaze, float(nod), float(tilt), 1.0, (0.0, 0.0))


def _any_yaw(rng: np.random.Generator) -> float:
    """Facing us, turned half, or from the side; to the left as often as to the right."""
    away = abs(rng.normal(0, 18)) if rng.random() < 0.35 else rng.uniform(25, 95)
    return -90 + float(away * rng.choice([-1, 1]))


def _portrayed(figure: Figure, shot: Shot, rng: np.random.Generator) -> Figure:
    """Choose how large a portrait is and where: its head somewhere about the middle."""
    width, height = shot.fine_size
    left, top, right, bottom = bounds(figure, head_only=True)
    unit = rng.uniform(0.5, 0.8) * min(width / (right - left), height / (bottom - top))
    x = rng.uniform(0.38, 0.62) * width - unit * (left + right) / 2
    y = rng.uniform(0.34, 0.44) * height + unit * (0.2 * (bottom - top) - (top + bottom) / 2)
    return replace(figure, unit=unit, spot=(x, y))


def _stood(figure: Figure, shot: Shot, scene: Scene, rng: np.random.Generator) -> Figure:
    """Choose how large an animal is and where it stands, so that nearly all of it is in the picture."""
    width, height = shot.fine_size
    left, top, right, bottom = bounds(figure)
    ground = rng.uniform(*scene.ground) * height
    share = rng.uniform(0.34, 0.42) if shot.hard == "small" else rng.uniform(0.8, 1.0)
    unit = share * min(0.96 * width / (right - left), 0.97 * ground / -top)
    spare = max(0.0, width - unit * (right - left))
    x = spare * rng.uniform(0.15, 0.85) - unit * left
    return replace(figure, unit=unit, spot=(x, min(ground, 0.985 * height - bottom * unit)))


def _paint(canvas: Canvas, figure: Figure, shot: Shot, scene: Scene, rng: np.random.Generator) -> None:
    whole = shot.pose != "bust"
    if whole and rng.random() < 0.15:
        _put_beside(canvas, figure, rng)
    paint_figure(canvas, figure)
    if whole and scene.dress:
        scene.dress(canvas.image, figure.spot[1])
    if shot.hard == "hidden" or rng.random() < 0.1:
        _put_before(canvas, figure, shot, rng)


def _put_beside(canvas: Canvas, figure: Figure, rng: np.random.Generator) -> None:
    middle, wide = _span(figure)
    x = middle + rng.choice([-1, 1]) * rng.uniform(0.4, 0.65) * wide
    foot = (float(np.clip(x, 0, canvas.image.width)), figure.spot[1] + 0.1 * figure.unit)
    thing = props.BESIDE[int(rng.integers(len(props.BESIDE)))]
    thing(canvas.image, rng, foot, figure.unit * rng.uniform(1.0, 1.5))


def _put_before(canvas: Canvas, figure: Figure, shot: Shot, rng: np.random.Generator) -> None:
    """Put something before the animal, low enough to leave the face free; a hidden one is half covered."""
    (width, height), (middle, wide) = canvas.image.size, _span(figure)
    thing = props.BEFORE[int(rng.integers(len(props.BEFORE)))]
    broad = thing in (props.carton, props.basket)
    size = min((0.8 if broad else 0.3) * wide, 0.45 * height)
    x = middle + rng.normal(0, 0.1 if broad else 0.3) * wide
    y = min(1.02 * height, figure.spot[1] + 0.35 * figure.unit)
    if shot.pose == "bust":
        size, x, y = 0.35 * width, width * float(rng.choice([0.15, 0.85])), 1.04 * height
    if shot.hard == "hidden":
        size, x = 1.6 * size, middle + rng.normal(0, 0.2) * wide
    thing(canvas.image, rng, (x, y), size)


def _span(figure: Figure) -> tuple[float, float]:
    """Return the middle and the width of a figure on the canvas, fine pixels."""
    left, _, right, _ = bounds(figure)
    return figure.spot[0] + figure.unit * (left + right) / 2, figure.unit * (right - left)
