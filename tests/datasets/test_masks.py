"""Masks and the like among the pictures of a class, which are no pictures of it."""

from pathlib import Path

import pytest

from pawlab.datasets.discover import discover
from pawlab.datasets.options import DataOptions
from picture_folders import layout, left_out, make

OUTER = DataOptions(label_from_name="([^/]+)/[^/]+/[^/]+$")


def places(*folders: str) -> list[str]:
    return [f"{folder}/{number}.png" for folder in folders for number in range(3)]


@pytest.mark.parametrize("options", [DataOptions(), OUTER])
def test_masks_beside_images_within_classes(tmp_path: Path, options: DataOptions) -> None:
    pictures, masks = places("sick/images", "well/images"), places("sick/masks", "well/masks")
    dataset = discover(make(tmp_path, *pictures, *masks), options=options)
    assert layout(dataset) == {name: (name.partition("/")[0], None) for name in pictures}
    assert left_out(dataset) == dict.fromkeys(masks, "lies in masks/, beside the pictures")
    assert dataset.doubts == (
        "6 pictures skipped as masks of others, the first is sick/masks/0.png (rename what is none)",
    )


def test_masks_of_a_single_class(tmp_path: Path) -> None:
    dataset = discover(make(tmp_path, *places("sick/images", "sick/masks", "well")))
    assert set(layout(dataset)) == {*places("sick/images", "well")}


def test_masks_beside_pictures_of_the_same_names(tmp_path: Path) -> None:
    masks = ["sick/masks/0.png", "sick/masks/1_mask.png", "sick/masks/other.png"]
    dataset = discover(make(tmp_path, *places("sick", "well"), *masks))
    assert left_out(dataset) == dict.fromkeys(masks, "lies in masks/, beside the pictures")


def test_masks_called_after_their_pictures(tmp_path: Path) -> None:
    pictures = ["a/a (1).png", "a/a (2).png", "b/b.png", "b/b mask of wood.png", "b/my_mask.png", "b/unmask.png"]
    masks = ["a/a (1)_mask.png", "a/a (1)_mask_1.png", "a/a (2)_Mask.PNG", "b/b_segmentation.tif"]
    dataset = discover(make(tmp_path, *pictures, *masks))
    assert set(layout(dataset)) == set(pictures)
    assert left_out(dataset) == dict.fromkeys(masks, "is the mask of a picture beside it")
    assert dataset.doubts == (
        "4 pictures skipped as masks of others, the first is a/a (1)_mask.png (rename what is none)",
    )


@pytest.mark.parametrize(
    "files",
    [
        places("mask", "no_mask"),  # classes themselves
        ["cats/1.png", "cats/2.png", "cats/mask/3.png", "cats/mask/4.png", "dogs/5.png"],  # other names
        places("cats/mask", "cats/plain", "dogs"),  # beside no folder that says images
        places("cats/images", "cats/figures", "dogs"),
    ],
)
def test_what_is_no_mask_stays(tmp_path: Path, files: list[str]) -> None:
    dataset = discover(make(tmp_path, *files))
    assert (set(layout(dataset)), dataset.doubts) == (set(files), ())


def test_a_flat_set_with_trimaps_read_by_name(tmp_path: Path) -> None:
    make(tmp_path, "images/pug_1.jpg", "images/beagle_1.jpg", "annotations/trimaps/pug_1.png", "annotations/x.txt")
    dataset = discover(tmp_path, options=DataOptions(label_from_name=r"([^/]+)_\d"))
    assert layout(dataset) == {"images/pug_1.jpg": ("pug", None), "images/beagle_1.jpg": ("beagle", None)}
