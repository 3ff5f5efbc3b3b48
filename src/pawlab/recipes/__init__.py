"""Recipes: pure data, the built-in ones and the user's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pawlab.errors import RecipeError, did_you_mean
from pawlab.recipes.built_in import PUBLISHED as PUBLISHED
from pawlab.recipes.built_in import RECIPES as RECIPES
from pawlab.recipes.own import is_recipe_file, read_recipe, recipe_of
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.settings import with_settings

DEFAULT_RECIPE = "fast"


def find_recipe(name: str) -> Recipe:
    """Return the recipe of that name. Raises RecipeError, with the nearest name, where there is none."""
    by_name = {recipe.name: recipe for recipe in RECIPES}
    if name not in by_name:
        known = ", ".join(by_name)
        raise RecipeError(f"there is no recipe '{name}'.{did_you_mean(name, list(by_name))} There are: {known}.")
    return by_name[name]


def choose_recipe(recipe: str | Path | Recipe, settings: Mapping[str, Any] | None = None) -> Recipe:
    """Return what a user means: a built-in recipe by its name, or one of their own, in a file (see `own`) or as such.

    `settings`: numbers of it to change; see `settings`. A Python file is run. Raises RecipeError where there is no such
    recipe, or it can't be trained.
    """
    names = [known.name for known in RECIPES]
    return with_settings(_found(recipe, names), settings or {}, names)


def _found(recipe: str | Path | Recipe, names: list[str]) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe if recipe in RECIPES else recipe_of(vars(recipe), f"the recipe '{recipe.name}'", names)
    if isinstance(recipe, Path) or is_recipe_file(recipe):
        return read_recipe(Path(recipe), names)
    return find_recipe(recipe)
