"""A run under way: what was requested, on which pictures, and how long it takes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any, get_args

from pawlab.audit.measurements import Measurements
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.discover import is_gone
from pawlab.datasets.groups import Pair
from pawlab.datasets.known import is_known
from pawlab.datasets.options import DEFAULT, DataOptions
from pawlab.engines.options import ON_CORES, EngineKeywords, EngineOptions
from pawlab.errors import DataError, OutputError, PawlabError
from pawlab.features.source import FeatureSource
from pawlab.files.addresses import LEFT_OUT, is_address, redacted
from pawlab.images import ResizeMode
from pawlab.names import as_path, plain, printable
from pawlab.progress import Progress
from pawlab.recipes import RECIPES, checked_recipe, find_recipe
from pawlab.recipes.recipe import Recipe
from pawlab.runs.record import RUN_FILE, SPLIT_FILE, Run, machine, versions
from pawlab.trainers.cross_validation import FOLDS
from pawlab.trainers.fitted import Settings
from pawlab.trainers.probe import Balance

_PATHS = ("data", "weights", "directory")
_DATA_PATHS = ("split_from", "labels")  # of the options
_OLD_NAMES = {"fit": "resize_mode"}


@dataclass(frozen=True)
class Request:
    """What was asked for; run.json keeps it, so that a run can be repeated or resumed."""

    data: str
    recipe: str
    seed: int = 0
    epochs: int | None = None
    weights: str | None = None
    resize_mode: ResizeMode | None = None
    report: bool = True
    tensorboard: bool = False
    backbone: str | None = None
    minutes: float | None = None
    sure_at: float | None = None
    balance: Balance = "auto"
    cv: int | None = None
    memory: float | None = None
    options: DataOptions = DEFAULT
    set: dict[str, Any] = field(default_factory=dict)  # of the recipe; `own_recipe` has them already
    own_recipe: dict[str, Any] | None = None  # in full, where it isn't a built-in one
    more: tuple[str, ...] = ()  # what a run was extended by, and all that it extends
    engines: EngineOptions = ON_CORES
    directory: str = ""  # the working folder, from which relative paths count
    sent_to: str | None = None  # the address that `out` was

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that no run can have, PawlabError where an option of the command line is one."""
        for name in ("seed", "epochs", "minutes", "sure_at", "cv", "memory"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        _require_whole("seed", self.seed, 0)
        if self.epochs is not None:
            _require_whole("epochs", self.epochs, 1)
        if self.cv is not None:
            _require_whole("cv", self.cv, 2)
        if self.balance not in get_args(Balance):
            raise PawlabError(f"--balance can't be {self.balance!r}. Give {', '.join(get_args(Balance))}.")
        if self.memory is not None and not 0 < self.memory < 1e6:
            raise PawlabError(f"--memory is {self.memory:g}; it must be more than 0 and less than 1,000,000, in GB.")
        if self.sure_at is not None and not 0 < self.sure_at < 1:
            raise PawlabError(f"--sure-at is {self.sure_at:g}; it must be a share above 0 and below 1, as in 0.95.")

    @staticmethod
    def of(data: str | Path, recipe: str | Path | Recipe, chosen: Recipe, *others: Any) -> "Request":
        """Take what was given in Python, `others` in the fields' order; `chosen`: what `recipe` stands for."""
        named = recipe.name if isinstance(recipe, Recipe) else str(recipe)
        given: list[Any] = [str(value) if isinstance(value, Path) else value for value in others]
        own = None if chosen in RECIPES else chosen.to_dict()
        return replace(Request(data_text(data), named, *given), own_recipe=own, directory=str(Path.cwd()))

    def chosen(self) -> Recipe:
        """Return the recipe. The user's own stands here in full: no file is read, or run, again."""
        recipe = find_recipe(self.recipe) if self.own_recipe is None else Recipe.from_dict(self.own_recipe)
        if self.resize_mode is None:
            return recipe
        return replace(recipe, preprocess=replace(recipe.preprocess, resize_mode=self.resize_mode))

    def to_dict(self) -> dict[str, Any]:
        """Return its fields as plain values; an address without its password or signature."""
        short = {"options": self.options.to_dict(), "engines": self.engines.to_dict()}
        return {**asdict(self), "data": redacted(self.data), **short}

    def seen_from_here(self) -> "Request":
        """Return the request with its relative paths counted from the folder where the run was begun."""
        if not self.directory or Path(self.directory) == Path.cwd():
            return self
        options: dict[str, Any] = {
            name: self._from(path) for name in _DATA_PATHS if (path := getattr(self.options, name))
        }
        return replace(
            self,
            data=self._from(self.data),
            more=tuple(map(self._from, self.more)),
            weights=self.weights and self._from(self.weights),
            options=replace(self.options, **options),
        )

    def computed_by(self, engine: EngineKeywords) -> "Request":
        """Return the request with another engine, where one is given."""
        return replace(self, engines=EngineOptions(**engine)) if engine else self

    def extended(self, run: Path, more: str | Path, report: bool) -> "Request":
        """Return the request for this run's pictures, each in its split, and more of them."""
        here = self.seen_from_here()
        options = replace(here.options, split_from=str(run.absolute()))
        return replace(
            here, more=(*here.more, data_text(more)), options=options, report=report, directory=str(Path.cwd())
        )

    def _from(self, path: str) -> str:
        """Return a path, an address or a known name as it is to be given here."""
        absolute = path.startswith("~") or is_address(path) or is_known(path)
        return path if absolute else str(Path(self.directory, path))

    @staticmethod
    def of_run(run: Run) -> "Request":
        """Return a run's request, as seen from here, for its pictures to be read again.

        Raises as `from_record`, and DataError where its data isn't where it was.
        """
        request = Request.from_record(run.record, run.folder / RUN_FILE).seen_from_here()
        for data in (request.data, *request.more):
            if is_gone(data):
                raise _moved(run, data)
        return request

    @staticmethod
    def from_record(record: dict[str, Any], path: Path) -> "Request":
        """Read it from what run.json holds. Raises OutputError where that is no request, RecipeError for its recipe."""
        values: Any = record.get("request", record.get("order"))  # its name until 0.1
        known = {one.name for one in fields(Request)}
        try:
            given = {_OLD_NAMES.get(name, name): value for name, value in values.items()}
            given |= {name: as_path(str(given[name])) for name in _PATHS if given.get(name)}
            given["more"] = tuple(as_path(str(path)) for path in given.get("more", ()))
            given["engines"] = EngineOptions(**given.get("engines", {}))
            options = dict(given.get("options", {}))
            options |= {name: as_path(str(options[name])) for name in _DATA_PATHS if options.get(name)}
            request = Request(**{**given, "options": DataOptions(**options)})
            _require_texts(request)
        except (AttributeError, TypeError, ValueError) as error:
            needed = ", ".join(sorted(known))
            raise OutputError(f"{path} is damaged: it should hold a request with {needed}. Train anew.") from error
        if LEFT_OUT in request.data and is_address(request.data):
            raise DataError(f"{path} keeps no passwords or signatures: {request.data} can't be read again. Train anew.")
        if request.own_recipe is None:
            return request
        return replace(request, own_recipe=checked_recipe(dict(request.own_recipe), f"the recipe in {path}").to_dict())


def _moved(run: Run, data: str) -> DataError:
    gone = f"the data that {run.folder} was trained on is no longer at {printable(redacted(data))}."
    if not (run.folder / SPLIT_FILE).is_file():
        return DataError(f"{gone} Bring it back, or train anew.")
    return DataError(
        f"{gone} Bring it back; or train anew where it is now, with --split-from {run.folder} to keep its splits."
    )


def data_text(data: str | Path) -> str:
    """Return data as text. A Path is a place even where it is called like a known data set."""
    if not isinstance(data, str | Path):
        raise TypeError(f"data is {type(data).__name__}; it must be a path, an address or a known name")
    return data if isinstance(data, str) else str(data.absolute())


def _require_texts(request: Request) -> None:
    texts = (request.data, request.recipe, request.directory)
    optional = (request.weights, request.resize_mode, request.backbone, request.sent_to)
    if not all(isinstance(text, str) for text in (*texts, *(text for text in optional if text is not None))):
        raise TypeError("a name is a text")
    if not isinstance(request.own_recipe, dict | None) or not isinstance(request.set, dict):
        raise TypeError("a recipe is a table of values")


def _require_whole(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number, {least} or more")


class Stopwatch:
    """Wall seconds by stage. `fitted_before`: those of the epochs that a resumed run had done already."""

    def __init__(self, fitted_before: float = 0.0) -> None:
        self._seconds = dict.fromkeys(("discover", "features", "fit", "evaluate", "report"), 0.0)
        self._seconds["fit"] = fitted_before
        self._start = perf_counter() - fitted_before

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens within."""
        start = perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += perf_counter() - start

    def add(self, seconds: dict[str, float]) -> None:
        """Add what was timed elsewhere."""
        for name, value in seconds.items():
            self._seconds[name] += value

    def to_dict(self) -> dict[str, float]:
        """Return the seconds of each stage, and in total since the watch was made."""
        total = perf_counter() - self._start
        return {name: round(value, 3) for name, value in {**self._seconds, "total": total}.items()}


@dataclass(frozen=True)
class Context:
    """What every step of a run needs. `read`: the data, its splits assigned."""

    request: Request
    read: Measurements
    watch: Stopwatch
    progress: Progress
    command: list[str] | None = None  # by which the run was begun, where that was another than this

    @cached_property
    def recipe(self) -> Recipe:
        """Return the recipe as requested, for pictures of the data's depth."""
        recipe = self.request.chosen().fitting(self.read.sizes)
        return replace(recipe, preprocess=replace(recipe.preprocess, value_range=self.read.value_range))

    @cached_property
    def dataset(self) -> Dataset:
        """Return the data, with a note where the recipe takes pictures smaller than it could."""
        data, chosen = self.read.dataset, self.request.chosen()
        fitting = chosen.fitting(self.read.sizes)
        if fitting == chosen:
            return data
        given, taken = (f"{one.preprocess.width} x {one.preprocess.height}" for one in (chosen, fitting))
        note = f"most pictures are smaller than {given} pixels: {chosen.name} takes all at {taken}"
        return replace(data, notes=(*data.notes, note))

    @property
    def near(self) -> list[Pair]:
        """Return the pairs of contents that show the same."""
        return [(pair.first, pair.second) for pair in self.read.near]

    @property
    def source(self) -> FeatureSource:
        """Return where its features come from."""
        return FeatureSource(self.progress, self.request.engines.open())

    def settings(self, folder: Path) -> Settings:
        """Return how to train in a folder."""
        request = self.request
        weights = None if request.weights is None else Path(request.weights)
        return Settings(
            folder,
            request.seed,
            request.epochs,
            weights,
            request.tensorboard,
            request.minutes,
            near=self.near,
            folds=request.cv or FOLDS,
            balance=request.balance,
            memory=request.memory,
            progress=self.progress,
        )

    def beginning(self) -> dict[str, Any]:
        """Return what run.json holds before anything is fitted."""
        return {
            "request": self.request.to_dict(),
            "seed": self.request.seed,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": {
                "given": redacted(self.request.data),
                "name": self.dataset.name,
                "fingerprint": self.dataset.fingerprint,
                "fingerprint_before_labels": self.dataset.before_labels,
            },
            "versions": versions(),
            "machine": machine(),
            "command": self.command or [redacted(word) for word in sys.argv],
        }
