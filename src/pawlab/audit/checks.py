"""What is worth knowing of the data before trusting a score: one function per check, and one table of them all."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

from pawlab.audit.duplicates import check_duplicates
from pawlab.audit.findings import SEVERITIES, Mention
from pawlab.audit.findings import Finding as Finding
from pawlab.audit.image_stats import ImageStats
from pawlab.audit.measurements import Measurements
from pawlab.audit.quality import check_quality
from pawlab.datasets.dataset import Dataset, Picture, Skipped, count_skipped
from pawlab.datasets.splits import missing_in_splits, require_trainable
from pawlab.errors import DataError, counted

IMBALANCE = 3.0  # times as many pictures in the largest class as in the smallest; at 3:1 always guessing scores 75%
FEW = 10  # pictures per class: split 80/10/10, a class has one to validate and one to test
TELLTALE = 0.5  # share of the mistakes of always guessing that may remain where a file's property tells the class


def run_checks(measurements: Measurements | Dataset) -> tuple[Finding, ...]:
    """Return what the checks find, the worst first; nothing for a check that finds nothing.

    Of a Dataset, or measurements without image_stats, only what costs nothing is checked: no file is opened. `measure`
    gives all.
    """
    if isinstance(measurements, Dataset):
        measurements = Measurements(measurements)
    found = (finding for check in CHECKS for finding in check(measurements))
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def why_untrainable(dataset: Dataset) -> tuple[Finding, ...]:
    """Say why no classifier could be trained on these pictures, where that is so. No check: training raises it
    first.
    """
    try:
        require_trainable(dataset)
    except DataError as error:
        return (Finding("can't be trained", "serious", str(error)),)
    return ()


def broken_files(measurements: Measurements) -> Iterator[Finding]:
    """Find files that were to be pictures and can't be read as such."""
    broken = [item for item in measurements.dataset.skipped if item.broken]
    if broken:
        words = "file can't be read as a picture and was", "files can't be read as pictures and were"
        sentence = f"{counted(len(broken), *words)} skipped. Replace or delete {'it' if len(broken) == 1 else 'them'}."
        yield Finding("broken files", "serious", sentence, _reasons(broken))


def groups_across_splits(measurements: Measurements) -> Iterator[Finding]:
    """Find groups that stand in more than one split, which only given splits can part."""
    groups: dict[str, list[Picture]] = defaultdict(list)
    for picture in measurements.dataset.pictures:
        if picture.group is not None:
            groups[picture.group].append(picture)
    parted = [pictures for pictures in groups.values() if len({picture.split for picture in pictures}) > 1]
    if parted:
        sentence = (
            f"{counted(len(parted), 'group stands', 'groups stand')} in more than one of train, validation and test, "
            "which flatters the score. Splits that were given are left as they are: move each group into one."
        )
        mentions = (tuple(Mention(one.name, f"{one.split}, of {one.group}") for one in group) for group in parted)
        yield Finding("groups across splits", "serious", sentence, tuple(mentions))


def missing_classes(measurements: Measurements) -> Iterator[Finding]:
    """Find classes of which validation or test has no picture."""
    missing = "; ".join(missing_in_splits(measurements.dataset))
    if missing:
        sentence = f"Classes are missing: {missing}. Scores say nothing about them: add some, or more."
        yield Finding("missing classes", "warning", sentence)


def doubtful_reading(measurements: Measurements) -> Iterator[Finding]:
    """State what was decided in reading folders, tables or archives that may be wrong."""
    doubts = "; ".join(measurements.dataset.doubts)
    if doubts:
        yield Finding("doubtful reading", "warning", f"To be looked at: {doubts}.")


def skipped(measurements: Measurements) -> Iterator[Finding]:
    """Find what else was skipped; copies have checks of their own."""
    others = [item for item in measurements.dataset.skipped if not item.broken and item.picture is None]
    if others:
        kinds = count_skipped(others)
        some = ", ".join(f"{kind['files']:,} {kind['extension']} ({kind['reason']})" for kind in kinds[:3])
        rest = ", ..." if len(kinds) > 3 else ""
        sentence = f"{counted(len(others), 'entry was', 'entries were')} skipped: {some}{rest}."
        yield Finding("skipped", "note", sentence, _reasons(others))


