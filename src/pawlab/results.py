"""From what was fitted to a run's files: the classifier saved, scored once on the test pictures, and reported."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pawlab import __version__
from pawlab.classifier import FILE_NAME, Card, Classifier, save_classifier
from pawlab.data.checks import run_checks
from pawlab.data.dataset import Dataset
from pawlab.data.splits import count_overlap
from pawlab.data.stats import Stats, baseline_accuracy, describe
from pawlab.errors import PawlabError
from pawlab.evaluation.calibration import reliability, tempered
from pawlab.evaluation.evaluate import Evaluation, evaluate
from pawlab.evaluation.suspects import Suspect
from pawlab.evaluation.trust import Trusted, find_wrong_labels, make_trusted, trust_record
from pawlab.evaluation.verdict import judge
from pawlab.fitted import Fitted
from pawlab.history import write_history
from pawlab.job import Job
from pawlab.metrics import Score
from pawlab.progress import Progress
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import recipe_document
from pawlab.report.report import Material, missing_library, write_report
from pawlab.run import (
    HISTORY_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SPLIT_FILE,
    SUSPECTS_FILE,
    write_json,
    write_rows,
    write_split,
)
from pawlab.training.augmentation import augment

_PREDICTION_COLUMNS = ("path", "split", "label", "predicted", "probability")
_SUSPECT_COLUMNS = ("path", "split", "label", "suggested", "score")
_LARGEST_DIFFERENCE = 1e-4  # between what was fitted and what the saved file answers
_COMPARED_PICTURES = 16

_log = logging.getLogger("pawlab")  # where nobody sets up logging, its lines go to standard error as they are


@dataclass(frozen=True)
class _Results:
    """What a run found out. `dataset`: the pictures that could be read; `test`: scored once, by the saved file."""

    classifier: Classifier
    dataset: Dataset
    stats: Stats
    validation: Evaluation
    test: Evaluation
    suspects: tuple[Suspect, ...]
    metrics: dict[str, Any]
    record: dict[str, Any]


def finish(job: Job, fitted: Fitted, folder: Path, place: Path) -> None:
    """Save the classifier, score it once on the test pictures, and write the run's files; metrics.json comes last.

    `folder`: where they are written; `place`: where they will lie once the run is whole.
    """
    job.watch.add(fitted.seconds)
    with job.watch.stage("evaluate"):
        results = _evaluate(job, fitted, folder)
    write_history(fitted.history, folder / HISTORY_FILE)
    write_split(results.dataset, folder / SPLIT_FILE)
    write_rows(_PREDICTION_COLUMNS, _prediction_rows(results.validation, results.test), folder / PREDICTIONS_FILE)
    write_rows(_SUSPECT_COLUMNS, _suspect_rows(results.suspects), folder / SUSPECTS_FILE)
    write_json(results.record, folder / RUN_FILE)
    if job.order.report:
        with job.watch.stage("report"):
            _report(_material(job, fitted, results, place), folder, job.progress)
    write_json({**results.metrics, "seconds": job.watch.to_dict()}, folder / METRICS_FILE)


def _evaluate(job: Job, fitted: Fitted, folder: Path) -> _Results:
    preprocess = job.recipe.preprocess
    dataset = job.dataset.without(fitted.set_aside)
    trusted = make_trusted(fitted, dataset, preprocess, job.progress)
    classifier = _save(fitted, trusted, job.recipe, folder / FILE_NAME)
    test = evaluate(classifier, dataset.part("test"), job.progress)
    suspects = find_wrong_labels(fitted, trusted, dataset, test, preprocess, job.progress)
    dataset = dataset.without(test.broken)
    stats = describe(dataset)
    metrics = {
        **_metrics(dataset, stats, fitted, trusted.validation.score, test.score),
        **trust_record(trusted, test),
        "suspects": len(suspects),
    }
    record = _record(job, dataset, fitted)
    return _Results(classifier, dataset, stats, trusted.validation, test, suspects, metrics, record)


def _material(job: Job, fitted: Fitted, results: _Results, place: Path) -> Material:
    return Material(
        run=place,
        dataset=results.dataset,
        stats=results.stats,
        findings=run_checks(results.dataset),
        recipe=job.recipe,
        metrics={**results.metrics, "seconds": job.watch.to_dict()},
        record=results.record,
        history=fitted.history,
        test=results.test,
        bins=reliability(results.test.probabilities, results.test.labels),
        suspects=results.suspects,
        classifier=results.classifier,
    )


def _report(material: Material, folder: Path, progress: Progress) -> None:
    """Write plots and report.html. A run is worth more than its page: where that fails, all else is kept."""
    missing = missing_library()
    if missing:
        _log.warning("pawlab: plots and report were left out: %s can't be imported. Install it again.", missing)
        return
    try:
        write_report(material, folder, augment, progress)
    except (PawlabError, OSError):
        raise
    except Exception:
        _log.exception("pawlab: the report was left out; all else is done. This is our own fault: please report it.")


def _save(fitted: Fitted, trusted: Trusted, recipe: Recipe, path: Path) -> Classifier:
    """Write the classifier and open it again: everything from here on goes through the file that ships."""
    card = Card(
        classes=trusted.validation.classes,
        preprocess=recipe.preprocess,
        recipe=recipe.name,
        version=__version__,
        threshold=trusted.threshold,
        unfamiliarity_threshold=trusted.unfamiliarity_threshold,
    )
    save_classifier(trusted.graph, card, path)
    classifier = Classifier.load(path)
    _require_same_answers(classifier, fitted, trusted)
    return classifier


def _require_same_answers(classifier: Classifier, fitted: Fitted, trusted: Trusted) -> None:
    """Compare the file with what was fitted, from the picture's bytes to the probabilities, its temperature undone.

    Undone, because a probability of 1 - 1e-9 counts as 1 in float32, and what it is at another temperature is lost.
    """
    some = slice(_COMPARED_PICTURES)
    again = evaluate(classifier, trusted.validation.pictures[some])
    answers = tempered(again.probabilities, 1 / trusted.temperature)
    difference = float(np.abs(answers - fitted.validation[some]).max())
    if difference > _LARGEST_DIFFERENCE:
        raise RuntimeError(f"the saved classifier answers otherwise than what was fitted, by {difference:.2g}")


def _metrics(dataset: Dataset, stats: Stats, fitted: Fitted, validation: Score, test: Score) -> dict[str, Any]:
    best = fitted.history[fitted.best_epoch - 1]
    baseline = baseline_accuracy(dataset, "validation")
    return {
        "classes": list(dataset.classes),
        "counts": stats.counts,
        "baseline_accuracy": stats.baseline_accuracy,
        "parameters": {"total": fitted.parameters.total, "trainable": fitted.parameters.trainable},
        "train": {"accuracy": best.accuracy, "loss": best.loss},
        "validation": {**validation.to_dict(), "baseline_accuracy": baseline},
        "test": test.to_dict(),
        "verdict": judge(fitted.history, baseline, _trained_and_validated(dataset)).to_dict(),
        "overlap": count_overlap(dataset),
        "set_aside": len(dataset.set_aside),
    }


def _trained_and_validated(dataset: Dataset) -> tuple[int, int]:
    return len(dataset.part("train")), len(dataset.part("validation"))


def _prediction_rows(*evaluations: Evaluation) -> Iterator[tuple[Any, ...]]:
    for evaluation in evaluations:
        for picture, row in zip(evaluation.pictures, evaluation.probabilities, strict=True):
            best = int(row.argmax())
            yield picture.name, picture.split, picture.label, evaluation.classes[best], f"{row[best]:.6f}"


def _suspect_rows(suspects: Iterable[Suspect]) -> Iterator[tuple[Any, ...]]:
    for one in suspects:
        yield one.picture.name, one.picture.split, one.label, one.suggested, f"{one.score:.6f}"


def _record(job: Job, dataset: Dataset, fitted: Fitted) -> dict[str, Any]:
    return {
        **job.beginning(),
        "recipe": recipe_document(job.recipe, len(dataset.classes)),
        "chosen_on_validation": fitted.choices,
        "best_epoch": fitted.best_epoch,
        "interrupted": fitted.interrupted,
        "set_aside": [{"picture": item.name, "reason": item.reason} for item in dataset.set_aside],
    }
