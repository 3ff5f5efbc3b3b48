"""The whole run: discover, split, fit, save, evaluate, report. What the command line, the notebook and scripts call."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pawlab.audit.checks import run_checks, why_untrainable
from pawlab.audit.measurements import measure
from pawlab.classifier import Classifier, model_file
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.discover import discover
from pawlab.datasets.known import is_known
from pawlab.datasets.splits import assign_splits, count_overlap, require_trainable
from pawlab.datasets.stats import describe
from pawlab.errors import DataError, RecipeError, WeightsError
from pawlab.evaluation.evaluate import Evaluation, evaluate
from pawlab.images import ResizeMode
from pawlab.notebook import exploration_html
from pawlab.progress import Progress, notebook_bar
from pawlab.recipes import RECIPES, choose_recipe, find_recipe
from pawlab.recipes.exchange import with_own_backbone
from pawlab.recipes.recipe import Recipe
from pawlab.report.comparison import COMPARISON_PAGE, write_comparison
from pawlab.report.exploration import EXPLORATION_FILE, write_exploration
from pawlab.report.report import missing_library
from pawlab.report.shown import samples
from pawlab.runs.comparison import (
    Compared,
    Comparison,
    expand,
    on_page,
    require_comparable,
    require_for_comparisons,
    require_same,
)
from pawlab.runs.directory import (
    choose_folder,
    making_folder,
    remove_replaced,
    replacing_run,
    require_unfinished,
    reserved_folder,
)
from pawlab.runs.finish import finish
from pawlab.runs.record import METRICS_FILE, RUN_FILE, Run, read_seen, write_json
from pawlab.runs.request import Context, Request, Stopwatch
from pawlab.storage import COMPARISON_FILE
from pawlab.trainers.keras.augmentation import augment
from pawlab.trainers.linear_probe import train_head

_log = logging.getLogger("pawlab")


def train(
    data: str | Path,
    recipe: str | Path | Recipe = "fast",
    out: str | Path | None = None,
    *,
    seed: int = 0,
    epochs: int | None = None,
    weights: str | Path | None = None,
    backbone: str | Path | None = None,
    resize_mode: ResizeMode | None = None,
    overwrite: bool = False,
    report: bool = True,
    tensorboard: bool = False,
    progress: Progress = notebook_bar,
) -> Run:
    """Turn pictures into a tested classifier, and return the run whose folder holds all of it.

    `data`: whatever `pawlab train` takes. `recipe`: a built-in one's name, or one's own: a Recipe, or a TOML or Python
    file, the latter of which is run. `out`: the run's folder; runs/DATA-RECIPE by default. `seed`: decides the split
    and everything drawn at random; the same seed gives the same files' numbers, bit for bit. `epochs`, `weights`,
    `backbone` (an ONNX file) and `resize_mode` (squash, crop or pad) replace the recipe's own. `report`: whether to make plots
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
    request = Request(
        data_text(data), name, seed, epochs, weights, resize_mode, report, tensorboard, backbone, own, here
    )
    chosen = _chosen(request)
    if out is not None:
        choose_folder(out, "", "", overwrite)  # a place that can't be written is told before the work
    dataset = _dataset(request, watch, progress)
    context = Context(request, chosen, dataset, watch, progress)
    with reserved_folder(out, dataset.name, chosen.name, overwrite) as folder:
        if chosen.trainer == "head":
            fitted = train_head(dataset, chosen, _path(request.weights), progress)
            with replacing_run(folder, overwrite) as partial:
                finish(context, fitted, partial, folder)
        else:
            with making_folder(folder):
                write_json(context.beginning(), folder / RUN_FILE)
                _train_in_place(context, folder)
    return Run(folder)


def resume(folder: str | Path, progress: Progress = notebook_bar) -> Run:
    """Go on with a run that was killed or interrupted, after its last whole epoch; it ends as if it hadn't been.

    Raises OutputError where the folder holds no unfinished run, DataError where the pictures have changed since.
    """
    run = Run(Path(folder))
    require_unfinished(run)
    request = _as_seen_from_here(Request(**run.record["request"]))
    watch = Stopwatch(fitted_before=sum(row.seconds for row in run.history))
    dataset = _dataset(request, watch, progress)
    if dataset.fingerprint != run.record["data"]["fingerprint"]:
        raise DataError(f"{request.data} has changed since {folder} was begun. Bring the pictures back, or train anew.")
    (run.folder / METRICS_FILE).unlink(missing_ok=True)  # an interrupted run's: it won't be true any more
    _train_in_place(Context(request, _chosen(request), dataset, watch, progress), run.folder)
    remove_replaced(run.folder)
    return Run(run.folder)


def _train_in_place(context: Context, folder: Path) -> None:
    """Train epoch by epoch in the run's own folder, so that history.csv can be watched and a killed run resumed."""
    from pawlab.trainers.keras.checkpoint import clear
    from pawlab.trainers.keras.fit import train_keras

    fitted = train_keras(
        context.dataset,
        context.recipe,
        folder=folder,
        seed=context.request.seed,
        epochs=context.request.epochs,
        weights=_path(context.request.weights),
        progress=context.progress,
        tensorboard=context.request.tensorboard,
    )
    finish(context, fitted, folder, folder)
    if not fitted.interrupted:
        clear(folder)


