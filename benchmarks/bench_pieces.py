"""Pieces of work that are measured in turn, and the ratios between them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from measuring import CommandFailedError, Measured, measure

Run = dict[str, Any]


def said(measured: Measured) -> Run:
    """Return what a command said of itself: the JSON object in its last line, where there is one."""
    line = measured.output.strip().rpartition("\n")[2]
    return dict(json.loads(line)) if line.startswith("{") else {}


@dataclass(frozen=True)
class Piece:
    """A command with its name. `read`: what to keep of a run beside seconds and memory; `before`: done before each run,
    and not counted; `rounds`: most of its runs, where it takes long. A `peer` that can't be run is skipped with the
    reason, `lacking` where that is known beforehand; what isn't a peer must run.
    """

    name: str
    command: Sequence[str]
    read: Callable[[Measured], Run] = said
    before: Callable[[], object] = lambda: None
    environment: Mapping[str, str] = field(default_factory=dict)
    rounds: int | None = None
    peer: bool = False
    lacking: str = ""


@dataclass(frozen=True)
class Ratio:
    """One piece's figure over another's, of the same rounds. `aim`: in words, where there is one."""

    over: str
    under: str
    aim: str = ""
    of: str = "seconds"


@dataclass(frozen=True)
class Part:
    """What is measured together, in turn. `about`: sentences for the page."""

    about: str
    pieces: Sequence[Piece]
    rounds: int
    ratios: Sequence[Ratio] = ()


def measured(part: Part, say: Callable[..., object]) -> dict[str, Any]:
    """Run a part's pieces in turn, round by round. `say`: called as `print` is.

    Raises CommandFailedError where a piece fails that isn't a peer.
    """
    runs: dict[str, list[Run]] = {piece.name: [] for piece in part.pieces}
    skipped = {piece.name: piece.lacking for piece in part.pieces if piece.lacking}
    for number in range(part.rounds):
        for piece in part.pieces:
            if piece.name in skipped or number >= (piece.rounds or part.rounds):
                continue
            say(f"  {piece.name}, {number + 1} of {piece.rounds or part.rounds}: ", end="")
            try:
                runs[piece.name].append(_run(piece))
            except CommandFailedError as error:
                if not piece.peer:
                    raise CommandFailedError(f"{piece.name}: {error}") from error
                skipped[piece.name] = str(error)
                runs[piece.name].clear()
            say(f"{runs[piece.name][-1]['seconds']:.2f} s" if runs[piece.name] else "skipped")
    for name, reason in skipped.items():
        say(f"  {name} is skipped: {reason}")
    compare_labels(runs)
    found = {name: {"runs": rows, "median": medians(rows)} for name, rows in runs.items() if rows}
    return {"pieces": found, "ratios": ratios(part.ratios, runs), "skipped": skipped}


def _run(piece: Piece) -> Run:
    piece.before()
    result = measure(piece.command, piece.environment)
    return {**result.to_dict(), **piece.read(result)}


def compare_labels(runs: Mapping[str, Sequence[Run]]) -> None:
    """Turn the classes that runs have `predicted` into the share that the first of such pieces predicted alike."""
    pieces = [rows for rows in runs.values() if rows and "predicted" in rows[0]]
    expected = pieces[0][0]["predicted"] if pieces else []
    for run in (run for rows in pieces for run in rows):
        same = sum(a == b for a, b in zip(run.pop("predicted"), expected, strict=True))
        if len(pieces) > 1:
            run["same_labels"] = round(same / len(expected), 4)


def medians(runs: Sequence[Run]) -> Run:
    """Return the median of each figure, of the runs that have it: one may end before its memory is looked at."""
    names = dict.fromkeys(name for run in runs for name, value in run.items() if isinstance(value, int | float))
    return {name: median(run[name] for run in runs if name in run) for name in names}


def ratios(asked: Sequence[Ratio], runs: Mapping[str, Sequence[Run]]) -> list[dict[str, Any]]:
    """Return each ratio whose pieces ran: round by round, and their median."""
    result = []
    for ratio in asked:
        pairs = list(zip(runs[ratio.over], runs[ratio.under], strict=False))
        values = [round(over[ratio.of] / under[ratio.of], 3) for over, under in pairs]
        if values:
            result.append({**vars(ratio), "runs": values, "median": median(values)})
    return result
