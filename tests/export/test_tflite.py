"""TensorFlow Lite: what the file says of itself, and the gate for float16."""

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pawlab
from own_networks import cells_network
from pawlab import cli
from pawlab.classifier import Classifier
from pawlab.errors import PawlabError
from pawlab.export.export import export_classifier
from pawlab.export.forms import FORMS, Form
from pawlab.export.same_labels import MOST_PICTURES, require_same_labels
from pawlab.images import decode
from pawlab.progress import silent
from pawlab.runs.pictures import validation_pictures
from pawlab.runs.record import read_split

NONE = (
    "tflite-float16 rounds, so it is checked on validation pictures, and there are none. Give a run's folder whose "
    "data lies where it lay (in Python, `pictures`), or take --to tflite, which doesn't round."
)


@pytest.fixture(scope="module")
def run(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    backbone = cells_network(folder / "cells.onnx", size=64, width=48)
    return pawlab.train(learnable_folder, out=folder / "run", backbone=backbone, report=False).folder


@pytest.fixture(scope="module")
def exported(run: Path, keras: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    export_classifier(run, "tflite-float16", folder / "half.tflite", pictures=validation_pictures(run, silent))
    return export_classifier(run, "tflite", folder / "x.tflite").path


def test_names_and_card_lie_behind_the_model(exported: Path) -> None:
    with zipfile.ZipFile(exported) as files:
        assert files.read("labels.txt").decode() == "cold-squares\nwarm-circles\n"
        assert files.read("pawlab.json") == exported.with_name("x.tflite.json").read_bytes()


class Table:
    """A FlatBuffer's table, read by field numbers: the other way round from how it is written."""

    def __init__(self, data: bytes, place: int) -> None:
        self.data, self.place = data, place

    def number(self, place: int, kind: str) -> int:
        return int(np.frombuffer(self.data, kind, 1, place)[0])

    def field(self, number: int) -> int:
        vtable = self.place - self.number(self.place, "<i4")
        return self.place + self.number(vtable + 4 + 2 * number, "<u2")

    def text(self, number: int) -> str:
        start = self.field(number)
        start += self.number(start, "<u4")
        return self.data[start + 4 : start + 4 + self.number(start, "<u4")].decode()

    def tables(self, number: int) -> "list[Table]":
        start = self.field(number)
        start += self.number(start, "<u4")
        places = range(start + 4, start + 4 + 4 * self.number(start, "<u4"), 4)
        return [Table(self.data, place + self.number(place, "<u4")) for place in places]

    def table(self, number: int) -> "Table":
        start = self.field(number)
        return Table(self.data, start + self.number(start, "<u4"))


def test_the_description_names_input_output_and_labels(exported: Path) -> None:
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(str(exported))
    (buffer,) = (entry.buffer for entry in model.metadata if entry.name == b"TFLITE_METADATA")
    data = bytes(model.buffers[buffer].data)
    assert data[4:8] == b"M001"
    root = Table(data, int(np.frombuffer(data, "<u4", 1)[0]))
    assert (root.text(0), root.text(1)) == ("pawlab fast-cells", "Classifies 2 classes.")
    assert [file.text(0) for file in root.tables(6)] == ["pawlab.json"]
    (graph,) = root.tables(3)
    (given,), (said,) = graph.tables(2), graph.tables(3)
    assert given.text(0) == "pictures"
    assert given.text(1) == "RGB from 0 to 255, upright, resized to 48 x 64 (squash)"
    image = given.table(3).table(1)
    assert [image.table(1).number(image.table(1).field(side), "<u4") for side in (0, 1)] == [48, 64]
    (labels,) = said.tables(6)
    assert (said.text(0), labels.text(0), labels.number(labels.field(2), "i1")) == ("probabilities", "labels.txt", 2)


def test_mediapipe_reads_the_names(exported: Path, learnable_folder: Path) -> None:
    tasks = pytest.importorskip("mediapipe.tasks.python", reason="needs mediapipe")
    mediapipe = pytest.importorskip("mediapipe")
    options = tasks.vision.ImageClassifierOptions(tasks.BaseOptions(model_asset_path=str(exported)))
    picture = mediapipe.Image.create_from_file(str(learnable_folder / "warm-circles" / "00.png"))
    with tasks.vision.ImageClassifier.create_from_options(options) as classifier:
        assert classifier.classify(picture).classifications[0].categories[0].category_name == "warm-circles"


def test_half_precision_takes_half_the_weights_and_keeps_the_labels(exported: Path, run: Path) -> None:
    half = exported.with_name("half.tflite")
    classifier = Classifier.load(run)
    paths = validation_pictures(run, silent)
    pixels = np.stack([decode(path, classifier.card.preprocess) for path in paths])
    there, here = FORMS["tflite-float16"].answer(half, pixels), classifier.probabilities(pixels)
    np.testing.assert_array_equal(there.argmax(1), here.argmax(1))
    assert np.abs(there - here).max() > 0  # it does round
    assert half.stat().st_size < exported.stat().st_size


def test_validation_pictures_are_found_by_their_content(run: Path, tmp_path: Path) -> None:
    found = validation_pictures(run, silent)
    wanted = [name for name, split in read_split(run).items() if split == "validation"]
    assert len(found) == len(set(found)) == len(wanted) > 0
    shutil.copy(run / "model.onnx", tmp_path)
    assert validation_pictures(tmp_path / "model.onnx", silent) == ()


def gate(run: Path, change: Any, bound: float = 0.02) -> float:
    classifier = Classifier.load(run)
    pictures = validation_pictures(run, silent)
    return require_same_labels(
        classifier, lambda pixels: change(classifier.probabilities(pixels)), pictures, bound, "half", silent
    )


def test_a_changed_label_is_refused(run: Path) -> None:
    count, first = len(validation_pictures(run, silent)), validation_pictures(run, silent)[0].name
    assert gate(run, lambda said: said) == 0
    assert gate(run, lambda said: said + np.float32(0.01)) == pytest.approx(0.01, rel=1e-3)

    def flip_the_first(said: Any) -> Any:
        return np.concatenate([said[:1, ::-1], said[1:]])

    with pytest.raises(PawlabError) as caught:
        gate(run, flip_the_first, bound=1)
    assert str(caught.value) == (
        f"half gives 1 of {count} validation pictures another label, {first} first; nothing was written. "
        "Take --to tflite, which doesn't round."
    )
    with pytest.raises(PawlabError, match=rf"^half changes a probability by 0.03 on {count} validation pictures, more"):
        gate(run, lambda said: said + np.float32(0.03))


def test_what_rounds_is_refused_before_anything_is_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PawlabError) as caught:
        export_classifier(run, "tflite-float16", tmp_path / "x.tflite")
    assert str(caught.value) == NONE
    right = FORMS["onnx"]
    wrong: Form = replace(right, answer=lambda path, pixels: 1 - right.answer(path, pixels), rounds=True, bound=2)
    monkeypatch.setitem(FORMS, "onnx", wrong)
    with pytest.raises(PawlabError, match=r"validation pictures another label"):
        export_classifier(run, "onnx", tmp_path / "x.onnx", pictures=validation_pictures(run, silent))
    assert list(tmp_path.iterdir()) == []


def test_the_command_finds_the_pictures_itself(
    run: Path, tmp_path: Path, keras: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(model: Path) -> int:
        monkeypatch.setattr("sys.argv", ["pawlab", "export", str(model), "--to", "tflite-float16", "--out", str(out)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    out = tmp_path / "x.tflite"
    assert command(run) == 0
    assert out.is_file()
    shutil.copy(run / "model.onnx", tmp_path)
    capsys.readouterr()
    assert command(tmp_path / "model.onnx") == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == f"pawlab: {NONE}"


def test_not_all_of_many_pictures_are_compared(run: Path) -> None:
    classifier = Classifier.load(run)
    pictures = [validation_pictures(run, silent)[0]] * (3 * MOST_PICTURES)
    seen: list[int] = []

    def answer(pixels: Any) -> Any:
        seen.append(len(pixels))
        return classifier.probabilities(pixels)

    require_same_labels(classifier, answer, pictures, 0.02, "half", silent)
    assert sum(seen) == MOST_PICTURES
