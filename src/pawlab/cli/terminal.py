"""What people see in a terminal: bars while work goes on, and the few lines at its end. Everything but results goes to
standard error."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO

from pawlab.progress import Advance, silent

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


class StandardOutputError(Exception):
    """Standard output can't be written. Not an OSError: those mean files, and libraries end a program on some."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"can't write to standard output: {error.strerror or error}.")
        self.reader_left = isinstance(error, BrokenPipeError)


def prepare_streams() -> None:
    """Let unusual file names and closed streams, as in `pawlab ... >&-`, end no run."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


@contextmanager
def checked_output() -> Iterator[None]:
    """Have all that is printed within raise StandardOutputError where it can't be written."""
    with redirect_stdout(_CheckedOutput(sys.stdout)):
        yield


def drop_output() -> None:
    """Send what still waits to be written nowhere: Python would try once more at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _CheckedOutput:
    """Standard output as it is, but for the class of its errors."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with _output_at_fault():
            return self._stream.write(text)

    def flush(self) -> None:
        with _output_at_fault():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _output_at_fault() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StandardOutputError(error) from error


@contextmanager
def bar(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
    """Show a bar with rate and time left, where standard error is a terminal; a `Progress`."""
    if total == 0 or not sys.stderr.isatty():
        with silent(title, total, unit) as advance:
            yield advance
        return
    with _bars(unit) as bars:
        task = bars.add_task(title, total=total)
        yield lambda steps, note="": bars.update(task, advance=steps, description=f"{title}  {note}".rstrip())


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


def say(line: str = "") -> None:
    """Print a line for people, on standard error."""
    print(line, file=sys.stderr)


def show_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    import json

    print(json.dumps(document, indent=2, ensure_ascii=False))
