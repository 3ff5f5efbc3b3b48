"""Labels as people have corrected them: a table beside the data, by content. The photos stay as and where they are.

A row is a decision: `label` (it shows this class), `keep` (its label is right), `exclude` (it is of no use), or `undo`,
which takes the one before it back. The last one that stands counts; none is ever removed.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Literal, get_args

from pawlab.datasets.dataset import Dataset, Picture, Skipped
from pawlab.errors import DataError, counted
from pawlab.names import printable
from pawlab.storage.journal import Journal

Choice = Literal["label", "keep", "exclude"]
EXCLUDED = "excluded by hand"
_COLUMNS = ("sha256", "decision", "label", "when", "picture")


@dataclass(frozen=True)
class Decision:
    """What a person said of a picture. `label`: the class, where the choice is `label`; else empty."""

    choice: Choice
    label: str = ""

    def applied(self, label: str) -> str | None:
        """Return what the label of a picture becomes; None where it is excluded."""
        return None if self.choice == "exclude" else self.label or label


class Labels:
    """The table of decisions. Each is on the disk before `decide` returns; many threads and processes may decide."""

    def __init__(self, path: Path) -> None:
        """Raises OutputError where the file is some other table."""
        self.path = path
        self._journal = Journal(path, _COLUMNS)
        self._lock = Lock()
        self._stacks: dict[str, list[Decision]] = {}
        for sha256, choice, label, _, _ in self._journal.rows():
            self._take(sha256, choice, label)

    @property
    def decisions(self) -> dict[str, Decision]:
        """Return what stands for each content, by SHA-256."""
        with self._lock:
            return {sha256: stack[-1] for sha256, stack in self._stacks.items() if stack}

    def of(self, sha256: str) -> Decision | None:
        """Return what stands for a content."""
        with self._lock:
            stack = self._stacks.get(sha256)
            return stack[-1] if stack else None

    def decide(self, sha256: str, decision: Decision, picture: str = "") -> None:
        """Add a decision; `picture`: its name, for people. Raises OutputError where it can't be written."""
        self._add(sha256, decision.choice, decision.label, picture)

    def undo(self, sha256: str, picture: str = "") -> None:
        """Take the last decision on a content back: the one before it counts again."""
        self._add(sha256, "undo", "", picture)

    def _add(self, sha256: str, choice: str, label: str, picture: str) -> None:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        with self._lock:
            self._journal.append((sha256, choice, label, when, " ".join(printable(picture).split())))
            self._take(sha256, choice, label)

    def _take(self, sha256: str, choice: str, label: str) -> None:
        stack = self._stacks.setdefault(sha256, [])
        if choice in get_args(Choice):
            stack.append(Decision(choice, label))  # type: ignore[arg-type]
        elif choice == "undo" and stack:
            stack.pop()


def read_labels(path: Path) -> dict[str, Decision]:
    """Return the decisions in a table. Raises DataError where there is none, OutputError where it is another table."""
    if not path.is_file():
        raise DataError(f"there is no table of labels {printable(str(path))}. `pawlab review` and `label` make one.")
    return Labels(path).decisions


def with_labels(dataset: Dataset, decisions: Mapping[str, Decision]) -> Dataset:
    """Return the data with the decisions applied to all but test pictures, and a note on how many there were.

    Test pictures keep their labels and stay: who has seen a model's suggestion would make its score look better than it
    is. How many were judged otherwise is noted.
    """
    kept: list[Picture] = []
    excluded: list[Skipped] = []
    counts: Counter[str] = Counter()
    for picture in dataset.pictures:
        decision = decisions.get(picture.sha256)
        label = decision.applied(picture.label) if decision else picture.label
        if label == picture.label:
            kept.append(picture)
        elif picture.split == "test":
            counts["test"] += 1
            kept.append(picture)
        elif label is None:
            excluded.append(Skipped(picture.name, EXCLUDED))
        else:
            counts["changed"] += 1
            kept.append(replace(picture, label=label))
    return replace(
        dataset,
        pictures=tuple(kept),
        classes=tuple(sorted({picture.label for picture in kept})),
        skipped=(*dataset.skipped, *excluded),
        questioned=counts["test"],
        notes=(*dataset.notes, *_notes(counts["changed"], len(excluded), counts["test"])),
    )


def _notes(changed: int, excluded: int, test: int) -> list[str]:
    notes = []
    if changed or excluded:
        notes.append(f"{counted(changed, 'label', 'labels')} changed and {excluded:,} excluded by hand")
    if test:
        were = counted(test, "test picture was", "test pictures were")
        notes.append(f"{were} judged otherwise by hand: the test score is by the labels as they were given")
    return notes
