"""Runs' folders as `pawlab train` leaves them, without training: what the table of runs is made of."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def score(accuracy: float, pictures: int = 60) -> dict[str, Any]:
    return {"accuracy": accuracy, "loss": 0.1, "pictures": pictures, "ci95": [accuracy - 0.05, accuracy + 0.02]}


def make_run(
    folder: Path,
    *,
    recipe: str = "fast",
    data: str | dict[str, str] = "photos",
    accuracy: float | None = 0.9,
    seconds: float = 7.4,
    **record: Any,
) -> Path:
    """Make a run's folder; one that isn't finished where `accuracy` is None."""
    folder.mkdir(parents=True)
    began = {
        "request": {"data": f"{data}/", "recipe": recipe, "own_recipe": None},
        "date": "2026-11-26T12:00:00+00:00",
        "data": {"name": data, "fingerprint": "abc"} if isinstance(data, str) else data,
    }
    ended = {} if accuracy is None else {"recipe": {"name": recipe}, "interrupted": False}
    (folder / "run.json").write_text(json.dumps({**began, **ended, **record}))
    if accuracy is not None:
        metrics = {"validation": score(accuracy), "test": score(accuracy + 0.02), "seconds": {"total": seconds}}
        (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def with_predictions(folder: Path, right: Mapping[str, bool], label: str = "cats", names: str = "{}.jpg") -> Path:
    """Write split.csv and predictions.csv: test pictures by the end of their SHA-256, and whether each was predicted
    correctly."""
    split, predictions = (
        ["path,label,split,sha256", f"seen.jpg,cats,train,{'5eef':0>64}"],
        ["path,split,label,predicted"],
    )
    for sha256, correct in right.items():
        name = names.format(sha256)
        split.append(f"{name},{label},test,{sha256:0>64}")
        predictions.append(f"{name},test,{label},{label if correct else 'another'}")
    predictions.append("seen.jpg,validation,cats,cats")
    (folder / "split.csv").write_text("\n".join(split) + "\n")
    (folder / "predictions.csv").write_text("\n".join(predictions) + "\n")
    return folder
