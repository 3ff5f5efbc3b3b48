"""The one way in which a benchmark runs a command: in a fresh process, with its seconds and its memory.

`peak_mb` is the most that was resident, by the system's own count (wait4), mapped files included. `anonymous_mb` is the
most that wasn't a mapped file: RssAnon of /proc, looked at 20 times a second. Both are of the process itself, without
its children; 1 MB is 1,000,000 bytes. macOS knows the first alone, Windows none: None stands there.

A process begins as a copy of this one, which the system counts too: what measures must be small itself.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import IO, Any

_PAUSE = 0.05  # seconds between two looks at a process's memory
_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss


class CommandFailedError(Exception):
    """A command ended with an error: its exit code, and the last line that it said."""


@dataclass(frozen=True)
class Measured:
    """What a command took, in seconds of the wall and of processors, and MB; and what it printed."""

    seconds: float
    processor_seconds: float | None
    peak_mb: float | None
    anonymous_mb: float | None
    output: str

    def to_dict(self) -> dict[str, float]:
        """Return what could be measured, rounded."""
        names = ("seconds", "processor_seconds", "peak_mb", "anonymous_mb")
        known = {name: getattr(self, name) for name in names}
        return {name: round(value, 3 if "seconds" in name else 1) for name, value in known.items() if value is not None}


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end. `environment`: variables beside this process's own.

    Raises CommandFailedError where it can't be started or fails; a Ctrl-C ends it too.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = perf_counter()
        process = started(command, environment, output, errors)
        with watching(process.pid) as watch:
            usage = waited_for(process)
        seconds = perf_counter() - start
        if process.returncode:
            raise CommandFailedError(f"exit {process.returncode}: {last_line(errors) or last_line(output)}")
        processor = None if usage is None else usage.ru_utime + usage.ru_stime
        peak = None if usage is None else usage.ru_maxrss * _UNIT / 1e6
        return Measured(seconds, processor, peak, watch.most, text_of(output))


def started(
    command: Sequence[str], environment: Mapping[str, str] | None, output: IO[bytes], errors: IO[bytes]
) -> "subprocess.Popen[bytes]":
    try:
        variables = {**os.environ, **(environment or {})}
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=variables)
    except OSError as error:
        raise CommandFailedError(f"{command[0]} can't be started: {error.strerror or error}") from error


def waited_for(process: "subprocess.Popen[bytes]") -> Any:
    """Wait for a process and return the resources it used; None on systems that don't say."""
    try:
        if not hasattr(os, "wait4"):
            process.wait()
            return None
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


class watching:  # noqa: N801  (it is used as a function)
    """Look at a process's anonymous memory, until the `with` ends. `most`: in MB; None where nothing was seen."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.most: float | None = None
        self._over = Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> "watching":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            now = memory_mb(self.pid, "RssAnon")
            if now is not None:
                self.most = max(now, self.most or 0.0)
            if self._over.wait(_PAUSE):
                return


def memory_mb(pid: int, kind: str) -> float | None:
    """Return a process's memory in MB by its name in /proc/PID/status, as VmRSS or RssAnon; None where it isn't."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(rf"^{kind}:\s*(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else None


def text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def last_line(file: IO[bytes]) -> str:
    lines = text_of(file).split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
