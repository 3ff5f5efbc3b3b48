"""What commands print for people: tables, and lines that begin with a word."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table

from pawlab.cli.terminal import show
from pawlab.errors import counted
from pawlab.evaluation.confusion import rarest_class
from pawlab.evaluation.metrics import wilson_interval
from pawlab.names import on_terminal
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.settings import setting_texts
from pawlab.recipes.summary import count_parameters, recipe_document, summarise

if TYPE_CHECKING:
    from pawlab.datasets.known import KnownData
    from pawlab.runs.record import Run
    from pawlab.storage.cache import Space

_STYLES = {"serious": "bold red", "warning": "bold yellow", "note": "bold"}
_SHOWN = 5  # pictures, or groups of them, of a finding: enough to see what is meant
_KINDS = 5  # of skipped files
_PIPE_WIDTH = 120
_ANY_WIDTH = 10_000
_FEW_TESTED = 200  # pictures, below which the folds' score stands beside the test's
_LONG = frozenset(
    {"model", "path", "options", "licence", "origin", "class", "layer"}
)  # columns of words, which may wrap
_RIGHT = frozenset(
    {"pictures", "parameters", "trainable", "size", "features", "ms", "train", "validation", "test", "seconds"}
)


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], in_lines: bool = False) -> None:
    """Print rows of text under their header; numbers are aligned right and are never broken.

    `in_lines`: of many columns: where a terminal is too narrow any of them may wrap, and in a pipe none does.
    """
    table = Table(box=box.SIMPLE_HEAD)
    for name in header:
        justify: Literal["left", "right"] = "right" if name in _RIGHT else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name not in _LONG and not in_lines)
    for row in rows:
        table.add_row(*map(on_terminal, row))
    console = _console()
    (console if console.is_terminal else _console(width=_ANY_WIDTH if in_lines else _PIPE_WIDTH)).print(table)


def print_changes(changed: dict[str, Any]) -> None:
    """Print what an extension did to the score of the test pictures that there were before."""
    if changed["new_classes"]:
        show(f"New        {', '.join(changed['new_classes'])}")
    if changed["pictures"]:
        old = counted(changed["pictures"], "old test picture", "old test pictures")
        show(f"Before     {changed['before']:.1%} of {old} correct")
        new = counted(changed["new_test_pictures"], "test picture is new", "test pictures are new")
        show(f"Now        {changed['after']:.1%} of the same; {new}")


def print_recipes(recipes: Iterable[Recipe]) -> None:
    """Print a line per recipe."""
    rows = []
    for recipe in recipes:
        counts = count_parameters(recipe)
        rows.append((recipe.name, recipe.title, _size(recipe), f"{counts.total:,}", f"{counts.trainable:,}"))
    print_table(("name", "model", "pictures", "parameters", "trainable"), rows)


def print_recipe(recipe: Recipe) -> None:
    """Print one recipe: what it is for, its layers with shapes and counts, how it is trained, what was published."""
    console = _console()
    document = recipe_document(recipe)
    console.print(f"{recipe.name}: {recipe.title}", style="bold")
    console.print(recipe.purpose)
    console.print(f"Source: {recipe.source}")
    console.print(f"Pictures: {_size(recipe)}, {recipe.preprocess.resize_mode}, {recipe.preprocess.interpolation}")
    rows = [
        (line.kind, _options(line.options), " x ".join(map(str, line.output_shape)), f"{line.parameters:,}")
        for line in summarise(recipe)
    ]
    print_table(("layer", "options", "output shape", "parameters"), rows)
    counts = document["parameters"]
    console.print(f"{counts['total']:,} parameters, {counts['trainable']:,} trainable (two classes)")
    for quirk in document["known_quirks"]:
        console.print(f"Quirk: {quirk}")
    for title in ("published", "measured"):
        if document.get(title):
            facts = ", ".join(f"{key}: {value}" for key, value in document[title].items())
            console.print(f"{title.capitalize()}: {facts}")


def print_backbones(documents: Iterable[dict[str, Any]]) -> None:
    """Print a line per pretrained network."""
    rows = [
        (
            item["name"],
            str(item["image_size"]),
            f"{item['channels']:,}",
            f"{item['parameters']:,}",
            "" if item["ms_per_picture"] is None else f"{item['ms_per_picture']:.1f}",
            item["licence"],
            item["weights"],
        )
        for item in documents
    ]
    print_table(("name", "size", "features", "parameters", "ms", "licence", "origin"), rows)


def print_backbone(document: dict[str, Any]) -> None:
    """Print one pretrained network: a line per fact."""
    console = _console()
    for name, value in document.items():
        shown = _options(value) if isinstance(value, dict) else "-" if value is None else str(value)
        console.print(f"{name.replace('_', ' '):<15}{shown}", soft_wrap=True)


def print_known_data(known: Iterable["KnownData"]) -> None:
    """Print a line per data set."""
    rows = [(item.name, f"{item.pictures:,}", item.licence, item.origin) for item in known]
    print_table(("name", "pictures", "licence", "origin"), rows)


def print_cache(spaces: "Sequence[Space]") -> None:
    """Print a line for each thing in the cache, and what they take in all."""
    rows = [(space.what, f"{space.size / 1e6:,.1f} MB", _age(space.age), str(space.path)) for space in spaces]
    print_table(("what", "size", "last used", "path"), rows)
    show(f"In all     {sum(space.size for space in spaces) / 1e6:,.1f} MB; `pawlab cache clear` removes it")


def _age(seconds: float) -> str:
    hours = max(0, int(seconds / 3600))
    return counted(hours // 24, "day ago", "days ago") if hours >= 24 else counted(hours, "hour ago", "hours ago")


def _about_backbone(layers: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what isn't plain from the command: why a network was taken, what its features are, its licence."""
    for layer in layers:
        if layer["kind"] == "backbone":
            name, hub = Path(layer["name"]).name, layer.get("hub")
            if "why" in layer:
                yield f"{name}: {layer['why']}"
            if hub:
                yield f"{hub['repo']}, {hub['file']} at {hub['revision'][:12]}; licence: {hub['licence'] or 'not said'}"
            if layer.get("features"):
                yield f"features are {layer['features']}"


