"""Which labelled pictures a person should look at, the most doubtful first."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Unpack

import numpy as np

from pawlab.datasets.dataset import Picture
from pawlab.datasets.labels import Decision, read_labels
from pawlab.datasets.options import DataKeywords, DataOptions
from pawlab.errors import DataError
from pawlab.evaluation.calibration import tempered
from pawlab.evaluation.label_issues import find_label_issues
from pawlab.evaluation.metrics import Labels, Logits, Probabilities
from pawlab.files.names import file_sha256
from pawlab.names import listed
from pawlab.progress import Progress, notebook_bar
from pawlab.review.material import Material, labelled_material
from pawlab.review.probes import Fit, Positions, fit
from pawlab.runs.record import Run

Kind = Literal["label issue", "mistake", "near duplicate", "low confidence", "unreadable"]
KINDS: tuple[Kind, ...] = ("label issue", "mistake", "near duplicate", "low confidence", "unreadable")

_CLOSE = 0.2  # margins: below this two classes are nearly as likely


@dataclass(frozen=True)
class ReviewItem:
    """A picture to look at. `kind`: why; `reason`: in a sentence. `suggested`: the most probable class, out of fold,
    with its `probability`; None where the file can't be read. `other`: the picture that shows the same.
    """

    picture: Picture
    kind: Kind
    reason: str
    suggested: str | None = None
    probability: float = 0.0
    other: Picture | None = None


@dataclass(frozen=True)
class Judged:
    """Labels as they stand, judged. `labels`: (n,), class positions, -1 where excluded; `logits`: (n, classes), by a
    probe that hasn't seen the picture; `probabilities`: the same, calibrated; `fit`: the probe of all that were learned
    from, the pictures in `rows`.
    """

    classes: tuple[str, ...]
    labels: Labels
    rows: Positions
    fit: Fit
    logits: Logits
    probabilities: Probabilities

    @property
    def accuracy(self) -> float:
        """Return the share of training and validation pictures whose label is the most probable class, out of fold."""
        return float((self.probabilities[self.rows].argmax(axis=1) == self.labels[self.rows]).mean())


def review_queue(
    run: str | Path | Run, *, progress: Progress = notebook_bar, **reading: Unpack[DataKeywords]
) -> list[ReviewItem]:
    """Return the pictures that a person should look at, the most doubtful first.

    `run`: a run, its folder, or data as `train` takes it. First come pictures that stand under several labels, then
    labels that look wrong, other mistakes, near duplicates, pictures that could be of two classes, and files that can't
    be read; all by out-of-fold probabilities on a frozen network's features. `reading`: the fields of `DataOptions`;
    `labels` among them is a table of decisions so far, whose pictures are left out. Raises the errors of
    `pawlab.errors`.
    """
    options = DataOptions(**reading)
    decisions = {} if options.labels is None else read_labels(Path(options.labels).expanduser())
    material = labelled_material(run, replace(options, labels=None), progress)
    judged = judge(material, decisions, material.classes)
    return [item for item in queue(material, judged) if item.picture.sha256 not in decisions]


def judge(
    material: Material, decisions: Mapping[str, Decision], classes: Sequence[str], before: Fit | None = None
) -> Judged:
    """Fit by labels as decided; each picture is judged without itself. Test pictures and excluded ones teach nothing.

    `before`: the fit before, whose C is held while little has changed. Raises DataError where labels are of fewer than
    two classes.
    """
    classes = tuple(dict.fromkeys([*classes, *material.decided_classes(decisions)]))
    places = {name: place for place, name in enumerate(classes)}
    now = [labelled(picture, decisions.get(picture.sha256)) for picture in material.pictures]
    labels = np.array([-1 if label is None else places[label] for label in now], np.int64)
    trained = np.array([picture.split != "test" for picture in material.pictures])
    rows, contents = np.flatnonzero(trained & (labels >= 0)), [picture.sha256 for picture in material.pictures]
    found = fit(material.features, rows, labels[rows], contents, len(classes), before)
    if found is None:
        raise DataError(f"{material.name} has pictures of fewer than two classes; there is nothing to judge labels by.")
    logits = found.logits.copy()
    if found.held_out is not None:
        logits[rows] = found.held_out
    return Judged(classes, labels, rows, found, logits, tempered(logits, found.temperature(labels[rows])))


def labelled(picture: Picture, decision: Decision | None) -> str | None:
    """Return a picture's label as it stands; None where it is excluded."""
    return picture.label if decision is None else decision.applied(picture.label)


