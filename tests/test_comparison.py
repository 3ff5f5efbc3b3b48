import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from page_checks import read_page
from pawlab import workflow
from pawlab.comparison import compare
from pawlab.data.dataset import Dataset
from pawlab.errors import OutputError, RecipeError, WeightsError
from pawlab.fitted import Fitted
from pawlab.heads import train_head
from pawlab.recipes import RECIPES
from pawlab.recipes.recipe import Recipe


def test_what_is_done_is_not_done_again(learnable_folder: Path, tmp_path: Path) -> None:
    (first,) = compare(learnable_folder, ["fast"], tmp_path / "out", report=False)
    written = (first.run.folder / "model.onnx").stat().st_mtime_ns
    (second,) = compare(learnable_folder, ["fast", "fast"], tmp_path / "out", report=False)
    assert (second.run.folder / "model.onnx").stat().st_mtime_ns == written
    rows = json.loads((tmp_path / "out" / "comparison.json").read_text())["recipes"]
    assert [row["recipe"] for row in rows] == ["fast"]
    assert rows[0]["test"] == first.run.metrics["test"]


def test_other_data_or_seed_is_refused(learnable_folder: Path, tmp_path: Path) -> None:
    compare(learnable_folder, ["fast"], tmp_path / "out", report=False)
    with pytest.raises(OutputError) as caught:
        compare(learnable_folder, ["fast"], tmp_path / "out", seed=3, report=False)
    assert str(caught.value) == (
        f"{tmp_path / 'out' / 'fast'} holds a run with another seed: 0, not 3. Choose another --out, or delete it."
    )


def test_all_means_the_seventeen_published_ones() -> None:
    assert sum(bool(recipe.published) for recipe in RECIPES) == 17


def test_every_name_is_looked_at_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no recipe 'a11'"):
        compare(tmp_path / "absent", ["fast", "a11"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_recipe_whose_weights_cannot_be_had_is_left_out_with_a_line(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def train_all_but_accurate(dataset: Dataset, recipe: Recipe, *rest: Any) -> Fitted:
        if recipe.name == "accurate":
            raise WeightsError("no weights here.")
        return train_head(dataset, recipe, *rest)

    monkeypatch.setattr(workflow, "train_head", train_all_but_accurate)
    compared = compare(learnable_folder, ["accurate", "fast"], tmp_path / "out", report=False)
    assert [item.recipe.name for item in compared] == ["fast"]
    assert caplog.messages == ["pawlab: accurate was left out: no weights here."]
    assert not (tmp_path / "out" / "accurate").exists()


def test_where_no_recipe_is_left_it_says_why(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_none(dataset: Dataset, recipe: Recipe, *rest: Any) -> Fitted:
        raise WeightsError(f"no weights for {recipe.name}.")

    monkeypatch.setattr(workflow, "train_head", train_none)
    with pytest.raises(WeightsError, match=r"no weights for fast\."):
        compare(learnable_folder, ["accurate", "fast"], tmp_path / "out", report=False)


def test_a_notebook_shows_the_table_and_the_curves(learnable_folder: Path, tmp_path: Path) -> None:
    compared = compare(learnable_folder, ["fast"], tmp_path / "out")
    header, (line,) = compared.table()
    assert header[0] == "recipe"
    shown = dict(zip(header, line, strict=True))
    metrics = compared[0].run.metrics
    assert shown["test"] == f"{metrics['test']['accuracy']:.3f}"
    assert shown["parameters"] == f"{metrics['parameters']['total']:,}"
    page = read_page(compared._repr_html_())
    assert not page.faults
    assert page.texts == [*header, *filter(None, line)]
    (curves,) = page.having("src")
    assert (
        b64decode(curves.removeprefix("data:image/png;base64,")) == (tmp_path / "out" / "comparison.png").read_bytes()
    )
    (tmp_path / "out" / "comparison.png").unlink()
    assert read_page(compared._repr_html_()).having("src") == []
