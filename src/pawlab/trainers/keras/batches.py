"""Dataset -> pixels -> batches. Every picture is decoded once, by the one decoder, and kept as uint8.

They stay in memory where they fit and in a memory-mapped file where they don't; the batches are the same either way.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Dataset, Picture, Skipped
from pawlab.errors import OutputError, PictureError
from pawlab.images import PictureInfo, Pixels, Preprocess, read
from pawlab.parallel import map_in_threads
from pawlab.progress import Progress
from pawlab.recipes.recipe import Layer
from pawlab.trainers.keras.augmentation import augment
from pawlab.trainers.keras.randomness import generator, shuffled

Array = NDArray[Any]
Labels = NDArray[np.int32]
Batch = tuple[Array, Labels]

IN_MEMORY_BYTES = 2 * 1024**3  # 27,000 pictures of 160 x 160; beyond that they are streamed from the disk


@dataclass(frozen=True)
class Decoded:
    """The decoded pictures of one split. `pixels`: uint8 (n, h, w, 3); `labels`: int32 (n,), class positions."""

    pixels: Pixels
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Feed:
    """What a network is trained and validated on, batch by batch: inputs (b, ...) and labels int32 (b,).

    `training_inputs`: gives the network's input for each training picture, in the order given, for an epoch, from 1.
    """

    training_inputs: Callable[[int, list[int]], Iterable[Array]]
    training_labels: Labels
    validation_inputs: Array
    validation_labels: Labels
    batch_size: int
    seed: int

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return the shape of one input."""
        return self.validation_inputs.shape[1:]

    def __len__(self) -> int:
        """Return how many pictures an epoch goes through."""
        return len(self.training_labels) + len(self.validation_labels)

    def training(self, epoch: int) -> Iterator[Batch]:
        """Yield an epoch's batches, in an order of its own."""
        order = shuffled(len(self.training_labels), self.seed, epoch)
        inputs = self.training_inputs(epoch, order.tolist())
        return one_ahead(_batches(inputs, self.training_labels[order], self.batch_size))

    def validation(self) -> Iterator[Batch]:
        """Yield the same batches each time."""
        return _batches(self.validation_inputs, self.validation_labels, self.batch_size)


def picture_feed(
    train: Decoded, validation: Decoded, batch_size: int, seed: int, augmentation: Sequence[Layer] = ()
) -> Feed:
    """Return the feed of a network that takes the pictures themselves, uint8.

    `augmentation`: layers that change training pictures anew in each epoch, on all cores, where the network itself has
    none. Fractions are cut off.
    """

    def in_order(epoch: int, order: list[int]) -> Iterator[Array]:
        def changed(place: int) -> Array:
            random = generator(seed, "augmentation", epoch, place)
            return augment(train.pixels[place], augmentation, random).astype(np.uint8)

        return map_in_threads(changed, order) if augmentation else (train.pixels[place] for place in order)

    return Feed(in_order, train.labels, validation.pixels, validation.labels, batch_size, seed)


def decode_splits(
    dataset: Dataset, preprocess: Preprocess, folder: Path, progress: Progress
) -> tuple[Decoded, Decoded, tuple[Skipped, ...], dict[str, PictureInfo]]:
    """Decode the training and validation pictures.

    Returns both, the pictures that can't be decoded, and size and format of the others by SHA-256. What doesn't fit in
    memory is written to `folder`. Raises OutputError where it has no room either.
    """
    parts: list[Decoded] = []
    skipped: list[Skipped] = []
    infos: dict[str, PictureInfo] = {}
    for split in ("train", "validation"):
        pictures, good = dataset.split(split), list[Picture]()
        shape = (len(pictures), preprocess.height, preprocess.width, 3)
        pixels = room_for(shape, np.uint8, folder / f"{split}-pixels.npy")
        decoded = map_in_threads(partial(_pixels_or_reason, preprocess=preprocess), pictures)
        with progress(f"Decoding {split} pictures", len(pictures)) as advance:
            for picture, result in zip(pictures, decoded, strict=True):
                advance(1)
                if isinstance(result, str):
                    skipped.append(Skipped(picture.name, result))
                else:
                    pixels[len(good)], infos[picture.sha256] = result
                    good.append(picture)
        parts.append(Decoded(pixels[: len(good)], np.array(dataset.class_indices(good), dtype=np.int32)))
    train, validation = parts
    return train, validation, tuple(skipped), infos


def _pixels_or_reason(picture: Picture, preprocess: Preprocess) -> tuple[Pixels, PictureInfo] | str:
    try:
        return read(picture.path, preprocess)
    except PictureError as error:
        return str(error)


def one_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the batches, each made by another thread while the one before it is in use."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, batches, None)
        while (batch := upcoming.result()) is not None:
            upcoming = pool.submit(next, batches, None)
            yield batch


def room_for(shape: tuple[int, ...], dtype: type[np.generic], file: Path) -> Array:
    """Return an array to fill: in memory where it fits, else in `file`, mapped into memory."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY_BYTES:
        return np.empty(shape, dtype)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return np.lib.format.open_memmap(file, mode="w+", dtype=dtype, shape=shape)
    except OSError as error:
        raise OutputError(
            f"can't write {size / 1e9:.1f} GB to {file}: {error.strerror or error}. "
            "Make room there, or choose another --out."
        ) from error


def _batches(inputs: Iterable[Array], labels: Labels, batch_size: int) -> Iterator[Batch]:
    """Yield batches from first to last; the last may be smaller."""
    rows = iter(inputs)
    for start in range(0, len(labels), batch_size):
        some = labels[start : start + batch_size]
        yield np.stack([next(rows) for _ in some]), some
