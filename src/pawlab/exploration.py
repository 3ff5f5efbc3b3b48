"""Looking at pictures before training: counts, baseline, findings, and how much more pictures would help."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from pawlab.audit.checks import run_checks, why_untrainable
from pawlab.audit.measurements import Measurements, measure
from pawlab.datasets.dataset import Dataset, count_skipped
from pawlab.datasets.options import DataKeywords, DataOptions
from pawlab.datasets.reading import set_aside
from pawlab.datasets.splits import count_overlap
from pawlab.datasets.stats import describe
from pawlab.engines.local import Engine
from pawlab.engines.options import DeviceName, EngineOptions
from pawlab.engines.options import Name as EngineName
from pawlab.evaluation.learning_curve import LearningCurve
from pawlab.features.source import FeatureSource
from pawlab.files.addresses import redacted
from pawlab.notebook import exploration_html
from pawlab.progress import Progress, notebook_bar
from pawlab.recipes import DEFAULT_RECIPE, choose_recipe
from pawlab.report.exploration import EXPLORATION_FILE, write_exploration
from pawlab.report.shown import samples
from pawlab.runs.reading import read_and_split
from pawlab.runs.request import data_text
from pawlab.storage.cache import within_limit
from pawlab.trainers.learning_curve import curve_of


class Exploration(dict[str, Any]):
    """What `explore` found, as plain values; a notebook shows it with some of the pictures."""

    def __init__(self, values: dict[str, Any], dataset: Dataset) -> None:
        super().__init__(values)
        self._dataset = dataset

    def _repr_html_(self) -> str:
        shown = [(label, [picture.path for picture in row]) for label, row in samples(self._dataset)]
        return exploration_html(self, shown)


@within_limit()
def explore(
    data: str | Path,
    seed: int = 0,
    *,
    recipe: str = "fast",
    out: str | Path | None = None,
    learning_curve: bool = False,
    progress: Progress = notebook_bar,
    engine: EngineName = "local",
    address: str | None = None,
    device: DeviceName = "cpu",
    **reading: Unpack[DataKeywords],
) -> Exploration:
    """Look at pictures before training: counts, baseline, sizes, formats and findings, as plain values.

    `out`: a folder for a page, explore.html, that shows them with samples and what `recipe` would make of them.
    `learning_curve`: whether to measure how accuracy grows with the number of training pictures, by the recipe `fast`.
    Raises the errors of `pawlab.errors`.
    """
    previewed = choose_recipe(recipe)
    computing = EngineOptions(engine, address, device).open()
    read = read_and_split(data, seed, DataOptions(**reading), progress, engine=computing)
    measured = measure(read, progress, computing)
    dataset = measured.dataset
    stats = describe(dataset, infos={key: value.info for key, value in measured.image_stats.items()})
    overlap, findings = count_overlap(dataset), why_untrainable(dataset) + run_checks(measured)
    curve = _learning_curve(measured, seed, progress, computing) if learning_curve else None
    if out is not None:
        page = Path(out).expanduser() / EXPLORATION_FILE
        write_exploration(page, redacted(data_text(data)), dataset, stats, overlap, findings, previewed, curve)
    values = {
        "data": dataset.name,
        "classes": list(dataset.classes),
        **stats.to_dict(),
        "overlap": overlap,
        "findings": [finding.to_dict() for finding in findings],
        "notes": [*dataset.doubts, *dataset.notes],
        "skipped": count_skipped(dataset.skipped),
        "set_aside": set_aside(dataset.skipped),
        **({} if curve is None else {"learning_curve": curve.to_dict()}),
    }
    return Exploration(values, dataset)


def _learning_curve(measured: Measurements, seed: int, progress: Progress, engine: Engine) -> LearningCurve:
    """Measure it on the features that the default recipe will want too."""
    recipe = choose_recipe(DEFAULT_RECIPE)
    recipe = replace(recipe, preprocess=replace(recipe.preprocess, value_range=measured.value_range))
    near = [(pair.first, pair.second) for pair in measured.near]
    return curve_of(measured.dataset, recipe, FeatureSource(progress, engine), near, seed)
