"""A Dockerfile taken apart, and its steps taken without Docker: in a folder instead of a container."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile; `text`: what follows its `word`, on one line."""

    word: str
    text: str

    @property
    def command(self) -> list[str]:
        """The words of an instruction in JSON form, such as ENTRYPOINT's."""
        words: list[str] = json.loads(self.text.partition("CMD ")[2] or self.text)
        return words


def read_dockerfile(path: Path) -> list[Step]:
    """Return a Dockerfile's instructions in order."""
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(*line.split(" ", 1)) for line in text.splitlines() if line]


@dataclass
class Folder:
    """A folder in place of a container: what is absolute in the Dockerfile lies below `root`.

    `context`: the folder that is built from, after `.dockerignore`. `arguments`: those of the build.
    """

    root: Path
    context: Path
    arguments: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)
    place: str = "/"

    def take(self, step: Step) -> None:
        """Take one step; those that only describe an image do nothing. Raises CalledProcessError."""
        {"WORKDIR": self._go, "COPY": self._copy, "RUN": self._run, "ENV": self._set}.get(step.word, str)(step.text)

    def here(self, text: str) -> str:
        """Return a command or a path of the container as one of this machine."""
        return re.sub(r"(?<![\w.])/(opt|build|model|tmp)\b", rf"{self.root}/\1", text)

    @property
    def environment(self) -> dict[str, str]:
        """All that a process in the container has in its environment."""
        return {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(self.root), **self.variables}

    def _go(self, text: str) -> None:
        self.place = text
        Path(self.here(text)).mkdir(parents=True)

    def _copy(self, text: str) -> None:
        if text.startswith("--from="):  # of a stage before, which lies in the same folder
            return
        for name, value in self.arguments.items():
            text = text.replace(f"${{{name}}}", value)
        *sources, target = text.split()
        into = Path(self.here(target) if target.startswith("/") else self.here(self.place))
        into.mkdir(parents=True, exist_ok=True)
        for source in sources:
            found = self.context / source
            shutil.copytree(found, into / target) if found.is_dir() else shutil.copy(found, into)

    def _run(self, text: str) -> None:
        command = ["sh", "-c", self.here(text)]
        subprocess.run(
            command, cwd=self.here(self.place), env=self.environment, check=True, capture_output=True, text=True
        )

    def _set(self, text: str) -> None:
        self.variables.update(pair.split("=", 1) for pair in self.here(text).split())  # type: ignore[misc]
