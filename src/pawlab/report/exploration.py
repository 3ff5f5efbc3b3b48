"""Pictures before training -> a page that shows them, what the checks found, and what a recipe would make of them."""

from collections.abc import Sequence
from pathlib import Path

from pawlab.audit.findings import Finding
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.stats import Stats
from pawlab.evaluation.learning_curve import LearningCurve
from pawlab.recipes.recipe import Recipe
from pawlab.report import plots
from pawlab.report.audit import preview, shown_findings
from pawlab.report.page import write_page
from pawlab.report.shown import shown_samples
from pawlab.templates import percent

EXPLORATION_FILE = "explore.html"


def write_exploration(
    path: Path,
    given: str,
    dataset: Dataset,
    stats: Stats,
    overlap: int,
    findings: Sequence[Finding],
    recipe: Recipe,
    curve: LearningCurve | None = None,
) -> None:
    """Write the page to `path`. `given`: the data as the user named it. `curve`: where it was measured.

    Raises OutputError where it can't be written.
    """
    write_page(
        path,
        "exploration.html.j2",
        given=given,
        dataset=dataset,
        stats=stats,
        overlap=overlap,
        findings=shown_findings(findings, dataset),
        samples=shown_samples(dataset),
        preview=preview(dataset, recipe, seed=0),
        recipe=recipe,
        curve=curve,
        curve_svg=None if curve is None or not curve.points else _drawn(curve),
    )


def _drawn(curve: LearningCurve) -> str:
    told = ", ".join(f"{percent(one.accuracy)} with {one.pictures:,}" for one in curve.points)
    figure = plots.learning_curve_figure(curve)
    return plots.to_svg(figure, "learning-curve", f"Accuracy by the number of training pictures: {told}.")
