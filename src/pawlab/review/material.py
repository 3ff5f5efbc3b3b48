"""Pictures with their features: all that review and labelling work on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from pawlab.audit.near_duplicates import NearPair
from pawlab.backbones.load import BackboneGraph
from pawlab.datasets.dataset import Dataset, Named, Picture, Skipped
from pawlab.datasets.inputs import find_pictures
from pawlab.datasets.labels import Decision
from pawlab.datasets.options import DataOptions
from pawlab.errors import DataError, PawlabError
from pawlab.features.source import FeatureSource
from pawlab.files.names import file_sha256
from pawlab.images import Preprocess
from pawlab.names import flag
from pawlab.progress import Progress
from pawlab.recipes import DEFAULT_RECIPE, find_recipe
from pawlab.recipes.recipe import Recipe
from pawlab.runs.reading import read_and_split
from pawlab.runs.record import RUN_FILE, Run
from pawlab.runs.request import Request, data_text
from pawlab.trainers.probe import Matrix


@dataclass(frozen=True)
class Material:
    """Pictures, one of each content, and `features`, float32 (n, d), a row for each.

    `classes`: what their labels may be; an unlabelled picture has the label "". `skipped`: files that can't be read.
    `near`: pairs of contents that show the same. `test_accuracy`: the run's, where there is a run. `root`: where the
    names of skipped files count from. `with_copies`: all pictures, each file of a content by itself; unread ones too.
    """

    name: str
    pictures: tuple[Picture, ...]
    features: Matrix
    classes: tuple[str, ...]
    graph: BackboneGraph
    preprocess: Preprocess
    root: Path
    skipped: tuple[Skipped, ...] = ()
    near: tuple[NearPair, ...] = ()
    test_accuracy: float | None = None
    with_copies: tuple[Picture, ...] = ()

    @cached_property
    def positions(self) -> dict[str, int]:
        """Return where each content stands."""
        return {picture.sha256: place for place, picture in enumerate(self.pictures)}

    @cached_property
    def contradictions(self) -> dict[str, tuple[str, ...]]:
        """Return the labels of each content that stands under more than one, its picture's own first."""
        found: dict[str, tuple[str, ...]] = {}
        for copy in self.with_copies:
            place = self.positions.get(copy.sha256)
            if place is not None:
                labels = found.get(copy.sha256, (self.pictures[place].label,))
                if copy.label not in labels:
                    found[copy.sha256] = (*labels, copy.label)
        return found

    def decided_classes(self, decisions: Mapping[str, Decision]) -> Iterator[str]:
        """Yield the classes that were decided on for these pictures; a table may hold decisions on others as well."""
        return (one.label for content, one in decisions.items() if one.label and content in self.positions)


def labelled_material(given: str | Path | Run, options: DataOptions, progress: Progress) -> Material:
    """Return the labelled pictures of a run, in its splits, or of data. Raises the errors of `pawlab.errors`.

    `options`: of data; a run's pictures are read as they were, and only `labels` may be given.
    """
    folder = given.folder if isinstance(given, Run) else Path(given).expanduser()
    if not (folder / RUN_FILE).is_file():
        return _of_data(data_text(given), 0, find_recipe(DEFAULT_RECIPE), options, progress)  # type: ignore[arg-type]
    if beside := [flag(name) for name in replace(options, labels=None).to_dict()]:
        raise PawlabError(f"a run's pictures are read as they were in training. Leave out {', '.join(beside)}.")
    run = Run(folder)
    request = Request.of_run(run)
    own = replace(request.options, labels=None, split_from=str(folder))
    recipe = _frozen(request)
    weights = request.weights if recipe.backbone == request.chosen().backbone else None
    material = _of_data(request.data, request.seed, recipe, own, progress, weights, request.more)
    return replace(material, test_accuracy=run.metrics["test"]["accuracy"])


def unlabelled_material(
    named: Sequence[str | Path], classes: Sequence[str], model: str | Path | None, progress: Progress
) -> Material:
    """Return pictures without labels, but for those that are in `classes`, and what `model` was made with, if given."""
    found = find_pictures([str(name) for name in named], None, progress)
    pictures, unread = _hashed(found.pictures)
    if not pictures:
        raise DataError(f"{unread[0].name} {unread[0].reason}. Give a folder of pictures, or pictures that are there.")
    recipe = find_recipe(DEFAULT_RECIPE) if model is None else _frozen_of(model)
    name = Path(str(named[0])).absolute().name
    dataset = Dataset(name, Path(), tuple(classes), pictures, (*unread, *found.passed_over))
    return _with_features(dataset, recipe, (), progress)


def _of_data(
    data: str,
    seed: int,
    recipe: Recipe,
    options: DataOptions,
    progress: Progress,
    weights: str | None = None,
    more: Sequence[str] = (),
) -> Material:
    read = read_and_split(data, seed, options, progress, more)
    recipe = recipe.fitting(read.sizes)
    preprocess = replace(recipe.preprocess, value_range=read.value_range)
    return _with_features(read.dataset, replace(recipe, preprocess=preprocess), read.near, progress, weights)


def _with_features(
    dataset: Dataset,
    recipe: Recipe,
    near: tuple[NearPair, ...],
    progress: Progress,
    weights: str | None = None,
) -> Material:
    distinct = tuple({picture.sha256: picture for picture in reversed(dataset.pictures)}.values())[::-1]
    source = FeatureSource(progress)
    graph = source.backbone(recipe, None if weights is None else Path(weights))
    extracted = source.features(distinct, graph, recipe.preprocess)
    if not extracted.pictures:
        raise DataError(f"none of the pictures of {dataset.name} can be read. Check the files.")
    broken = tuple(item for item in dataset.skipped if item.broken) + extracted.skipped
    return Material(
        name=dataset.name,
        pictures=extracted.pictures,
        features=np.asarray(extracted.features),
        classes=dataset.classes,
        graph=graph,
        preprocess=recipe.preprocess,
        root=dataset.root,
        skipped=broken,
        near=near,
        with_copies=dataset.pictures,
    )


def _hashed(found: Sequence[Named]) -> tuple[tuple[Picture, ...], tuple[Skipped, ...]]:
    pictures, unread = [], []
    for item in found:
        try:
            pictures.append(Picture(Path(item.path), item.name, "", file_sha256(Path(item.path))))
        except OSError as error:
            unread.append(Skipped(item.name, f"can't be read: {error.strerror or error}", broken=True))
    return tuple(pictures), tuple(unread)


def _frozen(request: Request) -> Recipe:
    """Return a run's recipe where it has a frozen network, else the default one: features are needed."""
    recipe = request.chosen()
    return recipe if recipe.trainer == "linear_probe" else find_recipe(DEFAULT_RECIPE)


def _frozen_of(model: str | Path) -> Recipe:
    folder = Path(model).expanduser()
    folder = folder if folder.is_dir() else folder.parent
    if not (folder / RUN_FILE).is_file():
        return find_recipe(DEFAULT_RECIPE)
    return _frozen(Request.from_record(Run(folder).record, folder / RUN_FILE).seen_from_here())
