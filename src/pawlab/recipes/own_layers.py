"""Tables of a user's file -> layers. Each is made by the function of its kind in `recipes.layers`, whose parameters are
its options; so a new kind of layer needs nothing here."""

import inspect
from collections.abc import Callable, Collection, Iterator
from sys import float_info
from typing import Any, get_type_hints

from pawlab.backbones.table import BACKBONES
from pawlab.errors import did_you_mean
from pawlab.recipes import layers as functions
from pawlab.recipes.recipe import Layer

Mistakes = list[str]

KINDS: dict[str, Callable[..., Layer]] = {
    name: function
    for name, function in inspect.getmembers(functions, inspect.isfunction)
    if function.__module__ == functions.__name__
}
_CHOICES = {
    "activation": ("linear", "relu", "relu6", "sigmoid", "silu", "softmax", "tanh"),
    "dtype": ("float32", "float64"),
    "fill_mode": ("nearest", "reflect"),
    "mode": ("horizontal", "vertical", "horizontal_and_vertical"),
}
_NEEDED = inspect.Parameter.empty


def read_layers(tables: Any, mistakes: Mistakes) -> list[Layer]:
    """Return the layers of these tables, `{"kind": ..., option: value, ...}` each; what is wrong joins `mistakes`.

    The last dense layer may leave out its units: one for each class, or one with a sigmoid.
    """
    if not tables:
        mistakes.append("there are no [[layers]]")
        return []
    if not isinstance(tables, list | tuple):
        mistakes.append(f"layers are tables that begin with [[layers]] each, not {tables!r}")
        return []
    layers = []
    last = max((place for place, table in enumerate(tables) if _is_dense(table)), default=None)
    for number, table in enumerate(tables, start=1):
        if not isinstance(table, dict):
            mistakes.append(f"layer {number} is no table, but {table!r}")
            continue
        if number - 1 == last:
            table = {"units": 1 if table.get("activation") == "sigmoid" else 2, **table}
        found = list(_layer_mistakes(number, table))
        mistakes += found
        if not found:
            layers.append(_layer(table))
    return layers


def guess(given: Any, known: Collection[str]) -> str:
    """Return ` (did you mean 'x'?)`, or nothing."""
    hint = did_you_mean(str(given), list(known)).strip()
    return f" (d{hint[1:]})" if hint else ""


def is_whole(value: Any, fewest: int) -> bool:
    """Say whether a value is a whole number of at least `fewest`."""
    return type(value) is int and value >= fewest


def is_number(value: Any) -> bool:
    """Say whether a value is a number, and one that a float can hold."""
    return type(value) in (int, float) and abs(value) <= float_info.max


def _is_dense(table: Any) -> bool:
    return isinstance(table, dict) and table.get("kind") == "dense"


def _layer(table: dict[str, Any]) -> Layer:
    options = {name: value for name, value in table.items() if name != "kind"}
    hints = get_type_hints(KINDS[table["kind"]])
    return KINDS[table["kind"]](
        **{name: float(value) if hints[name] is float else value for name, value in options.items()}
    )


def _layer_mistakes(number: int, table: dict[str, Any]) -> Iterator[str]:
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        yield (
            f"layer {number} has no kind"
            if kind is None
            else (f"layer {number}: there is no kind {kind!r}{guess(kind, KINDS)}; there are {', '.join(KINDS)}")
        )
        return
    where = f"layer {number} ({kind})"
    parameters = inspect.signature(KINDS[kind]).parameters
    hints = get_type_hints(KINDS[kind])
    for name, parameter in parameters.items():
        if name in table:
            yield from _option_mistakes(f"{where}: {name}", table[name], hints[name], _choices(table, name))
        elif parameter.default is _NEEDED:
            yield f"{where} lacks {name}"
    for name in table:
        if name != "kind" and name not in parameters:
            has = f"it has {', '.join(parameters)}" if parameters else "it has none"
            yield f"{where} has no option {name!r}{guess(name, parameters)}; {has}"


def _option_mistakes(option: str, value: Any, hint: Any, choices: tuple[str, ...] | None) -> Iterator[str]:
    if value is None and type(None) in getattr(hint, "__args__", ()):
        return
    if choices is not None and value not in choices:
        yield f"{option} is one of {', '.join(choices) or 'none'}, not {value!r}{guess(value, choices)}"
    elif hint is bool and type(value) is not bool:
        yield f"{option} is true or false, not {value!r}"
    elif hint is int and not is_whole(value, 1):
        yield f"{option} is a whole number from 1, not {value!r}"
    elif hint is float and not is_number(value):
        yield f"{option} is a number, not {value!r}"
    elif option.endswith(": rate") and not 0 <= value < 1:
        yield f"{option} is a share from 0 to below 1, not {value!r}"


def _choices(table: dict[str, Any], option: str) -> tuple[str, ...] | None:
    """Return what an option may be; None where it isn't a choice."""
    if table["kind"] == "backbone" and option == "name":
        return tuple(row.name for row in BACKBONES if row.cut is None)
    if option == "cut":
        return tuple(row.cut for row in BACKBONES if row.cut is not None and row.name == table.get("name"))
    return _CHOICES.get(option)
