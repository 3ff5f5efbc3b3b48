"""Checks for pictures that are there more than once: the same bytes, or other bytes that show the same."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from pawlab.audit.findings import Finding, Mention, Severity
from pawlab.audit.measurements import Measurements
from pawlab.audit.near_duplicates import NearPair
from pawlab.datasets.dataset import Picture
from pawlab.errors import counted

Group = Sequence[Picture]  # two or more, in order of their names
_STANDS = "picture stands", "pictures stand"


def two_labels(measurements: Measurements) -> Finding | None:
    """Find files with the same bytes in more than one class."""
    groups = [group for group in _same_bytes(measurements) if _differ(group, _label)]
    rest = "under more than one label. At most one can be right: remove the others."
    return _found("two labels", "serious", measurements, groups, _label, _STANDS, rest)


def near_duplicates_with_two_labels(measurements: Measurements) -> Finding | None:
    """Find pictures that show the same in more than one class."""
    groups = [group for group in _same_sight(measurements) if _differ(group, _label)]
    rest = (
        "under more than one label with slight changes. At most one can be right: look at them, and remove the others."
    )
    return _found("near duplicates with two labels", "serious", measurements, groups, _label, _STANDS, rest)


def near_duplicates_across_splits(measurements: Measurements) -> Finding | None:
    """Find pictures of one class that show the same in more than one of train, validation and test."""
    groups = [group for group in _same_sight(measurements) if not _differ(group, _label) and _differ(group, _split)]
    rest = (
        "in more than one of train, validation and test with slight changes, which flatters the score. Splits that "
        "were given are left as they are: remove all but one of each."
    )
    return _found("near duplicates across splits", "serious", measurements, groups, _split, _STANDS, rest)


def copies_across_splits(measurements: Measurements) -> Finding | None:
    """Find files of one class with the same bytes that were given to more than one of train, validation and test."""
    groups = [group for group in _same_bytes(measurements) if not _differ(group, _label) and _differ(group, _split)]
    rest = (
        "given to more than one of train, validation and test. So that the score isn't flattered, each is used in one "
        "only, for testing rather than training."
    )
    words = "picture was", "pictures were"
    return _found("copies across splits", "warning", measurements, groups, _split, words, rest)


def exact_duplicates(measurements: Measurements) -> Finding | None:
    """Find files with the same bytes in one class and one split."""
    groups = [group for group in _same_bytes(measurements) if not _differ(group, _label) and not _differ(group, _split)]
    if not groups:
        return None
    copies = sum(len(group) - 1 for group in groups)
    sentence = (
        f"{counted(copies, 'picture is an exact copy', 'pictures are exact copies')} of "
        f"{'another' if copies == 1 else 'others'} of the same class. Copies stay in one split, so they don't flatter "
        "the score, but they count more than once."
    )
    return Finding("exact duplicates", "note", sentence, _mentions(measurements, groups))


def near_duplicates(measurements: Measurements) -> Finding | None:
    """Find pictures that show the same in one class and one split."""
    groups = [group for group in _same_sight(measurements) if not _differ(group, _label) and not _differ(group, _split)]
    if not groups:
        return None
    copies = sum(len(group) - 1 for group in groups)
    sentence = (
        f"{counted(copies, 'picture is a slightly changed copy', 'pictures are slightly changed copies')} of "
        f"{'another' if copies == 1 else 'others'} of the same class and split. They count more than once."
    )
    return Finding("near duplicates", "note", sentence, _mentions(measurements, groups))


def _found(
    check: str,
    severity: Severity,
    measurements: Measurements,
    groups: Sequence[Group],
    detail_of: Callable[[Picture], str],
    words: tuple[str, str],
    rest: str,
) -> Finding | None:
    """Return the finding that begins with how many groups there are, in `words` for one or more; None where none is."""
    if not groups:
        return None
    return Finding(
        check, severity, f"{counted(len(groups), *words)} {rest}", _mentions(measurements, groups, detail_of)
    )


def _same_bytes(measurements: Measurements) -> list[Group]:
    """Return groups of pictures with the same bytes, those included that were skipped as copies."""
    skipped = (item.picture for item in measurements.dataset.skipped if item.picture is not None)
    by_content: dict[str, list[Picture]] = defaultdict(list)
    for picture in sorted((*measurements.dataset.pictures, *skipped), key=_name):
        by_content[picture.sha256].append(picture)
    return [group for group in by_content.values() if len(group) > 1]


def _same_sight(measurements: Measurements) -> list[Group]:
    """Return groups of pictures that show the same, each linked to another of its group by a pair."""
    leader = _leaders(measurements.near)
    by_leader: dict[str, list[Picture]] = defaultdict(list)
    for picture in sorted(measurements.dataset.pictures, key=_name):
        if picture.sha256 in leader:
            by_leader[leader[picture.sha256]].append(picture)
    return [group for group in by_leader.values() if len(group) > 1]


def _leaders(pairs: Iterable[NearPair]) -> dict[str, str]:
    """Return for every content in a pair one content that stands for all that are linked with it."""
    leader: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for pair in pairs:
        kept, joined = (leader.setdefault(content, content) for content in (pair.first, pair.second))
        if kept == joined:
            continue
        moved = members.pop(joined, [joined])
        members.setdefault(kept, [kept]).extend(moved)
        leader.update(dict.fromkeys(moved, kept))
    return leader


def _differ(group: Group, of: Callable[[Picture], str]) -> bool:
    return len({of(picture) for picture in group}) > 1


def _name(picture: Picture) -> str:
    return picture.name


def _content(picture: Picture) -> str:
    return picture.sha256


def _label(picture: Picture) -> str:
    return picture.label


def _split(picture: Picture) -> str:
    return picture.split or ""


def _mentions(
    measurements: Measurements, groups: Iterable[Group], detail_of: Callable[[Picture], str] | None = None
) -> tuple[tuple[Mention, ...], ...]:
    """Return the pictures' names, each with its `detail_of` and how it differs from the first of its group."""
    changes = _changes(measurements.near)

    def detail(picture: Picture, group: Group) -> str:
        look = measurements.image_stats.get(picture.sha256) if _differ(group, _content) else None
        size = f"{look.info.width} x {look.info.height}" if look else ""
        change = changes.get((group[0].sha256, picture.sha256), "")
        return ", ".join(filter(None, (detail_of(picture) if detail_of else "", size, change)))

    return tuple(tuple(Mention(picture.name, detail(picture, group)) for picture in group) for group in groups)


def _changes(pairs: Iterable[NearPair]) -> dict[tuple[str, str], str]:
    """Return in words what the pixels show of the change between two contents, in both orders."""
    changes = {}
    for pair in pairs:
        words = (word for word, true in (("mirrored", pair.mirrored), ("cropped", pair.cropped)) if true)
        changes[pair.first, pair.second] = changes[pair.second, pair.first] = ", ".join(words)
    return changes
