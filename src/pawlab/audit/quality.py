"""Checks for single pictures that can't teach or test much, by the few numbers that were measured of each.

The limits are set so far out that a picture beyond them is a case for a person's eyes whatever the set is about: a
finding is of use only where it is right.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pawlab.audit.findings import Finding, Mention, Severity
from pawlab.audit.image_stats import ImageStats
from pawlab.audit.measurements import Measurements
from pawlab.errors import counted

TINY = 64  # pixels of the shorter side; a network that looks at 224 has to invent nine of ten pixels
BLURRED = 0.25  # drawings blurred by a hundredth of their longer side have 0.23 at most, sharp ones 0.36 at least
DARK = 64  # levels: even the brightest twentieth of the picture lies in the lowest quarter of the scale
OVEREXPOSED = 255 - DARK  # the same at the other end: even the darkest twentieth lies in the highest quarter
ELONGATED = 3.0  # times as long as wide: squashed to a square, things triple in width; cropped to one, two thirds go
FEW_GRAY = 0.05  # of the pictures; where more are gray, they belong to the set


def check_quality(measurements: Measurements) -> Iterator[Finding]:
    """Find the pictures that are tiny, blank, blurred and so on."""
    for check in _CHECKS:
        found = [
            Mention(picture.name, check.detail(look))
            for picture, look in measurements.seen()
            if check.found(look) and (check.in_all or not (look.is_blank or _is_tiny(look)))
        ]
        if found and len(found) <= check.at_most * len(measurements.dataset):
            words = f"picture is {check.one}", f"pictures are {check.many or check.one}"
            sentence = f"{counted(len(found), *words)}. {check.advice}"
            yield Finding(check.name, check.severity, sentence, tuple((item,) for item in found))


def _is_tiny(look: ImageStats) -> bool:
    return min(look.info.width, look.info.height) < TINY


def _elongation(look: ImageStats) -> float:
    return max(look.info.width, look.info.height) / min(look.info.width, look.info.height)


class _Check(NamedTuple):
    """`one`, `many`: what such a picture is, or such pictures are, where that differs. `in_all`: also of pictures that
    are blank or tiny, of which little else can be said. `at_most`: share of the pictures beyond which it is no news."""

    name: str
    severity: Severity
    found: Callable[[ImageStats], bool]
    one: str
    advice: str
    detail: Callable[[ImageStats], str] = lambda look: ""
    many: str = ""
    in_all: bool = False
    at_most: float = 1.0


_CHECKS = (
    _Check(
        "blank",
        "serious",
        lambda look: look.is_blank,
        "of nearly one colour and shows nothing",
        "Remove what is no picture.",
        many="of nearly one colour and show nothing",
        in_all=True,
    ),
    _Check(
        "blurred",
        "warning",
        lambda look: look.sharpness is not None and look.sharpness < BLURRED,
        "blurred all over",
        "Keep them only if what is to be recognised will be as blurred.",
        lambda look: f"sharpness {look.sharpness:.2f}, where sharp pictures have 0.4 to 1",
    ),
    _Check(
        "dark",
        "warning",
        lambda look: look.bright < DARK,
        "dark all over",
        "Brighten or remove those on which people see nothing either.",
        lambda look: f"hardly brighter than {look.bright / 255:.0%} of white",
    ),
    _Check(
        "overexposed",
        "warning",
        lambda look: look.dim > OVEREXPOSED,
        "washed out, with nothing dark in it",
        "Remove those on which people see nothing either.",
        lambda look: f"hardly darker than {look.dim / 255:.0%} of white",
        many="washed out, with nothing dark in them",
    ),
    _Check(
        "tiny",
        "warning",
        _is_tiny,
        f"less than {TINY} pixels wide or high",
        "Networks see them enlarged: take larger ones where there are any.",
        lambda look: look.size,
        in_all=True,
    ),
    _Check(
        "oddly shaped",
        "note",
        lambda look: _elongation(look) >= ELONGATED,
        f"at least {ELONGATED:g} times as long as wide",
        "Squashing distorts them: cut out what matters, or add --resize-mode pad.",
        lambda look: look.size,
        in_all=True,
    ),
    _Check(
        "gray among colour",
        "note",
        lambda look: look.is_gray,
        "gray among pictures in colour",
        "See that no class has more of them than others.",
        at_most=FEW_GRAY,
    ),
)
