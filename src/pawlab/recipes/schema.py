"""What a recipe file may say, checked by pydantic: the only module that imports it, since that takes 0.1 s.

The options of a kind of layer are the parameters of its function in `recipes.layers`, so a new kind needs nothing here.
"""

import inspect
import json
from collections.abc import Collection, Iterator
from functools import partial
from sys import float_info
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model

from pawlab.backbones.table import BACKBONES
from pawlab.errors import did_you_mean
from pawlab.images import Interpolation, Preprocess, ResizeMode
from pawlab.recipes import layers as functions
from pawlab.recipes.recipe import Layer

Mistakes = list[str]
Values = dict[str, Any]

_STRICT = ConfigDict(extra="forbid", strict=True)
_Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
_Side = Annotated[int, Field(ge=1, le=10_000)]  # pixels
_FINITE = Annotated[float, Field(allow_inf_nan=False)]
_SHARE = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
_SHARES = ("rate", "largest", "brightness", "contrast", "saturation", "weight_decay", "label_smoothing")
_MOST_OF = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
_MOSTS = ("smallest", "layer_decay")
_UNUSED = (None, 0, "")  # what `Recipe.to_dict` writes of them where nothing is trained in epochs


def _by_colour(given: Any) -> Any:
    numbers = given if isinstance(given, list) and len(given) == 3 else [given]
    if not all(type(number) in (int, float) and abs(number) <= float_info.max for number in numbers):
        raise ValueError(f"is a number, or one each for red, green and blue, not {_shown(given)}")
    return given


_TYPES = {int: _Count, float: _FINITE, functions.ByColour: Annotated[Any, AfterValidator(_by_colour)]}


def _facts(table: Values) -> Values:
    """Return what a recipe says beside the model as JSON has it, since that is how a run keeps it."""
    try:
        facts: Values = json.loads(json.dumps(table, allow_nan=False))
    except (TypeError, ValueError) as error:  # it holds a date, nan, or any object
        raise ValueError(
            "may hold text, finite numbers, true, false, lists and tables; write all else as text"
        ) from error
    stable = facts.get("val_stable", [0.0, 1.0])
    if not (isinstance(stable, list) and len(stable) == 2 and all(type(value) in (int, float) for value in stable)):
        raise ValueError("has val_stable, two numbers: the lowest and the highest accuracy")
    return facts


class _Preprocess(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, from_attributes=True)
    height: _Side
    width: _Side
    resize_mode: ResizeMode = "squash"
    interpolation: Interpolation = "area"


class _Recipe(BaseModel):
    """All of a recipe but its layers, what follows from them, and how it is trained in epochs."""

    model_config = _STRICT
    name: Annotated[str, Field(pattern=r"^\w[\w.+-]*$")]
    title: str = ""
    source: str = ""
    purpose: str = ""
    small_size: Annotated[int, Field(ge=0, le=10_000)] = 0
    preprocess: Annotated[_Preprocess, AfterValidator(lambda read: Preprocess(**dict(read)))]
    known_quirks: Annotated[tuple[str, ...], Field(strict=False)] = ()
    published: Annotated[Values, AfterValidator(_facts)] = {}
    measured: Annotated[Values, AfterValidator(_facts)] = {}


class _InEpochs(_Recipe):
    epochs: _Count
    batch_size: _Count = 32
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.001
    early_stopping: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    optimizer: Literal["adam", "adamw", "rmsprop"] = "adam"


KINDS = dict(inspect.getmembers(functions, inspect.isfunction))


def read_values(values: Values, in_epochs: bool) -> tuple[Values, Mistakes]:
    """Return a recipe's fields but its layers, with their defaults, and what is wrong with them."""
    unused = () if in_epochs else _InEpochs.model_fields.keys() - _Recipe.model_fields.keys()
    mistakes = [
        f"{key} has no meaning for logistic regression; leave it out"
        for key in values
        if key in unused and values[key] not in _UNUSED
    ]
    values = {key: value for key, value in values.items() if key not in unused}
    try:
        read = (_InEpochs if in_epochs else _Recipe).model_validate(values)
    except ValidationError as error:
        return {}, [*_sentences(error, {*_InEpochs.model_fields, *_Preprocess.model_fields}), *mistakes]
    return {**dict(read), "title": read.title or read.name}, mistakes


