"""How time and memory grow with the number of pictures, from listing to the page of `pawlab explore`, and for predict.

    python benchmarks/large.py PHOTOS.zip WORK [--sizes 3000,30000,100000] [--side 64]

Makes the pictures once, in the folder WORK: squares cut from the photos of the archive at random, no two files alike; the
first 3,000 are of as many of the photos, in proportion, as all are. Prints JSON: for each size, in a process of its own
with an empty cache, seconds and the most anonymous memory (RssAnon, in MB) of each stage. Compare ratios within a run.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

A_PHOTO = 34  # squares: of 3,000 photos some 100,000
LOOK = 0.01  # seconds between two looks at the memory


def make(archive: Path, folder: Path, count: int, side: int | None) -> None:
    """Write `count` squares of `side` pixels, or without one crops of 30 to 60% of a photo, into a folder by class."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(archive) as photos:
        names = sorted(name for name in photos.namelist() if name.endswith(".jpg"))
        names = [names[place] for place in random.permutation(len(names))]
        number = 0
        for name in names[: -(-count // A_PHOTO)]:
            photo = Image.open(io.BytesIO(photos.read(name))).convert("RGB")
            label = folder / name.split("/")[-2]
            label.mkdir(parents=True, exist_ok=True)
            for _ in range(min(A_PHOTO, count - number)):
                piece = np.array(cut(photo, side, random))
                piece[0, 0] = number % 256, number // 256 % 256, number // 65536
                Image.fromarray(piece).save(label / f"{number:07}.jpg", quality=90, comment=str(number).encode())
                number += 1


def cut(photo: Image.Image, side: int | None, random: np.random.Generator) -> Image.Image:
    """Return a part of a photo, from a random place."""
    share = np.sqrt(random.uniform(0.3, 0.6))
    width, height = (side, side) if side else (round(share * photo.width), round(share * photo.height))
    left, top = (int(random.integers(0, max(1, have - want))) for have, want in
                 ((photo.width, width), (photo.height, height)))  # fmt: skip
    return photo.crop((left, top, left + width, top + height))
