"""A model file that is damaged, or made to do harm, is refused before anything of it is computed."""

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pawlab.classifier import Classifier, save_classifier
from pawlab.errors import ModelError, OutputError
from pawlab.graphs.checksum import checksum_holds, with_checksum
from pawlab.graphs.entry import to_our_opset
from pawlab.graphs.untrusted import require_plain_nodes
from pawlab.runs.record import Run, write_json
from test_classifier import CARD, colour_graph

SOUND = json.loads(CARD.to_json())
SIZE = SOUND["preprocess"]
SEEN = {"count": 2, "prefixes": "AAAAAAAAAAA="}  # eight bytes are of one


@pytest.fixture
def saved(tmp_path: Path) -> bytes:
    save_classifier(colour_graph(), CARD, tmp_path / "model.onnx")
    return (tmp_path / "model.onnx").read_bytes()


def refusal(data: bytes, folder: Path) -> str:
    """Return what is said of a file that must be refused."""
    path = folder / "given.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        Classifier.load(path)
    said = str(caught.value)
    assert "\n" not in said
    return said.removeprefix(f"{path} ")


def with_card(text: str, graph: Any = None) -> bytes:
    """Return a file with any text as its card, and a checksum that holds, as a stranger can compute it."""
    model = graph or colour_graph()
    entry = model.metadata_props.add()
    entry.key, entry.value = "pawlab", text
    return with_checksum(model.SerializeToString())


def test_a_checksum_is_one_more_entry_of_the_metadata(saved: bytes) -> None:
    model = onnx.load_from_string(saved)
    assert [entry.key for entry in model.metadata_props] == ["pawlab", "pawlab_sha256"]
    assert checksum_holds(saved) is True
    assert checksum_holds(b"") is checksum_holds(saved[:-1]) is None


