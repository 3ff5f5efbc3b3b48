from math import log
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from pawlab import pipeline as workflow
from pawlab.errors import OutputError, PawlabError
from pawlab.evaluation.explain import Explainer, Heatmap, overlay, resized, write_explanation
from pawlab.graphs.anatomy import Anatomy, find_anatomy
from pawlab.images import decode
from pawlab.runs.record import Run
from sessions import open_session

BLUE, RED = "cold-squares", "warm-circles"


@pytest.fixture(scope="module")
def run(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return workflow.train(learnable_folder, out=tmp_path_factory.mktemp("runs") / "learnable", report=False)


def bias_of(run: Run) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    constants = {tensor.name: tensor for tensor in onnx.load(run.folder / "model.onnx").graph.initializer}
    return np.asarray(numpy_helper.to_array(constants["head_bias"]))


@pytest.mark.parametrize("number", ["00", "07", "21"])
def test_the_map_adds_up_to_the_answer(run: Run, learnable_folder: Path, number: str) -> None:
    """Mean plus bias is the logit, and the difference of two logits is that of the answers' logarithms."""
    picture = learnable_folder / RED / f"{number}.png"
    first, second = (Explainer(run.classifier).heatmap(picture, label) for label in (BLUE, RED))
    assert first.method == "class activation"
    bias = bias_of(run)
    difference = float(first.values.mean() + bias[0] - second.values.mean() - bias[1])
    answer = run.classifier.predict(picture).probabilities
    expected = (log(answer[BLUE]) - log(answer[RED])) * run.metrics["calibration"]["temperature"]
    assert difference == pytest.approx(expected, abs=1e-3)


def test_the_map_of_a_run_has_the_cells_of_the_largest_stage(run: Run, learnable_folder: Path) -> None:
    assert Explainer(run.classifier).heatmap(learnable_folder / RED / "00.png").values.shape == (28, 28)


@pytest.mark.parametrize("old", [(1, 1), (3, 4), (7, 7), (8, 15)])
def test_a_map_in_other_cells_keeps_its_mean(old: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=old)
    larger = resized(values, 15, 15)
    assert larger.mean() == pytest.approx(values.mean())
    assert larger[0, 0] == pytest.approx(values[0, 0])
    np.testing.assert_allclose(resized(values, *(3 * side for side in old)), np.kron(values, np.ones((3, 3))))
    np.testing.assert_allclose(resized(values, *old), values)


def test_without_a_class_the_map_is_of_the_answer(run: Run, learnable_folder: Path) -> None:
    picture = learnable_folder / RED / "00.png"
    explainer = Explainer(run.classifier)
    mine = explainer.heatmap(picture)
    assert mine.label == RED
    np.testing.assert_array_equal(mine.values, explainer.heatmap(picture, RED).values)


def test_an_unknown_class_is_told_with_the_nearest(run: Run, learnable_folder: Path) -> None:
    with pytest.raises(PawlabError, match=r"Did you mean 'warm-circles'\?"):
        Explainer(run.classifier).heatmap(learnable_folder / RED / "00.png", "warm-circle")


def test_the_overlay_is_brightest_where_most_speaks_for_the_class() -> None:
    values = np.zeros((2, 2), np.float32)
    values[0, 1] = 3.0
    values[1, 0] = -1.0
    drawn = overlay(np.full((40, 60, 3), 120, np.uint8), Heatmap(values, "any", "Grad-CAM")).astype(int).sum(axis=2)
    assert drawn.shape == (40, 60)
    assert drawn[3, 56] == drawn.max()
    assert abs(drawn[36, 3] - drawn[36, 56]) <= 2  # against it is as dark as nothing, but for the smoothing
    assert drawn[36, 3] < drawn[3, 56] / 1.5


def test_the_explanation_is_the_picture_with_the_map_laid_over_it(
    run: Run, learnable_folder: Path, tmp_path: Path
) -> None:
    picture = learnable_folder / RED / "00.png"
    heat = write_explanation(run.classifier, picture, tmp_path / "why.png")
    with Image.open(tmp_path / "why.png") as drawn:
        np.testing.assert_array_equal(np.asarray(drawn), overlay(decode(picture), heat))


@pytest.mark.parametrize("name", ["why.png", "why.jpg", "why.webp"])
def test_an_explanation_is_replaced_and_no_photo_is(
    name: str, run: Run, learnable_folder: Path, tmp_path: Path
) -> None:
    picture, mine = learnable_folder / RED / "00.png", tmp_path / f"mine-{name}"
    for _ in range(2):
        write_explanation(run.classifier, picture, tmp_path / name)
    with Image.open(picture) as photo:
        photo.convert("RGB").save(mine)
    before = mine.read_bytes()
    with pytest.raises(OutputError) as caught:
        write_explanation(run.classifier, picture, mine)
    assert str(caught.value) == f"{mine} is there already and is no heat map. Choose another --out."
    assert mine.read_bytes() == before


@pytest.mark.parametrize("recipe", ["c1", "d3"])
def test_grad_cam_follows_the_networks_own_slopes(recipe: str, learnable_folder: Path, tmp_path: Path) -> None:
    """The layers behind the last convolution are linear in pieces: a small step either way measures the slope."""
    pytest.importorskip("keras", reason="needs the extra 'keras'")
    run = workflow.train(learnable_folder, recipe, tmp_path / "run", epochs=1, report=False)
    explainer = Explainer(run.classifier)
    anatomy = find_anatomy(onnx.load(run.folder / "model.onnx"))
    pixels = decode(learnable_folder / RED / "00.png", run.classifier.card.preprocess)[np.newaxis]
    values = dict(zip(explainer._names, explainer._graph.run(explainer._names, pixels), strict=True))
    channels = values[anatomy.branches[0].feature_map]
    tail = open_session(tail_of(run, anatomy))
    random = np.random.default_rng(0)
    for place in (0, 1):
        ((_, slope),) = explainer._gradients(values, place)
        direction = (random.normal(size=channels.shape) * (channels > 0)).astype(np.float32)
        step = direction * (5e-5 * float(np.abs(channels).max()))
        up, down = (
            tail.run(None, {anatomy.branches[0].feature_map: channels + sign * step})[0][0, place] for sign in (1, -1)
        )
        parts = slope * step
        spread = float(np.sqrt((parts**2).sum()))  # what a wrong slope would be off by
        assert (up - down) / 2 == pytest.approx(float(parts.sum()), rel=0.05, abs=0.1 * spread)


def tail_of(run: Run, anatomy: Anatomy) -> bytes:
    """The layers from the feature map to the logits, as a graph of their own."""
    model = onnx.load(run.folder / "model.onnx")
    given = helper.make_tensor_value_info(anatomy.branches[0].feature_map, TensorProto.FLOAT, None)
    made = helper.make_tensor_value_info(anatomy.logits, TensorProto.FLOAT, None)
    graph = helper.make_graph(list(anatomy.tail), "tail", [given], [made], list(model.graph.initializer))
    return bytes(
        helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version).SerializeToString()
    )
