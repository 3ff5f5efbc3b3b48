"""A recipe of the user's own: one TOML file, or one Python file that defines RECIPE.

    epochs = 20

    [preprocess]
    height = 96
    width = 96

    [[layers]]
    kind = "conv"
    filters = 32
    ...

    [[layers]]
    kind = "dense"      # the last: one output a class, so its units may be left out

The layers and their options are those of `recipes.layers`; the rest has the names of `Recipe`'s fields, most of it a
default. All mistakes are told together. A Python file is run as it stands: it can do whatever the user can.
"""

import json
import re
import runpy
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

from pawlab.backbones.table import find_backbone
from pawlab.errors import RecipeError
from pawlab.images import Preprocess, ResizeMode
from pawlab.recipes.layers import AUGMENTATION, rescale
from pawlab.recipes.own_layers import Mistakes, guess, is_number, is_whole, read_layers
from pawlab.recipes.recipe import Layer, Loss, Recipe
from pawlab.recipes.summary import effect
from pawlab.storage import read_toml

ENDINGS = (".toml", ".py")

Values = dict[str, Any]

_TEXTS = ("name", "title", "source", "purpose")
_DEFAULTS: Values = {"batch_size": 32, "learning_rate": 0.001, "early_stopping": 0, "optimizer": "adam"}
_TRAINING = ("epochs", *_DEFAULTS)
_OPTIMIZERS = ("adam", "rmsprop")
_UNUSED = (None, 0, "")  # what `Recipe.to_dict` writes of them where nothing is trained in epochs
_FACTS = ("known_quirks", "published", "measured")  # of no consequence
_KEYS = (*_TEXTS, "preprocess", "layers", "trainer", "loss", *_TRAINING, *_FACTS)

_HEAD_KINDS = ("backbone", "global_average_pool", "standardise", "logistic_regression")
_HEAD_LOSS: Loss = "cross-entropy + L2, C chosen on validation"
_LOSSES: dict[str | None, Loss] = {
    "sigmoid": "binary cross-entropy",
    "softmax": "sparse categorical cross-entropy",
}
_LOGITS_LOSS: Loss = "sparse categorical cross-entropy from logits"
_AXES = {
    **dict.fromkeys((*AUGMENTATION, "backbone", "conv", "pool", "global_max_pool", "global_average_pool"), 3),
    **dict.fromkeys(("dense", "standardise", "logistic_regression"), 1),
}


def is_recipe_file(name: str) -> bool:
    """Say whether a recipe's name is that of a file."""
    return name.lower().endswith(ENDINGS)


def read_recipe(path: Path, taken: Collection[str]) -> Recipe:
    """Return the recipe that a file holds. `taken`: names that it mustn't have.

    Raises RecipeError, with all mistakes in one line.
    """
    if not path.is_file():
        raise RecipeError(f"there is no recipe file {path}. Check the path; `pawlab recipes` lists the built-in ones.")
    values = _run(path) if path.suffix.lower() == ".py" else _parse(path)
    return recipe_of({"name": path.stem, "source": path.name, **values}, str(path), taken)


def recipe_of(values: Values, where: str, taken: Collection[str]) -> Recipe:
    """Return the recipe with these values, in the form of `Recipe.to_dict`. Raises RecipeError, naming `where`."""
    mistakes: Mistakes = [f"there is no '{key}'{guess(key, _KEYS)}" for key in values if key not in _KEYS]
    preprocess = _preprocess(values.get("preprocess"), mistakes)
    layers = read_layers(values.get("layers"), mistakes)
    texts = _texts(values, taken, mistakes)
    is_head = any(layer.kind in ("standardise", "logistic_regression") for layer in layers)
    training = _training(values, is_head, mistakes)
    facts = _facts(values, mistakes)
    if not mistakes:
        mistakes += [*_arrangement(layers, is_head), *_shapes(layers, preprocess)]
    if not mistakes:
        loss = _loss(layers, is_head)
        mistakes += _contradictions(values, {"loss": loss, "trainer": "linear_probe" if is_head else "keras"})
    if mistakes:
        raise RecipeError(f"{where}: {'; '.join(mistakes)}.")
    return Recipe(
        **texts,
        preprocess=preprocess,
        layers=tuple(layers) if is_head else _with_scaling(layers),
        trainer="linear_probe" if is_head else "keras",
        loss=loss,
        **training,
        **facts,
    )


def _parse(path: Path) -> Values:
    try:
        return read_toml(path)
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path} can't be read: {' '.join(str(error).split())}") from error