def queue(material: Material, judged: Judged) -> list[ReviewItem]:
    """Return what to look at, each picture once, under the first kind that fits."""
    items: dict[str, ReviewItem] = {}
    for item in (
        *_contradicted(material, judged),
        *_issues(material, judged),
        *_doubtful(material, judged),
        *_near(material, judged),
        *_unreadable(material),
    ):
        items.setdefault(item.picture.sha256, item)
    return sorted(items.values(), key=lambda item: KINDS.index(item.kind))


def _contradicted(material: Material, judged: Judged) -> Iterator[ReviewItem]:
    """Yield the pictures that stand under several labels, as copies: the surest errors there are."""
    for content, labels in material.contradictions.items():
        place = material.positions[content]
        row = judged.probabilities[place]
        best = int(row.argmax())
        reason = f"labelled {listed(labels)}: at most one can be right"
        yield ReviewItem(material.pictures[place], "label issue", reason, judged.classes[best], float(row[best]))


def _issues(material: Material, judged: Judged) -> Iterator[ReviewItem]:
    """Yield the pictures whose label is likely to be wrong, the likeliest first."""
    counted = np.flatnonzero(judged.labels >= 0).tolist()
    now = [replace(material.pictures[place], label=judged.classes[judged.labels[place]]) for place in counted]
    for issue in find_label_issues(now, judged.logits[counted], judged.classes):
        place = material.positions[issue.picture.sha256]
        reason = f"labelled {issue.picture.label}, but looks like {issue.suggested}"
        probability = float(judged.probabilities[place].max())
        yield ReviewItem(material.pictures[place], "label issue", reason, issue.suggested, probability)


def _doubtful(material: Material, judged: Judged) -> Iterator[ReviewItem]:
    """Yield other mistakes, and what could be of two classes: the smallest margin of the label first."""
    rows = np.arange(len(judged.labels))
    own = judged.probabilities[rows, judged.labels]
    others = judged.probabilities.copy()
    others[rows, judged.labels] = -1.0
    margins = np.where(judged.labels >= 0, own - others.max(axis=1), np.inf)
    for place in np.argsort(margins, kind="stable").tolist():
        if margins[place] >= _CLOSE:
            return
        row = judged.probabilities[place]
        best, second = np.argsort(-row, kind="stable")[:2].tolist()
        label, suggested = judged.classes[judged.labels[place]], judged.classes[best]
        kind, reason = KINDS[1], f"labelled {label}, but looks like {suggested}"
        if margins[place] >= 0:
            kind, reason = KINDS[3], f"{label} and {judged.classes[second]} are nearly as likely"
        yield ReviewItem(material.pictures[place], kind, reason, suggested, float(row[best]))


def _near(material: Material, judged: Judged) -> Iterator[ReviewItem]:
    for pair in material.near:
        places = [material.positions.get(content) for content in (pair.first, pair.second)]
        if None in places:
            continue
        first, second = (int(place) for place in places if place is not None)
        row = judged.probabilities[second]
        best = int(row.argmax())
        other = material.pictures[first]
        reason = f"shows the same as {other.name}"
        picture = material.pictures[second]
        yield ReviewItem(picture, "near duplicate", reason, judged.classes[best], float(row[best]), other)


def _unreadable(material: Material) -> Iterator[ReviewItem]:
    """Yield files that can't be read as pictures, but have a content by which they are known."""
    for item in material.skipped:
        path = material.root / item.name
        with suppress(OSError):
            yield ReviewItem(Picture(path, item.name, "", file_sha256(path)), "unreadable", item.reason)
