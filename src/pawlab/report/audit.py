"""What a page shows of the pictures themselves: samples, findings, and what augmentation makes of one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pawlab.audit.findings import Finding, Mention
from pawlab.datasets.dataset import Dataset, Picture
from pawlab.errors import PictureError
from pawlab.images import Pixels, decode
from pawlab.recipes.layers import AUGMENTATION
from pawlab.recipes.recipe import Recipe
from pawlab.report.plots import Tile
from pawlab.report.shown import Shown, square, whole
from pawlab.trainers.keras.augmentation import augment

_MOST_PICTURES = 12  # of one finding
_MOST_GROUPS = 6
_MOST_OF_A_GROUP = 6
_VARIANTS = 8
_TRIED = 20  # pictures that may be unreadable before the preview gives up


@dataclass(frozen=True)
class Preview:
    """One picture, as it is, as the network sees it, and changed by the recipe; None where none can be decoded."""

    name: str
    original: Pixels | None
    seen: Pixels | None
    variants: tuple[Pixels, ...]


@dataclass(frozen=True)
class Mentioned:
    """A picture of a finding and what is the matter with it; `shown` is None where there is no picture to show."""

    name: str
    detail: str
    shown: Shown | None


@dataclass(frozen=True)
class ShownFinding:
    """A finding with its first groups; `more`: how many other groups there are.

    `together`: whether the pictures of a group belong together, such as copies; else each group is one picture.
    """

    check: str
    severity: str
    sentence: str
    groups: list[list[Mentioned]]
    together: bool
    more: int


def preview(dataset: Dataset, recipe: Recipe, seed: int) -> Preview:
    """Show what the recipe does to a training picture, by the very function that training uses."""
    for picture in (dataset.split("train") or dataset.pictures)[:_TRIED]:
        try:
            seen = decode(picture.path, recipe.preprocess)
        except PictureError:
            continue
        return Preview(picture.name, whole(picture), seen, _variants(seen, recipe, seed))
    return Preview("none that can be read", None, None, ())


def _variants(seen: Pixels, recipe: Recipe, seed: int) -> tuple[Pixels, ...]:
    if not any(layer.kind in AUGMENTATION for layer in recipe.layers):
        return ()
    random = np.random.default_rng(seed)
    changed = (augment(seen, recipe.layers, random) for _ in range(_VARIANTS))
    return tuple(np.clip(np.rint(pixels), 0, 255).astype(np.uint8) for pixels in changed)


def preview_tiles(shown: Preview, recipe: Recipe) -> list[Tile]:
    """Return the same for the plot."""
    size = f"{recipe.preprocess.height} × {recipe.preprocess.width}, {recipe.preprocess.resize_mode}"
    first = [Tile(shown.original, "original"), Tile(shown.seen, f"as the network sees it\n{size}")]
    return first + [Tile(variant, "changed") for variant in shown.variants]


def shown_findings(findings: Iterable[Finding], dataset: Dataset) -> list[ShownFinding]:
    """Put pictures to the findings. Files that can't be read have none: their names are listed."""
    by_name = {picture.name: picture for picture in _all_pictures(dataset)}
    return [_shown_finding(finding, by_name) for finding in findings]


def _all_pictures(dataset: Dataset) -> Iterator[Picture]:
    yield from dataset.pictures
    yield from (item.picture for item in dataset.skipped if item.picture is not None)


def _shown_finding(finding: Finding, by_name: Mapping[str, Picture]) -> ShownFinding:
    together = any(len(group) > 1 for group in finding.groups)
    most = _MOST_GROUPS if together else _MOST_PICTURES
    groups = [[_mentioned(mention, by_name) for mention in group[:_MOST_OF_A_GROUP]] for group in finding.groups[:most]]
    more = len(finding.groups) - len(groups)
    return ShownFinding(finding.check, finding.severity, finding.sentence, groups, together, more)


def _mentioned(mention: Mention, by_name: Mapping[str, Picture]) -> Mentioned:
    picture = by_name.get(mention.name)
    shown = None if picture is None else Shown(picture, pixels=square(picture))
    return Mentioned(mention.name, mention.detail, shown)