def _run(path: Path) -> Values:
    """Run the user's file. Whatever it raises is the file's mistake, and told with its line; so is `sys.exit`."""
    try:
        recipe = runpy.run_path(str(path)).get("RECIPE")
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
        raise RecipeError(f"{path}, line {_line(error, path)}: {said}") from error
    if not isinstance(recipe, Recipe):
        found = "none" if recipe is None else type(recipe).__name__
        raise RecipeError(f"{path} should define RECIPE, a pawlab.recipes.recipe.Recipe; it defines {found}.")
    return _values_of(recipe)


def _values_of(recipe: Recipe) -> Values:
    """Return what `Recipe.to_dict` does, also where values aren't of the type they should have."""
    values = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
    if isinstance(recipe.preprocess, Preprocess):
        values["preprocess"] = asdict(recipe.preprocess)
    if isinstance(recipe.layers, list | tuple):
        values["layers"] = [layer.to_dict() if _is_layer(layer) else layer for layer in recipe.layers]
    return values


def _is_layer(value: Any) -> bool:
    return isinstance(value, Layer) and isinstance(value.options, dict)


def _line(error: BaseException, path: Path) -> int | str:
    if isinstance(error, SyntaxError):
        return error.lineno or "?"
    lines: list[int | str] = ["?"]
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return lines[-1]


def _preprocess(values: Any, mistakes: Mistakes) -> Preprocess:
    if not isinstance(values, dict):
        wanted = "with height and width in pixels"
        mistakes.append(
            f"[preprocess] is missing, {wanted}"
            if values is None
            else f"preprocess is a table {wanted}, not {values!r}"
        )
        return Preprocess(1, 1)
    known = ("height", "width", "fit")
    mistakes += [f"preprocess has no '{key}'{guess(key, known)}" for key in values if key not in known]
    wrong = [key for key in ("height", "width") if not is_whole(values.get(key), 1)]
    for key in wrong:
        problem = f": {key} is a number of pixels from 1, not {values[key]!r}" if key in values else f" lacks {key}"
        mistakes.append(f"preprocess{problem}")
    fit = values.get("fit", "squash")
    if fit not in get_args(ResizeMode):
        mistakes.append(f"preprocess: fit is squash, crop or pad, not {fit!r}")
        fit = "squash"
    return Preprocess(1, 1) if wrong else Preprocess(values["height"], values["width"], fit)


def _texts(values: Values, taken: Collection[str], mistakes: Mistakes) -> Values:
    texts = {key: values.get(key, "") for key in _TEXTS}
    mistakes += [f"{key} is text, not {text!r}" for key, text in texts.items() if not isinstance(text, str)]
    name = str(texts["name"])
    if not re.fullmatch(r"\w[\w.+-]*", name):
        mistakes.append(f"the name {name!r} has more in it than letters, digits and . _ + -")
    if name in taken:
        mistakes.append(f"the name '{name}' is that of a built-in recipe; choose another")
    return {**texts, "title": texts["title"] or name}


def _training(values: Values, is_head: bool, mistakes: Mistakes) -> Values:
    """Return what says how to train in epochs: nothing for a head, which is fitted in one go."""
    given = {key: values[key] for key in _TRAINING if key in values}
    if is_head:
        needless = [key for key, value in given.items() if value not in _UNUSED]
        mistakes += [f"{key} has no meaning for logistic regression; leave it out" for key in needless]
        return {}
    found = {**_DEFAULTS, **given}
    if "epochs" not in found:
        mistakes.append("epochs is missing")
    for key, fewest in (("epochs", 1), ("batch_size", 1), ("early_stopping", 0)):
        if key in found and not is_whole(found[key], fewest):
            mistakes.append(f"{key} is a whole number from {fewest}, not {found[key]!r}")
    rate = found["learning_rate"]
    if not is_number(rate) or rate <= 0:
        mistakes.append(f"learning_rate is a number above 0, not {rate!r}")
    if found["optimizer"] not in _OPTIMIZERS:
        mistakes.append(f"optimizer is {' or '.join(_OPTIMIZERS)}, not {found['optimizer']!r}")
    return found if mistakes else {**found, "learning_rate": float(rate)}  # Keras takes no whole number for it


def _facts(values: Values, mistakes: Mistakes) -> Values:
    """Return what a recipe tells beside the model, as JSON has it, since that is how a run keeps it."""
    found = {key: _table(key, values.get(key, {}), mistakes) for key in ("published", "measured")}
    settled = found["published"].get("val_stable")
    if settled is not None and not _is_list(settled, is_number, 2):
        mistakes.append(f"published: val_stable is two numbers, the lowest and the highest accuracy, not {settled!r}")
    known_quirks = values.get("known_quirks", ())
    if not _is_list(known_quirks, lambda value: isinstance(value, str)):
        mistakes.append(f"known_quirks is a list of text, not {known_quirks!r}")
        known_quirks = ()
    return {**found, "known_quirks": tuple(known_quirks)}


