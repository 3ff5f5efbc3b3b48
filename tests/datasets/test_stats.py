from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from pawlab.datasets.discover import discover
from pawlab.datasets.splits import assign_splits
from pawlab.datasets.stats import Range, baseline_accuracy, count_pictures, describe
from picture_files import quadrants
from picture_folders import dataset_of, many, write


def test_counts_name_every_split_and_class() -> None:
    dataset = dataset_of(*many(3, "cats", "train"), *many(2, "dogs", "train"), *many(1, "dogs", "test"))
    assert count_pictures(dataset) == {
        "train": {"cats": 3, "dogs": 2},
        "validation": {"cats": 0, "dogs": 0},
        "test": {"cats": 0, "dogs": 1},
    }


def test_the_baseline_always_answers_the_most_frequent_training_class() -> None:
    rows = [*many(6, "cats", "train"), *many(4, "dogs", "train"), *many(2, "cats", "test"), *many(6, "dogs", "test")]
    assert baseline_accuracy(dataset_of(*rows)) == 0.5  # and not the 2 of 8: guessing at random does better
    rows += [*many(6, "birds", "train"), *many(9, "birds", "test")]
    assert baseline_accuracy(dataset_of(*rows)) == 9 / 17
    assert baseline_accuracy(dataset_of(*many(6, "cats"), *many(4, "dogs"))) == 0.6
    tie = dataset_of(("a", "dogs", "A", "train"), ("b", "cats", "B", "train"), ("c", "cats", "C", "test"))
    assert baseline_accuracy(tie) == 1.0
    assert baseline_accuracy(replace(dataset_of(*many(1, "cats")), pictures=())) == 0.0


def test_a_baseline_of_twenty_classes() -> None:
    rows = [row for number in range(20) for split in ("train", "test") for row in many(5, f"{number:02}", split)]
    assert baseline_accuracy(dataset_of(*rows)) == 0.05


def test_sizes_and_formats_come_from_the_headers(tmp_path: Path) -> None:
    for name, width, height in (("cats/1.png", 10, 20), ("cats/2.jpg", 30, 40), ("dogs/1.png", 50, 6)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(tmp_path / name)
    sideways = Image.fromarray(quadrants(64, 32))
    exif = sideways.getexif()
    exif[0x0112] = 6  # stored on its side: people see 32 x 64
    sideways.save(tmp_path / "dogs/sideways.jpg", exif=exif)
    write(tmp_path / "dogs/broken.jpg", b"no picture")
    stats = describe(assign_splits(discover(tmp_path)))
    assert stats.width == Range(10, 31, 50)
    assert stats.height == Range(6, 30, 64)
    assert stats.formats == {"JPEG": 2, "PNG": 2}
    assert stats.unreadable == 1


def test_a_description_is_plain_values(tmp_path: Path) -> None:
    write(tmp_path / "cats/1.jpg", b"no picture")
    Image.new("RGB", (3, 4)).save(write(tmp_path / "dogs/1.png", b""))
    assert describe(discover(tmp_path)).to_dict() == {
        "counts": {split: {"cats": 0, "dogs": 0} for split in ("train", "validation", "test")},
        "baseline_accuracy": 0.5,
        "sizes": {
            "width": {"smallest": 3, "median": 3, "largest": 3},
            "height": {"smallest": 4, "median": 4, "largest": 4},
        },
        "formats": {"PNG": 1},
        "unreadable": 1,
    }


def test_no_headers_no_sizes(tmp_path: Path) -> None:
    write(tmp_path / "cats/1.jpg", b"no picture")
    stats = describe(discover(tmp_path))
    assert (stats.width, stats.height, stats.formats, stats.unreadable) == (None, None, {}, 1)