def compare(
    data: str | Path,
    recipes: str | Sequence[str | Path | Recipe],
    out: str | Path | None = None,
    *,
    seed: int = 0,
    epochs: int | None = None,
    weights: str | Path | None = None,
    report: bool = True,
    progress: Progress = notebook_bar,
) -> Comparison:
    """Train each recipe on the same split and return the runs, in the order asked for.

    `recipes`: names, or recipes of one's own as `train` takes them; "all" stands for the published ones. `out`: a
    folder with one run a recipe, comparison.json and, with `report`, comparison.html; runs/DATA-compared by default. A
    recipe that is finished there is taken as it is, one that was cut off goes on; one whose pretrained weights can't be
    had, or whose loss runs away, is left out, with a line in the log.

    Ctrl-C ends it; the same call goes on from there. Raises OutputError where `out` holds something else, or runs on
    other pictures, with another seed or another number of epochs; RecipeError where there is nothing to compare.
    """
    chosen = [choose_recipe(recipe) for recipe in expand(recipes)]
    require_comparable(chosen)
    dataset = discover(data, progress)
    folder = Path(out) if out is not None else Path("runs") / f"{dataset.name}-compared"
    require_for_comparisons(folder, chosen)
    compared: list[Compared] = []
    for recipe in chosen:
        place = folder / recipe.name
        try:
            if (place / RUN_FILE).is_file():
                require_same(place, {"seed": seed, "epochs": epochs}, recipe, dataset)
                run = Run(place) if Run(place).finished else resume(place, progress)
            else:
                needed = weights if recipe.backbone else None
                run = train(
                    data, recipe, place, seed=seed, epochs=epochs, weights=needed, report=report, progress=progress
                )
        except (WeightsError, RecipeError) as error:
            if not compared and recipe is chosen[-1]:
                raise  # nothing is left to compare
            _log.warning("pawlab: %s was left out: %s", recipe.name, error)
            continue
        if run.interrupted:
            raise KeyboardInterrupt  # it ended one recipe's training; the others wouldn't be wanted either
        compared.append(Compared(recipe, run))
        write_json({"recipes": [item.to_dict() for item in compared]}, folder / COMPARISON_FILE)
    if report and compared and missing_library() is None:
        write_comparison(folder / COMPARISON_PAGE, dataset.name, [on_page(item) for item in compared])
    return Comparison(compared)


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
    """ImageStats at pictures before training: counts, baseline, sizes, formats and findings, as plain values.

    `out`: a folder for a page, explore.html, that shows them with samples and what `recipe` would make of them.
    Raises the errors of `pawlab.errors`.
    """
    previewed = choose_recipe(recipe)
    measurements = measure(assign_splits(discover(data, progress), seed), progress)
    dataset = measurements.dataset
    stats, overlap = describe(dataset), count_overlap(dataset)
    findings = why_untrainable(dataset) + run_checks(measurements)
    if out is not None:
        page = Path(out) / EXPLORATION_FILE
        write_exploration(page, data_text(data), dataset, stats, overlap, findings, previewed, augment)
    values = {
        "data": dataset.name,
        "classes": list(dataset.classes),
        **stats.to_dict(),
        "overlap": overlap,
        "findings": [finding.to_dict() for finding in findings],
        "set_aside": [{"picture": item.name, "reason": item.reason} for item in dataset.skipped],
    }
    return Exploration(values, dataset)


def _chosen(request: Request) -> Recipe:
    """Return the recipe that was ordered. The user's own stands in the request: no file is read, or run, again."""
    recipe = find_recipe(request.recipe) if request.own_recipe is None else Recipe.from_dict(request.own_recipe)
    return (
        recipe
        if request.resize_mode is None
        else replace(recipe, preprocess=replace(recipe.preprocess, resize_mode=request.resize_mode))
    )


def _dataset(request: Request, watch: Stopwatch, progress: Progress) -> Dataset:
    with watch.stage("discover"):
        dataset = assign_splits(discover(request.data, progress), request.seed)
        require_trainable(dataset)
    return dataset


def data_text(data: str | Path) -> str:
    """Return data as text. A Path is a place even where it is called like a known data set."""
    if not isinstance(data, str | Path):
        raise TypeError(f"data is {type(data).__name__}; it must be a path, an address or a known name")
    return data if isinstance(data, str) else str(data.absolute())


def _as_seen_from_here(request: Request) -> Request:
    """Return an request whose relative paths count from the folder where the run was begun."""
    if not request.directory or Path(request.directory) == Path.cwd():
        return request
    named = is_known(request.data) or "://" in request.data
    data = request.data if named else _from(request.directory, request.data)
    return replace(request, data=data, weights=request.weights and _from(request.directory, request.weights))


def _from(directory: str, path: str) -> str:
    return path if path.startswith("~") else str(Path(directory, path))


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)
