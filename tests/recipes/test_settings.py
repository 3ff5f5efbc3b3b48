import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pawlab import cli
from pawlab import pipeline as workflow
from pawlab.errors import RecipeError
from pawlab.recipes import RECIPES, choose_recipe, find_recipe
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.settings import read_settings, setting_texts
from pawlab.runs.record import Run
from pawlab.runs.request import Request
from quick_training import SMALL


def refused(recipe: str, *texts: str) -> str:
    with pytest.raises(RecipeError) as caught:
        choose_recipe(recipe, read_settings(texts))
    return str(caught.value)


def rates(recipe: Recipe) -> list[Any]:
    return [layer.options["rate"] for layer in recipe.layers if layer.kind == "dropout"]


def test_a_value_is_read_as_in_a_recipe_file() -> None:
    given = ["a=1e-3", "b = 20", "c=.5", "d=true", "e=adam", 'f="20"', "g=[1, 2.5]", "h=1\nx=2", "i=a=b"]
    assert read_settings(given) == {
        **{"a": 0.001, "b": 20, "c": 0.5, "d": True, "e": "adam", "f": "20", "g": [1, 2.5]},
        **{"h": "1\nx=2", "i": "a=b"},
    }


def test_settings_are_told_as_they_are_typed() -> None:
    settings = {"learning_rate": 0.001, "optimizer": "rmsprop", "rescale.scale": [0.5, 1], "global_max_pool": True}
    assert read_settings(setting_texts(settings)) == settings


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_built_in_recipe_can_be_changed_and_is_otherwise_the_same(recipe: Recipe) -> None:
    changed = choose_recipe(recipe, {"resize_mode": "pad"})
    assert (changed.name, changed.published, changed.measured) == (f"{recipe.name}-resize_mode-pad", {}, {})
    assert changed.title == f"{recipe.title}, with resize_mode=pad"
    same = {name: getattr(recipe, name) for name in ("name", "title", "purpose", "published", "measured", "preprocess")}
    assert replace(changed, **same) == recipe


def test_numbers_of_training_pictures_and_layers_are_changed() -> None:
    a1 = find_recipe("a1")
    assert (a1.learning_rate, a1.epochs, a1.preprocess.height, rates(a1)) == (0.001, 20, 160, [0.2])
    given = read_settings(["learning_rate=1e-4", "epochs=5", "height=96", "dropout=0.5", "layer6.filters=16"])
    changed = choose_recipe("a1", given)
    assert (changed.learning_rate, changed.epochs, changed.preprocess.height) == (0.0001, 5, 96)
    assert rates(changed) == [0.5]
    filters = [layer.options["filters"] for layer in changed.layers if layer.kind == "conv"]
    assert filters == [32, 32, 16]
    assert [choose_recipe("a1", {"conv.filters": 8}).layers[number].options["filters"] for number in (0, 2, 5)] == [
        8
    ] * 3


