"""The story: discover, split, fit, save, evaluate. What the command line, the notebook and scripts call."""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from pawlab import __version__
from pawlab.classifier import FILE_NAME, Card, Classifier, model_file, save_classifier
from pawlab.data.checks import run_checks
from pawlab.data.dataset import Dataset
from pawlab.data.discover import discover
from pawlab.data.evidence import gather
from pawlab.data.splits import assign_splits, count_overlap, require_trainable
from pawlab.data.stats import Stats, describe
from pawlab.errors import DataError, PawlabError
from pawlab.evaluation.calibration import reliability, tempered
from pawlab.evaluation.evaluate import Evaluation, evaluate
from pawlab.evaluation.suspects import Suspect
from pawlab.evaluation.trust import Trusted, find_wrong_labels, make_trusted, trust_record
from pawlab.evaluation.verdict import judge
from pawlab.features.exchange import with_own_backbone
from pawlab.fitted import Fitted
from pawlab.heads import train_head
from pawlab.history import write_history
from pawlab.metrics import Score
from pawlab.pictures import Fit
from pawlab.progress import Progress, silent
from pawlab.recipes import RECIPES, choose_recipe, find_recipe
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import recipe_document
from pawlab.report.exploration import EXPLORATION_FILE, write_exploration
from pawlab.report.report import Material, missing_library, write_report
from pawlab.run import (
    HISTORY_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SPLIT_FILE,
    SUSPECTS_FILE,
    Run,
    choose_folder,
    machine,
    making_folder,
    read_seen,
    require_unfinished,
    versions,
    write_json,
    write_rows,
    write_split,
)
from pawlab.storage import replacing_folder
from pawlab.training.augmentation import augment

_PREDICTION_COLUMNS = ("path", "split", "label", "predicted", "probability")
_SUSPECT_COLUMNS = ("path", "split", "label", "suggested", "score")
_LARGEST_DIFFERENCE = 1e-4  # between what was fitted and what the saved file answers
_COMPARED_PICTURES = 16

_log = logging.getLogger("pawlab")  # where nobody sets up logging, its lines go to standard error as they are


@dataclass(frozen=True)
class Order:
    """What was asked for; run.json keeps it, so that a run can be repeated or resumed."""

    data: str
    recipe: str
    seed: int
    epochs: int | None
    weights: str | None
    fit: Fit | None
    report: bool
    tensorboard: bool
    backbone: str | None = None
    own_recipe: dict[str, Any] | None = None  # in full, where it isn't a built-in one


def train(
    data: str | Path,
    recipe: str | Path | Recipe = "fast",
    out: str | Path | None = None,
    *,
    seed: int = 0,
    epochs: int | None = None,
    weights: str | Path | None = None,
    backbone: str | Path | None = None,
    fit: Fit | None = None,
    overwrite: bool = False,
    report: bool = True,
    tensorboard: bool = False,
    progress: Progress = silent,
) -> Run:
    """Turn pictures into a tested classifier, and return the run whose folder holds all of it.

    `data`: whatever `pawlab train` takes. `recipe`: a built-in one's name, or one's own: a Recipe, or a TOML or Python
    file, the latter of which is run. `out`: the run's folder; runs/DATA-RECIPE by default. `seed`: decides the split
    and everything drawn at random; the same seed gives the same files' numbers, bit for bit. `epochs`, `weights`,
    `backbone` (an ONNX file) and `fit` (squash, crop or pad) replace the recipe's own. `report`: whether to make plots
    and report.html;
    `tensorboard`: whether to log for TensorBoard, where the recipe trains in epochs.

    Raises the errors of `pawlab.errors`.
    """
    watch = _Stopwatch()
    ordered = choose_recipe(recipe)
    if backbone is not None:
        ordered = with_own_backbone(ordered, Path(backbone), _path(_text(weights)), progress)
    name = ordered.name if isinstance(recipe, Recipe) else str(recipe)
    own = None if ordered in RECIPES else ordered.to_dict()
    weights, backbone = _text(weights), _text(backbone)
    order = Order(data_text(data), name, seed, epochs, weights, fit, report, tensorboard, backbone, own)
    chosen = _chosen(order)
    if out is not None:
        choose_folder(out, "", "", overwrite)  # a place that can't be written is told before the work
    dataset = _dataset(order, watch, progress)
    folder = choose_folder(out, dataset.name, chosen.name, overwrite)
    if chosen.trainer == "head":
        fitted = train_head(dataset, chosen, _path(order.weights), progress)
        with replacing_folder(folder) as partial:
            _finish(order, chosen, dataset, fitted, partial, folder, watch, progress)
    else:
        with making_folder(folder):
            write_json(_beginning(order, dataset), folder / RUN_FILE)
            _train_in_place(order, chosen, dataset, folder, watch, progress)
    return Run(folder)


def resume(folder: str | Path, progress: Progress = silent) -> Run:
    """Go on with a run that was killed, after its last whole epoch; it ends as if it hadn't been.

    Raises OutputError where the folder holds no unfinished run, DataError where the pictures have changed since.
    """
    run = Run(Path(folder))
    require_unfinished(run)
    order = Order(**run.record["order"])
    watch = _Stopwatch()
    dataset = _dataset(order, watch, progress)
    if dataset.fingerprint != run.record["data"]["fingerprint"]:
        raise DataError(f"{order.data} has changed since {folder} was begun. Bring the pictures back, or train anew.")
    _train_in_place(order, _chosen(order), dataset, run.folder, watch, progress)
    return Run(run.folder)


