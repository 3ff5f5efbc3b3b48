"""A network of the user's own: any ONNX file that maps pictures to features, read with what is said beside it.

The file holds its shapes. How pixels become its numbers it doesn't say; `description` reads that. A network that takes
uint8 scales its pixels itself.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pawlab.backbones.description import Description, description_file, read_description, scaling
from pawlab.backbones.own_output import FLOATS_TAKEN, Lengths, Tokens, choose_output, lengths_of, said_tokens, shown
from pawlab.backbones.table import Backbone
from pawlab.errors import WeightsError, one_line
from pawlab.graphs.builder import OPSET
from pawlab.graphs.entry import to_our_opset
from pawlab.graphs.fold import fold_constant_ifs

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

Size = tuple[int, int]  # height, width
_UINT8 = 2  # of onnx.TensorProto, as what follows
_LONGEST_SIDE = 10_000  # pixels, as in recipes
_FLOATS = (*FLOATS_TAKEN, 11, 16)  # float64, bfloat16


@dataclass(frozen=True)
class OwnBackbone:
    """What the file and its description say.

    `row`: of the table; its channels, 0, are known once it has run. `channels_first`: whether it takes (n, 3, h, w)
    rather than (n, h, w, 3). `image_size`: None where any will do; `fixed`: whether it takes no other. `output`: which
    one holds the features. `tokens`: which rows of it, where that is said.
    """

    row: Backbone
    model: "ModelProto"
    channels_first: bool
    image_size: Size | None
    fixed: bool
    output: str
    tokens: Tokens | None


def read_own(path: Path) -> OwnBackbone:
    """Read an ONNX file and its description. Raises WeightsError where one of them can't serve."""
    model = _load(path)
    said = read_description(path)
    (given,) = model.graph.input
    channels_first = _is_channels_first(path, model, said)
    size, fixed = _image_size(path, lengths_of(given)[2:] if channels_first else lengths_of(given)[1:3], said)
    mean, std = (None, None) if _scales_itself(path, given, said) else scaling(path, said)
    output, tokens = choose_output(path, model, said), said_tokens(path, said)
    digest = sha256(model.SerializeToString(deterministic=True))
    digest.update(repr((channels_first, size, mean, std, output, tokens)).encode())
    side = min(size or (1, 1))
    row = Backbone(
        name=str(path),
        reader="file",
        image_size=side,
        mean=mean or (0.0, 0.0, 0.0),
        std=std or (1.0, 1.0, 1.0),
        stride=side,
        channels=0,
        parameters=sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer if tensor.data_type in _FLOATS),
        weights=path.name,
        sha256=digest.hexdigest(),
        smallest_image=1,
    )
    return OwnBackbone(row, model, channels_first, size, fixed, output, tokens)


def _load(path: Path) -> "ModelProto":
    """Read a network with one input of four axes, its functions written out, and its constants not among its inputs."""
    import onnx

    if not path.is_file():
        raise WeightsError(f"there is no backbone {path}.")
    try:
        loaded = onnx.load(path)
    except Exception as error:  # protobuf and the reading of weights beside the file raise each their own
        raise WeightsError(f"{path} can't be read as ONNX: {one_line(error)}") from error
    try:
        fold_constant_ifs(loaded)
        model = to_our_opset(loaded)
    except ValueError as error:
        raise WeightsError(f"{path} can't be used: {error}. Export it at ONNX opset {OPSET}.") from error
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1 or len(lengths_of(inputs[0])) != 4:
        found = ", ".join(f"{value.name} {shown(lengths_of(value))}" for value in inputs) or "nothing"
        raise WeightsError(f"{path} takes {found}; a backbone takes pictures alone, in four axes.")
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model


def _is_channels_first(path: Path, model: "ModelProto", said: Description) -> bool:
    """Say where the colours stand: in the only axis of length 3 among the second and the last, or as the file says.

    Where shapes leave it open, what takes the pictures decides: a convolution takes (n, 3, h, w).
    """
    lengths = lengths_of(model.graph.input[0])
    fitting = {"NCHW": lengths[1] in (3, None), "NHWC": lengths[3] in (3, None)}
    sure = {"NCHW": lengths[1] == 3, "NHWC": lengths[3] == 3}
    if sum(sure.values()) == 1:
        fitting = sure
    takers = {node.op_type for node in model.graph.node if model.graph.input[0].name in node.input}
    if all(fitting.values()) and not any(sure.values()) and takers <= {"Conv", "Shape"} and "Conv" in takers:
        fitting["NHWC"] = False
    if "layout" in said:
        fitting = {layout: fits and layout == said["layout"] for layout, fits in fitting.items()}
    if sum(fitting.values()) == 1:
        return fitting["NCHW"]
    if any(fitting.values()):
        where = description_file(path)
        problem = f'doesn\'t show where the colours stand. Write layout = "NCHW" or layout = "NHWC" into {where}.'
    else:
        problem = f"isn't that of pictures with three colours{' in the layout said' if 'layout' in said else ''}."
    raise WeightsError(f"the input of {path}, {shown(lengths)}, {problem}")


def _image_size(path: Path, own: Lengths, said: Description) -> tuple[Size | None, bool]:
    """Return the size of the pictures, and whether the file takes no other."""
    by_itself = None not in own and not description_file(path).is_file()  # hubs' files tell of training
    given = own if by_itself else said.get("image_size", own)
    wanted = given if isinstance(given, list) else [given, given]
    if given is not own and not (
        len(wanted) == 2 and all(type(one) is int and 0 < one <= _LONGEST_SIDE for one in wanted)
    ):
        raise WeightsError(
            f"{description_file(path)}: image_size is a number of pixels or [height, width], not {given!r}."
        )
    height, width = wanted
    if any(length not in (None, one) for length, one in zip(own, wanted, strict=True)):
        raise WeightsError(
            f"{description_file(path)}: image_size is {given}, but {path.name} takes {own[0]} x {own[1]}."
        )
    return (None if height is None or width is None else (height, width)), None not in own


def _scales_itself(path: Path, given: "ValueInfoProto", said: Description) -> bool:
    """Say whether a network takes raw pixels, uint8. Raises WeightsError where it takes what we can't give."""
    kind = given.type.tensor_type.elem_type
    if kind == _UINT8 and not ({"pixels", "mean", "std"} & said.keys() and description_file(path).is_file()):
        return True
    if kind not in FLOATS_TAKEN:
        raise WeightsError(f"{path} takes pictures in numbers that aren't float32, float16, or uint8 left unscaled.")
    return False
