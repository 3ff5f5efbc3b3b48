"""The whole run in one page: discover, split, fit, finish, save, evaluate, report. Command line and Python call it."""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from pawlab.audit.measurements import Measurements
from pawlab.classifier import Classifier, model_file
from pawlab.datasets.discover import require_table
from pawlab.datasets.options import DataKeywords, DataOptions
from pawlab.engines.options import DeviceName, EngineKeywords, EngineOptions
from pawlab.engines.options import Name as EngineName
from pawlab.errors import DataError, OutputError, RecipeError, WeightsError
from pawlab.evaluation.evaluate import Evaluation, evaluate
from pawlab.files.addresses import redacted
from pawlab.files.upload import here_or_there, require_free, upload_folder
from pawlab.images import ResizeMode
from pawlab.names import plain
from pawlab.parallel import meanwhile
from pawlab.progress import Progress, notebook_bar
from pawlab.recipes import choose_recipe
from pawlab.recipes.exchange import with_backbone
from pawlab.recipes.recipe import Recipe
from pawlab.report.comparison import COMPARISON_PAGE, write_comparison
from pawlab.runs.comparison import Compared, Comparison, choose_recipes, on_page, require_for_comparisons, require_same
from pawlab.runs.directory import making_folder, replacing_run, reserved_folder, resumed_run
from pawlab.runs.evaluation import command_of, require_for_evaluation, write_evaluation
from pawlab.runs.finish import finish, load
from pawlab.runs.pictures import labelled_data, pictures_of
from pawlab.runs.reading import earlier_split, read_for, require_unchanged
from pawlab.runs.record import (
    EARLIER_SPLIT_FILE,
    METRICS_FILE,
    RUN_FILE,
    Run,
    read_seen,
    write_beginning,
    write_json,
)
from pawlab.runs.request import Context, Request, Stopwatch
from pawlab.runs.requirements import (
    is_automatic,
    require_effect,
    require_folds,
    require_probe_for,
    require_said_once,
    warn_of_splitting,
)
from pawlab.storage import COMPARISON_FILE
from pawlab.storage.cache import within_limit
from pawlab.trainers.backbone_choice import choose_backbone, with_choice
from pawlab.trainers.keras.checkpoint import clear
from pawlab.trainers.probe import Balance
from pawlab.trainers.repeat import repeat, require_repeatable
from pawlab.trainers.table import TRAINERS

if TYPE_CHECKING:
    from pawlab.export.export import Exported

_log = logging.getLogger("pawlab")


@within_limit()
def train(
    data: str | Path,
    recipe: str | Path | Recipe = "fast",
    out: str | Path | None = None,
    *,
    seed: int = 0,
    epochs: int | None = None,
    weights: str | Path | None = None,
    backbone: str | Path | None = None,
    minutes: float | None = None,
    resize_mode: ResizeMode | None = None,
    sure_at: float | None = None,
    balance: Balance = "auto",
    cv: int | None = None,
    set: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    report: bool = True,
    tensorboard: bool = False,
    progress: Progress = notebook_bar,
    fit: ResizeMode | None = None,
    engine: EngineName = "local",
    address: str | None = None,
    device: DeviceName = "cpu",
    memory: float | None = None,
    **reading: Unpack[DataKeywords],
) -> Run:
    """Turn pictures into a tested classifier, and return the run whose folder holds all of it.

    `data`: whatever `pawlab train` takes. `recipe`: a built-in one's name, or one's own: a Recipe, or a TOML or Python
    file, the latter of which is run. `out`: the run's folder; runs/DATA-RECIPE by default, from where a run whose `out`
    is an address is sent there. `seed`: decides the split and all random numbers; the same one gives the same bits.
    `epochs`, `weights`, `backbone` (of `pawlab backbones`, an ONNX file, hf:OWNER/REPO or auto) and `resize_mode`
    (squash, crop or pad) replace the recipe's own. `minutes`: of training, or of choosing with `backbone="auto"`.
    `sure_at`: the share of answers that must be right, above 0 and below 1; the classifier says "not sure" to the rest.
    By default the highest of 0.99, 0.95 and 0.90 that can be kept for half of the pictures. `balance`: whether a probe
    weighs all classes alike: weights, none, or auto, whichever has the smaller out-of-fold loss. `cv`: folds of a
    cross-validation of the recipe; probes have five in any case. `set`: numbers of the recipe to change, as in
    {"learning_rate": 1e-3}. `report`: whether to make plots and report.html; `tensorboard`: whether to log for it.
    `fit`: former name of `resize_mode`. `engine`, `address`, `device`: as in `EngineOptions`. `memory`: what fitting a
    probe may take, in GB; a quarter of the machine's where None. `reading`: the fields of `DataOptions`.

    Ctrl-C ends training after the last whole epoch, and what has been learned becomes the run, which `resume` can go on
    with. Raises the errors of `pawlab.errors`, ValueError for a seed below 0 or less than one epoch.
    """
    watch, mode, settings = (
        Stopwatch(),
        resize_mode or _renamed(fit),
        {name: plain(one) for name, one in (set or {}).items()},
    )
    chosen = choose_recipe(recipe, settings)
    require_said_once(settings, epochs, mode, backbone)
    automatic = is_automatic(chosen, backbone, weights, minutes)
    if backbone is not None and not automatic:
        chosen = with_backbone(chosen, str(backbone), None if weights is None else Path(weights), progress)
    more: dict[str, Any] = {"minutes": minutes, "sure_at": sure_at, "balance": balance, "cv": cv, "memory": memory}
    more |= {"set": settings, "options": DataOptions(**reading), "engines": EngineOptions(engine, address, device)}
    request = Request.of(data, recipe, chosen, seed, epochs, weights, mode, report, tensorboard, backbone)
    request = replace(request, **more)
    require_effect(chosen, {"--epochs": epochs is not None, "--tensorboard": tensorboard})
    require_probe_for(chosen, balance)
    require_folds(chosen, cv, minutes)
    place, address = _writable(out, overwrite)
    request = replace(request, sent_to=address)
    context = Context(request, read_for(request, watch, progress), watch, progress)
    return _run(_with_best_backbone(context) if automatic else context, place, overwrite)


