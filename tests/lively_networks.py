"""Networks of Keras Applications with random weights under which pictures differ, and by how much they do."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def enliven(network: Any, seed: int = 1) -> Any:
    """Give every weight a random value, batch norm's statistics those of noise and then some. Returns the network.

    With statistics drawn at will, deep networks answer all pictures alike, and a comparison would show nothing.
    """
    random = np.random.default_rng(seed)
    norms = [layer for layer in _layers(network) if type(layer).__name__ == "BatchNormalization"]
    norm_of_pixels = {id(weight) for layer in _layers(network) if _scales(layer) for weight in layer.weights}
    for weight in network.weights:
        if id(weight) not in norm_of_pixels:
            weight.assign(_drawn(random, weight))
    for norm in norms:
        norm.momentum = 0.0  # one pass, and the running statistics are those of what it saw
    _, height, width, _ = network.inputs[0].shape
    coarse = random.uniform(-1, 1, (2, height // 8 + 1, width // 8 + 1, 3)).repeat(8, axis=1).repeat(8, axis=2)
    pixels = 127.5 * (coarse + 1) if any(map(_scales, network.layers)) else coarse
    network(pixels[:, :height, :width].astype(np.float32), training=True)
    for norm in norms:
        variance = np.asarray(norm.moving_variance)
        norm.moving_mean.assign(norm.moving_mean + 0.2 * np.sqrt(variance) * random.normal(size=variance.shape))
        norm.moving_variance.assign(variance * random.uniform(0.7, 1.4, variance.shape) + variance.mean() / 4)
    return network


def _layers(model: Any) -> list[Any]:
    inner = (_layers(layer) if hasattr(layer, "layers") else [layer] for layer in model.layers)
    return [layer for layers in inner for layer in layers]


def _scales(layer: Any) -> bool:
    """Say whether a layer scales pixels."""
    return type(layer).__name__ in ("Rescaling", "Normalization")


def _drawn(random: np.random.Generator, weight: Any) -> Array:
    shape = tuple(weight.shape)
    if len(shape) > 1:
        inputs = shape[:2] if "depthwise" in weight.path and len(shape) == 4 and shape[3] == 1 else shape[:-1]
        return random.normal(scale=np.sqrt(2 / np.prod(inputs)), size=shape)
    if "variance" in weight.path:
        return random.uniform(0.5, 2, shape)
    return random.normal(1.0 if "gamma" in weight.path else 0.0, 0.2, shape)


def spread(answers: Array) -> float:
    """Return how much two answers (2, ...) differ, as a share of the largest number in them."""
    return float(np.abs(answers[0] - answers[1]).max() / np.abs(answers).max())
