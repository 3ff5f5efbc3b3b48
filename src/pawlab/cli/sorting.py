"""`pawlab predict --sort-into` and its undoing: a question, the call, and what came of it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pawlab.cli.predictions import say_passed_over
from pawlab.cli.terminal import bar, say, show
from pawlab.errors import PawlabError, counted

if TYPE_CHECKING:
    from pawlab.classifier import Classifier
    from pawlab.engines.local import Engine

_NAMED = 10  # files that couldn't be brought back


def sort(classifier: "Classifier", pictures: list[str], out: Path, move: bool, yes: bool, engine: "Engine") -> None:
    """Sort pictures into folders and say how many came into each."""
    from pawlab.datasets.inputs import find_pictures
    from pawlab.review.sorting import sort_found

    found = find_pictures(pictures, sys.stdin.buffer if sys.stdin else None, bar)
    if move and not yes:
        _ask(f"Move {counted(len(found.pictures), 'picture', 'pictures')} into {out}?")
    done = sort_found(classifier, found.pictures, out, move, bar, engine)
    for folder, count in sorted(done.folders.items()):
        show(f"{count:>8,}  {out / folder}")
    if done.before:
        say(f"{counted(done.before, 'picture was', 'pictures were')} sorted before.")
    if done.inside:
        say(f"{counted(done.inside, 'picture lies', 'pictures lie')} in {out} itself: skipped.")
    for name in done.missing:
        say(f"skipped: {name}: there is no such file")
    say_passed_over(found.passed_over)
    if done.table.is_file():
        show(f"Table      {done.table}")
        show(f"Undo       pawlab predict --undo {done.table}")


def undo(table: Path, beside: bool) -> None:
    """Take a sorting back, and name what couldn't be."""
    from pawlab.files.sorting import undo as take_back

    if beside:
        raise PawlabError("--undo takes a sorting back by its table alone. Leave out the model and the pictures.")
    left = take_back(table)
    if not left:
        show(f"All is as it was before; {table} is gone.")
        return
    for problem in left[:_NAMED]:
        say(f"left: {problem}")
    more = f", {_NAMED} of them named above" if len(left) > _NAMED else ""
    raise PawlabError(f"{counted(len(left), 'file was', 'files were')} left where they are{more}. {table} stays.")


def _ask(question: str) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise PawlabError("--move asks before it moves; where nobody can answer, add --yes.")
    typer.confirm(question, abort=True, err=True)
