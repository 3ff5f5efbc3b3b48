import os
import random
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pawlab.backbones import keras_applications as keras_backbones
from pawlab.backbones.keras_applications import RANDOM, build_graph, find_weights, largest_difference, weights_sha256
from pawlab.backbones.load import backbone_graph
from pawlab.backbones.table import Backbone, find_backbone
from pawlab.errors import MissingExtraError, WeightsError
from pawlab.graphs import from_keras
from pawlab.install import install_command
from sessions import open_session

Keras = Any
MOBILENET = find_backbone("mobilenet_v2")
ROWS = [find_backbone(*names) for names in (("mobilenet_v2",), ("inception_v3",), ("inception_v3", "mixed7"))]
SMALL = (33, 48)


@pytest.fixture
def without_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setitem(sys.modules, "keras", None)


@pytest.fixture
def no_weights_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAWLAB_WEIGHTS_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    return path


def test_weights_are_looked_for_in_the_order_of_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_WEIGHTS_DIR", str(tmp_path / "ours"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_{}_no_top.h5"
    at_160 = make(tmp_path / "keras" / "models" / name.format(160))
    at_224 = make(tmp_path / "keras" / "models" / name.format(224))
    assert find_weights(MOBILENET, (160, 160)) == at_160
    assert find_weights(MOBILENET, (160, 224)) == at_224
    assert find_weights(MOBILENET, (288, 288)) == at_224

    ours = make(tmp_path / "ours" / "mobilenet_v2.weights.h5")
    assert find_weights(MOBILENET, (160, 160)) == ours

    named = make(tmp_path / "named.h5")
    assert find_weights(MOBILENET, (160, 160), named) == named


def test_a_weights_file_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as raised:
        find_weights(MOBILENET, (160, 160), tmp_path / "none.h5")
    assert str(raised.value) == f"there is no weights file {tmp_path / 'none.h5'}."


@pytest.mark.usefixtures("without_keras", "no_weights_anywhere")
def test_without_keras_the_extra_is_named() -> None:
    with pytest.raises(MissingExtraError) as raised:
        backbone_graph("mobilenet_v2", (160, 160))
    assert str(raised.value) == f"the backbone mobilenet_v2 needs the extra 'keras': {install_command('pawlab[keras]')}"


