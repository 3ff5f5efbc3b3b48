"""A recipe of the user's own: one TOML file, or one Python file that defines RECIPE; docs/own.md shows both.

The layers and their options are those of `recipes.layers`; the rest has the names of `Recipe`'s fields, most of it a
default. All mistakes are reported together. A Python file is run: it can do whatever the user can.
"""

import logging
import runpy
import traceback
import warnings
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pawlab.backbones.table import Backbone, find_backbone
from pawlab.errors import RecipeError, one_line
from pawlab.images import Preprocess
from pawlab.recipes.layers import AUGMENTATION, BEFORE_A_BACKBONE, rescale
from pawlab.recipes.recipe import Layer, Recipe, loss_of, probe_layers, trainer_of, with_new_names
from pawlab.recipes.summary import count_parameters, effect
from pawlab.storage import read_toml

_MOST_PARAMETERS = 1_000_000_000  # 4 GB: beyond that a recipe is a slip

Values = dict[str, Any]

_log = logging.getLogger("pawlab")  # where nobody sets up logging, its lines go to standard error as they are


def is_recipe_file(name: str) -> bool:
    """Say whether a recipe's name is that of a file."""
    return name.lower().endswith((".toml", ".py"))


def read_recipe(path: Path, taken: Collection[str]) -> Recipe:
    """Return the recipe that a file holds. `taken`: names that it mustn't have.

    Raises RecipeError, with all mistakes in one line.
    """
    if not path.is_file():
        raise RecipeError(f"there is no recipe file {path}. Check the path; `pawlab recipes` lists the built-in ones.")
    values = _run(path) if path.suffix.lower() == ".py" else _parse(path)
    return recipe_of({"name": path.stem, "source": path.name, **values}, str(path), taken)


def recipe_of(values: Values, where: str, taken: Collection[str]) -> Recipe:
    """Return the recipe with these values: a Recipe's fields, or what `Recipe.to_dict` makes of them.

    Raises RecipeError, naming `where`.
    """
    from pawlab.recipes.schema import read_layers, read_values

    values = with_new_names(values, partial(_warn, where))
    given = {key: values.pop(key, None) for key in ("loss", "trainer")}
    layers, mistakes = read_layers(values.pop("layers", None))
    trainer = trainer_of(layers)
    is_probe = trainer != "keras"
    if trainer == "finetune":
        values = {"optimizer": "adamw", **values}
    found, more = read_values(values, in_epochs=trainer != "linear_probe")
    mistakes = more + mistakes
    if isinstance(values.get("name"), str) and values["name"] in taken:
        mistakes.append(f"the name '{values['name']}' is that of a built-in recipe; choose another")
    if not mistakes:
        mistakes += [*_arrangement(layers, is_probe), *_shapes(layers, found["preprocess"])]
        if trainer == "finetune" and found["optimizer"] != "adamw":
            mistakes.append(f"fine_tune goes with the optimizer adamw, not {found['optimizer']}; leave it out")
    if not mistakes:
        follows: Values = {"loss": loss_of(layers), "trainer": trainer}
        for key, value in follows.items():
            if given[key] not in (None, "", value):
                mistakes.append(f"{key} follows from the layers: it is '{value}'; leave it out")
        recipe = Recipe(**found, **follows, layers=tuple(layers) if is_probe else _with_scaling(layers))
        if count_parameters(recipe).total > _MOST_PARAMETERS:
            mistakes.append(f"it has more than {_MOST_PARAMETERS:,} parameters; take smaller layers or a pool more")
    if mistakes:
        raise RecipeError(f"{where}: {'; '.join(mistakes)}.")
    return recipe


def _warn(where: str, old: str, new: str) -> None:
    warnings.warn(f"{where}: '{old}' is now '{new}'", DeprecationWarning, stacklevel=2)


def _parse(path: Path) -> Values:
    try:
        return read_toml(path)
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path} can't be read: {one_line(error)}") from error


def _run(path: Path) -> Values:
    """Run the user's file, and say so. What it raises is its own mistake, and said with its line; so is `sys.exit`."""
    _log.warning("pawlab: %s is a program and is RUN, with all your rights. Use none that you haven't read.", path)
    try:
        recipe = runpy.run_path(str(path)).get("RECIPE")
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {one_line(error)}".removesuffix(": ")
        raise RecipeError(f"{path}, line {_line(error, path)}: {said}") from error
    if not isinstance(recipe, Recipe):
        found = "none" if recipe is None else type(recipe).__name__
        raise RecipeError(f"{path} should define RECIPE, a pawlab.recipes.recipe.Recipe; it defines {found}.")
    return vars(recipe)


def _line(error: BaseException, path: Path) -> int | str:
    if isinstance(error, SyntaxError):
        return error.lineno or "?"
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or "?" for frame in reversed(frames) if frame.filename == str(path)), "?")


