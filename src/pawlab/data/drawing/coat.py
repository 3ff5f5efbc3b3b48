"""The coat: fur colours and markings, painted on the body in its own axes so that they go with every pose and view.

Coats are drawn without a look at the species: colour tells nothing about which animal it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pawlab.data.drawing.colours import WHITE, Colour, darker, lighter, lightness, mix, varied
from pawlab.data.drawing.relief import Relief
from pawlab.data.drawing.solids import Floats

HEAD = ("cranium", "cheek", "muzzle", "jaw", "ear")

FURS: tuple[Colour, ...] = (
    (243, 236, 224),  # white
    (230, 208, 172),  # cream
    (212, 170, 108),  # gold
    (214, 138, 72),  # ginger
    (156, 92, 54),  # red-brown
    (98, 68, 52),  # chocolate
    (150, 146, 144),  # grey
    (112, 118, 130),  # blue
    (190, 176, 158),  # sand
    (58, 53, 56),  # black
)
PATTERNS = ("plain", "stripes", "patches", "calico", "spots", "points", "saddle", "brindle")
WHITES = ("muzzle", "blaze", "bib", "belly", "paws", "tip")


@dataclass(frozen=True)
class Coat:
    """`base`, `second`, `third`: fur colours; `whites`: where it is white as well; `waves` (8, 4): three-dimensional
    waves, direction and phase, whose sum decides where patches lie; `stripes`: how many a length unit; `fluff`: length
    of the hair, 0.3 short to 1 long."""

    pattern: str
    base: Colour
    second: Colour
    third: Colour
    whites: frozenset[str]
    waves: Floats
    stripes: float
    fluff: float

    @property
    def nose_is_dark(self) -> bool:
        """Whether the skin under the coat is dark."""
        return lightness(self.base) < 0.62


def any_coat(rng: np.random.Generator) -> Coat:
    """Draw a coat by lot."""
    base = varied(FURS[rng.integers(len(FURS))], rng)
    pattern = str(rng.choice(PATTERNS, p=[0.22, 0.15, 0.13, 0.09, 0.08, 0.11, 0.15, 0.07]))
    second, third = _other_colours(rng, pattern, base)
    return Coat(
        pattern=pattern,
        base=_light_enough(base, pattern),
        second=second,
        third=third,
        whites=_whites(rng),
        waves=np.concatenate([rng.normal(0, 1, (8, 3)), rng.uniform(0, 6.3, (8, 1))], axis=1).astype(np.float32),
        stripes=float(rng.uniform(2.0, 3.2)),
        fluff=float(rng.choice([0.35, 0.55, 1.0], p=[0.4, 0.35, 0.25]) * rng.uniform(0.85, 1.15)),
    )


def _other_colours(rng: np.random.Generator, pattern: str, base: Colour) -> tuple[Colour, Colour]:
    if pattern in ("stripes", "brindle"):
        return darker(base, rng.uniform(0.45, 0.68)), darker(base, 0.3)
    if pattern == "calico":
        return varied((208, 132, 70), rng), varied((62, 55, 56), rng, 5)
    dark = varied(((60, 52, 54), (92, 64, 50), (110, 112, 122))[rng.integers(3)], rng, 6)
    if pattern in ("points", "saddle") or lightness(base) > 0.5:
        return dark, darker(dark, 0.3)
    return varied(WHITE, rng, 4), lighter(base, 0.3)


def _light_enough(base: Colour, pattern: str) -> Colour:
    """Markings must show: the darkest furs are lightened under dark markings."""
    if pattern in ("points", "saddle", "stripes", "brindle") and lightness(base) < 0.45:
        return lighter(base, 0.4)
    return mix(base, WHITE, 0.85) if pattern == "calico" else base


def _whites(rng: np.random.Generator) -> frozenset[str]:
    if rng.random() < 0.4:
        return frozenset()
    chance = {"muzzle": 0.6, "blaze": 0.35, "bib": 0.75, "belly": 0.5, "paws": 0.7, "tip": 0.4}
    return frozenset(name for name in WHITES if rng.random() < chance[name])


def coloured(relief: Relief, coat: Coat, head: bool) -> Floats:
    """Return the coat's colour (h, w, 3), 0-255, at every point of the relief; `head` says which body it is."""
    colour = np.empty((*relief.inside.shape, 3), np.float32)
    colour[:] = coat.base
    _tint(colour, lighter(coat.base, 0.30), 0.8 * _smooth(relief.own_normal[..., 1], 0.1, 0.9))
    _tint(colour, darker(coat.base, 0.5), 0.3 * relief.of("ear").astype(np.float32))
    _MARKINGS[coat.pattern](colour, relief, coat, head)
    _paint_whites(colour, relief, coat, head)
    return colour


