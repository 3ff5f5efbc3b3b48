"""Which picture is for training, which for validation, which for testing; no content ever stands in two.

Nothing is drawn at random. Where people give no splits, a picture's content decides: the SHA-256 of seed and content is
read as a number from 0 to 1; below 0.8 it is for training, below 0.9 for validation, above for testing. So pictures
that are added move none of the old ones, and copies of a picture stay together under whatever names and labels.

One exception: a class too small to be found in every split by chance has its contents that lie nearest to the missing
split moved there. Pictures added to such a class may make that needless.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pawlab.datasets.dataset import SPLITS, Dataset, Picture, Skipped, Split
from pawlab.errors import DataError, counted

Shares = dict[Split, tuple[float, float]]

ALL_THREE: Shares = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
WITHOUT_TEST: Shares = {"train": (0.0, 0.9), "validation": (0.9, 1.0)}
EVERY = 5  # each fifth picture of validation is for testing where no test pictures are given
FEWEST = 3  # distinct pictures per class: one for each split

_PREFERRED: tuple[Split, ...] = ("test", "validation", "train")  # where a content stays that was given to several


def assign_splits(dataset: Dataset, seed: int = 0) -> Dataset:
    """Return the data with a split for every picture, and no content in more than one.

    Given train, validation and test stay as they are. Given train and validation, every fifth picture of validation,
    by class in order of name, becomes test (the last one in a class of 2 to 4). Given train and test, a tenth of train
    becomes validation, by content. Given none, or train alone, all is split 80/10/10 by content. Copies of a content
    that was given to several splits are skipped except in the first of test, validation, train.

    Raises DataError where splits were given but no training pictures.
    """
    given = {picture.split for picture in dataset.pictures}
    if given <= {None, "train"}:
        return _by_content(dataset, ALL_THREE, seed)
    if "train" not in given:
        raise _no_training_pictures(dataset)
    if "test" not in given:
        dataset = _test_from_validation(dataset)
    dataset = _without_overlap(dataset)
    if "validation" not in given:
        dataset = _by_content(dataset, WITHOUT_TEST, seed, "train")
    return dataset


def count_overlap(dataset: Dataset) -> int:
    """Return how many distinct contents stand in more than one split."""
    splits: dict[str, set[Split]] = defaultdict(set)
    for picture in dataset.pictures:
        if picture.split is not None:
            splits[picture.sha256].add(picture.split)
    return sum(len(found) > 1 for found in splits.values())


def require_trainable(dataset: Dataset) -> None:
    """Raise DataError, in one sentence, where no classifier could be trained and tested on these pictures.

    It takes two classes, three different pictures in each, and, once splits are assigned, training pictures of every
    class and at least one picture each for validation and test.
    """
    contents: dict[str, set[str]] = {label: set() for label in dataset.classes}
    for picture in dataset.pictures:
        contents[picture.label].add(picture.sha256)
    _require_classes(dataset, [label for label in dataset.classes if contents[label]])
    for label in dataset.classes:
        _require_enough(dataset, label, len(contents[label]))
    if all(picture.split for picture in dataset.pictures):
        _require_every_split(dataset)


def _require_classes(dataset: Dataset, classes: Sequence[str]) -> None:
    if len(classes) >= 2:
        return
    if not classes:
        raise DataError(
            f"{dataset.name} has no pictures; a classifier needs at least two classes of them. Add a folder for each."
        )
    raise DataError(
        f"{dataset.name} has only one class, '{classes[0]}'; a classifier needs at least two. "
        "Add a folder of other pictures."
    )


def _require_enough(dataset: Dataset, label: str, distinct: int) -> None:
    if distinct >= FEWEST:
        return
    what = {0: "no picture", 1: "only 1 picture"}.get(distinct, f"only {distinct} different pictures")
    raise DataError(
        f"the class '{label}' of {dataset.name} has {what} that can be used; it takes at least {FEWEST}, to train, "
        f"validate and test.{_broken_ones(dataset)} Add more, or remove the class."
    )


def _broken_ones(dataset: Dataset) -> str:
    broken = [item for item in dataset.skipped if item.broken]
    if not broken:
        return ""
    files, first = counted(len(broken), "file", "files"), broken[0]
    return f" {files} can't be read as pictures; the first is {first.name} ({first.reason})."


def _require_every_split(dataset: Dataset) -> None:
    trained = {picture.label for picture in dataset.split("train")}
    for label in dataset.classes:
        if label not in trained:
            raise DataError(
                f"the class '{label}' of {dataset.name} has no training pictures, only others. Add some to train, or "
                "check that its folder has the same name everywhere."
            )
    for split in ("validation", "test"):
        if not any(picture.split == split for picture in dataset.pictures):
            raise DataError(f"{dataset.name} has no {split} pictures left to score on. Add some.")


def _no_training_pictures(dataset: Dataset) -> DataError:
    found = " and ".join(split for split in SPLITS if dataset.split(split))
    return DataError(
        f"{dataset.name} has {found} pictures but none to train on. Add a folder train/ beside, or give the folder "
        "with the classes itself to have it split."
    )


def _test_from_validation(dataset: Dataset) -> Dataset:
    by_class: dict[str, list[Picture]] = defaultdict(list)
    for picture in dataset.split("validation"):
        by_class[picture.label].append(picture)
    chosen = {id(picture) for pictures in by_class.values() for picture in _every_fifth(pictures)}
    moved = (replace(picture, split="test") if id(picture) in chosen else picture for picture in dataset.pictures)
    return replace(dataset, pictures=tuple(moved))


def _every_fifth(pictures: list[Picture]) -> list[Picture]:
    """Return the 5th, 10th, ... of pictures sorted by name; the last of 2 to 4."""
    pictures = sorted(pictures, key=lambda picture: picture.name)
    if 2 <= len(pictures) < EVERY:
        return pictures[-1:]
    return pictures[EVERY - 1 :: EVERY]


def _without_overlap(dataset: Dataset) -> Dataset:
    """Keep each content in one split only; the test set stays as it was given."""
    home = _homes(dataset.pictures)
    kept = tuple(picture for picture in dataset.pictures if picture.split == home[picture.sha256].split)
    gone = tuple(
        Skipped(
            picture.name,
            f"is a copy of {home[picture.sha256].name}, which stands in {home[picture.sha256].split}",
            picture=picture,
        )
        for picture in dataset.pictures
        if picture.split != home[picture.sha256].split
    )
    return replace(dataset, pictures=kept, skipped=dataset.skipped + gone)


def _homes(pictures: Iterable[Picture]) -> dict[str, Picture]:
    """Return for each content the picture in the most preferred split."""
    homes: dict[str, Picture] = {}
    for split in _PREFERRED:
        for picture in pictures:
            if picture.split == split:
                homes.setdefault(picture.sha256, picture)
    return homes


def _by_content(dataset: Dataset, shares: Shares, seed: int, part: Split | None = None) -> Dataset:
    """Split by content all pictures, or those of one split only."""
    chosen = [picture for picture in dataset.pictures if part is None or picture.split == part]
    contents = _Contents.of(chosen, shares, seed)
    for label in sorted(contents.of_class):
        contents.fill(label)
    moved = {id(picture): replace(picture, split=contents.split[picture.sha256]) for picture in chosen}
    return replace(dataset, pictures=tuple(moved.get(id(picture), picture) for picture in dataset.pictures))


def position(seed: int, sha256: str) -> float:
    """Return a content's number in [0, 1), which no other picture has a say in."""
    digest = hashlib.sha256(f"{seed}:{sha256}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53  # 53 bits: as many as a float holds, so never 1.0


@dataclass
class _Contents:
    """Distinct contents: the position and split of each, and which ones a class has."""

    shares: Shares
    position: dict[str, float]
    split: dict[str, Split]
    of_class: dict[str, set[str]]

    @staticmethod
    def of(pictures: Iterable[Picture], shares: Shares, seed: int) -> "_Contents":
        of_class: dict[str, set[str]] = defaultdict(set)
        for picture in pictures:
            of_class[picture.label].add(picture.sha256)
        positions = {sha256: position(seed, sha256) for contents in of_class.values() for sha256 in contents}
        split = {sha256: _split_at(number, shares) for sha256, number in positions.items()}
        return _Contents(shares, positions, split, of_class)

    def fill(self, label: str) -> None:
        """Give a class a picture in each split it lacks: train first, then from the end, so that order is kept."""
        for split in ("train", *reversed(self.shares)):
            if self._count(label, split):
                continue
            spare = [content for content in self.of_class[label] if self._is_spare(content)]
            if spare:
                self.split[self._nearest(spare, split)] = split

    def _is_spare(self, content: str) -> bool:
        """Whether each class that has this content has another one in its split."""
        split = self.split[content]
        return all(self._count(label, split) > 1 for label, contents in self.of_class.items() if content in contents)

    def _count(self, label: str, split: Split) -> int:
        return sum(self.split[content] == split for content in self.of_class[label])

    def _nearest(self, contents: Iterable[str], split: Split) -> str:
        low, high = self.shares[split]

        def distance(content: str) -> tuple[float, str]:
            number = self.position[content]
            return max(low - number, number - high), content

        return min(contents, key=distance)


def _split_at(number: float, shares: Shares) -> Split:
    return next(split for split, (low, high) in shares.items() if low <= number < high)
