"""From what was fitted to a run's files: the classifier saved, scored once on the test pictures, and reported."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from pawlab import __version__
from pawlab.audit.checks import run_checks
from pawlab.card import CONFIDENCE, Card, SeenPictures
from pawlab.classifier import FILE_NAME, Classifier, save_classifier
from pawlab.datasets.dataset import Dataset, Picture, count_skipped
from pawlab.datasets.reading import set_aside
from pawlab.datasets.splits import count_overlap
from pawlab.datasets.stats import Stats, baseline_accuracy, describe
from pawlab.errors import PawlabError
from pawlab.evaluation.calibration import BINS, calibration_error, tempered
from pawlab.evaluation.evaluate import Evaluation, evaluate
from pawlab.evaluation.history import write_history
from pawlab.evaluation.label_issues import LabelIssue, expected_true, find_label_issues
from pawlab.evaluation.metrics import Logits, Probabilities
from pawlab.evaluation.selective import selective
from pawlab.evaluation.verdict import Guessing, judge
from pawlab.graphs.anatomy import find_anatomy
from pawlab.progress import Progress
from pawlab.recipes import DEFAULT_RECIPE, find_recipe
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import recipe_document
from pawlab.report import plots
from pawlab.report.report import Material, write_report
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
from pawlab.trainers.cross_validation import OutOfFold, cross_validate, folds_of
from pawlab.trainers.finish import Finished, finish_model
from pawlab.trainers.fitted import Fitted
from pawlab.trainers.graph_outputs import logits_of_pictures

_PREDICTION_COLUMNS = ("path", "split", "label", "predicted", "probability", "source")
_LABEL_ISSUE_COLUMNS = ("path", "split", "label", "suggested", "score")
_LARGEST_DIFFERENCE = 1e-4  # between what was fitted and what the saved file predicts
_COMPARED_PICTURES = 16
_EXACT_FROM = 1e-37  # float32 has all its digits above

_log = logging.getLogger("pawlab")  # where nobody sets up logging, its lines go to standard error as they are


def load() -> None:
    """Import what only a report needs: half a second's work for one core.

    Nothing that a fit needs too: where two threads import modules that import each other, one may find half of them.
    """
    import_module("jinja2")
    plots.load()


def finish(context: Context, fitted: Fitted, folder: Path, place: Path) -> None:
    """Save the classifier, score it once on the test pictures, and write the run's files; metrics.json comes last.

    `folder`: where they are written; `place`: where they will lie once the run is whole.
    """
    context.watch.add(fitted.seconds)
    with context.watch.stage("evaluate"):
        finished, found = _evaluate(context, fitted, folder, place)
    write_history(fitted.history, folder / HISTORY_FILE)
    write_split(found.dataset, folder / SPLIT_FILE)
    write_rows(_PREDICTION_COLUMNS, _prediction_rows(finished, found.test), folder / PREDICTIONS_FILE)
    issues = (
        (one.picture.name, one.picture.split, one.picture.label, one.suggested, f"{one.score:.6f}")
        for one in found.label_issues
    )
    write_rows(_LABEL_ISSUE_COLUMNS, issues, folder / LABEL_ISSUES_FILE)
    write_json(found.record, folder / RUN_FILE)
    if context.request.report:
        with context.watch.stage("report"):
            so_far = {**found.metrics, "seconds": context.watch.to_dict()}
            _report(replace(found, metrics=so_far), folder, context.progress)
    write_json({**found.metrics, "seconds": context.watch.to_dict()}, folder / METRICS_FILE)


def _evaluate(context: Context, fitted: Fitted, folder: Path, place: Path) -> tuple[Finished, Material]:
    """Save the classifier, and return it with all that was found out; no seconds yet."""
    dataset = context.dataset.without(fitted.skipped)
    request, progress = context.request, context.progress
    finished = finish_model(fitted, dataset, context.recipe.preprocess, request.sure_at, progress)
    classifier = _save(fitted, finished, context.recipe, dataset, folder / FILE_NAME)
    test = evaluate(classifier, dataset.split("test"), progress, context.source.engine)
    test_logits = _test_logits(context, fitted, finished, test)
    label_issues = _label_issues(context, fitted, finished, test, test_logits)
    dataset = dataset.without(test.skipped)
    stats = describe(dataset, infos={**fitted.infos, **test.infos})
    return finished, Material(
        run=place,
        dataset=dataset,
        stats=stats,
        findings=run_checks(replace(context.read, dataset=dataset)),
        recipe=context.recipe,
        metrics={
            **_metrics(context, dataset, stats, fitted, finished.validation, test),
            **_finish_metrics(dataset, fitted, finished, test, test_logits),
            "label_issues": len(label_issues),
            "label_issues_expected": round(expected_true(label_issues), 1),
        },
        record=_record(context, dataset, fitted),
        history=fitted.history,
        test=test,
        label_issues=label_issues,
        promised_on=finished.predicted,
        classifier=classifier,
    )


def _label_issues(
    context: Context, fitted: Fitted, finished: Finished, test: Evaluation, test_logits: Logits
) -> tuple[LabelIssue, ...]:
    """Judge labels by features that were learned without them: the classifier's own, or else the default backbone's."""
    if fitted.out_of_fold is not None:
        pictures, logits = finished.predicted.pictures, fitted.out_of_fold.logits
        return find_label_issues(pictures + test.pictures, np.concatenate([logits, test_logits]), test.classes)
    recipe = find_recipe(DEFAULT_RECIPE)  # its network is the only one that is always at hand
    preprocess = replace(recipe.preprocess, value_range=context.recipe.preprocess.value_range)
    pictures = context.dataset.without(fitted.skipped).split("train") + finished.predicted.pictures + test.pictures
    extracted = context.source.of_recipe(pictures, replace(recipe, preprocess=preprocess))
    labels = np.array(context.dataset.class_indices(extracted.pictures))
    folds = folds_of(extracted.pictures, labels, context.near)
    if not folds.any():  # one thing to each class: nobody could judge it by others
        return ()
    memory = context.request.memory
    judged = cross_validate(extracted.features, labels, folds, len(test.classes), memory=memory).out_of_fold
    return find_label_issues(extracted.pictures, judged.logits, test.classes)


def _test_logits(context: Context, fitted: Fitted, finished: Finished, test: Evaluation) -> Logits:
    """Return the logits of the test pictures, before the temperature.

    A softmax's logarithms are its logits but for a constant per picture, where no probability is too small for float32;
    else all pictures go through the graph once more.
    """
    if not find_anatomy(fitted.graph).sigmoid and test.probabilities.min() > _EXACT_FROM:
        return np.asarray(np.log(test.probabilities) * finished.temperature)
    return logits_of_pictures(fitted.graph, test.pictures, context.recipe.preprocess, context.progress)


def _finish_metrics(
    dataset: Dataset, fitted: Fitted, finished: Finished, test: Evaluation, test_logits: Logits
) -> dict[str, Any]:
    """Return what is known of the probabilities: calibration errors, what is promised, and what the folds say."""
    predicted, held_out = finished.predicted, finished.in_validation
    validation = finished.validation
    source = "out_of_fold" if fitted.out_of_fold is not None else "validation"
    highest = finished.curve.most()
    metrics = {
        "calibration": {
            "temperature": finished.temperature,
            "bins": BINS,
            "validation": _calibration_errors(validation, finished.logits[held_out]),
            "test": _calibration_errors(test, test_logits),
        },
        "selective": {
            "target": None if finished.promise is None else finished.promise[0],
            "highest": highest and {"target": highest[0], "coverage": round(highest[1].coverage, 6)},
            "threshold": finished.threshold,
            "confidence": CONFIDENCE,
            "ood_threshold": finished.ood_threshold,
            source: selective(predicted.correct, predicted.sure),
            "test": selective(test.correct, test.sure),
        },
    }
    folds = fitted.out_of_fold or fitted.cross_validated
    if folds is not None:
        scored = predicted if fitted.out_of_fold is not None else _evaluation(folds, dataset)
        metrics["cross_validation"] = {**scored.metrics, "folds": len(np.unique(folds.folds))}
    return metrics


def _evaluation(folds: OutOfFold, dataset: Dataset) -> Evaluation:
    pictures, probabilities = dataset.split("train") + dataset.split("validation"), tempered(folds.logits)
    labels, sure = folds.labels.astype(np.int64), np.ones(len(pictures), bool)
    return Evaluation(dataset.classes, pictures, labels, probabilities, (), sure)


def _calibration_errors(predicted: Evaluation, logits: Logits) -> dict[str, float]:
    return {
        "before": round(calibration_error(tempered(logits), predicted.labels), 6),
        "after": round(calibration_error(predicted.probabilities, predicted.labels), 6),
    }


def _report(material: Material, folder: Path, progress: Progress) -> None:
    """Write plots and report.html. A run is worth more than its page: where that fails, all else is kept."""
    try:
        write_report(material, folder, progress)
    except (PawlabError, OSError):
        raise
    except ImportError as error:
        library = str(error.name).partition(".")[0]
        _log.warning("pawlab: plots and report were skipped: %s can't be imported. Install it again.", library)
    except Exception:
        _log.exception("pawlab: the report was skipped; all else is done. This is our own fault: please report it.")


def _save(fitted: Fitted, finished: Finished, recipe: Recipe, dataset: Dataset, path: Path) -> Classifier:
    """Write the classifier and open it again: everything from here on goes through the file that ships."""
    card = Card(
        classes=finished.predicted.classes,
        preprocess=recipe.preprocess,
        recipe=recipe.name,
        version=__version__,
        threshold=finished.threshold,
        ood_threshold=finished.ood_threshold,
        target=None if finished.promise is None else finished.promise[0],
        curve=finished.curve,
        seen=SeenPictures.of(item.sha256 for item in dataset.split("train") + dataset.split("validation")),
    )
    save_classifier(finished.graph, card, path)
    classifier = Classifier.load(path)
    _require_same_predictions(classifier, finished.validation.pictures, finished.own)
    return classifier


def _require_same_predictions(classifier: Classifier, pictures: Sequence[Picture], own: Probabilities) -> None:
    """Compare the file with what is known of it, from the picture's bytes to the probabilities."""
    some = slice(_COMPARED_PICTURES)
    again = evaluate(classifier, pictures[some])
    difference = float(np.abs(again.probabilities - own[some]).max())
    if not difference <= _LARGEST_DIFFERENCE:
        raise RuntimeError(f"the saved classifier predicts otherwise than what was fitted, by {difference:.2g}")


