"""The curves that `benchmarks/label.py` measured, as a picture and as a table for docs/howto/label.md.

    python benchmarks/label_curves.py label_cats.json=0.97 label_breeds.json=0.6 --out docs/label_curves.png

Behind each file stands the accuracy whose first reaching is told. Prints Markdown.
"""

import argparse
import json
from pathlib import Path
from statistics import mean, median

from matplotlib import pyplot

STYLES = {"asked": ("#0069a6", "-"), "random": ("#b64700", "--")}


def reached(curve: list, goal: float) -> int | None:
    """Return the first number of answers from which the accuracy is there."""
    return next((count for count, accuracy, _ in curve if accuracy >= goal), None)


def draw(axes: pyplot.Axes, document: dict, goal: float) -> None:
    for name, curves in document["curves"].items():
        counts = sorted(set.intersection(*({point[0] for point in curve} for curve in curves)))
        rows = [[{point[0]: point[1] for point in curve}[count] for curve in curves] for count in counts]
        colour, dash = STYLES[name]
        axes.plot(counts, [mean(row) for row in rows], dash, color=colour, label=name, linewidth=2)
        axes.fill_between(counts, [min(row) for row in rows], [max(row) for row in rows], color=colour, alpha=0.15)
    axes.axhline(goal, color="#635f58", linewidth=0.8)
    axes.set(title=document["data"], xlabel="answers", ylabel="accuracy on pictures held back")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", nargs="+", metavar="FILE=GOAL")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    figure, all_axes = pyplot.subplots(1, len(options.measured), figsize=(5 * len(options.measured), 3.6))
    print("| pictures | order | accuracy | answers it takes: median, most | not reached |\n|---|---|---|---|---|")
    for axes, given in zip(all_axes, options.measured, strict=True):
        path, _, goal = given.partition("=")
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        draw(axes, document, float(goal))
        for name, curves in document["curves"].items():
            found = [reached(curve, float(goal)) for curve in curves]
            there = [count for count in found if count is not None]
            shown = f"{median(there):g}, {max(there)}" if there else "never"
            print(
                f"| {document['data']} | {name} | {float(goal):.0%} | {shown} | {found.count(None)} of {len(found)} |"
            )
    figure.tight_layout()
    figure.savefig(options.out, dpi=110)


if __name__ == "__main__":
    main()
