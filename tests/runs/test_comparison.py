import json
import shutil
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from page_checks import read_page
from pawlab import pipeline as workflow
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.discover import discover
from pawlab.datasets.known import KNOWN_DATA
from pawlab.datasets.labels import Decision, Labels
from pawlab.datasets.splits import assign_splits
from pawlab.errors import DataError, MissingExtraError, OutputError, RecipeError, WeightsError
from pawlab.evaluation.history import read_history
from pawlab.graphs import keras_runtime
from pawlab.pipeline import compare
from pawlab.recipes import RECIPES, find_recipe
from pawlab.recipes.recipe import Recipe
from pawlab.runs.comparison import Compared, Comparison, on_page
from pawlab.runs.record import Run
from pawlab.trainers import linear_probe
from pawlab.trainers.fitted import Fitted
from pawlab.trainers.table import TRAINERS
from quick_training import SMALL, interrupting
from run_folders import make_run, with_predictions


def test_what_is_done_is_not_done_again(learnable_folder: Path, tmp_path: Path) -> None:
    (first,) = compare(learnable_folder, ["fast"], tmp_path / "out", report=False)
    written = (first.run.folder / "model.onnx").stat().st_mtime_ns
    (second,) = compare(learnable_folder, ["fast", "fast"], tmp_path / "out", report=False)
    assert (second.run.folder / "model.onnx").stat().st_mtime_ns == written
    rows = json.loads((tmp_path / "out" / "comparison.json").read_text())["recipes"]
    assert [row["recipe"] for row in rows] == ["fast"]
    assert rows[0]["test"] == first.run.metrics["test"]


