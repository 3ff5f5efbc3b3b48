"""Dataset -> pixels -> batches. Every picture is decoded once, by the one decoder, and kept as uint8.

They stay in memory where they fit and in a memory-mapped file where they don't; the batches are the same either way.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Dataset, Picture, Skipped, Split
from pawlab.errors import OutputError, PictureError
from pawlab.images import PictureInfo, Pixels, Preprocess, read
from pawlab.parallel import map_in_threads
from pawlab.progress import Progress
from pawlab.trainers.keras.randomness import shuffled

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

    `training` takes an epoch, from 1, and draws its order and augmentation anew; `validation` gives the same batches
    each time. `input_shape`, `input_dtype`: of one input. `counts`: how many pictures each goes through.
    """

    training: Callable[[int], Iterator[Batch]]
    validation: Callable[[], Iterator[Batch]]
    input_shape: tuple[int, ...]
    input_dtype: str
    counts: tuple[int, int]


def decode_splits(
    dataset: Dataset, preprocess: Preprocess, folder: Path, progress: Progress
) -> tuple[Decoded, Decoded, tuple[Skipped, ...], dict[str, PictureInfo]]:
    """Decode the training and validation pictures.

    Returns both, the pictures that can't be decoded, and size and format of the others by SHA-256.

    What doesn't fit in memory is written to `folder`. Raises OutputError where it has no room either.
    """
    infos: dict[str, PictureInfo] = {}
    train, train_skipped = _load(dataset, "train", preprocess, folder, progress, infos)
    validation, validation_skipped = _load(dataset, "validation", preprocess, folder, progress, infos)
    return train, validation, (*train_skipped, *validation_skipped), infos


def picture_feed(train: Decoded, validation: Decoded, batch_size: int, seed: int) -> Feed:
    """Return the feed of a network that takes the pictures themselves."""

    def training(epoch: int) -> Iterator[Batch]:
        return one_ahead(_batches(train, shuffled(len(train), seed, epoch), batch_size))

    return Feed(
        training,
        lambda: in_order(validation.pixels, validation.labels, batch_size),
        input_shape=train.pixels.shape[1:],
        input_dtype="uint8",
        counts=(len(train), len(validation)),
    )


def in_order(inputs: Array, labels: Labels, batch_size: int) -> Iterator[Batch]:
    """Yield batches from first to last; the last may be smaller."""
    for start in range(0, len(labels), batch_size):
        yield inputs[start : start + batch_size], labels[start : start + batch_size]


def one_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the batches, each made by another thread while the one before it is in use."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, batches, None)
        while (batch := upcoming.result()) is not None:
            upcoming = pool.submit(next, batches, None)
            yield batch


def room_for(shape: tuple[int, ...], dtype: type[np.generic], file: Path, in_memory: int | None = None) -> Array:
    """Return an array to fill: in memory where it fits, else in `file`, mapped into memory."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size <= (IN_MEMORY_BYTES if in_memory is None else in_memory):
        return np.empty(shape, dtype)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return np.lib.format.open_memmap(file, mode="w+", dtype=dtype, shape=shape)
    except OSError as error:
        raise OutputError(
            f"can't write {size / 1e9:.1f} GB to {file}: {error.strerror or error}. "
            "Make room there, or choose another --out."
        ) from error


def _load(
    dataset: Dataset,
    split: Split,
    preprocess: Preprocess,
    folder: Path,
    progress: Progress,
    infos: dict[str, PictureInfo],
) -> tuple[Decoded, list[Skipped]]:
    pictures = dataset.split(split)
    pixels = room_for((len(pictures), preprocess.height, preprocess.width, 3), np.uint8, folder / f"{split}-pixels.npy")
    good: list[Picture] = []
    skipped: list[Skipped] = []
    decoder = _Decoder(preprocess)
    with progress(f"Decoding {split} pictures", len(pictures)) as advance:
        for picture, decoded in zip(pictures, map_in_threads(decoder, pictures), strict=True):
            advance(1)
            if isinstance(decoded, str):
                skipped.append(Skipped(picture.name, decoded))
            else:
                pixels[len(good)], infos[picture.sha256] = decoded
                good.append(picture)
    labels = np.array(dataset.class_indices(good), dtype=np.int32)
    return Decoded(pixels[: len(good)], labels), skipped


@dataclass(frozen=True)
class _Decoder:
    """Picture -> its pixels and header, or the reason why it can't be decoded."""

    preprocess: Preprocess

    def __call__(self, picture: Picture) -> tuple[Pixels, PictureInfo] | str:
        try:
            return read(picture.path, self.preprocess)
        except PictureError as error:
            return str(error)


def _batches(part: Decoded, order: Sequence[int] | NDArray[np.int64], batch_size: int) -> Iterator[Batch]:
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield part.pixels[rows], part.labels[rows]
