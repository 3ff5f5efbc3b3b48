"""Commands that train: `train` and `compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pawlab.cli.arguments import (
    DATA_HELP,
    AsJson,
    Data,
    Resize,
    ResizeMode,
    Seed,
    SureAt,
    Weights,
    argument,
    option,
    path_here,
)
from pawlab.cli.options import levelled, takes_data, takes_engine
from pawlab.cli.terminal import bar, say, show, show_json
from pawlab.datasets.options import DEFAULT, DataOptions
from pawlab.engines.options import ON_CORES, EngineKeywords, EngineOptions
from pawlab.errors import PawlabError
from pawlab.files.addresses import is_address, redacted

if TYPE_CHECKING:
    from pawlab.runs.record import Run

_COMPUTING = ("engine", "address", "device")
_ANYWHERE = ("as_json", "quiet", "verbose", *_COMPUTING)  # also with a run that is there already
_NOT_ASKED = frozenset(("resume", "extend", "settings", "as_json", "quiet", "verbose"))  # of training itself


@levelled
@takes_data
@takes_engine
def train(
    context: typer.Context,
    data: Annotated[str | None, argument(DATA_HELP)] = None,
    recipe: Annotated[
        str, typer.Option(help="Which model: one that `pawlab recipes` lists, or a TOML or Python file of your own.")
    ] = "fast",
    out: Annotated[str | None, option("The run's folder, or address.", "runs/DATA-RECIPE", metavar="<path>")] = None,
    seed: Seed = 0,
    epochs: Annotated[int | None, option("Instead of the recipe's own number.", min=1)] = None,
    weights: Weights = None,
    backbone: Annotated[
        str | None,
        option(
            "Another network: a name of `pawlab backbones`, FILE.onnx, hf:OWNER/REPO[:FILE]\\[@REVISION], or auto.",
            "the recipe's",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        option("A limit on training: on epochs, or on choosing with --backbone auto.", "none; for choosing 5"),
    ] = None,
    resize_mode: Resize = None,
    sure_at: SureAt = None,
    balance: Annotated[
        Literal["auto", "none", "weights"], typer.Option(help="Whether a probe weighs all classes alike.")
    ] = "auto",
    cv: Annotated[int | None, option("Cross-validate the recipe with so many folds.", "5 for probes", min=2)] = None,
    memory: Annotated[
        float | None, option("What fitting a probe may take, in GB.", "a quarter of the machine's")
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
    resume: Annotated[Path | None, option("Go on with a run that was stopped; nothing else is needed.")] = None,
    extend: Annotated[Path | None, option("Add DATA to this run's pictures, which keep their splits.")] = None,
    as_json: AsJson = False,
    options: DataOptions = DEFAULT,
    engines: EngineOptions = ON_CORES,
) -> None:
    """Turn pictures into a tested classifier."""
    from pawlab import pipeline
    from pawlab.cli.tables import print_run
    from pawlab.recipes.settings import read_settings

    if resume is not None:
        _require_nothing_beside_resume(context)
        run = pipeline.resume(resume, progress=bar, **_engine(context))
    elif extend is not None:
        _extend(context, extend, data, as_json)
        return
    elif data is None:
        raise PawlabError("say which pictures to train on, as in `pawlab train photos/`; or try `pawlab train sample`.")
    else:
        changed = read_settings(settings or ())
        asked = {name: value for name, value in context.params.items() if name not in _NOT_ASKED}
        asked |= {"resize_mode": resize_mode or _renamed(fit), "fit": None, "set": changed, "progress": bar}
        run = pipeline.train(**asked)  # which takes our options under their names
    if as_json:
        show_json({"run": str(run.folder), **run.metrics})
    else:
        print_run(run)
    _say_sent(run, out)


@levelled
@takes_data
def compare(
    data: Data,
    recipes: Annotated[
        str, typer.Option(help="Names with commas between; `all` stands for the seventeen published ones.")
    ],
    out: Annotated[
        Path | None, option("A folder for one run per recipe.", "runs/DATA-compared", callback=path_here)
    ] = None,
    seed: Seed = 0,
    epochs: Annotated[int | None, option("Instead of the recipes' own.", min=1)] = None,
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


def _extend(context: typer.Context, run: Path, more: str | None, as_json: bool) -> None:
    """Extend a run and say what became of its score."""
    from pawlab import pipeline
    from pawlab.cli.tables import print_changes, print_run
    from pawlab.runs.extension import changes, read_score
    from pawlab.runs.record import Run

    if more is None:
        raise PawlabError(f"say which pictures to add, as in `pawlab train --extend {run} more/`.")
    beside = _given(context, ("extend", "data", "out", "report", "overwrite", *_ANYWHERE))
    if beside:
        raise PawlabError(f"--extend trains as the run was trained. Leave out {', '.join(beside)}.")
    asked = {name: context.params[name] for name in ("out", "report", "overwrite")}
    before = read_score(Run(run.expanduser()))  # now: with --overwrite the new run may take its place
    extended = pipeline.extend(run, more, progress=bar, **asked, **_engine(context))
    changed = changes(before, extended)
    if as_json:
        show_json({"run": str(extended.folder), **extended.metrics, "extended": changed})
    else:
        print_run(extended)
        print_changes(changed)
    _say_sent(extended, asked["out"])


def _say_sent(run: "Run", out: str | None) -> None:
    if out is not None and is_address(out) and not run.interrupted:
        say(f"Sent to {redacted(out)}.")


def _require_nothing_beside_resume(context: typer.Context) -> None:
    """A resumed run is the one that was begun; whatever else is asked for would be ignored."""
    beside = _given(context, ("resume", *_ANYWHERE))
    if beside:
        raise PawlabError(f"--resume goes on with a run as it was begun. Leave out {', '.join(beside)}.")


def _engine(context: typer.Context) -> EngineKeywords:
    """Return what is to compute, where the command line says it; else a run's own engine does."""
    given = any(_said(context, name) for name in _COMPUTING)
    return EngineOptions(**{name: context.params[name] for name in _COMPUTING}).keywords() if given else {}


def _said(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _given(context: typer.Context, allowed: tuple[str, ...]) -> list[str]:
    """Return what was given on the command line beside what is allowed."""
    beside = []
    for parameter in context.command.params:
        name = str(parameter.name)
        if name in allowed or not _said(context, name):
            continue
        if parameter.param_type_name == "argument":
            beside.append(name.upper())
        else:  # --epochs, --no-report
            beside.append((parameter.secondary_opts if context.params[name] is False else parameter.opts)[0])
    return beside


def _renamed(fit: ResizeMode | None) -> ResizeMode | None:
    if fit is not None:
        say("pawlab: --fit is now --resize-mode; the old name works for one more version.")
    return fit
