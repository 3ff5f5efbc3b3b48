import hashlib
import io
from collections import Counter
from pathlib import Path

from PIL import Image

from pawlab.datasets.discover import discover
from pawlab.datasets.known import KNOWN_DATA, get_data
from pawlab.datasets.sample import SAMPLE, sample_files
from pawlab.datasets.stats import count_pictures
from pawlab.images import decode


def test_three_hundred_pictures_in_three_megabytes() -> None:
    dataset = discover("sample")
    assert count_pictures(dataset) == {
        "train": {"cats": 90, "dogs": 90},
        "validation": {"cats": 30, "dogs": 30},
        "test": {"cats": 30, "dogs": 30},
    }
    assert SAMPLE.stat().st_size <= 3_000_000


def test_the_table_of_known_data_is_right_about_it() -> None:
    (known,) = (known for known in KNOWN_DATA if known.name == "sample")
    pictures = discover("sample").pictures
    assert known.pictures == len(pictures)
    assert known.size == sum(picture.path.stat().st_size for picture in pictures)


def test_every_picture_is_a_jpeg_of_200_to_256_pixels_and_unlike_the_others() -> None:
    contents = Counter()  # type: Counter[str]
    for data in sample_files(300):
        image = Image.open(io.BytesIO(data))
        assert image.format == "JPEG"
        assert 200 <= min(image.size) <= max(image.size) <= 256
        contents[hashlib.sha256(decode(data).tobytes()).hexdigest()] += 1
    assert len(contents) == 300


def test_cats_and_dogs_come_in_turn() -> None:
    folder = get_data("sample")
    files = {path.read_bytes(): path.parent.name for path in folder.rglob("*.jpg")}
    assert [files[data] for data in sample_files(6)] == ["cats", "dogs"] * 3


def test_it_is_unpacked_into_the_cache(cache_of_this_session: Path) -> None:
    assert get_data("sample").is_relative_to(cache_of_this_session)
