"""Networks of Keras Applications: their weights found, their layers built by Keras, and all of it converted to ONNX.

Keras is imported only where a graph is made: with the weights at hand and the graph in the cache, it isn't needed.
"""

import io
import os
import random
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from hashlib import file_digest
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pawlab.backbones.table import Backbone, require_file
from pawlab.errors import WeightsError, one_line
from pawlab.graphs.anatomy import PLANES
from pawlab.graphs.builder import GraphBuilder, feature_outputs, picture_planes
from pawlab.graphs.from_keras import add_model
from pawlab.graphs.keras_runtime import import_keras
from pawlab.graphs.runtime import open_graph

if TYPE_CHECKING:
    from onnx import ModelProto

RANDOM: Literal["random"] = "random"  # in place of a weights file: an untrained network, for tests of the wiring
TOLERANCE = 1e-3  # the most that an answer may differ from Keras's, as a share of the largest

ImageSize = tuple[int, int]  # height, width
Weights = Path | Literal["random"]

# Keras has weights of MobileNets for these sizes of pictures; any other size takes those for 224.
_SIZES = {"mobilenet": (128, 160, 192, 224), "mobilenet_v2": (96, 128, 160, 192, 224)}


def find_weights(backbone: Backbone, image_size: ImageSize, given: Path | None = None) -> Path:
    """Return the weights file: `given`, else <name>.weights.h5 in the folder PAWLAB_WEIGHTS_DIR, else the one that
    Keras keeps, which it downloads where it must. Raises WeightsError where there is none."""
    if given is not None:
        require_file(given)
        return given
    kept = kept_weights(backbone, image_size)
    if kept is None:
        kept = _keras_file(backbone, image_size)
        _download(backbone, image_size, kept)
    return kept


def kept_weights(backbone: Backbone, image_size: ImageSize) -> Path | None:
    """Return the weights file in PAWLAB_WEIGHTS_DIR or among Keras's own; None where there is none."""
    folder = os.environ.get("PAWLAB_WEIGHTS_DIR")
    places = [Path(folder) / _file_name(backbone)] if folder else []
    return next((path for path in [*places, _keras_file(backbone, image_size)] if path.is_file()), None)


def weights_sha256(weights: Weights) -> str:
    """Return the checksum of a weights file; `random` for random weights, which come from a fixed seed."""
    if weights == RANDOM:
        return RANDOM
    with Path(weights).open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def build_graph(
    backbone: Backbone, image_size: ImageSize, weights: Weights, include_preprocessing: bool = True
) -> "ModelProto":
    """Return the network as ONNX, in the form that `efficientnet_lite.build_graph` describes, for one size of pictures.

    Raises WeightsError where the weights don't fit, or where the graph's answers aren't Keras's.
    """
    with _random_state_kept():
        network = _load_network(backbone, image_size, weights)
    graph = GraphBuilder()
    planes = picture_planes(graph, backbone.mean, backbone.std, scaled=not include_preprocessing, size=image_size)
    names = {stage.layer: stage.name for stage in backbone.stages}
    feature_planes = graph.add("Identity", add_model(graph, network, planes, names), name=PLANES)
    feature_outputs(graph, feature_planes, backbone.channels)
    model = graph.model(backbone.name)
    _check_answers(backbone, network, model, image_size, include_preprocessing)
    return model


def _file_name(backbone: Backbone) -> str:
    return f"{backbone.name}.weights.h5"


def _keras_file(backbone: Backbone, image_size: ImageSize) -> Path:
    height, width = image_size
    size = height if height == width and height in _SIZES.get(backbone.name, ()) else 224
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    return home / "models" / _keras_names(backbone)[1].format(size=size)


def _download(backbone: Backbone, image_size: ImageSize, target: Path) -> None:
    keras = import_keras(f"the backbone {backbone.name}")
    reason = "they didn't arrive"
    try:
        with _random_state_kept(), redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
            _application(keras, backbone)(include_top=False, weights="imagenet", input_shape=(*image_size, 3))
    except Exception as error:  # Keras turns every failure on the way into a plain Exception
        reason = one_line(error)
    if not target.is_file():
        raise WeightsError(
            f"the weights of {backbone.name} aren't here, and Keras couldn't download them ({reason}). "
            f"Name the file with --weights, or put it as {_file_name(backbone)} into the folder PAWLAB_WEIGHTS_DIR."
        )


