"""Which picture is for training, which for validation, which for testing; nothing that belongs together is parted.

Where people give no splits, each class is ranked by content and cut at its quotas: a unit's number is a hash of seed
and content, the lowest 80% are for training, the next 10% for validation, the rest for testing. So every split has its
share of every class, and pictures that are added move few of the old ones: only those next to a cut.

A unit is a picture with its copies, the pictures that show the same, and its group (`groups`). Units with pictures of
several classes are placed first, largest first, where most is lacking; the cuts of single classes then make up for it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from types import MappingProxyType

from pawlab.datasets.dataset import SPLITS, Dataset, Picture, Skipped, Split, contents_by_class
from pawlab.datasets.groups import Pair, Unit, units_of
from pawlab.datasets.options import DEFAULT, DataOptions
from pawlab.errors import DataError, counted
from pawlab.files.names import TABLE, TABLE_IN_ARCHIVE

Shares = Mapping[Split, float]

WITHOUT_TEST: Shares = {"train": 0.9, "validation": 0.1}
OF_VALIDATION: Shares = {"validation": 0.8, "test": 0.2}  # for new pictures; the first time it's each fifth by name
EVERY = 5  # each fifth picture of validation is for testing where no test pictures are given
FEWEST = 3  # distinct pictures per class: one for each split
FEW = 20  # pictures of validation, below which it is said

_PREFERRED: tuple[Split, ...] = ("test", "validation", "train")  # where a content stays that was given to several
_FILLED: tuple[Split, ...] = ("train", "test", "validation")  # which split gets a picture first where there are few


def assign_splits(
    dataset: Dataset,
    seed: int = 0,
    options: DataOptions = DEFAULT,
    near: Sequence[Pair] = (),
    earlier: Mapping[str, Split] | None = None,
) -> Dataset:
    """Return the data with a split for every picture, and no content in more than one.

    Given train, validation and test stay as they are. Given train and validation, every fifth picture of validation,
    by class in order of name, becomes test (the last one in a class of 2 to 4); units that this would part stay whole.
    Given train and test, a tenth of train becomes validation. Given none, or train alone, all is split by
    `options.split`; so are pictures without a split among others that have one. Copies of a content that was given to
    several splits are skipped except in one, as `without_overlap` does it.

    `near`: pairs of contents that show the same; they stay together unless they were given apart. `earlier`: the split
    of contents that had one before; they keep it, whatever is given now. New pictures keep what they were given, and
    those without that would join two of the old ones are skipped.

    Raises DataError where splits were given but no training pictures.
    """
    earlier = earlier or {}
    given = {picture.split for picture in dataset.pictures}
    if given <= {None, "train"}:
        dataset = replace(dataset, pictures=tuple(replace(picture, split=None) for picture in dataset.pictures))
        if "train" in given and not earlier:
            validation, test = (f"{100 * options.shares[split]:g}%" for split in ("validation", "test"))
            dataset = _noted(dataset, f"validation is {validation} of train, and test {test}")
        given = {None}
    elif "train" not in given and not earlier:
        raise _no_training_pictures(dataset)
    if given == {"train", "validation"} and not earlier:
        dataset = _test_from_validation(dataset, near)
    dataset = without_overlap(dataset, earlier)
    if None in given:
        dataset = _filled(dataset, dataset.pictures, options.shares, seed, near)
    elif given == {"train", "test"}:
        dataset = _parted(dataset, "train", WITHOUT_TEST, seed, near, earlier)
        dataset = _noted(dataset, "validation is a tenth of train")
    elif given == {"train", "validation"} and earlier:
        dataset = _parted(dataset, "validation", OF_VALIDATION, seed, near, earlier)
        dataset = _noted(dataset, "test is a fifth of validation")
    return _told(dataset)


def count_overlap(dataset: Dataset) -> int:
    """Return how many distinct contents and groups stand in more than one split."""
    splits: dict[tuple[str, str], set[Split]] = defaultdict(set)
    for picture in dataset.pictures:
        if picture.split is not None:
            splits["content", picture.sha256].add(picture.split)
            if picture.group is not None:
                splits["group", picture.group].add(picture.split)
    return sum(len(found) > 1 for found in splits.values())


def require_trainable(dataset: Dataset, extended: bool = False) -> None:
    """Raise DataError, in one sentence, where no classifier could be trained and tested on these pictures.

    It takes two classes, three different pictures in each, and, once splits are assigned, training pictures of every
    class and at least one picture each for validation and test. `extended`: whether a run is, whose options stay.
    """
    contents = contents_by_class(dataset.pictures)
    _require_classes(dataset, [label for label in dataset.classes if label in contents])
    _require_enough(dataset, {label: len(contents.get(label, ())) for label in dataset.classes}, extended)
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
        f"Add a folder of other pictures.{_way_out(dataset)}"
    )


def _way_out(dataset: Dataset) -> str:
    """Return what the reading left open, and the first table beside the pictures: what else may hold the classes."""
    tables = [f"{item.name} {item.reason}" for item in dataset.skipped if item.reason in (TABLE, TABLE_IN_ARCHIVE)]
    return "".join(f" {sentence}." for sentence in (*dataset.doubts, *tables[:1]))


def _require_enough(dataset: Dataset, distinct: Mapping[str, int], extended: bool) -> None:
    """Name all classes that are too small, so that one run tells of all."""
    small = {label: count for label, count in distinct.items() if count < FEWEST}
    if not small:
        return
    what = "no picture", "only 1 picture", "only 2 different pictures"
    some = ", ".join(f"'{label}' has {what[count]}" for label, count in list(small.items())[:5])
    rest = f" and {len(small) - 5} more classes have too few" if len(small) > 5 else ""
    remove = "remove the class" if len(small) == 1 else "remove these classes"
    option = "" if extended else f": --min-per-class {FEWEST} skips them"
    raise DataError(
        f"{dataset.name}: {some}{rest}; a class takes at least {FEWEST} different pictures, to train, validate and "
        f"test.{_broken_ones(dataset)} Add more, or {remove}{option}."
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
            raise DataError(f"{dataset.name} has no {split} pictures left to score on. {_more_of(dataset)}")


def _more_of(dataset: Dataset) -> str:
    """Return what to add where a split has no pictures."""
    groups = {picture.group for picture in dataset.pictures if picture.group is not None}
    if not groups:
        return "Add some."
    return (
        f"{counted(len(groups), 'group takes', 'groups take')} one split each: add pictures of other groups. If these "
        "aren't groups, leave --group-from-name out, or take --columns group= for a table."
    )


def _no_training_pictures(dataset: Dataset) -> DataError:
    found = " and ".join(split for split in SPLITS if dataset.split(split))
    return DataError(
        f"{dataset.name} has {found} pictures but none to train on. Add a folder train/ beside, or give the folder "
        "with the classes itself to have it split."
    )


def _test_from_validation(dataset: Dataset, near: Iterable[Pair]) -> Dataset:
    by_class: dict[str, list[Picture]] = defaultdict(list)
    for picture in dataset.split("validation"):
        by_class[picture.label].append(picture)
    chosen = {id(picture) for pictures in by_class.values() for picture in _every_fifth(pictures)}
    whole = _in_whole_units(chosen, units_of(dataset.split("validation"), near))
    moved = (replace(picture, split="test") if id(picture) in whole else picture for picture in dataset.pictures)
    together = "" if whole == chosen else ", but for what belongs together, which stays in one of them"
    return _noted(replace(dataset, pictures=tuple(moved)), f"test is every fifth picture of validation{together}")


def _in_whole_units(chosen: Set[int], units: Iterable[Unit]) -> set[int]:
    """Return the chosen pictures, by `id`, so that no unit is parted and each class has as many as nearly as can be.

    In place of units that are parted, those are taken whole that fit into what their classes lack, the largest first,
    then others; last, any that bring their classes nearer. No class that had a chosen picture is left without, though
    that takes a unit too large.
    """
    units = sorted(units, key=lambda unit: (-len(unit.pictures), min(picture.name for picture in unit.pictures)))
    labels = [[picture.label for picture in unit.pictures if id(picture) in chosen] for unit in units]
    found = list(zip(units, labels, strict=True))
    taken = [unit for unit, here in found if len(here) == len(unit.pictures)]
    parted = [(unit, here) for unit, here in found if 0 < len(here) < len(unit.pictures)]
    left = [*(unit for unit, _ in parted), *(unit for unit, here in found if not here)]
    lacking = Counter(label for _, here in parted for label in here)
    for fits in (_all_of, _nearer_with):
        rest: list[Unit] = []
        for unit in left:
            sizes = Counter(picture.label for picture in unit.pictures)
            (taken if (fit := fits(lacking, sizes)) else rest).append(unit)
            lacking.subtract(sizes if fit else ())
        left = rest
    without = {label for here in labels for label in here} - {label for unit in taken for label in unit.labels}
    taken += [[unit for unit in units if label in unit.labels][-1] for label in sorted(without)]
    return {id(picture) for unit in taken for picture in unit.pictures}


def _all_of(lacking: Counter[str], sizes: Counter[str]) -> bool:
    return all(size <= lacking[label] for label, size in sizes.items())


def _nearer_with(lacking: Counter[str], sizes: Counter[str]) -> bool:
    return sum(abs(lacking[label] - size) - abs(lacking[label]) for label, size in sizes.items()) < 0


def _every_fifth(pictures: list[Picture]) -> list[Picture]:
    """Return the 5th, 10th, ... of pictures sorted by name; the last of 2 to 4."""
    pictures = sorted(pictures, key=lambda picture: picture.name)
    if 2 <= len(pictures) < EVERY:
        return pictures[-1:]
    return pictures[EVERY - 1 :: EVERY]


def without_overlap(dataset: Dataset, earlier: Mapping[str, Split] = MappingProxyType({})) -> Dataset:
    """Keep each content in one split only, and skip its copies in others; those without a split join it.

    That is the split which it had `earlier`, else the first of test, validation, train that it was given to.
    """
    homes = _homes(dataset.pictures, earlier)
    kept: list[Picture] = []
    gone: list[Skipped] = []
    for picture in dataset.pictures:
        home = homes[picture.sha256]
        split = earlier.get(picture.sha256, home.split)
        if picture.split in (None, home.split):
            kept.append(replace(picture, split=split))
        else:
            reason = f"is a copy of {home.name}, which stands in {split}"
            gone.append(Skipped(picture.name, reason, picture=picture))
    return replace(dataset, pictures=tuple(kept), skipped=(*dataset.skipped, *gone))


def _homes(pictures: Iterable[Picture], earlier: Mapping[str, Split]) -> dict[str, Picture]:
    """Return for each content the picture that decides which copies stay: one in its earlier split, or without any,
    else the first in the most preferred split."""
    homes: dict[str, Picture] = {}
    ranks: dict[str, int] = {}
    for picture in pictures:
        before = (earlier[picture.sha256], None) if picture.sha256 in earlier else ()
        rank = (*before, *_PREFERRED, None).index(picture.split)
        if rank < ranks.get(picture.sha256, len(SPLITS) + 3):
            homes[picture.sha256], ranks[picture.sha256] = picture, rank
    return homes


def _parted(
    dataset: Dataset, source: Split, shares: Shares, seed: int, near: Sequence[Pair], earlier: Mapping[str, Split]
) -> Dataset:
    """Part a given split by shares; its pictures that had a split earlier keep that."""
    pictures = [
        replace(picture, split=None) if picture.split == source and picture.sha256 not in earlier else picture
        for picture in dataset.pictures
        if picture.split in shares
    ]
    dataset = replace(dataset, pictures=_merged(dataset.pictures, pictures))
    return _filled(dataset, pictures, shares, seed, near)


def _filled(dataset: Dataset, pictures: Sequence[Picture], shares: Shares, seed: int, near: Iterable[Pair]) -> Dataset:
    """Give a split to those of `pictures` that have none, so that each class comes nearest to its shares."""
    plan = _Plan(shares, Counter(picture.label for picture in pictures))
    free: list[Unit] = []
    placed: list[Picture] = []
    skipped: list[Skipped] = []
    for unit in units_of(pictures, near):
        splits = {picture.split for picture in unit.pictures if picture.split is not None}
        if len(splits) > 1:
            skipped += _between(unit, splits)
            plan.count(picture for picture in unit.pictures if picture.split)
        elif splits:
            placed += plan.place(unit, splits.pop())
        else:
            free.append(unit)
    free.sort(key=lambda unit: unit.position(seed))
    for unit in sorted(free, key=lambda unit: -len(unit.pictures)):
        if len(unit.labels) > 1:
            placed += plan.place(unit, plan.most_lacking(unit))
    by_class: dict[str, list[Unit]] = defaultdict(list)
    for unit in free:
        if len(unit.labels) == 1:
            by_class[unit.pictures[0].label].append(unit)
    for label, units in by_class.items():
        for unit, split in zip(units, plan.cut(label, units), strict=True):
            placed += plan.place(unit, split)
    gone = {item.name for item in skipped}
    kept = tuple(picture for picture in _merged(dataset.pictures, placed) if picture.name not in gone)
    return replace(dataset, pictures=kept, skipped=dataset.skipped + tuple(skipped))


def _between(unit: Unit, splits: Iterable[Split]) -> list[Skipped]:
    """Skip the new pictures of a unit whose old ones stand in several splits."""
    names = " and ".join(sorted(splits))
    return [
        Skipped(picture.name, f"belongs with pictures in {names}, which stay where they were")
        for picture in unit.pictures
        if picture.split is None
    ]


def _merged(pictures: Iterable[Picture], changed: Iterable[Picture]) -> tuple[Picture, ...]:
    """Return pictures with the changed ones, by name and label, in place of the old."""
    new = {(picture.name, picture.label): picture for picture in changed}
    return tuple(new.get((picture.name, picture.label), picture) for picture in pictures)


@dataclass
class _Plan:
    """How many pictures of each class each split should have, and has."""

    shares: Shares
    total: Counter[str]

    def __post_init__(self) -> None:
        self._have: Counter[tuple[str, Split]] = Counter()

    def lacking(self, label: str, split: Split) -> float:
        """Return how many pictures of a class a split still lacks; below 0 where it has too many."""
        return self.shares[split] * self.total[label] - self._have[label, split]

    def count(self, pictures: Iterable[Picture]) -> None:
        """Count pictures that have their split."""
        self._have.update((picture.label, picture.split) for picture in pictures if picture.split)

    def place(self, unit: Unit, split: Split) -> list[Picture]:
        """Return a unit's pictures in a split, counted."""
        pictures = [replace(picture, split=split) for picture in unit.pictures]
        self.count(pictures)
        return pictures

    def most_lacking(self, unit: Unit) -> Split:
        """Return the split that lacks most of what a unit has, in proportion to its share."""
        return max(
            self.shares,
            key=lambda split: sum(self.lacking(label, split) for label in unit.labels) / self.shares[split],
        )

    def cut(self, label: str, units: Sequence[Unit]) -> list[Split]:
        """Return a split for each of a class's units, in their order: one cut after each split's quota.

        Each cut lies next to the quota, so a split is off by half a unit at either end. Where there are enough units,
        no split is left without one.
        """
        sizes = [len(unit.pictures) for unit in units]
        lacking = {split: max(0.0, self.lacking(label, split)) for split in self.shares}
        scale = sum(sizes) / (sum(lacking.values()) or 1.0)
        empty = [split for split in _FILLED if split in self.shares and not self._have[label, split]]
        needed = {split: int(split in empty[: len(units)]) for split in self.shares}
        splits: list[Split] = []
        done = wanted = 0.0
        for split in self.shares:
            wanted += lacking[split] * scale
            left = sum(needed[later] for later in list(self.shares)[list(self.shares).index(split) + 1 :])
            taken = 0
            while len(splits) < len(units) - left:
                size = sizes[len(splits)]
                if taken >= needed[split] and abs(done + size - wanted) >= abs(done - wanted):
                    break
                splits.append(split)
                done, taken = done + size, taken + 1
        last = list(self.shares)[-1]
        return splits + [last] * (len(units) - len(splits))


def missing_in_splits(dataset: Dataset) -> list[str]:
    """Return a sentence for each split that has pictures, but none of some class."""
    counts = Counter((picture.label, picture.split) for picture in dataset.pictures)
    sentences = []
    for split in SPLITS:
        absent = [f"'{label}'" for label in dataset.classes if not counts[label, split]]
        if absent and dataset.split(split):
            names = ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else "")
            sentences.append(f"{split} has no pictures of {names}")
    return sentences


def _told(dataset: Dataset) -> Dataset:
    """Note the classes that a split lacks, and a validation too small to choose anything by."""
    for note in missing_in_splits(dataset):
        dataset = _noted(dataset, note)
    validation, train = len(dataset.split("validation")), len(dataset.split("train"))
    if 0 < validation < max(FEW, train / 10):
        pictures = counted(validation, "picture", "pictures")
        dataset = _noted(dataset, f"validation has only {pictures}: what is chosen by it is uncertain")
    return dataset


def _noted(dataset: Dataset, note: str) -> Dataset:
    return replace(dataset, notes=(*dataset.notes, note)) if note not in dataset.notes else dataset