def _table(key: str, value: Any, mistakes: Mistakes) -> Values:
    if not isinstance(value, dict):
        mistakes.append(f"{key} is a table, not {value!r}")
        return {}
    try:
        table: Values = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):  # it holds a date, nan, or any object
        mistakes.append(f"{key} may hold text, finite numbers, true, false, lists and tables; write all else as text")
        return {}
    return table


def _is_list(value: Any, is_right: Callable[[Any], bool], length: int | None = None) -> bool:
    return isinstance(value, list | tuple) and len(value) == (length or len(value)) and all(map(is_right, value))


def _arrangement(layers: list[Layer], is_head: bool) -> Iterator[str]:
    """Tell which layers stand where they can't."""
    kinds = [layer.kind for layer in layers]
    if is_head:
        if tuple(kinds) != _HEAD_KINDS:
            yield f"logistic regression goes with the layers {', '.join(_HEAD_KINDS)}, no others"
        elif layers[0].options["cut"] is not None or not layers[0].options["include_preprocessing"]:
            yield "before logistic regression the backbone takes no options but its name"
        return
    last = _last_but_dropout(layers)
    if last.kind != "dense":
        yield f"the last layer is dense, with an output a class, not {last.kind}"
    elif (units := last.options["units"]) > 1 and last.options["activation"] == "sigmoid":
        yield f"the last layer has {units} units and a sigmoid; a sigmoid goes with 1"
    elif units > 2 and last.options["activation"] == "softmax":
        yield "the last layer gets as many units as there are classes by itself; leave them out"
    elif units < 2 and last.options["activation"] != "sigmoid":
        yield "the last layer has 1 unit, which goes with activation sigmoid only"
    if "backbone" in kinds:
        yield from _around_the_backbone(layers, kinds)


def _around_the_backbone(layers: list[Layer], kinds: list[str]) -> Iterator[str]:
    place = kinds.index("backbone")
    if kinds.count("backbone") > 1:
        yield "there is more than one backbone"
    for number, kind in enumerate(kinds[:place], start=1):
        if kind != "rescale" and kind not in AUGMENTATION:
            yield f"layer {number} ({kind}) can't stand before the backbone; only rescale and augmentation can"
    if "rescale" in kinds[:place] and layers[place].options["include_preprocessing"]:
        yield "both rescale and the backbone scale the pixels; give the backbone include_preprocessing = false"


def _shapes(layers: list[Layer], preprocess: Preprocess) -> Iterator[str]:
    """Tell the first layer that doesn't fit what it is given."""
    shape: tuple[int, ...] = (preprocess.height, preprocess.width, 3)
    for number, layer in enumerate(layers, start=1):
        given = " x ".join(map(str, shape))
        if len(shape) != _AXES.get(layer.kind, len(shape)):
            remedy = "put flatten or a global pool before it" if len(shape) == 3 else "move it further up"
            yield f"layer {number} ({layer.kind}) can't take {given}; {remedy}"
            return
        if layer.kind == "backbone" and min(shape[:2]) < (fewest := _smallest_picture(layer)):
            yield f"layer {number} (backbone) takes pictures of at least {fewest} x {fewest} pixels, not {given}"
            return
        shape, _ = effect(layer, shape, 2)
        if min(shape) < 1:
            yield f"layer {number} ({layer.kind}) has too little left to work on: {given}"
            return


def _smallest_picture(layer: Layer) -> int:
    return find_backbone(layer.options["name"], layer.options["cut"]).smallest_image


def _loss(layers: list[Layer], is_head: bool) -> Loss:
    if is_head:
        return _HEAD_LOSS
    return _LOSSES.get(_last_but_dropout(layers).options["activation"], _LOGITS_LOSS)


def _last_but_dropout(layers: list[Layer]) -> Layer:
    """Return the layer that gives the answer; dropout behind it, however odd, plays no part in prediction."""
    return next((layer for layer in reversed(layers) if layer.kind != "dropout"), layers[-1])


def _contradictions(values: Values, found: dict[str, str]) -> Iterator[str]:
    for key, value in found.items():
        if values.get(key) not in (None, "", value):
            yield f"{key} follows from the layers: it is '{value}'; leave it out"


def _with_scaling(layers: list[Layer]) -> tuple[Layer, ...]:
    """Write out the scaling that a backbone does by itself: where something follows it that is trained, the layers
    before it do that."""
    written: list[Layer] = []
    for layer in layers:
        if layer.kind == "backbone" and layer.options["include_preprocessing"]:
            row = find_backbone(layer.options["name"], layer.options["cut"])
            written += [rescale(1 / row.std[0], -row.mean[0] / row.std[0]), layer.having(include_preprocessing=False)]
        else:
            written.append(layer)
    return tuple(written)
