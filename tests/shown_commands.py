"""The commands that documents show: read from their ```console blocks, and run as they stand.

A line that begins with `$ ` is a command, and what follows is what it says. A comment right before a block says that it
is `slow`, or `not run` and why.
"""

import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

SRC = Path(__file__).resolve().parents[1] / "src"
_BLOCK = re.compile(r"(?:^<!-- ([^\n]*) -->\n)?^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVERS = ("pawlab serve ", "pawlab review ", "pawlab label ")
_PORT = "8000"  # of documents


@dataclass(frozen=True)
class Shown:
    """A command, what its document says that it says, and the comment before its block."""

    command: str
    says: tuple[str, ...]
    note: str

    @property
    def fails(self) -> bool:
        return any(line.startswith("pawlab: ") for line in self.says)


def shown_in(text: str) -> list[Shown]:
    """Return the commands of a document in Markdown, in order."""
    found = []
    for note, block in _BLOCK.findall(text):
        for part in re.split(r"^\$ ", block.replace("\\\n", ""), flags=re.MULTILINE)[1:]:
            command, *says = part.splitlines()
            found.append(Shown(re.sub(r"\s+#\s.*", "", command).strip(), tuple(says), note))
    return found


class Shell:
    """A shell in a folder, in which `pawlab` is this source tree's; what serves goes on until the shell is closed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / ".programs"
        programs.mkdir()
        for name, arguments in {"pawlab": "-m pawlab", "python": ""}.items():
            (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
            (programs / name).chmod(0o755)
        paths = os.pathsep.join((str(programs), os.environ["PATH"]))
        self.environment = {**os.environ, "PATH": paths, "PYTHONPATH": str(SRC), "COLUMNS": "200", "NO_COLOR": "1"}
        self.port = _free_port()
        self.serving: list[subprocess.Popen[bytes]] = []

    def check(self, shown: Shown) -> None:
        """Run a command, and hold what it says against what its document says."""
        if shown.command.startswith(_SERVERS):
            self._serve(shown.command)
            return
        done = self._run(shown.command)
        told = f"$ {shown.command}\n{done.stdout}{done.stderr}"
        assert done.returncode == (2 if shown.fails else 0), told
        real = {_without_numbers(line) for line in (done.stdout + done.stderr).splitlines()}
        for line in shown.says:
            assert line.strip() in ("", "...") or _without_numbers(line) in real, f"{line!r} isn't said by {told}"

    def close(self) -> None:
        for process in self.serving:
            process.terminate()
            process.wait(30)

    def _run(self, command: str) -> "subprocess.CompletedProcess[str]":
        command = command.replace(f":{_PORT}", f":{self.port}")
        return subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    def _serve(self, command: str) -> None:
        log = self.folder / f".served-{len(self.serving)}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                f"exec {command} --port {self.port}",
                shell=True,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.serving.append(process)
        while not _answers(self.port):
            assert process.poll() is None, f"$ {command}\n{log.read_text()}"
            time.sleep(0.1)


def _without_numbers(line: str) -> str:
    """Return a line as it is on every machine: its digits are 0, its runs of blanks one blank."""
    return " ".join(re.sub(r"\d+", "0", line).split())


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
