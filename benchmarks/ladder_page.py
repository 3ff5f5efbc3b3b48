"""Make docs/measured.md of the runs that `ladder.py` has measured: mean and spread of several seeds per model.

    python benchmarks/ladder_page.py [--results DIR] [--write]

Prints the page. With --write it also writes docs/measured.md, docs/measured.png (the curves of each recipe's first
seed) and src/pawlab/recipes/measured.json, which `pawlab recipes NAME` shows; that needs 20 epochs of a seed or more
of all published recipes but e1, whose weights not everybody has.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from ladder import EPOCHS, RESULTS

from pawlab.evaluation.history import Epoch
from pawlab.recipes import PUBLISHED, find_recipe
from pawlab.report.plots import comparison_figure, save_png
from pawlab.storage import replacing_file

ROOT = Path(__file__).resolve().parent.parent
BESIDE = "beside_keras.json"
Result = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the ladder's page of its measured runs.")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", action="store_true", help="write docs/measured.md and what belongs to it")
    asked = parser.parse_args()
    results = read(asked.results)
    text = page(results, beside(asked.results))
    print(text)
    if asked.write:
        require_whole(results)
        write(ROOT / "docs" / "measured.md", text)
        save_png(comparison_figure({name: history(runs[0]) for name, runs in results.items()}), picture())
        measured = {name: facts(runs) for name, runs in results.items()}
        write(ROOT / "src" / "pawlab" / "recipes" / "measured.json", json.dumps(measured, indent=2) + "\n")


def read(folder: Path) -> dict[str, list[Result]]:
    """Return the results by recipe, in the order of the recipes and of the seeds; those of one number of epochs."""
    found: dict[str, list[Result]] = defaultdict(list)
    for path in folder.glob("*-seed-*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        found[result["recipe"]].append(result)
    epochs = {result["epochs"] for runs in found.values() for result in runs}
    if len(epochs) != 1:
        raise SystemExit(f"{folder} holds {'no runs' if not epochs else f'runs of {sorted(epochs)} epochs'}.")
    named = [recipe.name for recipe in PUBLISHED if recipe.name in found]
    return {name: sorted(found[name], key=lambda result: result["seed"]) for name in named}


def beside(folder: Path) -> dict[str, Any]:
    """Return what `beside_keras.py` measured, where it did."""
    path = folder / BESIDE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def require_whole(results: dict[str, list[Result]]) -> None:
    missing = sorted({recipe.name for recipe in PUBLISHED} - {"e1"} - set(results))
    if missing or any(result["epochs"] != EPOCHS for runs in results.values() for result in runs):
        lacking = ", ".join(missing) or "none"
        raise SystemExit(f"Not written: it takes {EPOCHS} epochs of all recipes. Missing: {lacking}.")


def picture() -> Path:
    return ROOT / "docs" / "measured.png"


def history(result: Result) -> list[Epoch]:
    """Return a run's epochs as far as they are kept, for its curve."""
    columns = (result[f"{name}_by_epoch"] for name in ("accuracy", "val_loss", "val_accuracy"))
    rows = zip(*columns, strict=True)
    return [Epoch(number, 0.0, *row, seconds=0.0) for number, row in enumerate(rows, start=1)]


def living(runs: Sequence[Result]) -> list[Result]:
    """Return the runs that learned; all where none did."""
    return [run for run in runs if not run["stands_still"]] or list(runs)


def facts(runs: Sequence[Result]) -> dict[str, Any]:
    """Return what `pawlab recipes NAME` shows as measured: accuracies over the living seeds."""
    alive = living(runs)
    ranges, means = [run["stable_range"] for run in alive], [run["mean"] for run in alive]
    return {
        "seeds": len(runs),
        "dead_seeds": sum(run["stands_still"] for run in runs),
        "mean": round(fmean(means), 6),
        **({"sd": round(stdev(means), 6)} if len(means) > 1 else {}),
        "stable_range": [min(low for low, _ in ranges), max(high for _, high in ranges)],
        "validation": round(fmean(run["validation"] for run in alive), 6),
        "test": round(fmean(run["test"] for run in alive), 6),
        "machine": " and ".join(sorted({run["machine"] for run in runs})),
        "date": max(run["date"] for run in runs),
    }


