"""`make soak`: all fuzzers and kills for some minutes; counts at the end, and a log as data.

    python tests/fuzz/soak.py                                   20 minutes, or SOAK_MINUTES
    python tests/fuzz/soak.py --kind decoder --seed 7 --number 4200    one case again, with its traceback

Some processes each go through all kinds in turn, a hundred cases a time, and one more kills commands. What dies or
hangs is a failure too, and is replaced.
"""

import argparse
import contextlib
import faulthandler
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / name) for name in ("fuzz", "")]

_ROUND = {"decoder": 100, "archives": 100, "cards": 100, "tables": 100, "weights": 100, "requests": 100}
_ROUND |= {"recipes": 20, "trees": 15, "flips": 10}
_SILENCE = 300  # seconds without a line, after which a process hangs
_TABLE = "<!-- what make soak counted -->"
_SAID_EVERY = 30  # seconds
_LIBRARIES = ("pillow", "numpy", "onnx", "onnxruntime", "pyarrow", "fastapi", "uvicorn")


def fuzz(seed: int, first_round: int) -> None:
    """Go through all kinds, round after round, telling a line for each; until killed."""
    from fuzzing import run_cases

    for number in range(first_round, sys.maxsize):
        for kind, count in _ROUND.items():
            tell(begun={"kind": kind, "seed": seed, "round": number, "number": number * count})
            outcome = run_cases(kind, seed, number * count, count)
            tell(**outcome.to_dict(), memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def kill(seed: int, first: int) -> None:
    """Kill command after command, telling a line for each; until killed."""
    with killing_ground() as ground:
        from kills import one_case

        for number in range(first, sys.maxsize):
            tell(begun={"kind": "kill", "seed": seed, "round": number, "number": number})
            tell(**one_case(ground, seed, number))


def some_kills(seed: int, first: int, count: int) -> int:
    """Kill some commands, tell how that went, and return the exit code."""
    with killing_ground() as ground:
        from kills import one_case

        cases = [one_case(ground, seed, number) for number in range(first, first + count)]
    for case in cases:
        print(json.dumps(case))
    failures = sum(case["failure"] is not None for case in cases)
    print(f"{count} commands, {failures} failures")
    return 1 if failures else 0


@contextlib.contextmanager
def killing_ground() -> Iterator[Any]:
    """Give the ground on which commands are killed."""
    from kills import Ground

    with tempfile.TemporaryDirectory(prefix="pawlab-kills-", ignore_cleanup_errors=True) as place:
        ground = Ground(Path(place))
        try:
            yield ground
        finally:
            ground.close()


def tell(**what: Any) -> None:
    """Print a line of JSON."""
    print(json.dumps(what), flush=True)


@dataclass
class Tally:
    """What has been counted so far."""

    cases: Counter[str] = field(default_factory=Counter)
    past: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    memory: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, line: dict[str, Any]) -> None:
        """Count what a process told."""
        kind = line["kind"]
        if kind == "kill":
            self.kills[line["way"] if line.get("code") != 0 else "ended before"] += 1
            self.failures += [line] if line["failure"] else []
            return
        self.cases[kind] += line["cases"]
        self.past[kind] += line["past"]
        self.seconds[kind] += round(line["seconds"], 1)
        self.slowest, self.memory = max(self.slowest, line["slowest"]), max(self.memory, line["memory"])
        self.failures += [{"kind": kind, **failure} for failure in line["failures"]]

    @property
    def killed(self) -> int:
        """How many commands were ended before they were done."""
        return sum(count for way, count in self.kills.items() if way != "ended before")

    def line(self) -> str:
        """Return it in a line."""
        return f"{sum(self.cases.values()):,} cases, {self.killed} kills, {len(self.failures)} failures"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        kinds = {name: {"cases": self.cases[name], "past_first_check": self.past[name]} for name in self.cases}
        return {"kinds": kinds, "kills": dict(self.kills), "slowest_seconds": round(self.slowest, 2),
                "memory_mb": self.memory // 1000, "failures": self.failures}  # fmt: skip


class Watched:
    """A process that fuzzes or kills, replaced when it dies or hangs."""

    def __init__(self, what: str, seed: int, tally: Tally) -> None:
        self._what, self._seed, self._tally, self._round = what, seed, tally, 0
        self._begun: dict[str, Any] = {}
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._start()

    def _start(self) -> None:
        self._heard = time.monotonic()
        command = [sys.executable, str(Path(__file__)), f"--{self._what}", "--seed", str(self._seed)]
        command += ["--number", str(self._round)]
        cache = Path(os.environ["PAWLAB_CACHE_DIR"], f"{self._what}-{self._seed}")  # what others make isn't left over
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            start_new_session=True,
            env={**os.environ, "PAWLAB_CACHE_DIR": str(cache)},
        )
        Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for text in process.stdout:
            self._heard = time.monotonic()
            try:
                line = json.loads(text)
            except ValueError:
                self._tally.failures.append({**self._begun, "error": f"something printed {text[:500]!r}"})
                continue
            if "begun" in line:
                self._begun = line["begun"]
            else:
                self._tally.add(line)

    def look(self) -> None:
        """Note and replace a process that has died or hangs."""
        code = self._process.poll()
        if code is None and time.monotonic() - self._heard < _SILENCE:
            return
        self.stop()
        self._errors.seek(0)
        said = self._errors.read()[-3000:]
        self._errors.truncate(0)
        what = "it hung" if code is None else f"its process died ({code})"
        self._tally.failures.append({**self._begun, "error": f"{what} within the cases from this on: {said}"})
        self._round = self._begun.get("round", 0) + 1
        self._start()

    def stop(self) -> None:
        """End the process with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        self._process.wait()


def soak(minutes: float, seed: int, processes: int) -> dict[str, Any]:
    """Run everything for some minutes and return the log."""
    tally, start = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="pawlab-soak-", dir=_memory(), ignore_cleanup_errors=True) as place:
        os.environ |= {"TMPDIR": place, "PAWLAB_CACHE_DIR": str(Path(place, "cache")), "PAWLAB_THREADS": "1"}
        watched = [Watched("fuzz", seed + number, tally) for number in range(processes)]
        watched.append(Watched("kill", seed, tally))
        try:
            said = start
            while time.monotonic() < start + 60 * minutes:
                time.sleep(1)
                for one in watched:
                    one.look()
                if time.monotonic() - said >= _SAID_EVERY:
                    said = time.monotonic()
                    print(f"{(said - start) / 60:5.1f} min: {tally.line()}", flush=True)
        finally:
            for one in watched:
                one.stop()
    return {"date": datetime.now(UTC).date().isoformat(), "minutes": minutes, "seed": seed, "processes": processes,
            "python": platform.python_version(), "system": platform.platform(), "versions": _versions(),
            **tally.to_dict()}  # fmt: skip


def _memory() -> str | None:
    """Return a folder in memory, where there is one: a hundred thousand small files are quicker there."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        with contextlib.suppress(Exception):
            found[name] = version(name)
    return found


