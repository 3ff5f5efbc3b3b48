"""A run's folder: which files it has, where it goes, and how it is written and read back."""

import csv
import json
import platform
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from pawlab.classifier import FILE_NAME, Classifier
from pawlab.data.dataset import Dataset
from pawlab.errors import OutputError
from pawlab.history import Epoch, read_history
from pawlab.notebook import run_html
from pawlab.parallel import cores
from pawlab.storage import replacing_file

RUN_FILE = "run.json"
METRICS_FILE = "metrics.json"
HISTORY_FILE = "history.csv"
PREDICTIONS_FILE = "predictions.csv"
SPLIT_FILE = "split.csv"
SUSPECTS_FILE = "suspects.csv"
REPORT_FILE = "report.html"

_VERSIONS_OF = (
    *("pawlab", "numpy", "pillow", "onnx", "onnxruntime", "scikit-learn", "scipy"),
    *("keras", "tensorflow", "tensorflow-cpu"),
)


@dataclass(frozen=True)
class Run:
    """A run in its folder. `metrics` is what metrics.json holds."""

    folder: Path

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Return the numbers in metrics.json."""
        return _read_json(self.folder / METRICS_FILE)

    @cached_property
    def record(self) -> dict[str, Any]:
        """Return what run.json tells: recipe, seed, versions, machine, data, command."""
        return _read_json(self.folder / RUN_FILE)

    @property
    def history(self) -> tuple[Epoch, ...]:
        """Return the epochs that have been done, in order."""
        path = self.folder / HISTORY_FILE
        return read_history(path) if path.is_file() else ()

    @property
    def interrupted(self) -> bool:
        """Say whether Ctrl-C ended its training early. Its classifier is what had been learnt; a resume goes on."""
        return bool(self.record.get("interrupted"))

    @property
    def finished(self) -> bool:
        """Say whether nothing is left to be done."""
        return (self.folder / METRICS_FILE).is_file() and not self.interrupted

    @cached_property
    def classifier(self) -> Classifier:
        """Return the classifier that the run made."""
        return Classifier.load(self.folder / FILE_NAME)

    def _repr_html_(self) -> str:
        metrics = self.metrics if (self.folder / METRICS_FILE).is_file() else None
        return run_html(self.folder, metrics, self.folder / REPORT_FILE)


def choose_folder(out: str | Path | None, data_name: str, recipe_name: str, overwrite: bool) -> Path:
    """Return the folder for a new run: `out`, else runs/DATA-RECIPE or, where that is taken, -2, -3 and so on.

    Raises OutputError where `out` is taken or can't be written; nothing is made yet.
    """
    if out is None:
        folder = _first_free(Path("runs") / f"{data_name}-{recipe_name}")
    else:
        folder = Path(out)
        _require_free(folder, overwrite)
    _require_writable(folder)
    return folder


def _first_free(folder: Path) -> Path:
    candidate, number = folder, 1
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def _require_free(folder: Path, overwrite: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / RUN_FILE).is_file():
        raise OutputError(f"{folder} holds something other than a run. Choose another --out.")
    if overwrite:
        return
    if not (folder / METRICS_FILE).is_file():
        raise OutputError(
            f"{folder} holds a run that isn't finished. Go on with `pawlab train --resume {folder}`, "
            "choose another --out, or add --overwrite to replace it."
        )
    raise OutputError(f"{folder} holds a run already. Choose another --out, or add --overwrite to replace it.")


def _require_writable(folder: Path) -> None:
    """Find out before the work, not after it, and leave nothing behind."""
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    try:
        Path(mkdtemp(dir=existing, prefix=".pawlab-")).rmdir()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"can't write the run to {folder}: {existing}: {reason}. Choose another --out.") from error


@contextmanager
def making_folder(folder: Path) -> Iterator[None]:
    """Make a run's folder for work that goes on in it. What stood there before is gone once the work is done.

    Where the work fails before an epoch is done, the folder vanishes and what stood there before is back.
    """
    previous, parent_is_new = _put_aside(folder), not folder.parent.exists()
    folder.mkdir(parents=True)
    try:
        yield
    except BaseException:
        if not (folder / HISTORY_FILE).is_file():
            shutil.rmtree(folder)
            if parent_is_new:
                folder.parent.rmdir()
            if previous is not None:
                previous.replace(folder)
        raise
    if previous is not None:
        shutil.rmtree(previous, ignore_errors=True)


def _put_aside(folder: Path) -> Path | None:
    """Rename what stands at `folder` to a name beside it that nothing has; None where nothing stands there."""
    if not folder.exists():
        return None
    place = Path(mkdtemp(prefix=f".{folder.name}.", suffix=".previous", dir=folder.parent))
    place.rmdir()
    return folder.replace(place)


def require_unfinished(run: Run) -> None:
    """Raise OutputError unless the run was begun and then killed or interrupted."""
    if not (run.folder / RUN_FILE).is_file():
        raise OutputError(f"there is no run in {run.folder}. Give the folder of a run that was stopped.")
    if run.finished:
        raise OutputError(f"the run in {run.folder} is finished; there is nothing to resume.")


def write_json(values: dict[str, Any], path: Path) -> None:
    """Write a JSON file for people and programs."""
    with replacing_file(path) as partial:
        partial.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_rows(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]], path: Path) -> None:
    """Write a CSV file. Names that aren't valid Unicode keep their bytes."""
    with (
        replacing_file(path) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_split(dataset: Dataset, path: Path) -> None:
    """Write split.csv: every picture that was used."""
    rows = ((item.name, item.label, item.split, item.sha256) for item in dataset.pictures)
    write_rows(("path", "label", "split", "sha256"), rows, path)


def read_seen(folder: Path) -> frozenset[str]:
    """Return the SHA-256 of every picture that a run trained on or chose by; empty where there is no split.csv."""
    path = folder / SPLIT_FILE
    if not path.is_file():
        return frozenset()
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return frozenset(row["sha256"] for row in csv.DictReader(file) if row["split"] != "test")


def versions() -> dict[str, str]:
    """Return the version of Python and of each library that bears on the result, where installed."""
    found = {"python": platform.python_version()}
    for name in _VERSIONS_OF:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Return the system, processor and number of cores."""
    return {"system": platform.platform(), "processor": _processor(), "cores": cores()}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read_json(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
