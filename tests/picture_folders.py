"""Folders of files with pictures' names, for tests of what is found where; nothing here is ever decoded."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pawlab.datasets.dataset import Dataset, Picture, Split
from pawlab.progress import Advance

JPEG = b"\xff\xd8\xff"
Row = tuple[str, str, str, Split | None]  # name, label, content, split


def content(name: str) -> bytes:
    """Return bytes that begin like a JPEG and differ from name to name."""
    return JPEG + name.encode("utf-8", "surrogateescape")


def make(root: Path, *names: str) -> Path:
    """Write a file for each name, folders included, each with content of its own."""
    for name in names:
        write(root / name, content(name))
    return root


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def layout(dataset: Dataset) -> dict[str, tuple[str, Split | None]]:
    """Return label and split of every picture by name."""
    return {picture.name: (picture.label, picture.split) for picture in dataset.pictures}


def left_out(dataset: Dataset) -> dict[str, str]:
    """Return the reason of everything set aside by name."""
    return {item.name: item.reason for item in dataset.skipped}


def dataset_of(*rows: Row) -> Dataset:
    """Return data of these rows; contents are any texts that stand for digests."""
    pictures = tuple(Picture(Path(name), name, label, digest, split) for name, label, digest, split in sorted(rows))
    return Dataset("photos", Path(), tuple(sorted({label for _, label, _, _ in rows})), pictures)


def splits_of(dataset: Dataset) -> dict[str, Split | None]:
    return {picture.name: picture.split for picture in dataset.pictures}


def names_in(dataset: Dataset, split: Split, label: str | None = None) -> list[str]:
    return [picture.name for picture in dataset.split(split) if label in (None, picture.label)]


def many(count: int, label: str, split: Split | None = None) -> Iterator[Row]:
    """Yield rows for `dataset_of`, each of a content of its own."""
    for number in range(count):
        name = f"{label}/{number:04}.jpg"
        yield (f"{split}/{name}" if split else name), label, f"{label}-{split}-{number}", split


def labelled(path: Path) -> Picture:
    return Picture(path, path.name, path.parent.name, hashlib.sha256(path.read_bytes()).hexdigest(), "train")


class Bar:
    """A `Progress` that remembers its last bar."""

    title: str | None = None
    total: int | None = None
    unit: str | None = None
    done = 0

    def __call__(self, title: str, total: int | None, unit: str = "pictures") -> "Bar":
        self.title, self.total, self.unit, self.done = title, total, unit, 0
        return self

    def __enter__(self) -> Advance:
        return self._advance

    def __exit__(self, *_: object) -> None:
        pass

    def _advance(self, steps: int) -> None:
        self.done += steps
