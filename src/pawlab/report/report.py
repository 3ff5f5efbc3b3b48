"""What a run found out -> its plots and report.html: one self-contained page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pawlab.audit.findings import Finding
from pawlab.classifier import Classifier
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.stats import Stats
from pawlab.errors import ModelError
from pawlab.evaluation.evaluate import Evaluation
from pawlab.evaluation.explain import Explainer, overlay
from pawlab.evaluation.history import Epoch
from pawlab.evaluation.label_issues import LabelIssue
from pawlab.export.example import pixels_code
from pawlab.images import Pixels, Preprocess, decode
from pawlab.progress import Progress, silent
from pawlab.recipes import RECIPES
from pawlab.recipes.own import is_recipe_file
from pawlab.recipes.recipe import Recipe
from pawlab.report import plots
from pawlab.report.audit import Preview, preview, preview_tiles, shown_findings
from pawlab.report.page import percent, quoted, sureness, write_page
from pawlab.report.shown import Shown, drawn, mistakes, samples, with_squares, with_whole

REPORT_FILE = "report.html"
PLOTS_FOLDER = "plots"

_ANSWERS = 25
_MISTAKES = 12
_CONFUSED = 8
_LABEL_ISSUES = 15
_SECTIONS = {
    "pictures": "Data",
    "model": "Model",
    "learning": "Training",
    "score": "Results",
    "answers": "Predictions",
    "mistakes": "Mistakes",
    "labels": "Label issues",
    "use": "Use",
    "repeat": "Reproduce",
}


@dataclass(frozen=True)
class Material:
    """All that a run's page shows.

    `run`: where the run lies once it is whole, for the commands. `recipe`: as it was used. `metrics` and `record`: what
    metrics.json and run.json hold, with the wall times so far. `test`: the answers for the test pictures; `bins`: the
    same by how sure they were. `label_issues`: pictures whose labels look wrong, the most likely first.
    `classifier`: draws heat maps; without one, or where its network has no feature map, there are none.
    """

    run: Path
    dataset: Dataset
    stats: Stats
    findings: Sequence[Finding]
    recipe: Recipe
    metrics: dict[str, Any]
    record: dict[str, Any]
    history: Sequence[Epoch]
    test: Evaluation
    bins: Sequence[plots.Bin] = ()
    label_issues: Sequence[LabelIssue] = ()
    classifier: Classifier | None = None


@dataclass(frozen=True)
class _Gallery:
    """The pictures of the page, decoded."""

    samples: list[tuple[str, list[Shown]]]
    preview: Preview
    answers: list[Shown]
    mistakes: list[Shown]
    mistakes_in_all: int
    label_issues: list[Shown]


def write_report(material: Material, folder: Path, progress: Progress = silent) -> None:
    """Write report.html and plots/ into `folder`."""
    with progress("Writing the report", total=4, unit="parts") as advance:
        gallery = _gallery(material)
        advance(1)
        _write_sheets(material, gallery, folder / PLOTS_FOLDER)
        advance(1)
        _write_plots(material, folder / PLOTS_FOLDER)
        advance(1)
        write_page("report.html.j2", _values(material, gallery), folder / REPORT_FILE)
        advance(1)


def _gallery(material: Material) -> _Gallery:
    seed = material.record["seed"]
    wrong = mistakes(material.test)
    return _Gallery(
        samples=[(label, with_squares(row)) for label, row in samples(material.dataset)],
        preview=preview(material.dataset, material.recipe, seed),
        answers=with_squares(drawn(material.test, _ANSWERS, seed)),
        mistakes=_explained(with_whole(wrong[:_MISTAKES]), material.classifier),
        mistakes_in_all=len(wrong),
        label_issues=with_squares(
            Shown(item.picture, item.suggested) for item in material.label_issues[:_LABEL_ISSUES]
        ),
    )


def _explained(wrong: list[Shown], classifier: Classifier | None) -> list[Shown]:
    """Lay over each picture where its answer came from."""
    try:
        explainer = Explainer(classifier) if classifier and wrong else None
    except ModelError:  # a network without a feature map has no positions
        explainer = None
    if explainer is None or classifier is None:
        return wrong
    preprocess = classifier.card.preprocess
    return [item if item.pixels is None else replace(item, heat=_heat(item, explainer, preprocess)) for item in wrong]


def _heat(item: Shown, explainer: Explainer, preprocess: Preprocess) -> Pixels:
    path = item.picture.path
    seen = item.pixels if preprocess.resize_mode == "squash" and item.pixels is not None else decode(path, preprocess)
    return overlay(seen, explainer.heatmap(path, item.answer))


# plots/


def _write_sheets(material: Material, gallery: _Gallery, folder: Path) -> None:
    columns = max(len(row) for _, row in gallery.samples)
    tiles = [plots.Tile(item.pixels, label) for label, row in gallery.samples for item in row]
    plots.save_png(plots.sheet_figure(tiles, columns, "Samples, a row per class"), folder / "samples.png")

    tiles = preview_tiles(gallery.preview, material.recipe)
    title = "" if gallery.preview.variants else ": none in this recipe"
    plots.save_png(plots.sheet_figure(tiles, 5, f"Augmentation{title}"), folder / "augmentation.png")

    tiles = [_answer_tile(item) for item in gallery.answers]
    title = f"{len(tiles)} test pictures, drawn at random"
    plots.save_png(plots.sheet_figure(tiles, 5, title), folder / "predictions.png")


def _answer_tile(item: Shown) -> plots.Tile:
    label = "" if item.right else f"\nlabelled {item.picture.label}"
    return plots.Tile(item.pixels, f"{item.answer} {sureness(item.probability)}{label}", item.right)


def _write_plots(material: Material, folder: Path) -> None:
    history, losses = material.history, _losses_by_c(material.record)
    if losses:
        figure = plots.regularisation_figure(losses, _chosen_c(material.record))
    else:
        figure = plots.history_figure(
            history, material.record["best_epoch"], material.metrics["validation"]["baseline_accuracy"]
        )
    plots.save_png(figure, folder / "history.png")
    plots.save_png(plots.confusion_figure(material.test.confusion, material.test.classes), folder / "confusion.png")
    plots.save_png(plots.calibration_figure(material.bins, len(material.test.classes)), folder / "calibration.png")


def _losses_by_c(record: dict[str, Any]) -> dict[float, float]:
    """Return validation loss by C for a probe that was fitted in one go, else nothing."""
    tried = record["chosen_on_validation"].get("validation_loss_by_C", {})
    return {float(C): loss for C, loss in tried.items()}


def _chosen_c(record: dict[str, Any]) -> float:
    return float(record["chosen_on_validation"]["C"])


# report.html


def _values(material: Material, gallery: _Gallery) -> dict[str, Any]:
    recipe = {**material.record["recipe"], "name": material.recipe.name}
    return {
        "sections": _SECTIONS,
        "run": str(material.run),
        "metrics": material.metrics,
        "record": material.record,
        "recipe": recipe,
        "stats": material.stats,
        "findings": shown_findings(material.findings, material.dataset),
        "samples": gallery.samples,
        "preview": gallery.preview,
        "curves": _curves(material),
        "by_class": [{"name": name, **values} for name, values in material.test.by_class.items()],
        "confusion": material.test.confusion.tolist(),
        "confusion_svg": _confusion_drawing(material.test),
        "confused": _confused(material.test),
        "calibration_svg": _calibration_drawing(material),
        "answers": gallery.answers,
        "mistakes": gallery.mistakes,
        "heated": any(item.heat is not None for item in gallery.mistakes),
        "mistakes_in_all": gallery.mistakes_in_all,
        "label_issues": gallery.label_issues,
        "label_issues_in_all": len(material.label_issues),
        "command": _command(material.record["request"]),
        "pixels_code": pixels_code(material.recipe.preprocess),
    }


def _curves(material: Material) -> list[dict[str, str]]:
    losses = _losses_by_c(material.record)
    if losses:
        return [_regularisation_plot(losses, _chosen_c(material.record))]
    history, best = material.history, material.record["best_epoch"]
    accuracy = plots.accuracy_figure(history, best, material.metrics["validation"]["baseline_accuracy"])
    loss = plots.loss_figure(history, best)
    return [
        {"svg": plots.to_svg(accuracy, "accuracy", _accuracy_says(history, best)), "caption": ""},
        {"svg": plots.to_svg(loss, "loss", _loss_says(history, best)), "caption": ""},
    ]


def _regularisation_plot(losses: dict[float, float], chosen: float) -> dict[str, str]:
    says = f"Validation loss for {len(losses)} values of C; the smallest, {losses[chosen]:.3f}, is at C = {chosen:g}."
    caption = (
        "The probe is fitted in one go, so there are no epochs to watch. What was chosen is how closely it may follow "
        f"the training pictures: C, the inverse regularisation strength, with the smallest loss on "
        f"the validation pictures, {chosen:g}."
    )
    return {
        "svg": plots.to_svg(plots.regularisation_figure(losses, chosen), "regularisation", says),
        "caption": caption,
    }


def _accuracy_says(history: Sequence[Epoch], best: int) -> str:
    first, last, at_best = history[0], history[-1], history[best - 1]
    return (
        f"Accuracy over {len(history)} epochs: in training from {percent(first.accuracy)} to {percent(last.accuracy)}, "
        f"in validation from {percent(first.val_accuracy)} to {percent(last.val_accuracy)}; "
        f"the best epoch is {best} with {percent(at_best.val_accuracy)}."
    )


def _loss_says(history: Sequence[Epoch], best: int) -> str:
    first, last, at_best = history[0], history[-1], history[best - 1]
    return (
        f"Loss over {len(history)} epochs: in training from {first.loss:.3f} to {last.loss:.3f}, "
        f"in validation from {first.val_loss:.3f} to {last.val_loss:.3f}; at epoch {best} it is {at_best.val_loss:.3f}."
    )


def _confusion_drawing(answered: Evaluation) -> str:
    """Return the matrix of so many classes that a table of counts couldn't be read; else nothing."""
    number = len(answered.classes)
    if number <= plots.MOST_NUMBERED:
        return ""
    says = f"Confusion of {number} classes: the darker a cell, the larger the share of its row."
    return plots.to_svg(plots.confusion_figure(answered.confusion, answered.classes), "confusion", says)


