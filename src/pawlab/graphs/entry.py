"""Graphs that others made, brought to the one opset that pawlab writes: checked, or refused with a reason."""

from typing import TYPE_CHECKING

from pawlab.graphs.builder import IR_VERSION, OPSET

if TYPE_CHECKING:
    from onnx import ModelProto


def to_our_opset(model: "ModelProto") -> "ModelProto":
    """Return the graph with its local functions written out, at OPSET and IR_VERSION, checked.

    Raises ValueError, with the reason, where it can't be converted.
    """
    from onnx import checker, version_converter
    from onnx.inliner import inline_local_functions

    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), None)
    others = sorted({entry.domain for entry in model.opset_import} - {"", "ai.onnx", "ai.onnx.ml"})
    used = {node.domain for node in model.graph.node}
    foreign = [domain for domain in others if domain in used and not any(f.domain == domain for f in model.functions)]
    if opset is None or foreign:
        raise ValueError(f"it uses operators of {', '.join(foreign) or 'no ONNX opset'}, not ONNX's own")
    try:
        checker.check_model(model)
        converted: ModelProto = inline_local_functions(model)
        if opset != OPSET:
            converted = version_converter.convert_version(converted, OPSET)
        converted.ir_version = IR_VERSION
        checker.check_model(converted, full_check=True)
    except Exception as error:  # the checker, the converter and protobuf raise each their own
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"it can't be converted from ONNX opset {opset} to {OPSET}: {reason}") from error
    return converted
