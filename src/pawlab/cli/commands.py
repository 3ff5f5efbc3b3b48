"""The program and its commands; those of one line or table stand here. Heavy imports wait for the command."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pawlab import __version__
from pawlab.cli.arguments import AsJson, Data, Seed, argument, option, path_here
from pawlab.cli.classifying import evaluate, explain, export, predict
from pawlab.cli.options import levelled, takes_data, takes_engine
from pawlab.cli.pages import label, review, serve
from pawlab.cli.runs import runs_app
from pawlab.cli.terminal import bar, show, show_json
from pawlab.cli.training import compare, train
from pawlab.datasets.options import DEFAULT, DataOptions
from pawlab.engines.options import ON_CORES, EngineOptions

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


@levelled
@takes_data
@takes_engine
def explore(
    data: Data,
    out: Annotated[
        Path | None, option("Write explore.html into this folder: a page with pictures.", callback=path_here)
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


@levelled
def recipes(
    name: Annotated[str | None, argument("Show this one in full; your own file is checked.")] = None,
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


@levelled
def backbones(
    name: Annotated[str | None, argument("Show this one in full.")] = None,
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


for _command in (train, compare, predict, explain, evaluate, export, explore, recipes, backbones, serve, review, label):
    app.command()(_command)


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
    name: Annotated[str, argument("A name that `pawlab data list` shows.")],
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
