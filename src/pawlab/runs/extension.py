"""What became of the score when a run was extended."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pawlab.errors import OutputError
from pawlab.runs.record import PREDICTIONS_FILE, Run


@dataclass(frozen=True)
class Score:
    """How a run fared in its test. `predictions`: label and prediction of each test picture, by name."""

    classes: tuple[str, ...]
    predictions: dict[str, tuple[str, str]]


def read_score(run: Run) -> Score:
    """Read how a run fared, to be kept where another is to replace it.

    Raises OutputError where metrics.json or predictions.csv can't be read.
    """
    return Score(tuple(run.metrics["classes"]), _test_predictions(run.folder))


def changes(old: Run | Score, new: Run) -> dict[str, Any]:
    """Return the accuracy of both runs on the test pictures of the old one, how many those are, and the new classes.

    `old`: the run, or where the new one took its place, what `read_score` read before. A label that was corrected
    meanwhile counts as it is in the new run. Raises OutputError where predictions.csv can't be read, or where the old
    run was replaced by the new one and nothing was read before.
    """
    if isinstance(old, Run) and old.folder.resolve() == new.folder.resolve():
        raise OutputError(
            f"{old.folder} holds the new run alone: the old one was replaced. Extend with another --out to compare."
        )
    before, after = old if isinstance(old, Score) else read_score(old), read_score(new)
    both = [name for name in before.predictions if name in after.predictions]
    labels = {name: after.predictions[name][0] for name in both}
    return {
        "pictures": len(both),
        "before": _share(before.predictions, labels),
        "after": _share(after.predictions, labels),
        "new_classes": [name for name in after.classes if name not in before.classes],
        "new_test_pictures": len(after.predictions) - len(both),
    }


def _share(predictions: dict[str, tuple[str, str]], labels: dict[str, str]) -> float | None:
    if not labels:
        return None
    return sum(predictions[name][1] == label for name, label in labels.items()) / len(labels)


def _test_predictions(folder: Path) -> dict[str, tuple[str, str]]:
    path = folder / PREDICTIONS_FILE
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {
                row["path"]: (row["label"], row["predicted"]) for row in csv.DictReader(file) if row["split"] == "test"
            }
    except (OSError, KeyError, csv.Error) as error:
        raise OutputError(f"can't read {path}: {error}. Give a folder that `pawlab train` made.") from error
