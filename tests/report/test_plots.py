"""The plots hold the numbers that they were given, and nothing they do is seen outside."""

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from pawlab.evaluation.calibration import Bin
from pawlab.evaluation.history import Epoch
from pawlab.evaluation.metrics import wilson_interval
from pawlab.report import plots
from pawlab.report.style import DARK, LIGHT, SERIES, css_variables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

HISTORY = (
    Epoch(1, 0.70, 0.55, 0.68, 0.60, 2.0),
    Epoch(2, 0.50, 0.75, 0.45, 0.80, 2.0),
    Epoch(3, 0.30, 0.95, 0.55, 0.70, 2.0),
)


def line(axes: "Axes", label: str) -> "Line2D":
    found = [drawn for drawn in axes.lines if drawn.get_label() == label]
    assert len(found) == 1, label
    return found[0]


def points(axes: "Axes", label: str) -> list[tuple[float, float]]:
    drawn = line(axes, label)
    return list(zip(np.asarray(drawn.get_xdata()).tolist(), np.asarray(drawn.get_ydata()).tolist(), strict=True))


def texts(figure: "Figure") -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


# Curves


def test_history_shows_accuracy_and_loss_of_both_parts() -> None:
    accuracy, loss = plots.history_figure(HISTORY, best_epoch=2, baseline=0.5).axes
    assert points(accuracy, "training") == [(1, 0.55), (2, 0.75), (3, 0.95)]
    assert points(accuracy, "validation") == [(1, 0.60), (2, 0.80), (3, 0.70)]
    assert points(loss, "training") == [(1, 0.70), (2, 0.50), (3, 0.30)]
    assert points(loss, "validation") == [(1, 0.68), (2, 0.45), (3, 0.55)]


def test_history_marks_the_best_epoch_and_the_baseline() -> None:
    accuracy, loss = plots.history_figure(HISTORY, best_epoch=2, baseline=0.5).axes
    assert points(accuracy, "best") == [(2, 0.80)]
    assert points(loss, "best") == [(2, 0.45)]
    assert {y for _, y in points(accuracy, "baseline")} == {0.5}
    assert accuracy.get_xlabel() == "epoch (2 was best)"


def test_every_curve_is_named_where_it_ends_and_all_of_it_is_seen() -> None:
    figure = plots.history_figure(HISTORY, best_epoch=2, baseline=0.5)
    assert texts(figure) == ["guessing", "training", "validation", "training", "validation"]
    for axes in figure.axes:
        low, high = axes.get_ylim()
        for label in ("training", "validation"):
            assert all(low <= y <= high for _, y in points(axes, label))


def test_the_two_parts_differ_by_more_than_colour() -> None:
    axes = plots.history_figure(HISTORY, 2, 0.5, ("accuracy",)).axes[0]
    patterns = {name: line(axes, name)._dash_pattern[1] for name in ("training", "validation")}  # type: ignore[attr-defined]
    assert patterns["validation"] is None
    assert min(patterns["training"]) > 2


def test_one_epoch_is_a_point() -> None:
    axes = plots.history_figure(HISTORY[:1], best_epoch=1, baseline=0.5).axes[0]
    assert line(axes, "training").get_marker() == "o"
    assert axes.get_xlabel() == "epoch"


def test_strengths_show_each_loss_and_the_chosen_one() -> None:
    axes = plots.regularisation_figure({1.0: 0.4, 0.01: 0.2, 0.1: 0.1}).axes[0]
    assert points(axes, "loss") == [(0.01, 0.2), (0.1, 0.1), (1.0, 0.4)]
    assert points(axes, "chosen") == [(0.1, 0.1)]


def test_a_comparison_has_every_run() -> None:
    figure = plots.comparison_figure({"a1": HISTORY, "fast": HISTORY[1:2]})
    axes = figure.axes[0]
    assert points(axes, "a1") == [(1, 0.60), (2, 0.80), (3, 0.70)]
    assert points(axes, "fast") == [(1, 0.80), (3, 0.80)]  # fitted in one go: a level line
    assert texts(figure) == ["a1 70.0%", "fast 80.0%"]


def test_eighteen_curves_are_told_apart_and_their_names_do_not_overlap() -> None:
    figure = plots.comparison_figure({f"r{number}": HISTORY for number in range(18)})
    axes = figure.axes[0]
    image_stats = {(drawn.get_color(), str(drawn._dash_pattern)) for drawn in axes.lines}  # type: ignore[attr-defined]
    assert len(image_stats) == 18
    figure.draw_without_rendering()
    boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: box.y0)
    assert len(boxes) == 18
    for lower, upper in pairwise(boxes):
        assert lower.y1 <= upper.y0 + 2  # pixels of 150 an inch, at the letters' edges


@pytest.mark.parametrize(
    ("wanted", "placed"),
    [
        ([0.2, 0.8], [0.2, 0.8]),
        ([0.5, 0.5], [0.5, 0.6]),
        ([1.0, 1.0], [0.9, 1.0]),
        ([0.95, 0.2, 0.96], [0.9, 0.2, 1.0]),
    ],
)
def test_names_move_apart_only_as_far_as_they_must(wanted: list[float], placed: list[float]) -> None:
    assert plots._spread(wanted, gap=0.1) == pytest.approx(placed)