def _tint(colour: Floats, target: Colour, share: Floats) -> None:
    colour += (np.array(target, np.float32) - colour) * share[..., None]


def _smooth(values: Floats, low: float, high: float) -> Floats:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    x = np.clip((values - low) / (high - low), 0, 1)
    step: Floats = (x * x * (3 - 2 * x)).astype(np.float32)
    return step


def _waviness(place: Floats, waves: Floats, fineness: float) -> Floats:
    """Sum waves through the body: about normal, deviation 1, patches about 1.5 / `fineness` length units wide."""
    phases = place @ (waves[:, :3].T * np.float32(fineness)) + waves[:, 3]
    summed: Floats = np.sin(phases).sum(axis=-1) * np.float32(np.sqrt(2 / len(waves)))
    return summed


def _plain(colour: Floats, relief: Relief, coat: Coat, head: bool) -> None:
    shade = 0.12 * _smooth(_waviness(relief.place, coat.waves, 0.8), -1, 1)
    _tint(colour, darker(coat.base, 0.5), shade)


def _stripes(colour: Floats, relief: Relief, coat: Coat, head: bool) -> None:
    waves = _head_lines(relief, coat) if head else _body_rings(relief, coat)
    above = 1 - _smooth(relief.own_normal[..., 1], 0.25, 0.75)
    if not head:
        spine = _smooth(-relief.own_normal[..., 1], 0.86, 0.97) * relief.of("torso", "neck")
        waves = np.maximum(waves, spine)
    _tint(colour, coat.second, 0.9 * waves * above)


def _body_rings(relief: Relief, coat: Coat) -> Floats:
    x, y = relief.place[..., 0], relief.place[..., 1]
    wobble = 0.55 * _waviness(relief.place, coat.waves, 1.1)
    phase = np.where(relief.of("fore", "hind"), y * 0.9, x)
    phase = np.where(relief.of("tail"), relief.along * 3.2, phase)
    rings = np.sin(phase * (coat.stripes * 2 * np.pi * 0.62) + wobble)
    return _smooth(rings, 0.15, 0.6)


def _head_lines(relief: Relief, coat: Coat) -> Floats:
    x, y, z = (relief.place[..., axis] for axis in range(3))
    wobble = 0.25 * _waviness(relief.place, coat.waves, 1.0)
    brow = _smooth(np.cos(x * 13.0 + wobble), 0.2, 0.7) * _smooth(-y, 0.28, 0.42) * relief.of("cranium")
    cheek = _smooth(np.cos(y * 14 - np.abs(x) * 5 + wobble), 0.3, 0.75)
    cheek *= _smooth(np.abs(x), 0.52, 0.66) * _smooth(y, -0.1, 0.05) * relief.of("cheek", "cranium")
    back = _smooth(np.sin(y * 9 + wobble), 0.2, 0.6) * _smooth(-z, 0.1, 0.3)
    lines: Floats = np.maximum(np.maximum(brow, cheek), back)
    return lines


def _brindle(colour: Floats, relief: Relief, coat: Coat, head: bool) -> None:
    axis = relief.place[..., 1 if head else 0]
    wobble = 1.5 * _waviness(relief.place, coat.waves, 1.5)
    rings = _smooth(np.sin(axis * (coat.stripes * 8.5) + wobble), 0.0, 0.7)
    broken = _smooth(_waviness(relief.place, coat.waves[::-1], 2.0), -0.9, 0.3)
    muzzle = 0.8 * relief.of("muzzle")
    _tint(colour, coat.second, np.maximum(0.75 * rings * broken, muzzle).astype(np.float32))


def _patches(colour: Floats, relief: Relief, coat: Coat, head: bool) -> None:
    wave = _waviness(relief.place, coat.waves, 1.1 if head else 0.8)
    wave = wave + 0.5 * relief.of("ear") - 0.8 * relief.of("muzzle", "fore")
    _tint(colour, coat.second, _smooth(wave, 0.2, 0.42))


