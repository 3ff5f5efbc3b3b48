"""A network of the user's own: any ONNX file that maps pictures to features -> the graph that pawlab works with.

The file holds its shapes. How pixels become its numbers it doesn't say, so a small TOML file of the same name stands
beside it (net.onnx, net.toml):

    pixels = "0-1"                   # the range, "0-1" or "0-255", in which the next two are meant
    mean = [0.485, 0.456, 0.406]     # of red, green and blue, or one number for all
    std = [0.229, 0.224, 0.225]      # the network is fed (pixels - mean) / std
    image_size = 224                 # or [height, width]; only where the file leaves it open
    output = "features"              # only where the file has several
    layout = "NCHW"                  # or "NHWC"; only where the shape leaves it open

A network that takes uint8 scales its pixels itself and needs none of the first three. Nothing is guessed: a network
that is fed wrongly still answers, only worse.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pawlab.backbones.table import Backbone, Channels
from pawlab.errors import WeightsError, did_you_mean, one_line
from pawlab.graphs.builder import OPSET
from pawlab.graphs.entry import to_our_opset
from pawlab.storage import read_toml

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

Size = tuple[int, int]  # height, width
Description = dict[str, Any]

_KEYS = ["pixels", "mean", "std", "image_size", "output", "layout"]
_WHITE = {"0-1": 1.0, "0-255": 255.0}
_UINT8 = 2  # of onnx.TensorProto, as what follows
_TAKEN = (1, 10)  # float32, float16
_LONGEST_SIDE = 10_000  # pixels, as in recipes
_LARGEST = 1e9  # of mean and std, in the network's own numbers
_FLOATS = (*_TAKEN, 11, 16)  # float64, bfloat16


@dataclass(frozen=True)
class OwnBackbone:
    """What the file and its description say.

    `row`: of the table; its channels, 0, are known once it has run. `channels_first`: whether it takes (n, 3, h, w)
    rather than (n, h, w, 3). `image_size`: None where any will do; `fixed`: whether it takes no other. `output`: which
    one holds the features.
    """

    row: Backbone
    model: "ModelProto"
    channels_first: bool
    image_size: Size | None
    fixed: bool
    output: str


def read_own(path: Path) -> OwnBackbone:
    """Read an ONNX file and its description. Raises WeightsError where one of them can't serve."""
    model = _load(path)
    said = _read_description(path)
    (given,) = model.graph.input
    channels_first = _is_channels_first(path, lengths_of(given), said)
    size, fixed = _image_size(path, lengths_of(given)[2:] if channels_first else lengths_of(given)[1:3], said)
    mean, std = _scaling(path, given.type.tensor_type.elem_type, said)
    output = _output(path, model, said)
    digest = sha256(model.SerializeToString(deterministic=True))
    digest.update(repr((channels_first, size, mean, std, output)).encode())
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
    return OwnBackbone(row, model, channels_first, size, fixed, output)


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
        model = to_our_opset(loaded)
    except ValueError as error:
        raise WeightsError(f"{path} can't be used: {error}. Export it at ONNX opset {OPSET}.") from error
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1 or len(lengths_of(inputs[0])) != 4:
        found = ", ".join(f"{value.name} {_shown(lengths_of(value))}" for value in inputs) or "nothing"
        raise WeightsError(f"{path} takes {found}; a backbone takes pictures alone, in four axes.")
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model


def lengths_of(value: "ValueInfoProto") -> list[int | None]:
    """Return the length of each axis; None where it is open."""
    return [dim.dim_value or None for dim in value.type.tensor_type.shape.dim]


def _shown(lengths: list[int | None]) -> str:
    return f"({', '.join('?' if length is None else str(length) for length in lengths)})"


def description_file(path: Path) -> Path:
    """Return where the description of a network stands."""
    return path.with_suffix(".toml")


def _read_description(path: Path) -> Description:
    beside = description_file(path)
    if not beside.is_file():
        return {}
    try:
        said = read_toml(beside)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{beside} can't be read: {one_line(error)}") from error
    for key in said:
        if key not in _KEYS:
            known = ", ".join(_KEYS)
            raise WeightsError(f"{beside} says '{key}'.{did_you_mean(key, _KEYS)} It may say: {known}.")
    return said


