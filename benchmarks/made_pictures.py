"""Pictures laid out for a benchmark: a data set's own, by split and class, or many more, cut out of them at random.

    python benchmarks/made_pictures.py photos DATA FOLDER          # FOLDER/SPLIT/CLASS/NUMBER.EXT
    python benchmarks/made_pictures.py crops PHOTOS COUNT FOLDER   # FOLDER/CLASS/NUMBER.jpg

DATA is what `pawlab train` takes, PHOTOS what the first made. A crop is 30 to 60% of a photo each way; crop number N is
the same whatever COUNT is, so that fewer are the first of more. FOLDER appears once it is whole.
"""

import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from shutil import copyfile

import numpy as np
from PIL import Image

from pawlab.cli.terminal import bar
from pawlab.datasets.discover import discover
from pawlab.datasets.splits import assign_splits
from pawlab.parallel import cores
from pawlab.storage import replacing_folder

SHARES = (0.3, 0.6)


def photos(data: str, folder: str) -> None:
    dataset = assign_splits(discover(data, bar))
    with replacing_folder(Path(folder)) as partial_folder:
        for number, picture in enumerate(dataset.pictures):
            place = partial_folder / str(picture.split) / picture.label / f"{number:05}{picture.path.suffix.lower()}"
            place.parent.mkdir(parents=True, exist_ok=True)
            copyfile(picture.path, place)


def crops(source: str, count: str, folder: str) -> None:
    """Cut them out on all cores; each photo gives as many as any other, within one."""
    paths = sorted(path for path in Path(source).glob("*/*/*") if path.is_file())
    with (
        replacing_folder(Path(folder)) as target,
        ProcessPoolExecutor(cores()) as pool,
        bar("Cutting pictures out", total=int(count)) as advance,
    ):
        for label in {path.parent.name for path in paths}:
            (target / label).mkdir(parents=True)
        for _ in pool.map(partial(crop, paths, target), range(int(count)), chunksize=100):
            advance(1)


def crop(paths: Sequence[Path], target: Path, number: int) -> None:
    random = np.random.default_rng(number)
    path = paths[number * 7919 % len(paths)]  # far from the one before: a prime
    with Image.open(path) as image:
        across, down = (max(8, round(side * random.uniform(*SHARES))) for side in image.size)
        left, top = int(random.integers(image.width - across + 1)), int(random.integers(image.height - down + 1))
        piece = image.convert("RGB").crop((left, top, left + across, top + down))
    piece.save(target / path.parent.name / f"{number:06}.jpg", quality=90)


if __name__ == "__main__":
    {"photos": photos, "crops": crops}[sys.argv[1]](*sys.argv[2:])
