"""What a classifier's graph may hold, whoever made it. It is asked before ONNX Runtime computes anything."""

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import ModelProto

STANDARD_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
MOST_VALUES = 2**30  # in one tensor, 4 GB of float32, for one picture
_CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})
_INPUT, _OUTPUTS = "pictures", frozenset({"probabilities", "ood_score", "unfamiliarity"})  # the last in format 1
_UINT8, _FLOAT32 = 2, 1  # of onnx.TensorProto
_SMALL = 1024  # bytes of a constant: it may be a shape


def require_harmless(model: "ModelProto") -> None:
    """Raise ValueError, with the reason, unless a graph goes straight from `pictures` to `probabilities`.

    It has no control flow and no functions of its own, operators of ONNX's standard domains alone, no data outside the
    file, no tensor of more than MOST_VALUES as far as shapes can be inferred, and our inputs and outputs. The model
    loses its large constants on the way.
    """
    require_plain_nodes(model)
    _require_our_ends(model)
    for tensor in _constants(model):
        if tensor.external_data or tensor.data_location:
            raise ValueError(f"its tensor '{_short(tensor.name)}' lies in another file")
        _require_moderate(tensor.name, list(tensor.dims))
        if len(tensor.raw_data) > _SMALL:
            tensor.ClearField("raw_data")
    for value in _inferred(model):
        lengths = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
        _require_moderate(value.name, lengths)


def require_plain_nodes(model: "ModelProto") -> None:
    """Raise ValueError, with the reason, where a graph has control flow or operators that aren't ONNX's own."""
    if model.functions or model.graph.sparse_initializer:
        raise ValueError("its graph has functions or sparse tensors, which pawlab doesn't take")
    for node in model.graph.node:
        if node.domain not in STANDARD_DOMAINS:
            operator, domain = _short(node.op_type), _short(node.domain)
            raise ValueError(f"it uses the operator '{operator}' of '{domain}', not one of ONNX's own")
        inner = any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)
        if inner or node.op_type in _CONTROL_FLOW:
            raise ValueError(f"its graph has control flow ({_short(node.op_type)}), which pawlab doesn't take")


def _short(name: Any) -> str:
    """Return a name from a file, shortened; one that isn't UTF-8 comes as bytes."""
    return str(name)[:40]


def _require_our_ends(model: "ModelProto") -> None:
    constants = {tensor.name for tensor in model.graph.initializer}
    given = [(one.name, *_form(one)) for one in model.graph.input if one.name not in constants]
    made = {one.name: _form(one) for one in model.graph.output}
    if [one[:3] for one in given] != [(_INPUT, _UINT8, 4)]:
        raise ValueError(f"it takes something other than '{_INPUT}', uint8 in four axes")
    if made.get("probabilities") != (_FLOAT32, 2) or not made.keys() <= _OUTPUTS:
        raise ValueError("it gives something other than 'probabilities' and 'ood_score'")


def _form(value: Any) -> tuple[int, int]:
    tensor = value.type.tensor_type
    return tensor.elem_type, len(tensor.shape.dim)


def _constants(model: "ModelProto") -> Iterator[Any]:
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            yield from (*attribute.tensors, *([attribute.t] if attribute.HasField("t") else []))


def _inferred(model: "ModelProto") -> Iterator[Any]:
    from onnx import shape_inference

    try:
        graph = shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception as error:  # onnx has a class of its own for each kind of contradiction
        raise ValueError("its tensors' shapes contradict each other") from error
    yield from (*graph.value_info, *graph.output)


def _require_moderate(name: str, lengths: list[int]) -> None:
    if prod(lengths) > MOST_VALUES:
        values, most = f"{prod(lengths):,}", f"{MOST_VALUES:,}"
        raise ValueError(f"its tensor '{_short(name)}' would hold {values} values; {most} are the most")
