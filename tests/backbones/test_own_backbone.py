from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from own_networks import SCALING, Value, cells_network, write_network
from pawlab.backbones.load import BackboneGraph, backbone_graph, own_size
from pawlab.backbones.own import read_own
from pawlab.errors import PawlabError, RecipeError, WeightsError
from pawlab.features.extract import features_by_content
from pawlab.graphs.edit import add_linear_classifier
from pawlab.images import Preprocess
from pawlab.trainers.probe import LinearProbe
from sessions import open_session

FLOATS: Value = ("y", TensorProto.FLOAT, ["n", "d"])
RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
MEAN, STD = np.array([0.5, 0.4, 0.3]), 0.25


def answers(graph: BackboneGraph, output: str = "features") -> NDArray[np.float32]:
    return np.asarray(open_session(graph.path).run([output], {"pictures": PICTURES})[0])


def cells(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What `cells_network` should give: the mean of scaled colours in each 4 x 4 cell, colour by colour."""
    scaled = (pictures / 255 - MEAN) / STD
    blocks = scaled.reshape(len(pictures), 4, 4, 4, 4, 3).mean(axis=(2, 4))
    return np.asarray(blocks.transpose(0, 3, 1, 2).reshape(len(pictures), -1))


@pytest.mark.parametrize("opset", [11, 13, 17, 21])
def test_pixels_are_scaled_as_the_description_says(tmp_path: Path, opset: int) -> None:
    graph = backbone_graph(str(cells_network(tmp_path / "net.onnx", opset=opset)), (16, 16))
    assert (graph.backbone.channels, graph.backbone.parameters) == (48, 0)
    np.testing.assert_allclose(answers(graph), cells(PICTURES), atol=1e-5)


def test_the_range_in_which_mean_and_std_are_meant_is_honoured(tmp_path: Path) -> None:
    said = f'pixels = "0-255"\nmean = {[127.5, 102.0, 76.5]}\nstd = 63.75\n'
    graph = backbone_graph(str(cells_network(tmp_path / "net.onnx", said)), (16, 16))
    np.testing.assert_allclose(answers(graph), cells(PICTURES), atol=1e-5)


def test_colours_may_stand_last_and_maps_are_averaged(tmp_path: Path) -> None:
    """A network of one pixelwise mixing, (n, h, w, 3) -> (n, h, w, 5), with several outputs and an open size."""
    mixing = RNG.normal(size=(3, 5)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "mixing"], ["map"]), helper.make_node("Neg", ["map"], ["other"])]
    shape: list[int | str] = ["n", "h", "w", 5]
    path = write_network(
        tmp_path / "net.onnx",
        nodes,
        ("x", TensorProto.FLOAT, [1, "h", "w", 3]),
        [("other", TensorProto.FLOAT, shape), ("map", TensorProto.FLOAT, shape)],
        {"mixing": mixing},
    )
    (tmp_path / "net.toml").write_text(SCALING + 'output = "map"\n', encoding="utf-8")
    graph = backbone_graph(str(path), (16, 16))
    expected = ((PICTURES / 255 - MEAN) / STD) @ mixing
    assert (own_size(str(path)), graph.backbone.parameters) == (None, 15)
    np.testing.assert_allclose(answers(graph, "feature_map"), expected, atol=1e-5)
    np.testing.assert_allclose(answers(graph), expected.mean(axis=(1, 2)), atol=1e-5)


def test_a_network_of_uint8_needs_no_description(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("GlobalAveragePool", ["floats"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["y"]),
    ]
    path = write_network(tmp_path / "net.onnx", nodes, ("x", TensorProto.UINT8, ["n", 3, 16, 16]), [FLOATS])
    graph = backbone_graph(str(path), (16, 16))
    np.testing.assert_allclose(answers(graph), PICTURES.mean(axis=(1, 2)), rtol=1e-5)


def test_weights_may_lie_in_a_file_beside(tmp_path: Path) -> None:
    kernel = RNG.normal(size=(4, 3, 16, 16)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "kernel"], ["map"]), helper.make_node("Flatten", ["map"], ["y"])]
    path = tmp_path / "net.onnx"
    write_network(path, nodes, ("x", TensorProto.FLOAT, ["n", 3, 16, 16]), [FLOATS], {"kernel": kernel})
    path.with_suffix(".toml").write_text(SCALING, encoding="utf-8")
    whole = backbone_graph(str(path), (16, 16))
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="net.weights", size_threshold=0)
    apart = backbone_graph(str(path), (16, 16))
    np.testing.assert_array_equal(answers(apart), answers(whole))
    assert apart.backbone.parameters == kernel.size
    (tmp_path / "net.weights").write_bytes((2 * kernel).tobytes())
    assert backbone_graph(str(path), (16, 16)).checksum != apart.checksum


def test_features_are_kept_under_the_networks_own_checksum(tmp_path: Path) -> None:
    path = cells_network(tmp_path / "net.onnx")
    first = features_by_content({64 * "1": PICTURES[0]}, backbone_graph(str(path), (16, 16)), Preprocess(16, 16))
    again = features_by_content({64 * "1": PICTURES[0]}, backbone_graph(str(path), (16, 16)), Preprocess(16, 16))
    assert (first.computed, again.computed) == (1, 0)
    path.with_suffix(".toml").write_text(SCALING.replace("0.4", "0.45"), encoding="utf-8")
    other = features_by_content({64 * "1": PICTURES[0]}, backbone_graph(str(path), (16, 16)), Preprocess(16, 16))
    assert other.computed == 1
    assert not np.allclose(other.features, first.features)


def test_a_head_joins_it(tmp_path: Path) -> None:
    graph = backbone_graph(str(cells_network(tmp_path / "net.onnx", opset=12)), (16, 16))
    head = LinearProbe(RNG.normal(size=(48, 3)).astype(np.float32), np.zeros(3, np.float32), 1.0)
    joined = add_linear_classifier(graph.path.read_bytes(), head.weights, head.bias)
    session = open_session(joined.SerializeToString())
    (given,) = session.run(["probabilities"], {"pictures": PICTURES})
    np.testing.assert_allclose(given, head.probabilities(answers(graph)), atol=1e-6)


def network(tmp_path: Path, nodes: list[Any], given: Value, results: list[Value], said: str = SCALING) -> Path:
    path = write_network(tmp_path / "net.onnx", nodes, given, results)
    path.with_suffix(".toml").write_text(said, encoding="utf-8")
    return path


def pooled(given: str = "x") -> list[Any]:
    return [helper.make_node("GlobalAveragePool", [given], ["p"]), helper.make_node("Flatten", ["p"], ["y"])]


X: Value = ("x", TensorProto.FLOAT, ["n", 3, 16, 16])

DESCRIPTIONS = [
    ("", "doesn't say how pixels become its numbers. Write into {toml} what it was trained with, such as"),
    ('pixels = "0-1"\nmean = 0.5', "0.225]. Missing: std."),
    (
        SCALING + 'colors = "RGB"',
        "{toml} says 'colors'. It may say: preset, pixels, mean, std, image_size, ",
    ),
    (SCALING + "image_sise = 16", "{toml} says 'image_sise'. Did you mean 'image_size'? It may say: "),
    (SCALING.replace("0-1", "0-2"), '{toml}: pixels is "0-1" or "0-255", not \'0-2\'.'),
    (SCALING.replace("0.25", "0"), "{toml}: std is more than 0, not 0."),
    (SCALING.replace("0.25", "[1, 2]"), "{toml}: std is one number or three, not [1, 2]."),
    (SCALING.replace("0.25", "nan"), "{toml}: std is one number or three, not nan."),
    (SCALING.replace("0.25", "true"), "{toml}: std is one number or three, not True."),
    (SCALING.replace('"0-1"', "[1]"), '{toml}: pixels is "0-1" or "0-255", not [1].'),
    (SCALING.replace("0.25", "1" + "0" * 30), "{toml}: std is one number or three, not 1" + "0" * 30 + "."),
    (SCALING + "image_size = 10001", "{toml}: image_size is a number of pixels or [height, width], not 10001."),
    ('preset = "imagenet"\nmean = 0.5', "{toml}: preset stands for pixels, mean, std. Leave out mean."),
    ('preset = "imagnet"', "{toml}: preset is one of imagenet, clip, half, unit, not 'imagnet'."),
    (SCALING + 'tokens = "all"', '{toml}: tokens is "first" or "mean", not \'all\'.'),
    (SCALING + "image_size = 0", "{toml}: image_size is a number of pixels or [height, width], not 0."),
    (SCALING + "image_size = 32", "{toml}: image_size is 32, but net.onnx takes 16 x 16."),
    (
        SCALING + 'layout = "NHWC"',
        "the input of {path}, (?, 3, 16, 16), isn't that of pictures with three colours in the",
    ),
    (SCALING + 'output = "z"', "{path} has no output 'z'. Correct {toml}: one of y."),
    ("pixels = ", "{toml} can't be read: "),
]


@pytest.mark.parametrize(("said", "sentence"), DESCRIPTIONS)
def test_a_description_is_checked(tmp_path: Path, said: str, sentence: str) -> None:
    path = network(tmp_path, pooled(), X, [FLOATS], said)
    with pytest.raises(WeightsError) as caught:
        read_own(path)
    assert sentence.format(path=path, toml=tmp_path / "net.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_description_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = network(tmp_path, pooled(), X, [FLOATS])
    plain = read_own(path).row.sha256
    path.with_suffix(".toml").write_text(SCALING, encoding="utf-8-sig")
    assert read_own(path).row.sha256 == plain


def test_a_description_in_another_encoding_is_to_be_saved_anew(tmp_path: Path) -> None:
    path = network(tmp_path, pooled(), X, [FLOATS])
    path.with_suffix(".toml").write_text(SCALING, encoding="utf-16")
    with pytest.raises(WeightsError) as caught:
        read_own(path)
    assert str(caught.value) == (f"{tmp_path / 'net.toml'} can't be read: it isn't text in UTF-8. Save it as UTF-8.")


def test_a_shape_that_fits_both_layouts_must_be_told(tmp_path: Path) -> None:
    path = network(tmp_path, pooled(), ("x", TensorProto.FLOAT, ["n", 3, 16, 3]), [FLOATS])
    with pytest.raises(WeightsError, match=r'doesn\'t show where the colours stand. Write layout = "NCHW" or layout'):
        read_own(path)
    path.with_suffix(".toml").write_text(SCALING + 'layout = "NCHW"', encoding="utf-8")
    assert read_own(path).image_size == (16, 3)


NETWORKS: list[tuple[list[Any], Value, list[Value], str]] = [
    (pooled(), ("x", TensorProto.FLOAT, ["n", 1, 16, 16]), [FLOATS], "isn't that of pictures with three colours."),
    (pooled(), ("x", TensorProto.DOUBLE, ["n", 3, 16, 16]), [("y", TensorProto.DOUBLE, ["n", "d"])], "aren't float32"),
    (pooled(), X, [FLOATS, ("p", TensorProto.FLOAT, ["n", 3, 1, 1])], "has several outputs. Write output = ... into"),
    (
        [helper.make_node("Identity", ["x"], ["y"])],
        ("x", TensorProto.FLOAT, ["n", 3]),
        [FLOATS],
        "takes x (?, 3); a backbone takes pictures alone, in four axes.",
    ),
    (
        [helper.make_node("ReduceMean", ["x"], ["y"], axes=[1, 2, 3], keepdims=0)],
        X,
        [("y", TensorProto.FLOAT, ["n"])],
        "the output 'y' of {path} is (?); features are floats in two axes, in three, one row for each place, or in",
    ),
]


@pytest.mark.parametrize(("nodes", "given", "results", "sentence"), NETWORKS)
def test_a_network_of_another_shape_is_refused(
    tmp_path: Path, nodes: list[Any], given: Value, results: list[Value], sentence: str
) -> None:
    path = network(tmp_path, nodes, given, results)
    with pytest.raises(WeightsError) as caught:
        read_own(path)
    assert sentence.format(path=path) in str(caught.value)


def unsound(kind: str) -> list[Any]:
    """Networks whose shapes are right and whose answers aren't."""
    if kind == "beside":  # subtracts the mean over pictures, as batch norm in training mode does
        mean = helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1)
        return [mean, helper.make_node("Sub", ["x", "mean"], ["z"]), *pooled("z")]
    if kind == "numbers":
        return [
            helper.make_node("Sub", ["x", "x"], ["zero"]),
            helper.make_node("Div", ["x", "zero"], ["z"]),
            *pooled("z"),
        ]
    return [helper.make_node("Sub", ["x", "x"], ["z"]), *pooled("z")]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("beside", "{path} gives a picture other features beside other pictures. Export it in inference mode, with an"),
        ("numbers", "{path} gives features that aren't numbers. Check pixels, mean and std in {toml}."),
        ("same", "{path} gives every picture the same features."),
    ],
)
def test_a_network_is_tried_out(tmp_path: Path, kind: str, sentence: str) -> None:
    path = network(tmp_path, unsound(kind), X, [FLOATS])
    with pytest.raises(WeightsError) as caught:
        backbone_graph(str(path), (16, 16))
    assert sentence.format(path=path, toml=tmp_path / "net.toml") in str(caught.value)


