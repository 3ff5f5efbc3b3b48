import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_pictures import drawing, save
from pawlab.datasets.dataset import Picture
from pawlab.features import thumbnails as module
from pawlab.features.store import FeatureStore
from pawlab.features.thumbnails import thumbnails
from pawlab.images import gray_thumbnail
from picture_folders import labelled, write

CHANGED = "has changed since it was found"


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "cache"))
    for number in range(6):
        save(drawing(number), tmp_path / "cats" / f"{number}.jpg")
    write(tmp_path / "cats/broken.jpg", b"\xff\xd8\xff and no more")
    Image.fromarray(np.full((80, 90), 900, np.uint16)).save(tmp_path / "cats/deep.tif")
    return [labelled(path) for path in sorted((tmp_path / "cats").iterdir())]


def test_they_are_those_of_the_decoder_first_and_from_the_store(
    pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []

    def counted(path: os.PathLike[str], side: int) -> object:
        computed.append(Path(path).name)
        return gray_thumbnail(path, side)

    monkeypatch.setattr(module, "gray_thumbnail", counted)
    first, second = thumbnails(pictures), thumbnails(pictures)
    for found in (first, second):
        assert found.contents == [picture.sha256 for picture in pictures if picture.name != "broken.jpg"]
        expected = [gray_thumbnail(picture.path, 64) for picture in pictures if picture.name != "broken.jpg"]
        assert np.array_equal(found.pixels[np.arange(7)], [pixels for pixels, _ in expected])
        assert found.infos == [info for _, info in expected]
        assert [(item.name, item.broken) for item in found.skipped] == [("broken.jpg", True)]
        assert found.value_range == (0, 1023)
    assert sorted(computed) == sorted([picture.name for picture in pictures] + ["broken.jpg", "deep.tif"])


def test_nothing_to_look_at(tmp_path: Path) -> None:
    found = thumbnails([])
    assert (found.contents, len(found.pixels), found.value_range) == ([], 0, None)
    assert found.near_duplicates() == ()


def test_what_a_stopped_run_has_looked_at_is_there_for_the_next(
    pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS_PER_WRITE", 2)
    monkeypatch.setattr(module, "_BATCH", 1)
    monkeypatch.setenv("PAWLAB_THREADS", "1")
    looked: list[str] = []

    def until_the_fifth(path: os.PathLike[str], side: int) -> object:
        looked.append(Path(path).name)
        if len(looked) == 5:
            raise KeyboardInterrupt
        return gray_thumbnail(path, side)

    monkeypatch.setattr(module, "gray_thumbnail", until_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        thumbnails(pictures[:6])
    found = thumbnails(pictures[:6])
    expected = [gray_thumbnail(picture.path, 64)[0] for picture in pictures[:6]]
    assert np.array_equal(found.pixels[np.arange(6)], expected)
    assert looked.count("0.jpg") + looked.count("1.jpg") == 2


def test_a_picture_that_has_changed_since_it_was_found_isnt_taken_for_what_it_was(pictures: list[Picture]) -> None:
    first, right = pictures[0], pictures[0].path.read_bytes()
    save(drawing(7), first.path)
    assert [(item.name, item.reason) for item in thumbnails([first]).skipped] == [(first.name, CHANGED)]
    first.path.write_bytes(right)
    found = thumbnails([first])
    assert np.array_equal(found.pixels[np.arange(1)], [gray_thumbnail(first.path, 64)[0]])


def test_a_store_that_vanishes_or_takes_nothing_costs_nothing_but_time(
    pictures: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [gray_thumbnail(picture.path, 64)[0] for picture in pictures if picture.name != "broken.jpg"]
    for said in (True, False):
        monkeypatch.setattr(FeatureStore, "append", lambda self, rows, said=said: said)
        found = thumbnails(pictures)
        assert np.array_equal(found.pixels[np.arange(7)], expected)
        assert [item.name for item in found.skipped] == ["broken.jpg"]
        assert found.value_range == (0, 1023)


def test_places_are_looked_up_in_any_order(pictures: list[Picture]) -> None:
    """The store holds them in the order of an earlier run; the deep one is in memory."""
    thumbnails(pictures[::-1])
    found = thumbnails(pictures)
    places = np.array([6, 0, 3, 6, 5])
    good = [picture for picture in pictures if picture.name != "broken.jpg"]
    assert np.array_equal(found.pixels[places], [gray_thumbnail(good[place].path, 64)[0] for place in places])
