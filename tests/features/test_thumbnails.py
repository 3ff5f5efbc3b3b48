from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drawn_pictures import drawing, save
from pawlab.datasets.dataset import Picture
from pawlab.features import thumbnails as module
from pawlab.features.thumbnails import thumbnails
from pawlab.images import gray_thumbnail
from picture_folders import labelled, write


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

    def counted(path: Path, side: int) -> object:
        computed.append(path.name)
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
