"""What a page works on: pictures, the decisions on them, and whose turn it is. Safe for many threads."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from time import monotonic
from typing import Any

from pawlab.datasets.dataset import Picture
from pawlab.datasets.labels import Choice, Decision, Labels
from pawlab.errors import PawlabError
from pawlab.review.background import Background
from pawlab.review.material import Material
from pawlab.review.probes import Fit

LABELS_FILE = "labels.csv"
KEYS = 9  # classes that have a key of their own
_LEASE_SECONDS = 60.0  # for which a picture that one tab shows isn't given to another
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Question:
    """A picture to decide on. `reason`: why it is shown, in a sentence; `suggested`: the most probable class with its
    `probability`, None where there is none; `choices`: the classes that the keys 1 to 9 stand for; `other`: the content
    of the picture that shows the same.
    """

    picture: Picture
    kind: str
    reason: str
    suggested: str | None
    probability: float
    choices: tuple[str, ...]
    other: str | None = None


class Session(ABC):
    """Pictures and decisions. `material`: all of them; `labels`: the table; `classes`: what a picture may be."""

    mode: str

    def __init__(self, material: Material, labels: Labels) -> None:
        self.material = material
        self.labels = labels
        self.classes = list(dict.fromkeys([*material.classes, *material.decided_classes(labels.decisions)]))
        self.version = 0  # grows whenever the order of questions changes
        self.lock = RLock()
        self.refit = Background(self.compute)
        self._leases: dict[str, tuple[str, float]] = {}

    @abstractmethod
    def compute(self) -> None:
        """Fit anew on the decisions so far, and put the questions in order."""

    @abstractmethod
    def waiting(self, kind: str | None) -> Iterable[Question]:
        """Return the questions of a kind, or of all, that nobody has answered, the most useful first."""

    @abstractmethod
    def progress(self) -> dict[str, Any]:
        """Return how far people are, and how good the labels or the classifier are by now."""

    @property
    @abstractmethod
    def fit(self) -> Fit | None:
        """Return the probe that the suggestions come from, where there is one yet."""

    def state(self) -> dict[str, Any]:
        """Return all that a page shows beside the picture."""
        with self.lock:
            own = self.progress()
            return {
                "mode": self.mode,
                "name": self.material.name,
                "classes": list(self.classes),
                "labels": str(self.labels.path),
                "version": self.version,
                "busy": self.refit.busy,
                "error": self.refit.error,
                **own,
            }

    def questions(self, tab: str, count: int, kind: str | None = None) -> list[Question]:
        """Return the next questions for one of the pages that are open; none that another has before it."""
        with self.lock:
            now = monotonic()
            given: list[Question] = []
            for question in self.waiting(kind):
                if len(given) == count:
                    break
                content = question.picture.sha256
                holder, until = self._leases.get(content, (tab, now))
                if holder == tab or until <= now:
                    self._leases[content] = tab, now + _LEASE_SECONDS
                    given.append(question)
            return given

    def decide(self, content: str, choice: Choice, label: str = "") -> None:
        """Keep a decision. Raises PawlabError for a picture or a class that isn't there, OutputError as `Labels`."""
        picture = self.find(content)
        if choice == "label" and label not in self.classes:
            raise PawlabError(f"there is no class '{label}'. Add it first.")
        self.labels.decide(content, Decision(choice, label if choice == "label" else ""), picture.name)
        self.decided()

    def undo(self, content: str) -> None:
        """Take the last decision on a picture back. Raises as `decide`."""
        self.labels.undo(content, self.find(content).name)
        self.decided()

    def decided(self) -> None:  # noqa: B027
        """Do what follows from a decision."""

    def add_class(self, name: str) -> None:
        """Add a class. Raises PawlabError for one without a name, or there already."""
        name = " ".join(name.split())
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise PawlabError(f"a class needs a name of 1 to {_LONGEST_NAME} characters.")
        with self.lock:
            if name in self.classes:
                raise PawlabError(f"there is a class '{name}' already.")
            self.classes.append(name)
            self.version += 1

    def find(self, content: str) -> Picture:
        """Return the picture of a content. Raises PawlabError where there is none."""
        place = self.material.positions.get(content)
        if place is None:
            raise PawlabError("there is no such picture here.")
        return self.material.pictures[place]

    def choices(self, ranked: Sequence[str]) -> tuple[str, ...]:
        """Return the classes that have keys: all in their order, or where they are too many, the most probable."""
        return tuple(self.classes if len(self.classes) <= KEYS or not ranked else ranked[:KEYS])


def undecided(pictures: Iterable[Picture], labels: Labels) -> Iterator[Picture]:
    """Yield the pictures that nobody has decided on."""
    decisions = labels.decisions
    return (picture for picture in pictures if picture.sha256 not in decisions)


def open_labels(path: str | Path | None) -> Labels:
    """Open the table of decisions, `labels.csv` in the working folder by default."""
    return Labels(Path(path or LABELS_FILE).expanduser())
