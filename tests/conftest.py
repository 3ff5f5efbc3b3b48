"""What every test may use: a cache of its own, a folder with a known answer, the real photos where they are at hand."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from chromium import CHROMIUM
from pawlab import waiting
from pawlab.cli import terminal
from pawlab.errors import MissingExtraError
from pawlab.graphs.keras_runtime import import_keras

COLD, WARM = "cold-squares", "warm-circles"
PICTURES_A_CLASS = 30


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep every test, and every process it starts, out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAWLAB_CACHE_DIR", str(folder))
        patch.setattr(terminal, "_PAUSE", 3600.0)  # on a busy machine what takes a moment would be reported
        patch.setattr(waiting, "_PATIENCE", 3600.0)
        yield folder


@pytest.fixture(scope="session")
def learnable_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes that no classifier should confuse: warm circles and cold squares, 30 PNG files each, 96 x 96.

    Shared by the whole session: copy it before you change it.
    """
    root = tmp_path_factory.mktemp("learnable")
    random = np.random.default_rng(0)
    for label in (COLD, WARM):
        (root / label).mkdir()
        for number in range(PICTURES_A_CLASS):
            draw_shape(random, warm=label == WARM).save(root / label / f"{number:02}.png")
    return root


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    """Keras on TensorFlow, imported once; its tests are skipped where the extra isn't installed."""
    try:
        return import_keras("this test")
    except MissingExtraError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def lively_mobilenet(keras: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """MobileNetV2 with random weights under which pictures differ, as Keras's network and as a file."""
    keras.utils.set_random_seed(1)
    network = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(160, 160, 3))
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    noise = np.random.default_rng(0).uniform(-1, 1, (4, 10, 10, 3)).repeat(16, axis=1).repeat(16, axis=2)
    network(noise.astype(np.float32), training=True)
    path: Path = tmp_path_factory.mktemp("weights") / "lively.weights.h5"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)  # of h5py and NumPy
        network.save_weights(path)
    return network, path


@pytest.fixture(scope="session")
def cats_and_dogs() -> Path:
    """The archive of the 3,000 real photos; its test is skipped where it isn't at hand."""
    return _real("PAWLAB_DATA_DIR", "cats_and_dogs_filtered.zip")


@pytest.fixture(scope="session")
def mobilenet_weights() -> Path:
    """MobileNetV2's weights without its top; its test is skipped where they aren't at hand."""
    return _real("PAWLAB_WEIGHTS_DIR", "mobilenet_v2.weights.h5")


def _real(variable: str, name: str) -> Path:
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"needs {name}: set {variable} to its folder")
    path = Path(folder, name).resolve()
    if not path.is_file():
        pytest.skip(f"{variable} is set, but there is no {path}")
    return path


def draw_shape(random: np.random.Generator, warm: bool) -> Image.Image:
    """Draw one shape of random size, place and shade on gray noise of random strength: 96 x 96 RGB."""
    noise = random.normal(random.uniform(80, 170), random.uniform(5, 30), (96, 96, 3))
    image = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    size = int(random.integers(36, 64))
    left, top = (int(value) for value in random.integers(0, 96 - size, 2))
    strong, middle, weak = (int(random.integers(*span)) for span in ((190, 256), (40, 120), (0, 50)))
    box = (left, top, left + size, top + size)
    if warm:
        ImageDraw.Draw(image).ellipse(box, fill=(strong, middle, weak))
    else:
        ImageDraw.Draw(image).rectangle(box, fill=(weak, middle, strong))
    return image


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """Playwright, which drives a real browser; tests that need it skip where it or Chromium isn't there."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: set PAWLAB_CHROMIUM to its program")
    with playwright.sync_playwright() as driver:
        yield driver
