"""The story: discover, split, fit, save, evaluate, report. What the command line, the notebook and scripts call."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pawlab.classifier import Classifier, model_file
from pawlab.data.checks import run_checks, why_untrainable
from pawlab.data.dataset import Dataset
from pawlab.data.discover import discover
from pawlab.data.evidence import gather
from pawlab.data.known import is_known
from pawlab.data.splits import assign_splits, count_overlap, require_trainable
from pawlab.data.stats import describe
from pawlab.errors import DataError
from pawlab.evaluation.evaluate import Evaluation, evaluate
from pawlab.features.exchange import with_own_backbone
from pawlab.heads import train_head
from pawlab.job import Job, Order, Stopwatch
from pawlab.notebook import exploration_html
from pawlab.pictures import Fit
from pawlab.places import (
    choose_folder,
    making_folder,
    remove_replaced,
    replacing_run,
    require_unfinished,
    reserved_folder,
)
from pawlab.progress import Progress, notebook_bar
from pawlab.recipes import RECIPES, choose_recipe, find_recipe
from pawlab.recipes.recipe import Recipe
from pawlab.report.exploration import EXPLORATION_FILE, write_exploration
from pawlab.report.shown import samples
from pawlab.results import finish
from pawlab.run import METRICS_FILE, RUN_FILE, Run, read_seen, write_json
from pawlab.training.augmentation import augment


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
    progress: Progress = notebook_bar,
) -> Run:
    """Turn pictures into a tested classifier, and return the run whose folder holds all of it.

    `data`: whatever `pawlab train` takes. `recipe`: a built-in one's name, or one's own: a Recipe, or a TOML or Python
    file, the latter of which is run. `out`: the run's folder; runs/DATA-RECIPE by default. `seed`: decides the split
    and everything drawn at random; the same seed gives the same files' numbers, bit for bit. `epochs`, `weights`,
    `backbone` (an ONNX file) and `fit` (squash, crop or pad) replace the recipe's own. `report`: whether to make plots
    and report.html; `tensorboard`: whether to log for TensorBoard, where the recipe trains in epochs.

    Ctrl-C ends training after the last whole epoch, and what has been learnt becomes the run, which `resume` can go on
    with. Raises the errors of `pawlab.errors`, ValueError for a seed below 0 or less than one epoch.
    """
    watch = Stopwatch()
    ordered = choose_recipe(recipe)
    if backbone is not None:
        ordered = with_own_backbone(ordered, Path(backbone), _path(_text(weights)), progress)
    name = ordered.name if isinstance(recipe, Recipe) else str(recipe)
    own = None if ordered in RECIPES else ordered.to_dict()
    weights, backbone = _text(weights), _text(backbone)
    here = str(Path.cwd())
    order = Order(data_text(data), name, seed, epochs, weights, fit, report, tensorboard, backbone, own, here)
    chosen = _chosen(order)
    if out is not None:
        choose_folder(out, "", "", overwrite)  # a place that can't be written is told before the work
    dataset = _dataset(order, watch, progress)
    job = Job(order, chosen, dataset, watch, progress)
    with reserved_folder(out, dataset.name, chosen.name, overwrite) as folder:
        if chosen.trainer == "head":
            fitted = train_head(dataset, chosen, _path(order.weights), progress)
            with replacing_run(folder, overwrite) as partial:
                finish(job, fitted, partial, folder)
        else:
            with making_folder(folder):
                write_json(job.beginning(), folder / RUN_FILE)
                _train_in_place(job, folder)
    return Run(folder)


def resume(folder: str | Path, progress: Progress = notebook_bar) -> Run:
    """Go on with a run that was killed or interrupted, after its last whole epoch; it ends as if it hadn't been.

    Raises OutputError where the folder holds no unfinished run, DataError where the pictures have changed since.
    """
    run = Run(Path(folder))
    require_unfinished(run)
    order = _as_seen_from_here(Order(**run.record["order"]))
    watch = Stopwatch(fitted_before=sum(row.seconds for row in run.history))
    dataset = _dataset(order, watch, progress)
    if dataset.fingerprint != run.record["data"]["fingerprint"]:
        raise DataError(f"{order.data} has changed since {folder} was begun. Bring the pictures back, or train anew.")
    (run.folder / METRICS_FILE).unlink(missing_ok=True)  # an interrupted run's: it won't be true any more
    _train_in_place(Job(order, _chosen(order), dataset, watch, progress), run.folder)
    remove_replaced(run.folder)
    return Run(run.folder)


def _train_in_place(job: Job, folder: Path) -> None:
    """Train epoch by epoch in the run's own folder, so that history.csv can be watched and a killed run resumed."""
    from pawlab.training.checkpoint import clear
    from pawlab.training.fit import train_keras

    fitted = train_keras(
        job.dataset,
        job.recipe,
        folder=folder,
        seed=job.order.seed,
        epochs=job.order.epochs,
        weights=_path(job.order.weights),
        progress=job.progress,
        tensorboard=job.order.tensorboard,
    )
    finish(job, fitted, folder, folder)
    if not fitted.interrupted:
        clear(folder)


