"""What a run found out -> its plots and report.html, one self-contained page, with MODEL_CARD.md beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pawlab.audit.findings import Finding
from pawlab.classifier import Classifier
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.stats import Stats
from pawlab.evaluation.confusion import rarest_class
from pawlab.evaluation.evaluate import Evaluation
from pawlab.evaluation.history import Epoch
from pawlab.evaluation.label_issues import LabelIssue
from pawlab.evaluation.selective import accuracy_by_coverage
from pawlab.evaluation.verdict import Share, differs
from pawlab.export.example import pixels_code
from pawlab.names import flag
from pawlab.progress import Progress, silent
from pawlab.recipes import RECIPES
from pawlab.recipes.own import is_recipe_file
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.settings import setting_texts
from pawlab.report import plots
from pawlab.report.audit import preview, shown_findings
from pawlab.report.glossary import explained
from pawlab.report.mistakes import mistakes
from pawlab.report.model_card import MODEL_CARD_FILE, write_model_card
from pawlab.report.page import quoted, sureness, write_page
from pawlab.report.results import confused, result_drawings, result_figures
from pawlab.report.shown import Shown, answers, decoded, shown_samples
from pawlab.templates import percent

REPORT_FILE = "report.html"
PLOTS_FOLDER = "plots"

_ASKED = ("epochs", "weights", "backbone", "minutes", "resize_mode", "sure_at", "cv", "memory")
_ANSWERS = 25
_MISTAKES = 12
_LABEL_ISSUES = 15
_FEW_TESTED = 200  # test pictures, below which the folds' score stands beside theirs


@dataclass(frozen=True)
class Material:
    """All that a run's page shows.

    `run`: where the run lies once it is whole, for the commands. `recipe`: as it was used. `metrics` and `record`: what
    metrics.json and run.json hold, with the wall times so far. `test`: the answers for the test pictures.
    `label_issues`: pictures whose labels look wrong, the most likely first. `promised_on`: the predictions that the
    threshold was read off. `classifier`: draws heat maps; without one, or where its network has no feature map, there
    are none.
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
    label_issues: Sequence[LabelIssue] = ()
    promised_on: Evaluation | None = None
    classifier: Classifier | None = None


def write_report(material: Material, folder: Path, progress: Progress = silent) -> None:
    """Write report.html, plots/ and MODEL_CARD.md into `folder`."""
    with progress("Writing the report", total=4, unit="parts") as advance:
        pictures = _pictures(material)
        advance(1)
        figures = {**_sheets(material, pictures), **_plots(material)}
        advance(1)
        for name, figure in figures.items():
            plots.save_png(figure, folder / PLOTS_FOLDER / f"{name}.png")
        advance(1)
        values = {**_values(material), **pictures, **_drawings(material, figures)}
        write_page(folder / REPORT_FILE, "report.html.j2", **values)
        write_model_card(folder / MODEL_CARD_FILE, material.recipe, values)
        advance(1)


def _pictures(material: Material) -> dict[str, Any]:
    """Return the pictures of the page, decoded."""
    seed = material.record["seed"]
    answered = answers(material.test)
    order = np.random.default_rng(seed).permutation(len(answered))[:_ANSWERS]
    issues = material.label_issues[:_LABEL_ISSUES]
    return {
        "samples": shown_samples(material.dataset),
        "preview": preview(material.dataset, material.recipe, seed),
        "answers": decoded(answered[index] for index in order),
        "mistakes": mistakes(material.test, material.classifier, _MISTAKES),
        "label_issues": decoded(Shown(item.picture, item.suggested) for item in issues),
    }


# plots/


def _sheets(material: Material, pictures: dict[str, Any]) -> dict[str, Any]:
    rows = [row for _, row in pictures["samples"]]
    samples = [plots.Tile(item.pixels, item.picture.label) for row in rows for item in row]
    changed = pictures["preview"]
    unchanged = "" if len(changed) > 2 else ": none in this recipe"
    predicted = [_answer_tile(item) for item in pictures["answers"]]
    return {
        "samples": plots.sheet_figure(samples, max(map(len, rows)), "Samples, a row per class"),
        "augmentation": plots.sheet_figure(changed, 5, f"Augmentation{unchanged}"),
        "predictions": plots.sheet_figure(predicted, 5, f"{len(predicted)} test pictures, drawn at random"),
    }


def _answer_tile(item: Shown) -> plots.Tile:
    label = "" if item.right else f"\nlabelled {item.picture.label}"
    return plots.Tile(item.pixels, f"{item.answer} {sureness(item.probability)}{label}", item.right)


def _plots(material: Material) -> dict[str, Any]:
    figures = {"history": _history_figure(material, "accuracy", "loss"), **result_figures(material.test)}
    predicted = material.promised_on
    if predicted is not None:
        shares, accuracies = accuracy_by_coverage(predicted.probabilities.max(axis=1), predicted.correct)
        figures["coverage"] = plots.coverage_figure(shares, accuracies, material.metrics["selective"])
    return figures


def _history_figure(material: Material, *parts: str) -> Any:
    losses = _losses_by_c(material.record)
    if losses:
        return plots.regularisation_figure(losses)
    baseline = material.metrics["validation"]["baseline_accuracy"]
    return plots.history_figure(material.history, material.record["best_epoch"], baseline, parts)