def class_imbalance(measurements: Measurements) -> Iterator[Finding]:
    """Find whether the largest class has IMBALANCE times as many pictures as the smallest, or more."""
    counts = _pictures_by_class(measurements)
    most = max(counts, key=counts.__getitem__, default="")
    least = min(counts, key=counts.__getitem__, default="")
    if counts and counts[most] >= IMBALANCE * max(counts[least], 1):
        sentence = (
            f"The classes are uneven: {counts[most]:,} pictures of '{most}', {counts[least]:,} of '{least}' "
            f"({IMBALANCE:g} times as many or more). Compare scores with the baseline, and look at each class by "
            "itself."
        )
        yield Finding("class imbalance", "warning", sentence)


def few_pictures(measurements: Measurements) -> Iterator[Finding]:
    """Find classes with fewer pictures than it takes to learn and test them."""
    few = [f"'{label}' ({count})" for label, count in _pictures_by_class(measurements).items() if count < FEW]
    if few:
        sentence = (
            f"{counted(len(few), 'class has', 'classes have')} fewer than {FEW} pictures: {', '.join(few[:3])}"
            f"{', ...' if len(few) > 3 else ''}. Their scores will be chance: add pictures."
        )
        yield Finding("few pictures", "warning", sentence)


def telltale_files(measurements: Measurements) -> Iterator[Finding]:
    """Find whether a property of the files, rather than what they show, predicts the class."""
    labelled = [(look, picture.label) for picture, look in measurements.seen()]
    guessing = max(Counter(label for _, label in labelled).values(), default=0) / max(1, len(labelled))
    for name, of in _PROPERTIES.items():
        predicted = _share_predicted((of(look), label) for look, label in labelled)
        if labelled and guessing < 1 and 1 - predicted <= TELLTALE * (1 - guessing):
            sentence = (
                f"{name} predicts the class of {predicted:.0%} of the pictures, where always guessing the most "
                f"frequent class is right for {guessing:.0%}. A classifier may learn that rather than what is shown: "
                "prepare the pictures of all classes in the same way."
            )
            yield Finding("telltale files", "warning", sentence)
            return


CHECKS = (
    broken_files,
    check_duplicates,
    groups_across_splits,
    telltale_files,
    few_pictures,
    class_imbalance,
    check_quality,
    skipped,
    missing_classes,
    doubtful_reading,
)

_PROPERTIES: dict[str, Callable[[ImageStats], str]] = {
    "The file format alone": lambda look: look.info.format,
    "The size in pixels alone": lambda look: look.size,
    "Being gray or in colour alone": lambda look: str(look.is_gray),
}


def _pictures_by_class(measurements: Measurements) -> Counter[str]:
    counts = Counter(dict.fromkeys(sorted(measurements.dataset.classes), 0))
    counts.update(picture.label for picture in measurements.dataset.pictures)
    return counts


def _share_predicted(pictures: Iterable[tuple[str, str]]) -> float:
    """Return for how many of the pictures, (value of a property, label), the others of the same value predict the
    label.

    A picture doesn't vote for itself, so a value that only one has predicts nothing; nor do labels equally frequent.
    """
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for value, label in pictures:
        labels[value][label] += 1
    found = sum(count for votes in labels.values() for label, count in votes.items() if _wins(votes, label))
    return found / max(1, sum(votes.total() for votes in labels.values()))


def _wins(votes: Counter[str], label: str) -> bool:
    """Whether a label is the most frequent among the others, once one picture of it has left."""
    return all(votes[label] - 1 > count for other, count in votes.items() if other != label) and votes[label] > 1


def _reasons(items: Iterable[Skipped]) -> tuple[tuple[Mention, ...], ...]:
    return tuple((Mention(item.name, item.reason),) for item in items)
