"""What is worth knowing of the data before trusting a score: one function a check, and one table of them all."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pawlab.data.dataset import Dataset, Picture

IMBALANCE = 3.0  # times as many pictures in the largest class as in the smallest; at 3:1 always guessing scores 75%


@dataclass(frozen=True)
class Finding:
    """What one check found. `groups`: the names of the pictures concerned, those together that belong together."""

    check: str
    sentence: str
    groups: tuple[tuple[str, ...], ...] = ()

    @property
    def pictures(self) -> tuple[str, ...]:
        """Return the names of all pictures concerned."""
        return tuple(name for group in self.groups for name in group)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"check": self.check, "sentence": self.sentence, "pictures": [list(group) for group in self.groups]}


Check = Callable[[Dataset], Finding | None]


def run_checks(dataset: Dataset) -> tuple[Finding, ...]:
    """Return what the checks find, in their order; nothing for a check that finds nothing."""
    findings = (check(dataset) for check in CHECKS)
    return tuple(finding for finding in findings if finding is not None)


def exact_duplicates(dataset: Dataset) -> Finding | None:
    """Find files of one class with the same bytes."""
    groups = [group for group in _same_content(dataset.pictures) if not _has_two_labels(group)]
    if not groups:
        return None
    copies = sum(len(group) - 1 for group in groups)
    sentence = (
        f"{_count(copies, 'picture is an exact copy', 'pictures are exact copies')} of "
        f"{'another' if copies == 1 else 'others'} of the same class. Copies stay in one split, so they don't flatter "
        "the score, but they count more than once."
    )
    return Finding("exact duplicates", sentence, _names(groups))


def two_labels(dataset: Dataset) -> Finding | None:
    """Find files with the same bytes in more than one class."""
    groups = [group for group in _same_content(dataset.pictures) if _has_two_labels(group)]
    if not groups:
        return None
    sentence = (
        f"{_count(len(groups), 'picture stands', 'pictures stand')} under more than one label. "
        "At most one can be right: remove the others."
    )
    return Finding("two labels", sentence, _names(groups))


def class_imbalance(dataset: Dataset) -> Finding | None:
    """Find whether the largest class has IMBALANCE times as many pictures as the smallest, or more."""
    counts = Counter(dict.fromkeys(dataset.classes, 0))
    counts.update(picture.label for picture in dataset.pictures)
    if not counts:
        return None
    most = max(sorted(counts), key=counts.__getitem__)
    least = min(sorted(counts), key=counts.__getitem__)
    if counts[most] < IMBALANCE * max(counts[least], 1):
        return None
    sentence = (
        f"the classes are uneven: {counts[most]:,} pictures of '{most}', {counts[least]:,} of '{least}' "
        f"({IMBALANCE:g} times as many or more). Compare scores with the baseline, and look at each class by itself."
    )
    return Finding("class imbalance", sentence)


def set_aside(dataset: Dataset) -> Finding | None:
    """Tell which files were left out."""
    if not dataset.set_aside:
        return None
    first = dataset.set_aside[0]
    files = _count(len(dataset.set_aside), "entry was", "entries were")
    sentence = f"{files} set aside; the first is {first.name} ({first.reason})."
    return Finding("set aside", sentence, tuple((item.name,) for item in dataset.set_aside))


CHECKS: tuple[Check, ...] = (two_labels, exact_duplicates, class_imbalance, set_aside)


def _same_content(pictures: Iterable[Picture]) -> list[list[Picture]]:
    """Return the groups of two or more pictures with the same bytes, in order of their first names."""
    by_content: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        by_content[picture.sha256].append(picture)
    return [group for group in by_content.values() if len(group) > 1]


def _has_two_labels(group: list[Picture]) -> bool:
    return len({picture.label for picture in group}) > 1


def _names(groups: list[list[Picture]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(picture.name for picture in group) for group in groups)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
