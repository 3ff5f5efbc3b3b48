"""Exports: written whole, checked, and used by the example beside them in a process that knows nothing of pawlab."""

import json
import runpy
import subprocess
import sys
import warnings
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

import pawlab
from own_networks import cells_network
from pawlab.classifier import Classifier, save_classifier
from pawlab.errors import ModelError, OutputError, PawlabError
from pawlab.export.export import export_classifier
from pawlab.export.forms import FORMS, Form, Name
from pawlab.images import Preprocess, ResizeMode

FILES: dict[Name, str] = {
    "onnx": "x.onnx",
    "web": "page",
    "keras": "x.keras",
    "savedmodel": "x",
    "tflite": "x.tflite",
    "tflite-float16": "x.tflite",
}


@pytest.fixture(scope="module")
def run(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a small network, so that all forms of it are quick; the default's is in test_onnx_to_keras."""
    folder = tmp_path_factory.mktemp("run")
    backbone = cells_network(folder / "cells.onnx", size=64, width=48)
    return pawlab.train(learnable_folder, out=folder / "run", backbone=backbone, report=False).folder


def example(program: Path, *pictures: Path) -> list[tuple[str | None, Any]]:
    """Run an example in a process of its own that can't import pawlab; return what it says of each picture."""
    blocked = "import sys, runpy; sys.modules['pawlab'] = None; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0])"
    command = [sys.executable, "-c", blocked, str(program), *map(str, pictures)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return answers(done.stdout, pictures)


def example_here(program: Path, *pictures: Path) -> list[tuple[str | None, Any]]:
    """Run it in this process, which has taken its time over TensorFlow already."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), redirect_stdout(StringIO()) as output:
        warnings.simplefilter("ignore")
        patch.setattr(sys, "argv", [str(program), *map(str, pictures)])
        patch.setitem(sys.modules, "pawlab", None)
        runpy.run_path(str(program))
    return answers(output.getvalue(), pictures)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def answers(output: str, pictures: tuple[Path, ...]) -> list[tuple[str | None, Any]]:
    words = [line.removeprefix("not sure: ").split(" ", 2) for line in output.splitlines()]
    assert [path for _, _, path in words] == [str(picture) for picture in pictures]
    return [(label, float(probability)) for label, probability, _ in words]


@pytest.mark.parametrize("to", FORMS)
def test_an_export_answers_as_the_classifier_does(
    to: Name, run: Path, learnable_folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run_example = example
    if to not in ("onnx", "web"):
        request.getfixturevalue("keras")
        run_example = example_here
    pictures = sorted(learnable_folder.rglob("0*.png"))
    exported = export_classifier(run, to, tmp_path / FILES[to], pictures=pictures)
    assert exported.difference < (1e-3 if FORMS[to].rounds else 1e-5)
    said = run_example(exported.example, *pictures)
    expected = Classifier.load(run).predict([str(picture) for picture in pictures])
    assert [label for label, _ in said] == [answer.label for answer in expected]
    np.testing.assert_allclose(
        [probability for _, probability in said], [answer.probability for answer in expected], atol=1e-3
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        FILES[to],
        f"{FILES[to]}.example.py",
        f"{FILES[to]}.json",
    ]


@pytest.mark.parametrize("limit", [0.0, 2.0])
def test_the_example_is_sure_where_the_classifier_is(
    limit: float, run: Path, learnable_folder: Path, tmp_path: Path
) -> None:
    """Also where a picture is unlike the training pictures, as with a limit of 0 each new one is."""
    picture = min(learnable_folder.rglob("0*.png"))
    Image.open(picture).rotate(20).save(tmp_path / "new.png")
    card = replace(Classifier.load(run).card, ood_threshold=limit)
    save_classifier(onnx.load(run / "model.onnx"), card, tmp_path / "limited.onnx")
    (predicted,) = Classifier.load(tmp_path / "limited.onnx").predict([str(tmp_path / "new.png")])
    assert predicted.sure is (limit > 0)
    exported = export_classifier(tmp_path / "limited.onnx", "onnx", tmp_path / "x.onnx")
    command = [sys.executable, str(exported.example), str(tmp_path / "new.png")]
    said = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    assert said.startswith("not sure: ") is not predicted.sure


def test_a_page_holds_the_model_its_card_and_all_but_the_runtime(run: Path, tmp_path: Path) -> None:
    exported = export_classifier(run, "web", tmp_path / "page")
    there = contents(exported.path)
    assert sorted(there) == [
        "classifier.js",
        "index.html",
        "model.onnx",
        "model.onnx.json",
        "package.json",
        "page.css",
        "page.js",
        "pixels.js",
    ]
    assert there["model.onnx"] == (run / "model.onnx").read_bytes()
    assert there["model.onnx.json"] == exported.card.read_bytes()
    assert "onnxruntime-web" in json.loads(there["package.json"])["dependencies"]
    (exported.path / "node_modules").mkdir()
    assert contents(export_classifier(run, "web", exported.path).path) == there  # an earlier one is replaced


def test_a_page_takes_no_folder_of_others_and_no_pixels_that_it_cannot_make(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"mine holds something other than a page\. Choose another --out\.$"):
        export_classifier(run, "web", tmp_path / "mine")
    classifier = Classifier.load(run)
    card = replace(classifier.card, preprocess=replace(classifier.card.preprocess, interpolation="nearest"))
    save_classifier(onnx.load(run / "model.onnx"), card, tmp_path / "nearest.onnx")
    with pytest.raises(PawlabError) as caught:
        export_classifier(tmp_path / "nearest.onnx", "web", tmp_path / "page")
    assert str(caught.value) == ("the page averages over pixels, and this classifier's are nearest. Serve it instead.")
    assert not (tmp_path / "page").exists()


def test_what_a_program_must_know_lies_beside(run: Path, tmp_path: Path) -> None:
    exported = export_classifier(run, "onnx", tmp_path / "x.onnx")
    card = Classifier.load(run).card
    assert json.loads(exported.card.read_text(encoding="utf-8")) == {
        "classes": ["cold-squares", "warm-circles"],
        "preprocess": {"height": 64, "width": 48, "resize_mode": "squash", "interpolation": "area"},
        "threshold": card.threshold,
        "ood_threshold": card.ood_threshold,
        "target": card.target,
        "input": {
            "name": "pictures",
            "shape": [None, 64, 48, 3],
            "dtype": "uint8",
            "colours": "RGB",
            "range": [0, 255],
        },
        "output": {"name": "probabilities", "shape": [None, 2], "dtype": "float32"},
        "left_out": [],
        "recipe": "fast-cells",
        "pawlab": pawlab.__version__,
    }
    assert exported.path.read_bytes() == (run / "model.onnx").read_bytes()


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
def test_the_example_prepares_pictures_as_pawlab_does(fit: ResizeMode, run: Path, tmp_path: Path) -> None:
    """Orientation, transparency, gray, and every way to the right shape: the answers agree to a thousandth."""
    card = replace(Classifier.load(run).card, preprocess=Preprocess(64, 48, fit))
    (tmp_path / "run").mkdir()
    save_classifier(onnx.load(run / "model.onnx"), card, tmp_path / "run" / "model.onnx")
    exported = export_classifier(tmp_path / "run", "onnx", tmp_path / 'it\'s "x".onnx')
    ramp = np.indices((90, 150)).sum(axis=0)
    colours = np.stack([ramp, 239 - ramp, ramp // 2], axis=-1).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(colours).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    Image.fromarray(colours).convert("L").save(tmp_path / "gray.png")
    Image.fromarray(np.dstack([colours, ramp.astype(np.uint8)])).save(tmp_path / "clear.png")
    pictures = [tmp_path / name for name in ("turned.jpg", "gray.png", "clear.png")]
    expected = Classifier.load(tmp_path / "run").predict([str(picture) for picture in pictures])
    for (label, probability), answer in zip(example(exported.example, *pictures), expected, strict=True):
        assert (label, probability) == (answer.label, pytest.approx(answer.probability, abs=2e-3))


def test_an_export_that_answers_otherwise_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(path: Path, pixels: Any) -> Any:
        return right(path, pixels) + np.float32(0.002)

    right = FORMS["onnx"].answer
    export_classifier(run, "onnx", tmp_path / "x.onnx")
    before = contents(tmp_path)
    monkeypatch.setitem(FORMS, "onnx", Form(".onnx", FORMS["onnx"].write, wrong, ""))
    with pytest.raises(RuntimeError, match=r"probabilities differ by 2.0e-03, more than 1e-03; nothing was written$"):
        export_classifier(run, "onnx", tmp_path / "x.onnx")
    assert contents(tmp_path) == before


def test_a_kill_leaves_nothing_half_written(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(classifier: Classifier, target: Path) -> None:
        target.mkdir()
        (target / "saved_model.pb").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setitem(FORMS, "savedmodel", Form("", killed, FORMS["onnx"].answer, ""))
    with pytest.raises(KeyboardInterrupt):
        export_classifier(run, "savedmodel", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def refusal(run: Path, to: Name, out: Path) -> str:
    """Return the sentence of an export that changes nothing."""
    before = contents(out.parent)
    with pytest.raises(OutputError) as caught:
        export_classifier(run, to, out)
    assert contents(out.parent) == before
    return str(caught.value)


def test_an_earlier_export_is_replaced_with_its_example(run: Path, tmp_path: Path) -> None:
    first = export_classifier(run, "onnx", tmp_path / "x.onnx")
    written = contents(tmp_path)
    first.path.write_bytes(b"older")
    first.example.write_text("changed", encoding="utf-8")
    export_classifier(run, "onnx", tmp_path / "x.onnx")
    assert contents(tmp_path) == written


@pytest.mark.parametrize("name", ["x.onnx", "x.onnx.json", "x.onnx.example.py"])
@pytest.mark.parametrize("text", ["precious", '{"classes": []}', "[]"])
def test_nothing_but_an_earlier_export_is_replaced(name: str, text: str, run: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert refusal(run, "onnx", tmp_path / "x.onnx") == (
        f"{tmp_path / name} is there already, and isn't of an earlier export. Choose another --out."
    )


def test_a_savedmodel_of_others_is_not_replaced(run: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "saved_model.pb").write_bytes(b"precious")
    assert refusal(run, "savedmodel", tmp_path / "x") == (
        f"{tmp_path / 'x'} is there already, and isn't of an earlier export. Choose another --out."
    )


@pytest.mark.parametrize("names", [["run.json"], ["run.json", "model.onnx"], ["run.json", "model.onnx.json"]])
def test_a_run_keeps_its_own_model(names: list[str], run: Path, tmp_path: Path) -> None:
    card = export_classifier(run, "onnx", tmp_path / "x.onnx").card.read_bytes()
    other = tmp_path / "other"
    other.mkdir()
    for name in names:
        (other / name).write_bytes(card)
    assert refusal(run, "onnx", other / "model.onnx") == (
        f"{other / 'model.onnx'} is the place of another run's model. Choose another --out."
    )


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_run_keeps_its_own_model_behind_a_link_too(run: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for name in ("run.json", "model.onnx"):
        (tmp_path / "other" / name).write_bytes(b"precious")
    (tmp_path / "x.onnx").symlink_to(tmp_path / "other" / "model.onnx")
    assert refusal(run, "onnx", tmp_path / "x.onnx") == (
        f"{tmp_path / 'x.onnx'} is the place of another run's model. Choose another --out."
    )


@pytest.mark.parametrize("ending", [".keras", ".onnx", ".TFLITE"])
def test_a_savedmodel_is_not_called_like_another_form(ending: str, run: Path, tmp_path: Path) -> None:
    assert refusal(run, "savedmodel", tmp_path / f"x{ending}") == (
        f"{tmp_path / f'x{ending}'} should not end with {ending.lower()}: a SavedModel is a folder. "
        "Choose another --out."
    )


def test_mistakes_are_told_before_the_work(run: Path, tmp_path: Path) -> None:
    with pytest.raises(
        PawlabError, match=r"^there is no form 'keres'. Did you mean 'keras'\? There are: onnx, keras, "
    ):
        export_classifier(run, "keres", tmp_path / "x")  # type: ignore[arg-type]
    with pytest.raises(
        OutputError, match=r"x.h5 should end with .keras, as its readers expect. Choose another --out.$"
    ):
        export_classifier(run, "keras", tmp_path / "x.h5")
    with pytest.raises(OutputError, match=r"model.onnx is the model itself. Choose another --out.$"):
        export_classifier(run, "onnx", run / "model.onnx")
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(OutputError, match=r" holds something other than a SavedModel. Choose another --out.$"):
        export_classifier(run, "savedmodel", tmp_path)
    with pytest.raises(OutputError, match=r"^can't write .*x.keras"):
        export_classifier(run, "keras", tmp_path / "photo.jpg" / "x.keras")
    with pytest.raises(ModelError, match=r"^there is no model at "):
        export_classifier(tmp_path / "nowhere", "onnx", tmp_path / "x.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]
