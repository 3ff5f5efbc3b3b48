"""An evaluation's folder: its page, its numbers, every prediction, and the mistakes as pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from pawlab.classifier import Classifier
from pawlab.datasets.options import DataOptions
from pawlab.engines.options import EngineOptions
from pawlab.errors import OutputError
from pawlab.evaluation.evaluate import Evaluation
from pawlab.names import flag
from pawlab.parallel import map_in_threads
from pawlab.progress import Progress, silent
from pawlab.report.evaluation import EVALUATION_PAGE, write_evaluation_page
from pawlab.report.mistakes import wrong_predictions
from pawlab.report.page import quoted
from pawlab.report.shown import Shown
from pawlab.runs.record import METRICS_FILE, PREDICTIONS_FILE, write_json, write_rows
from pawlab.storage import replacing_folder
from pawlab.templates import thumbnail

MISTAKES_FOLDER = "mistakes"

_OURS = frozenset({EVALUATION_PAGE, METRICS_FILE, PREDICTIONS_FILE, MISTAKES_FOLDER})
_COLUMNS = ("path", "label", "predicted", "probability", "sure", "correct", "mistake")
_MOST_FILES = 500
_LONGEST = 1024  # pixels of a mistake's longer side
_QUALITY = 90


def require_for_evaluation(folder: Path) -> None:
    """Raise OutputError unless the folder is new or empty, or holds an evaluation and nothing else."""
    if not folder.exists():
        return
    if folder.is_dir():
        names = {entry.name for entry in folder.iterdir()}
        if not names or (EVALUATION_PAGE in names and names <= _OURS):
            return
    raise OutputError(f"{folder} holds something other than an evaluation. Choose another --out.")


def command_of(
    model: str,
    data: str,
    out: str,
    include_seen: bool,
    sure_at: float | None,
    options: DataOptions,
    engines: EngineOptions,
) -> str:
    """Return the command that makes an evaluation."""
    given: dict[str, Any] = {} if sure_at is None else {"sure_at": sure_at}
    given |= {**({"include-seen": ""} if include_seen else {}), **options.to_dict(), **engines.to_dict()}
    flags = [f"{flag(name)} {quoted(str(value)) if value != '' else ''}" for name, value in given.items()]
    return " ".join(["pawlab evaluate", quoted(model), quoted(data), "--out", quoted(out), *map(str.strip, flags)])


def write_evaluation(
    folder: Path,
    evaluation: Evaluation,
    classifier: Classifier,
    document: dict[str, Any],
    command: str,
    progress: Progress = silent,
) -> None:
    """Write evaluation.html, metrics.json, predictions.csv and mistakes/, beside `folder`, which they then replace.

    `document`: what metrics.json holds; `command`: what repeats the evaluation. Raises OutputError where the place
    can't be written, or holds something else.
    """
    require_for_evaluation(folder)
    wrong = wrong_predictions(evaluation)[:_MOST_FILES]
    with replacing_folder(folder) as partial:
        files = _write_mistakes(wrong, partial / MISTAKES_FOLDER, progress)
        document = {**document, "mistakes_as_files": len(files)}
        write_rows(_COLUMNS, _rows(evaluation, files), partial / PREDICTIONS_FILE)
        write_evaluation_page(partial / EVALUATION_PAGE, evaluation, classifier, document, command)
        write_json(document, partial / METRICS_FILE)


def _write_mistakes(wrong: list[Shown], folder: Path, progress: Progress) -> dict[str, str]:
    """Write them as JPEG files, the most confident first; return their names by the pictures'."""
    files: dict[str, str] = {}
    folder.mkdir()
    with progress("Writing mistakes", len(wrong)) as advance:
        pixels = map_in_threads(lambda item: thumbnail(item.picture.path, _LONGEST), wrong)
        for number, (item, found) in enumerate(zip(wrong, pixels, strict=True), start=1):
            advance(1)
            if found is not None:
                name = f"{number:03}.jpg"
                Image.fromarray(found).save(folder / name, "JPEG", quality=_QUALITY)
                files[item.picture.name] = f"{MISTAKES_FOLDER}/{name}"
    return files


def _rows(evaluation: Evaluation, files: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """Yield a row for every picture, in their order; `mistake` is the file that shows it, where it is one."""
    rows = zip(evaluation.pictures, evaluation.probabilities, evaluation.sure, evaluation.correct, strict=True)
    for picture, row, sure, correct in rows:
        best = int(row.argmax())
        words = (_yes_or_no(sure), _yes_or_no(correct), files.get(picture.name, ""))
        yield picture.name, picture.label, evaluation.classes[best], f"{row[best]:.6f}", *words


def _yes_or_no(value: Any) -> str:
    return "true" if value else "false"
