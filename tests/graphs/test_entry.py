import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pawlab.graphs.builder import IR_VERSION, OPSET
from pawlab.graphs.entry import to_our_opset
from sessions import open_session

RNG = np.random.default_rng(0)


def mean_network(opset: int, ir_version: int = 8, domain: str = "") -> onnx.ModelProto:
    """The mean over height and width: ReduceMean took its axes as an attribute before opset 18, then as an input."""
    if opset < 18:
        node, constants = helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0), []
    else:
        node = helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=0)
        constants = [helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])]
    node.domain = domain
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.example", 1)]
    model = helper.make_model(helper.make_graph([node], "mean", [given], [result], constants), opset_imports=opsets)
    model.ir_version = ir_version
    return model


@pytest.mark.parametrize("opset", [11, *range(13, 24)])
def test_a_network_of_any_opset_computes_the_same_at_ours(opset: int) -> None:
    model = to_our_opset(mean_network(opset))
    ours = next(entry.version for entry in model.opset_import if entry.domain == "")
    assert (ours, model.ir_version) == (OPSET, IR_VERSION)
    given = RNG.random((2, 3, 8, 8), np.float32)
    (computed,) = open_session(model.SerializeToString()).run(None, {"x": given})
    np.testing.assert_allclose(computed, given.mean(axis=(2, 3)), rtol=1e-6)


def test_a_newer_network_is_refused() -> None:
    newest = onnx.defs.onnx_opset_version()
    with pytest.raises(ValueError) as caught:
        to_our_opset(mean_network(newest + 1))
    assert str(caught.value) == f"its ONNX opset is {newest + 1}; the installed onnx package reads up to {newest}"
    with pytest.raises(ValueError) as caught:
        to_our_opset(mean_network(17, ir_version=99))
    newest = onnx.IR_VERSION
    assert str(caught.value) == f"its ONNX format version is 99; the installed onnx package reads up to {newest}"


def test_operators_that_are_not_onnx_are_refused() -> None:
    with pytest.raises(ValueError) as caught:
        to_our_opset(mean_network(17, domain="com.example"))
    assert str(caught.value) == "it uses operators of com.example, not ONNX's own"


def test_a_network_that_contradicts_itself_is_refused() -> None:
    model = mean_network(17)
    model.graph.node[0].input[0] = "missing"
    with pytest.raises(ValueError, match=r"^it is no valid ONNX network: .*missing"):
        to_our_opset(model)


def test_what_can_not_be_converted_is_refused_in_one_line_without_the_converter_s_own_source() -> None:
    model = mean_network(17)
    model.graph.node[0].op_type = "Upsample"  # gone since opset 10
    with pytest.raises(ValueError) as caught:
        to_our_opset(model)
    assert "convert.h" not in str(caught.value)
    assert "\n" not in str(caught.value)
