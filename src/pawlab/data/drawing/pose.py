"""Poses: how an animal holds its body. Each returns its limbs and where its head sits, in the body's own axes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pawlab.data.drawing.animal import Build
from pawlab.data.drawing.solids import Tube, tube

Knot = tuple[float, float, float, float]


@dataclass(frozen=True)
class Pose:
    """`limbs`: the body's tubes; `head`: its middle; `paws`: where the front paws end; `asleep`: eyes shut."""

    limbs: tuple[Tube, ...]
    head: tuple[float, float, float]
    paws: tuple[tuple[float, float, float], ...] = ()
    asleep: bool = False

    @property
    def upright(self) -> bool:
        """Whether the head is high, so that hair hangs down rather than lies back."""
        return self.head[1] < -2.4


def standing(build: Build, rng: np.random.Generator) -> Pose:
    """On four legs, at rest or walking."""
    stride = float(rng.choice([0.08, 0.5])) * rng.uniform(0.7, 1.2)
    half, up, wide = build.length / 2, -build.legs, build.girth
    back = up - 0.35
    torso = _torso(
        [(half + 0.15, back + 0.05, 0.74), (0.3, back + 0.12, 0.70), (-0.45, back + 0.06, 0.64), (-half, back, 0.68)],
        build,
    )
    front = [_foreleg((half, back + 0.25), side, side * stride, build) for side in (-1, 1)]
    hind = [_hindleg((-half, back + 0.1), side, -side * stride, build) for side in (-1, 1)]
    lift = rng.uniform(0.1, 0.75)
    head = (half + 0.75 + 0.5 * build.neck, back - 0.75 * lift - build.neck - 0.35, 0.0)
    neck = _neck((half + 0.1, back - 0.12, 0.0), head, build)
    tail = _tail((-half - 0.5 * wide, back - 0.25, 0.0), build, rng)
    return Pose((torso, neck, *front, *hind, tail), head, _ends(front))


def sitting(build: Build, rng: np.random.Generator) -> Pose:
    """On its haunches, front legs straight."""
    tall = 0.62 * build.length + 0.22 * build.legs
    lean = rng.uniform(0.9, 1.3)
    torso = _torso(
        [(0.35 * lean, -tall, 0.68), (0.1, -0.62 * tall, 0.72), (-0.35, -0.7, 0.84), (-0.6, -0.62, 0.78)], build
    )
    chest = (0.40 * lean, -tall + 0.35)
    front = [_straight_leg(chest, side, build) for side in (-1, 1)]
    thighs = [_folded_thigh((-0.5, -0.62), side, build) for side in (-1, 1)]
    head = (0.62 * lean, -tall - 0.78 - 0.7 * build.neck, 0.0)
    neck = _neck((0.35 * lean, -tall + 0.05, 0.0), head, build)
    tail = _resting_tail((-1.2, -0.25, 0.0), build, rng)
    return Pose((torso, neck, *front, *thighs, tail), head, _ends(front))


def lying(build: Build, rng: np.random.Generator) -> Pose:
    """On its belly, paws before it, head up or low."""
    half = 0.5 * build.length
    torso = _torso([(half, -0.85, 0.70), (0.2, -0.8, 0.74), (-0.5, -0.76, 0.76), (-half, -0.68, 0.72)], build)
    front = [_lying_foreleg(half, side, build, rng.uniform(0.9, 1.3)) for side in (-1, 1)]
    thighs = [_folded_thigh((-half, -0.6), side, build) for side in (-1, 1)]
    lift = rng.choice([0.0, 0.8, 1.0], p=[0.2, 0.4, 0.4])
    head = (half + 0.75 - 0.15 * lift, -0.85 - lift * (0.95 + 0.5 * build.neck), 0.0)
    neck = _neck((half + 0.05, -0.95, 0.0), head, build)
    tail = _resting_tail((-half - 0.6, -0.35, 0.0), build, rng)
    return Pose((torso, neck, *front, *thighs, tail), head, _ends(front), asleep=lift == 0 and rng.random() < 0.7)