def print_run(run: "Run") -> None:
    """Print what people want to know of a run that is done."""
    metrics, quoted = run.metrics, shlex.quote(str(run.folder))
    counts = {split: sum(by_class.values()) for split, by_class in metrics["counts"].items()}
    splits = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    classes = len(metrics["classes"])
    for note in metrics["notes"]:
        show(f"Read       {note}")
    show(f"Pictures   {sum(counts.values()):,} in {classes} classes: {splits}; overlap: {metrics['overlap']}")
    if changed := setting_texts(run.record["request"].get("set", {})):
        show(f"Recipe     {run.record['request']['recipe']} with {', '.join(changed)}")
    for line in _about_backbone(run.record["recipe"]["layers"]):
        show(f"Backbone   {line}")
    for note in run.record.get("training_notes", ()):
        show(f"Training   {note}")
    show(f"Test       {_with_interval(metrics['test'])}")
    if metrics["test"]["pictures"] < _FEW_TESTED and "cross_validation" in metrics:
        show(
            f"           in {metrics['cross_validation']['folds']} folds {_with_interval(metrics['cross_validation'])}"
        )
    _print_rarest(metrics["counts"]["train"], metrics["test"]["per_class"])
    show(f"Baseline   {metrics['baseline_accuracy']:.1%}, by always guessing the most frequent class or at random")
    show(f"Sure       {_promise(metrics['selective'], run.record['request'].get('sure_at'))}")
    for sentence in metrics["verdict"]["sentences"]:
        show(f"           {sentence}")
    print_skipped(metrics["skipped"], f"; {run.folder / 'run.json'} lists them")
    if run.interrupted:
        show(f"Stopped    early; go on with: pawlab train --resume {quoted}")
    show(f"Results    {run.folder}, after {metrics['seconds']['total']:.0f} s")
    if run.page.is_file():
        show(f"Report     {run.page}")
    show(f"Next       pawlab predict {quoted} PICTURE")


def _promise(promised: dict[str, Any], asked: float | None) -> str:
    """Say what is promised. `asked`: what was, where the default isn't taken."""
    if promised["target"] is None:
        what = "to answer half of them with 90% right" if asked is None else f"for {asked:g}"
        highest = promised.get("highest")  # not in older runs
        can = f". --sure-at {highest['target']:g} can be kept, for {highest['coverage']:.0%} of them" if highest else ""
        return f"no promise: it takes more pictures, or fewer mistakes, {what}{can}"
    seen = promised.get("out_of_fold") or promised["validation"]
    return (
        f"of {seen['coverage']:.0%} of the pictures, of which {promised['target']:.0%} or more are right "
        f"(with {promised['confidence']:.0%} confidence)"
    )


def print_skipped(kinds: Sequence[dict[str, Any]], rest: str = "") -> None:
    """Print how many files were skipped, by extension and reason, the most frequent first."""
    if not kinds:
        return
    show(f"Skipped    {counted(sum(kind['files'] for kind in kinds), 'file', 'files')}{rest}")
    for kind in kinds[:_KINDS]:
        show(f"           {kind['files']:,} {kind['extension'] or 'without extension'}: {kind['reason']}")
    if len(kinds) > _KINDS:
        show(f"           {sum(kind['files'] for kind in kinds[_KINDS:]):,} more, for other reasons")


