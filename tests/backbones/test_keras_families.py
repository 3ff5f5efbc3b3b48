"""Every network of Keras Applications: converted, it answers as Keras does with Keras's own scaling of pixels."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from lively_networks import enliven, spread
from pawlab.backbones import keras_applications as keras_backbones
from pawlab.backbones.keras_applications import build_graph, largest_difference
from pawlab.backbones.table import BACKBONES, Backbone
from pawlab.graphs.edit import with_outputs
from pawlab.graphs.runtime import open_graph

ROWS = [row for row in BACKBONES if row.extra == "keras" and row.cut is None]
QUICK = ("convnext_tiny", "mobilenet_v3_small")  # the layers that only one family has, and the smallest
SIZE = (97, 107)
EACH_ROW = [pytest.param(row, id=row.name, marks=() if row.name in QUICK else pytest.mark.slow) for row in ROWS]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def test_every_network_of_keras_has_a_row(keras: ModuleType) -> None:
    ours = {row.keras[0] for row in ROWS if row.keras}
    there = {name for name in dir(keras.applications) if name[0].isupper()}
    assert ours == there


@pytest.mark.parametrize("row", EACH_ROW)
def test_its_graph_answers_as_keras_does(keras: ModuleType, row: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    network = application(keras, row)(include_top=False, weights=None, input_shape=(*SIZE, 3))
    if row.name.startswith("efficientnet_b"):
        scale_as_its_weights_do(network)
    enliven(network)
    assert network.count_params() == row.parameters
    weights = network.get_weights()
    monkeypatch.setattr(keras_backbones, "_read_weights", lambda built, *_: built.set_weights(weights))
    model = build_graph(row, SIZE, Path("file"))

    pictures = np.random.default_rng(5).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)
    pictures[1] //= 3
    expected = np.asarray(network(preprocess(keras, row, pictures.astype(np.float32)), training=False))
    names = ["feature_map", *(stage.name for stage in row.stages)]
    answers, *stages = open_graph(with_outputs(model, names).SerializeToString()).run(names, pictures)
    assert answers.shape[1:] == (*map(row.map_size, SIZE), row.channels)
    assert spread(expected) > 3e-3, "both pictures give the same, so that answers are equal says little"
    assert largest_difference(expected, answers) < 1e-4
    assert [stage.shape[1] for stage in stages] == [stage.channels for stage in row.stages]
    sizes = [stage.shape[2] for stage in stages]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) > answers.shape[1]
    keras.backend.clear_session()


def application(keras: ModuleType, row: Backbone) -> Any:
    assert row.keras is not None
    return getattr(keras.applications, row.keras[0])


def preprocess(keras: ModuleType, row: Backbone, pictures: Any) -> Any:
    """Scale pixels by the function that Keras has beside the network; where it scales inside, that returns them."""
    if row.name.startswith("mobilenet_v3"):
        return keras.applications.mobilenet_v3.preprocess_input(pictures.copy())
    assert row.keras is not None
    modules = [module for module in vars(keras.applications).values() if hasattr(module, row.keras[0])]
    return modules[0].preprocess_input(pictures.copy())


def scale_as_its_weights_do(network: Any) -> None:
    """Have an EfficientNet scale as one with ImageNet's weights: (pixels / 255 - mean) / std.

    Its file holds std as the variance, and Keras divides by the root of std once more where it loads that file.
    """
    (norm,) = [layer for layer in network.layers if type(layer).__name__ == "Normalization"]
    norm.adapt_mean.assign(IMAGENET_MEAN)
    norm.adapt_variance.assign(np.square(IMAGENET_STD))
    norm.finalize_state()
