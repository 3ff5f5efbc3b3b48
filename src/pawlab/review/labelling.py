"""Labelling: unlabelled pictures, asked about in the order that teaches most, until the person stops."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pawlab.classifier import model_file
from pawlab.datasets.labels import Labels
from pawlab.datasets.options import DataOptions
from pawlab.datasets.tables import ANSWER_COLUMNS
from pawlab.errors import PawlabError
from pawlab.evaluation.metrics import Labels as ClassPositions
from pawlab.pipeline import extend, train
from pawlab.progress import Progress, silent
from pawlab.review.background import Background
from pawlab.review.material import Material, labelled_material, unlabelled_material
from pawlab.review.probes import Fit, Positions
from pawlab.review.session import Question, Session, open_labels, undecided
from pawlab.review.suggest import Belief, Pool, believe
from pawlab.runs.record import write_rows

_RANKED = 40  # questions put in order at once: more than anybody answers before the next fit
TABLE, ANSWERS = "labelled.csv", "answers.csv"


class Labelling(Session):
    """Asks for labels. `base`: a run's training and validation pictures, from which it is known already."""

    mode = "label"

    def __init__(
        self, material: Material, labels: Labels, out: Path, base: Material | None = None, model: Path | None = None
    ) -> None:
        super().__init__(material, labels)
        self.classes = list(dict.fromkeys([*(base.classes if base else ()), *self.classes]))
        self._base, self._out, self._model = base, out, model
        self._pool = Pool(material.features)
        self._belief: Belief | None = None
        self._history: list[tuple[int, float]] = []
        self._ranked: list[int] = []
        self._finished: dict[str, str] | None = None
        self.finishing = Background(self._finish)
        self.compute()

    def compute(self) -> None:
        """Fit on the answers so far, and choose what to ask next."""
        asked, rows, positions = self._answers()
        belief = self._believe(rows, positions, self.fit)
        ranked = self._pool.choose(_RANKED, asked, None if belief is None else belief.probabilities)
        with self.lock:
            self._belief, self._ranked = belief, ranked
            self.version += 1
            if belief is not None and belief.accuracy is not None:
                self._history = [*self._history, (len(rows), belief.accuracy)]

    def decided(self) -> None:
        """Fit anew, in the background."""
        self.refit.request()

    def _answers(self) -> tuple[Positions, Positions, ClassPositions]:
        """Return the positions of all that was decided on, of what has a label, and these labels."""
        decisions = self.labels.decisions
        asked, rows, positions = [], [], []
        for place, picture in enumerate(self.material.pictures):
            decision = decisions.get(picture.sha256)
            if decision is not None:
                asked.append(place)
                if decision.label:
                    rows.append(place)
                    positions.append(self.classes.index(decision.label))
        return np.array(asked, np.intp), np.array(rows, np.intp), np.array(positions, np.int64)

    def _believe(self, rows: Positions, positions: ClassPositions, before: Fit | None = None) -> Belief | None:
        material, base, classes = self.material, self._base, len(self.classes)
        contents = [picture.sha256 for picture in material.pictures]
        if base is None:
            return believe(material.features, rows, positions, contents, classes, before)
        own = len(base.pictures)
        belief = believe(
            np.concatenate([base.features, material.features]),
            np.concatenate([np.arange(own), own + rows]),
            np.concatenate([self._known(base), positions]),
            [*(picture.sha256 for picture in base.pictures), *contents],
            classes,
            before,
        )
        return None if belief is None else replace(belief, probabilities=belief.probabilities[own:])

    def _known(self, base: Material) -> ClassPositions:
        return np.array([self.classes.index(picture.label) for picture in base.pictures], np.int64)

    @property
    def fit(self) -> Fit | None:
        """Return the probe of the last fit."""
        return None if self._belief is None else self._belief.fit

    def waiting(self, kind: str | None) -> Iterator[Question]:
        """Yield the pictures that teach most, then all others."""
        pictures = self.material.pictures
        in_order = dict.fromkeys([*self._ranked, *range(len(pictures))])
        for picture in undecided((pictures[place] for place in in_order), self.labels):
            yield self._question(self.material.positions[picture.sha256])

    def _question(self, place: int) -> Question:
        picture = self.material.pictures[place]
        if self._belief is None:
            return Question(picture, "question", "", None, 0.0, self.choices(()))
        row = self._belief.probabilities[place]
        ranked = [self.classes[best] for best in np.argsort(-row, kind="stable").tolist()]
        return Question(picture, "question", "", ranked[0], float(row.max()), self.choices(ranked))

    def progress(self) -> dict[str, Any]:
        """Return how many have answers, the estimated accuracy so far, and what finishing has made."""
        decisions = self.labels.decisions
        mine = [decision for one in self.material.pictures if (decision := decisions.get(one.sha256))]
        return {
            "pictures": len(self.material.pictures),
            "answers": sum(bool(decision.label) for decision in mine),
            "excluded": sum(decision.choice == "exclude" for decision in mine),
            "skipped": len(self.material.skipped),
            "history": [list(point) for point in self._history],
            "finish": {
                "busy": self.finishing.busy,
                "error": self.finishing.error,
                "files": self._finished,
            },
        }

    def _finish(self) -> None:
        """Write the table, with the rest predicted, and train a classifier on the answers."""
        _, rows, positions = self._answers()
        self._finished = {"table": str(self._write_table(self._believe(rows, positions)))}
        if self._model is None and len(set(positions.tolist())) < 2:
            raise PawlabError("a classifier needs answers of two classes; the table is written.")
        if not len(rows):
            raise PawlabError("a run is extended by answers, and there are none yet; the table is written.")
        answers = self._out / ANSWERS
        told = (
            (str(self.material.pictures[row].path.absolute()), self.classes[position], "person")
            for row, position in zip(rows.tolist(), positions.tolist(), strict=True)
        )
        write_rows(ANSWER_COLUMNS, told, answers)
        place = self._out / "run"
        if self._model is None:
            run = train(answers, out=place, overwrite=True, progress=silent)
        else:
            run = extend(self._model, answers, place, overwrite=True, progress=silent)
        self._finished = {**self._finished, "classifier": str(run.folder), "report": str(run.page)}

    def _write_table(self, belief: Belief | None) -> Path:
        """Write a row for each file that can be read and isn't excluded: a table that is data as it stands."""
        decisions = self.labels.decisions
        table: list[tuple[str, str, str, str]] = []
        for picture in self.material.with_copies:
            name, decision = str(picture.path.absolute()), decisions.get(picture.sha256)
            place = self.material.positions.get(picture.sha256)
            if place is None or (decision is not None and not decision.label):
                continue
            if decision is not None:
                table.append((name, decision.label, "person", ""))
            elif belief is not None:
                row = belief.probabilities[place]
                table.append((name, self.classes[int(row.argmax())], "prediction", f"{row.max():.6f}"))
        path = self._out / TABLE
        write_rows(("path", "label", "by", "probability"), table, path)
        return path


def open_labelling(
    folder: str | Path,
    classes: Sequence[str],
    progress: Progress,
    model: str | Path | None = None,
    labels: str | Path | None = None,
    out: str | Path | None = None,
) -> Labelling:
    """Open the labelling of a folder's pictures. Raises the errors of `pawlab.errors`."""
    run = None if model is None else model_file(model).parent
    base = None if run is None else _learned(labelled_material(run, DataOptions(), progress))
    if base is None and not classes:
        raise PawlabError("say which classes there are, as in --classes cats,dogs; more can be added on the page.")
    table = open_labels(labels)
    material = unlabelled_material([folder], classes, run, progress)
    place = Path(out).expanduser() if out is not None else Path("runs") / f"{material.name}-labelled"
    return Labelling(material, table, place, base, run)


def _learned(material: Material) -> Material:
    """Return what a run was fitted on, without its test pictures."""
    rows = [place for place, picture in enumerate(material.pictures) if picture.split != "test"]
    pictures = tuple(material.pictures[place] for place in rows)
    return replace(material, pictures=pictures, features=material.features[rows])
