import copy
import hashlib
import io
import json
import multiprocessing
import pickle
import re
import sys
import zipfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageSequence

from pawlab.card import Card, SeenPictures
from pawlab.classifier import Classifier, NoPrediction, Predictions, save_classifier
from pawlab.errors import ModelError, PawlabError, PictureError
from pawlab.images import Preprocess, decode
from pawlab.images.formats import READABLE
from picture_files import quadrants
from sessions import open_session

CARD = Card(("blue", "green", "red"), Preprocess(4, 6), "test", "0.1.0", threshold=0.6)


def colour_graph() -> Any:
    """Probabilities are the softmax of the mean of each colour / 16, blue first: a classifier whose answers we know."""
    reverse = np.eye(3, dtype=np.float32)[::-1] / 16
    nodes = [
        helper.make_node("Cast", ["pictures"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["means", "reverse"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    pictures = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])
    answers = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])
    graph = helper.make_graph(nodes, "colours", [pictures], [answers], [numpy_helper.from_array(reverse, "reverse")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_classifier(colour_graph(), CARD, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def paint(path: Path, colour: tuple[int, int, int]) -> Path:
    Image.new("RGB", (30, 20), colour).save(path)
    return path


def test_file_holds_classes_and_preprocess(model: Path) -> None:
    assert Classifier.load(model).card == CARD
    assert Classifier.load(model.parent).card == CARD


def test_file_answers_from_its_own_metadata_alone(model: Path) -> None:
    """Nothing but the file is needed to know what its outputs mean."""
    values = json.loads(open_session(model).get_modelmeta().custom_metadata_map["pawlab"])
    assert values == {
        "format": 2,
        "classes": ["blue", "green", "red"],
        "preprocess": {"height": 4, "width": 6, "resize_mode": "squash", "interpolation": "area"},
        "recipe": "test",
        "version": "0.1.0",
        "threshold": 0.6,
        "ood_threshold": None,
        "target": None,
        "curve": [],
        "seen": None,
        "checksum": True,
    }


def test_prediction_of_a_known_picture(model: Path, tmp_path: Path) -> None:
    picture = paint(tmp_path / "red.png", (200, 40, 8))
    answer = Classifier.load(model).predict(picture)
    exponentials = np.exp(np.array([200, 40, 8]) / 16)
    expected = exponentials / exponentials.sum()
    assert (answer.picture, answer.label, answer.sure, answer.error) == (str(picture), "red", True, None)
    assert answer.probability == pytest.approx(expected[0], abs=1e-6)
    assert list(answer.probabilities) == ["red", "green", "blue"]
    assert answer.top(2) == [("red", answer.probability), ("green", pytest.approx(expected[1], abs=1e-6))]


def test_below_the_threshold_it_is_not_sure(model: Path, tmp_path: Path) -> None:
    answer = Classifier.load(model).predict(paint(tmp_path / "gray.png", (100, 100, 100)))
    assert answer.probability == pytest.approx(1 / 3)
    assert not answer.sure


def test_one_picture_in_many_forms_gets_one_answer(model: Path, tmp_path: Path) -> None:
    path = paint(tmp_path / "x.png", (10, 90, 60))
    classifier = Classifier.load(model)
    with path.open("rb") as file:
        answers = classifier.predict([path, str(path), path.read_bytes(), file, Image.open(path), decode(path)])
    assert len({answer.probability for answer in answers}) == 1


def test_a_broken_picture_in_a_list_fails_alone(model: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_text("no picture")
    good = paint(tmp_path / "good.png", (0, 0, 250))
    first, second, third = Classifier.load(model).predict([good, tmp_path / "broken.jpg", tmp_path / "absent.png"])
    assert first.label == "blue"
    assert second == NoPrediction(
        str(tmp_path / "broken.jpg"),
        f"isn't a picture in a format that can be read ({READABLE})",
    )
    assert (second.label, second.probability, second.probabilities, second.sure) == (None, 0.0, {}, False)
    assert third.error == "can't be read: No such file or directory"


def test_a_folder_in_a_list_is_told_to_be_given_alone(model: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    paint(tmp_path / "photos" / "good.png", (0, 0, 250))
    classifier = Classifier.load(model)
    assert isinstance(classifier.predict(tmp_path / "photos"), Predictions)
    (within,) = classifier.predict([tmp_path / "photos"])
    assert within.error == "is a folder: give it alone, not in a list, or name the pictures in it"


def test_a_broken_picture_alone_raises(model: Path, tmp_path: Path) -> None:
    with pytest.raises(PictureError) as caught:
        Classifier.load(model).predict(tmp_path / "absent.png")
    assert str(caught.value) == f"{tmp_path / 'absent.png'}: can't be read: No such file or directory"


def test_what_an_iterator_changes_with_its_next_picture_is_predicted_as_it_was(model: Path, tmp_path: Path) -> None:
    classifier, colours = Classifier.load(model), [(9, 9, 200), (9, 200, 9), (200, 9, 9)] * 8
    frames = [Image.new("RGB", (30, 20), colour) for colour in colours]
    frames[0].save(tmp_path / "film.tif", save_all=True, append_images=frames[1:])
    buffer = np.empty((20, 30, 3), np.uint8)
    bits = bytearray(buffer.nbytes)

    def refilled() -> Iterator[Any]:
        for frame in frames:
            buffer[:] = np.asarray(frame)
            yield buffer

    def closed_after() -> Iterator[Any]:
        for number, frame in enumerate(frames):
            frame.save(tmp_path / f"{number}.png")
            with Image.open(tmp_path / f"{number}.png") as picture:
                yield picture

    def rewritten() -> Iterator[Any]:
        for number in range(len(frames)):
            bits[:] = (tmp_path / f"{number}.png").read_bytes()
            yield bits

    def files() -> Iterator[Any]:
        for number in range(len(frames)):
            with (tmp_path / f"{number}.png").open("rb") as file:
                yield file

    with Image.open(tmp_path / "film.tif") as film:
        for pictures in (ImageSequence.Iterator(film), refilled(), closed_after(), rewritten(), files(), iter(frames)):
            assert [answer.label for answer in classifier.predict(pictures)] == ["blue", "green", "red"] * 8
    assert [answer.label for answer in classifier.predict(np.stack([np.asarray(frame) for frame in frames]))] == (
        ["blue", "green", "red"] * 8
    )


def test_what_cant_be_read_any_more_is_an_answer_of_its_own(model: Path, tmp_path: Path) -> None:
    path = paint(tmp_path / "green.png", (0, 200, 0))
    with path.open("rb") as closed:
        pass
    for pictures in ([closed, path], iter([closed, path])):
        first, second = Classifier.load(model).predict(pictures)
        assert (first.error, second.label) == ("can't be read: read of closed file", "green")


def test_predict_each_takes_no_picture_for_several(model: Path, tmp_path: Path) -> None:
    classifier, path = Classifier.load(model), paint(tmp_path / "x.png", (10, 90, 60))
    sentence = r"^predict_each takes several pictures. Give a list, as in \['cat.jpg'\], or use predict.$"
    with path.open("rb") as file:
        for picture in (path, str(path), path.read_bytes(), file):
            with pytest.raises(TypeError, match=sentence):
                classifier.predict_each(picture)  # type: ignore[arg-type]
    assert [answer.label for answer in classifier.predict_each([path])] == ["green"]


def test_answers_keep_the_order_of_many_pictures(model: Path) -> None:
    colours = [np.full((8, 8, 3), (shade, 0, 0), np.uint8) for shade in range(0, 256, 2)]
    answers = Classifier.load(model).predict(colours)
    redness = [answer.probabilities["red"] for answer in answers]
    assert redness == sorted(redness)
    assert len(set(redness)) > 100


def test_a_picture_is_answered_alike_alone_and_in_company(model: Path) -> None:
    classifier = Classifier.load(model)
    pictures = np.random.default_rng(0).integers(0, 256, (7, 4, 6, 3), dtype=np.uint8)
    together = classifier.probabilities(pictures)
    alone = np.concatenate([classifier.probabilities(picture[np.newaxis]) for picture in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-7)


def test_load_says_what_is_wrong(model: Path, tmp_path: Path) -> None:
    truncated = tmp_path / "truncated.onnx"
    truncated.write_bytes(model.read_bytes()[:-40])
    foreign = tmp_path / "foreign.onnx"
    foreign.write_bytes(colour_graph().SerializeToString())
    (tmp_path / "empty").mkdir()
    give = "Give a folder that `pawlab train` made, or its model.onnx."
    sentences = {
        tmp_path / "absent": f"there is no model at {tmp_path / 'absent'}. {give}",
        tmp_path / "empty": f"there is no model.onnx in the folder {tmp_path / 'empty'}. "
        "Give a folder that `pawlab train` made.",
        truncated: f"{truncated} isn't a model file that can be read: it is damaged, cut off or something else. "
        "Copy it again, or train anew.",
        foreign: f"{foreign} is an ONNX file, but not one of pawlab's: it doesn't name its classes. {give}",
    }
    for path, sentence in sentences.items():
        with pytest.raises(ModelError) as caught:
            Classifier.load(path)
        assert str(caught.value) == sentence


def test_a_file_cut_off_anywhere_is_refused(model: Path, tmp_path: Path) -> None:
    whole = model.read_bytes()
    part = tmp_path / "part.onnx"
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        part.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            Classifier.load(part)


def test_class_names_must_match_the_outputs(tmp_path: Path) -> None:
    card = Card(("only", "two"), Preprocess(4, 6), "test", "0.1.0", 0.6)
    save_classifier(colour_graph(), card, tmp_path / "model.onnx")
    with pytest.raises(ModelError, match="its outputs don't match its class names"):
        Classifier.load(tmp_path)


def test_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    graph = colour_graph()
    save_classifier(graph, CARD, tmp_path / "model.onnx")
    newer = json.loads(CARD.to_json()) | {"format": 3, "version": "9.0"}
    graph.metadata_props[0].value = json.dumps(newer)
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(ModelError) as caught:
        Classifier.load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'model.onnx'} can't be used: it was made by a newer pawlab (9.0). Update pawlab, or train anew."
    )


def test_a_file_of_the_former_format_is_read(tmp_path: Path) -> None:
    graph = colour_graph()
    save_classifier(graph, CARD, tmp_path / "model.onnx")
    old = json.loads(CARD.to_json()) | {"format": 1, "preprocess": {"height": 4, "width": 6, "fit": "pad"}}
    del old["ood_threshold"], old["seen"], old["checksum"]
    graph.metadata_props[0].value = json.dumps(old | {"unfamiliarity_threshold": None})
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    assert Classifier.load(tmp_path).card == replace(CARD, preprocess=Preprocess(4, 6, "pad"), checksum=False)


def test_a_card_knows_what_was_seen() -> None:
    contents = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(1000)]
    seen = SeenPictures.of(contents[:600] * 2)
    card = Card.from_json(replace(CARD, seen=seen).to_json())
    assert card.seen == seen
    assert (seen.count, seen.complete) == (600, True)
    assert [content in seen for content in contents] == [True] * 600 + [False] * 400


def test_beyond_a_hundred_thousand_a_card_says_that_it_does_not_know() -> None:
    seen = SeenPictures.of(f"{number:064x}"[::-1] for number in range(100_001))
    assert (seen.count, seen.complete, seen.prefixes) == (100_001, False, b"")


def test_a_classifier_can_be_pickled_copied_and_sent_to_other_processes(model: Path, tmp_path: Path) -> None:
    path = paint(tmp_path / "x.png", (10, 90, 60))
    classifier = Classifier.load(model)
    expected = classifier.predict(path)
    for again in (pickle.loads(pickle.dumps(classifier)), copy.deepcopy(classifier)):
        assert again.predict(path) == expected
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(classifier.predict, path).result() == expected


def test_it_shows_what_it_is(model: Path) -> None:
    classifier = Classifier.load(model)
    assert repr(classifier) == (f"Classifier('{classifier.path}', recipe test, 4 x 6 pixels, classes blue, green, red)")


def test_a_runtime_that_cannot_be_imported_is_no_damaged_model(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(PawlabError, match=r"^ONNX Runtime can't be imported: .* install --force-reinstall onnxrunt"):
        Classifier.load(model)


def test_predict_takes_what_people_hold(model: Path, tmp_path: Path) -> None:
    classifier = Classifier.load(model)
    image = Image.fromarray(quadrants(64, 64))
    image.save(tmp_path / "a.png")
    pixels, data = np.asarray(image), (tmp_path / "a.png").read_bytes()
    one = classifier.predict(tmp_path / "a.png")
    for same in (
        pixels,
        image,
        data,
        bytearray(data),
        memoryview(data),
        io.BytesIO(data),
        PathLike(tmp_path / "a.png"),
    ):
        assert classifier.predict(same).probabilities == one.probabilities
    many: tuple[Any, ...] = (
        (item for item in [image]), deque([pixels]), {str(tmp_path / "a.png")}, np.stack([pixels]), tmp_path,
        np.array([str(tmp_path / "a.png")]), str(tmp_path / "*.png"), map(Path, [tmp_path / "a.png"]),
    )  # fmt: skip
    for several in many:
        (found,) = classifier.predict(several)
        assert found.probabilities == one.probabilities
    assert classifier.predict([]) == []


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (None, "NoneType was given; pictures are paths, bytes, open binary files, Pillow images or uint8 arrays"),
        (3, "int was given; pictures are paths"),
        (io.StringIO("x"), "a text file was given; pictures are paths"),
        (np.zeros((4, 4, 3)), "an array of float64 was given; pictures are arrays of uint8, 0-255: multiply by 255"),
        ("absent.png", "absent.png: can't be read: No such file or directory"),
    ],
)
def test_what_is_no_picture_is_named(model: Path, wrong: Any, expected: str) -> None:
    classifier = Classifier.load(model)
    with pytest.raises(PictureError, match=re.escape(expected)):
        classifier.predict(wrong)
    (found,) = classifier.predict([wrong])
    assert found.error is not None
    assert found.error in f"absent.png: {expected}" or expected in found.error


def test_predictions_as_plain_values_and_as_a_frame(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictions = Classifier.load(model).predict([quadrants(64, 64), None])
    good, bad = predictions.to_dict()
    assert good["label"] == predictions[0].label
    assert list(good) == list(bad) == ["picture", "label", "probability", "sure", "probabilities", "error", "reason"]
    assert (bad["label"], bad["probability"]) == (None, None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(PawlabError, match=r"a DataFrame needs pandas: .*install pandas$"):
        predictions.to_frame()


def test_the_model_comes_first(tmp_path: Path) -> None:
    Image.fromarray(quadrants(64, 64)).save(tmp_path / "a.png")
    with pytest.raises(ModelError, match=r"a\.png is a picture\. The model comes first, then the pictures\.$"):
        Classifier.load(tmp_path / "a.png")


class PathLike:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def test_an_address_is_one_picture_or_an_archive_of_many(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(quadrants(64, 64)).save(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name in ("x/1.png", "x/2.png"):
            archive.write(tmp_path / "a.png", name)
    monkeypatch.setattr("pawlab.files.remote.download", lambda url, _: tmp_path / url.rpartition("/")[2])
    classifier, site = Classifier.load(model), "http://127.0.0.1"
    one: Any = classifier.predict(f"{site}/a.png")
    two: Any = classifier.predict(f"{site}/two.zip")
    assert one.picture == f"{site}/a.png"
    assert isinstance(two, Predictions)
    assert [(item.picture, item.label) for item in two] == [
        (f"{site}/two.zip/x/{number}.png", one.label) for number in (1, 2)
    ]
