"""What a page tells of the pictures themselves: samples, findings, and what augmentation makes of one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawlab.data.checks import Finding
from pawlab.data.dataset import Dataset
from pawlab.errors import PictureError
from pawlab.pictures import Pixels, decode
from pawlab.recipes.layers import AUGMENTATION
from pawlab.recipes.recipe import Layer, Recipe
from pawlab.report.plots import Tile
from pawlab.report.shown import Shown, whole, with_squares

Augment = Callable[[Pixels, Sequence[Layer], np.random.Generator], NDArray[np.float32]]

_MOST_OF_A_FINDING = 12
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
class ShownFinding:
    """A finding with its first pictures; `more`: how many others there are."""

    check: str
    sentence: str
    shown: list[Shown]
    more: int


def preview(dataset: Dataset, recipe: Recipe, augment: Augment, seed: int) -> Preview:
    """Show what the recipe does to a training picture. `augment`: the very function that training uses."""
    for picture in (dataset.part("train") or dataset.pictures)[:_TRIED]:
        try:
            seen = decode(picture.path, recipe.preprocess)
        except PictureError:
            continue
        return Preview(picture.name, whole(picture), seen, _variants(seen, recipe, augment, seed))
    return Preview("none that can be read", None, None, ())


def _variants(seen: Pixels, recipe: Recipe, augment: Augment, seed: int) -> tuple[Pixels, ...]:
    if not any(layer.kind in AUGMENTATION for layer in recipe.layers):
        return ()
    random = np.random.default_rng(seed)
    changed = (augment(seen, recipe.layers, random) for _ in range(_VARIANTS))
    return tuple(np.clip(np.rint(pixels), 0, 255).astype(np.uint8) for pixels in changed)


def preview_tiles(shown: Preview, recipe: Recipe) -> list[Tile]:
    """Return the same for the plot."""
    size = f"{recipe.preprocess.height} × {recipe.preprocess.width}, {recipe.preprocess.fit}"
    first = [Tile(shown.original, "original"), Tile(shown.seen, f"as the network sees it\n{size}")]
    return first + [Tile(variant, "changed") for variant in shown.variants]


def without_set_aside(findings: Iterable[Finding]) -> list[Finding]:
    """Leave out the finding that lists what was set aside; pages give that a place of its own."""
    return [finding for finding in findings if finding.check != "set aside"]


def shown_findings(findings: Iterable[Finding], dataset: Dataset) -> list[ShownFinding]:
    """Put pictures to the findings. Files that were set aside have none; the page lists them by themselves."""
    by_name = {picture.name: picture for picture in dataset.pictures}
    entries = []
    for finding in findings:
        named = [by_name[name] for name in finding.pictures if name in by_name]
        shown = with_squares(Shown(picture) for picture in named[:_MOST_OF_A_FINDING])
        entries.append(ShownFinding(finding.check, finding.sentence, shown, len(named) - len(shown)))
    return entries
