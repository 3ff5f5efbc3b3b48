"""Two runs that were tested on the same pictures: is one better, or are there too few pictures to tell?

Pictures are the same where their bytes and labels are: names differ from folder to folder.
"""

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pawlab.errors import DataError, OutputError
from pawlab.evaluation.metrics import wilson_interval
from pawlab.evaluation.paired import Paired, paired
from pawlab.runs.listing import find_run
from pawlab.runs.record import PREDICTIONS_FILE, SPLIT_FILE, split_rows

Picture = tuple[str, str]  # SHA-256 and label


@dataclass(frozen=True)
class SideBySide:
    """Two runs' predictions for the test pictures that both have; `left_out`: how many others each of them has."""

    one: Path
    other: Path
    paired: Paired
    left_out: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values: accuracies with their intervals, and the difference with its own and p."""
        found, (left_out, other_left_out) = self.paired, self.left_out
        return {
            "one": self._side(self.one, found.only_one, left_out),
            "other": self._side(self.other, found.only_other, other_left_out),
            **found.to_dict(),
            "sentence": self.sentence,
        }

    def _side(self, folder: Path, alone: int, left_out: int) -> dict[str, Any]:
        right, total = self.paired.both + alone, self.paired.pictures
        return {
            "run": str(folder),
            "accuracy": right / total,
            "ci95": [round(bound, 6) for bound in wilson_interval(right, total)],
            "pictures": total,
            "only_this_right": alone,
            "left_out": left_out,
        }

    @property
    def sentence(self) -> str:
        """Return what it says, in one."""
        found = self.paired
        points, (low, high) = abs(found.difference) * 100, (bound * 100 for bound in found.ci95)
        if found.difference < 0:
            low, high = -high, -low
        chance = f"95% interval {low:.1f} to {high:.1f}; McNemar's exact test: p {_p(found.p_value)}"
        ahead, behind = (self.one, self.other) if found.difference >= 0 else (self.other, self.one)
        if found.better is not None:
            return f"{ahead} is better than {behind}: {points:.1f} points of accuracy more ({chance})."
        few = f"{found.pictures:,} test pictures are too few to tell {ahead} from {behind}"
        return f"{few}: {points:.1f} points of accuracy apart ({chance})."


def compare_runs(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> SideBySide:
    """Compare two runs on the test pictures that both have, by McNemar's exact test.

    `one`, `other`: runs, their folders, or names in runs/. Raises OutputError where one isn't there, isn't finished or
    is damaged, where both are the same, or where they share no test picture.
    """
    folders = find_run(one), find_run(other)
    if folders[0].samefile(folders[1]):
        raise OutputError(f"{folders[0]} and {folders[1]} are the same run. Name two.")
    right = [correct_by_picture(folder) for folder in folders]
    shared = [picture for picture in right[0] if picture in right[1]]
    if not shared:
        raise OutputError(
            f"{folders[0]} and {folders[1]} were tested on different pictures. Train one of them on the other's data."
        )
    return SideBySide(*folders, paired_by_picture(*right), (len(right[0]) - len(shared), len(right[1]) - len(shared)))


def paired_by_picture(one: dict[Picture, bool], other: dict[Picture, bool]) -> Paired:
    """Compare by the pictures that both have, of which there must be some."""
    shared = [picture for picture in one if picture in other]
    return paired(*(np.array([of[picture] for picture in shared], bool) for of in (one, other)))


def correct_by_picture(folder: Path) -> dict[Picture, bool]:
    """Return whether each different test picture of a run was predicted correctly. Raises OutputError."""
    try:
        contents = {row.path: row.sha256 for row in split_rows(folder / SPLIT_FILE)}
        rows = [row for row in _rows(folder / PREDICTIONS_FILE) if row["split"] == "test"]
        return {(contents[row["path"]], row["label"]): row["predicted"] == row["label"] for row in rows}
    except DataError as error:
        raise OutputError(str(error)) from error
    except OSError as error:
        hint = "Is the run finished? `pawlab runs` shows it."
        raise OutputError(f"can't read {error.filename}: {error.strerror or error}. {hint}") from error
    except (LookupError, ValueError, csv.Error) as error:
        raise OutputError(
            f"{folder / PREDICTIONS_FILE} or {SPLIT_FILE} beside it is damaged. Train the run anew."
        ) from error


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
