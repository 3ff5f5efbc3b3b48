"""A saved classifier and labelled pictures -> how good it is. Always through the file that ships."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.classifier import Classifier, Prediction
from pawlab.datasets.dataset import Picture, Skipped
from pawlab.errors import DataError
from pawlab.evaluation.metrics import Score, confusion, score
from pawlab.progress import Progress, silent


@dataclass(frozen=True)
class Evaluation:
    """The answers for labelled pictures that could be read, and the score over them.

    `probabilities`: (n, classes) in the classifier's order of classes; `labels`: (n,), class positions; `sure`: (n,),
    whether the classifier was sure of its answer.
    """

    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.floating[Any]]
    broken: tuple[Skipped, ...]
    sure: NDArray[np.bool_]

    @property
    def score(self) -> Score:
        """Return accuracy, loss and the number of pictures."""
        return score(self.probabilities, self.labels)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Return counts (classes, classes): row = true class, column = predicted class."""
        return confusion(self.probabilities.argmax(axis=1), self.labels, len(self.classes))

    def to_dict(self) -> dict[str, Any]:
        """Return the score, and precision, recall and counts by class, as plain values."""
        counts = self.confusion
        by_class = {
            name: {
                "pictures": int(counts[index].sum()),
                "precision": _share(counts[index, index], counts[:, index].sum()),
                "recall": _share(counts[index, index], counts[index].sum()),
            }
            for index, name in enumerate(self.classes)
        }
        return {
            **self.score.to_dict(),
            "classes": list(self.classes),
            "by_class": by_class,
            "confusion": counts.tolist(),
            "set_aside": [{"picture": item.name, "reason": item.reason} for item in self.broken],
        }


def evaluate(classifier: Classifier, pictures: Sequence[Picture], progress: Progress = silent) -> Evaluation:
    """Have every picture answered and compare with its label.

    Raises DataError where a label isn't among the classifier's classes, or no picture can be read.
    """
    positions = {name: index for index, name in enumerate(classifier.classes)}
    _require_known_labels(pictures, classifier.classes)
    good: list[Picture] = []
    rows: list[list[float]] = []
    sure: list[bool] = []
    broken: list[Skipped] = []
    with progress("Testing", len(pictures)) as advance:
        answers = classifier.predict_each(picture.path for picture in pictures)
        for picture, answer in zip(pictures, answers, strict=True):
            advance(1)
            if answer.error is not None:
                broken.append(Skipped(picture.name, answer.error))
            else:
                good.append(picture)
                rows.append(_in_order(answer, classifier.classes))
                sure.append(answer.sure)
    if not good:
        raise DataError(f"none of the {len(pictures)} pictures can be read. The first: {broken[0].reason}.")
    labels = np.array([positions[picture.label] for picture in good])
    return Evaluation(classifier.classes, tuple(good), labels, np.array(rows), tuple(broken), np.array(sure))


def _in_order(answer: Prediction, classes: tuple[str, ...]) -> list[float]:
    return [answer.probabilities[name] for name in classes]


def _require_known_labels(pictures: Sequence[Picture], classes: tuple[str, ...]) -> None:
    unknown = sorted({picture.label for picture in pictures} - set(classes))
    if unknown:
        raise DataError(
            f"the data has the class '{unknown[0]}', which the classifier doesn't know; "
            f"it knows: {', '.join(classes)}. Name the folders as in training."
        )


def _share(part: int, whole: int) -> float | None:
    return None if whole == 0 else float(part / whole)