def evaluate_data(model: str | Path, data: str | Path, progress: Progress = notebook_bar) -> tuple[Evaluation, int]:
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


class Exploration(dict[str, Any]):
    """What `explore` found, as plain values; a notebook shows it with some of the pictures."""

    def __init__(self, values: dict[str, Any], dataset: Dataset) -> None:
        super().__init__(values)
        self._dataset = dataset

    def _repr_html_(self) -> str:
        shown = [(label, [str(item.picture.path) for item in row]) for label, row in samples(self._dataset)]
        return exploration_html(self, shown)


def explore(
    data: str | Path,
    seed: int = 0,
    *,
    recipe: str = "fast",
    out: str | Path | None = None,
    progress: Progress = notebook_bar,
) -> Exploration:
    """Look at pictures before training: counts, baseline, sizes, formats and findings, as plain values.

    `out`: a folder for a page, explore.html, that shows them with samples and what `recipe` would make of them.
    Raises the errors of `pawlab.errors`.
    """
    previewed = choose_recipe(recipe)
    evidence = gather(assign_splits(discover(data, progress), seed), progress)
    dataset = evidence.dataset
    stats, overlap = describe(dataset), count_overlap(dataset)
    findings = why_untrainable(dataset) + run_checks(evidence)
    if out is not None:
        page = Path(out) / EXPLORATION_FILE
        write_exploration(page, data_text(data), dataset, stats, overlap, findings, previewed, augment)
    values = {
        "data": dataset.name,
        "classes": list(dataset.classes),
        **stats.to_dict(),
        "overlap": overlap,
        "findings": [finding.to_dict() for finding in findings],
        "set_aside": [{"picture": item.name, "reason": item.reason} for item in dataset.set_aside],
    }
    return Exploration(values, dataset)


def _chosen(order: Order) -> Recipe:
    """Return the recipe that was ordered. The user's own stands in the order: no file is read, or run, again."""
    recipe = find_recipe(order.recipe) if order.own_recipe is None else Recipe.from_dict(order.own_recipe)
    return recipe if order.fit is None else replace(recipe, preprocess=replace(recipe.preprocess, fit=order.fit))


def _dataset(order: Order, watch: Stopwatch, progress: Progress) -> Dataset:
    with watch.stage("discover"):
        dataset = assign_splits(discover(order.data, progress), order.seed)
        require_trainable(dataset)
    return dataset


def data_text(data: str | Path) -> str:
    """Return data as text. A Path is a place even where it is called like a known data set."""
    if not isinstance(data, str | Path):
        raise TypeError(f"data is {type(data).__name__}; it must be a path, an address or a known name")
    return data if isinstance(data, str) else str(data.absolute())


def _as_seen_from_here(order: Order) -> Order:
    """Return an order whose relative paths count from the folder where the run was begun."""
    if not order.directory or Path(order.directory) == Path.cwd():
        return order
    named = is_known(order.data) or "://" in order.data
    data = order.data if named else _from(order.directory, order.data)
    return replace(order, data=data, weights=order.weights and _from(order.directory, order.weights))


def _from(directory: str, path: str) -> str:
    return path if path.startswith("~") else str(Path(directory, path))


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)
