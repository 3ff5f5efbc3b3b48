"""Training in no time, and Ctrl-C pressed at a moment of one's choice."""

from collections.abc import Iterator
from contextlib import contextmanager

from pawlab.progress import Advance, Progress

SMALL = """
epochs = 3
preprocess = { height = 8, width = 8 }
layers = [{ kind = "flatten" }, { kind = "dense" }]
"""


def interrupting(begin: str) -> Progress:
    """A progress under which Ctrl-C is pressed when a bar whose title begins so has moved."""

    @contextmanager
    def bar(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
        def advance(steps: int, note: str = "") -> None:
            if title.startswith(begin):
                raise KeyboardInterrupt

        yield advance

    return bar