def _is_channels_first(path: Path, lengths: list[int | None], said: Description) -> bool:
    """Say where the colours stand: in the only axis of length 3 among the second and the last, or as the file says."""
    fitting = {"NCHW": lengths[1] in (3, None), "NHWC": lengths[3] in (3, None)}
    sure = {"NCHW": lengths[1] == 3, "NHWC": lengths[3] == 3}
    if sum(sure.values()) == 1:
        fitting = sure
    if "layout" in said:
        fitting = {layout: fits and layout == said["layout"] for layout, fits in fitting.items()}
    if sum(fitting.values()) == 1:
        return fitting["NCHW"]
    if any(fitting.values()):
        where = description_file(path)
        problem = f'doesn\'t show where the colours stand. Write layout = "NCHW" or layout = "NHWC" into {where}.'
    else:
        problem = f"isn't that of pictures with three colours{' in the layout said' if 'layout' in said else ''}."
    raise WeightsError(f"the input of {path}, {_shown(lengths)}, {problem}")


def _image_size(path: Path, own: list[int | None], said: Description) -> tuple[Size | None, bool]:
    """Return the size of the pictures, and whether the file takes no other."""
    given = said.get("image_size", own)
    wanted = given if isinstance(given, list) else [given, given]
    if "image_size" in said and not (
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


def _scaling(path: Path, kind: int, said: Description) -> tuple[Channels | None, Channels | None]:
    """Return mean and std for pixels 0-255."""
    missing = [key for key in ("pixels", "mean", "std") if key not in said]
    if kind == _UINT8 and len(missing) == 3:
        return None, None
    if kind not in _TAKEN:
        raise WeightsError(f"{path} takes pictures in numbers that aren't float32, float16, or uint8 left unscaled.")
    if missing:
        raise WeightsError(
            f"{path} doesn't say how pixels become its numbers. Write into {description_file(path)} what it was "
            'trained with, such as pixels = "0-1", mean = [0.485, 0.456, 0.406] and std = [0.229, 0.224, 0.225]. '
            f"Missing: {', '.join(missing)}."
        )
    if said["pixels"] not in tuple(_WHITE):  # a list isn't in it, and can't be a key
        raise WeightsError(f'{description_file(path)}: pixels is "0-1" or "0-255", not {said["pixels"]!r}.')
    factor = 255.0 / _WHITE[said["pixels"]]
    mean, std = (_colours(path, key, said[key], factor) for key in ("mean", "std"))
    if min(std) <= 0:
        raise WeightsError(f"{description_file(path)}: std is more than 0, not {said['std']!r}.")
    return mean, std


def _colours(path: Path, key: str, said: Any, factor: float) -> Channels:
    values = said if isinstance(said, list) else [said] * 3
    numbers = [value * factor for value in values if type(value) in (int, float) and abs(value) < _LARGEST]
    if len(values) != 3 or len(numbers) != 3:
        raise WeightsError(f"{description_file(path)}: {key} is one number or three, not {said!r}.")
    return numbers[0], numbers[1], numbers[2]


def _output(path: Path, model: "ModelProto", said: Description) -> str:
    names = [value.name for value in model.graph.output]
    wanted = said.get("output", names[0] if len(names) == 1 else None)
    if wanted not in names:
        problem = f"has several outputs. Write output = ... into {description_file(path)}"
        if wanted is not None:
            problem = f"has no output {wanted!r}.{did_you_mean(str(wanted), names)} Correct {description_file(path)}"
        raise WeightsError(f"{path} {problem}: one of {', '.join(names)}.")
    (output,) = (value for value in model.graph.output if value.name == wanted)
    if len(lengths_of(output)) not in (2, 4) or output.type.tensor_type.elem_type not in _TAKEN:
        raise WeightsError(
            f"the output {wanted!r} of {path} is {_shown(lengths_of(output))}; features are floats in two axes, or in "
            "four, a feature map."
        )
    return str(wanted)
