"""A run: its folder's files, and what they hold."""

import csv
import platform
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from pawlab.classifier import FILE_NAME, Classifier
from pawlab.datasets.dataset import SPLITS, Dataset, Split
from pawlab.errors import DataError, OutputError, counted
from pawlab.evaluation.history import Epoch, read_history
from pawlab.names import json_text, listed, write_csv
from pawlab.notebook import run_html
from pawlab.parallel import cores
from pawlab.storage import HISTORY_FILE as HISTORY_FILE
from pawlab.storage import RUN_FILE as RUN_FILE
from pawlab.storage import finite, replacing_file, strict_json

METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "predictions.csv"
SPLIT_FILE = "split.csv"
EARLIER_SPLIT_FILE = "earlier_split.csv"  # of a run that isn't finished: the split.csv that it takes its splits from
LABEL_ISSUES_FILE = "label_issues.csv"

_VERSIONS_OF = (
    *("pawlab", "numpy", "pillow", "onnx", "onnxruntime", "scikit-learn", "scipy"),
    *("keras", "tensorflow", "tensorflow-cpu"),
)


_SHA256 = re.compile("[0-9a-f]{64}")


class SplitRow(NamedTuple):
    """A row of split.csv."""

    path: str
    label: str
    split: Split
    sha256: str


@dataclass(frozen=True, repr=False)
class Run:
    """A run in its folder, which may be given as text. `metrics` is what metrics.json holds."""

    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))

    def __fspath__(self) -> str:
        """Stand for its folder, wherever a path is taken."""
        return str(self.folder)

    def __repr__(self) -> str:
        what = "not finished"
        if (self.folder / METRICS_FILE).is_file():
            test = self.metrics["test"]
            what = f"test accuracy {test['accuracy']:.3f} on {test['pictures']} pictures"
        return f"Run({str(self.folder)!r}, {what})"

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Return the numbers in metrics.json."""
        return _read_json(self.folder / METRICS_FILE)

    @cached_property
    def record(self) -> dict[str, Any]:
        """Return what run.json holds: recipe, seed, versions, machine, data, command."""
        return _read_json(self.folder / RUN_FILE)

    @property
    def history(self) -> tuple[Epoch, ...]:
        """Return the epochs that have been done, in order."""
        path = self.folder / HISTORY_FILE
        return read_history(path) if path.is_file() else ()

    @property
    def interrupted(self) -> bool:
        """Say whether Ctrl-C ended its training early. Its classifier is what had been learned; a resume goes on."""
        return bool(self.record.get("interrupted"))

    @property
    def finished(self) -> bool:
        """Say whether nothing is left to be done."""
        return (self.folder / METRICS_FILE).is_file() and not self.interrupted

    @property
    def page(self) -> Path:
        """Return where report.html lies, where one was made."""
        return self.folder / "report.html"

    @cached_property
    def classifier(self) -> Classifier:
        """Return the classifier that the run made."""
        return Classifier.load(self.folder / FILE_NAME)

    def _repr_html_(self) -> str:
        metrics = self.metrics if (self.folder / METRICS_FILE).is_file() else None
        return run_html(self.folder, metrics, self.page)


def write_json(values: dict[str, Any], path: Path) -> None:
    """Write a JSON file for people and programs; a number that isn't finite becomes null."""
    with replacing_file(path) as partial:
        partial.write_text(json_text(finite(values), indent=2) + "\n", encoding="utf-8")


def write_beginning(record: dict[str, Any], earlier: bytes | None, folder: Path) -> None:
    """Write all that going on with a run takes. run.json comes last: where it is, the rest is, too.

    `earlier`: the split.csv that the run takes its splits from.
    """
    if earlier is not None:
        with replacing_file(folder / EARLIER_SPLIT_FILE) as partial:
            partial.write_bytes(earlier)
    write_json(record, folder / RUN_FILE)


def write_rows(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]], path: Path) -> None:
    """Write a CSV file, by the rules of `pawlab.names`."""
    with replacing_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        write_csv([header, *rows], file)


