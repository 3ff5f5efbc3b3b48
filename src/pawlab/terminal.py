"""What people see in a terminal: bars while work goes on, and the few lines at its end. Everything but results goes to
standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pawlab.progress import Advance

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


@contextmanager
def bar(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
    """Show a bar with rate and time left, where standard error is a terminal; a `Progress`."""
    if total == 0 or not sys.stderr.isatty():
        yield lambda steps, note="": None
        return
    with _bars(unit) as bars:
        task = bars.add_task(title, total=total)
        yield lambda steps, note="": bars.update(task, advance=steps, description=f"{title}  {note}".rstrip())


def _bars(unit: str) -> "Bars":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{readable_count(speed)} {unit}/s")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def readable_count(number: float) -> str:
    """Return a number as people write it: 3, 120, 4.5k, 68M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{number:.0f}"


def say(line: str = "") -> None:
    """Print a line for people, on standard error."""
    print(line, file=sys.stderr)


def show_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    import json

    print(json.dumps(document, indent=2, ensure_ascii=False))


def percent(share: float) -> str:
    """Return a share as people read it: 98.5%."""
    return f"{share:.1%}"
