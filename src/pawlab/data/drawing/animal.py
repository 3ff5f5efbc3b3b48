"""One animal, drawn by lot: everything that its pictures need to know about it.

Only what is written in this file differs between cats and dogs by lot; coats, poses, scenes and cameras are common.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pawlab.data.drawing.coat import Coat, any_coat
from pawlab.data.drawing.colours import Colour, varied

Kind = Literal["cats", "dogs"]


@dataclass(frozen=True)
class Head:
    """Sizes in radii of the head. `ears`: pricked, folded or hanging. `snout`: how far the muzzle stands out."""

    width: float
    ears: str
    ear_length: float
    ear_width: float
    ear_spread: float
    snout: float
    snout_width: float
    nose: float
    eye: float
    eye_gap: float
    slant: float
    whiskers: float
    tongue: bool
    open_mouth: float


@dataclass(frozen=True)
class Build:
    """Sizes in radii of an ordinary head. `head`: this one's. `tail`: long, plume, curl, sabre or stub."""

    head: float
    length: float
    girth: float
    chest: float
    legs: float
    bone: float
    neck: float
    tail: str
    tail_length: float
    tail_thickness: float


@dataclass(frozen=True)
class Eyes:
    """`iris`: colour; `pupil`: slit, wide or round; `lids`: 0 wide open to 1 closed."""

    iris: Colour
    pupil: str
    lids: float


@dataclass(frozen=True)
class Animal:
    """A cat or a dog. `collar`: its colour, or None. `grain`: seed of its small irregularities."""

    kind: Kind
    head: Head
    build: Build
    eyes: Eyes
    coat: Coat
    collar: Colour | None
    grain: int

    def asleep(self) -> "Animal":
        """Return the same animal with its eyes and mouth shut."""
        head = replace(self.head, tongue=False, open_mouth=0.0)
        return replace(self, eyes=replace(self.eyes, lids=1.0), head=head)


def any_animal(kind: Kind, rng: np.random.Generator) -> Animal:
    """Draw a cat or a dog by lot."""
    return Animal(
        kind=kind,
        head=_cat_head(rng) if kind == "cats" else _dog_head(rng),
        build=_cat_build(rng) if kind == "cats" else _dog_build(rng),
        eyes=_eyes(kind, rng),
        coat=any_coat(rng),
        collar=_collar(rng),
        grain=int(rng.integers(2**31)),
    )


def _cat_head(rng: np.random.Generator) -> Head:
    return Head(
        width=rng.uniform(0.94, 1.12),
        ears="folded" if rng.random() < 0.04 else "pricked",
        ear_length=rng.uniform(0.62, 0.95),
        ear_width=rng.uniform(0.36, 0.46),
        ear_spread=rng.uniform(0.48, 0.62),
        snout=rng.uniform(0.0, 0.22),
        snout_width=rng.uniform(0.85, 1.1),
        nose=rng.uniform(0.10, 0.135),
        eye=rng.uniform(0.21, 0.285),
        eye_gap=rng.uniform(0.37, 0.45),
        slant=rng.uniform(-0.02, 0.24),
        whiskers=rng.uniform(0.8, 1.2),
        tongue=rng.random() < 0.04,
        open_mouth=0.0,
    )


def _dog_head(rng: np.random.Generator) -> Head:
    ears = str(rng.choice(["hanging", "pricked", "folded"], p=[0.58, 0.18, 0.24]))
    wolfish = ears == "pricked"  # with a cat's ears it has the longest muzzle and the slimmest head
    panting = rng.random() < (0.6 if wolfish else 0.5)
    return Head(
        width=rng.uniform(0.8, 0.9) if wolfish else rng.uniform(0.84, 1.0),
        ears=ears,
        ear_length=rng.uniform(0.8, 1.08) if wolfish else rng.uniform(0.75, 1.25),
        ear_width=rng.uniform(0.28, 0.36),
        ear_spread=rng.uniform(0.46, 0.56),
        snout=rng.uniform(0.75, 1.1) if wolfish else rng.uniform(0.35, 1.0),
        snout_width=rng.uniform(0.95, 1.25),
        nose=rng.uniform(0.2, 0.26),
        eye=rng.uniform(0.15, 0.2),
        eye_gap=rng.uniform(0.31, 0.39),
        slant=rng.uniform(-0.2, 0.15),
        whiskers=0.0,
        tongue=panting,
        open_mouth=rng.uniform(0.5, 1.0) if panting else 0.0,
    )


def _cat_build(rng: np.random.Generator) -> Build:
    return Build(
        head=rng.uniform(0.84, 1.08),
        length=rng.uniform(2.3, 2.9),
        girth=rng.uniform(0.84, 1.08),
        chest=rng.uniform(0.9, 1.0),
        legs=rng.uniform(1.25, 1.7),
        bone=rng.uniform(0.85, 1.05),
        neck=rng.uniform(0.15, 0.45),
        tail="plume" if rng.random() < 0.2 else "long",
        tail_length=rng.uniform(2.3, 3.2),
        tail_thickness=rng.uniform(0.13, 0.2),
    )


def _dog_build(rng: np.random.Generator) -> Build:
    return Build(
        head=rng.uniform(0.84, 1.08),
        length=rng.uniform(2.2, 3.0),
        girth=rng.uniform(0.86, 1.12),
        chest=rng.uniform(1.0, 1.2),
        legs=rng.uniform(1.1, 2.2),
        bone=rng.uniform(0.95, 1.3),
        neck=rng.uniform(0.3, 0.8),
        tail=str(rng.choice(["sabre", "curl", "plume", "stub"], p=[0.4, 0.25, 0.25, 0.1])),
        tail_length=rng.uniform(1.1, 1.8),
        tail_thickness=rng.uniform(0.16, 0.25),
    )


def _eyes(kind: Kind, rng: np.random.Generator) -> Eyes:
    cat_irises = ((128, 160, 72), (206, 158, 56), (196, 116, 44), (110, 160, 190), (150, 170, 110), (104, 68, 36))
    dog_irises = ((76, 46, 28), (104, 62, 32), (58, 38, 28), (150, 98, 46), (128, 168, 196), (186, 136, 64))
    if kind == "cats":
        chosen = cat_irises[rng.choice(6, p=[0.26, 0.22, 0.16, 0.16, 0.12, 0.08])]
        pupil = str(rng.choice(["slit", "wide"], p=[0.5, 0.5]))
    else:
        chosen = dog_irises[rng.choice(6, p=[0.3, 0.28, 0.18, 0.12, 0.06, 0.06])]
        pupil = "round"
    lids = float(rng.choice([0.0, 0.12, 0.28], p=[0.5, 0.35, 0.15]))
    return Eyes(varied(chosen, rng, 6), pupil, lids)


def _collar(rng: np.random.Generator) -> Colour | None:
    if rng.random() < 0.6:
        return None
    colours = ((196, 52, 48), (44, 96, 160), (60, 140, 90), (230, 176, 52), (128, 70, 140), (60, 60, 66))
    return varied(colours[rng.integers(len(colours))], rng, 8)