def _with_best_backbone(context: Context) -> Context:
    """Choose the network among those at hand; the recipe then has it."""
    request, preprocess = context.request, context.recipe.preprocess
    with context.watch.stage("features"):
        best = choose_backbone(context.dataset, preprocess, request.minutes, context.source, context.near)
    own = with_choice(request.chosen(), best, context.progress).to_dict()
    return replace(context, request=replace(request, own_recipe=own))


def _writable(out: str | Path | None, overwrite: bool) -> tuple[str | Path | None, str | None]:
    """Return the folder or the address that `out` names. That it can be written is known before the work."""
    place, address = here_or_there(out)
    folder = None if place is None else Path(place).expanduser()
    if address is not None:
        require_free(address, overwrite)
    elif folder is not None:
        with reserved_folder(folder, "", "", overwrite):
            pass
    return folder, address


@within_limit()
def resume(folder: str | Path, progress: Progress = notebook_bar, **engine: Unpack[EngineKeywords]) -> Run:
    """Go on with a run that was killed or interrupted, after its last whole epoch; it ends as if it hadn't been.

    `engine`: the fields of `EngineOptions`, in place of the run's own. Raises OutputError where the folder holds no
    unfinished run or another process trains it, DataError where pictures, or labels given by hand, have changed since.
    """
    with resumed_run(Path(folder).expanduser()) as run:
        request = Request.of_run(run).computed_by(engine)
        watch = Stopwatch(fitted_before=sum(row.seconds for row in run.history))
        kept = run.folder / EARLIER_SPLIT_FILE
        read = read_for(request, watch, progress, kept if kept.is_file() else None)
        context = Context(request, read, watch, progress, run.record.get("command"))
        require_unchanged(run, request, read.dataset)
        (run.folder / METRICS_FILE).unlink(missing_ok=True)  # an interrupted run's: it won't be true any more
        _fit_in_place(context, run.folder)
    return _sent(Run(run.folder), context)


@within_limit()
def extend(
    run: str | Path | Run,
    more: str | Path,
    out: str | Path | None = None,
    *,
    report: bool = True,
    overwrite: bool = False,
    progress: Progress = notebook_bar,
    **engine: Unpack[EngineKeywords],
) -> Run:
    """Train a run's recipe on its pictures and more of them, which may be of new classes; return the new run.

    Every old picture stays in its split, and features that were computed before are taken from the store. `more`: data
    as `train` takes it, read as the run's own was. `engine`: as in `resume`. `pawlab.runs.extension.changes` says what
    became of the score; where the new run is to replace the old one, call `read_score` beside it first. Raises as
    `train`.
    """
    old = run if isinstance(run, Run) else Run(Path(run).expanduser())
    watch = Stopwatch()
    request = Request.of_run(old).extended(old.folder, more, report)
    place, address = _writable(out, overwrite)
    request = replace(request.computed_by(engine), sent_to=address)
    return _run(Context(request, read_for(request, watch, progress), watch, progress), place, overwrite)