def _metrics(
    context: Context, dataset: Dataset, stats: Stats, fitted: Fitted, validation: Evaluation, test: Evaluation
) -> dict[str, Any]:
    best = next(row for row in fitted.history if row.epoch == fitted.best_epoch)
    baseline = baseline_accuracy(dataset, "validation")
    pictures = len(dataset.split("train")), len(dataset.split("validation"))
    one_shot = not context.recipe.trains_in_epochs
    outputs = context.recipe.for_classes(len(dataset.classes)).outputs
    guessing = None if one_shot else Guessing.at(outputs, (picture.label for picture in dataset.split("validation")))
    return {
        "classes": list(dataset.classes),
        "counts": stats.counts,
        "baseline_accuracy": stats.baseline_accuracy,
        "parameters": {"total": fitted.parameters.total, "trainable": fitted.parameters.trainable},
        "train": {"accuracy": best.accuracy, "loss": best.loss},
        "validation": {**validation.metrics, "baseline_accuracy": baseline},
        "test": test.metrics,
        "verdict": judge(fitted.history, baseline, pictures, one_shot, guessing),
        "overlap": count_overlap(dataset),
        "set_aside": len(set_aside(dataset.skipped)),
        "skipped": count_skipped(dataset.skipped),
        "notes": [*dataset.doubts, *dataset.notes],
        **({"test_labels_questioned": dataset.questioned} if dataset.questioned else {}),
    }


def _prediction_rows(finished: Finished, test: Evaluation) -> Iterator[tuple[Any, ...]]:
    held_out = "model" if finished.predicted is finished.validation else "out-of-fold"
    for evaluation, source in ((finished.validation, held_out), (test, "model")):
        for picture, row in zip(evaluation.pictures, evaluation.probabilities, strict=True):
            best = int(row.argmax())
            yield picture.name, picture.split, picture.label, evaluation.classes[best], f"{row[best]:.6f}", source


def _record(context: Context, dataset: Dataset, fitted: Fitted) -> dict[str, Any]:
    return {
        **context.beginning(),
        "recipe": recipe_document(context.recipe, len(dataset.classes)),
        "chosen_on_validation": fitted.choices,
        "best_epoch": fitted.best_epoch,
        "training_notes": list(fitted.notes),
        "interrupted": fitted.interrupted,
        "set_aside": set_aside(dataset.skipped),
    }
