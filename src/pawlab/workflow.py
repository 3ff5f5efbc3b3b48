"""The story: discover, split, fit, save, evaluate. What the command line, the notebook and scripts call."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from pawlab import __version__
from pawlab.classifier import FILE_NAME, Card, Classifier, model_file, save_classifier
from pawlab.data.checks import run_checks
from pawlab.data.dataset import Dataset
from pawlab.data.discover import discover
from pawlab.data.splits import assign_splits, count_overlap, require_trainable
from pawlab.data.stats import describe
from pawlab.evaluation.calibration import confidence_threshold
from pawlab.evaluation.evaluate import Evaluation, evaluate
from pawlab.evaluation.verdict import judge
from pawlab.fitted import Fitted
from pawlab.history import write_history
from pawlab.metrics import Score
from pawlab.pictures import Fit
from pawlab.progress import Progress, silent
from pawlab.recipes import find_recipe
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import recipe_document
from pawlab.run import (
    HISTORY_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SPLIT_FILE,
    Run,
    choose_folder,
    machine,
    read_seen,
    versions,
    write_json,
    write_rows,
    write_split,
)
from pawlab.storage import replacing_folder

_PREDICTION_COLUMNS = ("path", "split", "label", "predicted", "probability")
_LARGEST_DIFFERENCE = 1e-4  # between what was fitted and what the saved file answers
_COMPARED_PICTURES = 16


def train(
    data: str | Path,
    recipe: str = "fast",
    out: str | Path | None = None,
    *,
    seed: int = 0,
    epochs: int | None = None,
    weights: str | Path | None = None,
    fit: Fit | None = None,
    overwrite: bool = False,
    report: bool = True,
    progress: Progress = silent,
) -> Run:
    """Turn pictures into a tested classifier, and return the run whose folder holds all of it.

    `data`: whatever `pawlab train` takes. `out`: the run's folder; runs/DATA-RECIPE by default. `seed`: decides the
    split and everything drawn at random; the same seed gives the same files' numbers, bit for bit. `epochs`, `weights`
    and `fit` (squash, crop or pad) replace the recipe's own. `report`: whether to make plots and report.html.
    Raises the errors of `pawlab.errors`.
    """
    watch = _Stopwatch()
    chosen = _adapt(find_recipe(recipe), fit)
    if out is not None:
        choose_folder(out, "", "", overwrite)  # a place that can't be written is told before the work
    with watch.stage("discover"):
        dataset = assign_splits(discover(data, progress), seed)
        require_trainable(dataset)
    folder = choose_folder(out, dataset.name, chosen.name, overwrite)

    fitted = _fit(dataset, chosen, Path(weights) if weights else None, progress)
    watch.add(fitted.seconds)
    dataset = dataset.without(fitted.set_aside)
    with replacing_folder(folder) as partial:
        with watch.stage("evaluate"):
            validation = _on_validation(fitted, dataset)
            classifier = _save(fitted, validation, chosen, partial / FILE_NAME)
            test = evaluate(classifier, dataset.part("test"), progress)
        dataset = dataset.without(test.broken)
        metrics = _metrics(dataset, fitted, validation.score, test.score)
        write_history(fitted.history, partial / HISTORY_FILE)
        write_split(dataset, partial / SPLIT_FILE)
        write_rows(_PREDICTION_COLUMNS, _prediction_rows(validation, test), partial / PREDICTIONS_FILE)
        write_json(_record(data, dataset, chosen, fitted, seed), partial / RUN_FILE)
        write_json({**metrics, "seconds": watch.to_dict()}, partial / METRICS_FILE)
    return Run(folder)


def evaluate_data(model: str | Path, data: str | Path, progress: Progress = silent) -> tuple[Evaluation, int]:
    """Test a saved classifier on the labelled pictures of `data` that its training didn't see.

    Returns the evaluation and how many pictures were left out because the run trained on them or chose by them, which
    its split.csv tells by content. Where nothing unseen remains, all pictures are taken and none counts as left out.
    """
    path = model_file(model)
    classifier = Classifier.load(path)
    seen = read_seen(path.parent)
    pictures = discover(data, progress).pictures
    unseen = tuple(picture for picture in pictures if picture.sha256 not in seen)
    chosen = unseen or pictures
    return evaluate(classifier, chosen, progress), len(pictures) - len(chosen)


def explore(data: str | Path, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
    """Look at pictures before training: counts, baseline, sizes, formats and findings, as plain values."""
    dataset = assign_splits(discover(data, progress), seed)
    return {
        "data": dataset.name,
        "classes": list(dataset.classes),
        **describe(dataset).to_dict(),
        "overlap": count_overlap(dataset),
        "findings": [finding.to_dict() for finding in run_checks(dataset)],
        "set_aside": [{"picture": item.name, "reason": item.reason} for item in dataset.set_aside],
    }


def _adapt(recipe: Recipe, fit: Fit | None) -> Recipe:
    return recipe if fit is None else replace(recipe, preprocess=replace(recipe.preprocess, fit=fit))


def _fit(dataset: Dataset, recipe: Recipe, weights: Path | None, progress: Progress) -> Fitted:
    from pawlab.heads import train_head

    return train_head(dataset, recipe, weights, progress)


def _on_validation(fitted: Fitted, dataset: Dataset) -> Evaluation:
    pictures = dataset.part("validation")
    return Evaluation(dataset.classes, pictures, np.array(dataset.class_indices(pictures)), fitted.validation, ())


def _save(fitted: Fitted, validation: Evaluation, recipe: Recipe, path: Path) -> Classifier:
    """Write the classifier and open it again: everything from here on goes through the file that ships."""
    card = Card(
        classes=validation.classes,
        preprocess=recipe.preprocess,
        recipe=recipe.name,
        version=__version__,
        threshold=confidence_threshold(validation.probabilities, validation.labels),
    )
    save_classifier(fitted.graph, card, path)
    classifier = Classifier.load(path)
    _require_same_answers(classifier, validation)
    return classifier


def _require_same_answers(classifier: Classifier, validation: Evaluation) -> None:
    """Compare the file with what was fitted, from the picture's bytes to the probabilities."""
    some = slice(_COMPARED_PICTURES)
    again = evaluate(classifier, validation.pictures[some])
    difference = float(np.abs(again.probabilities - validation.probabilities[some]).max())
    if difference > _LARGEST_DIFFERENCE:
        raise RuntimeError(f"the saved classifier answers otherwise than what was fitted, by {difference:.2g}")


