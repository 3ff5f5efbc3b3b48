"""Checks for pictures that are there more than once: the same bytes, or other bytes that show the same."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pawlab.audit.findings import Finding, Mention, Severity
from pawlab.audit.measurements import Measurements
from pawlab.audit.near_duplicates import NearPair
from pawlab.datasets.dataset import Picture
from pawlab.errors import counted

Group = Sequence[Picture]  # two or more, in order of their names


def check_duplicates(measurements: Measurements) -> Iterator[Finding]:
    """Find groups of pictures that are the same, by what differs within each group."""
    kinds: set[Callable[[Measurements], list[Group]]] = {check.groups_of for check in _CHECKS}
    found = {groups_of: groups_of(measurements) for groups_of in kinds}
    for check in _CHECKS:
        groups = [group for group in found[check.groups_of] if _difference(group) == check.difference]
        if groups:
            number = len(groups) if check.difference else sum(len(group) - 1 for group in groups)
            sentence = f"{counted(number, *check.words)} {check.rest}"
            yield Finding(check.name, check.severity, sentence, _mentions(measurements, groups, check.difference))


def _same_bytes(measurements: Measurements) -> list[Group]:
    """Return groups of pictures with the same bytes, those included that were skipped as copies."""
    skipped = (item.picture for item in measurements.dataset.skipped if item.picture is not None)
    return _groups((*measurements.dataset.pictures, *skipped), lambda picture: picture.sha256)


def _same_sight(measurements: Measurements) -> list[Group]:
    """Return groups of pictures that show the same, each linked to another of its group by a pair."""
    leader = _leaders(measurements.near)
    linked = (picture for picture in measurements.dataset.pictures if picture.sha256 in leader)
    return _groups(linked, lambda picture: leader[picture.sha256])


class _Check(NamedTuple):
    """`difference`: what the pictures of a group differ in; "" where they have one label and one split, and the
    copies are counted rather than the groups. `words`: for one and for many of them."""

    name: str
    severity: Severity
    groups_of: Callable[[Measurements], list[Group]]
    difference: str
    words: tuple[str, str]
    rest: str


_STAND = "picture stands", "pictures stand"
_CHECKS = (
    _Check(
        "two labels",
        "serious",
        _same_bytes,
        "label",
        _STAND,
        "under more than one label. At most one can be right: remove the others.",
    ),
    _Check(
        "near duplicates with two labels",
        "serious",
        _same_sight,
        "label",
        _STAND,
        "under more than one label with slight changes. At most one can be right: look at them, and remove the others.",
    ),
    _Check(
        "near duplicates across splits",
        "serious",
        _same_sight,
        "split",
        _STAND,
        "in more than one of train, validation and test with slight changes, which flatters the score. Splits "
        "that were given are left as they are: remove all but one of each.",
    ),
    _Check(
        "copies across splits",
        "warning",
        _same_bytes,
        "split",
        ("picture was", "pictures were"),
        "given to more than one of train, validation and test. So that the score isn't flattered, each is used in one "
        "only, for testing rather than training.",
    ),
    _Check(
        "exact duplicates",
        "note",
        _same_bytes,
        "",
        ("picture is an exact copy of another", "pictures are exact copies of others"),
        "of the same class. Copies stay in one split, so they don't flatter the score, but they count more than once.",
    ),
    _Check(
        "near duplicates",
        "note",
        _same_sight,
        "",
        ("picture is a slightly changed copy of another", "pictures are slightly changed copies of others"),
        "of the same class and split. They count more than once.",
    ),
)


def _groups(pictures: Iterable[Picture], key: Callable[[Picture], str]) -> list[Group]:
    found: dict[str, list[Picture]] = defaultdict(list)
    for picture in sorted(pictures, key=lambda picture: picture.name):
        found[key(picture)].append(picture)
    return [group for group in found.values() if len(group) > 1]


def _leaders(pairs: Iterable[NearPair]) -> dict[str, str]:
    """Return for every content in a pair one content that stands for all that are linked with it."""
    linked: dict[str, list[str]] = {}
    for pair in pairs:
        kept, joined = (linked.setdefault(content, [content]) for content in (pair.first, pair.second))
        if kept is not joined:
            if len(kept) < len(joined):  # so that nothing is moved more often than a group can double
                kept, joined = joined, kept
            kept += joined
            linked.update(dict.fromkeys(joined, kept))
    return {content: group[0] for content, group in linked.items()}


def _difference(group: Group) -> str:
    """Return whether the pictures differ in their `label`, or else in their `split`, or in neither: ""."""
    return next((of for of in ("label", "split") if len({getattr(picture, of) for picture in group}) > 1), "")


def _mentions(measurements: Measurements, groups: Iterable[Group], difference: str) -> tuple[tuple[Mention, ...], ...]:
    """Return the pictures' names, each with its own label or split and how it differs from the first of its group."""
    changes = _changes(measurements.near)

    def detail(picture: Picture, group: Group) -> str:
        one_content = len({other.sha256 for other in group}) == 1
        look = None if one_content else measurements.image_stats.get(picture.sha256)
        own = getattr(picture, difference) if difference else ""
        change = changes.get((group[0].sha256, picture.sha256))
        return ", ".join(filter(None, (own, look.size if look else "", change)))

    return tuple(tuple(Mention(picture.name, detail(picture, group)) for picture in group) for group in groups)


def _changes(pairs: Iterable[NearPair]) -> dict[tuple[str, str], str]:
    """Return in words what the pixels show of the change between two contents, in both orders."""
    changes = {}
    for pair in pairs:
        words = (word for word in ("mirrored", "cropped") if getattr(pair, word))
        changes[pair.first, pair.second] = changes[pair.second, pair.first] = ", ".join(words)
    return changes