def _keras_names(backbone: Backbone) -> tuple[str, str]:
    """Return the name of Keras's class, and of the file in which it keeps the weights."""
    assert backbone.keras is not None, "a row that this module reads names them"
    return backbone.keras


def _application(keras: Any, backbone: Backbone) -> Any:
    return getattr(keras.applications, _keras_names(backbone)[0])


def _load_network(backbone: Backbone, image_size: ImageSize, weights: Weights) -> Any:
    """Return the Keras model, from pixels scaled by the backbone's mean and std to its feature map."""
    keras = import_keras(f"the backbone {backbone.name}")
    random.seed(0)  # Keras draws the seeds of all initial weights from here
    network = _application(keras, backbone)(include_top=False, weights=None, input_shape=(*image_size, 3))
    if weights != RANDOM:
        _read_weights(network, backbone, Path(weights))
    _take_pixels_as_ours(network, backbone)
    if backbone.cut is not None:
        network = keras.Model(network.input, network.get_layer(backbone.cut).output)
    return network


def _take_pixels_as_ours(network: Any, backbone: Backbone) -> None:
    """Have the network take what our graphs feed it: red, green, blue, scaled by the row's mean and std.

    Scaling that Keras put inside is switched off: each of our graphs has its own, and EfficientNet's isn't whole in a
    network built without its weights. Weights for blue, green, red are turned in the first convolution.
    """
    for layer in network.layers:
        if type(layer).__name__ == "Rescaling":
            layer.scale, layer.offset = 1.0, 0.0
        elif type(layer).__name__ == "Normalization":
            layer.mean, layer.variance = np.float32(0), np.float32(1)
    if backbone.turned_layer:
        kernel = network.get_layer(backbone.turned_layer).kernel
        kernel.assign(np.asarray(kernel)[:, :, ::-1])


def _read_weights(network: Any, backbone: Backbone, path: Path) -> None:
    try:
        with _fitting_name(path) as named, warnings.catch_warnings(action="ignore"):  # it warns where it then raises
            network.load_weights(named)
    except Exception as error:  # h5py and Keras raise nearly everything on a file that isn't right
        reason = one_line(error)
        raise WeightsError(
            f"{path} doesn't hold the weights of {backbone.name} without its top, as Keras saves them: {reason}"
        ) from error


@contextmanager
def _fitting_name(path: Path) -> Iterator[Path]:
    """Yield a path to the same bytes whose ending names the right format: Keras goes by nothing else.

    Keras's own downloads are in its older HDF5 format, `.h5`; what Keras 3 saves ends with `.weights.h5`.
    """
    with import_module("h5py").File(path) as file:
        older = "layer_names" in file.attrs or "model_weights" in file  # weights alone, or a whole model
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / ("copy.h5" if older else "copy.weights.h5")
        shutil.copyfile(path, named)
        yield named


def _check_answers(
    backbone: Backbone, network: Any, model: "ModelProto", image_size: ImageSize, include_preprocessing: bool
) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, *image_size, 3), dtype=np.uint8)
    scaled = ((pictures - np.array(backbone.mean, np.float32)) / np.array(backbone.std, np.float32)).astype(np.float32)
    expected = np.asarray(network(scaled, training=False))
    given = open_graph(model.SerializeToString()).run(None, pictures if include_preprocessing else scaled)
    off = max(map(largest_difference, (expected, expected.mean(axis=(1, 2))), given))
    if not off <= TOLERANCE:
        raise WeightsError(
            f"{backbone.name} can't be used with this version of Keras: converted to ONNX, its answers differ by "
            f"{off:.1e} of the largest, more than {TOLERANCE:.0e}. Install another version of Keras."
        )


def largest_difference(expected: NDArray[Any], actual: NDArray[Any]) -> float:
    """Return the largest difference between two arrays, as a share of the largest number in the first."""
    if expected.shape != actual.shape or not np.isfinite(actual).all():
        return float("inf")
    scale = float(np.abs(expected).max(initial=0.0)) or 1.0
    return float(np.abs(expected - actual).max(initial=0.0)) / scale


@contextmanager
def _random_state_kept() -> Iterator[None]:
    """Leave Python's random numbers as they were: what follows must not depend on whether a graph was in the cache."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
