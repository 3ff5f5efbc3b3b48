"""The user's own network as the graph that pawlab works with: pictures scaled before it, features pooled behind it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.backbones.own import OwnBackbone, Size, description_file, lengths_of
from pawlab.errors import WeightsError, one_line
from pawlab.graphs.builder import FLOAT32, GraphBuilder, feature_outputs, scale
from pawlab.graphs.edit import chain
from pawlab.graphs.runtime import open_graph

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

_PREFIX = "own_"  # begins every name inside, so that ours meet none of them
_SAME = 1e-3  # how far features may depend on the pictures beside, as a share of the largest


def build_own_graph(own: OwnBackbone, size: Size) -> "ModelProto":
    """Return the network as `efficientnet_lite.build_graph` does, for pictures of one size, and tried out.

    `feature_map` comes out only where the network ends in one. Raises WeightsError where its answers can't serve.
    """
    from onnx import compose

    network = compose.add_prefix(own.model, _PREFIX)
    _open_the_number_of_pictures(network)
    before, after = _scaling_graph(own, network.graph.input[0], size), _pooling_graph(own, network)
    try:
        graph = chain(before, network, after)
    except Exception as error:  # what ONNX's checker says of a network that contradicts itself
        raise WeightsError(f"{own.row.name} can't be used: {one_line(error)}") from error
    _try_out(Path(own.row.name), graph, size)
    return graph


def _open_the_number_of_pictures(model: "ModelProto") -> None:
    """Let the graph take any number of pictures, and forget the shapes that followed from one."""
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"


def _scaling_graph(own: OwnBackbone, network_input: "ValueInfoProto", size: Size) -> "ModelProto":
    """Return the graph from `pictures` uint8 (n, h, w, 3), RGB, to the network's own input."""
    graph = GraphBuilder("scaling_")
    values = scale(graph, graph.input("pictures", np.uint8, ("n", *size, 3)), own.row.mean, own.row.std)
    values = graph.add("Cast", values, to=network_input.type.tensor_type.elem_type)
    if own.channels_first:
        values = graph.add("Transpose", values, perm=[0, 3, 1, 2])
    shape = ("n", 3, *size) if own.channels_first else ("n", *size, 3)
    graph.output(values, network_input.name, _dtype(network_input), shape)
    return graph.model("scaling")


def _pooling_graph(own: OwnBackbone, network: "ModelProto") -> "ModelProto":
    """Return the graph from the network's output to `features` (n, d): a feature map's mean over positions."""
    (output,) = (value for value in network.graph.output if value.name == _PREFIX + own.output)
    lengths = [length or f"axis_{place}" for place, length in enumerate(lengths_of(output))]
    graph = GraphBuilder("pooling_")
    values = graph.add("Cast", graph.input(output.name, _dtype(output), ("n", *lengths[1:])), to=FLOAT32)
    if len(lengths) == 2:
        graph.output(values, "features", np.float32, ("n", "d"))
    else:
        feature_outputs(graph, values if own.channels_first else graph.add("Transpose", values, perm=[0, 3, 1, 2]), "d")
    return graph.model("pooling")


def _dtype(value: "ValueInfoProto") -> "np.dtype[Any]":
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)


def _try_out(path: Path, graph: "ModelProto", size: Size) -> None:
    """Have two pictures of noise answered, and note in the graph how much comes out."""
    pictures = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    pictures[1] //= 4
    try:
        opened = open_graph(graph.SerializeToString())
        together, first, second = (opened.run(None, some) for some in (pictures, pictures[:1], pictures[1:]))
    except Exception as error:  # ONNX Runtime has a class of its own for each kind of failure
        raise WeightsError(
            f"{path} fails on two pictures of {size[0]} x {size[1]} pixels; export it with an open number of pictures, "
            f"and for this size. ({one_line(error)})"
        ) from error
    _require_sound(path, together[-1], np.concatenate([first[-1], second[-1]]))  # the last output: `features`
    for output, values in zip(graph.graph.output, together, strict=True):
        for dim, length in zip(output.type.tensor_type.shape.dim[1:], values.shape[1:], strict=True):
            dim.dim_value = length


def _require_sound(path: Path, together: NDArray[np.float32], alone: NDArray[np.float32]) -> None:
    """Features must be numbers, differ from picture to picture, and not depend on the pictures beside."""
    if not (np.isfinite(together).all() and np.isfinite(alone).all()):
        raise WeightsError(
            f"{path} gives features that aren't numbers. Check pixels, mean and std in {description_file(path)}."
        )
    if together.shape != alone.shape or float(np.abs(together - alone).max()) > _SAME * float(np.abs(alone).max()):
        raise WeightsError(
            f"{path} gives a picture other features beside other pictures. Export it in inference mode, with an open "
            "number of pictures."
        )
    if np.array_equal(alone[0], alone[1]):
        raise WeightsError(f"{path} gives every picture the same features.")