def test_every_flipped_bit_is_found(saved: bytes, tmp_path: Path) -> None:
    places = random.Random(0).sample(range(8 * len(saved)), 200)
    places += range(8 * (len(saved) - 90), 8 * len(saved))  # the checksum's own
    for place in places:
        damaged = bytearray(saved)
        damaged[place // 8] ^= 1 << place % 8
        assert re.search("damaged|isn't one of pawlab's|not one of pawlab's", refusal(bytes(damaged), tmp_path))


def test_damage_is_said_plainly(saved: bytes, tmp_path: Path) -> None:
    said = refusal(saved.replace(b"green", b"grown"), tmp_path)
    assert said == "is damaged: its checksum doesn't match its content. Copy it again, or train anew."


def test_a_file_without_its_checksum_is_refused_unless_it_never_had_one(saved: bytes, tmp_path: Path) -> None:
    model = onnx.load_from_string(saved)
    del model.metadata_props[1]
    assert refusal(model.SerializeToString(), tmp_path).startswith("is damaged: it has lost its checksum.")
    model.metadata_props[0].value = json.dumps({name: SOUND[name] for name in SOUND if name != "checksum"})
    (tmp_path / "old.onnx").write_bytes(model.SerializeToString())
    assert Classifier.load(tmp_path / "old.onnx").classes == CARD.classes


def test_a_graph_that_gives_something_other_than_it_says_cannot_predict(tmp_path: Path) -> None:
    graph = colour_graph()
    graph.graph.node[3].CopyFrom(helper.make_node("Shape", ["logits"], ["numbers"]))
    graph.graph.node.append(helper.make_node("Cast", ["numbers"], ["probabilities"], to=TensorProto.FLOAT))
    path = tmp_path / "given.onnx"
    path.write_bytes(with_card(CARD.to_json(), graph))
    classifier = Classifier.load(path)
    with pytest.raises(ModelError) as caught:
        classifier.predict(np.zeros((4, 6, 3), np.uint8))
    said = "can't predict: its outputs are of the shapes [(2,)], not [(1, 3)]. Copy it again, or train anew."
    assert str(caught.value) == f"{path} {said}"


def test_what_onnx_runtime_refuses_is_said_once_and_by_us(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its Python face prints where the name of an operator isn't text."""
    graph = colour_graph()
    graph.graph.node[3].op_type = "Nonsense"
    data = with_checksum(with_card(CARD.to_json(), graph)[:-83].replace(b"Nonsense", b"Nonsens\x8e"))
    assert "isn't a model file that can be read" in refusal(data, tmp_path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"classes": ["a", "a", "b"]}, "'classes' is ['a', 'a', 'b'], not two different names or more"),
        ({"classes": [["a"], ["b"], ["c"]]}, "'classes' is"),
        ({"classes": "abc"}, "'classes' is 'abc'"),
        ({"classes": ["a"]}, "'classes' is ['a']"),
        ({"classes": ["a", "b", ""]}, "'classes' is"),
        ({"classes": None}, "'classes' is None"),
        ({"preprocess": {**SIZE, "height": 224.5}}, "'height' is 224.5, not a whole number from 1 to 10000"),
        ({"preprocess": {**SIZE, "height": True}}, "'height' is True"),
        ({"preprocess": {**SIZE, "width": 0}}, "'width' is 0"),
        ({"preprocess": {**SIZE, "width": 10**400}}, "'width' is 1000"),
        ({"preprocess": {**SIZE, "value_range": [0, "x"]}}, "'value_range' is"),
        ({"preprocess": {**SIZE, "value_range": [0, 1e999]}}, "it holds Infinity, which JSON doesn't know"),
        ({"preprocess": {**SIZE, "value_range": [5, 1]}}, "black must be less than white"),
        ({"preprocess": {**SIZE, "colour": 1}}, "'preprocess' isn't as pawlab writes it"),
        ({"preprocess": {**SIZE, "resize_mode": []}}, "resize_mode is one of"),
        ({"preprocess": 5}, "its card isn't made as pawlab's are"),
        ({"threshold": float("nan")}, "it holds NaN, which JSON doesn't know"),
        ({"threshold": 1.5}, "'threshold' is 1.5, not a number from 0 to 1"),
        ({"threshold": "0.5"}, "'threshold' is '0.5'"),
        ({"ood_threshold": -1}, "'ood_threshold' is -1"),
        ({"recipe": 7}, "'recipe' is 7"),
        ({"version": "9" * 2000}, "'version' is"),
        ({"format": "2"}, "'format' is '2'"),
        ({"format": 0}, "'format' is 0"),
        ({"seen": SEEN}, "'prefixes' is"),
        ({"seen": {"count": -1, "prefixes": ""}}, "'count' is -1"),
        ({"seen": []}, "its card isn't made as pawlab's are"),
        ({"more": "x" * 2_000_000}, "its metadata is of more than 2,000,000 bytes"),
    ],
)
def test_a_card_that_is_not_sound_is_refused(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    found = refusal(with_card(json.dumps({**SOUND, **change})), tmp_path)
    assert found.startswith("can't be used: ")
    assert said in found


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "nonsense", "[" * 200_000, '{"a":' * 100_000])
def test_a_card_that_is_no_card_is_refused(text: str, tmp_path: Path) -> None:
    assert refusal(with_card(text), tmp_path).startswith("can't be used: ")


def test_a_card_and_a_graph_of_different_sizes_do_not_fit(tmp_path: Path) -> None:
    graph = colour_graph()
    graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5
    assert refusal(with_card(CARD.to_json(), graph), tmp_path).startswith("is damaged: its input doesn't match")


def add_loop(graph: Any) -> None:
    flag = helper.make_tensor_value_info("go", TensorProto.BOOL, [])
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    again = helper.make_tensor_value_info("go_on", TensorProto.BOOL, [])
    body = helper.make_graph([helper.make_node("Identity", ["go"], ["go_on"])], "for ever", [count, flag], [again])
    graph.node.insert(0, helper.make_node("Loop", ["", "yes"], [], body=body))
    graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))


def add_if(graph: Any) -> None:
    one = numpy_helper.from_array(np.ones(1, np.float32))
    made = helper.make_tensor_value_info("v", TensorProto.FLOAT, [1])
    branch = helper.make_graph([helper.make_node("Constant", [], ["v"], value=one)], "one", [], [made])
    graph.node.insert(0, helper.make_node("If", ["yes"], ["w"], then_branch=branch, else_branch=branch))
    graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))


def add_foreign_operator(graph: Any) -> None:
    graph.node.insert(0, helper.make_node("Inverse", ["reverse"], ["x"], domain="com.microsoft"))


def add_outside_data(graph: Any) -> None:
    onnx.external_data_helper.set_external_data(graph.initializer[0], "/etc/passwd")


