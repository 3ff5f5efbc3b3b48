from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from pawlab.backbones import efficientnet_lite
from pawlab.backbones import load as graphs
from pawlab.backbones.load import backbone_graph
from pawlab.backbones.table import find_backbone
from pawlab.errors import OutputError, RecipeError, WeightsError
from pawlab.graphs.edit import with_outputs
from sessions import open_session

NAME = "efficientnet_lite0"
SIZE = (224, 224)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "backbones"


def refuse_to_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def build_graph(*_: Any) -> Any:
        raise AssertionError("it was built again")

    monkeypatch.setattr(efficientnet_lite, "build_graph", build_graph)


def test_a_graph_is_built_once_and_serves_every_size(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = backbone_graph(NAME, SIZE)
    refuse_to_build(monkeypatch)

    assert backbone_graph(NAME, SIZE) == first
    assert backbone_graph(NAME, (64, 96)) == first
    assert first.backbone.name == NAME
    assert list(cache.iterdir()) == [first.path]
    feature_map = open_session(first.path).run(["feature_map"], {"pictures": np.zeros((2, 64, 96, 3), np.uint8)})[0]
    assert feature_map.shape == (2, 2, 3, 1280)


def damage_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_a_byte, cut_off, empty])
def test_a_broken_file_in_the_cache_is_built_again(cache: Path, damage: Any) -> None:
    first = backbone_graph(NAME, SIZE)
    whole = first.path.read_bytes()
    damage(first.path)

    assert backbone_graph(NAME, SIZE) == first
    assert first.path.read_bytes() == whole
    assert list(cache.iterdir()) == [first.path]


def test_a_broken_file_of_another_name_is_cleared_away(cache: Path) -> None:
    first = backbone_graph(NAME, SIZE)
    broken = first.path.with_stem(first.path.stem[:-16] + "0" * 16)  # sorts before the whole one
    broken.write_bytes(b"broken")
    assert backbone_graph(NAME, SIZE) == first
    assert list(cache.iterdir()) == [first.path]


def test_a_build_that_fails_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_to_build(monkeypatch)
    with pytest.raises(AssertionError, match="it was built again"):
        backbone_graph(NAME, SIZE)
    assert list(cache.iterdir()) == []


def test_several_at_once_each_get_a_whole_graph(cache: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: backbone_graph(NAME, SIZE), range(3)))
    assert len(set(made)) == 1
    assert graphs._is_whole(made[0].path)
    assert list(cache.iterdir()) == [made[0].path]


def test_the_checksum_names_weights_version_and_what_is_computed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checksum = backbone_graph(NAME, SIZE).checksum
    assert checksum == "7ddef4d9236d00f2eed610f69677b06ddbefda1a6149531c98b852b96781f99f"
    assert backbone_graph(NAME, SIZE, include_preprocessing=False).checksum != checksum
    monkeypatch.setattr(graphs, "GRAPH_VERSION", graphs.GRAPH_VERSION + 1)
    assert backbone_graph(NAME, SIZE).checksum != checksum
    assert len(list(cache.iterdir())) == 3


@pytest.mark.usefixtures("cache")
def test_weights_that_the_user_names_are_looked_at_even_when_cached(tmp_path: Path) -> None:
    first = backbone_graph(NAME, SIZE)
    assert backbone_graph(NAME, SIZE, efficientnet_lite.installed_weights(find_backbone(NAME))) == first
    (tmp_path / "mine").write_bytes(b"mine")
    with pytest.raises(WeightsError, match="mine isn't the weights file of efficientnet_lite0"):
        backbone_graph(NAME, SIZE, tmp_path / "mine")


def test_pictures_too_small_for_a_network_are_refused_in_one_line() -> None:
    with pytest.raises(RecipeError) as raised:
        backbone_graph(NAME, (224, 31))
    assert str(raised.value) == "efficientnet_lite0 needs pictures of at least 32 x 32 pixels, not 224 x 31."


def test_a_cache_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="Set PAWLAB_CACHE_DIR to a folder you can write"):
        backbone_graph(NAME, SIZE)


def test_stages_are_pooled_beside_the_features() -> None:
    stages = ("stage_3", "stage_6")
    found, plain = backbone_graph(NAME, SIZE, stages=stages), backbone_graph(NAME, SIZE)
    assert (plain.output, plain.width, found.output, found.width) == ("features", 1280, "pooled", 1280 + 240 + 1152)
    assert found.checksum != plain.checksum
    names = ["pooled", "features", *stages]
    whole = open_session(with_outputs(onnx.load(found.path), names).SerializeToString())
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    pooled, features, *maps = whole.run(names, {"pictures": pictures})
    np.testing.assert_array_equal(pooled[:, :1280], features)
    np.testing.assert_allclose(pooled[:, 1280:], np.hstack([part.mean(axis=(2, 3)) for part in maps]), atol=1e-5)
    assert pooled[:, 1280:].max() > 0.5


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"^efficientnet_lite0 has no stage 'stage_9'\."):
        backbone_graph(NAME, SIZE, stages=("stage_9",))