def _arrangement(layers: list[Layer], is_probe: bool) -> Iterator[str]:
    """Yield which layers stand where they can't."""
    kinds = [layer.kind for layer in layers]
    if is_probe:
        yield from _around_the_probe(layers, kinds)
        return
    last = next((layer for layer in reversed(layers) if layer.kind != "dropout"), layers[-1])
    if last.kind != "dense":
        yield f"the last layer is dense, with an output per class, not {last.kind}"
    elif (units := last.options["units"]) > 1 and last.options["activation"] == "sigmoid":
        yield f"the last layer has {units} units and a sigmoid; a sigmoid goes with 1"
    elif units > 2 and last.options["activation"] == "softmax":
        yield "the last layer gets as many units as there are classes by itself; leave them out"
    elif units < 2 and last.options["activation"] != "sigmoid":
        yield "the last layer has 1 unit, which goes with activation sigmoid only"
    if "backbone" in kinds:
        yield from _around_the_backbone(layers, kinds)
    for number, kind in enumerate(kinds, start=1):
        if kind in BEFORE_A_BACKBONE and "backbone" not in kinds[number:]:
            yield f"layer {number} ({kind}) can stand before a backbone only"


def _around_the_probe(layers: list[Layer], kinds: list[str]) -> Iterator[str]:
    """With `fine_tune` behind the probe, pictures may be augmented before it."""
    tuned = "fine_tune" in kinds
    start = next((place for place, kind in enumerate(kinds) if not (tuned and kind in AUGMENTATION)), 0)
    network = layers[start] if kinds[start] == "backbone" else Layer("backbone")
    expected = [*(layer.kind for layer in probe_layers(network)), *(["fine_tune"] if tuned else [])]
    if kinds[start:] != expected:
        first = "augmentation, " if tuned else ""
        pooled = " with stages" if "stages" in network.options else ""
        what = "fine_tune" if tuned else "logistic regression"
        yield f"{what} goes with the layers {first}backbone{pooled}, {', '.join(expected[1:])}, no others"
    elif network.options["cut"] is not None or not network.options["include_preprocessing"]:
        yield "before logistic regression the backbone takes no options but its name and stages"


def _around_the_backbone(layers: list[Layer], kinds: list[str]) -> Iterator[str]:
    place = kinds.index("backbone")
    if kinds.count("backbone") > 1:
        yield "there is more than one backbone"
    for number, kind in enumerate(kinds[:place], start=1):
        if kind != "rescale" and kind not in AUGMENTATION:
            yield f"layer {number} ({kind}) can't stand before the backbone; only rescale and augmentation can"
    if "stages" in layers[place].options:
        yield "the backbone's stages go with logistic regression only; leave them out"
    if "rescale" in kinds[:place] and layers[place].options["include_preprocessing"]:
        yield "both rescale and the backbone scale the pixels; give the backbone include_preprocessing = false"


def _shapes(layers: list[Layer], preprocess: Preprocess) -> Iterator[str]:
    """Yield the first layer that doesn't fit what it is given."""
    shape: tuple[int, ...] = (preprocess.height, preprocess.width, 3)
    for number, layer in enumerate(layers, start=1):
        given, name = " x ".join(map(str, shape)), f"layer {number} ({layer.kind})"
        try:
            output, _ = effect(layer, shape, 2)
        except ValueError:
            remedy = "put flatten or a global pool before it" if len(shape) == 3 else "move it further up"
            yield f"{name} can't take {given}; {remedy}"
            return
        if layer.kind == "backbone" and min(shape[:2]) < (fewest := _row(layer).smallest_image):
            yield f"{name} takes pictures of at least {fewest} x {fewest} pixels, not {given}"
            return
        if min(output) < 1:
            yield f"{name} has too little left to work on: {given}"
            return
        shape = output


def _row(layer: Layer) -> Backbone:
    return find_backbone(layer.options["name"], layer.options["cut"])


def _with_scaling(layers: list[Layer]) -> tuple[Layer, ...]:
    """Write out the scaling that a backbone does by itself: where it isn't followed by a probe, layers before it do."""
    written: list[Layer] = []
    for layer in layers:
        if layer.kind == "backbone" and layer.options["include_preprocessing"]:
            written += [_scaling(_row(layer)), layer.having(include_preprocessing=False)]
        else:
            written.append(layer)
    return tuple(written)


def _scaling(row: Backbone) -> Layer:
    scale = [1 / std for std in row.std]
    offset = [-mean / std for mean, std in zip(row.mean, row.std, strict=True)]
    return rescale(scale, offset) if len({*zip(scale, offset, strict=True)}) > 1 else rescale(scale[0], offset[0])