def _train_in_place(
    order: Order, recipe: Recipe, dataset: Dataset, folder: Path, watch: "_Stopwatch", progress: Progress
) -> None:
    """Train epoch by epoch in the run's own folder, so that history.csv can be watched and a killed run resumed."""
    from pawlab.training.checkpoint import clear
    from pawlab.training.fit import train_keras

    fitted = train_keras(
        dataset,
        recipe,
        folder=folder,
        seed=order.seed,
        epochs=order.epochs,
        weights=_path(order.weights),
        progress=progress,
        tensorboard=order.tensorboard,
    )
    _finish(order, recipe, dataset, fitted, folder, folder, watch, progress)
    clear(folder)


def _finish(
    order: Order,
    recipe: Recipe,
    dataset: Dataset,
    fitted: Fitted,
    folder: Path,
    place: Path,
    watch: "_Stopwatch",
    progress: Progress,
) -> None:
    """Save the classifier, score it once on the test pictures, and write the run's files; metrics.json comes last.

    `folder`: where they are written; `place`: where they will lie once the run is whole.
    """
    watch.add(fitted.seconds)
    dataset = dataset.without(fitted.set_aside)
    with watch.stage("evaluate"):
        trusted = make_trusted(fitted, dataset, recipe.preprocess, progress)
        validation = trusted.validation
        classifier = _save(fitted, trusted, recipe, folder / FILE_NAME)
        test = evaluate(classifier, dataset.part("test"), progress)
        frozen = recipe.backbone is not None
        suspects = find_wrong_labels(fitted, trusted, dataset, test, recipe.preprocess, frozen)
    dataset = dataset.without(test.broken)
    stats = describe(dataset)
    metrics = {
        **_metrics(dataset, stats, fitted, validation.score, test.score),
        **trust_record(trusted, test),
        "suspects": len(suspects),
    }
    write_history(fitted.history, folder / HISTORY_FILE)
    write_split(dataset, folder / SPLIT_FILE)
    write_rows(_PREDICTION_COLUMNS, _prediction_rows(validation, test), folder / PREDICTIONS_FILE)
    write_rows(_SUSPECT_COLUMNS, _suspect_rows(suspects), folder / SUSPECTS_FILE)
    record = _record(order, dataset, recipe, fitted)
    write_json(record, folder / RUN_FILE)
    if order.report:
        with watch.stage("report"):
            timed = {**metrics, "seconds": watch.to_dict()}
            findings, bins = run_checks(dataset), reliability(test.probabilities, test.labels)
            material = Material(
                place, dataset, stats, findings, recipe, timed, record, fitted.history, test, bins, suspects, classifier
            )
            _report(material, folder, progress)
    write_json({**metrics, "seconds": watch.to_dict()}, folder / METRICS_FILE)


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


def explore(
    data: str | Path,
    seed: int = 0,
    *,
    recipe: str = "fast",
    out: str | Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Look at pictures before training: counts, baseline, sizes, formats and findings, as plain values.

    `out`: a folder for a page, explore.html, that shows them with samples and what `recipe` would make of them.
    Raises the errors of `pawlab.errors`.
    """
    previewed = choose_recipe(recipe)
    evidence = gather(assign_splits(discover(data, progress), seed), progress)
    dataset = evidence.dataset
    stats, overlap, findings = describe(dataset), count_overlap(dataset), run_checks(evidence)
    if out is not None:
        page = Path(out) / EXPLORATION_FILE
        write_exploration(page, data_text(data), dataset, stats, overlap, findings, previewed, augment)
    return {
        "data": dataset.name,
        "classes": list(dataset.classes),
        **stats.to_dict(),
        "overlap": overlap,
        "findings": [finding.to_dict() for finding in findings],
        "set_aside": [{"picture": item.name, "reason": item.reason} for item in dataset.set_aside],
    }


def _chosen(order: Order) -> Recipe:
    """Return the recipe that was ordered. The user's own stands in the order: no file is read, or run, again."""
    recipe = find_recipe(order.recipe) if order.own_recipe is None else Recipe.from_dict(order.own_recipe)
    return recipe if order.fit is None else replace(recipe, preprocess=replace(recipe.preprocess, fit=order.fit))


def _dataset(order: Order, watch: "_Stopwatch", progress: Progress) -> Dataset:
    with watch.stage("discover"):
        dataset = assign_splits(discover(order.data, progress), order.seed)
        require_trainable(dataset)
    return dataset


def data_text(data: str | Path) -> str:
    """Return data as text. A Path is a place even where it is called like a known data set."""
    return data if isinstance(data, str) else str(data.absolute())


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)


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
    return {
        "classes": list(dataset.classes),
        "counts": stats.counts,
        "baseline_accuracy": stats.baseline_accuracy,
        "parameters": {"total": fitted.parameters.total, "trainable": fitted.parameters.trainable},
        "train": {"accuracy": best.accuracy, "loss": best.loss},
        "validation": validation.to_dict(),
        "test": test.to_dict(),
        "verdict": judge(fitted.history, stats.baseline_accuracy, _trained_and_validated(dataset)).to_dict(),
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


def _beginning(order: Order, dataset: Dataset) -> dict[str, Any]:
    return {
        "order": asdict(order),
        "seed": order.seed,
        "data": {"given": order.data, "name": dataset.name, "fingerprint": dataset.fingerprint},
        "versions": versions(),
        "machine": machine(),
        "command": sys.argv,
    }


def _record(order: Order, dataset: Dataset, recipe: Recipe, fitted: Fitted) -> dict[str, Any]:
    return {
        **_beginning(order, dataset),
        "recipe": recipe_document(recipe, len(dataset.classes)),
        "chosen_on_validation": fitted.choices,
        "best_epoch": fitted.best_epoch,
        "interrupted": fitted.interrupted,
        "set_aside": [{"picture": item.name, "reason": item.reason} for item in dataset.set_aside],
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
