"""How long work tells how far it is, without knowing who listens.

A `Progress` is called with a title and the number of steps, and gives a context manager that yields `advance`:

    with progress("Computing features", total=3000) as advance:
        ...
        advance(1)

The terminal's bars live in `cli`; `silent` is for everyone who doesn't ask for them.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """Opens one bar. `total` is in `unit`s; None where it isn't known beforehand."""

    def __call__(self, title: str, total: int | None, unit: str = "pictures") -> AbstractContextManager[Advance]:
        """Open a bar with a title."""
        ...


@contextmanager
def silent(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
    """Show nothing."""
    yield lambda steps: None
