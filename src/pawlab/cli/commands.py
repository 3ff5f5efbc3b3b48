"""The commands: arguments in, one call, one table or line out. Heavy imports wait for the command."""

import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pawlab import __version__
from pawlab.cli.options import levelled, takes_data, takes_engine
from pawlab.cli.runs import runs_app
from pawlab.cli.terminal import Terminal, bar, say, show, show_json
from pawlab.datasets.options import DEFAULT, DataOptions
from pawlab.engines.options import ON_CORES, EngineOptions
from pawlab.errors import NetworkError, PawlabError, counted
from pawlab.files.addresses import is_address, redacted

if TYPE_CHECKING:
    from pawlab.classifier import Result
    from pawlab.cli.unfinished import Unfinished

app = typer.Typer(
    help="From a folder of pictures to a classifier you can trust.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(help="Known data sets.")
app.add_typer(data_app, name="data")
cache_app = typer.Typer(help="What pawlab keeps to save time; PAWLAB_CACHE_MB limits it.")
app.add_typer(cache_app, name="cache")
app.add_typer(runs_app, name="runs")

_DATA_HELP = (
    "A folder with one subfolder per class, or with train/ and validation/ of such; a zip or tar of either; its "
    "address (http, s3, gs, az, hf); a CSV or Parquet table with columns path and label; or a known name: sample, "
    "cats-and-dogs."
)


def _argument(text: str) -> Any:
    return typer.Argument(help=text, show_default=False)


def _option(text: str, default: str | bool = False, **more: Any) -> Any:
    """Return an option; `default`: what its help says of the default, where None stands for more than nothing."""
    return typer.Option(help=text, show_default=default, **more)


def _here(out: Path | None) -> Path | None:
    """Refuse an address where a path is to be given: a folder called `s3:` would be made."""
    if out is not None and is_address(str(out).replace(":/", "://", 1)):
        raise typer.BadParameter("give a path; only predict and train write to addresses.")
    return out


_NOT_ASKED = frozenset(("resume", "extend", "settings", "as_json", "quiet", "verbose"))  # of training itself
_TOKEN = "none on this machine alone, else one is made up"
_MANY = 50  # pictures, for which predicting shows a bar
ResizeMode = Literal["squash", "crop", "pad"]
Data = Annotated[str, _argument(_DATA_HELP)]
Model = Annotated[str, _argument("A run's folder, or its model.onnx.")]
Weights = Annotated[Path | None, _option("The backbone's pretrained weights.", "found by themselves")]
Resize = Annotated[ResizeMode | None, _option("How pictures are brought to the recipe's shape.", "the recipe's")]
SureAt = Annotated[
    float | None,
    _option("The share of answers that must be right; it is not sure of the rest.", "the highest that can be promised"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Seed = Annotated[int, typer.Option(min=0, help="Decides the split and all random numbers.")]


@app.command()
@levelled
@takes_data
@takes_engine
def train(
    context: typer.Context,
    data: Annotated[str | None, _argument(_DATA_HELP)] = None,
    recipe: Annotated[
        str, typer.Option(help="Which model: one that `pawlab recipes` lists, or a TOML or Python file of your own.")
    ] = "fast",
    out: Annotated[str | None, _option("The run's folder, or address.", "runs/DATA-RECIPE", metavar="<path>")] = None,
    seed: Seed = 0,
    epochs: Annotated[int | None, _option("Instead of the recipe's own number.", min=1)] = None,
    weights: Weights = None,
    backbone: Annotated[
        str | None,
        _option(
            "Another network: a name of `pawlab backbones`, FILE.onnx, hf:OWNER/REPO[:FILE][@REVISION].", "the recipe's"
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        _option("A limit on training: on epochs, or on choosing with --backbone auto.", "none; for choosing 5"),
    ] = None,
    resize_mode: Resize = None,
    sure_at: SureAt = None,
    balance: Annotated[
        Literal["auto", "none", "weights"], typer.Option(help="Whether a probe weighs all classes alike.")
    ] = "auto",
    cv: Annotated[int | None, _option("Cross-validate the recipe with so many folds.", "5 for probes", min=2)] = None,
    memory: Annotated[
        float | None, _option("What fitting a probe may take, in GB.", "a quarter of the machine's")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change a number of the recipe: learning_rate=1e-3, dropout=0.3, conv.filters=64; repeatable.",
            show_default=False,
            metavar="NAME=VALUE",
        ),
    ] = None,
    fit: Annotated[ResizeMode | None, typer.Option(hidden=True)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run that is in --out.")] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Make plots and report.html.")] = True,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Log for TensorBoard, epoch by epoch.")] = False,
    resume: Annotated[Path | None, _option("Go on with a run that was stopped; nothing else is needed.")] = None,
    extend: Annotated[Path | None, _option("Add DATA to this run's pictures, which keep their splits.")] = None,
    as_json: AsJson = False,
    options: DataOptions = DEFAULT,
    engines: EngineOptions = ON_CORES,
) -> None:
    """Turn pictures into a tested classifier."""
    from pawlab import pipeline
    from pawlab.cli.tables import print_run
    from pawlab.recipes import choose_recipe
    from pawlab.recipes.settings import read_settings
    from pawlab.runs.requirements import require_effect

    if resume is not None:
        _require_nothing_beside_resume(context)
        run = pipeline.resume(resume, progress=bar)
    elif extend is not None:
        _extend(context, extend, data, as_json)
        return
    elif data is None:
        raise PawlabError("say which pictures to train on, as in `pawlab train photos/`; or try `pawlab train sample`.")
    else:
        changed = read_settings(settings or ())
        given = {"--epochs": epochs is not None, "--tensorboard": tensorboard}
        require_effect(choose_recipe(recipe, changed), given)
        asked = {name: value for name, value in context.params.items() if name not in _NOT_ASKED}
        asked |= {"resize_mode": resize_mode or _renamed(fit), "fit": None, "set": changed, "progress": bar}
        run = pipeline.train(**asked)  # which takes our options under their names
    if as_json:
        show_json({"run": str(run.folder), **run.metrics})
    else:
        print_run(run)
    if out is not None and is_address(out) and not run.interrupted:
        say(f"Sent to {redacted(out)}.")


@app.command()
@levelled
@takes_data
def compare(
    data: Data,
    recipes: Annotated[
        str, typer.Option(help="Names with commas between; `all` stands for the seventeen published ones.")
    ],
    out: Annotated[
        Path | None, _option("A folder for one run per recipe.", "runs/DATA-compared", callback=_here)
    ] = None,
    seed: Seed = 0,
    epochs: Annotated[int | None, _option("Instead of the recipes' own.", min=1)] = None,
    weights: Weights = None,
    as_json: AsJson = False,
    options: DataOptions = DEFAULT,
) -> None:
    """Train several recipes on the same split, side by side; what is done already is not done again."""
    from pawlab.cli.tables import print_table
    from pawlab.pipeline import compare as compare_recipes

    names = [name.strip() for name in recipes.split(",") if name.strip()]
    try:
        compared = compare_recipes(
            data, names, out, seed=seed, epochs=epochs, weights=weights, progress=bar, **options.keywords()
        )
    except KeyboardInterrupt:
        say("The same command goes on from here.")
        raise
    if as_json:
        show_json({"recipes": compared.to_dict()})
    else:
        print_table(*compared.table())
        if compared.page.is_file():
            show(f"Page       {compared.page}")


@app.command()
@levelled
@takes_engine
def predict(
    model: Annotated[str | None, _argument("A run's folder, or its model.onnx.")] = None,
    pictures: Annotated[
        list[str] | None,
        _argument("Files, folders, archives, tables, globs, addresses, or - for a list of paths on standard input."),
    ] = None,
    form: Annotated[
        Literal["table", "json", "csv", "parquet"] | None,
        typer.Option("--format", help="How to print.", show_default="as --out ends; table"),
    ] = None,
    out: Annotated[
        str | None, _option("Write to this file, or address, instead of standard output.", metavar="<path>")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to name for each picture.")] = 1,
    sure_at: SureAt = None,
    sort_into: Annotated[Path | None, _option("Copy pictures into one folder per class below this.")] = None,
    move: Annotated[bool, typer.Option("--move", help="With --sort-into: move them; asks first.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    undo: Annotated[Path | None, _option("Take a sorting back: its sorted.csv. Nothing else is needed.")] = None,
    engines: EngineOptions = ON_CORES,
) -> None:
    """Predict what pictures show, or sort them by it."""
    from pawlab.classifier import Classifier
    from pawlab.cli import sorting

    if undo is not None:
        sorting.undo(undo, beside=model is not None)
        return
    if model is None or not pictures:
        raise PawlabError("say which model and which pictures, as in `pawlab predict runs/photos-fast new.jpg`.")
    if sort_into is None:
        if move:
            raise PawlabError("--move goes with --sort-into DIR. Say where the pictures shall go.")
        _predict(model, pictures, form, out, top, sure_at, engines)
    elif form or out or top > 1:
        raise PawlabError("--sort-into writes a table of its own. Leave out --format, --out and --top.")
    else:
        sorting.sort(Classifier.load(model, sure_at), pictures, sort_into, move, yes, engines.open())


def _predict(
    model: str,
    pictures: list[str],
    form: Any,
    out: str | None,
    top: int,
    sure_at: float | None,
    engines: EngineOptions,
) -> None:
    from pawlab.classifier import Classifier
    from pawlab.cli.predictions import choose_format, say_passed_over, write, write_text
    from pawlab.cli.unfinished import Unfinished
    from pawlab.datasets.inputs import find_pictures
    from pawlab.files.upload import writing

    if form == "parquet" and out is None:
        raise typer.BadParameter("Parquet isn't text; add --out FILE.", param_hint="--format")
    unreadable: list[str] = []
    with nullcontext() if out is None else writing(out) as path:
        form = choose_format(form, path)
        classifier, engine = Classifier.load(model, sure_at), engines.open()
        there = engine.reads_addresses
        found = find_pictures(pictures, sys.stdin.buffer if sys.stdin else None, bar, fetched=not there)
        count, top = len(found.pictures), min(top, len(classifier.classes))
        if out is None or path is None:
            predictions = classifier.predict_each(found.pictures, engine)
            write_text(_watched(predictions, count, unreadable), form, top, Terminal())
        else:
            unfinished = Unfinished(classifier, out, engine)
            with _going_on_later(unfinished):
                write(_watched(unfinished.predict_each(found.pictures), count, unreadable), form, top, path)
    if out is not None:
        unfinished.forget()
        say(f"{counted(count, 'prediction', 'predictions')} written to {redacted(out)}.")
    say_passed_over(found.passed_over)
    _print_unreadable(len(unreadable), count)


@app.command()
@levelled
def explain(
    model: Model,
    picture: Annotated[str, _argument("A picture file.")],
    out: Annotated[Path, _option("The picture to draw: a file that ends with .png, .jpg or .webp.", callback=_here)],
    label: Annotated[str | None, _option("The class to explain.", "the predicted class")] = None,
) -> None:
    """Draw where in a picture a prediction comes from."""
    from pawlab.classifier import Classifier
    from pawlab.cli.predictions import write_text
    from pawlab.evaluation.explain import write_explanation

    if out.exists() and Path(picture).exists() and out.samefile(picture):
        raise PawlabError(f"{out} is the picture itself. Choose another --out.")
    classifier = Classifier.load(model)
    prediction = classifier.predict(picture)
    heat = write_explanation(classifier, picture, out, label)
    write_text([prediction], "table", 1, Terminal())
    show(f"{out} is bright where the picture speaks for {heat.label} ({heat.method}).")


@app.command()
@levelled
@takes_data
@takes_engine
def evaluate(
    model: Model,
    data: Data,
    out: Annotated[
        Path | None, _option("A folder for a page, all predictions, metrics and the mistakes.", callback=_here)
    ] = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Score pictures of training and validation too.")
    ] = False,
    sure_at: SureAt = None,
    as_json: AsJson = False,
    options: DataOptions = DEFAULT,
    engines: EngineOptions = ON_CORES,
) -> None:
    """Test a classifier on labelled pictures that it hasn't seen."""
    from pawlab import pipeline
    from pawlab.cli.tables import print_evaluation

    asked: dict[str, Any] = {"include_seen": include_seen, "sure_at": sure_at, "out": out}
    evaluation, excluded = pipeline.evaluate_data(model, data, bar, **asked, **options.keywords(), **engines.keywords())
    if as_json:
        show_json({**evaluation.to_dict(), "excluded_as_seen": excluded})
        return
    print_evaluation(evaluation.to_dict())
    if out is not None:
        show(f"Page       {out / 'evaluation.html'}")
    if excluded:
        say(f"{counted(excluded, 'picture', 'pictures')} of training or validation excluded.")
    if evaluation.seen:
        seen = counted(evaluation.seen, "picture", "pictures")
        say(f"{seen} of training or validation included: the score is too high for new pictures.")
    if evaluation.seen is None:
        say("Whether pictures were used in training isn't known: the classifier's file doesn't hold all of them.")
    for item in evaluation.skipped:
        say(f"skipped: {item.name}: {item.reason}")


@app.command()
@levelled
def export(
    model: Model,
    to: Annotated[
        Literal["onnx", "onnx-int8", "keras", "savedmodel", "tflite", "tflite-float16"],
        _option("Which form to write."),
    ],
    out: Annotated[
        Path, _option("A file that ends with .onnx, .keras or .tflite; a SavedModel's folder.", callback=_here)
    ],
    sure_at: SureAt = None,
    as_json: AsJson = False,
) -> None:
    """Write a classifier in another form, checked on pictures, with an example of its use beside it."""
    from pawlab import pipeline
    from pawlab.export.export import export_classifier
    from pawlab.runs.pictures import validation_pictures

    if to == "onnx-int8":
        exported = pipeline.export_int8(model, out, bar, sure_at)
    else:
        judged_by = validation_pictures(model, bar) if to == "tflite-float16" else ()
        exported = export_classifier(model, to, out, bar, sure_at, judged_by)
    if as_json:
        show_json(exported.to_dict())
        return
    show(f"Export     {exported.path}, with {exported.card.name}")
    at_most = f"differ from model.onnx's by {exported.difference:.0e} at most"
    same = "are the same as model.onnx's"
    show(f"Checked    probabilities {at_most if exported.difference else same}")
    for name in exported.missing_outputs:
        show(f"Without    {name}, which model.onnx has")
    show(f"Next       python {shlex.quote(str(exported.example))} PICTURE")


@app.command()
@levelled
@takes_data
@takes_engine
def explore(
    data: Data,
    out: Annotated[
        Path | None, _option("Write explore.html into this folder: a page with pictures.", callback=_here)
    ] = None,
    recipe: Annotated[str, typer.Option(help="Whose augmentation the page shows.")] = "fast",
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="Measure what more pictures would bring, by the recipe fast.")
    ] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
    options: DataOptions = DEFAULT,
    engines: EngineOptions = ON_CORES,
) -> None:
    """Look at pictures before training: counts, baseline, findings."""
    from pawlab import exploration
    from pawlab.cli.tables import print_exploration

    asked: dict[str, Any] = {"recipe": recipe, "out": out, "learning_curve": learning_curve, "progress": bar}
    found = exploration.explore(data, seed, **asked, **options.keywords(), **engines.keywords())
    if as_json:
        show_json(found)
    else:
        print_exploration(found)
        if out is not None:
            show(f"Page       {out / 'explore.html'}")


@app.command()
@levelled
def recipes(
    name: Annotated[str | None, _argument("Show this one in full; your own file is checked.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the models that can be trained, or show one."""
    from pawlab.cli.tables import print_recipe, print_recipes
    from pawlab.recipes import RECIPES, choose_recipe
    from pawlab.recipes.summary import recipe_document

    chosen = None if name is None else choose_recipe(name)
    if as_json:
        show_json(recipe_document(chosen) if chosen else [recipe_document(recipe) for recipe in RECIPES])
    elif chosen:
        print_recipe(chosen)
    else:
        print_recipes(RECIPES)


@app.command()
@levelled
def backbones(
    name: Annotated[str | None, _argument("Show this one in full.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the pretrained networks, or show one."""
    from pawlab.backbones.table import backbone_documents
    from pawlab.cli.tables import print_backbone, print_backbones

    documents = backbone_documents(name)
    if as_json:
        show_json(documents if name is None else documents[0])
    elif name is None:
        print_backbones(documents)
    else:
        print_backbone(documents[0])


@app.command()
@levelled
def serve(
    model: Model,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    token: Annotated[
        str | None, _option("Require this token; safer in the variable.", _TOKEN, envvar="PAWLAB_TOKEN")
    ] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Require none, whoever can connect.")] = False,
    allow_host: Annotated[
        list[str] | None, _option("A further name it may be called by, as behind a proxy; repeatable.", metavar="NAME")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, _option("A site whose pages may use it; repeatable.", metavar="https://NAME")
    ] = None,
    sure_at: SureAt = None,
) -> None:
    """Predict pictures on a web page and over HTTP.

    A new model in the old one's place is used without a restart.
    """
    from pawlab.serve import serve as serve_model

    if no_token and token:
        raise typer.BadParameter("it excludes --token and PAWLAB_TOKEN.", param_hint="--no-token")
    token = "" if no_token else token or None
    serve_model(model, host, port, token, sure_at, allow_host or (), allow_origin or ())


Labels = Annotated[Path | None, _option("Where decisions are kept.", "labels.csv")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


@app.command()
@levelled
@takes_data
def review(
    data: Annotated[str, _argument("A run's folder, or data as `train` takes it.")],
    port: Port = 8000,
    options: DataOptions = DEFAULT,
) -> None:
    """Check doubtful labels on a web page, one key each; photos stay as they are."""
    from pawlab.review.reviewing import open_review
    from pawlab.serve.review import require_extra, serve_session

    require_extra("review")
    serve_session(open_review(data, options, bar), port=port)


@app.command()
@levelled
def label(
    folder: Annotated[str, _argument("A folder of pictures, or whatever else `predict` takes.")],
    classes: Annotated[str, _option("Names with commas between; more can be added on the page.")] = "",
    model: Annotated[Path | None, _option("Begin with what this run knows.", metavar="RUN")] = None,
    labels: Labels = None,
    out: Annotated[Path | None, _option("Where table and classifier go.", "runs/FOLDER-labelled")] = None,
    port: Port = 8000,
) -> None:
    """Label pictures on a web page that asks about the most useful ones first."""
    from pawlab.review.labelling import open_labelling
    from pawlab.serve.review import require_extra, serve_session

    require_extra("label")
    names = [" ".join(name.split()) for name in classes.split(",") if name.strip()]
    serve_session(open_labelling(folder, names, bar, model, labels, out), port=port)


@data_app.command("list")
@levelled
def list_data(as_json: AsJson = False) -> None:
    """List the known data sets."""
    from pawlab.cli.tables import print_known_data
    from pawlab.datasets.known import KNOWN_DATA

    if as_json:
        show_json([known.to_dict() for known in KNOWN_DATA])
    else:
        print_known_data(KNOWN_DATA)


@data_app.command("get")
@levelled
def data_get(
    name: Annotated[str, _argument("A name that `pawlab data list` shows.")],
) -> None:
    """Fetch a known data set and print where it lies."""
    from pawlab.datasets.known import get_data

    show(str(get_data(name, bar)))


@cache_app.callback(invoke_without_command=True)
def show_cache(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what the cache holds: size, time since it was last used, and what it is. Without it, work takes longer."""
    from pawlab.cli.tables import print_cache
    from pawlab.storage.cache import spaces

    if context.invoked_subcommand is not None:
        return
    found = spaces()
    if as_json:
        show_json([space.to_dict() for space in found])
    else:
        print_cache(found)


@cache_app.command("clear")
@levelled
def clear_cache() -> None:
    """Remove all that the cache holds, unless another process uses it."""
    from pawlab.storage.cache import clear

    show(f"{clear() / 1e6:,.1f} MB removed.")


@app.callback(invoke_without_command=True)
def _program(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        print(f"pawlab {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


@contextmanager
def _going_on_later(unfinished: "Unfinished") -> Iterator[None]:
    """Say how many predictions a stopped job has left, and, where this one is stopped, that it can go on."""
    if unfinished.kept:
        say(f"{counted(unfinished.kept, 'prediction is', 'predictions are')} there from before: not made again.")
    if others := unfinished.of_others:
        words = "prediction is there by another model, another", "predictions are there by another model, another"
        say(f"{counted(others, *words)} --sure-at or another device: not used.")
    try:
        yield
    except (KeyboardInterrupt, NetworkError):
        say("The same command goes on from here.")
        raise


def _watched(predictions: "Iterable[Result]", total: int, unreadable: list[str]) -> "Iterator[Result]":
    """Pass predictions on, note those that failed, and show a bar where there are many."""
    with bar("Predicting", total if total >= _MANY else 0) as advance:
        for prediction in predictions:
            advance(1)
            if prediction.error is not None:
                unreadable.append(prediction.picture)
            yield prediction


def _extend(context: typer.Context, run: Path, more: str | None, as_json: bool) -> None:
    """Extend a run and say what became of its score."""
    from pawlab import pipeline
    from pawlab.cli.tables import print_changes, print_run
    from pawlab.runs.extension import changes
    from pawlab.runs.record import Run

    if more is None:
        raise PawlabError(f"say which pictures to add, as in `pawlab train --extend {run} more/`.")
    beside = _given(context, ("extend", "data", "out", "report", "overwrite", "as_json", "quiet", "verbose"))
    if beside:
        raise PawlabError(f"--extend trains as the run was trained. Leave out {', '.join(beside)}.")
    asked = {name: context.params[name] for name in ("out", "report", "overwrite")}
    extended = pipeline.extend(run, more, progress=bar, **asked)
    changed = changes(Run(run), extended)
    if as_json:
        show_json({"run": str(extended.folder), **extended.metrics, "extended": changed})
    else:
        print_run(extended)
        print_changes(changed)


def _require_nothing_beside_resume(context: typer.Context) -> None:
    """A resumed run is the one that was begun; whatever else is asked for would be ignored."""
    beside = _given(context, ("resume", "as_json"))
    if beside:
        raise PawlabError(f"--resume goes on with a run as it was begun. Leave out {', '.join(beside)}.")


def _given(context: typer.Context, allowed: tuple[str, ...]) -> list[str]:
    """Return what was given on the command line beside what is allowed."""
    beside = []
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name in allowed or source is None or source.name != "COMMANDLINE":
            continue
        if parameter.param_type_name == "argument":
            beside.append(name.upper())
        else:  # --epochs, --no-report
            beside.append((parameter.secondary_opts if context.params[name] is False else parameter.opts)[0])
    return beside


def _print_unreadable(unreadable: int, total: int) -> None:
    if unreadable == total:
        raise PawlabError(
            f"none of the {total} pictures could be read." if total > 1 else "the picture could not be read."
        )
    if unreadable:
        say(f"{unreadable:,} of {total:,} pictures could not be read.")


def _renamed(fit: ResizeMode | None) -> ResizeMode | None:
    if fit is not None:
        say("pawlab: --fit is now --resize-mode; the old name works for one more version.")
    return fit
