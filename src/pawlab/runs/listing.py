"""The runs below a folder, as a table: what each was of, its scores, and how far it came. Read from their own files."""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from pawlab.errors import OutputError, PawlabError, did_you_mean, one_line
from pawlab.notebook import comparison_html
from pawlab.runs.record import METRICS_FILE, RUN_FILE, Run

RUNS_FOLDER = Path("runs")  # where `pawlab train` puts them

State = Literal["finished", "interrupted", "not finished", "damaged"]
Order = Literal["name", "data", "recipe", "validation", "test", "date", "seconds", "state"]
ORDERS: tuple[Order, ...] = get_args(Order)

_HEADER = ("name", "data", "recipe", "validation", "test", "date", "seconds", "state")

_log = logging.getLogger("pawlab")  # where nobody sets up logging, its lines go to standard error as they are


@dataclass(frozen=True)
class ListedRun:
    """A run's line. `name`: its folder's path below the folder that was searched.

    `validation`, `test`: as in metrics.json: accuracy, ci95, pictures; None where there are none yet, as `seconds`.
    `date`: when it ended or, where it hasn't, began. `problem`: what is damaged.
    """

    name: str
    folder: Path
    state: State
    date: datetime
    data: str = ""
    recipe: str = ""
    validation: dict[str, Any] | None = None
    test: dict[str, Any] | None = None
    seconds: float | None = None
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values; the date in UTC, as ISO 8601 has it."""
        date = self.date.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {**vars(self), "folder": str(self.folder), "date": date}


class Runs(tuple[ListedRun, ...]):
    """Runs in an order; a notebook shows their table."""

    __slots__ = ()

    def to_dict(self) -> list[dict[str, Any]]:
        """Return a row per run."""
        return [run.to_dict() for run in self]

    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Return it as people read it, in text: the header, and a line per run; the date as clocks here have it."""
        return _HEADER, [_line(run) for run in self]

    def _repr_html_(self) -> str:
        return comparison_html(*self.table(), Path())


def list_runs(folder: str | Path = RUNS_FOLDER, sort: Order = "date") -> Runs:
    """Return the runs in a folder and the folders below it; hidden ones are passed over.

    `sort`: a column. The highest scores, the latest dates and the shortest times come first, what has none last. Raises
    OutputError where there is no such folder, ValueError for another `sort`.
    """
    top = Path(folder)
    if sort not in _ORDERS:
        raise ValueError(f"sort is {sort!r}; it must be one of {', '.join(ORDERS)}")
    if not top.is_dir():
        hint = "Train first, as in `pawlab train sample`, or name the folder that your runs lie in."
        raise OutputError(f"there is no folder {top}. {hint}")
    found = [run for place in _folders(top) if (run := listed(place, _name(place, top)))]
    return Runs(sorted(sorted(found, key=lambda run: run.name), key=_ORDERS[sort]))


def listed(folder: Path, name: str = "") -> ListedRun | None:
    """Return a run's line; None where the run.json in the folder is none of ours."""
    run, read, problem = Run(folder), {}, ""
    try:
        if not is_ours(run.record):
            return None
        read = _read(run)
    except OutputError as error:
        problem = str(error)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        problem = f"{folder} is damaged: {type(error).__name__}: {one_line(error)}."
    state = {"state": "damaged", "problem": problem, "date": _time_of(folder)} if problem else {}
    return ListedRun(name or folder.name, folder, **{**read, **state})


def is_ours(record: dict[str, Any]) -> bool:
    """Say whether what a run.json holds is a run's: other programs have files of that name too."""
    return "request" in record or "order" in record  # its name until 0.1


def _read(run: Run) -> dict[str, Any]:
    record = run.record
    request: dict[str, Any] = record["request"] if "request" in record else record["order"]
    recipe = record.get("recipe") or request.get("own_recipe") or {"name": request["recipe"]}
    known = {"data": str(record["data"]["name"]), "recipe": str(recipe["name"]), "date": _date(record, run.folder)}
    if not (run.folder / METRICS_FILE).is_file():
        return {**known, "state": "not finished"}
    metrics = run.metrics
    return {
        **known,
        "state": "interrupted" if run.interrupted else "finished",
        "validation": _score(metrics["validation"]),
        "test": _score(metrics["test"]),
        "seconds": float(metrics["seconds"]["total"]),
    }


