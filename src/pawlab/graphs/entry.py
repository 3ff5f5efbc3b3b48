"""Graphs that others made, brought to the one opset that pawlab writes: checked, or refused with a reason."""

from typing import TYPE_CHECKING

from pawlab.graphs.builder import IR_VERSION, OPSET
from pawlab.graphs.untrusted import require_plain_nodes

if TYPE_CHECKING:
    from onnx import ModelProto


def to_our_opset(model: "ModelProto") -> "ModelProto":
    """Return the graph with its local functions written out, at OPSET and IR_VERSION, checked; without control flow.

    Raises ValueError, with the reason, where it can't be converted.
    """
    from onnx import IR_VERSION as NEWEST_IR
    from onnx import checker, defs, version_converter
    from onnx.inliner import inline_local_functions

    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), None)
    others = sorted({entry.domain for entry in model.opset_import} - {"", "ai.onnx", "ai.onnx.ml"})
    used = {node.domain for node in model.graph.node}
    foreign = [domain for domain in others if domain in used and not any(f.domain == domain for f in model.functions)]
    if opset is None or foreign:
        raise ValueError(f"it uses operators of {', '.join(foreign) or 'no ONNX opset'}, not ONNX's own")
    for name, value, newest in (
        ("opset", opset, defs.onnx_opset_version()),
        ("format version", model.ir_version, NEWEST_IR),
    ):
        if value > newest:
            raise ValueError(f"its ONNX {name} is {value}; the installed onnx package reads up to {newest}")
    try:
        checker.check_model(model)
        converted: ModelProto = inline_local_functions(model)
    except Exception as error:  # the checker and protobuf raise each their own
        raise ValueError(f"it is no valid ONNX network: {_reason(error)}") from error
    try:
        if opset != OPSET:
            converted = version_converter.convert_version(converted, OPSET)
        converted.ir_version = IR_VERSION
        checker.check_model(converted, full_check=True)
    except Exception as error:
        raise ValueError(f"it can't be converted from ONNX opset {opset} to {OPSET}: {_reason(error)}") from error
    require_plain_nodes(converted)
    return converted


def _reason(error: Exception) -> str:
    """Return what ONNX says, in one line, without the place in its own source that it begins with."""
    return " ".join(str(error).split()).rpartition("` failed: ")[2][:200]
