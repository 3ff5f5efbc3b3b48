"""Recipes are data: their counts are the published ones, they survive JSON, and they adapt to any number of classes."""

import json
import subprocess
import sys
from typing import Any

import pytest

from pawlab.errors import RecipeError
from pawlab.recipes import PUBLISHED, RECIPES, choose_recipe, find_recipe
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import Parameters, count_parameters, recipe_document, summarise

# name: (total, trainable), as the tutorials print them; those that they don't print were counted with Keras
PUBLISHED_COUNTS = {
    "a1": (194_530, 194_530),
    "a2": (194_530, 194_530),
    "a3": (194_530, 194_530),
    "a4": (2_321_986, 64_002),
    "b1": (2_967_520, 2_967_520),
    "b2": (2_967_520, 2_967_520),
    "b3": (2_967_520, 2_967_520),
    "b4": (2_635_970, 377_986),
    "c1": (5_341_410, 5_341_410),
    "c2": (5_341_410, 5_341_410),
    "c3": (5_341_410, 5_341_410),
    "c4": (2_340_098, 82_114),
    "d1": (23_678_144, 23_678_144),
    "d2": (23_678_144, 23_678_144),
    "d3": (10_259_648, 10_259_648),
    "d4": (2_626_722, 368_738),
    "e1": (47_512_481, 38_537_217),
}


def test_all_seventeen_published_models_are_there_in_order() -> None:
    assert [recipe.name for recipe in PUBLISHED] == list(PUBLISHED_COUNTS)


@pytest.mark.parametrize("name", PUBLISHED_COUNTS)
def test_counts_are_the_published_ones(name: str) -> None:
    recipe = find_recipe(name)
    total, trainable = PUBLISHED_COUNTS[name]
    assert count_parameters(recipe) == Parameters(total, trainable)
    assert (recipe.published["total"], recipe.published["trainable"]) == (total, trainable)


def test_counts_of_the_default() -> None:
    seen = 1280 + 240 + 480 + 672 + 1152  # the last map's channels, and those of stages 3 to 6
    for classes in (2, 20):
        fitted = (seen + 1) * classes
        assert count_parameters(find_recipe("fast"), classes) == Parameters(3_413_024 + fitted, fitted)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: str(recipe.name))
def test_a_recipe_survives_json(recipe: Recipe) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: str(recipe.name))
def test_the_document_is_json_and_adds_up(recipe: Recipe) -> None:
    document = json.loads(json.dumps(recipe_document(recipe)))
    assert {"name", "source", "image_size", "batch_size", "epochs", "layers", "parameters", "published"} <= set(
        document
    )
    assert document["image_size"] == [recipe.preprocess.height, recipe.preprocess.width]
    assert document["parameters"]["total"] == sum(layer["parameters"] for layer in document["layers"])
    assert document["parameters"]["trainable"] == sum(
        layer["parameters"] for layer in document["layers"] if layer["trainable"]
    )


def shapes(name: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(line.kind, line.output_shape) for line in summarise(find_recipe(name))]


def test_shapes_are_those_that_the_tutorial_prints() -> None:
    assert shapes("a1") == [
        ("conv", (158, 158, 32)),
        ("pool", (79, 79, 32)),
        ("conv", (77, 77, 32)),
        ("pool", (38, 38, 32)),
        ("dropout", (38, 38, 32)),
        ("conv", (36, 36, 64)),
        ("flatten", (82_944,)),
        ("dense", (2,)),
    ]
    assert ("backbone", (5, 5, 1280)) in shapes("d4")
    assert ("backbone", (7, 7, 768)) in shapes("e1")
    assert ("global_max_pool", (1, 1, 32)) in shapes("b4")
    assert ("global_max_pool", (1280,)) in shapes("c4")


@pytest.mark.parametrize(
    ("name", "outputs"),
    [("a1", 20), ("a4", 20), ("b1", 64), ("b3", 64), ("c4", 20), ("d1", 256), ("d4", 20), ("e1", 20)],
)
def test_each_of_twenty_classes_has_an_output(name: str, outputs: int) -> None:
    assert summarise(find_recipe(name), classes=20)[-1].output_shape == (outputs,)


def test_more_classes_than_spare_outputs_widen_those_too() -> None:
    assert summarise(find_recipe("b1"), classes=100)[-1].output_shape == (100,)
    assert summarise(find_recipe("d1"), classes=300)[-1].output_shape == (300,)


