"""Commands that use a classifier: `predict`, `explain`, `evaluate`, `export`."""

import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pawlab.cli.arguments import (
    AsJson,
    Data,
    Model,
    SureAt,
    argument,
    option,
    path_here,
)
from pawlab.cli.options import levelled, takes_data, takes_engine
from pawlab.cli.terminal import Terminal, bar, say, show, show_json
from pawlab.datasets.options import DEFAULT, DataOptions
from pawlab.engines.options import ON_CORES, EngineOptions
from pawlab.errors import NetworkError, PawlabError, counted
from pawlab.files.addresses import redacted

if TYPE_CHECKING:
    from pawlab.classifier import Classifier, Result
    from pawlab.cli.unfinished import Unfinished

_MANY = 50  # pictures, for which predicting shows a bar


@levelled
@takes_engine
def predict(
    model: Annotated[str | None, argument("A run's folder, or its model.onnx.")] = None,
    pictures: Annotated[
        list[str] | None,
        argument("Files, folders, archives, tables, globs, addresses, or - for a list of paths on standard input."),
    ] = None,
    form: Annotated[
        Literal["table", "json", "csv", "parquet"] | None,
        typer.Option("--format", help="How to print.", show_default="as --out ends; table"),
    ] = None,
    out: Annotated[
        str | None, option("Write to this file, or address, instead of standard output.", metavar="<path>")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to name for each picture.")] = 1,
    sure_at: SureAt = None,
    sort_into: Annotated[Path | None, option("Copy pictures into one folder per class below this.")] = None,
    move: Annotated[bool, typer.Option("--move", help="With --sort-into: move them; asks first.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    undo: Annotated[Path | None, option("Take a sorting back: its sorted.csv. Nothing else is needed.")] = None,
    engines: EngineOptions = ON_CORES,
) -> None:
    """Predict what pictures show, or sort them by it."""
    from pawlab.classifier import Classifier
    from pawlab.cli import sorting

    if undo is not None:
        sorting.undo(undo, beside=model is not None)
        return
    if model is None or not pictures:
        raise PawlabError("say which model and which pictures, as in `pawlab predict runs/photos-fast new.jpg`.")
    if sort_into is None:
        if move:
            raise PawlabError("--move goes with --sort-into DIR. Say where the pictures shall go.")
        _predict(model, pictures, form, out, top, sure_at, engines)
    elif form or out or top > 1:
        raise PawlabError("--sort-into writes a table of its own. Leave out --format, --out and --top.")
    else:
        classifier = Classifier.load(model, sure_at)
        _say_unpromised(classifier)
        sorting.sort(classifier, pictures, sort_into, move, yes, engines.open())


def _predict(
    model: str,
    pictures: list[str],
    form: Any,
    out: str | None,
    top: int,
    sure_at: float | None,
    engines: EngineOptions,
) -> None:
    from pawlab.classifier import Classifier
    from pawlab.cli.predictions import choose_format, say_passed_over, write, write_text
    from pawlab.cli.unfinished import Unfinished
    from pawlab.datasets.inputs import find_pictures
    from pawlab.files.upload import writing

    if form == "parquet" and out is None:
        raise typer.BadParameter("Parquet isn't text; add --out FILE.", param_hint="--format")
    unreadable: list[str] = []
    with nullcontext() if out is None else writing(out) as path:
        form = choose_format(form, path, out and redacted(out))
        classifier, engine = Classifier.load(model, sure_at), engines.open()
        there = engine.reads_addresses
        found = find_pictures(pictures, sys.stdin.buffer if sys.stdin else None, bar, fetched=not there)
        count, top = len(found.pictures), min(top, len(classifier.classes))
        if out is None or path is None:
            predictions = classifier.predict_each(found.pictures, engine)
            write_text(_watched(predictions, count, unreadable), form, top, Terminal())
        else:
            unfinished = Unfinished(classifier, found.pictures, out, engine)
            with _going_on_later(unfinished):
                write(_watched(unfinished.predict_each(), count, unreadable), form, top, path)
    if out is not None:
        unfinished.forget()
        _say_unpromised(classifier)
        say(f"{counted(count, 'prediction', 'predictions')} written to {redacted(out)}.")
    say_passed_over(found.passed_over)
    _print_unreadable(len(unreadable), count)


def _say_unpromised(classifier: "Classifier") -> None:
    if classifier.card.target is None:
        say("This classifier promises nothing: all its answers count as sure, but those unlike the training pictures.")


@levelled
def explain(
    model: Model,
    picture: Annotated[str, argument("A picture file.")],
    out: Annotated[Path, option("The picture to draw: a file that ends with .png, .jpg or .webp.", callback=path_here)],
    label: Annotated[str | None, option("The class to explain.", "the predicted class")] = None,
) -> None:
    """Draw where in a picture a prediction comes from."""
    from pawlab.classifier import Classifier
    from pawlab.cli.predictions import write_text
    from pawlab.datasets.inputs import find_pictures
    from pawlab.evaluation.explain import write_explanation

    found = find_pictures([picture], None, bar).pictures
    if len(found) > 1:
        raise PawlabError(f"{picture} holds {len(found):,} pictures, and one is drawn. Name one.")
    if out.exists() and Path(found[0].path).exists() and out.samefile(found[0].path):
        raise PawlabError(f"{out} is the picture itself. Choose another --out.")
    classifier = Classifier.load(model)
    prediction = classifier.predict(found[0].path)
    heat = write_explanation(classifier, found[0].path, out, label)
    write_text([prediction], "table", 1, Terminal())
    show(f"{out} is bright where the picture speaks for {heat.label} ({heat.method}).")


@levelled
@takes_data
@takes_engine
def evaluate(
    model: Model,
    data: Data,
    out: Annotated[
        Path | None, option("A folder for a page, all predictions, metrics and the mistakes.", callback=path_here)
    ] = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Score pictures of training and validation too.")
    ] = False,
    sure_at: SureAt = None,
    as_json: AsJson = False,
    options: DataOptions = DEFAULT,
    engines: EngineOptions = ON_CORES,
) -> None:
    """Test a classifier on labelled pictures that it hasn't seen."""
    from pawlab import pipeline
    from pawlab.cli.tables import print_evaluation, print_skipped
    from pawlab.datasets.dataset import count_skipped

    asked: dict[str, Any] = {"include_seen": include_seen, "sure_at": sure_at, "out": out}
    evaluation, excluded = pipeline.evaluate_data(model, data, bar, **asked, **options.keywords(), **engines.keywords())
    if as_json:
        show_json({**evaluation.to_dict(), "excluded_as_seen": excluded})
        return
    print_evaluation(evaluation.to_dict())
    if out is not None:
        show(f"Page       {out / 'evaluation.html'}")
    if excluded:
        say(f"{counted(excluded, 'picture', 'pictures')} of training or validation excluded.")
    if evaluation.seen:
        seen = counted(evaluation.seen, "picture", "pictures")
        say(f"{seen} of training or validation included: the score is too high for new pictures.")
    if evaluation.seen is None:
        say("Whether pictures were used in training isn't known: the classifier's file doesn't hold all of them.")
    print_skipped(count_skipped(evaluation.skipped), "; --json lists them")


@levelled
def export(
    model: Model,
    to: Annotated[
        Literal["onnx", "onnx-int8", "keras", "savedmodel", "tflite", "tflite-float16", "web"],
        option("Which form to write."),
    ],
    out: Annotated[
        Path,
        option("A file that ends with .onnx, .keras or .tflite; a folder for web and savedmodel.", callback=path_here),
    ],
    sure_at: SureAt = None,
    as_json: AsJson = False,
) -> None:
    """Write a classifier in another form, checked on pictures, with an example of its use beside it."""
    from pawlab import pipeline
    from pawlab.export.export import export_classifier
    from pawlab.runs.pictures import validation_pictures

    if to == "onnx-int8":
        exported = pipeline.export_int8(model, out, bar, sure_at)
    else:
        judged_by = validation_pictures(model, bar) if to == "tflite-float16" else ()
        exported = export_classifier(model, to, out, bar, sure_at, judged_by)
    if as_json:
        show_json(exported.to_dict())
        return
    show(f"Export     {exported.path}, with {exported.card.name}")
    at_most = f"differ from model.onnx's by {exported.difference:.0e} at most"
    same = "are the same as model.onnx's"
    show(f"Checked    probabilities {at_most if exported.difference else same}")
    for name in exported.missing_outputs:
        show(f"Without    {name}, which model.onnx has")
    if to == "web":
        show(f"Next       cd {shlex.quote(str(exported.path))}; npm install; npm start")
        show("           then open http://127.0.0.1:8080/")
        return
    show(f"Next       python {shlex.quote(str(exported.example))} PICTURE")


@contextmanager
def _going_on_later(unfinished: "Unfinished") -> Iterator[None]:
    """Say how many predictions a stopped job has left, and, where this one is stopped, that it can go on."""
    if unfinished.kept:
        say(f"{counted(unfinished.kept, 'prediction is', 'predictions are')} there from before: not made again.")
    if others := unfinished.of_others:
        words = "prediction is there by another model, another", "predictions are there by another model, another"
        say(f"{counted(others, *words)} --sure-at or another device: not used.")
    try:
        yield
    except (KeyboardInterrupt, NetworkError):
        if unfinished.keeps:
            say("The same command goes on from here.")
        raise


def _watched(predictions: "Iterable[Result]", total: int, unreadable: list[str]) -> "Iterator[Result]":
    """Pass predictions on, note those that failed, and show a bar where there are many."""
    with bar("Predicting", total if total >= _MANY else 0) as advance:
        for prediction in predictions:
            advance(1)
            if prediction.error is not None:
                unreadable.append(prediction.picture)
            yield prediction


def _print_unreadable(unreadable: int, total: int) -> None:
    if unreadable == total:
        raise PawlabError(
            f"none of the {total} pictures could be read." if total > 1 else "the picture could not be read."
        )
    if unreadable:
        say(f"{unreadable:,} of {total:,} pictures could not be read.")
