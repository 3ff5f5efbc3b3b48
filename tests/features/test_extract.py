from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pytest

from pawlab.backbones.load import BackboneGraph, backbone_graph
from pawlab.datasets.dataset import Picture
from pawlab.features.extract import Extracted, extract_features
from pawlab.features.store import FeatureStore
from pawlab.images import PictureInfo, Preprocess, decode
from picture_folders import labelled
from sessions import open_session

SMALL = Preprocess(64, 64)


@pytest.fixture(scope="module")
def graph() -> BackboneGraph:
    return backbone_graph("efficientnet_lite0", (64, 64))


@pytest.fixture
def pictures(learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "cache"))
    return [labelled(path) for path in sorted(learnable_folder.rglob("*.png"))[::6]]


def outputs_of(graph: BackboneGraph, picture: Picture) -> Any:
    pixels = decode(picture.path, SMALL)[np.newaxis]
    return open_session(graph.path).run(["features"], {"pictures": pixels})[0][0]


def test_features_are_the_backbones_of_the_decoded_picture(pictures: list[Picture], graph: BackboneGraph) -> None:
    extracted = extract_features(pictures, graph, SMALL)
    expected = [outputs_of(graph, picture) for picture in pictures]
    np.testing.assert_array_equal(extracted.features, expected)
    assert extracted.pictures == tuple(pictures)
    assert extracted.computed == len(pictures)


def test_a_second_call_computes_only_what_is_new(pictures: list[Picture], graph: BackboneGraph) -> None:
    first = extract_features(pictures[:7], graph, SMALL)
    second = extract_features(pictures, graph, SMALL)
    assert (first.computed, second.computed) == (7, len(pictures) - 7)
    np.testing.assert_array_equal(second.features[:7], first.features)
    assert extract_features(pictures, graph, Preprocess(64, 64, "pad")).computed == len(pictures)


def test_a_broken_store_is_computed_again(pictures: list[Picture], graph: BackboneGraph) -> None:
    first = extract_features(pictures, graph, SMALL)
    for file in ("rows.f32", "index.bin"):
        (FeatureStore(graph.checksum, SMALL, 1280).folder / file).write_bytes(b"nothing that was written" * 99)
    second = extract_features(pictures, graph, SMALL)
    assert second.computed == len(pictures)
    np.testing.assert_array_equal(second.features, first.features)


def test_broken_pictures_are_left_out_and_named(pictures: list[Picture], graph: BackboneGraph, tmp_path: Path) -> None:
    cut = tmp_path / "cut.png"
    cut.write_bytes(pictures[0].path.read_bytes()[:300])
    extracted = extract_features([pictures[0], labelled(cut), pictures[1]], graph, SMALL)
    assert extracted.pictures == (pictures[0], pictures[1])
    assert extracted.features.shape == (2, 1280)
    assert [item.name for item in extracted.skipped] == ["cut.png"]
    assert "truncated" in extracted.skipped[0].reason


def test_a_picture_that_has_changed_since_it_was_found_isnt_taken_for_what_it_was(
    pictures: list[Picture], graph: BackboneGraph, tmp_path: Path
) -> None:
    picture = labelled(copyfile(pictures[0].path, tmp_path / "one.png"))
    copyfile(pictures[1].path, picture.path)
    (skipped,) = extract_features([picture], graph, SMALL).skipped
    assert (skipped.name, skipped.reason) == ("one.png", "has changed since it was found")
    copyfile(pictures[0].path, picture.path)
    again, right = extract_features([picture], graph, SMALL), extract_features(pictures[:1], graph, SMALL)
    assert (again.computed, right.computed) == (1, 0)  # what the changed picture gave isn't in the store
    np.testing.assert_array_equal(again.features, [outputs_of(graph, pictures[0])])


def test_the_same_content_is_computed_once(pictures: list[Picture], graph: BackboneGraph, tmp_path: Path) -> None:
    copy = tmp_path / "copy.png"
    copy.write_bytes(pictures[0].path.read_bytes())
    extracted = extract_features([pictures[0], labelled(copy)], graph, SMALL)
    assert extracted.computed == 1
    np.testing.assert_array_equal(extracted.features[0], extracted.features[1])


def test_a_run_that_is_killed_keeps_what_it_had(
    pictures: list[Picture], graph: BackboneGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pawlab.features.extract._ROWS_PER_WRITE", 2)

    def five_then_killed(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number == 5:
                raise KeyboardInterrupt
            yield function(item)

    with monkeypatch.context() as killing:
        killing.setattr("pawlab.engines.local.map_in_threads", five_then_killed)
        with pytest.raises(KeyboardInterrupt):
            extract_features(pictures, graph, SMALL)
    resumed: Extracted = extract_features(pictures, graph, SMALL)
    assert resumed.computed == len(pictures) - 4


def test_size_and_format_come_with_the_features(pictures: list[Picture], graph: BackboneGraph) -> None:
    infos = [extract_features(pictures, graph, SMALL).infos for _ in range(2)]  # computed, then from the store
    assert infos[0] == infos[1] == {picture.sha256: PictureInfo(96, 96, "PNG") for picture in pictures}


def test_features_from_the_store_are_a_view_of_the_mapped_file(pictures: list[Picture], graph: BackboneGraph) -> None:
    features = extract_features(pictures, graph, SMALL).features
    assert isinstance(features.source.base, np.memmap)
    assert np.shares_memory(features[:], features.source)


def test_without_a_store_features_are_the_same(
    pictures: list[Picture], graph: BackboneGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = extract_features(pictures, graph, SMALL)
    monkeypatch.setattr(FeatureStore, "folder", property(lambda self: tmp_path / "file"), raising=False)
    monkeypatch.setattr(
        FeatureStore, "__init__", lambda self, checksum, preprocess, width: setattr(self, "width", width)
    )
    (tmp_path / "file").write_text("not a folder")
    extracted = extract_features(pictures, graph, SMALL)
    np.testing.assert_array_equal(extracted.features, expected.features)
    assert (extracted.pictures, extracted.infos) == (expected.pictures, expected.infos)
