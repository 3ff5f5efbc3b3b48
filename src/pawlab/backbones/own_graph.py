"""The user's own network as the graph that pawlab works with: pictures scaled before it, features pooled behind it."""

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.backbones.description import description_file
from pawlab.backbones.own import OwnBackbone, Size
from pawlab.backbones.own_output import Tokens, choose_tokens, lengths_of, patch_grid, told
from pawlab.errors import WeightsError, one_line
from pawlab.graphs.anatomy import PLANES
from pawlab.graphs.builder import FLOAT32, GraphBuilder, feature_outputs, scale
from pawlab.graphs.edit import FEATURES_ARE, chain
from pawlab.graphs.many import open_for_many
from pawlab.graphs.runtime import open_graph

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

_PREFIX = "own_"  # begins every name inside, so that ours meet none of them
_SAME = 1e-3  # how far features may depend on the pictures beside, as a share of the largest


def build_own_graph(own: OwnBackbone, size: Size) -> "ModelProto":
    """Return the network as `efficientnet_lite.build_graph` does, for pictures of one size, and tried out.

    `feature_map` comes out only where the network ends in one, or in a token for each patch. What the features are
    stands in the graph's metadata, under FEATURES_ARE. Raises WeightsError where its answers can't serve.
    """
    from onnx import compose

    network = compose.add_prefix(own.model, _PREFIX)
    _open_the_number_of_pictures(network)
    path, scaled = Path(own.row.name), _scaling_graph(own, network.graph.input[0], size)
    try:
        alone = chain(scaled, network)
        count = _count_tokens(path, alone, _PREFIX + own.output, size)
        tokens = (own.tokens or choose_tokens(path, own.model, count, size)) if count else None
        graph = chain(alone, _pooling_graph(own, network, tokens, patch_grid(own.model, size), count))
    except WeightsError:
        raise
    except Exception as error:  # what ONNX's checker says of a network that contradicts itself
        raise WeightsError(f"{own.row.name} can't be used: {one_line(error)}") from error
    _try_out(path, graph, size)
    (output,) = (value for value in own.model.graph.output if value.name == own.output)
    what = told(own.output, len(lengths_of(output)), tokens, count)
    graph.metadata_props.add(key=FEATURES_ARE, value=what)
    return graph


def _open_the_number_of_pictures(model: "ModelProto") -> None:
    """Let the graph take any number of pictures, and forget the shapes that followed from one."""
    if lengths_of(model.graph.input[0])[0] == 1:
        open_for_many(model)
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


def _pooling_graph(
    own: OwnBackbone, network: "ModelProto", tokens: Tokens | None, grid: Size | None, count: int
) -> "ModelProto":
    """Return the graph from the network's output to `features` (n, d): of a map or of tokens as many as patches, their
    mean; else the first token, or what is there."""
    (output,) = (value for value in network.graph.output if value.name == _PREFIX + own.output)
    lengths = [length or f"axis_{place}" for place, length in enumerate(lengths_of(output))]
    graph = GraphBuilder("pooling_")
    values = graph.add("Cast", graph.input(output.name, _dtype(output), ("n", *lengths[1:])), to=FLOAT32)
    has_places = len(lengths) == 4 or (tokens == "mean" and grid is not None and grid[0] * grid[1] == count)
    if tokens == "first":
        values = graph.add("Gather", values, graph.constant(0, np.int64), axis=1)
    elif tokens == "mean" and grid is not None and has_places:
        turned = graph.add("Transpose", values, perm=[0, 2, 1])
        values = graph.add("Reshape", turned, graph.constant([0, 0, *grid], np.int64))
    elif tokens == "mean":
        values = graph.add("ReduceMean", values, graph.constant([1], np.int64), keepdims=0)
    elif len(lengths) == 4 and not own.channels_first:
        values = graph.add("Transpose", values, perm=[0, 3, 1, 2])
    if has_places:
        feature_outputs(graph, graph.add("Identity", values, name=PLANES), "d")
    else:
        graph.output(values, "features", np.float32, ("n", "d"))
    return graph.model("pooling")


def _dtype(value: "ValueInfoProto") -> "np.dtype[Any]":
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)


def _count_tokens(path: Path, graph: "ModelProto", output: str, size: Size) -> int:
    """Return how many rows an output has for a picture; 0 where it has no three axes."""
    from onnx import helper

    (value,) = (value for value in graph.graph.output if value.name == output)
    if len(lengths_of(value)) != 3:
        return 0
    only = deepcopy(graph)
    del only.graph.output[:]
    only.graph.output.append(helper.make_empty_tensor_value_info(output))
    try:
        (tokens,) = open_graph(only.SerializeToString()).run([output], np.zeros((1, *size, 3), np.uint8))
    except Exception as error:  # ONNX Runtime has a class of its own for each kind of failure
        raise _failed(path, size, error) from error
    return int(tokens.shape[1])


def _failed(path: Path, size: Size, error: Exception) -> WeightsError:
    return WeightsError(
        f"{path} fails on two pictures of {size[0]} x {size[1]} pixels; export it with an open number of pictures, "
        f"and for this size. ({one_line(error)})"
    )


def _try_out(path: Path, graph: "ModelProto", size: Size) -> None:
    """Have two pictures of noise answered, and note in the graph how much comes out."""
    pictures = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    pictures[1] //= 4
    try:
        opened = open_graph(graph.SerializeToString())
        together, first, second = (opened.run(None, some) for some in (pictures, pictures[:1], pictures[1:]))
    except Exception as error:  # ONNX Runtime has a class of its own for each kind of failure
        raise _failed(path, size, error) from error
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
