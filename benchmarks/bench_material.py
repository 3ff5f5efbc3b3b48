"""What `bench.py` measures on: pictures, a trained run and its other forms, environments for peers; made when needed.

All of it lies in one work folder, out of the user's cache and of the repository. Nothing of it is measured.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from shutil import copyfile, copytree, rmtree

from measuring import CommandFailedError, measure

HERE = Path(__file__).resolve().parent
PAWLAB = (sys.executable, "-m", "pawlab")
PEERS = {  # what each needs, beside NumPy and Pillow, in an environment of its own
    "openvino": ("openvino==2026.4.1", "--no-deps"),  # its one other dependency is telemetry
    "litert": ("ai-edge-litert==2.3.0",),
    "timm": ("timm==1.0.31", "torch==2.13.0"),
}


@dataclass(frozen=True)
class Material:
    """`data`: what `pawlab train` takes. `work`: the folder for all that is made."""

    data: str
    work: Path
    quick: bool
    full: bool
    epochs: int
    rounds: int

    @cached_property
    def threads(self) -> int:
        """Return how many threads pawlab computes with; peers get as many."""
        return int(measure([sys.executable, "-c", "from pawlab.parallel import cores; print(cores())"]).output)

    @cached_property
    def photos(self) -> Path:
        """Return a folder of the data's pictures, SPLIT/CLASS/FILE."""
        name = self.data if self._is_known else sha256(str(Path(self.data).resolve()).encode()).hexdigest()[:12]
        return self._made(f"photos-{name}", "photos", self.data)

    @property
    def _is_known(self) -> bool:
        return not Path(self.data).exists()

    @property
    def test_class(self) -> Path:
        """Return a folder of test pictures, all of one class."""
        return min((self.photos / "test").iterdir())

    def crops(self, count: int) -> Path:
        """Return a folder of so many random crops, CLASS/FILE."""
        return self._made(f"crops-{count}-{self.photos.name}", "crops", str(self.photos), str(count))

    def _made(self, name: str, *command: str) -> Path:
        folder = self.work / name
        if not folder.is_dir():
            print(f"making {folder}", file=sys.stderr, flush=True)
            measure([sys.executable, str(HERE / "made_pictures.py"), *command, str(folder)], self.environment)
        return folder

    def some(self, count: int) -> Path:
        """Return a folder of so many of the photos, side by side, evenly from all."""
        folder = self.work / f"{count}-of-{self.photos.name}"
        if not folder.is_dir():
            paths = sorted(path for path in self.photos.glob("*/*/*") if path.is_file())
            with whole(folder) as partial:
                for number in range(min(count, len(paths))):
                    path = paths[number * len(paths) // min(count, len(paths))]
                    copyfile(path, partial / f"{number:05}{path.suffix}")
        return folder

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables for every command of ours: a cache that is the benchmark's own."""
        return {"PAWLAB_CACHE_DIR": str(self.work / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}

    def with_network_alone(self, cache: Path) -> None:
        """Make a cache in which lies the default network, as a run before has left it, and nothing else."""
        rmtree(cache, ignore_errors=True)
        copytree(self.run.parent / "cache" / "backbones", cache / "backbones")

    @cached_property
    def run(self) -> Path:
        """Return a run of the data by the default recipe, trained anew for every call of `bench.py`."""
        folder = self.work / "run"
        print(f"training {folder}", file=sys.stderr, flush=True)
        command = [*PAWLAB, "train", self.data, "--no-report", "--overwrite", "--out", str(folder)]
        measure(command, self.environment)
        return folder

    @cached_property
    def size(self) -> str:
        """Return the pixels each way that the run's pictures are brought to."""
        record = json.loads((self.run / "run.json").read_text(encoding="utf-8"))
        return str(record["recipe"]["preprocess"]["height"])

    @cache  # noqa: B019  (it lives as long as the program)
    def exported(self, form: str) -> Path:
        """Return the run in another form, named as `pawlab export --to` names it."""
        target = self.work / f"model.{form}"
        target.unlink(missing_ok=True)
        measure([*PAWLAB, "export", str(self.run), "--to", form, "--out", str(target)], self.environment)
        return target

    @cache  # noqa: B019
    def peer(self, name: str) -> tuple[str, str]:
        """Return the Python of a peer's environment, made once, and why there is none, "" where there is."""
        folder = self.work / "environments" / PEERS[name][0]
        python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
        if (folder / "installed").is_file():
            return python, ""
        print(f"installing {PEERS[name][0]} into {folder}", flush=True)
        constraints = ["--constraint", str(HERE.parent / "constraints.txt")]
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *constraints]
        try:
            measure([sys.executable, "-m", "venv", "--clear", str(folder)])
            measure([*pip, "numpy", "pillow"])
            measure([*pip, *PEERS[name]])
        except CommandFailedError as error:
            return python, f"{PEERS[name][0]} can't be installed: {error}"
        (folder / "installed").touch()
        return python, ""


@contextmanager
def whole(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the name of `folder` in the end."""
    partial = folder.with_name(folder.name + ".partial")
    rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    partial.rename(folder)
