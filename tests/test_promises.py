"""What a classifier promises, and how another promise is asked for: card, file, Python and command line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pawlab
from pawlab import cli
from pawlab.card import Card, Curve, Point
from pawlab.classifier import Classifier, save_classifier
from pawlab.cli.tables import _promise
from pawlab.errors import ModelError
from pawlab.images import Preprocess
from test_classifier import colour_graph

CURVE = Curve((Point(0.0, 0.85, 1.0, 0.87, 1000), Point(0.6, 0.92, 0.8, 0.94, 800), Point(0.9, 0.99, 0.31, 1.0, 310)))
CARD = Card(("blue", "green", "red"), Preprocess(4, 6), "test", "0.1.0", 0.6, target=0.9, curve=CURVE)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_classifier(colour_graph(), CARD, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_the_curve_is_read_back(model: Path) -> None:
    assert Classifier.load(model).card == CARD


@pytest.mark.parametrize(("target", "threshold"), [(0.8, 0.0), (0.85, 0.0), (0.9, 0.6), (0.93, 0.9), (0.99, 0.9)])
def test_another_promise_is_the_point_that_answers_most(model: Path, target: float, threshold: float) -> None:
    card = Classifier.load(model, sure_at=target).card
    assert (card.target, card.threshold) == (target, threshold)
    assert pawlab.load(model, target).card == card


def test_what_cannot_be_promised_is_refused_with_what_can(model: Path) -> None:
    with pytest.raises(ModelError) as error:
        Classifier.load(model, sure_at=0.995)
    assert str(error.value) == (
        "this classifier can't promise 0.995. "
        "The most it can is 0.99, for 31% of pictures like those it was trained on."
    )


def test_a_classifier_that_promises_nothing_says_so(tmp_path: Path) -> None:
    save_classifier(colour_graph(), replace(CARD, curve=Curve(), target=None, threshold=0.0), tmp_path / "model.onnx")
    with pytest.raises(ModelError) as error:
        Classifier.load(tmp_path, sure_at=0.9)
    assert str(error.value) == (
        "this classifier can't promise 0.9, nor anything else: it saw too few pictures, or gets too many wrong. "
        "Leave --sure-at out."
    )


@pytest.mark.parametrize(
    ("asked", "highest", "expected"),
    [
        (None, None, "no promise: it takes more pictures, or fewer mistakes, to answer half of them with 90% right"),
        (
            0.99,
            {"target": 0.87, "coverage": 0.873},
            "no promise: it takes more pictures, or fewer mistakes, for 0.99. "
            "--sure-at 0.87 can be kept, for 87% of them",
        ),
    ],
)
def test_training_says_what_can_be_promised_instead(
    asked: float | None, highest: dict[str, float] | None, expected: str
) -> None:
    assert _promise({"target": None, "highest": highest}, asked) == expected


def test_the_most_that_can_be_promised() -> None:
    assert CURVE.most() == (0.99, CURVE.points[-1])
    assert Curve().most() is None


def test_predict_says_where_nothing_is_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (30, 20), (120, 100, 8)).save(tmp_path / "reddish.png")
    out, said = tmp_path / "out.csv", []
    for card in (CARD, replace(CARD, curve=Curve(), target=None, threshold=0.0)):
        save_classifier(colour_graph(), card, tmp_path / "model.onnx")
        for more in ((), ("--out", str(out))):
            arguments = ["pawlab", "predict", str(tmp_path), str(tmp_path / "reddish.png"), *more]
            monkeypatch.setattr("sys.argv", arguments)
            with pytest.raises(SystemExit):
                cli.main()
            said.append(capsys.readouterr().err)
    written = f"1 prediction written to {out}.\n"
    promised_nothing = (
        "This classifier promises nothing: all its answers count as sure, but those unlike the training pictures.\n"
    )
    assert said == ["", written, "", promised_nothing + written], "what goes to the terminal is free of notes"


@pytest.mark.parametrize(
    ("pixels", "was"),
    [
        (np.zeros((4, 6, 3), np.uint8), "uint8 (4, 6, 3)"),
        (np.zeros((1, 4, 6, 3), np.float32), "float32 (1, 4, 6, 3)"),
        (np.zeros((1, 8, 6, 3), np.uint8), "uint8 (1, 8, 6, 3)"),
    ],
)
def test_arrays_that_are_no_pictures_of_the_card(model: Path, pixels: Any, was: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        Classifier.load(model).probabilities(pixels)
    assert str(error.value) == f"pixels are {was}; they must be uint8 (n, 4, 6, 3)"


@pytest.mark.parametrize("target", [0.0, 1.0, 95.0, float("nan")])
def test_a_target_is_a_share(model: Path, target: float) -> None:
    with pytest.raises(ModelError) as error:
        Classifier.load(model, sure_at=target)
    assert str(error.value) == (f"a classifier can be sure at a share between 0 and 1, as in 0.95, not at {target:g}")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ({}, "in its card, 'curve' isn't made as pawlab's are"),
        ([[0.5, 0.9, 0.5, 0.9]], "in its card, 'curve' isn't made as pawlab's are"),
        ([[0.5, 1.5, 0.5, 0.9, 10]], "in its card, 'promised' is 1.5, not a number from 0 to 1"),
        ([[0.5, 0.9, 0.5, 0.9, 0]], "in its card, 'pictures' is 0, not a whole number from 1 to inf"),
    ],
)
def test_a_curve_that_is_none_is_refused(rows: object, why: str) -> None:
    text = json.dumps({**json.loads(CARD.to_json()), "curve": rows})
    with pytest.raises(ValueError, match=r".") as error:
        Card.from_json(text)
    assert str(error.value) == why


def test_an_older_card_has_no_curve() -> None:
    values = {name: value for name, value in json.loads(CARD.to_json()).items() if name not in ("curve", "target")}
    card = Card.from_json(json.dumps(values))
    assert (card.curve, card.target, card.threshold) == (Curve(), None, 0.6)


def test_another_process_gets_the_same_promise(model: Path) -> None:
    import pickle

    assert pickle.loads(pickle.dumps(Classifier.load(model, sure_at=0.95))).card.threshold == 0.9


def test_predict_and_export_take_another_promise(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (30, 20), (120, 100, 8)).save(tmp_path / "reddish.png")

    def run(*arguments: str | Path) -> str:
        monkeypatch.setattr("sys.argv", ["pawlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        return capsys.readouterr().out

    question = "predict", model, tmp_path / "reddish.png", "--format", "json"
    answers = [json.loads(run(*question, *more)) for more in ((), ("--sure-at", "0.99"))]
    assert [answer[0]["sure"] for answer in answers] == [True, False]
    (tmp_path / "more" / "red").mkdir(parents=True)
    shutil.copy(tmp_path / "reddish.png", tmp_path / "more" / "red" / "1.png")
    Image.new("RGB", (30, 20), (250, 0, 0)).save(tmp_path / "more" / "red" / "2.png")
    scores = [
        json.loads(run("evaluate", model, tmp_path / "more", "--json", *more)) for more in ((), ("--sure-at", "0.99"))
    ]
    assert [score["selective"]["coverage"] for score in scores] == [1.0, 0.5]
    assert "Sure       of 50.0% of the pictures, 100.0% of them right" in run(
        "evaluate", model, tmp_path / "more", "--sure-at", "0.99"
    )
    run("export", model, "--to", "onnx", "--out", tmp_path / "strict.onnx", "--sure-at", "0.99")
    assert Classifier.load(tmp_path / "strict.onnx").card == CARD.sure_at(0.99)
    assert json.loads((tmp_path / "strict.onnx.json").read_text(encoding="utf-8"))["target"] == 0.99
    run("export", model, "--to", "onnx", "--out", tmp_path / "same.onnx")
    assert (tmp_path / "same.onnx").read_bytes() == model.read_bytes()