def read_layers(tables: Any) -> tuple[list[Layer], Mistakes]:
    """Return the layers of these tables, `{"kind": ..., option: value, ...}` each, and what is wrong with them.

    The last dense layer may leave out its units: one for each class, or one with a sigmoid.
    """
    if tables is None or (isinstance(tables, list | tuple) and not tables):
        return [], ["there are no [[layers]]"]
    if not isinstance(tables, list | tuple):
        return [], [f"layers are tables that begin with [[layers]] each, not {_shown(tables)}"]
    tables = [table.to_dict() if isinstance(table, Layer) else table for table in tables]
    dense = [number for number, table in enumerate(tables) if isinstance(table, dict) and table.get("kind") == "dense"]
    layers: list[Layer] = []
    mistakes: Mistakes = []
    for number, table in enumerate(tables, start=1):
        if dense and number - 1 == dense[-1]:
            table = {"units": 1 if table.get("activation") == "sigmoid" else 2, **table}
        kind = table.get("kind") if isinstance(table, dict) else None
        if not isinstance(kind, str) or kind not in KINDS:
            kinds = f"{', '.join(KINDS)}{_guess(kind, KINDS)}"
            mistakes.append(f"layer {number} is {_shown(table)}; its kind is one of {kinds}")
            continue
        options = {name: value for name, value in table.items() if name != "kind"}
        try:
            layers.append(KINDS[kind](**dict(_options_of(kind, options.get("name")).model_validate(options))))
        except ValidationError as error:
            known = inspect.signature(KINDS[kind]).parameters
            mistakes += [f"layer {number} ({kind}): {sentence}" for sentence in _sentences(error, known)]
    return layers, mistakes


def _options_of(kind: str, name: Any) -> type[BaseModel]:
    """Return the model of a kind's options, from the parameters of its function."""
    function = KINDS[kind]
    hints = get_type_hints(function)
    options: dict[str, Any] = {}
    for option, parameter in inspect.signature(function).parameters.items():
        hint = _TYPES.get(hints[option], hints[option])
        if option in _SHARES or option in _MOSTS:
            hint = _SHARE if option in _SHARES else _MOST_OF
        if kind == "backbone" and option == "name":
            hint = Annotated[str, AfterValidator(_backbone)]
        if option == "stages":
            hint = Annotated[hint, AfterValidator(partial(_stages, str(name)))]
        if option == "cut":
            cuts = tuple(row.cut for row in BACKBONES if row.cut and row.name == name)
            hint = Literal[cuts] | None if cuts else None
        options[option] = (hint, ... if parameter.default is inspect.Parameter.empty else parameter.default)
    return create_model(kind, __config__=_STRICT, **options)


def _backbone(name: str) -> str:
    names = [row.name for row in BACKBONES if row.cut is None]
    if name not in names:
        raise ValueError(f"is that of a backbone, which `pawlab backbones` lists, not '{name}'{_guess(name, names)}")
    return name


def _stages(name: str, stages: list[str] | None) -> list[str] | None:
    row = next((row for row in BACKBONES if row.name == name and row.cut is None), None)
    known = [stage.name for stage in row.stages] if row else []
    for stage in stages or ():
        if stage not in known:
            raise ValueError(f"are some of {', '.join(known) or 'none'}, not '{stage}'{_guess(stage, known)}")
    return stages


def _sentences(error: ValidationError, known: Collection[str]) -> Iterator[str]:
    """Yield each mistake in a few plain words. `known`: the keys that there are."""
    for item in error.errors(include_url=False):
        kind, context = item["type"], item.get("ctx", {})
        *tables, key = (str(part) for part in item["loc"] if isinstance(part, str))
        where = "".join(f"{table}: " for table in tables)
        if kind == "extra_forbidden":
            yield f"{where}there is no '{key}'{_guess(key, known)}"
        elif kind == "value_error":
            yield f"{where}{key} {context['error']}"
        elif kind in _COMPLETE:
            yield f"{where}{key} {_COMPLETE[kind]}"
        else:
            yield f"{where}{key} {_WORDS.get(kind, item['msg']).format(**context)}, not {_shown(item['input'])}"


def _shown(value: Any) -> str:
    """Return a value as code, on one line and cut after 80 characters."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # nested too deep, a number too long, or an object with a faulty repr
        return f"this {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _guess(given: Any, known: Collection[str]) -> str:
    """Return ` (did you mean 'x'?)`, or nothing."""
    hint = did_you_mean(str(given), list(known)).strip() if given else ""
    return f" (d{hint[1:]})" if hint else ""


_COMPLETE = {"missing": "is missing", "none_required": "can't be chosen for this layer; leave it out"}
_WORDS = {
    "string_type": "is text",
    "string_pattern_mismatch": "has nothing in it but letters, digits and . _ + -",
    "int_type": "is a whole number",
    "int_from_float": "is a whole number",
    "float_type": "is a number",
    "finite_number": "is a finite number",
    "bool_type": "is true or false",
    "literal_error": "is {expected}",
    "greater_than_equal": "is {ge:,} or more",
    "greater_than": "is above {gt}",
    "less_than_equal": "is at most {le:,}",
    "less_than": "is below {lt}",
    "tuple_type": "is a list of text",
    "dict_type": "is a table",
    "model_attributes_type": "is a table with height and width in pixels",
}
