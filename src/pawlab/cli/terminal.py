"""What people see in a terminal: bars while work goes on, and the few lines at its end. Everything but results goes to
standard error."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from pawlab.names import json_text, on_terminal
from pawlab.progress import Advance, silent

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

_PAUSE = 5.0  # seconds between two lines on the same work, where there's no terminal


def prepare_streams() -> None:
    """Let unusual file names and closed streams, as in `pawlab ... >&-`, end no run and spoil no file."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # else the next file that is opened would get the number, and what is printed
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def drop_output() -> None:
    """Send what still waits to be written nowhere: Python would try once more at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Level:
    """How much is said: -q silences all but results and mistakes, -v adds what is worth knowing of each step."""

    quiet = False
    verbose = False


def set_level(quiet: bool, verbose: bool) -> None:
    """Set how much is said from here on."""
    _Level.quiet, _Level.verbose = quiet, verbose and not quiet


@contextmanager
def bar(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
    """Show a bar with rate and time left, where standard error is a terminal, and else a line now and then; a
    `Progress`.
    """
    if total == 0 or _Level.quiet:
        with silent(title, total, unit) as advance:
            yield advance
    elif not sys.stderr.isatty():
        yield from _lines(title, total, unit)
    else:
        with _bars(unit) as bars:
            task = bars.add_task(title, total=total)
            yield lambda steps, note="": bars.update(task, advance=steps, description=f"{title}  {note}".rstrip())


def _lines(title: str, total: int | None, unit: str) -> Iterator[Advance]:
    """Print how far work is, for logs: once it has taken some seconds, and every few seconds; each epoch."""
    begun = shown = monotonic()
    done = 0

    def advance(steps: int, note: str = "") -> None:
        nonlocal done, shown
        done += steps
        now = monotonic()
        if now - shown >= _PAUSE or (unit == "epochs" and steps and now - begun >= _PAUSE):
            shown = now
            say(f"{title}: {done:,}{'' if total is None else f' of {total:,}'} {unit}  {note}".rstrip())

    yield advance
    if shown > begun or _Level.verbose:
        say(f"{title}: done, {done:,} {unit} in {monotonic() - begun:.0f} s")


def _bars(unit: str) -> "Bars":
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Rate(progress.ProgressColumn):
        def render(self, task: progress.Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{_readable(speed)} {unit}/s")

    return progress.Progress(
        *(progress.TextColumn("{task.description}"), progress.BarColumn(), progress.MofNCompleteColumn(), Rate()),
        *(progress.TimeElapsedColumn(), progress.TextColumn("left"), progress.TimeRemainingColumn()),
        console=Console(stderr=True),
    )


def _readable(number: float) -> str:
    """Return a number as people write it: 3, 120, 4.5k, 68M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{number:.0f}"


def say(line: str = "", always: bool = False) -> None:
    """Print a line for people, on standard error; with -q only what must `always` be said."""
    if always or not _Level.quiet:
        print(on_terminal(line), file=sys.stderr)


def show(line: str) -> None:
    """Print a line of the result, on standard output."""
    print(on_terminal(line))


def show_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    print(json_text(document, indent=2))


class Terminal:
    """Standard output as a text file. A terminal gets characters that it would obey spelt out; a pipe gets all."""

    def write(self, text: str) -> int:
        """Write text."""
        return sys.stdout.write(on_terminal(text, "\n") if sys.stdout.isatty() else text)
