"""Several runs on the same pictures, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pawlab.datasets.dataset import Dataset
from pawlab.datasets.known import fingerprint_of
from pawlab.datasets.options import DataOptions
from pawlab.errors import OutputError, RecipeError
from pawlab.evaluation.history import Epoch
from pawlab.evaluation.paired import Paired
from pawlab.graphs.keras_runtime import require_keras
from pawlab.names import flag
from pawlab.notebook import comparison_html
from pawlab.recipes import PUBLISHED, RECIPES, choose_recipe
from pawlab.recipes.recipe import Recipe
from pawlab.report.comparison import COMPARISON_PAGE, COMPARISON_PICTURE, ComparedRun
from pawlab.runs.reading import what_has_changed
from pawlab.runs.record import RUN_FILE, Run
from pawlab.runs.request import Request
from pawlab.runs.side_by_side import correct_by_picture, paired_by_picture
from pawlab.storage import COMPARISON_FILE

_TUTORIALS_DATA = fingerprint_of("cats-and-dogs")
_OTHER = {
    "seed": "another seed",
    "epochs": "another number of epochs",
    "weights": "other weights",
    "options": "data read in another way",
}


@dataclass(frozen=True)
class Compared:
    """One recipe's run among others."""

    recipe: Recipe
    run: Run

    @property
    def history(self) -> tuple[Epoch, ...]:
        """Return the run's epochs."""
        return self.run.history

    def to_dict(self) -> dict[str, Any]:
        """Return the row of the table: ours, and what was published beside it."""
        metrics = self.run.metrics
        return {
            "recipe": self.recipe.name,
            "title": self.recipe.title,
            "run": str(self.run.folder),
            "parameters": metrics["parameters"],
            "seconds": metrics["seconds"]["total"],
            "stable_range": metrics["verdict"]["stable_range"],
            "overfit": metrics["verdict"]["overfit"],
            "validation": metrics["validation"],
            "test": metrics["test"],
            "cross_validation": metrics.get("cross_validation"),
            "published": self.published,
        }

    @property
    def published(self) -> dict[str, Any]:
        """Return what the recipe's source reports, where it is of these pictures: the tutorials' is of cats-and-dogs.

        What a recipe of the user's own says was published is the user's to judge.
        """
        data = self.run.record["data"]["fingerprint"]
        return {} if self.recipe in PUBLISHED and data != _TUTORIALS_DATA else self.recipe.published

    @property
    def score(self) -> tuple[float, float]:
        """Return what the best is chosen by: validation accuracy, then loss."""
        validation = self.run.metrics["validation"]
        return validation["accuracy"], -validation["loss"]