def _losses_by_c(record: dict[str, Any]) -> dict[float, float]:
    """Return validation loss by C for a probe that was fitted in one go, else nothing."""
    tried = record["chosen_on_validation"].get("validation_loss_by_C", {})
    return {float(C): loss for C, loss in tried.items()}


# report.html


def _values(material: Material) -> dict[str, Any]:
    return {
        **vars(material),
        "run": str(material.run),
        "recipe": {**material.record["recipe"], "name": material.recipe.name},
        "findings": shown_findings(material.findings, material.dataset),
        "rarest": rarest_class(material.metrics["counts"]["train"]),
        "confused": confused(material.test),
        "explained": explained(material.metrics["test"], len(material.test.classes)),
        "better": _better_than_guessing(material.metrics),
        "scored": _scored(material),
        "label_issues_in_all": len(material.label_issues),
        "command": _command(material.record["request"]),
        "pixels_code": pixels_code(material.recipe.preprocess),
    }


def _drawings(material: Material, figures: dict[str, Any]) -> dict[str, Any]:
    drawings = result_drawings(material.test, figures)
    if "coverage" in figures:
        says = _coverage_says(material.metrics["selective"])
        drawings["coverage"] = plots.to_svg(figures["coverage"], "coverage", says)
    return {"curves": _curves(material, figures["history"]), "drawings": drawings}


def _scored(material: Material) -> dict[str, Any]:
    """Return the blocks of metrics.json that the page shows, by what it calls them."""
    test, validation = material.metrics["test"], material.metrics["validation"]
    folds, on = material.metrics.get("cross_validation"), material.promised_on
    out_of_fold = on is not None and len(on.pictures) > validation["pictures"]
    scored = {"test": test, f"validation{', out of fold' if out_of_fold else ''}": validation}
    if folds is not None and test["pictures"] < _FEW_TESTED:
        scored[f"all but test, in {folds['folds']} folds"] = folds
    return scored


def _better_than_guessing(metrics: dict[str, Any]) -> bool | None:
    test = metrics["test"]
    return differs(Share(round(test["accuracy"] * test["pictures"]), test["pictures"]), metrics["baseline_accuracy"])


def _coverage_says(promised: dict[str, Any]) -> str:
    if promised["target"] is None:
        return "Accuracy of the surest answers against the share of pictures that get one; none of it is promised."
    seen = promised.get("out_of_fold") or promised["validation"]
    return (
        "Accuracy of the surest answers against the share of pictures that get one: chosen is the threshold where "
        f"{percent(seen['coverage'])} get an answer, {percent(seen['accuracy'])} of them right."
    )


def _curves(material: Material, figure: Any) -> list[str]:
    losses = _losses_by_c(material.record)
    if losses:
        smallest, chosen = min((loss, c) for c, loss in losses.items())
        says = f"Out-of-fold loss for {len(losses)} values of C; the smallest, {smallest:.3f}, is at C = {chosen:g}."
        return [plots.to_svg(figure, "regularisation", says)]
    return [
        plots.to_svg(_history_figure(material, part), part, _curve_says(material, part))
        for part in ("accuracy", "loss")
    ]


def _curve_says(material: Material, part: str) -> str:
    history, best = material.history, material.record["best_epoch"]

    def told(epoch: Epoch, name: str) -> str:
        value = getattr(epoch, name)
        return percent(value) if part == "accuracy" else f"{value:.3f}"

    first, last, held_out = history[0], history[-1], f"val_{part}"
    return (
        f"{part.capitalize()} over {len(history)} epochs: in training from {told(first, part)} to {told(last, part)}, "
        f"in validation from {told(first, held_out)} to {told(last, held_out)}; "
        f"at epoch {best}, the best, it is {told(next(row for row in history if row.epoch == best), held_out)}."
    )


def _command(request: dict[str, Any]) -> str:
    """Return the command that repeats the run, or the Python code where its recipe was given as an object."""
    if request.get("more"):
        return f"pawlab train {quoted(request['more'][-1])} --extend {quoted(request['options']['split_from'])}"
    options = {name: request[name] for name in _ASKED if request.get(name) is not None}
    if request.get("balance", "auto") != "auto":
        options["balance"] = request["balance"]
    options |= {**request.get("options", {}), **request.get("engines", {})}
    named = is_recipe_file(request["recipe"]) or request["recipe"] in {recipe.name for recipe in RECIPES}
    if request.get("own_recipe") and not named:
        if options.pop("backbone", None) == "auto":  # the recipe holds it, and what was set
            options.pop("minutes", None)
        arguments = "".join(f", {name}={value!r}" for name, value in {"seed": request["seed"], **options}.items())
        return (
            "import json, pawlab\nfrom pawlab.recipes.recipe import Recipe\n\n"
            'record = json.load(open("run.json", encoding="utf-8"))  # in this run\'s folder\n'
            'recipe = Recipe.from_dict(record["request"]["own_recipe"])\n'
            f"pawlab.train({request['data']!r}, recipe{arguments})"
        )
    given = "".join(f" {flag(name)} {quoted(str(value))}" for name, value in options.items())
    start = f"pawlab train {quoted(request['data'])} --recipe {quoted(request['recipe'])}"
    changed = "".join(f" --set {quoted(text)}" for text in setting_texts(request.get("set", {})))
    return f"{start} --seed {request['seed']}{given}{changed}"