def _calico(colour: Floats, relief: Relief, coat: Coat, head: bool) -> None:
    first = _waviness(relief.place, coat.waves, 1.1 if head else 0.85)
    other = _waviness(relief.place, coat.waves[::-1] * np.float32(1.1), 1.1 if head else 0.85)
    below = 0.8 * relief.of("muzzle", "fore")
    _tint(colour, coat.second, _smooth(first - below, 0.25, 0.42))
    _tint(colour, coat.third, _smooth(other - below, 0.55, 0.72))


def _spots(colour: Floats, relief: Relief, coat: Coat, head: bool) -> None:
    wave = _waviness(relief.place, coat.waves, 4.2 if head else 3.4)
    ears = relief.of("ear") * np.float32(0.8)
    _tint(colour, coat.second, np.maximum(_smooth(wave, 0.75, 1.0), ears) * np.float32(0.92))


def _points(colour: Floats, relief: Relief, coat: Coat, head: bool) -> None:
    if head:
        x, y, z = (relief.place[..., axis] for axis in range(3))
        mask = _smooth(1.05 - np.hypot(x * 1.25, (y - 0.28) * 1.1), 0.15, 0.6) * _smooth(z, 0.0, 0.4)
        share = np.maximum(mask, 0.95 * relief.of("ear"))
    else:
        legs = _smooth(relief.along, 0.35, 0.75) * relief.of("fore", "hind")
        share = np.maximum(legs, _smooth(relief.along, 0.0, 0.3) * relief.of("tail"))
    _tint(colour, coat.second, np.float32(0.92) * share)


def _saddle(colour: Floats, relief: Relief, coat: Coat, head: bool) -> None:
    wobble = 0.12 * _waviness(relief.place, coat.waves, 1.6)
    if head:
        crown = _smooth(-relief.place[..., 1] + wobble, 0.22, 0.45) * (1 - 0.7 * relief.of("muzzle"))
        share = np.maximum(crown, 0.85 * relief.of("ear"))
    else:
        back = _smooth(-relief.own_normal[..., 1] + wobble, 0.0, 0.35) * relief.of("torso", "neck")
        share = np.maximum(back, 0.9 * relief.of("tail") * _smooth(-relief.own_normal[..., 1], -0.4, 0.1))
    _tint(colour, coat.second, share.astype(np.float32))


_MARKINGS: dict[str, Callable[[Floats, Relief, Coat, bool], None]] = {
    "plain": _plain,
    "stripes": _stripes,
    "patches": _patches,
    "calico": _calico,
    "spots": _spots,
    "points": _points,
    "saddle": _saddle,
    "brindle": _brindle,
}


def _paint_whites(colour: Floats, relief: Relief, coat: Coat, head: bool) -> None:
    wobble = 0.08 * _waviness(relief.place, coat.waves, 2.0)
    share = _head_whites(relief, coat, wobble) if head else _body_whites(relief, coat, wobble)
    _tint(colour, WHITE, share)


def _head_whites(relief: Relief, coat: Coat, wobble: Floats) -> Floats:
    x, y, z = (relief.place[..., axis] for axis in range(3))
    share = np.zeros_like(x)
    if "muzzle" in coat.whites:
        share = _smooth(0.62 - np.hypot(x * 0.95, y - 0.55) + wobble, 0.0, 0.12) * _smooth(z, 0.1, 0.3)
        share = np.maximum(share, relief.of("jaw"))
    if "blaze" in coat.whites:
        width = 0.13 + 0.25 * np.clip(y + 0.1, 0, 1)
        share = np.maximum(share, _smooth(width - np.abs(x) + wobble, 0, 0.08) * _smooth(z, 0.1, 0.3))
    return share.astype(np.float32) * ~relief.of("ear")


def _body_whites(relief: Relief, coat: Coat, wobble: Floats) -> Floats:
    x, down = relief.own_normal[..., 0], relief.own_normal[..., 1]
    share = np.zeros_like(x)
    if "bib" in coat.whites:
        front = _smooth(x + 0.3 * down + wobble, 0.45, 0.65) * relief.of("torso", "neck")
        share = np.maximum(share, front)
    if "belly" in coat.whites:
        share = np.maximum(share, _smooth(down + wobble, 0.35, 0.55) * relief.of("torso"))
    if "paws" in coat.whites:
        share = np.maximum(share, _smooth(relief.along + wobble, 0.66, 0.74) * relief.of("fore", "hind"))
    if "tip" in coat.whites:
        share = np.maximum(share, _smooth(relief.along + wobble, 0.74, 0.84) * relief.of("tail"))
    return share.astype(np.float32)