@within_limit()
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
    **reading: Unpack[DataKeywords],
) -> Comparison:
    """Train each recipe on the same split and return the runs, in the order asked for.

    `recipes`: names, or recipes of one's own as `train` takes them, like `reading`; "all" stands for the published
    ones. `out`: a folder with one run per recipe, comparison.json and, with `report`, comparison.html;
    runs/DATA-compared by default. A recipe that is finished there is taken as it is, one that was cut off goes on; one
    whose weights can't be had, or whose loss diverges, is skipped, with a line in the log.

    Ctrl-C ends it; the same call goes on from there. Raises OutputError where `out` holds something else, or runs on
    other pictures, with another seed or another number of epochs; RecipeError where there is nothing to compare.
    """
    chosen = choose_recipes(recipes)
    place, address = here_or_there(out)
    if address is not None:
        raise OutputError(f"a comparison is made in a folder of this machine, not at {redacted(address)}. Give a path.")
    requests = []
    for recipe in chosen:
        own_epochs, own_weights = epochs if recipe.trains_in_epochs else None, weights if recipe.backbone else None
        request = Request.of(data, recipe, recipe, seed, own_epochs, own_weights, None, report)
        requests.append(replace(request, options=DataOptions(**reading)))
    read = read_for(requests[0], Stopwatch(), progress)
    folder = Path("runs") / f"{read.dataset.name}-compared" if place is None else Path(place).expanduser()
    require_for_comparisons(folder, chosen)
    compared: list[Compared] = []
    for recipe, request in zip(chosen, requests, strict=True):
        with _skipping(recipe, nothing_left=not compared and recipe is chosen[-1]):
            run = _compared(request, recipe, read, folder / recipe.name, progress)
            compared.append(Compared(recipe, run))
            write_json({"recipes": Comparison(compared).to_dict()}, folder / COMPARISON_FILE)
    comparison = Comparison(compared)
    if report and compared:
        against = comparison.against_best
        pages = [on_page(item, against.get(item.recipe.name)) for item in comparison]
        write_comparison(folder / COMPARISON_PAGE, read.dataset.name, pages)
    return comparison


@contextmanager
def _skipping(recipe: Recipe, nothing_left: bool) -> Iterator[None]:
    """Skip a recipe that can't be trained, with a line in the log."""
    try:
        yield
    except (WeightsError, RecipeError) as error:
        if nothing_left:
            raise
        _log.warning("pawlab: %s was skipped: %s", recipe.name, error)


def _compared(request: Request, recipe: Recipe, read: Measurements, place: Path, progress: Progress) -> Run:
    """Return the run in `place`, trained or resumed where it isn't finished."""
    if not (place / RUN_FILE).is_file():
        run = _run(Context(request, read, Stopwatch(), progress), place, overwrite=False)
    else:
        require_same(place, request, recipe, read.dataset)
        run = Run(place) if Run(place).finished else resume(place, progress)
    if run.interrupted:
        raise KeyboardInterrupt  # it ended one recipe's training; the others wouldn't be wanted either
    return run


def _run(context: Context, out: str | Path | None, overwrite: bool) -> Run:
    """Fit, finish, save, evaluate and report, in a folder of the run's own."""
    recipe, dataset = context.recipe, context.dataset
    with reserved_folder(out, dataset.name, recipe.name, overwrite) as folder:
        if recipe.trains_in_epochs:
            earlier = earlier_split(context.request.options)  # which may be of the run that this one replaces
            with making_folder(folder):
                write_beginning(context.beginning(), earlier, folder)
                _fit_in_place(context, folder)
        else:
            if context.request.report:
                meanwhile(load)
            fitted = TRAINERS[recipe.trainer](dataset, recipe, context.source, context.settings(folder))
            with replacing_run(folder, overwrite) as partial:
                finish(context, fitted, partial, folder)
    return _sent(Run(folder), context)


def _sent(run: Run, context: Context) -> Run:
    """Send a finished run to the address that was asked for."""
    address = context.request.sent_to
    if address is not None and not run.interrupted:
        upload_folder(run.folder, address, context.progress)
    return run


