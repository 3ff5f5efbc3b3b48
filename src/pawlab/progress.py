"""How long work tells how far it is, without knowing who listens.

A `Progress` is called with a title and the number of steps, and gives a context manager that yields `advance`:

    with progress("Computing features", total=3000) as advance:
        ...
        advance(1)

Work that has more to tell than how far it is calls `advance(1, "loss 0.512")`; the note stands beside the bar until the
next one. The terminal's bars live in `cli`; `silent` is for everyone who doesn't ask for them.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[..., None]  # of the steps done and, where there is something to tell, a note


class Progress(Protocol):
    """Opens one bar. `total` is in `unit`s; None where it isn't known beforehand."""

    def __call__(self, title: str, total: int | None, unit: str = "pictures") -> AbstractContextManager[Advance]:
        """Open a bar with a title."""
        ...


@contextmanager
def silent(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
    """Show nothing."""
    yield lambda steps, note="": None
