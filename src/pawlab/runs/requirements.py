"""What must hold of what `train` is asked before any work is done: else PawlabError, with what to do about it."""

import logging
from pathlib import Path
from typing import Any

from pawlab.datasets.options import DataOptions
from pawlab.errors import PawlabError, RecipeError
from pawlab.images import ResizeMode
from pawlab.names import flag
from pawlab.recipes.exchange import AUTO, require_probe
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.settings import require_once
from pawlab.trainers.probe import Balance
from pawlab.trainers.repeat import FEWEST

_OF_SPLITS = ("split", "split_from", "group", "group_from_name", "near_duplicates", "value_range")

_log = logging.getLogger("pawlab")


def warn_of_splitting(options: DataOptions) -> None:
    """Say which options have no effect where nothing is split or trained, and pictures are read as the model does."""
    given = options.to_dict()
    without = [flag(name) for name in _OF_SPLITS if name in given]
    if without:
        have = "has" if len(without) == 1 else "have"
        _log.warning(
            "pawlab: %s %s no effect here: nothing is split, and pictures are read as in training.",
            " and ".join(without),
            have,
        )


def require_said_once(
    settings: dict[str, Any], epochs: int | None, mode: ResizeMode | None, backbone: str | Path | None
) -> None:
    """Raise RecipeError for what is said by an option of its own and by a setting."""
    require_once({"epochs": epochs, "resize_mode": mode}, settings)
    if backbone is not None and (sizes := [name for name in ("height", "width") if name in settings]):
        raise RecipeError(f"--backbone brings its own size. Leave out --set {' and --set '.join(sizes)}.")


def is_automatic(
    recipe: Recipe, backbone: str | Path | None, weights: str | Path | None, minutes: float | None
) -> bool:
    """Say whether the network is to be chosen. Raises PawlabError for what doesn't go with that, or only with it."""
    if minutes is not None and not 0 < minutes < 1e6:
        raise PawlabError(f"--minutes is {minutes}; it must be more than 0.")
    if str(backbone) != AUTO:
        if minutes is not None and not recipe.trains_in_epochs:
            raise PawlabError(
                f"--minutes limits training in epochs, or choosing a network; {recipe.name} is fitted in one go. "
                f"Add --backbone {AUTO}, or leave it out."
            )
        return False
    if weights is not None:
        raise PawlabError(f"--weights are of one network, and --backbone {AUTO} looks at several. Leave one out.")
    require_probe(recipe)
    return True


def require_effect(recipe: Recipe, options: dict[str, bool]) -> None:
    """Raise PawlabError for options about epochs, by name and whether they were given, where there are no epochs."""
    given = [name for name, was_given in options.items() if was_given]
    if given and not recipe.trains_in_epochs:
        have, them = ("has", "it") if len(given) == 1 else ("have", "them")
        raise PawlabError(
            f"the recipe {recipe.name} is fitted in one go: {' and '.join(given)} {have} no effect. Leave {them} out."
        )


def require_probe_for(recipe: Recipe, balance: Balance) -> None:
    """Raise PawlabError where classes are to be weighed, and no probe is fitted that could."""
    if balance == "weights" and recipe.trainer == "keras":
        raise PawlabError(f"--balance is of linear probes, and {recipe.name} fits none. Leave it out.")


def require_folds(recipe: Recipe, cv: int | None, minutes: float | None) -> None:
    """Raise PawlabError for too few folds, or for a limit of time on one of the trainings."""
    if cv is not None and minutes is not None and recipe.trains_in_epochs:
        raise PawlabError(f"--minutes limits one training, and --cv {cv} takes {cv} more. Leave one of them out.")
    fewest = FEWEST if recipe.trains_in_epochs else 2
    if cv is not None and cv < fewest:
        raise PawlabError(f"{cv} folds are too few for the recipe {recipe.name}. Give --cv {fewest} or more.")
