"""The commands on runs that are there: a table of them, two side by side, and deleting them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from pawlab.cli.options import levelled
from pawlab.cli.terminal import say, show, show_json
from pawlab.errors import PawlabError, did_you_mean

if TYPE_CHECKING:
    from pawlab.runs.side_by_side import SideBySide

_LIST = "list"


class _ListedByDefault(TyperGroup):
    """A group whose first word may be a folder: `pawlab runs DIR` is `pawlab runs list DIR`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        if first not in (*self.commands, *ctx.help_option_names):
            if first and not first.startswith("-") and not Path(first).exists():
                _require_no_slip(first, list(self.commands))
            args = [_LIST, *args]
        return super().parse_args(ctx, args)


def _require_no_slip(word: str, commands: list[str]) -> None:
    if hint := did_you_mean(word, commands):
        raise PawlabError(f"there is no folder {word}, nor such a command of `pawlab runs`.{hint}")


runs_app = typer.Typer(cls=_ListedByDefault, help="Runs that are there. `pawlab runs DIR` lists those in DIR.")
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
_RUN = "A run's folder, or its name in runs/."


@runs_app.command(_LIST)
@levelled
def list_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the runs lie, at any depth.")] = Path("runs"),
    sort: Annotated[
        str,
        typer.Option(help="A column. The best scores, latest dates and shortest times come first.", metavar="COLUMN"),
    ] = "date",
    as_json: AsJson = False,
) -> None:
    """List runs: data, recipe, scores in percent with 95% intervals, date, seconds, and whether they are finished."""
    from pawlab.cli.tables import print_table
    from pawlab.runs.listing import ORDERS, list_runs

    if sort not in ORDERS:
        known = ", ".join(ORDERS)
        raise typer.BadParameter(f"'{sort}' is not one of {known}", param_hint="--sort")
    found = list_runs(folder, sort)
    if as_json:
        show_json(found.to_dict())
        return
    if found:
        print_table(*found.table(), in_lines=True)
    else:
        show(f"No runs in {folder}.")
    for run in found:
        if run.problem:
            say(run.problem)
    if sort == "test" and len(found) > 1:
        say("Choose by validation: of many test scores the best is one that was lucky, too high for new pictures.")


@runs_app.command()
@levelled
def compare(
    one: Annotated[str, typer.Argument(help=_RUN, show_default=False)],
    other: Annotated[str, typer.Argument(help="Another, tested on the same pictures.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Compare two runs on the test pictures that both have, by McNemar's exact test."""
    from pawlab.runs.side_by_side import compare_runs

    found = compare_runs(one, other)
    if as_json:
        show_json(found.to_dict())
    else:
        _print_side_by_side(found)


@runs_app.command()
@levelled
def delete(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help=_RUN, show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete runs for good, after asking; what isn't a run's own is kept, and so is a run that is being trained."""
    from pawlab.runs.deletion import delete_run, require_deletable
    from pawlab.runs.listing import find_run

    found = [find_run(name) for name in names]
    folders = list({folder.resolve(): folder for folder in reversed(found)}.values())[::-1]  # each once
    for folder in folders:
        require_deletable(folder)
    if not yes and not _agreed(folders):
        say("Nothing was deleted.")
        return
    for folder in folders:
        kept = delete_run(folder)
        show(f"Deleted {folder}." if not kept else f"Deleted the run in {folder}; kept what isn't its own:")
        for path in kept:
            show(f"  {path}")


def _agreed(folders: list[Path]) -> bool:
    from pawlab.runs.listing import listed

    if sys.stdin is None or not sys.stdin.isatty():
        raise PawlabError("deleting asks first, and nobody is there to answer. Add --yes to delete without.")
    for folder in folders:
        run = listed(folder)
        test = "" if run is None or run.test is None else f", test accuracy {run.test['accuracy']:.1%}"
        say(f"{folder}: {'' if run is None else f'{run.recipe} on {run.data}, {run.state}{test}'}", always=True)
    what = "it" if len(folders) == 1 else f"these {len(folders)}"
    print(f"Delete {what} for good? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _print_side_by_side(found: "SideBySide") -> None:
    document = found.to_dict()
    for title, side in (("One", document["one"]), ("Other", document["other"])):
        low, high = side["ci95"]
        score = f"accuracy {side['accuracy']:.1%} (95% interval {low:.1%} to {high:.1%}) of {side['pictures']:,}"
        left_out = f"; {side['left_out']:,} left out, as the other hasn't them" if side["left_out"] else ""
        show(f"{title:<11}{side['run']}: {score} test pictures, {side['only_this_right']:,} right alone{left_out}")
    show(f"Verdict    {found.sentence}")
