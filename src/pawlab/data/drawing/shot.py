"""One picture, drawn by lot: which animal, how it holds itself, where, seen how. Then painted."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from pawlab.data.drawing import indoors, outdoors, props
from pawlab.data.drawing.animal import Animal, Kind, any_animal
from pawlab.data.drawing.brush import FINE, Canvas
from pawlab.data.drawing.camera import Camera, any_camera, develop
from pawlab.data.drawing.figure import Figure, bounds, paint_figure, paint_shadow
from pawlab.data.drawing.pose import POSES
from pawlab.data.drawing.scenery import Scene

SCENES = (
    indoors.room, indoors.room, indoors.sofa, indoors.sill, indoors.bed, indoors.kitchen, indoors.studio,
    outdoors.meadow, outdoors.beach, outdoors.street, outdoors.snow, outdoors.night, outdoors.autumn, outdoors.garden, outdoors.wood,
)
SHAPES = ((4, 3), (4, 3), (3, 4), (1, 1), (3, 2), (5, 4), (4, 5))
HARD = ("behind", "dark", "small", "hidden")


@dataclass(frozen=True)
class Shot:
    """`size`: the finished picture's width and height; `hard`: what makes it hard to recognise, mostly ''."""

    size: tuple[int, int]
    pose: str
    hard: str
    camera: Camera


def draw_picture(kind: Kind, seed: int, index: int) -> tuple[Image.Image, int]:
    """Draw a picture (RGB) and say which JPEG quality suits it. The same arguments give the same pixels."""
    rng = np.random.default_rng([seed, kind == "dogs", index])
    animal, shot = any_animal(kind, rng), _any_shot(rng)
    scene = SCENES[int(rng.integers(len(SCENES)))](shot.size, rng)
    figure = _placed(_any_figure(animal, shot, rng), shot, scene, rng)
    if shot.pose != "bust":
        paint_shadow(scene.picture, figure, scene.light.towards)
    fine = (shot.size[0] * FINE, shot.size[1] * FINE)
    canvas = Canvas(scene.picture.resize(fine, Image.Resampling.NEAREST), scene.light)
    _paint(canvas, figure, shot, scene, rng)
    return develop(canvas.image, shot.camera, rng), shot.camera.quality


def _any_shot(rng: np.random.Generator) -> Shot:
    across, down = SHAPES[int(rng.integers(len(SHAPES)))]
    longer = int(rng.integers(320, 401))
    scale = longer / max(across, down)
    hard = HARD[int(rng.integers(len(HARD)))] if rng.random() < 0.04 else ""
    poses = [name for name in POSES if name != "bust" or not hard]
    weights = np.array([{"standing": 0.2, "sitting": 0.24, "lying": 0.16, "curled": 0.06, "bowing": 0.08, "bust": 0.26}[name] for name in poses])
    pose = str(rng.choice(poses, p=weights / weights.sum()))
    camera = any_camera(rng)
    if hard == "dark":
        camera = replace(camera, exposure=camera.exposure * 0.36, noise=8.0)
    return Shot((round(across * scale), round(down * scale)), pose, hard, camera)


def _any_figure(animal: Animal, shot: Shot, rng: np.random.Generator) -> Figure:
    """Choose a pose and a view; the size and the place come later."""
    pose = POSES[shot.pose](animal.build, rng)
    yaw = -90 + rng.normal(0, 22) if shot.pose == "bust" else _any_yaw(rng)
    gaze = float(np.clip(np.cos(np.radians(yaw)) * rng.uniform(0, 60) + rng.normal(0, 12), -66, 66))
    if shot.hard == "behind":
        yaw, gaze = 90 + rng.normal(0, 20), 180 + rng.normal(0, 25)
    if pose.asleep:
        animal = replace(animal, eyes=replace(animal.eyes, lids=1.0), head=replace(animal.head, tongue=False, open_mouth=0.0))
    pitch = {"curled": 32, "lying": 18}.get(shot.pose, 11) + rng.normal(0, 3)
    nod, tilt = rng.normal(3, 6), rng.normal(0, 9 if shot.pose == "curled" else 6)
    return Figure(animal, pose, float(yaw), float(pitch), gaze, float(nod), float(tilt), 1.0, (0.0, 0.0))