class Comparison(tuple[Compared, ...]):
    """The runs of a comparison (1 or more), in the order asked for; a notebook shows their table and their curves."""

    __slots__ = ()

    @property
    def page(self) -> Path:
        """Return where comparison.html lies, where one was made."""
        return self[0].run.folder.with_name(COMPARISON_PAGE)

    @property
    def best(self) -> Compared:
        """Return the best in validation: the test set has no part in the choice."""
        return max(self, key=lambda item: item.score)

    @property
    def against_best(self) -> dict[str, Paired]:
        """Return, by recipe, each of the others against the best in validation, on the test pictures that both have: a
        decoder of another version may have skipped one.
        """
        best, chosen = self.best, correct_by_picture(self.best.run.folder)
        return {
            item.recipe.name: paired_by_picture(correct_by_picture(item.run.folder), chosen)
            for item in self
            if item is not best
        }

    def to_dict(self) -> list[dict[str, Any]]:
        """Return a row per recipe, as comparison.json holds it; `against_best` is None for the best itself."""
        against = {name: found.to_dict() for name, found in self.against_best.items()}
        return [{**item.to_dict(), "against_best": against.get(item.recipe.name)} for item in self]

    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Return it as people read it, in text: the header, and a line per recipe; no column that would be empty."""
        against = self.against_best
        lines = [_line(item.to_dict(), against.get(item.recipe.name)) for item in self]
        shown = [name for name in lines[0] if any(line[name] for line in lines)]
        return tuple(shown), [tuple(line[name] for name in shown) for line in lines]

    def _repr_html_(self) -> str:
        return comparison_html(*self.table(), self.page.with_name(COMPARISON_PICTURE))


def _line(row: dict[str, Any], against_best: Paired | None) -> dict[str, str]:
    published = row["published"].get("val_stable")
    return {
        "recipe": row["recipe"],
        "parameters": f"{row['parameters']['total']:,}",
        "trainable": f"{row['parameters']['trainable']:,}",
        "seconds": f"{row['seconds']:.0f}",
        "validation": _range(row["stable_range"]),
        "in folds": f"{folds['accuracy']:.3f}" if (folds := row["cross_validation"]) else "",
        "published": _range(published) if published else "",
        "test": f"{row['test']['accuracy']:.3f}",
        "95% interval": _range(row["test"]["ci95"]),
        "vs best": _against(against_best),
        "overfits": {True: "yes", False: "no", None: ""}[row["overfit"]],
    }


def _against(found: Paired | None) -> str:
    if found is None:
        return "is it"
    return {True: "better", False: "worse", None: "unclear"}[found.better]


def _range(bounds: Sequence[float]) -> str:
    return f"{bounds[0]:.2f}-{bounds[1]:.2f}"


def on_page(compared: Compared, against_best: Paired | None) -> ComparedRun:
    """Return what the page shows of a run. `against_best`: the run against the best one; None for the best itself."""
    run, published = compared.run, compared.published.get("val_stable")
    return ComparedRun(
        name=compared.recipe.name,
        title=compared.recipe.title,
        metrics=run.metrics,
        history=run.history,
        page=quote(f"{run.folder.name}/{run.page.name}") if run.page.is_file() else None,
        published=None if published is None else (published[0], published[1]),
        against_best=against_best,
    )


def choose_recipes(recipes: str | Sequence[str | Path | Recipe]) -> list[Recipe]:
    """Return the recipes, "all" replaced by the published ones, and each once.

    Raises before any work what would end it later: RecipeError for none or for two of one name, MissingExtraError.
    """
    published = [recipe.name for recipe in RECIPES if recipe.published]
    named: list[str | Path | Recipe] = []
    for given in [recipes] if isinstance(recipes, str) else recipes:
        named += [one for one in (published if given == "all" else [given]) if one not in named]
    if not named:
        raise RecipeError("there is nothing to compare. Name recipes, as in a1,c4,fast; `pawlab recipes` lists them.")
    chosen = [choose_recipe(one) for one in named]
    names = sorted(recipe.name for recipe in chosen)
    for name, following in pairwise(names):
        if name == following:
            raise RecipeError(f"two recipes are called '{name}'. Give one of them another name.")
    for recipe in chosen:
        if recipe.trains_in_epochs:
            require_keras(f"the recipe {recipe.name}")
    return chosen


def require_for_comparisons(folder: Path, recipes: Sequence[Recipe]) -> None:
    """Raise OutputError unless the folder is new or empty, or holds a comparison, begun or finished."""
    known = [COMPARISON_FILE, *(f"{recipe.name}/{RUN_FILE}" for recipe in recipes)]
    if not folder.exists() or any((folder / name).is_file() for name in known):
        return
    if not folder.is_dir() or any(not entry.name.startswith(".") for entry in folder.iterdir()):
        raise OutputError(f"{folder} holds something other than a comparison. Choose another --out.")


def require_same(place: Path, asked: Request, recipe: Recipe, dataset: Dataset) -> None:
    """Raise OutputError where the run in `place` is of another request than is asked for."""
    record = Run(place).record
    request, other = Request.from_record(record, place / RUN_FILE), None
    if request.own_recipe != (None if recipe in RECIPES else recipe.to_dict()):
        other = "with another recipe of that name"
    elif request.options == asked.options:  # else that is why the data differs
        other = {
            "pictures": f"on other pictures, or {dataset.name} has changed since",
            "labels": f"with other labels: {asked.options.labels} has changed since",
        }.get(what_has_changed(record.get("data"), dataset) or "")
    for name, words in _OTHER.items():
        there, value = getattr(request, name), getattr(asked, name)
        if other is None and there != value:
            other = f"with {words}: {_told(there)}, not {_told(value)}"
    if other is not None:
        raise OutputError(f"{place} holds a run {other}. Choose another --out, or delete it.")


def _told(value: Any) -> str:
    if isinstance(value, DataOptions):
        given = [f"{flag(name)} {one}" for name, one in value.to_dict().items()]
        return " ".join(given) or "no options"
    return "the recipe's own" if value is None else str(value)
