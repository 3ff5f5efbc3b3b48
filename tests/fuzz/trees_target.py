"""Trees of folders with splits, copies, groups and pairs that show the same: no picture may stand in two splits."""

import json
import shutil
from collections import defaultdict
from dataclasses import replace
from random import Random
from typing import Any

from target import Target, require_sentence

from pawlab.datasets.dataset import SPLITS, Dataset, Picture
from pawlab.datasets.discover import discover
from pawlab.datasets.groups import units_of
from pawlab.datasets.options import DataOptions
from pawlab.datasets.splits import assign_splits, count_overlap
from pawlab.errors import DataError
from picture_folders import content

_SPLIT_FOLDERS = (
    ("train", "validation", "test"),
    ("train", "val"),
    ("training", "test"),
    ("train",),
    ("",),
    ("",),
    ("",),
)
_CLASSES = ("cats", "dogs", "é", "Birds", "0", "1")


class TreesTarget(Target):
    """Whatever people's folders look like, no content, group or pair comes to stand in more than one split."""

    kind = "trees"

    def make(self, random: Random) -> bytes:
        """Return a tree as JSON: names and contents of its files; groups, pairs and earlier splits by content."""
        splits = random.choice(_SPLIT_FOLDERS)
        classes = random.sample(_CLASSES, random.choice((2, 2, 3, 5)))
        count = random.choice((3, 5, 8, 15, 40))
        contents = [f"c{number}" for number in range(max(2, int(count * random.choice((1.0, 0.7, 0.3)))))]
        files = {}
        for number in range(count * len(classes)):
            place = (random.choice(splits), random.choice(classes), random.choice(("", "", "more")))
            files["/".join(filter(None, (*place, f"{number}.jpg")))] = random.choice(contents) + random.choice(
                ("", f"-{number}")
            )
        used = sorted(set(files.values()))
        pairs = [random.sample(used, 2) for _ in range(random.choice((0, 0, 2, 10)))] if len(used) > 1 else []
        groups = {one: f"g{random.randrange(4)}" for one in used if random.random() < random.choice((0.0, 0.0, 0.3))}
        earlier = {one: random.choice(SPLITS) for one in used if random.random() < 0.5} if random.random() < 0.3 else {}
        tree = {"files": files, "pairs": pairs, "groups": groups, "earlier": earlier, "seed": random.randrange(5)}
        return json.dumps(tree).encode()

    def try_one(self, given: bytes, random: Random) -> bool:
        """Read the tree from the disk, split it, and look for leaks."""
        tree = json.loads(given)
        root = self.folder / "photos"
        for name, what in tree["files"].items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content(what))
        try:
            dataset = self._grouped(discover(root), tree)
            split = self._split(dataset, tree)
        except DataError as error:
            require_sentence(error)
            return False
        finally:
            shutil.rmtree(root)
        self._require_no_leak(dataset, split, tree)
        return True

    def _grouped(self, dataset: Dataset, tree: Any) -> Dataset:
        """Give pictures their groups, and remember which digest has which content."""
        self._digests = {tree["files"][item.name]: item.sha256 for item in dataset.pictures}
        groups = tree["groups"]
        pictures = (replace(item, group=groups.get(tree["files"][item.name])) for item in dataset.pictures)
        return replace(dataset, pictures=tuple(pictures))

    def _pairs(self, tree: Any) -> list[tuple[str, str]]:
        known = self._digests
        return [(known[first], known[second]) for first, second in tree["pairs"] if {first, second} <= known.keys()]

    def _split(self, dataset: Dataset, tree: Any) -> Dataset:
        earlier = {self._digests[one]: split for one, split in tree["earlier"].items() if one in self._digests}
        return assign_splits(dataset, tree["seed"], DataOptions(), self._pairs(tree), earlier)

    def _require_no_leak(self, before: Dataset, after: Dataset, tree: Any) -> None:
        assert all(item.split in SPLITS for item in after.pictures)
        left = {item.name for item in before.pictures} - {item.name for item in after.pictures}
        assert left <= {item.name for item in after.skipped}, "a picture vanished without a word"
        assert _in_several(after.pictures, "sha256") == 0
        given = {item.split for item in before.pictures}
        if not tree["earlier"] and given <= {None, "train"}:  # nothing was given apart
            assert count_overlap(after) == 0
            for unit in units_of(after.pictures, self._pairs(tree)):
                assert len({item.split for item in unit.pictures}) == 1


def _in_several(pictures: tuple[Picture, ...], what: str) -> int:
    """Return how many contents stand in more than one split."""
    splits = defaultdict(set)
    for item in pictures:
        splits[getattr(item, what)].add(item.split)
    return sum(len(found) > 1 for found in splits.values())