# What the answers are worth


def confusion_of(number: int) -> tuple[np.ndarray[Any, np.dtype[np.int64]], list[str]]:
    return np.random.default_rng(0).integers(0, 40, (number, number)), [f"class {index}" for index in range(number)]


@pytest.mark.parametrize("number", [2, 20])
def test_confusion_writes_every_count_in_its_cell(number: int) -> None:
    counts, classes = confusion_of(number)
    axes = plots.confusion_figure(counts, classes).axes[0]
    written = {text.get_position(): text.get_text() for text in axes.texts if not text.get_text().endswith("%")}
    for (row, column), count in np.ndenumerate(counts):
        if count or number == 2:
            assert written[column, row] == str(count)
        else:
            assert (column, row) not in written  # an empty cell says it more quietly
    assert [label.get_text() for label in axes.get_yticklabels()] == classes
    assert [label.get_text() for label in axes.get_xticklabels()] == classes
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("label", "predicted")


def test_a_few_classes_have_their_shares_written_too() -> None:
    few = plots.confusion_figure(np.array([[3, 1], [0, 0]]), ["a", "b"]).axes[0]
    shares = [(text.get_position(), text.get_text()) for text in few.texts if text.get_text().endswith("%")]
    assert shares == [((0, 0.32), "75%"), ((1, 0.32), "25%")]  # a class without pictures has none
    many = plots.confusion_figure(np.eye(7, dtype=int), list("abcdefg")).axes[0]
    assert not [text for text in many.texts if text.get_text().endswith("%")]


def test_curves_begin_and_end_where_they_must_and_show_chance() -> None:
    (axes,) = plots.roc_figure(np.array([0.0, 0.0, 0.5, 1.0]), np.array([0.0, 0.5, 1.0, 1.0])).axes
    assert points(axes, "ROC") == [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]
    assert points(axes, "chance") == [(0, 0), (1, 1)]
    (axes,) = plots.precision_recall_figure(np.array([0.5, 1.0]), np.array([1.0, 0.4]), 0.25).axes
    assert points(axes, "precision") == [(0.0, 1.0), (0.5, 1.0), (1.0, 0.4)]
    assert set(np.asarray(line(axes, "chance").get_ydata()).tolist()) == {0.25}


def test_confusion_is_shaded_by_the_share_of_the_label() -> None:
    axes = plots.confusion_figure(np.array([[3, 1], [0, 0]]), ["a", "b"]).axes[0]
    shades = np.asarray(axes.collections[0].get_array())[..., 3]
    assert shades == pytest.approx(np.array([[0.06 + 0.94 * 0.75, 0.06 + 0.94 * 0.25], [0.06, 0.06]]))


def test_numbers_of_twenty_classes_fit_their_cells() -> None:
    figure = plots.confusion_figure(np.full((20, 20), 999), ["x"] * 20)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    cell = axes.get_window_extent().width / 20
    assert all(text.get_window_extent().width < cell for text in axes.texts)
    assert min(float(text.get_fontsize()) for text in axes.texts) >= 8


def test_a_hundred_classes_are_a_picture_without_numbers() -> None:
    figure = plots.confusion_figure(*confusion_of(100))
    assert texts(figure) == []
    assert max(figure.get_size_inches()) < 12


def test_calibration_shows_the_filled_bins_with_their_intervals() -> None:
    bins = [Bin(4, 0.6, 0.5), Bin(100, 0.95, 0.97)]
    axes, below = plots.calibration_figure(bins, classes=2).axes
    assert points(axes, "predictions") == [(0.6, 0.5), (0.95, 0.97)]
    bars = np.array(axes.collections[0].get_segments())[:, :, 1]  # type: ignore[attr-defined]
    assert bars == pytest.approx(np.array([wilson_interval(2, 4), wilson_interval(97, 100)]))
    assert [patch.get_height() for patch in below.patches] == [4, 100]  # type: ignore[attr-defined]
    assert points(axes, "perfect") == [(0, 0), (1, 1)]


def test_calibration_where_everything_is_right_or_nothing_answered() -> None:
    axes, _ = plots.calibration_figure([Bin(10, 0.999, 1.0)], classes=2).axes
    assert points(axes, "predictions") == [(0.999, 1.0)]
    axes, _ = plots.calibration_figure([], classes=2).axes
    assert points(axes, "predictions") == []


# Sheets


def tiles() -> list[plots.Tile]:
    wide = np.full((50, 100, 3), 200, np.uint8)
    return [
        plots.Tile(wide, "cats 99.0%", right=True),
        plots.Tile(wide, "dogs 80.0%\nlabelled cats", right=False),
        plots.Tile(None, "gone.jpg"),
    ]


