"""A review: labelled pictures that are doubtful, one after the other, and the score before and after."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pawlab.datasets.dataset import Picture
from pawlab.datasets.labels import Choice, Decision, Labels
from pawlab.datasets.options import DataOptions
from pawlab.errors import PawlabError
from pawlab.names import listed
from pawlab.progress import Progress
from pawlab.review.material import Material, labelled_material
from pawlab.review.probes import Fit
from pawlab.review.queue import KINDS, Judged, ReviewItem, judge, labelled, queue
from pawlab.review.session import Question, Session, open_labels
from pawlab.runs.record import Run


class Review(Session):
    """Goes through what `queue` finds. The score is out of fold: by probes that haven't seen the picture."""

    mode = "review"

    def __init__(self, material: Material, labels: Labels) -> None:
        super().__init__(material, labels)
        given = judge(material, {}, material.classes)
        self._before = self._now = given.accuracy
        self._show(given)
        if any(picture.sha256 in labels.decisions for picture in material.pictures):
            self.refit.request()

    def compute(self) -> None:
        """Judge all labels anew, as they stand now."""
        judged = judge(self.material, self.labels.decisions, self.classes, self.fit)
        with self.lock:
            self._now = judged.accuracy
            self._show(judged)
            self.version += 1

    @property
    def fit(self) -> Fit:
        """Return the probe of the last fit."""
        return self._judged.fit

    def _show(self, judged: Judged) -> None:
        """Take over what was found; what was found before and decided on stays counted."""
        decisions = self.labels.decisions
        before = [item for item in getattr(self, "_items", []) if item.picture.sha256 in decisions]
        done = {item.picture.sha256 for item in before}
        self._items = before + [item for item in queue(self.material, judged) if item.picture.sha256 not in done]
        self._judged = judged
        self._unreadable = {item.picture.sha256: item.picture for item in self._items if item.kind == "unreadable"}

    def find(self, content: str) -> Picture:
        """Return the picture of a content, or the file that can't be read."""
        return self._unreadable.get(content) or super().find(content)

    def decide(self, content: str, choice: Choice, label: str = "") -> None:
        """Keep a decision. Raises as `Session.decide`; PawlabError for keeping several labels of one picture."""
        if choice == "keep" and (labels := self.material.contradictions.get(content)):
            raise PawlabError(f"it is labelled {listed(labels)}: that can't be kept. Choose a class, or exclude it.")
        super().decide(content, choice, label)

    def waiting(self, kind: str | None) -> Iterator[Question]:
        """Yield what is doubtful."""
        decisions = self.labels.decisions
        for item in self._items:
            if item.picture.sha256 not in decisions and kind in (None, item.kind):
                yield self._question(item)

    def _question(self, item: ReviewItem) -> Question:
        place = self.material.positions.get(item.picture.sha256)
        ranked: list[str] = []
        if place is not None:
            row = self._judged.probabilities[place]
            ranked = [self._judged.classes[best] for best in np.argsort(-row, kind="stable").tolist()]
        other = item.other.sha256 if item.other else None
        picture = item.picture
        if picture.sha256 in self.material.contradictions:
            picture = replace(picture, label="")  # it has none that could be kept
        choices = self.choices(ranked) if place is not None else ()
        return Question(picture, item.kind, item.reason, item.suggested, item.probability, choices, other)

    def progress(self) -> dict[str, Any]:
        """Return counts by kind, the score before and now, and what was said of test pictures."""
        decisions = self.labels.decisions
        kinds = {kind: [item for item in self._items if item.kind == kind] for kind in KINDS}
        return {
            "kinds": {
                kind: {"total": len(items), "done": sum(item.picture.sha256 in decisions for item in items)}
                for kind, items in kinds.items()
                if items
            },
            "score": {"before": self._before, "now": self._now},
            **self._changes(decisions),
        }

    def _changes(self, decisions: dict[str, Decision]) -> dict[str, Any]:
        counts = {"changed": 0, "excluded": 0, "test_changed": 0}
        for picture in self.material.with_copies:
            decision = decisions.get(picture.sha256)
            label = labelled(picture, decision)
            if label != picture.label:
                kind = "test_changed" if picture.split == "test" else "excluded" if label is None else "changed"
                counts[kind] += 1
        return {**counts, "test_accuracy": self.material.test_accuracy}


def open_review(
    given: str | Path | Run, options: DataOptions, progress: Progress, labels: str | Path | None = None
) -> Review:
    """Open a review of a run or of data. Raises the errors of `pawlab.errors`."""
    table = open_labels(labels or options.labels)
    material = labelled_material(given, replace(options, labels=None), progress)
    with progress("Judging labels", 1, "fits") as advance:
        review = Review(material, table)
        advance(1)
    return review