def test_two_classes_leave_every_recipe_as_published() -> None:
    assert all(recipe.for_classes(2) == recipe for recipe in RECIPES)


def test_the_sigmoid_becomes_a_softmax_for_three_classes() -> None:
    widened = find_recipe("e1").for_classes(3)
    assert widened.layers[-1].options == {"units": 3, "activation": "softmax", "dtype": "float32"}
    assert widened.loss == "sparse categorical cross-entropy"
    assert count_parameters(find_recipe("e1"), classes=3).trainable == 38_536_192 + 3 * 1025


def test_a_run_of_an_older_version_is_read() -> None:
    values = find_recipe("fast").to_dict()
    values["oddities"] = values.pop("known_quirks")
    values["preprocess"]["fit"] = values["preprocess"].pop("resize_mode")
    del values["preprocess"]["interpolation"]
    values |= {"trainer": "head", "loss": "cross-entropy + L2, its strength chosen on validation"}
    assert Recipe.from_dict(values) == find_recipe("fast")


def test_pictures_are_read_as_each_recipes_authors_read_them() -> None:
    read = {recipe.name: recipe.preprocess.interpolation for recipe in RECIPES}
    assert {name for name, way in read.items() if way == "bilinear"} == {f"{t}{n}" for t in "abcd" for n in range(1, 5)}
    assert [name for name, way in read.items() if way == "nearest"] == ["e1"]
    assert read["fast"] == read["accurate"] == "area"


def test_e_trains_as_published_where_it_differs_from_the_others() -> None:
    recipe = find_recipe("e1")
    assert (recipe.preprocess.height, recipe.preprocess.width) == (150, 150)
    assert (recipe.batch_size, recipe.optimizer, recipe.learning_rate) == (20, "rmsprop", 0.0001)
    assert recipe.loss == "binary cross-entropy"


def options_of(name: str, kind: str) -> list[dict[str, Any]]:
    return [layer.options for layer in find_recipe(name).layers if layer.kind == kind]


def test_known_quirks_of_the_source_are_kept() -> None:
    assert [options["dtype"] for options in options_of("b1", "conv")] == ["float64", "float32"]
    assert options_of("d4", "dense") == [{"units": 2, "activation": "relu", "dtype": "float32"}]
    kinds = [layer.kind for layer in find_recipe("d2").layers]
    assert kinds.index("flip") > kinds.index("conv")
    assert (options_of("b2", "rotate")[0]["lower"], options_of("b2", "rotate")[0]["upper"]) == (-0.3, 0.2)
    assert (options_of("d3", "rotate")[0]["lower"], options_of("d3", "rotate")[0]["upper"]) == (-0.2, 0.3)


def test_an_unknown_name_gets_the_nearest_suggested() -> None:
    with pytest.raises(RecipeError) as caught:
        find_recipe("fats")
    known = ", ".join(recipe.name for recipe in RECIPES)
    assert str(caught.value) == f"there is no recipe 'fats'. Did you mean 'fast'? There are: {known}."


def test_recipes_need_neither_tensorflow_nor_pydantic() -> None:
    script = (
        "import sys; sys.modules.update(tensorflow=None, keras=None, onnx=None, pydantic=None);"
        "from pawlab.recipes import RECIPES; from pawlab.recipes.summary import recipe_document;"
        "print(sum(recipe_document(recipe)['parameters']['total'] > 0 for recipe in RECIPES))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(result.stdout) == len(RECIPES)


def test_pictures_that_are_mostly_small_are_not_enlarged_twice() -> None:
    accurate = find_recipe("accurate")
    large, small, narrow = (500, 375), (160, 200), (100, 320)
    assert (accurate.preprocess.height, accurate.preprocess.width) == (320, 320)
    assert accurate.fitting([small, large]) == accurate.fitting([narrow, narrow, small]) == accurate
    fitting = accurate.fitting([small, small, large])
    assert (fitting.preprocess.height, fitting.preprocess.width) == (224, 224)
    assert find_recipe("fast").fitting([(32, 32)]) == find_recipe("fast")
    wider = choose_recipe("accurate", {"width": 352})
    assert wider.fitting([small]) == wider  # a size that was asked for is taken
