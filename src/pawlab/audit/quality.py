"""Checks for single pictures that can't teach or test much, by the few numbers that were measured of each.

The limits are set so far out that a picture beyond them is a case for a person's eyes whatever the set is about: a
finding is of use only where it is right.
"""

from collections.abc import Iterator

from pawlab.audit.findings import Finding, Mention, Severity
from pawlab.audit.image_stats import ImageStats
from pawlab.audit.measurements import Measurements
from pawlab.datasets.dataset import Picture
from pawlab.errors import counted

TINY = 64  # pixels of the shorter side; a network that looks at 224 has to invent nine of ten pixels
BLURRED = 0.25  # drawings blurred by a hundredth of their longer side have 0.23 at most, sharp ones 0.36 at least
DARK = 64  # levels: even the brightest twentieth of the picture lies in the lowest quarter of the scale
OVEREXPOSED = 255 - DARK  # the same at the other end: even the darkest twentieth lies in the highest quarter
ELONGATED = 3.0  # times as long as wide: squashed to a square, things triple in width; cropped to one, two thirds go
FEW_GRAY = 0.05  # of the pictures; where more are gray, they belong to the set


def blank(measurements: Measurements) -> Finding | None:
    """Find pictures of nearly one colour."""
    found = [Mention(picture.name) for picture, look in measurements.seen() if look.is_blank]
    words = "picture is of nearly one colour and shows nothing", "pictures are of nearly one colour and show nothing"
    return _finding("blank", "serious", found, words, "Remove what is no picture.")


def tiny(measurements: Measurements) -> Finding | None:
    """Find pictures with few pixels."""
    found = [Mention(picture.name, _size(look)) for picture, look in measurements.seen() if _is_tiny(look)]
    words = f"picture is less than {TINY} pixels wide or high", f"pictures are less than {TINY} pixels wide or high"
    return _finding(
        "tiny", "warning", found, words, "Networks see them enlarged: take larger ones where there are any."
    )


def blurred(measurements: Measurements) -> Finding | None:
    """Find pictures that are sharp nowhere."""
    found = [
        Mention(picture.name, f"sharpness {look.sharpness:.2f}, where sharp pictures have 0.4 to 1")
        for picture, look in _showing(measurements)
        if look.sharpness is not None and look.sharpness < BLURRED
    ]
    words = "picture is blurred all over", "pictures are blurred all over"
    return _finding(
        "blurred", "warning", found, words, "Keep them only if what is to be recognised will be as blurred."
    )


def dark(measurements: Measurements) -> Finding | None:
    """Find pictures with nothing bright."""
    found = [
        Mention(picture.name, f"hardly brighter than {look.bright / 255:.0%} of white")
        for picture, look in _showing(measurements)
        if look.bright < DARK
    ]
    words = "picture is dark all over", "pictures are dark all over"
    return _finding("dark", "warning", found, words, "Brighten or remove those on which people see nothing either.")


def overexposed(measurements: Measurements) -> Finding | None:
    """Find pictures with nothing dark."""
    found = [
        Mention(picture.name, f"hardly darker than {look.dim / 255:.0%} of white")
        for picture, look in _showing(measurements)
        if look.dim > OVEREXPOSED
    ]
    words = "picture is washed out, with nothing dark in it", "pictures are washed out, with nothing dark in them"
    return _finding("overexposed", "warning", found, words, "Remove those on which people see nothing either.")


def elongated(measurements: Measurements) -> Finding | None:
    """Find pictures much longer than wide."""
    found = [
        Mention(picture.name, _size(look)) for picture, look in measurements.seen() if _elongation(look) >= ELONGATED
    ]
    times = f"at least {ELONGATED:g} times as long as wide"
    words = f"picture is {times}", f"pictures are {times}"
    return _finding(
        "oddly shaped", "note", found, words, "Squashing distorts them: cut out what matters, or use fit=pad."
    )


def gray_among_colour(measurements: Measurements) -> Finding | None:
    """Find gray pictures where nearly all have colour."""
    found = [Mention(picture.name) for picture, look in _showing(measurements) if look.is_gray]
    if len(found) > FEW_GRAY * len(measurements.dataset):
        return None
    words = "picture is gray among pictures in colour", "pictures are gray among pictures in colour"
    return _finding("gray among colour", "note", found, words, "See that no class has more of them than others.")


def _showing(measurements: Measurements) -> Iterator[tuple[Picture, ImageStats]]:
    """Yield the pictures of which more can be said than that they are blank or tiny."""
    return ((picture, look) for picture, look in measurements.seen() if not look.is_blank and not _is_tiny(look))


def _is_tiny(look: ImageStats) -> bool:
    return min(look.info.width, look.info.height) < TINY


def _elongation(look: ImageStats) -> float:
    return max(look.info.width, look.info.height) / min(look.info.width, look.info.height)


def _size(look: ImageStats) -> str:
    return f"{look.info.width} x {look.info.height}"


def _finding(
    check: str, severity: Severity, found: list[Mention], words: tuple[str, str], advice: str
) -> Finding | None:
    if not found:
        return None
    return Finding(check, severity, f"{counted(len(found), *words)}. {advice}", tuple((item,) for item in found))
