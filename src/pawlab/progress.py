"""How long work reports its progress, without knowing who listens.

A `Progress` is called with a title and the number of steps, and gives a context manager that yields `advance`:

    with progress("Computing features", total=3000) as advance:
        ...
        advance(1)

Work that has more to report calls `advance(1, "loss 0.512")`; the note stands beside the bar until the next one.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from html import escape
from time import monotonic
from typing import Any, Protocol

_PAUSE = 0.2  # seconds between two looks of a notebook's bar: each is a message to the browser

Advance = Callable[..., None]  # of the steps done and, where there is one, a note


class Progress(Protocol):
    """Opens one bar. `total`: how many of `unit` there are to do; None where it isn't known beforehand."""

    def __call__(self, title: str, total: int | None, unit: str = "pictures") -> AbstractContextManager[Advance]:
        """Open a bar with a title."""
        ...


@contextmanager
def silent(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
    """Show nothing: for all who are given no other."""
    yield lambda steps, note="": None


@contextmanager
def notebook_bar(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
    """Show a bar in a notebook, which goes when the work is done; nothing anywhere else. For calls from Python."""
    place = None if total == 0 else _place_in_notebook()
    if place is None:
        yield lambda steps, note="": None
        return
    begun = shown = monotonic()
    done = 0

    def advance(steps: int, note: str = "") -> None:
        nonlocal done, shown
        done += steps
        if monotonic() - shown >= _PAUSE:
            shown = monotonic()
            place.update(_look(f"{title}  {note}".rstrip(), done, total, unit, shown - begun), raw=True)

    place.update(_look(title, 0, total, unit, 0.0), raw=True)
    try:
        yield advance
    finally:
        place.update({"text/html": "", "text/plain": ""}, raw=True)


def _place_in_notebook() -> Any:
    """Return the handle of the running cell's bar, which all its bars share; None outside of notebooks."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython
    from IPython.display import display

    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):  # a terminal's IPython shows no HTML
        return None
    cell, place = getattr(shell, "pawlab_bar", (None, None))
    if cell != shell.execution_count:
        place = display({"text/html": "", "text/plain": ""}, raw=True, display_id=True)
        shell.pawlab_bar = shell.execution_count, place
    return place


def _look(title: str, done: int, total: int | None, unit: str, seconds: float) -> dict[str, str]:
    counted = f"{done:,} {unit}" if total is None else f"{done:,} of {total:,} {unit}"
    left = f", {seconds / done * (total - done):.0f} s left" if done and total else ""
    extent = "" if total is None else f' value="{done}" max="{total}"'
    text = f"{title}: {counted}{left}"
    return {"text/html": f"<progress{extent}></progress> <small>{escape(text)}</small>", "text/plain": text}
