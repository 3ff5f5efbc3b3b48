"""Records -> figures, in one style. The only user of matplotlib, which is imported when a figure is drawn.

Each function returns a matplotlib `Figure` of its own; nothing global is touched. `save_png` writes it as a file that
stands alone, on white paper; `to_svg` gives it for a page, in the page's own colours and letters.
"""

import io
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.evaluation.calibration import BINS, Bin
from pawlab.evaluation.history import Epoch
from pawlab.evaluation.learning_curve import LearningCurve
from pawlab.evaluation.metrics import wilson_interval
from pawlab.images import Pixels
from pawlab.report.drawing import as_element
from pawlab.report.style import DASHES, LIGHT, SERIES
from pawlab.storage import cache_dir, replacing_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PNG = {"compress_level": 3}  # with photos, files are 7% larger than at Pillow's own 6, in a third of the time
_NARROW = 4.2  # inches; a plot of this width is still read at 320 pixels
_WIDE = 7.4
_FIRST_ANSWERS = 10  # whose accuracy jumps from one to the next
MOST_NUMBERED = 24  # classes whose counts are written into the confusion matrix

# Letters that the plots' own font lacks are taken from the first of these that is installed.
_OTHER_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "PingFang SC",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Arial Unicode MS",
)
_STYLE = {
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LIGHT["grid"],
    "grid.linewidth": 1.0,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.constrained_layout.use": True,
    "text.parse_math": False,  # a class may be called $x$
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "pawlab",  # ids are the same every time
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "axes.spines.left", "ytick.left"), False),
    **dict.fromkeys(("text.color", "axes.titlecolor"), LIGHT["ink"]),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), LIGHT["line"]),
    **dict.fromkeys(("axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), LIGHT["muted"]),
}


@dataclass(frozen=True)
class Tile:
    """One picture of a sheet. `pixels`: None where it can't be read; `right`: None where nothing was asked.

    `alt`: what it shows, for those who can't see.
    """

    pixels: Pixels | None
    caption: str
    right: bool | None = None
    alt: str = ""


def load() -> None:
    """Import matplotlib, once."""
    os.environ.setdefault("MPLCONFIGDIR", str(cache_dir("matplotlib")))  # it writes a list of fonts
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_svg
    import matplotlib.figure
    import matplotlib.style  # noqa: F401


@contextmanager
def _styled() -> Iterator[None]:
    """Draw in our style whatever the user's own settings are, and without remarks about letters no font has."""
    load()
    import matplotlib.style

    with matplotlib.style.context(["default", {**_STYLE, "font.family": _fonts()}]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph")
        yield


@cache
def _fonts() -> list[str]:
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return ["DejaVu Sans", *(name for name in _OTHER_FONTS if name in installed)]


def _figure(width: float, height: float, dots_per_inch: int = 150) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=dots_per_inch)


# Curves


@_styled()
def history_figure(
    epochs: Sequence[Epoch], best_epoch: int, baseline: float, parts: Sequence[str] = ("accuracy", "loss")
) -> "Figure":
    """Draw the parts side by side, for training and validation, with the best epoch marked.

    `baseline`: the accuracy of guessing, the most frequent class or at random.
    """
    figure = _figure(_NARROW * len(parts), 3.0)
    for part, axes in zip(parts, figure.subplots(1, len(parts), squeeze=False)[0], strict=True):
        _draw_history(axes, part, epochs, best_epoch, baseline)
    return figure


def _draw_history(axes: "Axes", part: str, epochs: Sequence[Epoch], best_epoch: int, baseline: float) -> None:
    numbers = [row.epoch for row in epochs]
    training, validation = ([getattr(row, name) for row in epochs] for name in (part, f"val_{part}"))
    ends = {"training": (training[-1], "orange"), "validation": (validation[-1], "blue")}
    axes.set_title(part.capitalize())
    if part == "accuracy":
        axes.axhline(baseline, color=LIGHT["muted"], linewidth=1, dashes=(1.5, 2), label="baseline")
        _accuracy_axis(axes, min(*training, *validation, baseline))
        ends = {"guessing": (baseline, "muted"), **ends}
    else:
        axes.set_ylim(0, max(*training, *validation) * 1.06 or 1.0)
    marker = "o" if len(numbers) == 1 else ""
    axes.axvline(best_epoch, color=LIGHT["line"], linewidth=1, label="best epoch")
    axes.plot(numbers, training, color=LIGHT["orange"], dashes=(4, 2), marker=marker, markersize=5, label="training")
    axes.plot(numbers, validation, color=LIGHT["blue"], marker=marker, markersize=5, label="validation")
    best = validation[numbers.index(best_epoch)]
    axes.plot([best_epoch], [best], "o", markersize=7, color=LIGHT["blue"], label="best")
    _epoch_axis(axes, numbers[-1], numbers[0])
    if len(numbers) > 1:
        axes.set_xlabel(f"epoch ({best_epoch} was best)")
    _name_ends(axes, ends)


@_styled()
def regularisation_figure(losses: Mapping[float, float]) -> "Figure":
    """Draw validation loss for each C that was tried; for probes that are fitted in one go."""
    figure = _figure(_NARROW, 3.0)
    axes = figure.subplots()
    tried, chosen, blue = sorted(losses), min(losses, key=lambda c: losses[c]), LIGHT["blue"]
    best = (chosen, losses[chosen])
    axes.plot(tried, [losses[c] for c in tried], color=blue, marker="o", markersize=4, label="loss")
    axes.plot(*best, "o", markersize=9, color=blue, label="chosen")
    axes.annotate("chosen", best, (0, 11), textcoords="offset points", ha="center", color=blue)
    axes.set(
        title="Out-of-fold loss by C",
        xlabel="C: larger lets the head follow the training pictures closer",
        xscale="log",
        ylim=(0, max(losses.values()) * 1.06),
    )
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
    axes.minorticks_off()
    return figure


@_styled()
def learning_curve_figure(curve: LearningCurve) -> "Figure":
    """Draw accuracy by the number of training pictures with 95% intervals; hollow: what twice as many would bring."""
    figure = _figure(_NARROW, 3.2)
    axes = figure.subplots()
    numbers, accuracies = [one.pictures for one in curve.points], [one.accuracy for one in curve.points]
    bounds = np.array([one.ci95 for one in curve.points])
    axes.vlines(numbers, *bounds.T, color=LIGHT["blue"], linewidth=1.2)
    axes.plot(numbers, accuracies, "o-", color=LIGHT["blue"], markersize=6, label="measured")
    ticks, lowest = numbers, bounds.min()
    if curve.doubled is not None:
        value, low, high = curve.doubled
        ticks, lowest, twice = [*numbers, 2 * numbers[-1]], min(lowest, low), 2 * numbers[-1]
        axes.vlines([twice], [low], [high], color=LIGHT["orange"], linewidth=1.2)
        line = [numbers[-1], twice], [accuracies[-1], value]
        axes.plot(*line, color=LIGHT["orange"], dashes=(4, 2), label="extrapolated")
        axes.plot([twice], [value], "o", color=LIGHT["orange"], markerfacecolor=LIGHT["paper"], label="twice")
    axes.set(title="Learning curve", xlabel="training pictures", ylabel="accuracy", xscale="log")
    axes.set_xticks(ticks, [f"{number:,}" for number in ticks])
    axes.minorticks_off()
    _accuracy_axis(axes, float(lowest))
    return figure


@_styled()
def comparison_figure(histories: Mapping[str, Sequence[Epoch]], narrow: bool = False) -> "Figure":
    """Draw the validation accuracy of every run in one plot; one fitted in one go is a level line."""
    figure = _figure(_NARROW if narrow else _WIDE, 2.6 + 0.16 * len(histories))
    axes = figure.subplots()
    last = max(2, *(rows[-1].epoch for rows in histories.values()))
    looks = cycle([(colour, dashes) for dashes in DASHES for colour in SERIES])
    ends = {}
    for (name, rows), (colour, dashes) in zip(histories.items(), looks, strict=False):
        xs, ys = [row.epoch for row in rows], [row.val_accuracy for row in rows]
        if len(rows) == 1:
            xs, ys = [1, last], ys * 2
        axes.plot(xs, ys, color=LIGHT[colour], dashes=dashes, label=name)
        ends[f"{_shortened(name, 12 if narrow else 24)} {ys[-1]:.1%}"] = (ys[-1], colour)
    axes.set_title("Validation accuracy")
    _accuracy_axis(axes, min(row.val_accuracy for rows in histories.values() for row in rows))
    _epoch_axis(axes, last)
    _name_ends(axes, ends)
    return figure


def _accuracy_axis(axes: "Axes", lowest: float) -> None:
    axes.set_ylim(max(0.0, lowest - 0.04), 1.0 + (1.0 - lowest) * 0.02)
    _percent(axes.yaxis)


def _percent(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _epoch_axis(axes: "Axes", last: int, first: int = 1) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim((first - 0.5, first + 0.5) if last == first else (first, last))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")


def _name_ends(axes: "Axes", ends: Mapping[str, tuple[float, str]]) -> None:
    """Write each line's name where it ends, beside the plot, instead of in a legend."""
    low, high = axes.get_ylim()
    inches = axes.figure.bbox.height / axes.figure.dpi
    line = 0.165 / (inches - 0.8)  # of a line of text, and of what surrounds the axes
    heights = _spread([(value - low) / (high - low) for value, _ in ends.values()], line)
    for (name, (_, colour)), height in zip(ends.items(), heights, strict=True):
        axes.text(1.02, height, name, transform=axes.transAxes, va="center", color=LIGHT[colour])


def _spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Return heights near the wanted ones, `gap` apart or more, in the same order, as far as they go below 1."""
    order, steps = np.argsort(wanted, kind="stable"), gap * np.arange(len(wanted))
    pushed_up = np.maximum.accumulate(np.maximum(np.array(wanted)[order], 0.0) - steps)
    heights = np.empty(len(wanted))
    heights[order] = np.minimum(pushed_up, 1.0 - steps[-1]) + steps
    return heights.tolist()


# What the predictions are worth


@_styled()
def confusion_figure(counts: NDArray[np.integer[Any]], classes: Sequence[str]) -> "Figure":
    """Draw counts (classes, classes), row = true class, column = predicted class, shaded by their share of the row.

    The shades are of one blue, the more opaque the larger the share; pale enough for dark print. Up to six classes have
    their shares written too.
    """
    from matplotlib.colors import to_rgba_array

    number = len(classes)
    cell = 1.1 if number <= 3 else 0.7 if number <= 6 else 0.42 if number <= MOST_NUMBERED else 6.5 / number
    names = [_shortened(name, 18) for name in classes]
    figure = _figure(cell * number + 2.2, cell * number + (1.4 if number <= 6 else 2.2))
    axes = figure.subplots()
    axes.grid(visible=False)
    shares = 0.06 + 0.94 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shades = to_rgba_array(LIGHT["cell"], shares.ravel()).reshape(number, number, 4)
    axes.pcolormesh(range(number), range(number), shades, rasterized=number > MOST_NUMBERED)
    axes.invert_yaxis()
    axes.set(title="Confusion", xlabel="predicted", ylabel="label", aspect="equal")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if number <= MOST_NUMBERED:
        axes.set_xticks(range(number), names, rotation=0 if number <= 3 else 90)
        axes.set_yticks(range(number), names)
        _write_counts(axes, counts, 13 if number <= 3 else 10 if number <= 6 else 8)
    return figure


def _write_counts(axes: "Axes", counts: NDArray[np.integer[Any]], size: int) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count or len(counts) <= 6:
            weight = "bold" if row == column else "normal"
            axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=size, fontweight=weight)
        if len(counts) <= 6 and counts[row].any():
            share = f"{count / counts[row].sum():.0%}"
            axes.text(column, row + 0.32, share, ha="center", va="center", fontsize=size - 3)


@_styled()
def calibration_figure(bins: Sequence[Bin], classes: int) -> "Figure":
    """Draw the share that is correct against the probability given, with 95% intervals, and how many there were."""
    figure = _figure(_NARROW, 4.0)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    sureness, right = [entry.confidence for entry in bins], [entry.accuracy for entry in bins]
    axes.plot([0, 1], [0, 1], color=LIGHT["muted"], linewidth=1, dashes=(1.5, 2), label="perfect")
    bounds = np.array([wilson_interval(round(entry.accuracy * entry.count), entry.count) for entry in bins])
    axes.vlines(sureness, *bounds.reshape(-1, 2).T, color=LIGHT["blue"], linewidth=1.2)
    axes.plot(sureness, right, "o", color=LIGHT["blue"], markersize=6, label="predictions")
    axes.set(title="Calibration", ylabel="share correct", ylim=(0, 1.03))
    below.bar(sureness, [entry.count for entry in bins], width=0.5 / BINS, color=LIGHT["blue"])
    below.set(ylabel="pictures", xlabel="probability of the prediction", xlim=(1 / classes - 0.02, 1.02))
    _percent(axes.yaxis)
    _percent(below.xaxis)
    return figure


@_styled()
def coverage_figure(shares: NDArray[Any], accuracies: NDArray[Any], promised: dict[str, Any]) -> "Figure":
    """Draw the accuracy of the surest answers against their share of all pictures, both (n,), and what was chosen.

    `promised`: what metrics.json holds as `selective`.
    """
    figure = _figure(_NARROW, 3.2)
    axes = figure.subplots()
    some = slice(min(len(shares) - 1, _FIRST_ANSWERS), None)
    axes.plot(shares[some], accuracies[some], color=LIGHT["blue"], label="accuracy")
    chosen = promised.get("out_of_fold") or promised.get("validation")
    if promised["target"] is not None and chosen and chosen["accuracy"] is not None:
        axes.axhline(promised["target"], color=LIGHT["muted"], linewidth=1, dashes=(1.5, 2))
        axes.plot([chosen["coverage"]], [chosen["accuracy"]], "o", color=LIGHT["orange"], markersize=8)
    axes.set(
        title="Answers given, and how many are right", xlabel="share of pictures that get an answer", xlim=(0, 1.02)
    )
    axes.set(ylabel="share right", ylim=(min(0.9, float(accuracies[some].min()) - 0.02), 1.005))
    _percent(axes.yaxis)
    _percent(axes.xaxis)
    return figure


Line = NDArray[np.floating[Any]]


@_styled()
def roc_figure(false_positive_rate: Line, true_positive_rate: Line) -> "Figure":
    """Draw a ROC curve from (0, 0) to (1, 1), and chance, the diagonal."""
    figure = _figure(_NARROW, 3.4)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=LIGHT["muted"], linewidth=1, dashes=(1.5, 2), label="chance")
    axes.plot(false_positive_rate, true_positive_rate, color=LIGHT["blue"], label="ROC")
    axes.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate (recall)")
    _unit_square(axes)
    return figure


@_styled()
def precision_recall_figure(recall: Line, precision: Line, share: float) -> "Figure":
    """Draw precision over recall in steps, and chance: `share`, that of the positive class among the pictures."""
    figure = _figure(_NARROW, 3.4)
    axes = figure.subplots()
    axes.axhline(share, color=LIGHT["muted"], linewidth=1, dashes=(1.5, 2), label="chance")
    axes.step(np.append(0.0, recall), np.append(precision[:1], precision), color=LIGHT["blue"], label="precision")
    axes.set(title="Precision and recall", xlabel="recall", ylabel="precision")
    _unit_square(axes)
    return figure


def _unit_square(axes: "Axes") -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    _percent(axes.xaxis)
    _percent(axes.yaxis)


# Sheets of pictures


@_styled()
def sheet_figure(tiles: Sequence[Tile], columns: int, title: str) -> "Figure":
    """Lay pictures out in rows of `columns`, each with its caption; right and wrong answers carry a mark."""
    rows = -(-len(tiles) // columns)
    width, height, gap = 1.0, 1.34, 0.08  # of a picture's width
    figure = _figure(1.5 * columns, 1.5 * height * rows + 0.5, dots_per_inch=110)
    axes = figure.subplots()
    axes.axis("off")
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        _lay(axes, tile, left=column * width, top=row * height, side=width - gap)
    axes.set(title=title, xlim=(0, columns * width), ylim=(rows * height, 0), aspect="equal")
    return figure


def _lay(axes: "Axes", tile: Tile, left: float, top: float, side: float) -> None:
    from matplotlib.patches import Rectangle

    if tile.pixels is None:
        axes.add_patch(Rectangle((left, top), side, side, color=LIGHT["wash"]))
        axes.text(left + side / 2, top + side / 2, "can't be shown", ha="center", va="center", fontsize=7)
    else:
        height, width = (side * length / max(tile.pixels.shape[:2]) for length in tile.pixels.shape[:2])
        x, y = left + (side - width) / 2, top + (side - height) / 2
        axes.imshow(tile.pixels, extent=(x, x + width, y + height, y), interpolation="antialiased")
    if tile.right is False:
        axes.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=LIGHT["orange"], linewidth=3))
    mark = {True: "\N{CHECK MARK} ", False: "\N{BALLOT X} ", None: ""}[tile.right]
    colour = LIGHT["orange"] if tile.right is False else LIGHT["ink"]
    lines = "\n".join(_shortened(line, 20) for line in f"{mark}{tile.caption}".split("\n"))
    axes.text(left, top + side + 0.03, lines, va="top", fontsize=7.5, color=colour)


def _shortened(text: str, length: int) -> str:
    """Return a name that fits, its middle dropped where it must be, without what no font can draw."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}\N{HORIZONTAL ELLIPSIS}{text[-half:]}"


# Files


def save_png(figure: "Figure", path: Path) -> None:
    """Write a figure as a PNG file on white. Its layout stays, for `to_svg`."""
    with _styled(), replacing_file(path) as partial:
        figure.savefig(partial, format="png", dpi="figure", metadata={"Software": None}, pil_kwargs=_PNG)
    figure.set_layout_engine("none")


def to_svg(figure: "Figure", name: str, says: str) -> str:
    """Return a figure as an `svg` element for a page; see `as_element`."""
    with _styled():
        figure.savefig(drawing := io.StringIO(), format="svg", transparent=True)
    return as_element(drawing.getvalue(), name, says)
