"""Recipes: pure data. One explicit tuple; a new recipe is one constant and one entry here."""

from pawlab.errors import RecipeError, did_you_mean
from pawlab.recipes.house import FAST
from pawlab.recipes.recipe import Recipe

RECIPES: tuple[Recipe, ...] = (FAST,)


def find_recipe(name: str) -> Recipe:
    """Return the recipe of that name. Raises RecipeError, with the nearest name, where there is none."""
    by_name = {recipe.name: recipe for recipe in RECIPES}
    if name not in by_name:
        known = ", ".join(by_name)
        raise RecipeError(f"there is no recipe '{name}'.{did_you_mean(name, list(by_name))} There are: {known}.")
    return by_name[name]