def page(results: dict[str, list[Result]], timed: dict[str, Any]) -> str:
    runs = [run for found in results.values() for run in found]
    seeds, dates = sorted({run["seed"] for run in runs}), sorted({run["date"] for run in runs})
    with_seeds = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
    trained = f"on {dates[0]}" if len(dates) == 1 else f"from {dates[0]} to {dates[-1]}"
    machines = " and ".join(sorted({run["machine"] for run in runs}))
    lines = [
        "# The ladder, measured",
        "",
        f"The published models but e1 on the 3,000 photos, {runs[0]['epochs']} epochs, {len(runs)} runs with "
        f"{with_seeds}, trained {trained} on {machines} by `python "
        "benchmarks/ladder.py`; a file per run is in `benchmarks/ladder_runs`. Pictures are read as the authors "
        "read theirs. Published figures are those of the tutorials, on the same photos; their validation and test "
        "pictures mix (see each recipe), ours don't.",
        "",
        "![Validation accuracy of every model, epoch by epoch](measured.png)",
        "",
        *table(results),
        "",
        "Accuracies and the gap are in percent. Mean: of validation accuracy over the last quarter of the epochs, "
        "averaged over the seeds, and the standard deviation between seeds. Last epochs: lowest and highest of "
        "all seeds. Against published: whether the mean lies in the published range, or by how many points it is "
        "above or below. Test: the best epoch on 200 pictures, scored once per seed. Dead: seeds whose training "
        "stood still in the last epochs, all pictures predicted alike; the other figures are those of the seeds "
        "that learned. The curves are of the first seed.",
    ]
    return "\n".join([*lines, *beside_lines(timed)]) + "\n"


HEADER = ("recipe", "trainable", "published", "mean", "last epochs", "against published", "test", "gap", "dead")


def table(results: dict[str, list[Result]]) -> list[str]:
    rows = [HEADER, ["---", *["---:"] * (len(HEADER) - 1)], *(row(name, runs) for name, runs in results.items())]
    return [f"| {' | '.join(cells)} |" for cells in rows]


def row(name: str, runs: Sequence[Result]) -> list[str]:
    measured, alive = facts(runs), living(runs)
    published, tests = find_recipe(name).published["val_stable"], [run["test"] for run in alive]
    spread = f" ± {100 * measured['sd']:.1f}" if "sd" in measured else ""
    return [
        name,
        f"{runs[0]['trainable']:,}",
        span(published),
        f"{100 * measured['mean']:.1f}{spread}",
        span(measured["stable_range"]),
        against(measured["mean"], published),
        f"{100 * measured['test']:.1f} ({span([min(tests), max(tests)])})",
        f"{round(100 * fmean(run['gap'] for run in alive)):+d}",
        f"{measured['dead_seeds']} of {measured['seeds']}",
    ]


def against(mean: float, published: Sequence[float]) -> str:
    """Say whether a mean lies within a range, both rounded to a tenth of a point, as they are shown."""
    shown, low, high = (round(100 * value, 1) for value in (mean, *published))
    if low <= shown <= high:
        return "within"
    return f"{shown - high:.1f} above" if shown > high else f"{low - shown:.1f} below"


def span(bounds: Sequence[float]) -> str:
    """Return a range of shares in percent."""
    low, high = (100 * bound for bound in bounds)
    return f"{low:.1f}" if low == high else f"{low:.1f}-{high:.1f}"


def beside_lines(beside: dict[str, Any]) -> list[str]:
    if not beside:
        return []
    c4, a1 = beside["c4"], beside["a1"]
    return [
        "",
        "## Beside plain Keras",
        "",
        f"Measured on {beside['date']} in one run, with Keras {beside['keras']} on TensorFlow {beside['tensorflow']}.",
        "",
        f"- c4, {beside['epochs']} epochs: ours {c4['our_seconds']:.0f} s from the pictures to the finished graph, "
        f"Keras's `fit` {c4['keras_seconds']:.0f} s from the same files: {c4['times_faster']:.1f} times faster. "
        f"Mean validation accuracy over the last epochs: {c4['our_mean']:.2%}, Keras's {c4['keras_mean']:.2%}.",
        f"- a1, one epoch: ours {a1['our_seconds']:.1f} s, Keras's `fit` on arrays in memory "
        f"{a1['keras_seconds']:.1f} s (medians of {a1['rounds']} each, in turn): {a1['share_of_keras']:.2f} of Keras's "
        "time.",
    ]


def write(path: Path, text: str) -> None:
    with replacing_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
