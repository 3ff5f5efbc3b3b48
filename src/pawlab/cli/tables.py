"""Tables for people: recipes, data sets, counts."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table

from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import count_parameters, recipe_document, summarise

if TYPE_CHECKING:
    from pawlab.datasets.known import KnownData

_STYLES = {"serious": "bold red", "warning": "bold yellow", "note": "bold"}
_SHOWN = 5  # pictures, or groups of them, of a finding: enough to see what is meant
_PIPE_WIDTH = 120
_LONG = frozenset({"model", "options", "licence", "origin", "class", "layer"})  # columns of words, which may wrap
_RIGHT = frozenset(
    {"pictures", "parameters", "trainable", "size", "features", "ms", "train", "validation", "test", "seconds"}
)


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of text under their header; numbers are aligned right and are never broken."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in header:
        justify: Literal["left", "right"] = "right" if name in _RIGHT else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name not in _LONG)
    for row in rows:
        table.add_row(*row)
    _console_for_tables().print(table)


def print_recipes(recipes: Iterable[Recipe]) -> None:
    """Print a line per recipe."""
    rows = []
    for recipe in recipes:
        counts = count_parameters(recipe)
        size = f"{recipe.preprocess.height} x {recipe.preprocess.width}"
        rows.append((recipe.name, recipe.title, size, f"{counts.total:,}", f"{counts.trainable:,}"))
    print_table(("name", "model", "pictures", "parameters", "trainable"), rows)


def print_recipe(recipe: Recipe) -> None:
    """Print one recipe: what it is for, its layers with shapes and counts, how it is trained, what was published."""
    console = _console()
    document = recipe_document(recipe)
    console.print(f"{recipe.name}: {recipe.title}", style="bold", highlight=False)
    console.print(recipe.purpose, highlight=False)
    console.print(f"Source: {recipe.source}", highlight=False)
    console.print(
        f"Pictures: {recipe.preprocess.height} x {recipe.preprocess.width}, {recipe.preprocess.resize_mode}",
        highlight=False,
    )
    rows = [
        (line.kind, _options(line.options), " x ".join(map(str, line.output_shape)), f"{line.parameters:,}")
        for line in summarise(recipe)
    ]
    print_table(("layer", "options", "output shape", "parameters"), rows)
    counts = document["parameters"]
    console.print(f"{counts['total']:,} parameters, {counts['trainable']:,} trainable (two classes)", highlight=False)
    for quirk in document["known_quirks"]:
        console.print(f"Quirk: {quirk}", highlight=False)
    for title in ("published", "measured"):
        if document.get(title):
            facts = ", ".join(f"{key}: {value}" for key, value in document[title].items())
            console.print(f"{title.capitalize()}: {facts}", highlight=False)


def print_backbones(documents: Iterable[dict[str, Any]]) -> None:
    """Print a line per pretrained network."""
    rows = [
        (
            item["name"],
            str(item["image_size"]),
            f"{item['channels']:,}",
            f"{item['parameters']:,}",
            "" if item["ms_per_picture"] is None else f"{item['ms_per_picture']:.1f}",
            item["licence"],
            item["weights"],
        )
        for item in documents
    ]
    print_table(("name", "size", "features", "parameters", "ms", "licence", "origin"), rows)


def print_backbone(document: dict[str, Any]) -> None:
    """Print one pretrained network: a line per fact."""
    console = _console()
    for name, value in document.items():
        shown = _options(value) if isinstance(value, dict) else "-" if value is None else str(value)
        console.print(f"{name.replace('_', ' '):<15}{shown}", soft_wrap=True)


def print_known_data(known: Iterable["KnownData"]) -> None:
    """Print a line per data set."""
    rows = [(item.name, f"{item.pictures:,}", item.licence, item.origin) for item in known]
    print_table(("name", "pictures", "licence", "origin"), rows)


def print_counts(found: dict[str, Any]) -> None:
    """Print pictures by class and split."""
    splits = list(found["counts"])
    rows = [(name, *(f"{found['counts'][split].get(name, 0):,}" for split in splits)) for name in found["classes"]]
    totals = (f"{sum(found['counts'][split].values()):,}" for split in splits)
    print_table(("class", *splits), [*rows, ("all", *totals)])


def print_findings(findings: Sequence[dict[str, Any]]) -> None:
    """Print what the checks found, the worst first, each with the first of its pictures."""
    console = _console()
    if not findings:
        console.print("Findings   none")
    for finding in findings:
        style = _STYLES[finding["severity"]]
        console.print(f"\n{finding['severity'].capitalize()}: {finding['check']}", style=style)
        console.print(finding["sentence"])
        for group in finding["groups"][:_SHOWN]:
            console.print(f"  {' = '.join(map(_mention, group))}", soft_wrap=True)
        more = len(finding["groups"]) - _SHOWN
        if more > 0:
            console.print(f"  and {more:,} more; --json lists all", style="dim")


def _mention(mention: dict[str, str]) -> str:
    return f"{mention['picture']} ({mention['detail']})" if mention["detail"] else mention["picture"]


def _options(options: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


def _console() -> Console:
    return Console(highlight=False, markup=False)


def _console_for_tables() -> Console:
    """Return a console as wide as the terminal; files and pipes get lines of up to 120 characters."""
    console = _console()
    return console if console.is_terminal else Console(highlight=False, markup=False, width=_PIPE_WIDTH)