def _fit_in_place(context: Context, folder: Path) -> None:
    """Train epoch by epoch in the run's own folder, so that history.csv can be watched and a killed run resumed."""
    trainer = TRAINERS[context.recipe.trainer]
    settings, folds = context.settings(folder), folder / "folds"
    if context.request.cv:
        require_repeatable(context.dataset, settings.near, settings.folds)
    fitted = trainer(context.dataset, context.recipe, context.source, settings)
    if context.request.cv and not fitted.interrupted:
        readable, there = context.dataset.without(fitted.skipped), replace(settings, folder=folds)
        scored = repeat(trainer, readable, context.recipe, context.source, there)
        fitted = replace(fitted, cross_validated=scored)
    finish(context, fitted, folder, folder)
    if not fitted.interrupted:
        clear(folder)
        (folder / EARLIER_SPLIT_FILE).unlink(missing_ok=True)
        shutil.rmtree(folds, ignore_errors=True)


@within_limit()
def evaluate_data(
    model: str | Path | Run,
    data: str | Path,
    progress: Progress = notebook_bar,
    *,
    include_seen: bool = False,
    sure_at: float | None = None,
    out: str | Path | None = None,
    engine: EngineName = "local",
    address: str | None = None,
    device: DeviceName = "cpu",
    **reading: Unpack[DataKeywords],
) -> tuple[Evaluation, int]:
    """Test a saved classifier on the labelled pictures of `data` that weren't used in its training or validation.

    Returns the evaluation, and how many pictures were excluded because they were; with `include_seen` they are scored
    too, and the evaluation's `seen` says how many. The classifier's file knows them by content; where it doesn't (more
    than 100,000 pictures, or a file of an older version without its run), `seen` is None. `sure_at`: as in
    `Classifier.load`. `out`: a folder for evaluation.html, metrics.json, predictions.csv and the mistakes as pictures.
    Raises DataError where no other pictures remain, OutputError where `out` holds something other than an evaluation or
    can't be written.
    """
    model, options, engines = os.fspath(model), DataOptions(**reading), EngineOptions(engine, address, device)
    path = model_file(model)
    warn_of_splitting(options)
    require_table(data, replace(options, group=None))
    place = None if out is None else Path(out).expanduser()
    if place is not None:
        require_for_evaluation(place)
    classifier = Classifier.load(path, sure_at)
    card = classifier.card.seen
    known = card if card is not None and card.complete else read_seen(path.parent)
    found = labelled_data(data, options, progress)
    for doubt in found.doubts:
        _log.warning("pawlab: %s", doubt)
    pictures = found.pictures
    seen = [picture for picture in pictures if known and picture.sha256 in known]
    if len(seen) == len(pictures) and not include_seen:
        which = f"all {len(pictures)} pictures of {data} were" if len(pictures) > 1 else f"the picture of {data} was"
        raise DataError(
            f"{which} used in training or validation: their score would say "
            "nothing. Give other pictures, or add --include-seen (include_seen=True) to score them all the same."
        )
    gone = frozenset() if include_seen else frozenset(picture.name for picture in seen)
    asked = tuple(picture for picture in pictures if picture.name not in gone)
    scored = evaluate(classifier, asked, progress, engines.open())
    seen_too = (len(seen) - len(gone)) if known else None
    scored = replace(scored, seen=seen_too, skipped=(*found.skipped, *scored.skipped))
    if place is not None:
        document = {"model": model, "data": redacted(str(data)), **scored.to_dict(), "excluded_as_seen": len(gone)}
        command = command_of(model, redacted(str(data)), str(out), include_seen, sure_at, options, engines)
        write_evaluation(place, scored, classifier, document, command, progress)
    return scored, len(gone)


def export_int8(
    model: str | Path, out: str | Path, progress: Progress = notebook_bar, sure_at: float | None = None
) -> "Exported":
    """Write a run's classifier with convolutions in 8-bit integers, where that is quicker here and as accurate.

    `model`: a run's folder; its pictures are read again, training pictures to find the range of every value and
    validation pictures to judge by. `out`, `sure_at`: as in `export_classifier`. Raises as `export.int8.export_int8`.
    """
    from pawlab.export.int8 import export_int8 as write_int8

    return write_int8(model, pictures_of(model, progress), out, progress, sure_at)


def _renamed(fit: ResizeMode | None) -> ResizeMode | None:
    if fit is not None:
        import warnings

        warnings.warn("train(fit=...) is now resize_mode=...", DeprecationWarning, stacklevel=3)
    return fit
