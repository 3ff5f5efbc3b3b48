"""What a run's files say of its classifier is what the classifier's file does."""

import csv
from pathlib import Path

import numpy as np
import onnx
import pytest

import pawlab
from own_networks import cells_network
from pawlab.classifier import Classifier, save_classifier
from pawlab.evaluation.calibration import calibration_error
from pawlab.runs.record import Run
from quick_training import SMALL

LAST_LAYER = {"softmax": '{ kind = "dense" }', "sigmoid": '{ kind = "dense", units = 1, activation = "sigmoid" }'}


@pytest.fixture(scope="module", params=["frozen features", "own backbone", "softmax", "sigmoid"])
def run(request: pytest.FixtureRequest, learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("finish")
    if request.param == "frozen features":
        return pawlab.train(learnable_folder, out=folder / "run", report=False)
    if request.param == "own backbone":
        backbone = cells_network(folder / "cells.onnx", size=32)
        return pawlab.train(learnable_folder, out=folder / "run", backbone=backbone, report=False)
    request.getfixturevalue("keras")
    recipe = folder / f"{request.param}.toml"  # pixels aren't scaled: the logits are in the hundreds
    recipe.write_text(SMALL.replace('{ kind = "dense" }', LAST_LAYER[request.param]), encoding="utf-8")
    return pawlab.train(learnable_folder, recipe, folder / "run", epochs=2, report=False)


def test_every_row_of_predictions_is_the_files_own_answer(run: Run, learnable_folder: Path) -> None:
    with (run.folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["split"] for row in rows} == {"validation", "test"}
    sources = {split: {row["source"] for row in rows if row["split"] == split} for split in ("validation", "test")}
    held_out = "model" if run.record["recipe"]["epochs"] else "out-of-fold"
    assert sources == {"validation": {held_out}, "test": {"model"}}
    rows = [row for row in rows if row["source"] == "model"]
    answers = Classifier.load(run.folder).predict([learnable_folder / row["path"] for row in rows])
    written = np.array([float(row["probability"]) for row in rows])
    given = np.array([answer.probabilities[row["predicted"]] for row, answer in zip(rows, answers, strict=True)])
    np.testing.assert_allclose(written, given, rtol=0, atol=1e-5)


def test_the_calibration_error_before_is_that_of_the_file_without_its_temperature(
    run: Run, learnable_folder: Path, tmp_path: Path
) -> None:
    model = onnx.load(run.folder / "model.onnx")
    (temperature,) = (tensor for tensor in model.graph.initializer if tensor.name == "inverse_temperature")
    temperature.CopyFrom(onnx.numpy_helper.from_array(np.array(1, np.float32), temperature.name))
    save_classifier(model, run.classifier.card, tmp_path / "model.onnx")
    plain = Classifier.load(tmp_path)
    with (run.folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for split in ("validation", "test"):
        some = [row for row in rows if row["split"] == split]
        if {row["source"] for row in some} == {"out-of-fold"}:
            continue
        predicted = plain.predict([learnable_folder / row["path"] for row in some])
        probabilities = np.array([[one.probabilities[name] for name in plain.classes] for one in predicted])
        labels = np.array([plain.classes.index(row["label"]) for row in some])
        before = run.metrics["calibration"][split]["before"]
        assert before == pytest.approx(calibration_error(probabilities, labels), abs=1e-5)