def print_evaluation(scored: dict[str, Any]) -> None:
    """Print a score, that of the rarest class, and each class's recall and precision."""
    show(f"Test       {_with_interval(scored)}")
    answered = scored["selective"]
    if answered["coverage"] < 1:
        right = "none of them" if answered["accuracy"] is None else f"{answered['accuracy']:.1%} of them"
        show(f"Sure       of {answered['coverage']:.1%} of the pictures, {right} right")
    show(f"Classes    balanced accuracy {scored['balanced_accuracy']:.1%}, macro F1 {scored['macro_f1']:.3f}")
    pictures = {name: row["pictures"] for name, row in scored["per_class"].items() if row["pictures"]}
    _print_rarest(pictures, scored["per_class"])
    for name, values in scored["per_class"].items():
        recall = f"recall {values['recall']:.1%} of {values['pictures']:,}" if values["pictures"] else "no pictures"
        precision = "never predicted" if values["precision"] is None else f"precision {values['precision']:.1%}"
        show(f"           {name}: {recall}, {precision}")


def _print_rarest(pictures: dict[str, int], scored: dict[str, dict[str, Any]]) -> None:
    """Print how the rarest class fares, where classes are unequal: accuracy hides it."""
    rarest = rarest_class(pictures)
    if rarest is None:
        return
    row = scored[rarest]
    if not row["pictures"]:
        show(f"Rarest     {rarest}: no test pictures, so nothing is known of it")
        return
    low, high = wilson_interval(round(row["recall"] * row["pictures"]), row["pictures"])
    of = counted(row["pictures"], "picture", "pictures")
    never = "; it is never predicted" if row["precision"] is None else ""
    show(f"Rarest     {rarest}: recall {row['recall']:.1%} (95% interval {low:.1%} to {high:.1%}) of {of}{never}")


def _with_interval(score: dict[str, Any]) -> str:
    low, high = score["ci95"]
    pictures = counted(score["pictures"], "picture", "pictures")
    return f"accuracy {score['accuracy']:.1%} (95% interval {low:.1%} to {high:.1%}) of {pictures}"


def print_exploration(found: dict[str, Any]) -> None:
    """Print pictures by class and split, the baseline, and what the checks found."""
    splits = list(found["counts"])
    rows = [(name, *(f"{found['counts'][split].get(name, 0):,}" for split in splits)) for name in found["classes"]]
    totals = (f"{sum(found['counts'][split].values()):,}" for split in splits)
    print_table(("class", *splits), [*rows, ("all", *totals)])
    show(f"Baseline   {found['baseline_accuracy']:.1%} (always guessing the most frequent class or at random)")
    show(f"Overlap    {found['overlap']} (pictures or groups that are in two splits)")
    for note in found["notes"]:
        show(f"Read       {note}")
    if "learning_curve" in found:
        _print_curve(found["learning_curve"])
    print_findings(found["findings"])


def _print_curve(curve: dict[str, Any]) -> None:
    """Print accuracy by the number of training pictures, and what twice as many would bring."""
    for number, point in enumerate(curve["points"]):
        low, high = point["ci95"]
        of = counted(point["pictures"], "training picture", "training pictures")
        show(f"{'' if number else 'Curve':<11}{of}: accuracy {point['accuracy']:.1%} ({low:.1%} to {high:.1%})")
    show(f"{'' if curve['points'] else 'Curve':<11}{curve['sentence']}")


def print_findings(findings: Sequence[dict[str, Any]]) -> None:
    """Print what the checks found, the worst first, each with the first of its pictures."""
    console = _console()
    if not findings:
        console.print("Findings   none")
    for finding in findings:
        style = _STYLES[finding["severity"]]
        console.print(f"\n{finding['severity'].capitalize()}: {finding['check']}", style=style)
        console.print(on_terminal(finding["sentence"]))
        for group in finding["groups"][:_SHOWN]:
            console.print(f"  {' = '.join(map(_mention, group))}", soft_wrap=True)
        more = len(finding["groups"]) - _SHOWN
        if more > 0:
            console.print(f"  and {more:,} more; --json lists all", style="dim")


def _mention(mention: dict[str, str]) -> str:
    return on_terminal(f"{mention['picture']} ({mention['detail']})" if mention["detail"] else mention["picture"])


def _size(recipe: Recipe) -> str:
    return f"{recipe.preprocess.height} x {recipe.preprocess.width}"


def _options(options: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


def _console(**how: Any) -> Console:
    return Console(highlight=False, markup=False, **how)
