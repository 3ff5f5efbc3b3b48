"""What a folder's name says of what lies in it: a split, pictures of whatever kind, or what accompanies pictures."""

import re
from typing import Literal

from pawlab.datasets.dataset import Split

Kind = Split | Literal["unlabelled"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("train", "training", "trainings", "trn", "trainval", "train_val"), "train"),
    **dict.fromkeys(("validation", "validate", "valid", "val", "dev", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("validierung", "validierungs"), "validation"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
    **dict.fromkeys(("pred", "predict", "prediction", "predictions", "unlabelled", "unlabeled"), "unlabelled"),
}
_AROUND = (
    r"(?:the|my|seg|split|sets?|data|datasets?|images?|imgs?|pictures?|photos?|samples?|folder|dir|"
    r"daten|datensatz|bilder|[\W_\d])*"
)
_SPLIT_NAME = re.compile(rf"{_AROUND}({'|'.join(sorted(_KINDS, key=len, reverse=True))}){_AROUND}")
_REPEATING = frozenset(
    ("annotation", "annotations", "label", "labels", "mask", "masks", "segmentation", "segmentations", "trimaps",
     "bounding_boxes", "thumbnails")
)  # fmt: skip
_ABOUT = frozenset(("notebook", "notebooks", "doc", "docs", "plots", "figures", "screenshots"))
_OF_PICTURES = re.compile(r"raw|.*(?:images?|imgs?|pictures?|photos?|data|datasets?|samples?|originals?)[\W_\d]*")


def split_named(name: str) -> Kind | None:
    """Return which split a folder's name stands for, however it is spelt: `Train`, `val_images`, `seg_test`, `test1`.

    Words around it such as set, data, images and seg don't matter, nor do case, digits and separators.
    """
    match = _SPLIT_NAME.fullmatch(name.casefold())
    return _KINDS[match[1]] if match else None


def repeats_pictures(name: str) -> bool:
    """Say whether a folder of this name holds pictures that say something of others: masks, labels, thumbnails."""
    return name.casefold() in _REPEATING


def accompanies_classes(name: str) -> bool:
    """Say whether a folder of this name mostly holds no class: masks and the like, or documents and plots."""
    return repeats_pictures(name) or name.casefold() in _ABOUT


def says_pictures(name: str) -> bool:
    """Say whether a folder's name says no more than that it holds pictures: `images`, `flower_photos`, `dataset2`."""
    return _OF_PICTURES.fullmatch(name.casefold()) is not None