def test_a_sheet_marks_right_and_wrong_by_shape_and_words() -> None:
    figure = plots.sheet_figure(tiles(), columns=2, title="Some")
    assert texts(figure) == ["✓ cats 99.0%", "✗ dogs 80.0%\nlabelled cats", "can't be shown", "gone.jpg"]
    axes = figure.axes[0]
    assert len(axes.images) == 2
    outlined = [patch for patch in axes.patches if not patch.get_fill()]
    assert [patch.get_x() for patch in outlined] == [1.0]  # type: ignore[attr-defined]


def test_pictures_keep_their_shape_on_a_sheet() -> None:
    left, right, bottom, top = plots.sheet_figure(tiles(), columns=2, title="").axes[0].images[0].get_extent()
    assert (right - left) / (bottom - top) == pytest.approx(2.0)


# Files


def test_a_png_is_on_white_and_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        plots.save_png(plots.history_figure(HISTORY, 2, 0.5), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    image = Image.open(tmp_path / "one.png").convert("RGBA")
    assert image.getpixel((0, 0)) == (255, 255, 255, 255)
    assert image.width > 1000


NASTY = [r"$\frac$", "猫 🐈", "a" * 300, "line\nbreak\tand \x00", "\udcff bytes", "<b>&amp;"]


def test_any_name_can_be_drawn(tmp_path: Path) -> None:
    """Warnings are errors here, so letters that no font has must not be remarked on either."""
    plots.save_png(plots.confusion_figure(np.eye(6, dtype=np.int64), NASTY), tmp_path / "confusion.png")
    sheet = plots.sheet_figure([plots.Tile(None, name, right=False) for name in NASTY], 3, "")
    plots.save_png(sheet, tmp_path / "sheet.png")
    plots.save_png(plots.comparison_figure(dict.fromkeys(NASTY, HISTORY)), tmp_path / "comparison.png")
    assert texts(sheet)[1] == r"✗ $\frac$"


def test_the_users_own_settings_change_nothing(tmp_path: Path) -> None:
    import matplotlib as mpl

    had_pyplot = "matplotlib.pyplot" in sys.modules
    plots.save_png(plots.history_figure(HISTORY, 2, 0.5), tmp_path / "plain.png")
    with mpl.rc_context({"figure.facecolor": "red", "font.size": 30, "axes.grid": False, "lines.linewidth": 9}):
        before = settings()
        plots.save_png(plots.history_figure(HISTORY, 2, 0.5), tmp_path / "odd.png")
        assert settings() == before
    assert (tmp_path / "odd.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot


def settings() -> dict[str, Any]:
    """All but the backend, which matplotlib looks for when it is asked which."""
    import matplotlib as mpl

    return {name: mpl.rcParams[name] for name in mpl.rcParams if name != "backend"}


# In a page


def svg(figure: "Figure", name: str = "plot", says: str = "A plot.") -> ElementTree.Element:
    return ElementTree.fromstring(plots.to_svg(figure, name, says))


def every_figure() -> Sequence["Figure"]:
    return [
        plots.history_figure(HISTORY, 2, 0.5, ("accuracy",)),
        plots.history_figure(HISTORY, 2, 0.5, ("loss",)),
        plots.regularisation_figure({0.01: 0.2, 0.1: 0.1}),
        plots.calibration_figure([Bin(4, 0.6, 0.5)], 2),
        plots.comparison_figure({"a1": HISTORY}),
    ]


def test_a_drawing_says_what_it_shows_and_keeps_its_text_as_text() -> None:
    root = svg(plots.history_figure(HISTORY, 2, 0.5, ("accuracy",)), says='It rose from "55%" & <fell>.')
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'It rose from "55%" & <fell>.'
    assert {"training", "validation", "guessing"} <= {text.text for text in root.iter("text")}


def test_drawings_take_colours_and_letters_from_the_page() -> None:
    for figure in every_figure():
        for element in svg(figure).iter():
            style = element.get("style", "")
            assert "#" not in style
            assert "font-family" not in style
            assert element.tag not in ("style", "metadata")


def test_several_drawings_fit_in_one_page() -> None:
    ids = []
    for number, figure in enumerate(every_figure()):
        root = svg(figure, name=f"plot{number}")
        own = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
        ids += own
        for element in root.iter():
            reference = element.get("href", element.get("clip-path", ""))
            if reference:
                assert reference.removeprefix("url(").removesuffix(")").removeprefix("#") in own
    assert len(ids) > 5
    assert len(set(ids)) == len(ids)


def test_drawings_refer_to_nothing_outside() -> None:
    for figure in every_figure():
        assert "http" not in plots.to_svg(figure, "plot", "A plot.")


# Colours


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_all_print_is_readable(colours: dict[str, str]) -> None:
    """WCAG AA asks for 4.5 to 1 for small print."""
    for name in ("ink", "muted", *SERIES):
        for ground in ("paper", "wash"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
    assert contrast(colours["ink"], colours["cell"]) >= 4.5


def test_both_modes_have_the_same_names() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)  # a drawing's colours are found again by their values
    assert css_variables().count("--blue:") == 2