def curled(build: Build, rng: np.random.Generator) -> Pose:
    """Rolled up, asleep, head on its own flank."""
    reach, thick = 0.36 * build.length + 0.15, 0.70 * build.girth
    angles = np.radians([-50, 0, 60, 120, 180, 225])
    spine: list[Knot] = [(reach * np.cos(a), -thick * 0.85, reach * np.sin(a), thick) for a in angles]
    end = spine[-1]
    tail: list[Knot] = [
        (1.25 * reach * np.cos(a), -0.22, 1.55 * reach * np.sin(a), build.tail_thickness * 1.1)
        for a in np.radians([230, 265, 300, 335])
    ]
    turned = [(x, y, -z, r) for x, y, z, r in tail]
    limbs = (
        tube("torso", spine),
        tube("tail", turned),
        tube("hind", [(end[0], -0.4, end[2] + 0.2, 0.5), (0.2, -0.2, 0.9 * reach, 0.22)]),
    )
    return Pose(limbs, (0.9 * reach, -0.95, 0.75 * reach), asleep=rng.random() < 0.8)


def bowing(build: Build, rng: np.random.Generator) -> Pose:
    """Front down, rump up: a stretch, or an invitation to play."""
    half, up = build.length / 2, -build.legs
    torso = _torso([(half, -0.75, 0.70), (0.3, -0.95, 0.68), (-0.5, up - 0.05, 0.64), (-half, up - 0.35, 0.68)], build)
    front = [_lying_foreleg(half, side, build, 1.25) for side in (-1, 1)]
    hind = [_hindleg((-half, up - 0.3), side, 0.05 * side, build) for side in (-1, 1)]
    head = (half + 0.8, -1.25 - 0.3 * build.neck, 0.0)
    neck = _neck((half + 0.1, -0.9, 0.0), head, build)
    tail = _tail((-half - 0.4, up - 0.75, 0.0), build, rng)
    return Pose((torso, neck, *front, *hind, tail), head, _ends(front))


def bust(build: Build, rng: np.random.Generator) -> Pose:
    """Head and shoulders: a portrait."""
    head = (0.55, -3.0 - 0.45 * build.neck, 0.0)
    torso = _torso([(0.15, -1.9, 0.72), (-0.2, -0.9, 0.95), (-0.4, 0.4, 1.05)], build)
    shoulders = [
        tube("fore", [(0.2, -1.4, side * 0.5, 0.45), (0.3, -0.2, side * 0.62, 0.42), (0.35, 3.0, side * 0.6, 0.4)])
        for side in (-1, 1)
    ]
    return Pose((torso, _neck((0.15, -1.85, 0.0), head, build), *shoulders), head)


POSES: dict[str, Callable[[Build, np.random.Generator], Pose]] = {
    "standing": standing,
    "sitting": sitting,
    "lying": lying,
    "curled": curled,
    "bowing": bowing,
    "bust": bust,
}


def _torso(knots: list[tuple[float, float, float]], build: Build) -> Tube:
    """Make the trunk of (x, y, radius) from chest to rump."""
    deep = np.linspace(build.chest, 1.0, len(knots))
    return tube("torso", [(x, y, 0.0, radius * build.girth * deep[i]) for i, (x, y, radius) in enumerate(knots)])


def _neck(start: tuple[float, float, float], head: tuple[float, float, float], build: Build) -> Tube:
    x, y, z = (0.75 * head[axis] + 0.25 * start[axis] for axis in range(3))
    return tube("neck", [(*start, 0.66 * build.girth), (x - 0.1, y + 0.12, z, 0.56)])


def _foreleg(shoulder: tuple[float, float], side: int, step: float, build: Build) -> Tube:
    x, y = shoulder
    z, bone, lift = side * 0.40 * build.girth, build.bone, max(0.0, step - 0.3)
    knots: list[Knot] = [
        (x, y, z, 0.40 * bone),
        (x - 0.08 + 0.5 * step, y * 0.52, z, 0.235 * bone),
        (x + 0.9 * step, -0.30 - lift, z, 0.185 * bone),
        (x + 0.10 + step, -0.15 - lift, z, 0.215 * bone),
        (x + 0.22 + step, -0.14 - lift, z, 0.19 * bone),
    ]
    return tube("fore", knots)


def _straight_leg(chest: tuple[float, float], side: int, build: Build) -> Tube:
    x, y = chest
    z, bone = side * 0.36 * build.girth, build.bone
    knots: list[Knot] = [
        (x, y, z, 0.40 * bone),
        (x + 0.12, y * 0.5, z, 0.25 * bone),
        (x + 0.15, -0.32, z, 0.195 * bone),
        (x + 0.26, -0.16, z, 0.225 * bone),
        (x + 0.40, -0.14, z, 0.20 * bone),
    ]
    return tube("fore", knots)


