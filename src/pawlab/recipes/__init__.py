"""Recipes: pure data. One explicit tuple; a new recipe is one constant and one entry here."""

from pathlib import Path

from pawlab.errors import RecipeError, did_you_mean
from pawlab.recipes.built_in import BUILT_IN
from pawlab.recipes.own import is_recipe_file, read_recipe, recipe_of
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.tutorial_a import TUTORIAL_A
from pawlab.recipes.tutorial_b import TUTORIAL_B
from pawlab.recipes.tutorial_c import TUTORIAL_C
from pawlab.recipes.tutorial_d import TUTORIAL_D
from pawlab.recipes.tutorial_e import TUTORIAL_E

PUBLISHED: tuple[Recipe, ...] = (*TUTORIAL_A, *TUTORIAL_B, *TUTORIAL_C, *TUTORIAL_D, *TUTORIAL_E)
RECIPES: tuple[Recipe, ...] = (*BUILT_IN, *PUBLISHED)


def find_recipe(name: str) -> Recipe:
    """Return the recipe of that name. Raises RecipeError, with the nearest name, where there is none."""
    by_name = {recipe.name: recipe for recipe in RECIPES}
    if name not in by_name:
        known = ", ".join(by_name)
        raise RecipeError(f"there is no recipe '{name}'.{did_you_mean(name, list(by_name))} There are: {known}.")
    return by_name[name]


def choose_recipe(recipe: str | Path | Recipe) -> Recipe:
    """Return what a user means: a built-in recipe by its name, or one of their own, in a file (see `own`) or as such.

    A Python file is run. Raises RecipeError where there is no such recipe, or it can't be trained.
    """
    names = [known.name for known in RECIPES]
    if isinstance(recipe, Recipe):
        return recipe if recipe in RECIPES else recipe_of(vars(recipe), f"the recipe '{recipe.name}'", names)
    if isinstance(recipe, Path) or is_recipe_file(recipe):
        return read_recipe(Path(recipe), names)
    return find_recipe(recipe)