def repeat(kind: str, seed: int, number: int, count: int) -> int:
    """Run cases again and print what fails; return the exit code."""
    from fuzzing import run_cases

    outcome = run_cases(kind, seed, number, count)
    for failure in outcome.failures:
        print(f"{kind} {failure['number']}: {failure['error']}")
    print(f"{outcome.cases} cases, {outcome.past} past the first check, {len(outcome.failures)} failures")
    return 1 if outcome.failures else 0


def main() -> int:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("SOAK_MINUTES", "20")))
    parser.add_argument("--seed", type=int, default=int(time.time()) // 86400 * 1000, help="the day's by default")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--log", type=Path, default=HERE.parents[1] / "docs" / "soak.json")
    parser.add_argument("--kind", help="repeat cases of this kind")
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--kills", type=int, help="kill so many commands, and nothing else")
    parser.add_argument("--fuzz", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--kill", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    faulthandler.enable()
    warnings.simplefilter("ignore")
    if given.fuzz or given.kill:
        sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)  # what libraries print by themselves goes elsewhere
        (fuzz if given.fuzz else kill)(given.seed, given.number)
    if given.kills:
        return some_kills(given.seed, given.number, given.kills)
    if given.kind:
        return repeat(given.kind, given.seed, given.number, given.count)
    log = soak(given.minutes, given.seed, given.processes)
    given.log.write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
    page = given.log.with_name("reliability.md")
    if page.is_file():
        page.write_text(with_table(page.read_text(encoding="utf-8"), log), encoding="utf-8")
    return report(log, given.log)


def with_table(page: str, log: dict[str, Any]) -> str:
    """Return the page with the log's counts in the place of those of the log before it."""
    before, _, rest = page.partition(_TABLE)
    after = rest.partition(_TABLE)[2]
    rows = [
        f"| {kind} | {counts['cases']:,} | {counts['past_first_check']:,} | {_failed(log, kind)} |"
        for kind, counts in log["kinds"].items()
    ]
    rows += [f"| commands: {way} | {count:,} | | |" for way, count in log["kills"].items() if way != "ended before"]
    killed = sum(log["kills"].values()) - log["kills"].get("ended before", 0)
    rows.append(f"| all kills | {killed:,} | | {_failed(log, 'kill')} |")
    head = f"On {log['date']}, {log['minutes']:g} minutes, seed {log['seed']}, Python {log['python']}, {log['system']}:"
    table = ["| kind | cases | past the first check | failures |", "| --- | ---: | ---: | ---: |", *rows]
    return f"{before}{_TABLE}\n{head}\n\n" + "\n".join(table) + f"\n{_TABLE}{after}"


def _failed(log: dict[str, Any], kind: str) -> int:
    return sum(failure.get("kind") == kind for failure in log["failures"])


def report(log: dict[str, Any], path: Path) -> int:
    """Print the counts; return the exit code."""
    for name, counts in log["kinds"].items():
        print(f"{name:10} {counts['cases']:9,} cases, {counts['past_first_check']:9,} past the first check")
    for way, count in log["kills"].items():
        print(f"{way:14} {count:5,} commands")
    for failure in log["failures"][:20]:
        print(json.dumps({name: value for name, value in failure.items() if name != "input"}, indent=1)[:3000])
    print(f"{len(log['failures'])} failures; the log is {path}")
    return 1 if log["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
