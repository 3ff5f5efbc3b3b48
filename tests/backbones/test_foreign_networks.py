"""Networks as PyTorch and timm export them (tests/networks/make.py), read as they are."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from pawlab.backbones.load import backbone_graph, own_size
from pawlab.backbones.own import read_own
from pawlab.errors import WeightsError
from pawlab.graphs.edit import FEATURES_ARE
from pawlab.graphs.entry import to_our_opset
from pawlab.graphs.runtime import open_graph
from sessions import open_session

NETWORKS = Path(__file__).parents[1] / "networks"
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
RNG = np.random.default_rng(0)
Array = NDArray[np.float32]

# file, its pictures' side, what the features are, and the output that says so
READ = [
    ("vit_pooled", 32, "the output 'features'"),
    ("vit_hidden", 56, "the output 'pooler_output'"),
    ("vit_newest", 32, "the first (class token) of the 17 tokens in 'last_hidden_state'"),
    ("vit_registers", 32, "the first (class token) of the 21 tokens in 'last_hidden_state'"),
    ("vit_without_cls", 32, "the mean of the 16 tokens in 'last_hidden_state'"),
    ("vit_one_picture", 32, "the first (class token) of the 17 tokens in 'last_hidden_state'"),
    ("tiny_vit", 64, "the output 'output'"),
    ("mobilenet", 64, "the mean over places of the feature map 'map'"),
    ("branching", 32, "the mean over places of the feature map 'map'"),
]


def network(tmp_path: Path, name: str, said: str = 'preset = "imagenet"\n') -> Path:
    path = Path(shutil.copy(NETWORKS / f"{name}.onnx", tmp_path / "net.onnx"))
    path.with_suffix(".toml").write_text(said, encoding="utf-8")
    return path


def answered_alone(path: Path, pictures: NDArray[np.uint8], what: str) -> Array:
    """What the network itself gives for each picture, brought to features as `what` says."""
    session = open_session(path)
    scaled = ((pictures / 255 - MEAN) / STD).astype(np.float32).transpose(0, 3, 1, 2)
    (output,) = [output.name for output in session.get_outputs() if f"'{output.name}'" in what]
    given = np.concatenate(
        [session.run([output], {session.get_inputs()[0].name: one[np.newaxis]})[0] for one in scaled]
    )
    if given.ndim == 4:
        return np.asarray(given.mean(axis=(2, 3)))
    return np.asarray(given if given.ndim == 2 else given[:, 0] if "first" in what else given.mean(axis=1))


@pytest.mark.parametrize(("name", "side", "what"), READ)
def test_it_is_read_as_it_is(tmp_path: Path, name: str, side: int, what: str) -> None:
    path = network(tmp_path, name)
    assert own_size(str(path)) == (side, side)
    graph = backbone_graph(str(path), (side, side))
    opened = open_graph(graph.path)
    assert opened.metadata[FEATURES_ARE] == what
    pictures = RNG.integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    (features,) = opened.run(["features"], pictures)
    expected = answered_alone(path, pictures, what)
    assert features.shape == (3, graph.backbone.channels)
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * np.abs(expected).max()
    np.testing.assert_allclose(features, expected, atol=1e-4 * np.abs(expected).max())


def test_tokens_for_each_patch_are_a_feature_map(tmp_path: Path) -> None:
    graph = backbone_graph(str(network(tmp_path, "vit_without_cls")), (32, 32))
    pictures = RNG.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    feature_map, features = open_graph(graph.path).run(["feature_map", "features"], pictures)
    assert feature_map.shape == (2, 4, 4, 12)
    np.testing.assert_allclose(feature_map.mean(axis=(1, 2)), features, atol=1e-5)


def test_the_description_may_choose_other_tokens(tmp_path: Path) -> None:
    said = 'preset = "imagenet"\noutput = "last_hidden_state"\n'
    first = backbone_graph(str(network(tmp_path, "vit_hidden", said)), (56, 56))
    mean = backbone_graph(str(network(tmp_path, "vit_hidden", f'{said}tokens = "mean"')), (56, 56))
    pictures = RNG.integers(0, 256, (2, 56, 56, 3), dtype=np.uint8)
    whats = [open_graph(graph.path).metadata[FEATURES_ARE] for graph in (first, mean)]
    assert whats[1] == "the mean of the 17 tokens in 'last_hidden_state'"
    for graph, what in zip((first, mean), whats, strict=True):
        expected = answered_alone(tmp_path / "net.onnx", pictures, what)
        np.testing.assert_allclose(open_graph(graph.path).run(["features"], pictures)[0], expected, atol=1e-4)


def test_rows_without_patches_must_be_told(tmp_path: Path) -> None:
    """The first of 16 rows, where patches can't be counted: a copy stands before the convolution's own windows."""
    path = network(tmp_path, "vit_without_cls")
    model = onnx.load(path)
    (convolution,) = [node for node in model.graph.node if node.op_type == "Conv"]
    first = onnx.helper.make_node("Conv", ["pixels", "one"], ["copied"], kernel_shape=[1, 1], pads=[0, 0, 0, 0])
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), "one"))
    convolution.input[0] = "copied"
    model.graph.node.insert(0, first)
    onnx.save(model, path)
    with pytest.raises(WeightsError) as caught:
        backbone_graph(str(path), (32, 32))
    assert str(caught.value) == (
        f"{path} gives 16 rows for a picture, and it can't be told whether the first stands for the whole. "
        f'Write tokens = "first" (a class token) or tokens = "mean" into {tmp_path / "net.toml"}.'
    )
    path.with_suffix(".toml").write_text('preset = "imagenet"\ntokens = "mean"', encoding="utf-8")
    assert backbone_graph(str(path), (32, 32)).backbone.channels == 12


HUBS = {
    "preprocessor_config.json": {
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": MEAN.tolist(),
        "image_std": STD.tolist(),
        "do_center_crop": True,
        "size": {"shortest_edge": 64},
        "crop_size": {"height": 56, "width": 56},
    },
    "config.json": {"pretrained_cfg": {"mean": MEAN.tolist(), "std": STD.tolist(), "input_size": [3, 56, 56]}},
}


@pytest.mark.parametrize("name", HUBS)
@pytest.mark.parametrize("above", [False, True])
def test_what_hubs_keep_beside_networks_describes_them(tmp_path: Path, name: str, above: bool) -> None:
    told = backbone_graph(str(network(tmp_path, "vit_hidden")), (56, 56))
    folder = tmp_path / "hub" / "onnx"
    folder.mkdir(parents=True)
    path = Path(shutil.copy(NETWORKS / "vit_hidden.onnx", folder / "model.onnx"))
    ((folder.parent if above else folder) / name).write_text(json.dumps(HUBS[name]), encoding="utf-8")
    read = read_own(path)
    assert (read.image_size, read.row.mean, read.row.std) == ((56, 56), told.backbone.mean, told.backbone.std)


def test_control_flow_that_asks_for_pixels_stays_refused(tmp_path: Path) -> None:
    """`branching` with the condition taken from a pixel."""
    model = onnx.load(NETWORKS / "branching.onnx")
    (branch,) = [node for node in model.graph.node if node.op_type == "If"]
    place = list(model.graph.node).index(branch)
    largest = onnx.helper.make_node("ReduceMax", ["pixels"], ["largest"], keepdims=0)
    model.graph.node.insert(place, onnx.helper.make_node("Cast", ["largest"], ["bright"], to=onnx.TensorProto.BOOL))
    model.graph.node.insert(place, largest)
    branch.input[0] = "bright"
    path = network(tmp_path, "branching")
    onnx.save(model, path)
    with pytest.raises(WeightsError, match=r"its graph has control flow \(If\), which pawlab doesn't take"):
        read_own(path)
    with pytest.raises(ValueError, match="control flow"):
        to_our_opset(model)
