"""What a page shows of the pictures themselves: findings, and what augmentation makes of one."""

from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

import numpy as np

from pawlab.audit.findings import Finding, Mention
from pawlab.datasets.dataset import Dataset, Picture
from pawlab.errors import PictureError
from pawlab.images import Pixels, decode
from pawlab.recipes.layers import AUGMENTATION
from pawlab.recipes.recipe import Recipe
from pawlab.report.plots import Tile
from pawlab.report.shown import whole
from pawlab.trainers.keras.augmentation import augment

_MOST_PICTURES = 12  # of one finding
_MOST_GROUPS = 6
_MOST_OF_A_GROUP = 6
_VARIANTS = 8
_TRIED = 20  # pictures that may be unreadable before the preview gives up


class ShownFinding(NamedTuple):
    """A finding with its first pictures; None stands for a file that can't be read.

    `rows`: its groups where their pictures belong `together`, such as copies; else all in one row. `more`: how many
    other groups there are.
    """

    finding: Finding
    rows: list[list[tuple[Mention, Picture | None]]]
    together: bool
    more: int


def preview(dataset: Dataset, recipe: Recipe, seed: int) -> list[Tile]:
    """Show what the recipe does to a training picture, by the very function that training uses.

    The picture as it is and as the network sees it come first; more than these two only where the recipe augments.
    """
    name, original, seen = "none that can be read", None, None
    for picture in (dataset.split("train") or dataset.pictures)[:_TRIED]:
        with suppress(PictureError):
            seen = decode(picture.path, recipe.preprocess)
            name, original = picture.name, whole(picture)
            break
    way = recipe.preprocess.interpolation
    size = f"{recipe.preprocess.height} × {recipe.preprocess.width}, {recipe.preprocess.resize_mode}"
    return [
        Tile(original, "original", alt=f"The original: {name}"),
        Tile(
            seen,
            f"as the network sees it,\n{size}, {way}",
            alt="The picture as the network sees it",
        ),
        *([] if seen is None else _variants(seen, recipe, seed)),
    ]


def _variants(seen: Pixels, recipe: Recipe, seed: int) -> list[Tile]:
    if not any(layer.kind in AUGMENTATION for layer in recipe.layers):
        return []
    random = np.random.default_rng(seed)
    changed = np.array([augment(seen, recipe.layers, random) for _ in range(_VARIANTS)])
    return [
        Tile(pixels, "changed", alt=f"The picture, changed at random, example {number}")
        for number, pixels in enumerate(np.clip(np.rint(changed), 0, 255).astype(np.uint8), start=1)
    ]


def shown_findings(findings: Iterable[Finding], dataset: Dataset) -> list[ShownFinding]:
    """Put pictures to the findings, those that were skipped too."""
    pictures = [*dataset.pictures, *(item.picture for item in dataset.skipped if item.picture is not None)]
    by_name = {picture.name: picture for picture in pictures}
    return [_shown_finding(finding, by_name) for finding in findings]


def _shown_finding(finding: Finding, by_name: dict[str, Picture]) -> ShownFinding:
    together = any(len(group) > 1 for group in finding.groups)
    groups = finding.groups[: _MOST_GROUPS if together else _MOST_PICTURES]
    rows = [[(mention, by_name.get(mention.name)) for mention in group[:_MOST_OF_A_GROUP]] for group in groups]
    if not together and rows:
        rows = [list(chain.from_iterable(rows))]
    return ShownFinding(finding, rows, together, len(finding.groups) - len(groups))