def _calibration_drawing(material: Material) -> str:
    filled = [entry for entry in material.bins if entry.count]
    says = "Answers by how sure they were: " + "; ".join(
        f"{entry.count} at {percent(entry.confidence)} on average, of which {percent(entry.accuracy)} right"
        for entry in filled
    )
    figure = plots.calibration_figure(material.bins, len(material.test.classes))
    return plots.to_svg(figure, "calibration", f"{says}.")


def _confused(answered: Evaluation) -> list[dict[str, Any]]:
    """Return which label was most often taken for which other."""
    classes, counts = answered.classes, answered.confusion
    pairs = Counter(
        {
            (row, column): int(counts[row, column])
            for row in range(len(classes))
            for column in range(len(classes))
            if row != column and counts[row, column]
        }
    )
    return [
        {"label": classes[row], "answer": classes[column], "count": count, "of": int(counts[row].sum())}
        for (row, column), count in pairs.most_common(_CONFUSED)
    ]


def _has_a_name(recipe: str) -> bool:
    return is_recipe_file(recipe) or any(recipe == known.name for known in RECIPES)


def _command(request: dict[str, Any]) -> str:
    """Return the command that repeats the run, or the Python code where its recipe was given as an object."""
    names = ("epochs", "weights", "backbone", "resize_mode")
    options = {name: request[name] for name in names if request.get(name)}
    if request.get("own_recipe") and not _has_a_name(request["recipe"]):
        options.pop("backbone", None)  # the recipe holds it
        arguments = "".join(f", {name}={value!r}" for name, value in {"seed": request["seed"], **options}.items())
        return (
            "import json, pawlab\nfrom pawlab.recipes.recipe import Recipe\n\n"
            'record = json.load(open("run.json", encoding="utf-8"))  # in this run\'s folder\n'
            'recipe = Recipe.from_dict(record["request"]["own_recipe"])\n'
            f"pawlab.train({request['data']!r}, recipe{arguments})"
        )
    given = "".join(f" --{name.replace('_', '-')} {quoted(str(value))}" for name, value in options.items())
    start = f"pawlab train {quoted(request['data'])} --recipe {quoted(request['recipe'])}"
    return f"{start} --seed {request['seed']}{given}"