def test_a_setting_of_dense_layers_leaves_the_last_one_as_the_classes_want_it(tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    path.write_text(SMALL.replace('{ kind = "dense" }', '{ kind = "dense", units = 4 }, { kind = "dense" }'))
    changed = choose_recipe(path, {"dense.units": 16, "dense.activation": "tanh"})
    assert [(layer.options["units"], layer.options["activation"]) for layer in changed.layers[1:]] == [
        (16, "tanh"),
        (2, None),
    ]


def test_a_long_list_of_settings_still_makes_a_name_for_a_folder() -> None:
    changed = choose_recipe("c4", {"learning_rate": 0.00025, "height": 97, "width": 101, "epochs": 5, "batch_size": 16})
    assert changed.name == "c4-learning_rate-0.00025-height-97-width-101-epochs-5-batch"
    assert changed.title.endswith(", with learning_rate=0.00025, height=97, width=101, epochs=5, batch_size=16")


def test_a_wrong_value_is_refused_in_the_words_of_a_recipe_file() -> None:
    assert refused("a1", "epochs=2.5", "dropout=3", "optimizer=adm") == (
        "a1 with --set: epochs is a whole number, not 2.5; optimizer is 'adam', 'adamw' or 'rmsprop', not 'adm'; "
        "layer 5 (dropout): rate is below 1.0, not 3."
    )
    assert refused("a1", "learning_rate=-1") == "a1 with --set: learning_rate is above 0.0, not -1."
    assert refused("a1", "learning_rate=nan") == "a1 with --set: learning_rate is a finite number, not nan."
    assert refused("a1", "height=8") == "a1 with --set: layer 4 (pool) has too little left to work on: 1 x 77 x 32."
    assert refused("fast", "epochs=3") == (
        "fast with --set: epochs has no meaning for logistic regression; leave it out."
    )


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    has = "It has learning_rate, epochs, batch_size, early_stopping, optimizer, height, width, resize_mode, "
    layers = "interpolation, conv.filters, conv.kernel_size, conv.activation, conv.dtype, pool, dropout."
    assert refused("a1", "lerning_rate=1", "title=x") == (
        "a1 with --set: there is no 'lerning_rate' to set (did you mean 'learning_rate'?); "
        f"there is no 'title' to set. {has}{layers}"
    )
    assert refused("fast", "droput=1") == (
        "fast with --set: there is no 'droput' to set. It has height, width, resize_mode, interpolation."
    )
    assert refused("fast", "backbone.name=mobilenet_v2") == (
        "fast with --set: a backbone is chosen with --backbone. It has height, width, resize_mode, interpolation."
    )
    for name in ("layer0.filters", "layer99.filters", "layer1", "conv"):
        assert refused("a1", f"{name}=1").startswith(f"a1 with --set: there is no '{name}' to set")


@pytest.mark.parametrize("text", ["", "x", "=1", "x=", " = "])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_settings([text])
    assert str(caught.value) == f"--set takes a name and a value, as in --set learning_rate=0.001, not '{text}'."


def test_what_is_said_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        read_settings(["epochs=1", "epochs=2"])
    assert str(caught.value) == "--set epochs is given twice. Leave one out."
    asked: list[tuple[dict[str, Any], str]] = [
        ({"recipe": "a1", "epochs": 3, "set": {"epochs": 3}}, "--epochs and --set epochs say the same. Leave one out."),
        (
            {"resize_mode": "pad", "set": {"resize_mode": "crop"}},
            "--resize-mode and --set resize_mode say the same. Leave one out.",
        ),
        (
            {"backbone": "mobilenet_v2", "set": {"height": 96, "width": 96}},
            "--backbone brings its own size. Leave out --set height and --set width.",
        ),
    ]
    for values, sentence in asked:
        with pytest.raises(RecipeError) as caught:
            workflow.train("sample", out=tmp_path / "run", **values)
        assert str(caught.value) == sentence
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("keras")
def test_a_run_keeps_what_was_set_and_says_so(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(learnable_folder), "--recipe", "a1", "--out", str(tmp_path / "run")]
    sizes = ["--set", "height=48", "--set", "width=48", "--set", "epochs=1", "--set", "learning_rate=1e-4"]
    monkeypatch.setattr(sys, "argv", ["pawlab", *words, *sizes])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out = capsys.readouterr().out
    assert not ended.value.code, out
    assert "Recipe     a1 with height=48, width=48, epochs=1, learning_rate=0.0001\n" in out
    run = Run(tmp_path / "run")
    assert len(run.history) == 1
    kept = run.record["recipe"]
    assert (kept["name"], kept["published"]) == ("a1-height-48-width-48-epochs-1-learning_rate-0.0001", {})
    assert (kept["learning_rate"], kept["image_size"]) == (0.0001, [48, 48])
    page = run.page.read_text(encoding="utf-8")
    assert "--set height=48 --set width=48 --set epochs=1 --set learning_rate=0.0001" in page
    assert "The recipe a1 with height=48, width=48, epochs=1, learning_rate=0.0001." in page
    again = Request.from_record(json.loads((run.folder / "run.json").read_text()), run.folder / "run.json")
    assert again.set == {"height": 48, "width": 48, "epochs": 1, "learning_rate": 0.0001}
    assert again.chosen() == choose_recipe("a1", again.set)
