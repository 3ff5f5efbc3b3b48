"""A saved classifier and labelled pictures -> how good it is. Always through the file that ships."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.classifier import Classifier, Prediction
from pawlab.datasets.dataset import Picture, Skipped, count_skipped
from pawlab.datasets.reading import set_aside
from pawlab.engines.local import LOCAL, Engine
from pawlab.errors import DataError
from pawlab.evaluation.calibration import calibration_error
from pawlab.evaluation.confusion import confusion_counts, mean_over_classes, normalised, per_class
from pawlab.evaluation.curves import Curves, threshold_curves
from pawlab.evaluation.metrics import Score, log_loss, score
from pawlab.evaluation.selective import selective
from pawlab.images import PictureInfo
from pawlab.progress import Progress, silent

_MOST_IN_MATRIX = 100  # classes; more would make files that nobody reads
_FORMER_KEYS = ("pictures", "precision", "recall")


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
        return confusion_counts(self.probabilities, self.labels)

    @property
    def per_class(self) -> dict[str, dict[str, Any]]:
        """Return precision, recall, f1 and pictures per class; None where there is nothing to divide by."""
        return per_class(self.confusion, self.classes)

    @property
    def curves(self) -> Curves | None:
        """Return the ROC and the precision-recall curve; None unless there are two classes, and pictures of both."""
        return threshold_curves(self.probabilities, self.labels)

    @property
    def metrics(self) -> dict[str, Any]:
        """Return what metrics.json holds of a split, as plain values, each metric under its usual name.

        Confusion stands in it for up to 100 classes: as counts, and normalised to shares of the true class.
        """
        of_classes, counts, curves = self.per_class, self.confusion, self.curves
        few = len(self.classes) <= _MOST_IN_MATRIX
        matrices = {"confusion": counts.tolist(), "confusion_normalised": normalised(counts).round(6).tolist()}
        return {
            **self.score.to_dict(),
            "balanced_accuracy": mean_over_classes(of_classes, "recall"),
            "macro_f1": mean_over_classes(of_classes, "f1"),
            "log_loss": log_loss(self.probabilities, self.labels),
            "ece": calibration_error(self.probabilities, self.labels),
            "per_class": of_classes,
            **(matrices if few else {}),
            **({} if curves is None else curves.to_dict(self.classes[curves.positive])),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the metrics, and what they are of, as plain values. `by_class` is the former name of `per_class`."""
        former = {name: {key: row[key] for key in _FORMER_KEYS} for name, row in self.per_class.items()}
        return {
            **self.metrics,
            "classes": list(self.classes),
            "by_class": former,
            "selective": selective(self.correct, self.sure),
            "confusion": self.confusion.tolist(),
            "seen_in_training": self.seen,
            "skipped": count_skipped(self.skipped),
            "set_aside": set_aside(self.skipped),
        }


def evaluate(
    classifier: Classifier, pictures: Sequence[Picture], progress: Progress = silent, engine: Engine = LOCAL
) -> Evaluation:
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
        results = classifier.predict_each((picture.path for picture in pictures), engine)
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