def write_split(dataset: Dataset, path: Path) -> None:
    """Write split.csv: every picture that was used."""
    rows = ((item.name, item.label, item.split, item.sha256) for item in dataset.pictures)
    write_rows(SplitRow._fields, rows, path)


def read_split(folder: Path) -> dict[str, Split]:
    """Return the split of every content of a run. Raises as `read_split_file`."""
    return {sha256: row.split for sha256, row in read_split_file(folder / SPLIT_FILE).items()}


def read_seen(folder: Path) -> frozenset[str]:
    """Return the SHA-256 of every training and validation picture of a run; empty where there is no split.csv.

    Raises DataError where it isn't whole.
    """
    if not (folder / SPLIT_FILE).is_file():
        return frozenset()
    return frozenset(sha256 for sha256, split in read_split(folder).items() if split != "test")


def read_split_file(path: Path) -> dict[str, SplitRow]:
    """Return the rows of a split.csv by content.

    Raises DataError where there is none, or it isn't whole as `write_split` wrote it.
    """
    try:
        return {row.sha256: row for row in split_rows(path)}
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror or error}. {_instead_of(path.parent)}") from error


def _instead_of(folder: Path) -> str:
    """Return what to do where a folder has no split.csv."""
    if (folder / RUN_FILE).is_file() and not (folder / METRICS_FILE).is_file():
        return f"That run isn't finished: go on with `pawlab train --resume {folder}` first."
    return "Give a folder that `pawlab train` made."


def split_rows(path: Path) -> Iterator[SplitRow]:
    """Yield the rows of a split.csv. Raises OSError, and DataError where it isn't whole as `write_split` wrote it."""
    data = path.read_bytes()
    if not data:
        raise _damaged(path, "it is empty")
    if not data.endswith(b"\n"):
        raise _damaged(path, "it is cut off")
    rows = csv.reader(StringIO(data.decode("utf-8", "surrogateescape"), newline=""), strict=True)
    try:
        if tuple(next(rows)) != SplitRow._fields:
            raise _damaged(path, f"its first line isn't {','.join(SplitRow._fields)}")
        number = 1
        for number, row in enumerate(rows, start=2):
            yield _split_row(path, number, row)
    except csv.Error as error:
        raise _damaged(path, f"line {rows.line_num}: {error}") from error
    if number == 1:
        raise _damaged(path, "it names no picture")


def _split_row(path: Path, number: int, row: list[str]) -> SplitRow:
    if len(row) != len(SplitRow._fields):
        raise _damaged(path, f"row {number} has {counted(len(row), 'cell', 'cells')}, not {len(SplitRow._fields)}")
    name, label, given, sha256 = row
    split = next((one for one in SPLITS if one == given), None)
    if split is None:
        raise _damaged(path, f"row {number} has '{given}' for a split, not {listed(SPLITS, 'or')}")
    if not _SHA256.fullmatch(sha256):
        raise _damaged(path, f"row {number} has '{sha256}' for a SHA-256, not 64 hexadecimal digits")
    return SplitRow(name, label, split, sha256)


def _damaged(path: Path, what: str) -> DataError:
    return DataError(f"{path} is damaged: {what}. Bring the file back as it was, or train that run anew.")


def versions() -> dict[str, str]:
    """Return the version of Python and of each library that bears on the result, where installed."""
    found = {"python": platform.python_version()}
    for name in _VERSIONS_OF:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
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
    """Read a run's file. Raises OutputError where it isn't there or isn't whole."""
    try:
        values = strict_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        hint = "Give the folder of a run that `pawlab train` made."
        raise OutputError(f"can't read {path}: {error.strerror or error}. {hint}") from error
    except ValueError as error:
        raise OutputError(f"{path} is damaged: it isn't JSON. Train anew.") from error
    if not isinstance(values, dict):
        raise OutputError(f"{path} is damaged: it holds no JSON object. Train anew.")
    return values
