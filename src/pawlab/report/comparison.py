"""Several runs on the same pictures -> one page with their scores and curves side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pawlab.evaluation.history import Epoch
from pawlab.report import plots
from pawlab.report.page import write_page
from pawlab.templates import percent

COMPARISON_PAGE = "comparison.html"
COMPARISON_PICTURE = "comparison.png"


@dataclass(frozen=True)
class ComparedRun:
    """One run of a comparison.

    `metrics`: what metrics.json holds; `page`: its own page's address as seen from the comparison, or None;
    `published`: the range of validation accuracies that the recipe's source reports, or None.
    """

    name: str
    title: str
    metrics: dict[str, Any]
    history: Sequence[Epoch]
    page: str | None = None
    published: tuple[float, float] | None = None


def write_comparison(path: Path, data: str, runs: Sequence[ComparedRun]) -> None:
    """Write the page to `path`, and comparison.png beside it. `data`: the name of what all the runs (1 or more) saw.

    Raises OutputError where they can't be written.
    """
    best = max(runs, key=lambda run: (run.metrics["validation"]["accuracy"], -run.metrics["validation"]["loss"]))
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
        close=[run.name for run in runs if run is not best and _overlap(run, best)],
        wide=plots.to_svg(wide, "wide", says),
        narrow=plots.to_svg(narrow, "narrow", says),
    )


def _overlap(one: ComparedRun, other: ComparedRun) -> bool:
    (low, high), (other_low, other_high) = one.metrics["test"]["ci95"], other.metrics["test"]["ci95"]
    return bool(low <= other_high and other_low <= high)
