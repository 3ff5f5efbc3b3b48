"""Masks, label pictures and thumbnails among the pictures of a class: they say something of others and show none."""

import re
from pathlib import Path

from pawlab.datasets.folder_names import repeats_pictures, says_pictures
from pawlab.files.scan import Folder

_MASK = re.compile(r"(.+)[\W_](?:masks?|segmentations?)(?:[\W_]?\d+)?", re.IGNORECASE)  # benign (1)_mask_2.png


def masks_in(folder: Folder) -> dict[Path, str]:
    """Return what is no picture of its own, with the reason: files below `holds_masks`, and X_mask beside X."""
    found = {}
    for inner in folder.walk():
        stems = {file.stem for file in inner.files}
        for file in inner.files:
            if (match := _MASK.fullmatch(file.stem)) and match[1] in stems:
                found[file] = "is the mask of a picture beside it"
        for one in inner.with_pictures:
            if holds_masks(one, inner):
                found.update(dict.fromkeys(one.all_files(), f"lies in {one.name}/, beside the pictures"))
    return found


def holds_masks(folder: Folder, parent: Folder) -> bool:
    """Say whether a folder called masks or the like lies beside one called images, or beside pictures of its names.

    Of its names means that most of its files are called as those directly in `parent`, but for _mask at the end.
    """
    if not repeats_pictures(folder.name):
        return False
    if any(says_pictures(one.name) for one in parent.with_pictures):
        return True
    stems = {file.stem for file in parent.files}
    names = [file.stem for file in folder.all_files()]
    of_pictures = [name for name in names if name in stems or ((match := _MASK.fullmatch(name)) and match[1] in stems)]
    return len(of_pictures) > len(names) / 2