def one_picture_network(tmp_path: Path, *shapes: list[int]) -> Path:
    """Write a network for one picture that reshapes its pixels, to one shape after the other."""
    names = ["x", *(f"r{place}" for place in range(1, len(shapes))), "y"]
    nodes = [helper.make_node("Reshape", [given, f"s{given}"], [made]) for given, made in pairwise(names)]
    constants = {f"s{given}": np.array(shape) for given, shape in zip(names, shapes, strict=False)}
    given: Value = ("x", TensorProto.FLOAT, [1, 3, 16, 16])
    path = write_network(tmp_path / "net.onnx", nodes, given, [("y", TensorProto.FLOAT, [1, 768])], constants)
    path.with_suffix(".toml").write_text(SCALING, encoding="utf-8")
    return path


def test_a_network_for_one_picture_at_a_time_takes_more_where_its_reshapes_allow(tmp_path: Path) -> None:
    graph = backbone_graph(str(one_picture_network(tmp_path, [1, 768])), (16, 16))
    expected = ((PICTURES / 255 - MEAN) / STD).transpose(0, 3, 1, 2).reshape(3, -1)
    np.testing.assert_allclose(answers(graph), expected, atol=1e-5)


def test_a_network_for_one_picture_at_a_time_is_refused_where_they_do_not(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"fails on two pictures of 16 x 16 pixels; export it with an open number of"
    ):
        backbone_graph(str(one_picture_network(tmp_path, [768], [1, 768])), (16, 16))


def test_files_that_are_not_networks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("hello", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"text.onnx can't be read as ONNX: "):
        read_own(tmp_path / "text.onnx")
    with pytest.raises(WeightsError, match=r"there is no backbone .*nowhere.onnx"):
        read_own(tmp_path / "nowhere.onnx")


def test_another_size_or_other_weights_are_refused(tmp_path: Path) -> None:
    path = str(cells_network(tmp_path / "net.onnx"))
    assert own_size(path) == (16, 16)
    with pytest.raises(RecipeError, match=r"net.onnx takes pictures of 16 x 16 pixels, not 32 x 32."):
        backbone_graph(path, (32, 32))
    with pytest.raises(RecipeError, match=r"net.onnx holds its own weights. Leave --weights out."):
        backbone_graph(path, (16, 16), tmp_path / "weights.h5")
    assert issubclass(WeightsError, PawlabError)
