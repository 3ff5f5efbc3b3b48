"""Pictures that belong together: copies, pictures that show the same, and groups that people name."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pawlab.datasets.dataset import Dataset, Picture
from pawlab.datasets.options import DataOptions, found_in
from pawlab.errors import DataError, counted

Pair = tuple[str, str]  # two contents, by SHA-256, that show the same


@dataclass(frozen=True)
class Unit:
    """Pictures that stand in one split, whatever happens; mostly one."""

    pictures: tuple[Picture, ...]

    @cached_property
    def labels(self) -> frozenset[str]:
        """The classes that its pictures belong to."""
        return frozenset(picture.label for picture in self.pictures)

    def position(self, seed: int) -> float:
        """Return a number in [0, 1) that depends on its first content and no other picture."""
        return min(position(seed, picture.sha256) for picture in self.pictures)


def position(seed: int, sha256: str) -> float:
    """Return a content's number in [0, 1), which no other picture has a say in."""
    digest = hashlib.sha256(f"{seed}:{sha256}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53  # 53 bits: as many as a float holds, so never 1.0


def grouped_by_name(dataset: Dataset, options: DataOptions) -> Dataset:
    """Return the data with the groups that `group_from_name` finds; where it finds none, a picture keeps its own."""
    if (pattern := options.group_pattern) is None:
        return dataset
    found = [found_in(pattern, picture.name) for picture in dataset.pictures]
    pictures = tuple(
        replace(picture, group=group or picture.group) for picture, group in zip(dataset.pictures, found, strict=True)
    )
    dataset = replace(dataset, pictures=pictures)
    if None not in found:
        return dataset
    first = pictures[found.index(None)]
    names = f"{found.count(None):,} of {counted(len(found), 'name', 'names')}"
    left = "they stay in no group" if first.group is None else "they keep their groups"
    doubt = f"--group-from-name finds nothing in {names}, the first is {first.name}: {left}"
    return replace(dataset, doubts=(*dataset.doubts, doubt))


def require_groups(dataset: Dataset, options: DataOptions) -> None:
    """Raise DataError where `group_from_name` finds nothing in any picture's name."""
    pattern, pictures = options.group_pattern, dataset.pictures
    if pattern is not None and not any(found_in(pattern, picture.name) for picture in pictures):
        raise DataError(
            f"--group-from-name {pattern.pattern!r} finds nothing in the names of {dataset.name}; the first is "
            f"{pictures[0].name}. Give a pattern that finds the group there, or leave it out."
        )


def units_of(pictures: Sequence[Picture], near: Iterable[Pair] = ()) -> list[Unit]:
    """Join pictures with the same content or the same group, and those linked by a pair in `near`."""
    members: dict[int, list[Picture]] = defaultdict(list)
    for picture, number in zip(pictures, unit_numbers(pictures, near), strict=True):
        members[number].append(picture)
    return [Unit(tuple(pictures)) for pictures in members.values()]


def unit_numbers(pictures: Sequence[Picture], near: Iterable[Pair] = ()) -> list[int]:
    """Return for each picture the number of its unit: the place of the first picture of it."""
    leader: dict[str, str] = {}

    def find(key: str) -> str:
        while leader.setdefault(key, key) != key:
            leader[key] = key = leader[leader[key]]
        return key

    for picture in pictures:
        if picture.group is not None:
            leader[find(picture.sha256)] = find(f"group {picture.group}")
    present = {picture.sha256 for picture in pictures}
    for first, second in near:
        if first in present and second in present:
            leader[find(first)] = find(second)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(find(picture.sha256), place) for place, picture in enumerate(pictures)]