def _metrics(dataset: Dataset, fitted: Fitted, validation: Score, test: Score) -> dict[str, Any]:
    stats = describe(dataset)
    best = fitted.history[fitted.best_epoch - 1]
    return {
        "classes": list(dataset.classes),
        "counts": stats.counts,
        "baseline_accuracy": stats.baseline_accuracy,
        "parameters": {"total": fitted.parameters.total, "trainable": fitted.parameters.trainable},
        "train": {"accuracy": best.accuracy, "loss": best.loss},
        "validation": validation.to_dict(),
        "test": test.to_dict(),
        "verdict": judge(fitted.history, stats.baseline_accuracy).to_dict(),
        "overlap": count_overlap(dataset),
        "set_aside": len(dataset.set_aside),
    }


def _prediction_rows(*evaluations: Evaluation) -> Iterator[tuple[Any, ...]]:
    for evaluation in evaluations:
        for picture, row in zip(evaluation.pictures, evaluation.probabilities, strict=True):
            best = int(row.argmax())
            yield picture.name, picture.split, picture.label, evaluation.classes[best], f"{row[best]:.6f}"


def _record(data: str | Path, dataset: Dataset, recipe: Recipe, fitted: Fitted, seed: int) -> dict[str, Any]:
    return {
        "recipe": recipe_document(recipe, len(dataset.classes)),
        "seed": seed,
        "chosen_on_validation": fitted.choices,
        "best_epoch": fitted.best_epoch,
        "data": {"given": str(data), "name": dataset.name, "fingerprint": dataset.fingerprint},
        "set_aside": [{"picture": item.name, "reason": item.reason} for item in dataset.set_aside],
        "versions": versions(),
        "machine": machine(),
        "command": sys.argv,
    }


class _Stopwatch:
    """Wall seconds by stage."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(("discover", "features", "fit", "evaluate", "report"), 0.0)
        self._start = perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += perf_counter() - start

    def add(self, seconds: dict[str, float]) -> None:
        for name, value in seconds.items():
            self._seconds[name] += value

    def to_dict(self) -> dict[str, float]:
        total = perf_counter() - self._start
        return {name: round(value, 3) for name, value in {**self._seconds, "total": total}.items()}
