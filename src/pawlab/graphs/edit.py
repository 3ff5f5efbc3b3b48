"""Edits of finished graphs: joining, cutting, renaming, and what a classifier needs beside its network."""

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.graphs.anatomy import POOLED, TEMPERATURE, find_anatomy
from pawlab.graphs.builder import FLOAT32

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

FEATURES, FEATURE_MAP = "features", "feature_map"  # tensors of a pretrained network, whatever is behind it
FEATURES_ARE = "pawlab_features_are"  # the metadata that says what a network of one's own gives


def chain(*parts: "ModelProto") -> "ModelProto":
    """Return one graph in which each part's input is the output of the same name of the part before; checked.

    All are of one opset, and their inner names don't meet (see GraphBuilder's prefix). Raises ValueError where a part
    has no such input.
    """
    from onnx import checker

    whole = deepcopy(parts[0])
    for part in parts[1:]:
        joint = part.graph.input[0].name
        if joint not in [output.name for output in whole.graph.output]:
            raise ValueError(f"the graph has no output '{joint}' to feed the next part")
        whole.graph.node.extend(part.graph.node)
        whole.graph.initializer.extend(part.graph.initializer)
        del whole.graph.output[:]
        whole.graph.output.extend(part.graph.output)
    drop_unused(whole.graph)
    checker.check_model(whole, full_check=True)
    return whole


def drop_unused(graph: "GraphProto") -> None:
    """Remove nodes and constants that no output needs. Nodes stand in the order of their work: one pass does."""
    needed = {output.name for output in graph.output}
    for node in reversed(list(graph.node)):
        if needed.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            needed.update(node.input)
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in needed]:
        graph.initializer.remove(tensor)


def rename_input(model: "ModelProto", name: str) -> None:
    """Give a graph's only input another name."""
    old = model.graph.input[0].name
    model.graph.input[0].name = name
    for node in model.graph.node:
        node.input[:] = [name if given == old else given for given in node.input]


def with_outputs(model: "ModelProto", names: list[str]) -> "ModelProto":
    """Return a copy that gives these tensors in place of its outputs. `features` are pooled where it lacks them."""
    from onnx import ValueInfoProto

    copy = deepcopy(model)
    if FEATURES in names:
        _require_features(copy)
    del copy.graph.output[:]
    copy.graph.output.extend(ValueInfoProto(name=name) for name in names)
    return copy


def after(model: "ModelProto", tensor: str, width: int, output: str) -> "ModelProto":
    """Return the part of a graph that leads from `tensor`, float32 (n, width), to `output`."""
    from onnx import helper

    part = with_outputs(model, [output])
    makers = [node for node in part.graph.node if tensor in node.output]
    for node in makers:
        part.graph.node.remove(node)
    del part.graph.input[:]
    part.graph.input.append(helper.make_tensor_value_info(tensor, FLOAT32, ["n", width]))
    drop_unused(part.graph)
    return part


def features_of(model: "ModelProto") -> str | None:
    """Return the tensor that is a pretrained network's features, or what they are the mean of; None without one."""
    names = {name for node in model.graph.node for name in node.output}
    return next((name for name in (FEATURES, FEATURE_MAP) if name in names), None)


def probe_input(model: "ModelProto") -> str:
    """Return the tensor that a linear probe on a pretrained network sees: float32 (n, d)."""
    return POOLED if any(POOLED in node.output for node in model.graph.node) else FEATURES


def pool_stages(model: "ModelProto", stages: list[str]) -> None:
    """Give a backbone's graph another output, `pooled`: `features`, and the means over positions of these tensors.

    `stages`: (n, channels, y, x) each.
    """
    from onnx import checker, helper

    means = []
    for stage in stages:
        pool = helper.make_node("GlobalAveragePool", [stage], [f"{stage}_pool"], name=f"{stage}_pool")
        flat = helper.make_node("Flatten", [f"{stage}_pool"], [f"{stage}_mean"], name=f"{stage}_mean")
        model.graph.node.extend([pool, flat])
        means.append(f"{stage}_mean")
    model.graph.node.append(helper.make_node("Concat", [FEATURES, *means], [POOLED], name=POOLED, axis=1))
    model.graph.output.append(helper.make_tensor_value_info(POOLED, FLOAT32, ["n", None]))
    checker.check_model(model, full_check=True)


def add_linear_classifier(backbone: bytes, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> "ModelProto":
    """Return a backbone's graph with a linear classifier on `probe_input`: from `pictures` to `probabilities`.

    `weights`: (d, classes); `bias`: (classes,).
    """
    import onnx
    from onnx import checker, helper

    model = onnx.load_from_string(backbone)
    _add_constants(model, head_weights=weights, head_bias=bias)
    head = helper.make_node("Gemm", [probe_input(model), "head_weights", "head_bias"], ["logits"], name="head")
    softmax = helper.make_node("Softmax", ["logits"], ["probabilities"], name="softmax", axis=1)
    model.graph.node.extend([head, softmax])
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("probabilities", FLOAT32, ["n", len(bias)]))
    drop_unused(model.graph)
    checker.check_model(model)
    return model


def apply_temperature(model: "ModelProto", temperature: float) -> None:
    """Divide a finished graph's logits by `temperature`. It ends in a softmax, or in a sigmoid for two classes."""
    from onnx import helper

    logits, scaled = find_anatomy(model).logits, "tempered_logits"
    _add_constants(model, inverse_temperature=np.array(1 / temperature, np.float32))
    nodes = model.graph.node
    place = next(index for index, node in enumerate(nodes) if logits in node.input)
    nodes[place].input[:] = [scaled if name == logits else name for name in nodes[place].input]
    nodes.insert(place, helper.make_node("Mul", [logits, "inverse_temperature"], [scaled], name=TEMPERATURE))


def add_ood_score(model: "ModelProto", centres: NDArray[np.float32]) -> None:
    """Give a finished graph a second output, `ood_score` float32 (n,): see `evaluation.out_of_distribution`.

    `centres`: (k, d), rows of length 1. Raises ValueError where no pretrained network is in the graph.
    """
    from onnx import helper

    _require_features(model)
    one, axis = np.array(1, np.float32), np.array([1], np.int64)
    _add_constants(model, centres=np.ascontiguousarray(centres.T), centres_one=one, centres_axis=axis)
    model.graph.node.extend(
        [
            helper.make_node("LpNormalization", [FEATURES], ["direction"], name="direction", axis=1, p=2),
            helper.make_node("MatMul", ["direction", "centres"], ["cosines"], name="cosines"),
            helper.make_node("ReduceMax", ["cosines", "centres_axis"], ["nearest"], name="nearest", keepdims=0),
            helper.make_node("Sub", ["centres_one", "nearest"], ["ood_score"], name="ood_score"),
        ]
    )
    model.graph.output.append(helper.make_tensor_value_info("ood_score", FLOAT32, ["n"]))


def _require_features(model: "ModelProto") -> None:
    """Add the mean over positions of a feature map (n, y, x, d) as `features` where a graph has only the map."""
    from onnx import helper

    source = features_of(model)
    if source is None:
        raise ValueError("the graph has no pretrained network in it")
    if source != FEATURES:
        _add_constants(model, features_axes=np.array([1, 2], np.int64))
        mean = helper.make_node("ReduceMean", [source, "features_axes"], [FEATURES], name=FEATURES, keepdims=0)
        model.graph.node.append(mean)


def _add_constants(model: "ModelProto", **arrays: NDArray[Any]) -> None:
    from onnx import numpy_helper

    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
