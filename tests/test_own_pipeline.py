"""Recipes and backbones of one's own, through training and the command line."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pawlab
from own_networks import SCALING, cells_network, convolution_network
from pawlab import cli
from pawlab.errors import OutputError, RecipeError, WeightsError
from pawlab.pipeline import compare
from pawlab.recipes import find_recipe
from pawlab.recipes.exchange import with_backbone
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import count_parameters, summarise
from pawlab.runs.request import Request

HEAD = """
preprocess = { height = 64, width = 64 }
layers = [
    { kind = "backbone", name = "efficientnet_lite0" },
    { kind = "global_average_pool" },
    { kind = "standardise" },
    { kind = "logistic_regression" },
]
"""


def test_a_run_with_ones_own_backbone(learnable_folder: Path, tmp_path: Path) -> None:
    """The cells' mean colours tell warm circles from cold squares; model.onnx holds the network and its scaling."""
    backbone = cells_network(tmp_path / "my cells.onnx", size=32)
    run = pawlab.train(learnable_folder, out=tmp_path / "run", backbone=backbone, report=False)
    assert run.metrics["validation"]["accuracy"] == 1.0
    assert run.metrics["parameters"] == {"total": 386, "trainable": 386}  # 192 features, two classes
    recipe = run.record["recipe"]
    assert (recipe["name"], recipe["image_size"]) == ("fast-my-cells", [32, 32])
    assert recipe["layers"][0]["name"] == str(backbone)
    assert recipe["layers"][0]["output_shape"] == [1, 1, 192]
    backbone.unlink()
    picture = learnable_folder / "warm-circles" / "03.png"
    assert pawlab.load(run.folder).predict(picture).label == "warm-circles"


def test_a_run_with_ones_own_recipe_keeps_it_in_full(learnable_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(HEAD, encoding="utf-8")
    run = pawlab.train(learnable_folder, path, tmp_path / "run", report=False)
    assert pawlab.load(run.folder).card.recipe == "small"
    path.unlink()
    assert Request.from_record(run.record, run.folder).chosen().preprocess.height == 64


def test_a_recorded_recipe_is_never_a_file_to_be_run(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    path = tmp_path / "recipe.py"
    path.write_text(f"open({str(touched)!r}, 'w').close()", encoding="utf-8")
    request = Request("data", str(path), 0, None, None, None, report=False, tensorboard=False)
    with pytest.raises(RecipeError, match=r"^there is no recipe '"):
        request.chosen()
    assert not touched.exists()


@pytest.mark.parametrize("opset", [13, 15, 17, 19, 21, 23])
def test_a_network_of_any_opset_is_trained_on_and_predicts(learnable_folder: Path, tmp_path: Path, opset: int) -> None:
    backbone = convolution_network(tmp_path / "net.onnx", opset)
    run = pawlab.train(learnable_folder, out=tmp_path / "run", backbone=backbone, report=False)
    backbone.unlink()
    loaded = pawlab.load(run.folder)
    pictures = sorted(learnable_folder.rglob("*.png"))[::10]
    given = [loaded.predict(picture).label for picture in pictures]
    assert given == [picture.parent.name for picture in pictures]


def test_a_recipe_with_ones_own_backbone_survives_json(tmp_path: Path) -> None:
    backbone = cells_network(tmp_path / "cells.onnx")
    recipe = with_backbone(find_recipe("fast"), str(backbone))
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert [line.output_shape for line in summarise(recipe, 3)] == [(1, 1, 48), (48,), (48,), (3,)]
    assert count_parameters(recipe, 3).total == 49 * 3


def test_the_size_is_the_networks_or_the_recipes(tmp_path: Path) -> None:
    fast = find_recipe("fast")
    open_size = cells_network(tmp_path / "open.onnx", size="side")
    assert with_backbone(fast, str(open_size)).preprocess == replace(fast.preprocess, height=224, width=224)
    open_size.with_suffix(".toml").write_text(SCALING + "image_size = [32, 48]", encoding="utf-8")
    assert with_backbone(fast, str(open_size)).preprocess == replace(fast.preprocess, height=32, width=48)


def test_what_a_backbone_does_not_go_with(tmp_path: Path) -> None:
    backbone = cells_network(tmp_path / "cells.onnx")
    with pytest.raises(
        RecipeError, match=r"^the recipe 'a4' trains layers on a network's inner maps, which --backbone"
    ):
        with_backbone(find_recipe("a4"), str(backbone))
    with pytest.raises(WeightsError, match=r"net.pt isn't an ONNX file: the name of a backbone ends with .onnx.$"):
        with_backbone(find_recipe("fast"), str(tmp_path / "net.pt"))
    with pytest.raises(RecipeError, match=r"cells.onnx holds its own weights. Leave --weights out.$"):
        pawlab.train("sample", backbone=backbone, weights=tmp_path / "x", out=tmp_path / "run")


def test_comparing_files_notices_that_one_has_changed(learnable_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(HEAD, encoding="utf-8")
    (first,) = compare(learnable_folder, [str(path)], tmp_path / "out", report=False)
    (again,) = compare(learnable_folder, [str(path)], tmp_path / "out", report=False)
    assert again.run == first.run
    assert np.isfinite(again.run.metrics["test"]["accuracy"])
    path.write_text(HEAD.replace("64", "48"), encoding="utf-8")
    with pytest.raises(OutputError, match=r"small holds a run with another recipe of that name. Choose another --out"):
        compare(learnable_folder, [str(path)], tmp_path / "out", report=False)


def test_the_command_line_takes_them(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_program(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pawlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    recipe, backbone = tmp_path / "small.toml", cells_network(tmp_path / "cells.onnx", size=32)
    recipe.write_text(HEAD, encoding="utf-8")
    code, out, _ = run_program("recipes", recipe, "--json")
    assert (code, json.loads(out)["image_size"]) == (0, [64, 64])
    options = ("--recipe", recipe, "--backbone", backbone, "--out", tmp_path / "run", "--no-report")
    assert run_program("train", learnable_folder, *options)[0] == 0
    code, out, _ = run_program("export", tmp_path / "run", "--to", "onnx", "--out", tmp_path / "x.onnx")
    assert code == 0
    assert f"Next       python {tmp_path / 'x.onnx.example.py'} PICTURE" in out
    code, out, said = run_program("export", tmp_path / "run", "--to", "onnx", "--out", tmp_path / "x.keras")
    assert (code, out) == (2, "")
    assert (
        said == f"pawlab: {tmp_path / 'x.keras'} should end with .onnx, as its readers expect. Choose another --out.\n"
    )
    recipe.write_text(HEAD.replace("name =", "nome ="), encoding="utf-8")
    code, out, said = run_program("train", learnable_folder, "--recipe", recipe)
    assert (code, out) == (2, "")
    assert said.startswith(
        f"pawlab: {recipe}: layer 1 (backbone): name is missing; layer 1 (backbone): there is no 'nome'"
    )
    assert said.count("\n") == 1
