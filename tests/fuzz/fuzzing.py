"""All targets, and running some cases of one: each within seconds, each repeatable from its seed and number."""

import signal
import tempfile
import traceback
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from archives_target import ArchivesTarget
from cards_target import CardsTarget
from decoder_target import DecoderTarget
from flips_target import FlipsTarget
from recipes_target import RecipesTarget
from requests_target import RequestsTarget
from tables_target import TablesTarget
from target import Target, randomness
from trees_target import TreesTarget
from weights_target import WeightsTarget

TARGETS: dict[str, type[Target]] = {
    target.kind: target
    for target in (
        *(DecoderTarget, ArchivesTarget, CardsTarget, TablesTarget, WeightsTarget, RequestsTarget),
        *(RecipesTarget, TreesTarget, FlipsTarget),
    )
}
_LONGEST = 20  # seconds for one case
_SHOWN = 20_000  # bytes of an input that a report holds


@dataclass
class Outcome:
    """How some cases of one kind went. `past`: how many got past the first check."""

    kind: str
    cases: int = 0
    past: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    failures: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


@contextmanager
def opened(kind: str) -> Iterator[Target]:
    """Give a target in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="pawlab-fuzz-") as place:
        target = TARGETS[kind](Path(place))
        try:
            yield target
        finally:
            target.close()


def run_cases(kind: str, seed: int, first: int, count: int) -> Outcome:
    """Run cases `first` to `first + count - 1`; no failure ends them."""
    outcome, start = Outcome(kind), perf_counter()
    with opened(kind) as target:
        for number in range(first, first + count):
            run_one(target, seed, number, outcome)
    outcome.seconds = perf_counter() - start
    return outcome


def run_one(target: Target, seed: int, number: int, outcome: Outcome) -> None:
    """Run one case and add how it went."""
    random, begun, given = randomness(seed, target.kind, number), perf_counter(), b""
    try:
        with _within(_LONGEST):
            given = target.make(random)
            outcome.past += target.try_one(given, random)
    except Exception as error:
        shown = b64encode(given).decode() if len(given) <= _SHOWN else None
        said = "".join(traceback.format_exception(error)[-6:])
        outcome.failures.append({"seed": seed, "number": number, "error": said, "input": shown})
    outcome.cases += 1
    outcome.slowest = max(outcome.slowest, perf_counter() - begun)


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raise TimeoutError after some time, where the system has alarms."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def too_long(*_: object) -> None:
        raise TimeoutError(f"it took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