def add_outside_data_in_a_node(graph: Any) -> None:
    value = numpy_helper.from_array(np.ones(1, np.float32), "v")
    onnx.external_data_helper.set_external_data(value, "/etc/passwd")
    graph.node.insert(0, helper.make_node("Constant", [], ["x"], value=value))


def add_huge_tensor(graph: Any) -> None:
    graph.node.insert(0, helper.make_node("ConstantOfShape", ["shape"], ["x"]))
    graph.initializer.append(numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "shape"))


def add_huge_expansion(graph: Any) -> None:
    graph.node.insert(0, helper.make_node("Expand", ["reverse", "shape"], ["x"]))
    graph.initializer.append(numpy_helper.from_array(np.array([1 << 30, 3, 3]), "shape"))


def add_huge_constant(graph: Any) -> None:
    graph.initializer.append(TensorProto(name="x", data_type=TensorProto.FLOAT, dims=[1 << 40]))


def add_input(graph: Any) -> None:
    graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def add_output(graph: Any) -> None:
    graph.output.append(helper.make_tensor_value_info("means", TensorProto.FLOAT, ["n", 3]))


def take_floats(graph: Any) -> None:
    graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def add_sparse_tensor(graph: Any) -> None:
    graph.sparse_initializer.add()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (add_loop, "its graph has control flow (Loop)"),
        (add_if, "its graph has control flow (If)"),
        (add_foreign_operator, "it uses the operator 'Inverse' of 'com.microsoft', not one of ONNX's own"),
        (add_outside_data, "its tensor 'reverse' lies in another file"),
        (add_outside_data_in_a_node, "its tensor 'v' lies in another file"),
        (add_huge_tensor, "its tensor 'x' would hold 1,099,511,627,776 values"),
        (add_huge_expansion, "its tensor 'x' would hold 9,663,676,416 values"),
        (add_huge_constant, "its tensor 'x' would hold 1,099,511,627,776 values"),
        (add_input, "it takes something other than 'pictures'"),
        (take_floats, "it takes something other than 'pictures'"),
        (add_output, "it gives something other than 'probabilities' and 'ood_score'"),
        (add_sparse_tensor, "its graph has functions or sparse tensors"),
    ],
)
def test_a_graph_that_does_more_than_classify_is_refused(
    harm: Callable[[Any], None], said: str, tmp_path: Path
) -> None:
    model = colour_graph()
    harm(model.graph)
    found = refusal(with_card(CARD.to_json(), model), tmp_path)
    assert found.startswith(f"can't be used: {said}")


def test_an_operator_whose_domain_is_no_text_is_refused() -> None:
    model = colour_graph()
    add_foreign_operator(model.graph)
    damaged = onnx.load_from_string(model.SerializeToString().replace(b"com.microsoft", b"com.micros\xff\xfft"))
    with pytest.raises(ValueError, match=r"^it uses the operator 'Inverse' of 'b'com\.micros"):
        require_plain_nodes(damaged)


def test_a_file_larger_than_ONNX_allows_is_not_read(tmp_path: Path) -> None:  # noqa: N802
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(ModelError, match=r"huge\.onnx is larger than an ONNX file can be"):
        Classifier.load(tmp_path / "huge.onnx")


def test_a_backbone_with_control_flow_is_refused_before_training() -> None:
    model = colour_graph()
    add_if(model.graph)
    with pytest.raises(ValueError, match=r"^its graph has control flow \(If\)"):
        to_our_opset(model)


def test_a_graph_with_functions_is_refused(tmp_path: Path) -> None:
    model = colour_graph()
    model.functions.add()
    assert "functions" in refusal(with_card(CARD.to_json(), model), tmp_path)


def test_a_runs_files_hold_no_NaN(tmp_path: Path) -> None:  # noqa: N802
    write_json({"a": [float("nan"), {"b": float("inf")}, 1.5, (2, True)], "c": "NaN"}, tmp_path / "metrics.json")
    assert Run(tmp_path).metrics == {"a": [None, {"b": None}, 1.5, [2, True]], "c": "NaN"}
    for text in ('{"a": NaN}', "[" * 100_000):
        (tmp_path / "metrics.json").write_text(text, encoding="utf-8")
        with pytest.raises(OutputError, match=r"metrics.json is damaged: it isn't JSON. Train anew.$"):
            _ = Run(tmp_path).metrics
