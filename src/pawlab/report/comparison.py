"""Several runs on the same pictures -> one page with their scores and curves side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pawlab.evaluation.history import Epoch
from pawlab.evaluation.paired import Paired
from pawlab.report import plots
from pawlab.report.page import write_page
from pawlab.templates import percent

COMPARISON_PAGE = "comparison.html"
COMPARISON_PICTURE = "comparison.png"


@dataclass(frozen=True)
class ComparedRun:
    """One run of a comparison.

    `metrics`: what metrics.json holds; `page`: its own page's address as seen from the comparison, or None;
    `published`: the range of validation accuracies that the recipe's source reports, or None. `against_best`: this run
    against the best in validation on the same test pictures; None for the best itself.
    """

    name: str
    title: str
    metrics: dict[str, Any]
    history: Sequence[Epoch]
    page: str | None = None
    published: tuple[float, float] | None = None
    against_best: Paired | None = None


def write_comparison(path: Path, data: str, runs: Sequence[ComparedRun]) -> None:
    """Write the page to `path`, and comparison.png beside it. `data`: the name of what all the runs (1 or more) saw.

    Raises OutputError where they can't be written.
    """
    best = next(run for run in runs if run.against_best is None)
    histories = {run.name: run.history for run in runs}
    last = ", ".join(f"{run.name} {percent(run.history[-1].val_accuracy)}" for run in runs)
    says = f"Validation accuracy at the last epoch: {last}."
    wide, narrow = (plots.comparison_figure(histories, narrow) for narrow in (False, True))
    plots.save_png(wide, path.with_name(COMPARISON_PICTURE))
    write_page(
        path,
        "comparison.html.j2",
        data=data,
        runs=runs,
        best=best,
        standing={better: _names(runs, better) for better in (True, False, None)},
        wide=plots.to_svg(wide, "wide", says),
        narrow=plots.to_svg(narrow, "narrow", says),
    )


def _names(runs: Sequence[ComparedRun], better: bool | None) -> list[str]:
    return [run.name for run in runs if run.against_best is not None and run.against_best.better is better]
