"""This machine's cores: the engine that is there without being asked for.

One picture per run and one thread per run, as many runs at once as there are cores: a thread decodes its picture while
another is in the network, no thread waits for another, and a picture's outputs don't depend on its neighbours'.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Protocol, TypeVar

from pawlab.engines.work import Computed, ForwardPass
from pawlab.parallel import batched, map_in_threads

Result = TypeVar("Result")


class Engine(Protocol):
    """Computes something of every picture and yields the results in the pictures' order.

    `mark`: "" where the results are those of this machine's processor, bit for bit; else what they depend on, so that
    nobody takes them for those.
    """

    @property
    def mark(self) -> str:
        """Return the mark."""
        ...

    @property
    def reads_addresses(self) -> bool:
        """Say whether its workers are better at reading what lies at addresses than this process is."""
        ...

    def map(self, function: Callable[[Any], Result], sources: Iterable[Any], batch_size: int = 1) -> Iterator[Result]:
        """Yield `function(source)` for each. `batch_size`: how many a task takes where a single one is too little work.

        Raises what the function raises.
        """
        ...

    def forward(self, work: ForwardPass, sources: Iterable[Any]) -> Iterator[Computed]:
        """Yield the graph's outputs for each picture, or why it can't be read. Raises as `ForwardPass` does."""
        ...


@dataclass(frozen=True)
class Local:
    """This machine's cores."""

    @property
    def mark(self) -> str:
        """Return that it is the processor."""
        return ""

    @property
    def reads_addresses(self) -> bool:
        """Return that it isn't: a copy in the cache serves the next run too."""
        return False

    def map(self, function: Callable[[Any], Result], sources: Iterable[Any], batch_size: int = 1) -> Iterator[Result]:
        """Yield `function(source)` for each, by threads; memory stays flat however many come."""
        if batch_size == 1:
            return map_in_threads(function, sources)
        return chain.from_iterable(map_in_threads(partial(_each, function), batched(sources, batch_size)))

    def forward(self, work: ForwardPass, sources: Iterable[Any]) -> Iterator[Computed]:
        """Yield the outputs for each picture, a picture a run."""
        _ = work.on_cpu  # which opens the graph, once
        return map_in_threads(work, sources)


def _each(function: Callable[[Any], Result], sources: Iterable[Any]) -> list[Result]:
    return [function(source) for source in sources]


LOCAL: Engine = Local()