def _any_yaw(rng: np.random.Generator) -> float:
    """Facing us, turned half, or from the side; to the left as often as to the right."""
    away = abs(rng.normal(0, 18)) if rng.random() < 0.35 else rng.uniform(25, 95)
    return -90 + float(away * rng.choice([-1, 1]))


def _placed(figure: Figure, shot: Shot, scene: Scene, rng: np.random.Generator) -> Figure:
    """Choose how large the animal is and where it stands, so that nearly all of it is in the picture."""
    width, height = shot.size[0] * FINE, shot.size[1] * FINE
    left, top, right, bottom = bounds(figure, head_only=shot.pose == "bust")
    if shot.pose == "bust":
        unit = rng.uniform(0.5, 0.8) * min(width / (right - left), height / (bottom - top))
        y = rng.uniform(0.34, 0.44) * height + 0.5 * (bottom - top) * unit * 0.4
        x = rng.uniform(0.38, 0.62) * width
        return replace(figure, unit=unit, spot=(x - unit * (left + right) / 2, y - unit * (top + bottom) / 2))
    ground = rng.uniform(*scene.ground) * height
    room = min(0.96 * width / (right - left), 0.97 * ground / -top)
    unit = room * (rng.uniform(0.34, 0.42) if shot.hard == "small" else rng.uniform(0.74, 1.0))
    slack = max(0.0, width - unit * (right - left))
    x = slack * rng.uniform(0.15, 0.85) - unit * left
    return replace(figure, unit=unit, spot=(x, ground))


def _paint(canvas: Canvas, figure: Figure, shot: Shot, scene: Scene, rng: np.random.Generator) -> None:
    on_ground = shot.pose != "bust"
    if on_ground and rng.random() < 0.15:
        _put(props.BESIDE, canvas, figure, rng, aside=rng.uniform(0.8, 1.3))
    paint_figure(canvas, figure)
    if on_ground and scene.dress:
        scene.dress(canvas.image, figure.spot[1])
    if shot.hard == "hidden" or rng.random() < 0.12:
        _hide(canvas, figure, shot, rng)


def _put(kinds: tuple[props.Prop, ...], canvas: Canvas, figure: Figure, rng: np.random.Generator, aside: float) -> None:
    left, _, right, _ = (value * figure.unit for value in bounds(figure))
    side = 1 if rng.random() < 0.5 else -1
    x = figure.spot[0] + (left + right) / 2 + side * aside * (right - left) / 2
    foot = (float(np.clip(x, 0, canvas.image.width)), figure.spot[1] + 0.1 * figure.unit)
    kinds[int(rng.integers(len(kinds)))](canvas.image, rng, foot, figure.unit * rng.uniform(1.0, 1.5))


def _hide(canvas: Canvas, figure: Figure, shot: Shot, rng: np.random.Generator) -> None:
    """Put something before the animal, low enough to leave the face free; a hidden one is half covered."""
    width, height = canvas.image.size
    left, _, right, _ = (value * figure.unit for value in bounds(figure))
    thing = props.BEFORE[int(rng.integers(len(props.BEFORE)))]
    wide = thing in (props.carton, props.basket)
    size = min((0.8 if wide else 0.3) * (right - left), 0.45 * height)
    x = figure.spot[0] + (left + right) / 2 + rng.normal(0, 0.1 if wide else 0.3) * (right - left)
    y = min(1.02 * height, figure.spot[1] + 0.35 * figure.unit)
    if shot.pose == "bust":
        size, x, y = 0.35 * width, width * rng.choice([0.15, 0.85]), 1.04 * height
    if shot.hard == "hidden":
        size, x = 1.6 * size, figure.spot[0] + (left + right) / 2 + rng.normal(0, 0.2) * (right - left)
    thing(canvas.image, rng, (x, y), size)
