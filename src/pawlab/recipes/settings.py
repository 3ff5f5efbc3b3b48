"""A recipe with some of its numbers changed: `--set learning_rate=1e-3`. What a value may be, `schema` says.

A setting is called as in a recipe file: learning_rate, or height. One of a layer has the kind before it, dropout.rate,
which changes each layer of that kind, or the layer's number, layer5.rate. A kind with one option does without: dropout.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from pawlab.errors import RecipeError, did_you_mean
from pawlab.names import flag
from pawlab.recipes.own import recipe_of
from pawlab.recipes.recipe import Recipe

Settings = Mapping[str, Any]

_TRAINING = ("learning_rate", "epochs", "batch_size", "early_stopping", "optimizer")
_PICTURES = ("height", "width", "resize_mode", "interpolation")
_LAYER = re.compile(r"layer([0-9]{1,6})")
_LONGEST = 60  # characters of a name


def read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Return the settings that `name=value` each stand for; a value is read as in a TOML file, else it is text.

    Raises RecipeError for a text that isn't one, and for a name that comes twice.
    """
    settings: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise RecipeError(f"--set takes a name and a value, as in --set learning_rate=0.001, not '{text}'.")
        if name in settings:
            raise RecipeError(f"--set {name} is given twice. Leave one out.")
        settings[name] = _value(value)
    return settings


def with_settings(recipe: Recipe, settings: Settings, taken: Sequence[str]) -> Recipe:
    """Return the recipe with these settings, under a name and a title that tell them, and with nothing published.

    `taken`: names that it mustn't have. Raises RecipeError, with all mistakes in one line.
    """
    if not settings:
        return recipe
    where, values = f"{recipe.name} with --set", recipe.to_dict()
    mistakes = [mistake for name, value in settings.items() if (mistake := _set(values, name, value))]
    if mistakes:
        raise RecipeError(f"{where}: {'; '.join(mistakes)}. It has {', '.join(_known(recipe.to_dict()))}.")
    told = ", ".join(setting_texts(settings))
    changed = {
        "name": _name(recipe.name, settings),
        "title": f"{recipe.title}, with {told}",
        "purpose": f"The recipe {recipe.name} with {told}. {recipe.purpose}".strip(),
        "published": {},
        "measured": {},
    }
    for key in ("loss", "trainer"):  # they follow from the layers
        values.pop(key)
    return recipe_of({**values, **changed}, where, taken)


def require_once(given: Mapping[str, Any], settings: Settings) -> None:
    """Raise RecipeError where one of the values `given` by an option of its own, not None, is among the settings."""
    for name, value in given.items():
        if value is not None and name in settings:
            raise RecipeError(f"{flag(name)} and --set {name} say the same. Leave one out.")


def setting_texts(settings: Settings) -> list[str]:
    """Return each setting as it is typed after --set: `name=value`, the value as in a TOML file, but text as it is."""
    return [f"{name}={_text(value)}" for name, value in settings.items()]


def _value(text: str) -> Any:
    for read in (tomllib.loads, _like_float):
        try:
            found = read(f"value = {text}")
        except ValueError:
            continue
        if found.keys() == {"value"}:  # a text of several lines may hold more
            return found["value"]
    return text


def _like_float(line: str) -> dict[str, Any]:
    """Read what Python takes for a number but TOML doesn't, such as .5 or 1e-3."""
    return {"value": float(line.removeprefix("value = "))}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"[{', '.join(map(_text, value))}]" if isinstance(value, list | tuple) else str(value)


def _name(recipe: str, settings: Settings) -> str:
    told = "-".join(re.sub(r"[^\w.+-]+", "-", text) for text in setting_texts(settings))
    return f"{recipe}-{told}"[:_LONGEST].rstrip("-._+")


def _set(values: dict[str, Any], name: str, value: Any) -> str | None:
    """Change a recipe's values, as `to_dict` gives them; return what is wrong with the name, if anything is."""
    if name in _TRAINING:
        values[name] = value
    elif name in _PICTURES:
        values["preprocess"][name] = value
        values["small_size"] = 0 if name in ("height", "width") else values["small_size"]  # a size asked for is taken
    elif name.partition(".")[0] == "backbone":
        return "a backbone is chosen with --backbone"
    else:
        layers, option = _found(values["layers"], name)
        if not layers:
            hint = did_you_mean(name, _known(values)).strip()
            return f"there is no '{name}' to set" + (f" (d{hint[1:]})" if hint else "")
        for layer in layers:
            layer[option] = value
    return None


def _found(layers: list[dict[str, Any]], name: str) -> tuple[list[dict[str, Any]], str]:
    """Return the layers that a name means, and which option of theirs."""
    kind, _, option = name.partition(".")
    numbered = _LAYER.fullmatch(kind)
    named = _by_number(layers, int(numbered[1])) if numbered else _of_kind(layers, kind)
    options = {key for layer in named for key in layer if key != "kind"}
    option = option or (next(iter(options)) if len(options) == 1 else "")
    return (named if option in options else []), option


def _by_number(layers: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    return [layer for layer in layers[number - 1 : number] if number and layer["kind"] != "backbone"]


def _of_kind(layers: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the layers of a kind; the last dense one isn't among them, as its outputs are the classes."""
    named = [layer for layer in layers if layer["kind"] == kind]
    return named[:-1] if kind == "dense" else named


def _known(values: dict[str, Any]) -> list[str]:
    """Return what can be set in a recipe."""
    layers, found = values["layers"], [*(_TRAINING if values["epochs"] else ()), *_PICTURES]
    for kind in dict.fromkeys(layer["kind"] for layer in layers if layer["kind"] != "backbone"):
        options = dict.fromkeys(key for layer in _of_kind(layers, kind) for key in layer if key != "kind")
        found += [kind] if len(options) == 1 else [f"{kind}.{option}" for option in options]
    return found