def _score(values: dict[str, Any]) -> dict[str, Any]:
    low, high = values["ci95"]
    score = {"accuracy": values["accuracy"], "ci95": [low, high], "pictures": values["pictures"]}
    if not all(isinstance(number, int | float) for number in (low, high, score["accuracy"])):
        raise TypeError("an accuracy is no number")
    return score


def _date(record: dict[str, Any], folder: Path) -> datetime:
    """Return when run.json was written; older ones don't say so, but the file system does."""
    return datetime.fromisoformat(record["date"]).astimezone(UTC) if "date" in record else _time_of(folder)


def _time_of(folder: Path) -> datetime:
    try:
        return datetime.fromtimestamp((folder / RUN_FILE).stat().st_mtime, UTC)
    except OSError:  # another process has just removed it
        return datetime.fromtimestamp(0, UTC)


def _folders(folder: Path) -> Iterator[Path]:
    """Yield the folders that hold a run.json; what lies within a run, or behind a link, isn't looked at."""
    if (folder / RUN_FILE).is_file():
        yield folder
        return
    try:
        with os.scandir(folder) as entries:
            inner = [entry for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError as error:
        _log.warning("pawlab: %s was skipped: %s.", folder, error.strerror or error)
        return
    for entry in inner:
        path = folder / entry.name
        if not entry.is_symlink() or (path / RUN_FILE).is_file():
            yield from _folders(path)


def _name(folder: Path, top: Path) -> str:
    return folder.relative_to(top).as_posix() if folder != top else folder.resolve().name


def _line(run: ListedRun) -> tuple[str, ...]:
    date = run.date.astimezone().strftime("%Y-%m-%d %H:%M")
    seconds = "" if run.seconds is None else f"{run.seconds:,.0f}"
    return (run.name, run.data, run.recipe, _shown(run.validation), _shown(run.test), date, seconds, run.state)


def _shown(score: dict[str, Any] | None) -> str:
    if score is None:
        return ""
    low, high = score["ci95"]
    return f"{score['accuracy']:.1%} ({low * 100:.1f}-{high * 100:.1f})"


def _highest(split: str) -> Callable[[ListedRun], Any]:
    def key(run: ListedRun) -> tuple[bool, float]:
        score = getattr(run, split)
        return score is None, 0.0 if score is None else -score["accuracy"]

    return key


_ORDERS: dict[str, Callable[[ListedRun], Any]] = {
    **{name: lambda run, name=name: getattr(run, name) for name in ("name", "data", "recipe", "state")},  # type: ignore[misc]
    "validation": _highest("validation"),
    "test": _highest("test"),
    "date": lambda run: -run.date.timestamp(),
    "seconds": lambda run: (run.seconds is None, run.seconds or 0.0),
}


def find_run(given: str | os.PathLike[str], folder: Path = RUNS_FOLDER) -> Path:
    """Return the folder of a run: a path, or a name that `list_runs` gives. Raises OutputError where there's none."""
    given = os.fspath(given)
    places = [place for place in dict.fromkeys((Path(given), folder / given)) if (place / RUN_FILE).is_file()]
    if len(places) > 1 and not places[0].samefile(places[1]):
        raise OutputError(f"there is a run in {places[0].absolute()} and one in {places[1].absolute()}. Give its path.")
    if places:
        return places[0]
    raise OutputError(f"there is no run {given}, nor {folder / given}.{_near(given, folder)}")


def _near(given: str, folder: Path) -> str:
    try:
        known = [run.name for run in list_runs(folder)]
    except PawlabError:
        return " Give a run's folder."
    return did_you_mean(given, known) or f" `pawlab runs {folder}` lists what there is."
