"""Recipes: pure data, the built-in ones and the user's own."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pawlab.backbones.table import is_file
from pawlab.errors import RecipeError, did_you_mean
from pawlab.recipes.built_in import PUBLISHED as PUBLISHED
from pawlab.recipes.built_in import RECIPES as RECIPES
from pawlab.recipes.layers import backbone
from pawlab.recipes.own import is_recipe_file, read_recipe, recipe_of
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.settings import with_settings

DEFAULT_RECIPE = "fast"
_OF_BACKBONES = ("kind", *inspect.signature(backbone).parameters)


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
        where = f"the recipe '{recipe.name}'"
        if recipe.has_chosen_network:
            return checked_recipe(recipe.to_dict(), where, names)
        return recipe if recipe in RECIPES else recipe_of(vars(recipe), where, names)
    if not isinstance(recipe, str | Path):
        raise TypeError(f"recipe is {recipe!r}; it must be a name, a file or a Recipe")
    if isinstance(recipe, Path) or is_recipe_file(recipe):
        return read_recipe(Path(recipe), names)
    return find_recipe(recipe)


def checked_recipe(values: Mapping[str, Any], where: str, taken: Sequence[str] = ()) -> Recipe:
    """Return the recipe of what `Recipe.to_dict` gave, checked as a recipe file is. Raises RecipeError.

    What is known of a network that was chosen stays.
    """
    given = values.get("layers")
    layers: list[Any] = given if isinstance(given, list) else []
    place = next((n for n, one in enumerate(layers) if isinstance(one, dict) and one.get("kind") == "backbone"), None)
    network = {} if place is None else layers[place]
    if place is None or not isinstance(network.get("name"), str):
        return recipe_of(dict(values), where, taken)
    plain = {key: network[key] for key in _OF_BACKBONES if key in network}
    if is_file(network["name"]):
        plain["name"] = find_recipe(DEFAULT_RECIPE).backbone  # which stands for one outside the table
    checked = recipe_of({**values, "layers": [*layers[:place], plain, *layers[place + 1 :]]}, where, taken).to_dict()
    found = next(layer for layer in checked["layers"] if layer["kind"] == "backbone")  # scaling may stand before it
    found |= network
    return Recipe.from_dict(checked)