def _lying_foreleg(chest: float, side: int, build: Build, reach: float) -> Tube:
    z, bone = side * 0.46 * build.girth, build.bone
    knots: list[Knot] = [
        (chest + 0.05, -0.62, z, 0.36 * bone),
        (chest + 0.1, -0.28, z * 1.1, 0.27 * bone),
        (chest + 0.7 * reach, -0.18, z, 0.2 * bone),
        (chest + 1.12 * reach, -0.16, z * 0.9, 0.225 * bone),
        (chest + 1.25 * reach, -0.15, z * 0.9, 0.2 * bone),
    ]
    return tube("fore", knots)


def _hindleg(hip: tuple[float, float], side: int, step: float, build: Build) -> Tube:
    x, y = hip
    z, bone, lift = side * 0.42 * build.girth, build.bone, max(0.0, step - 0.35)
    knots: list[Knot] = [
        (x + 0.05, y, z, 0.52 * bone),
        (x + 0.25 + 0.5 * step, y * 0.58, z, 0.33 * bone),
        (x - 0.22 + 0.8 * step, y * 0.27 - lift, z, 0.195 * bone),
        (x - 0.08 + step, -0.16 - lift, z, 0.20 * bone),
        (x + 0.12 + step, -0.14 - lift, z, 0.19 * bone),
    ]
    return tube("hind", knots)


def _folded_thigh(hip: tuple[float, float], side: int, build: Build) -> Tube:
    x, y = hip
    z, bone = side * 0.60 * build.girth, build.bone
    knots: list[Knot] = [
        (x, y, z, 0.54 * bone),
        (x + 0.55, y * 0.85, z * 1.15, 0.42 * bone),
        (x + 0.35, -0.22, z * 1.25, 0.24 * bone),
        (x + 0.85, -0.15, z * 1.25, 0.21 * bone),
        (x + 1.05, -0.14, z * 1.25, 0.18 * bone),
    ]
    return tube("hind", knots)


def _tail(root: tuple[float, float, float], build: Build, rng: np.random.Generator) -> Tube:
    """A tail in the air: knots of the way backwards, up and aside, in tail lengths, by the tail's kind."""
    sway = rng.uniform(-0.35, 0.35)
    ways = {
        "long": [
            (0, 0, 0),
            (-0.22, 0.02, 0.2),
            (-0.40, -0.22, 0.6),
            (-0.42, -0.58, 0.9),
            (-0.26, -0.86, 1.0),
            (-0.1, -0.92, 1.0),
        ],
        "plume": [(0, 0, 0), (-0.25, -0.12, 0.3), (-0.5, -0.4, 0.7), (-0.5, -0.75, 1.0), (-0.3, -0.95, 1.0)],
        "sabre": [(0, 0, 0), (-0.3, -0.1, 0.3), (-0.55, -0.42, 0.7), (-0.66, -0.8, 1.0)],
        "curl": [(0, 0, 0), (-0.25, -0.3, 0.2), (-0.1, -0.62, 0.5), (0.2, -0.6, 0.8), (0.26, -0.32, 0.9)],
        "stub": [(0, 0, 0), (-0.12, -0.12, 0.2), (-0.2, -0.26, 0.3)],
    }
    return _along(root, ways[build.tail], build, sway)


def _resting_tail(root: tuple[float, float, float], build: Build, rng: np.random.Generator) -> Tube:
    """A tail of one that sits or lies: on the ground, bent round to one side; a few wave it."""
    if build.tail in ("curl", "stub") or rng.random() < 0.25:
        return _tail((root[0], root[1] - 0.3, root[2]), build, rng)
    side = float(rng.choice([-1.0, 1.0]))
    way = [
        (0, 0, 0),
        (-0.16, 0.04, 0.12),
        (-0.22, 0.05, 0.34),
        (-0.05, 0.05, 0.58),
        (0.25, 0.05, 0.66),
        (0.5, 0.03, 0.60),
    ]
    return _along(root, way, build, side)


def _along(root: tuple[float, float, float], way: list[tuple[float, float, float]], build: Build, sway: float) -> Tube:
    long, thick = build.tail_length, build.tail_thickness
    plume = np.interp(
        np.linspace(0, 1, len(way)),
        [0, 0.35, 0.7, 1],
        [1.2, 1.9, 2.1, 0.5] if build.tail == "plume" else [1.35, 1.05, 0.9, 0.6],
    )
    knots = [
        (root[0] + x * long, min(root[1] + y * long, -0.1), root[2] + z * sway * long, thick * plume[i])
        for i, (x, y, z) in enumerate(way)
    ]
    return tube("tail", knots)


def _ends(legs: list[Tube]) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(leg.spine[-1, 0]), float(leg.spine[-1, 1]), float(leg.spine[-1, 2])) for leg in legs)
