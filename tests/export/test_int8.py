"""`export --to onnx-int8` writes only what is measured to be quicker and as accurate."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import pawlab
from pawlab.classifier import Classifier, save_classifier
from pawlab.datasets.sample import sample_files
from pawlab.errors import DataError, PawlabError
from pawlab.export import int8

QUICKER = "pawlab.export.int8._rates"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8")
    (folder / "data").mkdir()
    pictures = list(sample_files(60))
    for number, data in enumerate(pictures):
        path = folder / "data" / ("cats", "dogs")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return pawlab.train(folder / "data", out=folder / "run", report=False).folder


def test_it_is_a_classifier_with_integers_inside(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QUICKER, lambda *given: (100.0, 200.0))
    monkeypatch.setattr(int8, "MOST_LOST", 1.0)  # of six pictures one may go either way
    exported = pawlab.export_int8(run, tmp_path / "small.onnx")
    small, whole = Classifier.load(exported.path), Classifier.load(run)
    assert (small.card, small.classes) == (whole.card, whole.classes)
    assert exported.path.stat().st_size < whole.path.stat().st_size / 2
    kinds = {node.op_type for node in onnx.load(exported.path).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    sources = list(sample_files(30))
    same = [a.label == b.label for a, b in zip(small.predict(sources), whole.predict(sources), strict=True)]
    assert np.mean(same) > 0.8
    assert {path.name for path in tmp_path.iterdir()} == {"small.onnx", "small.onnx.json", "small.onnx.example.py"}


def test_what_is_not_quicker_is_not_written(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QUICKER, lambda *given: (100.0, 104.0))
    monkeypatch.setattr(int8, "MOST_LOST", 1.0)
    said = "in int8 the classifier isn't quicker on this machine: 104 pictures a second instead of 100. Nothing was"
    with pytest.raises(PawlabError, match=said):
        pawlab.export_int8(run, tmp_path / "small.onnx")
    assert not list(tmp_path.iterdir())


def test_what_is_less_accurate_is_not_written(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QUICKER, lambda *given: (100.0, 200.0))
    monkeypatch.setattr(int8, "MOST_LOST", -1.0)  # any accuracy would be too low
    with pytest.raises(PawlabError, match=r"in int8 \d+\.\d% of \d+ validation pictures are correct instead of"):
        pawlab.export_int8(run, tmp_path / "small.onnx")
    assert not list(tmp_path.iterdir())


def test_what_is_seldom_sure_is_not_written(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QUICKER, lambda *given: (100.0, 200.0))
    monkeypatch.setattr(int8, "MOST_LOST", 1.0)
    card = replace(Classifier.load(run).card, ood_threshold=0.0)
    write = save_classifier
    monkeypatch.setattr(int8, "save_classifier", lambda graph, _, place: write(graph, card, place))
    said = r"and 0\.0% get a sure answer instead of \d+\.\d%; more than .* Nothing was written: keep model\.onnx\.$"
    with pytest.raises(PawlabError, match=said):
        pawlab.export_int8(run, tmp_path / "small.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_runs_pictures_there_is_nothing_to_judge_by(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="int8 needs the run's training and validation pictures"):
        int8.export_int8(run, [], tmp_path / "small.onnx")


def test_both_meet_the_same_number_of_pictures() -> None:
    seen: list[list[int]] = [[], []]
    pixels = np.zeros((5, 2, 2, 3), np.uint8)
    int8._rates(lambda one: seen[0].append(len(one)), lambda one: seen[1].append(len(one)), pixels)
    assert seen[0] == seen[1] == [1] * 15