def test_each_is_held_against_the_best_on_the_same_test_pictures(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compare(learnable_folder, ["fast", "accurate"], tmp_path / "out", report=False)
    folder = tmp_path / "out" / "accurate"
    rows = (folder / "predictions.csv").read_text(encoding="utf-8").splitlines()
    wrong = [swapped(row) if ",test," in row and number % 2 else row for number, row in enumerate(rows)]
    (folder / "predictions.csv").write_text("\n".join(wrong) + "\n", encoding="utf-8")
    mistaken = sum(one != other for one, other in zip(rows, wrong, strict=True))
    monkeypatch.setattr(type(found[0]), "score", property(lambda item: (item.recipe.name == "fast", 0.0)))
    against = found.to_dict()
    assert against[0]["against_best"] is None
    assert against[1]["against_best"]["difference"] == -mistaken / found[0].run.metrics["test"]["pictures"]
    assert against[1]["against_best"]["better"] is None  # of 6 pictures
    header, lines = found.table()
    assert [line[header.index("vs best")] for line in lines] == ["is it", "unclear"]
    folds = [item.run.metrics["cross_validation"] for item in found]
    assert [row["cross_validation"] for row in found.to_dict()] == folds
    assert [line[header.index("in folds")] for line in lines] == [f"{one['accuracy']:.3f}" for one in folds]


def test_the_tutorials_figures_stand_beside_their_own_pictures_alone(tmp_path: Path) -> None:
    (cats_and_dogs,) = (known.fingerprint for known in KNOWN_DATA if known.name == "cats-and-dogs")
    own = replace(find_recipe("a1"), name="own", published={"val_stable": [0.5, 0.6]})
    columns = {}
    for data in (cats_and_dogs, "others"):
        run = ended_on(tmp_path / data, fingerprint=data)
        for recipe in (find_recipe("a1"), find_recipe("fast"), own):
            item = Compared(recipe, run)
            header, (line,) = Comparison([item]).table()
            columns[data, recipe.name] = dict(zip(header, line, strict=True)).get("published")
            assert on_page(item, None).published == (tuple(item.published.get("val_stable", ())) or None)
    low, high = find_recipe("a1").published["val_stable"]
    assert columns == {
        (cats_and_dogs, "a1"): f"{low:.2f}-{high:.2f}",
        (cats_and_dogs, "fast"): None,
        (cats_and_dogs, "own"): "0.50-0.60",
        ("others", "a1"): None,
        ("others", "fast"): None,
        ("others", "own"): "0.50-0.60",
    }


def ended_on(folder: Path, fingerprint: str) -> Run:
    """A run on data of this fingerprint, with all that a comparison shows."""
    run = Run(with_predictions(make_run(folder, data={"name": "x", "fingerprint": fingerprint}), {"aa": True}))
    verdict = {"stable_range": [0.7, 0.8], "overfit": None}
    shown = {**run.metrics, "parameters": {"total": 1, "trainable": 1}, "verdict": verdict}
    (folder / "metrics.json").write_text(json.dumps(shown))
    return Run(folder)


def swapped(row: str) -> str:
    """A row of predictions.csv with the other of two classes predicted."""
    path, split, label, predicted, *rest = row.split(",")
    other = {"cold-squares": "warm-circles", "warm-circles": "cold-squares"}[predicted]
    return ",".join([path, split, label, other, *rest])


def test_other_data_or_seed_is_refused(learnable_folder: Path, tmp_path: Path) -> None:
    compare(learnable_folder, ["fast"], tmp_path / "out", report=False)
    with pytest.raises(OutputError) as caught:
        compare(learnable_folder, ["fast"], tmp_path / "out", seed=3, report=False)
    assert str(caught.value) == (
        f"{tmp_path / 'out' / 'fast'} holds a run with another seed: 0, not 3. Choose another --out, or delete it."
    )
    with pytest.raises(OutputError) as caught:
        compare(learnable_folder, ["fast"], tmp_path / "out", split="60/20/20", report=False)
    assert str(caught.value) == (
        f"{tmp_path / 'out' / 'fast'} holds a run with data read in another way: no options, not --split 60/20/20. "
        "Choose another --out, or delete it."
    )


@pytest.mark.usefixtures("keras")
def test_another_number_of_epochs_is_refused(learnable_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    compare(learnable_folder, [tmp_path / "small.toml"], tmp_path / "out", epochs=1, report=False)
    with pytest.raises(OutputError) as caught:
        compare(learnable_folder, [tmp_path / "small.toml"], tmp_path / "out", report=False)
    assert str(caught.value) == (
        f"{tmp_path / 'out' / 'small'} holds a run with another number of epochs: 1, not the recipe's own. "
        "Choose another --out, or delete it."
    )


@pytest.mark.usefixtures("keras")
def test_ctrl_c_ends_it_and_the_same_call_goes_on(learnable_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    names = [str(tmp_path / "small.toml"), "fast"]
    with pytest.raises(KeyboardInterrupt):
        compare(learnable_folder, names, tmp_path / "out", report=False, progress=interrupting("Epoch 2"))
    stopped = Run(tmp_path / "out" / "small")
    assert (stopped.interrupted, stopped.finished) == (True, False)
    assert stopped.classifier.predict(next(learnable_folder.rglob("*.png"))).label in stopped.classifier.classes
    assert not (tmp_path / "out" / "fast").exists()
    small, fast = compare(learnable_folder, names, tmp_path / "out", report=False)
    assert (small.run.finished, fast.run.finished) == (True, True)
    whole = workflow.train(learnable_folder, names[0], tmp_path / "whole", report=False)
    assert [row.loss for row in small.history] == [row.loss for row in read_history(whole.folder / "history.csv")]
    assert (small.run.folder / "model.onnx").read_bytes() == (whole.folder / "model.onnx").read_bytes()
    assert small.run.metrics["seconds"]["total"] >= sum(row.seconds for row in small.history)
    assert {path.name for path in small.run.folder.iterdir()} == {path.name for path in whole.folder.iterdir()}
    with pytest.raises(OutputError, match=r"is finished; there is nothing to resume\.$"):
        workflow.resume(small.run.folder)


def test_pictures_that_have_changed_are_refused(learnable_folder: Path, tmp_path: Path) -> None:
    data = shutil.copytree(learnable_folder, tmp_path / "data")
    compare(data, ["fast"], tmp_path / "out", report=False)
    shutil.copy(data / "warm-circles" / "00.png", data / "warm-circles" / "again.png")
    with pytest.raises(OutputError) as caught:
        compare(data, ["fast"], tmp_path / "out", report=False)
    assert str(caught.value) == (
        f"{tmp_path / 'out' / 'fast'} holds a run on other pictures, or data has changed since. "
        "Choose another --out, or delete it."
    )


def test_labels_that_have_changed_are_told_from_pictures(learnable_folder: Path, tmp_path: Path) -> None:
    labels, other = Labels(tmp_path / "labels.csv"), Labels(tmp_path / "other.csv")
    trained = [picture for picture in assign_splits(discover(learnable_folder)).pictures if picture.split == "train"]
    for table in (labels, other):
        table.decide(trained[0].sha256, Decision("exclude"))
    compare(learnable_folder, ["fast"], tmp_path / "out", report=False, labels=str(labels.path))
    labels.decide("0" * 64, Decision("exclude"))  # which is none of these pictures
    compare(learnable_folder, ["fast"], tmp_path / "out", report=False, labels=str(labels.path))
    labels.decide(trained[1].sha256, Decision("exclude"))
    with pytest.raises(OutputError) as caught:
        compare(learnable_folder, ["fast"], tmp_path / "out", report=False, labels=str(labels.path))
    assert str(caught.value) == (
        f"{tmp_path / 'out' / 'fast'} holds a run with other labels: {labels.path} has changed since. "
        "Choose another --out, or delete it."
    )
    with pytest.raises(OutputError) as caught:
        compare(learnable_folder, ["fast"], tmp_path / "out", report=False)
    assert str(caught.value) == (
        f"{tmp_path / 'out' / 'fast'} holds a run with data read in another way: --labels {labels.path}, not no "
        "options. Choose another --out, or delete it."
    )


@pytest.mark.usefixtures("keras")
def test_a_resumed_run_tells_changed_labels_from_changed_pictures(learnable_folder: Path, tmp_path: Path) -> None:
    data, run = Path(shutil.copytree(learnable_folder, tmp_path / "data")), tmp_path / "run"
    (tmp_path / "small.toml").write_text(SMALL)
    labels = Labels(tmp_path / "labels.csv")
    trained = [picture for picture in assign_splits(discover(data)).pictures if picture.split == "train"]
    labels.decide(trained[0].sha256, Decision("label", "cold-squares"))
    asked: dict[str, Any] = {"labels": str(labels.path), "report": False, "progress": interrupting("Epoch 2")}
    workflow.train(data, tmp_path / "small.toml", run, **asked)
    labels.decide(trained[1].sha256, Decision("exclude"))
    with pytest.raises(DataError) as caught:
        workflow.resume(run)
    assert str(caught.value) == (
        f"the labels in {labels.path} have changed since {run} was begun. Bring that file back as it was, "
        "or train anew."
    )
    trained[2].path.unlink()
    with pytest.raises(DataError) as caught:
        workflow.resume(run)
    pictures = f"{data} has changed since {run} was begun. Bring the pictures back, or train anew."
    assert str(caught.value) == pictures
    labels.undo(trained[1].sha256)
    with pytest.raises(DataError) as caught:
        workflow.resume(run)
    assert str(caught.value) == pictures
    shutil.copy(learnable_folder / trained[2].name, trained[2].path)
    assert workflow.resume(run).finished


def test_the_same_pictures_may_be_named_otherwise(learnable_folder: Path, tmp_path: Path) -> None:
    compare(learnable_folder, "fast", tmp_path / "out", report=False)
    (again,) = compare(str(learnable_folder), [find_recipe("fast")], tmp_path / "out", report=False)
    assert again.recipe.name == "fast"


@pytest.mark.usefixtures("keras")
def test_a_run_goes_on_from_any_folder(learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    monkeypatch.chdir(learnable_folder.parent)
    workflow.train(learnable_folder.name, tmp_path / "small.toml", tmp_path / "run", progress=interrupting("Epoch 2"))
    monkeypatch.chdir("/")
    run = workflow.resume(tmp_path / "run")
    assert run.finished
    assert run.record["request"]["data"] == str(learnable_folder)


def test_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        compare(tmp_path, [])
    assert str(caught.value) == (
        "there is nothing to compare. Name recipes, as in a1,c4,fast; `pawlab recipes` lists them."
    )


def test_two_recipes_of_one_name(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "small.toml").write_text(SMALL)
    with pytest.raises(RecipeError) as caught:
        compare(tmp_path, [tmp_path / "one" / "small.toml", tmp_path / "two" / "small.toml"])
    assert str(caught.value) == "two recipes are called 'small'. Give one of them another name."


def test_a_folder_of_other_things_is_left_alone(learnable_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("precious")
    with pytest.raises(OutputError) as caught:
        compare(learnable_folder, ["fast"], tmp_path)
    assert str(caught.value) == f"{tmp_path} holds something other than a comparison. Choose another --out."
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_missing_extra_is_told_before_any_work(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_runtime, "_PACKAGES", ("not_installed_at_all",))
    with pytest.raises(MissingExtraError, match=r"^the recipe c4 needs the extra 'keras'"):
        compare(learnable_folder, ["fast", "c4"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


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
        return linear_probe.fit(dataset, recipe, *rest)

    monkeypatch.setitem(TRAINERS, "linear_probe", train_all_but_accurate)
    compared = compare(learnable_folder, ["accurate", "fast"], tmp_path / "out", report=False)
    assert [item.recipe.name for item in compared] == ["fast"]
    assert caplog.messages == ["pawlab: accurate was skipped: no weights here."]
    assert not (tmp_path / "out" / "accurate").exists()


def test_where_no_recipe_is_left_it_says_why(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_none(dataset: Dataset, recipe: Recipe, *rest: Any) -> Fitted:
        raise WeightsError(f"no weights for {recipe.name}.")

    monkeypatch.setitem(TRAINERS, "linear_probe", train_none)
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