@pytest.mark.usefixtures("no_weights_anywhere")
def test_a_download_that_fails_says_where_to_put_the_file(
    keras: Keras, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def unreachable(**_: Any) -> Any:
        raise Exception("URL fetch failure:\nno network")

    monkeypatch.setattr(keras.applications, "MobileNetV2", unreachable)
    with pytest.raises(WeightsError) as raised:
        find_weights(MOBILENET, (160, 160))
    assert str(raised.value) == (
        "the weights of mobilenet_v2 aren't here, and Keras couldn't download them (URL fetch failure: no network). "
        "Name the file with --weights, or put it as mobilenet_v2.weights.h5 into the folder PAWLAB_WEIGHTS_DIR."
    )
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("no_weights_anywhere")
def test_weights_are_downloaded_by_keras_without_a_word(
    keras: Keras, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    target = keras_backbones._keras_file(MOBILENET, (100, 100))

    def download(include_top: bool, weights: str, input_shape: tuple[int, ...]) -> None:
        assert (include_top, weights, input_shape) == (False, "imagenet", (100, 100, 3))
        print("Downloading data from a place")
        warnings.warn("no weights of that size", stacklevel=2)
        make(target)

    monkeypatch.setattr(keras.applications, "MobileNetV2", download)
    assert find_weights(MOBILENET, (100, 100)) == target
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name} {row.cut or ''}")
def test_counts_and_shapes_are_those_of_the_table(keras: Keras, row: Backbone) -> None:
    network = keras_backbones._load_network(row, (97, 150), RANDOM)
    assert network.count_params() == row.parameters
    assert network.output.shape == (None, row.map_size(97), row.map_size(150), row.channels)


@pytest.mark.usefixtures("keras")
def test_graphs_are_built_once_for_each_size_and_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path))
    made = [
        backbone_graph("inception_v3", (75, 75), RANDOM, cut="mixed7"),
        backbone_graph("mobilenet_v2", SMALL, RANDOM),
        backbone_graph("mobilenet_v2", (32, 32), RANDOM),
        backbone_graph("mobilenet_v2", SMALL, RANDOM, include_preprocessing=False),
    ]
    assert len({graph.path for graph in made}) == 4
    assert made[1].checksum == made[2].checksum != made[3].checksum

    for module in ("keras", "tensorflow"):
        monkeypatch.setitem(sys.modules, module, None)  # with the graph in the cache it isn't needed
    assert backbone_graph("inception_v3", (75, 75), RANDOM, cut="mixed7") == made[0]
    assert backbone_graph("mobilenet_v2", SMALL, RANDOM) == made[1]

    pictures = np.random.default_rng(0).integers(0, 256, (2, *SMALL, 3), dtype=np.uint8)
    scaled = ((pictures - np.float32(127.5)) / np.float32(127.5)).astype(np.float32)
    whole = open_session(made[1].path).run(["feature_map", "features"], {"pictures": pictures})
    bare = open_session(made[3].path).run(["feature_map", "features"], {"pictures": scaled})
    assert whole[0].shape == (2, 2, 2, 1280)
    np.testing.assert_allclose(whole[1], whole[0].mean(axis=(1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(whole[0], bare[0])


def test_the_pretrained_graph_gives_what_keras_gives(keras: Keras, mobilenet_weights: Path) -> None:
    model = build_graph(MOBILENET, (160, 160), mobilenet_weights)
    network = keras.applications.MobileNetV2(include_top=False, weights=mobilenet_weights, input_shape=(160, 160, 3))
    pictures = np.random.default_rng(5).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)
    expected = np.asarray(network(keras.applications.mobilenet_v2.preprocess_input(pictures.astype(np.float32))))
    (actual,) = open_session(model.SerializeToString()).run(["feature_map"], {"pictures": pictures})
    assert largest_difference(expected, actual) < 1e-4


@pytest.mark.usefixtures("keras")
def test_a_graph_that_answers_otherwise_than_keras_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(from_keras._LAYERS, "ReLU", lambda graph, layer, value: value)
    with pytest.raises(WeightsError) as raised:
        build_graph(MOBILENET, SMALL, RANDOM)
    before, _, after = str(raised.value).partition("differ by ")
    assert before == ("mobilenet_v2 can't be used with this version of Keras: converted to ONNX, its answers ")
    assert after.endswith(" of the largest, more than 1e-03. Install another version of Keras.")


@pytest.mark.parametrize(("saved_as", "named"), [("new.weights.h5", "other.h5"), ("old.h5", "mobilenet_v2.weights.h5")])
@pytest.mark.filterwarnings("ignore")  # of Keras, which would rather save in another format
def test_both_of_keras_formats_are_read_whatever_the_file_is_called(
    keras: Keras, tmp_path: Path, saved_as: str, named: str
) -> None:
    random.seed(3)
    network = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(*SMALL, 3))
    saved = tmp_path / saved_as
    network.save(saved) if saved_as == "old.h5" else network.save_weights(saved)
    saved.rename(tmp_path / named)

    read = keras_backbones._load_network(MOBILENET, SMALL, tmp_path / named)
    for one, other in zip(network.get_weights(), read.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.usefixtures("keras")
def test_a_file_that_holds_no_such_weights_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "mobilenet_v2.weights.h5")
    with pytest.raises(WeightsError) as raised:
        build_graph(MOBILENET, SMALL, path)
    assert str(raised.value).startswith(
        f"{path} doesn't hold the weights of mobilenet_v2 without its top, as Keras saves them: "
    )
    assert "\n" not in str(raised.value)


@pytest.mark.filterwarnings("ignore")
def test_the_weights_of_another_network_are_refused(keras: Keras, tmp_path: Path) -> None:
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    other.save_weights(tmp_path / "other.weights.h5")
    other.save(tmp_path / "other.h5")
    for name in ("other.weights.h5", "other.h5"):
        with pytest.raises(WeightsError, match="doesn't hold the weights of mobilenet_v2"):
            build_graph(MOBILENET, SMALL, tmp_path / name)


@pytest.mark.usefixtures("keras")
def test_random_weights_are_the_same_each_time_and_leave_pythons_random_numbers_as_they_were() -> None:
    random.seed(7)
    expected = random.random()
    random.seed(7)
    one = build_graph(MOBILENET, SMALL, RANDOM).SerializeToString(deterministic=True)
    assert random.random() == expected
    other = build_graph(MOBILENET, SMALL, RANDOM).SerializeToString(deterministic=True)
    assert one == other


def test_random_weights_have_a_name_of_their_own(tmp_path: Path) -> None:
    assert weights_sha256(RANDOM) == "random"
    assert weights_sha256(make(tmp_path / "a")) == "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"


@pytest.mark.usefixtures("keras")
def test_a_process_that_builds_says_nothing(tmp_path: Path) -> None:
    code = "from pawlab.backbones.load import backbone_graph; backbone_graph('mobilenet_v2', (32, 32), 'random')"
    environment = {**os.environ, "PAWLAB_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(list((tmp_path / "backbones").iterdir())) == 1
