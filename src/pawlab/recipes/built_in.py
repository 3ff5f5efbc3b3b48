"""The built-in recipes: recipes.toml, which says what is in it, and what we measured of each.

measured.json has machine and date; benchmarks/ladder.py writes it, and docs/measured.md has it as a table.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from pawlab.images import Preprocess
from pawlab.recipes import layers
from pawlab.recipes.recipe import Layer, Recipe, loss_of, trainer_of

_FOLDER = Path(__file__).parent


def _read() -> tuple[Recipe, ...]:
    sources = tomllib.loads((_FOLDER / "recipes.toml").read_text(encoding="utf-8"))["sources"]
    measured = json.loads((_FOLDER / "measured.json").read_text(encoding="utf-8"))
    return tuple(_recipe(source | own, measured) for source in sources for own in source.pop("recipes"))


def _recipe(values: dict[str, Any], measured: dict[str, Any]) -> Recipe:
    made = tuple(_layer(**layer) for layer in values["layers"])
    follows = {
        "preprocess": Preprocess(**values["preprocess"]),
        "layers": made,
        "trainer": trainer_of(made),
        "loss": loss_of(made),
        "known_quirks": tuple(values.get("known_quirks", ())),
        "published": {"source": values["source"], **values["published"]} if "published" in values else {},
        "measured": measured.get(values["name"], {}),
    }
    return Recipe(**values | follows)


def _layer(kind: str, **options: Any) -> Layer:
    layer: Layer = getattr(layers, kind)(**options)
    return layer


RECIPES = _read()
PUBLISHED = tuple(recipe for recipe in RECIPES if recipe.published)
