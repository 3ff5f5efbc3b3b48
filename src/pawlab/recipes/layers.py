"""The layers that recipes are made of: one function per kind. Options carry Keras's names where Keras has the layer.

Shapes are those of one picture: (height, width, channels), or (features,) once flat.
"""

from typing import Literal

from pawlab.recipes.recipe import Layer

Activation = Literal["linear", "relu", "relu6", "sigmoid", "silu", "softmax", "tanh"]
Dtype = Literal["float32", "float64"]
FillMode = Literal["nearest", "reflect"]
ByColour = float | list[float]
Stages = list[str]
FlipMode = Literal["horizontal", "vertical", "horizontal_and_vertical"]

PLACES = frozenset({"flip", "rotate", "shift", "shear", "zoom", "crop"})  # kinds that move pixels
VALUES = frozenset({"colour", "erase"})  # kinds that change them
AUGMENTATION = PLACES | VALUES  # kinds that act in training only
BEFORE_A_BACKBONE = frozenset({"crop", "colour", "erase"})  # kinds that no layer of Keras does as they are done here


def backbone(
    name: str, cut: str | None = None, include_preprocessing: bool = True, stages: Stages | None = None
) -> Layer:
    """Frozen pretrained network, in inference mode: (h, w, 3) -> its feature map.

    With `include_preprocessing` it takes pixels 0-255 and scales them as its weights want; without, it takes what the
    layers before it give. `cut` names the inner layer whose output is the feature map; None takes the last one. With
    `stages`, names of inner tensors, it gives the means over all positions of the feature map and of each, side by
    side: (d,).
    """
    options = {"name": name, "cut": cut, "include_preprocessing": include_preprocessing}
    return Layer("backbone", options | ({"stages": list(stages)} if stages else {}))


def rescale(scale: ByColour, offset: ByColour = 0.0) -> Layer:
    """Multiply each value by `scale`, then add `offset`: one number, or one each for red, green and blue."""
    return Layer("rescale", {"scale": scale, "offset": offset})


def flip(mode: FlipMode = "horizontal_and_vertical") -> Layer:
    """Mirror a picture with a probability of 1/2 in each direction of `mode`."""
    return Layer("flip", {"mode": mode})


def rotate(lower: float, upper: float, fill_mode: FillMode = "reflect") -> Layer:
    """Rotate counter-clockwise by a random angle between `lower` and `upper`, as fractions of a full turn."""
    return Layer("rotate", {"lower": lower, "upper": upper, "fill_mode": fill_mode})


def shift(height_factor: float, width_factor: float, fill_mode: FillMode = "reflect") -> Layer:
    """Shift by up to these fractions of the height and width, either way."""
    return Layer("shift", {"height_factor": height_factor, "width_factor": width_factor, "fill_mode": fill_mode})


def shear(x_factor: float, fill_mode: FillMode = "reflect") -> Layer:
    """Shear: each row moves sideways by up to `x_factor` pixels per pixel of height, either way."""
    return Layer("shear", {"x_factor": x_factor, "fill_mode": fill_mode})


def zoom(height_factor: float, width_factor: float, fill_mode: FillMode = "reflect") -> Layer:
    """Stretch or shrink height and width by up to these fractions, independently."""
    return Layer("zoom", {"height_factor": height_factor, "width_factor": width_factor, "fill_mode": fill_mode})


def crop(smallest: float) -> Layer:
    """Enlarge a random part of the picture, of `smallest` to 1 of its area, up to a fifth wider or narrower."""
    return Layer("crop", {"smallest": smallest})


def colour(brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0) -> Layer:
    """Multiply brightness, contrast and saturation by random factors, 1 give or take as much as this."""
    return Layer("colour", {"brightness": brightness, "contrast": contrast, "saturation": saturation})


def erase(rate: float, largest: float = 0.2) -> Layer:
    """Paint a rectangle in the picture's mean colour, up to `largest` of its area, with a probability of `rate`."""
    return Layer("erase", {"rate": rate, "largest": largest})


def conv(filters: int, kernel_size: int = 3, activation: Activation | None = "relu", dtype: Dtype = "float32") -> Layer:
    """Convolution with a bias, stride 1, no padding: (h, w, c) -> (h - k + 1, w - k + 1, filters)."""
    return Layer("conv", {"filters": filters, "kernel_size": kernel_size, "activation": activation, "dtype": dtype})


def pool(pool_size: int) -> Layer:
    """Maximum over windows that don't overlap; a remainder at the edge is dropped."""
    return Layer("pool", {"pool_size": pool_size})


def global_max_pool(keepdims: bool = False) -> Layer:
    """(h, w, channels) -> (channels,), or (1, 1, channels) with `keepdims`: the maximum over all positions."""
    return Layer("global_max_pool", {"keepdims": keepdims})


def global_average_pool() -> Layer:
    """(h, w, channels) -> (channels,): the mean over all positions."""
    return Layer("global_average_pool")


def dropout(rate: float) -> Layer:
    """In training, set values to 0 with probability `rate` and divide the others by 1 - `rate`."""
    return Layer("dropout", {"rate": rate})


def flatten() -> Layer:
    """(h, w, c) -> (h * w * c,), row by row, channels last."""
    return Layer("flatten")


def dense(units: int, activation: Activation | None = None, dtype: Dtype = "float32") -> Layer:
    """Fully connected, with a bias: (d,) -> (units,)."""
    return Layer("dense", {"units": units, "activation": activation, "dtype": dtype})


def standardise() -> Layer:
    """Subtract each feature's training mean, divide by its training standard deviation."""
    return Layer("standardise")


def logistic_regression() -> Layer:
    """One logit per class: weights by maximum likelihood with an L2 penalty, fitted in one go."""
    return Layer("logistic_regression")


def fine_tune(
    unfreeze: int, layer_decay: float = 0.93, weight_decay: float = 0.05, label_smoothing: float = 0.0
) -> Layer:
    """Go on training what stands before it, from the logistic regression on: the last `unfreeze` layers with weights.

    Each of them learns at `layer_decay` times the rate of the one after it. `weight_decay`: the share of its weights
    that each step takes away, times the learning rate. `label_smoothing`: the probability that the labels leave to all
    classes alike. Batch normalisation stays as it is.
    """
    options = {"unfreeze": unfreeze, "layer_decay": layer_decay, "weight_decay": weight_decay}
    return Layer("fine_tune", {**options, "label_smoothing": label_smoothing})
