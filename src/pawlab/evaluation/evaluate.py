"""A saved classifier and labelled pictures -> how good it is. Always through the file that ships."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.classifier import Classifier, Prediction
from pawlab.datasets.dataset import Picture, Skipped
from pawlab.errors import DataError
from pawlab.evaluation.metrics import Score, score
from pawlab.images import PictureInfo
from pawlab.progress import Progress, silent


@dataclass(frozen=True)
class Evaluation:
    """The predictions for labelled pictures that could be read, and the score over them.

    `probabilities`: (n, classes) in the order of `classes`; `labels`: (n,), class positions; `sure`: (n,), whether the
    classifier was. `infos`: by SHA-256. `seen`: how many of the pictures were used in training or validation; None
    where that isn't known.
    """

    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.floating[Any]]
    skipped: tuple[Skipped, ...]
    sure: NDArray[np.bool_]
    infos: Mapping[str, PictureInfo] = field(default_factory=dict, repr=False)
    seen: int | None = 0

    def only(self, rows: NDArray[np.bool_]) -> "Evaluation":
        """Return the predictions for some of the pictures, (n,) True."""
        pictures = tuple(picture for picture, taken in zip(self.pictures, rows, strict=True) if taken)
        some = {name: getattr(self, name)[rows] for name in ("labels", "probabilities", "sure")}
        return replace(self, pictures=pictures, **some)

    @property
    def score(self) -> Score:
        """Return accuracy, loss and the number of pictures."""
        return score(self.probabilities, self.labels)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Return (n,): whether the most probable class is the label."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.labels)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Return counts (classes, classes): row = true class, column = predicted class."""
        counts = np.zeros((len(self.classes),) * 2, np.int64)
        np.add.at(counts, (self.labels, self.probabilities.argmax(axis=1)), 1)
        return counts

    @property
    def by_class(self) -> dict[str, dict[str, Any]]:
        """Return pictures, precision and recall per class; None where nothing was predicted, or nothing is there."""
        counts = self.confusion
        rows = zip(self.classes, counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1), strict=True)
        return {
            name: {
                "pictures": int(pictures),
                "precision": float(right / predicted) if predicted else None,
                "recall": float(right / pictures) if pictures else None,
            }
            for name, right, predicted, pictures in rows
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the score, and precision, recall and counts per class, as plain values."""
        return {
            **self.score.to_dict(),
            "classes": list(self.classes),
            "by_class": self.by_class,
            "confusion": self.confusion.tolist(),
            "seen_in_training": self.seen,
            "set_aside": [{"picture": item.name, "reason": item.reason} for item in self.skipped],
        }


def evaluate(classifier: Classifier, pictures: Sequence[Picture], progress: Progress = silent) -> Evaluation:
    """Predict every picture and compare with its label.

    Raises DataError where a label isn't among the classifier's classes, or no picture can be read.
    """
    classes = classifier.classes
    unknown = sorted({picture.label for picture in pictures} - set(classes))
    if unknown:
        raise DataError(
            f"the data has the class '{unknown[0]}', which the classifier doesn't know; "
            f"it knows: {', '.join(classes)}. Name the folders as in training."
        )
    good: list[Picture] = []
    predictions: list[Prediction] = []
    skipped: list[Skipped] = []
    with progress("Testing", len(pictures)) as advance:
        results = classifier.predict_each(picture.path for picture in pictures)
        for picture, result in zip(pictures, results, strict=True):
            advance(1)
            if isinstance(result, Prediction):
                good.append(picture)
                predictions.append(result)
            else:
                skipped.append(Skipped(picture.name, result.error))
    if not good:
        raise DataError(f"none of the {len(pictures)} pictures can be read. The first: {skipped[0].reason}.")
    return Evaluation(
        classes,
        tuple(good),
        labels=np.array([classes.index(picture.label) for picture in good]),
        probabilities=np.array([[item.probabilities[name] for name in classes] for item in predictions]),
        skipped=tuple(skipped),
        sure=np.array([item.sure for item in predictions]),
        infos={picture.sha256: item.info for picture, item in zip(good, predictions, strict=True) if item.info},
    )
