"""Write the page of recipes: layers, shapes, parameter counts, published and measured figures."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pawlab.recipes import RECIPES
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import count_parameters, summarise

_INTRODUCTION = """# Recipes

A recipe is a model and how it is trained, as plain data. `pawlab recipes` lists them, `pawlab recipes c4` prints one,
and `pawlab train DATA --recipe c4` trains it. Counts are those for two classes; with more, the last layer is widened
where it has to be. Published figures are the source's own, on the same photos. How the measured ones were taken:
[the ladder, measured](measured.md). [A recipe of your own](own.md).
"""


def write(page: Path) -> None:
    """Write the page."""
    lines = [_INTRODUCTION, *_overview(), *(line for recipe in RECIPES for line in _one(recipe))]
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _overview() -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    for recipe in RECIPES:
        counts = count_parameters(recipe)
        ranges = _range(recipe.published.get("val_stable")), _range(recipe.measured.get("stable_range"))
        rows.append((f"[{recipe.name}](#{recipe.name})", recipe.title, f"{counts.trainable:,}", *ranges))
    header = ("recipe", "model", "trainable parameters", "validation, published", "validation, measured")
    yield from _table(header, rows, words=2)


def _one(recipe: Recipe) -> Iterator[str]:
    counts = count_parameters(recipe)
    yield from (
        "",
        f"## {recipe.name}",
        "",
        f"**{recipe.title}.** {recipe.purpose}",
        "",
        f"Source: {recipe.source}.",
        "",
    )
    read = recipe.preprocess
    size = f"{read.height} x {read.width} pixels, {read.resize_mode}, {read.interpolation}"
    training = f", {recipe.epochs} epochs of batches of {recipe.batch_size}" if recipe.trains_in_epochs else ""
    yield from (f"{size}{training}; {counts.total:,} parameters, {counts.trainable:,} of them trainable.", "")
    lines = summarise(recipe)
    rows = [(line.kind, _options(line.options), _shape(line.output_shape), f"{line.parameters:,}") for line in lines]
    yield from _table(("layer", "options", "output", "parameters"), rows, words=2)
    yield from (f"\nKnown quirk: {quirk}" for quirk in recipe.known_quirks)
    figures = {
        title: facts for title, facts in (("Published", recipe.published), ("Measured", recipe.measured)) if facts
    }
    for title, facts in figures.items():
        yield f"\n{title}: {', '.join(_figures(facts))}."


_NAMES = {
    "val_stable": "validation accuracy over the last epochs",
    "val_last": "validation accuracy at the last epoch",
    "train_last": "training accuracy at the last epoch",
    "test": "test accuracy",
    "stable_range": "validation accuracy over the last epochs",
    "stable_range_by_seed": "and with",
    "validation": "validation accuracy at the best epoch",
    "test_ci95": "its 95% interval",
    "seconds": "seconds",
    "machine": "on",
    "date": "",
}


def _figures(facts: dict[str, Any]) -> Iterator[str]:
    for key, name in _NAMES.items():
        if key in facts:
            value = facts[key]
            yield f"{name} {_figure(value)}".strip()


def _figure(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"seed {seed} {_figure(one)}" for seed, one in value.items())
    if isinstance(value, list):
        return _range(value)
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _range(bounds: list[float] | None) -> str:
    return "" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _options(options: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in options.items()
    )


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], words: int) -> Iterator[str]:
    """Yield a table whose first `words` columns are words and the others numbers."""
    sides = [":---" if place < words else "---:" for place in range(len(header))]
    yield from ("| " + " | ".join(cells) + " |" for cells in (header, sides, *rows))
