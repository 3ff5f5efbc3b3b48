"""From what was fitted to a run's files: the classifier saved, scored once on the test pictures, and reported."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pawlab import __version__
from pawlab.audit.checks import run_checks
from pawlab.classifier import FILE_NAME, Card, Classifier, save_classifier
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.splits import count_overlap
from pawlab.datasets.stats import Stats, baseline_accuracy, describe
from pawlab.errors import PawlabError
from pawlab.evaluation.calibration import reliability, tempered
from pawlab.evaluation.evaluate import Evaluation, evaluate
from pawlab.evaluation.history import write_history
from pawlab.evaluation.label_issues import LabelIssue
from pawlab.evaluation.metrics import Score
from pawlab.evaluation.verdict import judge
from pawlab.progress import Progress
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import recipe_document
from pawlab.report.report import Material, missing_library, write_report
from pawlab.runs.record import (
    HISTORY_FILE,
    LABEL_ISSUES_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SPLIT_FILE,
    write_json,
    write_rows,
    write_split,
)
from pawlab.runs.request import Context
from pawlab.trainers.finish import Finished, find_wrong_labels, finish_model, finish_record
from pawlab.trainers.fitted import Fitted
from pawlab.trainers.keras.augmentation import augment

_PREDICTION_COLUMNS = ("path", "split", "label", "predicted", "probability")
_LABEL_ISSUE_COLUMNS = ("path", "split", "label", "suggested", "score")
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
    label_issues: tuple[LabelIssue, ...]
    metrics: dict[str, Any]
    record: dict[str, Any]


def finish(context: Context, fitted: Fitted, folder: Path, place: Path) -> None:
    """Save the classifier, score it once on the test pictures, and write the run's files; metrics.json comes last.

    `folder`: where they are written; `place`: where they will lie once the run is whole.
    """
    context.watch.add(fitted.seconds)
    with context.watch.stage("evaluate"):
        results = _evaluate(context, fitted, folder)
    write_history(fitted.history, folder / HISTORY_FILE)
    write_split(results.dataset, folder / SPLIT_FILE)
    write_rows(_PREDICTION_COLUMNS, _prediction_rows(results.validation, results.test), folder / PREDICTIONS_FILE)
    write_rows(_LABEL_ISSUE_COLUMNS, _label_issue_rows(results.label_issues), folder / LABEL_ISSUES_FILE)
    write_json(results.record, folder / RUN_FILE)
    if context.request.report:
        with context.watch.stage("report"):
            _report(_material(context, fitted, results, place), folder, context.progress)
    write_json({**results.metrics, "seconds": context.watch.to_dict()}, folder / METRICS_FILE)


def _evaluate(context: Context, fitted: Fitted, folder: Path) -> _Results:
    preprocess = context.recipe.preprocess
    dataset = context.dataset.without(fitted.skipped)
    finished = finish_model(fitted, dataset, preprocess, context.progress)
    classifier = _save(fitted, finished, context.recipe, folder / FILE_NAME)
    test = evaluate(classifier, dataset.split("test"), context.progress)
    label_issues = find_wrong_labels(fitted, finished, dataset, test, preprocess, context.progress)
    dataset = dataset.without(test.broken)
    stats = describe(dataset)
    metrics = {
        **_metrics(dataset, stats, fitted, finished.validation.score, test.score),
        **finish_record(finished, test),
        "label_issues": len(label_issues),
    }
    record = _record(context, dataset, fitted)
    return _Results(classifier, dataset, stats, finished.validation, test, label_issues, metrics, record)


def _material(context: Context, fitted: Fitted, results: _Results, place: Path) -> Material:
    return Material(
        run=place,
        dataset=results.dataset,
        stats=results.stats,
        findings=run_checks(results.dataset),
        recipe=context.recipe,
        metrics={**results.metrics, "seconds": context.watch.to_dict()},
        record=results.record,
        history=fitted.history,
        test=results.test,
        bins=reliability(results.test.probabilities, results.test.labels),
        label_issues=results.label_issues,
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


def _save(fitted: Fitted, finished: Finished, recipe: Recipe, path: Path) -> Classifier:
    """Write the classifier and open it again: everything from here on goes through the file that ships."""
    card = Card(
        classes=finished.validation.classes,
        preprocess=recipe.preprocess,
        recipe=recipe.name,
        version=__version__,
        threshold=finished.threshold,
        ood_threshold=finished.ood_threshold,
    )
    save_classifier(finished.graph, card, path)
    classifier = Classifier.load(path)
    _require_same_answers(classifier, fitted, finished)
    return classifier


def _require_same_answers(classifier: Classifier, fitted: Fitted, finished: Finished) -> None:
    """Compare the file with what was fitted, from the picture's bytes to the probabilities, its temperature undone.

    Undone, because a probability of 1 - 1e-9 counts as 1 in float32, and what it is at another temperature is lost.
    """
    some = slice(_COMPARED_PICTURES)
    again = evaluate(classifier, finished.validation.pictures[some])
    answers = tempered(again.probabilities, 1 / finished.temperature)
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
        "set_aside": len(dataset.skipped),
    }


def _trained_and_validated(dataset: Dataset) -> tuple[int, int]:
    return len(dataset.split("train")), len(dataset.split("validation"))


def _prediction_rows(*evaluations: Evaluation) -> Iterator[tuple[Any, ...]]:
    for evaluation in evaluations:
        for picture, row in zip(evaluation.pictures, evaluation.probabilities, strict=True):
            best = int(row.argmax())
            yield picture.name, picture.split, picture.label, evaluation.classes[best], f"{row[best]:.6f}"


def _label_issue_rows(label_issues: Iterable[LabelIssue]) -> Iterator[tuple[Any, ...]]:
    for one in label_issues:
        yield one.picture.name, one.picture.split, one.label, one.suggested, f"{one.score:.6f}"


def _record(context: Context, dataset: Dataset, fitted: Fitted) -> dict[str, Any]:
    return {
        **context.beginning(),
        "recipe": recipe_document(context.recipe, len(dataset.classes)),
        "chosen_on_validation": fitted.choices,
        "best_epoch": fitted.best_epoch,
        "interrupted": fitted.interrupted,
        "set_aside": [{"picture": item.name, "reason": item.reason} for item in dataset.skipped],
    }
