"""This machine's cores as an engine, and what is sent to others."""

import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pawlab.classifier import save_classifier
from pawlab.engines.local import LOCAL
from pawlab.engines.options import EngineOptions
from pawlab.engines.work import ForwardPass, Outputs
from pawlab.errors import MissingExtraError, ModelError, PawlabError
from pawlab.parallel import batched
from test_classifier import CARD, colour_graph


@pytest.fixture
def work(tmp_path: Path) -> ForwardPass:
    save_classifier(colour_graph(), CARD, tmp_path / "model.onnx")
    return ForwardPass(tmp_path / "model.onnx", {"probabilities": (3,)}, CARD.preprocess, "the model")


def best(row: Outputs | str) -> int:
    assert isinstance(row, Outputs)
    return int(row.values[0].argmax())


def test_rows_come_in_the_pictures_order_with_the_reason_where_one_cannot_be_read(work: ForwardPass) -> None:
    pictures = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue", "lime")]
    first, broken, second, third = LOCAL.forward(work, [pictures[0], b"no picture", *pictures[1:]])
    assert [best(row) for row in (first, second, third)] == [2, 0, 1]
    assert isinstance(broken, str)
    assert broken.startswith("isn't a picture in a format that can be read")
    assert isinstance(first, Outputs)
    assert (first.info.width, first.info.height) == (30, 20)


def test_sent_elsewhere_it_holds_the_graph_itself(work: ForwardPass, tmp_path: Path) -> None:
    sent = pickle.dumps(work)
    (tmp_path / "model.onnx").unlink()
    received = pickle.loads(sent)
    assert best(received(Image.new("RGB", (30, 20), "lime"))) == 1


def test_a_graph_that_gives_something_else_is_refused_by_name(work: ForwardPass, tmp_path: Path) -> None:
    wrong = ForwardPass(work.graph, {"probabilities": (4,)}, work.preprocess, "nets/a.onnx")
    said = r"nets/a.onnx can't predict: its outputs are of the shapes \[\(2, 3\)\], not \[\(2, 4\)\]. Copy it again"
    with pytest.raises(ModelError, match=said):
        wrong.run(np.zeros((2, 4, 6, 3), np.uint8))


def test_batches_change_nothing_but_the_number_of_tasks() -> None:
    assert list(LOCAL.map(lambda number: number * number, range(100), 7)) == [number**2 for number in range(100)]
    assert [len(batch) for batch in batched(range(10), 4)] == [4, 4, 2]


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(PawlabError, match=r"--address is of a Ray cluster\. Add --engine ray, or leave it out\."):
        EngineOptions(address="10.0.0.1:6379")
    with pytest.raises(PawlabError, match=r"there is no engine 'spark'\. Give local or ray\."):
        EngineOptions("spark")  # type: ignore[arg-type]
    assert EngineOptions().open() is LOCAL


def test_ray_that_is_not_installed_is_an_extra() -> None:
    if find_spec("ray"):
        pytest.skip("Ray is installed")
    with pytest.raises(MissingExtraError, match=r"^--engine ray needs the extra 'ray': .*install .*pawlab\[ray\]"):
        EngineOptions("ray").open()
