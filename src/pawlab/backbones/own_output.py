"""Which of a network's outputs holds the features, and how many rows of it are kept.

A convolutional network gives a feature map or its mean; a transformer gives a row, called token, for each patch of the
picture, often with a class token before them that stands for the whole (Dosovitskiy et al. 2020, arXiv:2010.11929), and
sometimes registers between (Darcet et al. 2023, arXiv:2309.16588). Where there are more tokens than patches, the first
is the class token and is taken; where there are as many, their mean is.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pawlab.backbones.description import Description, description_file
from pawlab.errors import WeightsError, did_you_mean

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

Size = tuple[int, int]  # height, width
Lengths = list[int | None]
Tokens = Literal["first", "mean"]

FLOATS_TAKEN = (1, 10)  # of onnx.TensorProto: float32, float16
_POOLED = ("pooler_output", "image_embeds", "image_features", "embedding", "embeddings", "features")  # in this order


def lengths_of(value: "ValueInfoProto") -> Lengths:
    """Return the length of each axis; None where it is open."""
    return [dim.dim_value or None for dim in value.type.tensor_type.shape.dim]


def shown(lengths: Lengths) -> str:
    """Return lengths as people write them."""
    return f"({', '.join('?' if length is None else str(length) for length in lengths)})"


def choose_output(path: Path, model: "ModelProto", said: Description) -> str:
    """Return the output that is said, or is the only one, or has the name of one that is pooled.

    Raises WeightsError where that leaves a choice, or it isn't floats in two to four axes.
    """
    outputs = {value.name: value for value in model.graph.output}
    pooled = [name for name in _POOLED if name in outputs]
    wanted = said.get("output", next(iter(outputs)) if len(outputs) == 1 else next(iter(pooled), None))
    if wanted not in outputs:
        problem = f"has several outputs. Write output = ... into {description_file(path)}"
        if wanted is not None:
            problem = f"has no output {wanted!r}.{did_you_mean(str(wanted), list(outputs))}"
            problem += f" Correct {description_file(path)}"
        raise WeightsError(f"{path} {problem}: one of {', '.join(outputs)}.")
    lengths = lengths_of(outputs[wanted])
    if len(lengths) not in (2, 3, 4) or outputs[wanted].type.tensor_type.elem_type not in FLOATS_TAKEN:
        raise WeightsError(
            f"the output {wanted!r} of {path} is {shown(lengths)}; features are floats in two axes, in three, one row "
            "for each place, or in four, a feature map."
        )
    return str(wanted)


def said_tokens(path: Path, said: Description) -> Tokens | None:
    """Return which tokens the description wants. Raises WeightsError where that is neither of the two."""
    tokens: Tokens | None = said.get("tokens")
    if tokens not in (None, "first", "mean"):
        raise WeightsError(f'{description_file(path)}: tokens is "first" or "mean", not {tokens!r}.')
    return tokens


def choose_tokens(path: Path, model: "ModelProto", count: int, size: Size) -> Tokens:
    """Return which of so many tokens stand for a picture of that size. Raises WeightsError where it can't be told."""
    grid = patch_grid(model, size)
    patches = None if grid is None else grid[0] * grid[1]
    if patches is None or count < patches:
        raise WeightsError(
            f"{path} gives {count} rows for a picture, and it can't be told whether the first stands for the whole. "
            f'Write tokens = "first" (a class token) or tokens = "mean" into {description_file(path)}.'
        )
    return "first" if count > patches else "mean"


def patch_grid(model: "ModelProto", size: Size) -> Size | None:
    """Return how many patches there are down and across: a convolution whose windows don't overlap makes them."""
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    if not convolutions:
        return None
    options = {option.name: list(option.ints) for option in convolutions[0].attribute}
    kernel, strides = options.get("kernel_shape"), options.get("strides")
    if kernel is None or kernel != strides or len(kernel) != 2:
        return None
    return size[0] // kernel[0], size[1] // kernel[1]


def told(output: str, axes: int, tokens: Tokens | None, count: int) -> str:
    """Say what the features are."""
    if tokens is not None:
        which = "the first (class token)" if tokens == "first" else "the mean"
        return f"{which} of the {count} tokens in '{output}'"
    return f"the mean over places of the feature map '{output}'" if axes == 4 else f"the output '{output}'"
