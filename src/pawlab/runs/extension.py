"""What became of the score when a run was extended."""

import csv
from pathlib import Path
from typing import Any

from pawlab.errors import OutputError
from pawlab.runs.record import PREDICTIONS_FILE, Run


def changes(old: Run, new: Run) -> dict[str, Any]:
    """Return the accuracy of both runs on the test pictures of the old one, how many those are, and the new classes.

    A label that was corrected meanwhile counts as it is in the new run. Raises OutputError where predictions.csv can't
    be read.
    """
    before, after = _test_predictions(old.folder), _test_predictions(new.folder)
    both = [name for name in before if name in after]
    labels = {name: after[name][0] for name in both}
    return {
        "pictures": len(both),
        "before": _share(before, labels),
        "after": _share(after, labels),
        "new_classes": [name for name in new.metrics["classes"] if name not in old.metrics["classes"]],
        "new_test_pictures": len(after) - len(both),
    }


def _share(predictions: dict[str, tuple[str, str]], labels: dict[str, str]) -> float | None:
    if not labels:
        return None
    return sum(predictions[name][1] == label for name, label in labels.items()) / len(labels)


def _test_predictions(folder: Path) -> dict[str, tuple[str, str]]:
    """Return label and prediction of each test picture."""
    path = folder / PREDICTIONS_FILE
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {
                row["path"]: (row["label"], row["predicted"]) for row in csv.DictReader(file) if row["split"] == "test"
            }
    except (OSError, KeyError, csv.Error) as error:
        raise OutputError(f"can't read {path}: {error}. Give a folder that `pawlab train` made.") from error
