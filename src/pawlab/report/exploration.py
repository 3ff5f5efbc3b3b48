"""Pictures before training -> a page that shows them, what the checks found, and what a recipe would make of them."""

from collections.abc import Sequence
from pathlib import Path

from pawlab.audit.findings import Finding
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.stats import Stats
from pawlab.recipes.recipe import Recipe
from pawlab.report.audit import preview, shown_findings
from pawlab.report.page import write_page
from pawlab.report.shown import shown_samples

EXPLORATION_FILE = "explore.html"


def write_exploration(
    path: Path,
    given: str,
    dataset: Dataset,
    stats: Stats,
    overlap: int,
    findings: Sequence[Finding],
    recipe: Recipe,
) -> None:
    """Write the page to `path`. `given`: the data as the user named it.

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
    )
