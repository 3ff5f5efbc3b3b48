"""Labels corrected by hand: kept beside the data, applied to all but test pictures, whole after every kill."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pawlab.datasets.labels import Decision, Labels, read_labels, with_labels
from pawlab.errors import DataError, OutputError
from picture_folders import Row, dataset_of

# Decides without end and says so after each decision.
DECIDING = """
import sys
from pathlib import Path
from pawlab.datasets.labels import Decision, Labels

labels = Labels(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    labels.decide(f"{number:064}", Decision("label", "cats"), f"photos/{number}.jpg")
    print(number, flush=True)
    number += 1
"""
ROWS: Sequence[Row] = (
    ("a.jpg", "cats", "1", "train"),
    ("b.jpg", "cats", "2", "train"),
    ("c.jpg", "dogs", "3", "validation"),
    ("d.jpg", "dogs", "4", "test"),
    ("e.jpg", "dogs", "5", "test"),
)


def test_the_last_decision_that_stands_counts(tmp_path: Path) -> None:
    labels = Labels(tmp_path / "labels.csv")
    labels.decide("1", Decision("label", "dogs"), "a.jpg")
    labels.decide("1", Decision("exclude"))
    labels.decide("2", Decision("keep"))
    labels.undo("1")
    labels.undo("2")
    labels.undo("3")
    assert labels.decisions == {"1": Decision("label", "dogs")}
    assert Labels(labels.path).decisions == labels.decisions
    assert labels.path.read_text().splitlines()[0] == "sha256,decision,label,when,picture"


def test_two_who_decide_at_once_lose_nothing(tmp_path: Path) -> None:
    first, second = Labels(tmp_path / "labels.csv"), Labels(tmp_path / "labels.csv")
    first.decide("1", Decision("keep"))
    second.decide("2", Decision("exclude"))
    first.decide("3", Decision("keep"))
    assert set(Labels(tmp_path / "labels.csv").decisions) == {"1", "2", "3"}


def test_decisions_change_all_but_test_pictures() -> None:
    decisions = {
        **{"1": Decision("label", "dogs"), "2": Decision("exclude"), "3": Decision("keep")},
        **{"4": Decision("label", "cats"), "5": Decision("exclude"), "9": Decision("label", "foxes")},
    }
    changed = with_labels(dataset_of(*ROWS), decisions)
    assert {one.name: one.label for one in changed.pictures} == {
        **{"a.jpg": "dogs", "c.jpg": "dogs", "d.jpg": "dogs", "e.jpg": "dogs"},
    }
    assert changed.classes == ("dogs",)
    assert [(item.name, item.reason) for item in changed.skipped] == [("b.jpg", "excluded by hand")]
    assert changed.notes == (
        "1 label changed and 1 excluded by hand",
        "2 test pictures were judged otherwise by hand: the test score is by the labels as they were given",
    )
    assert changed.questioned == 2
    assert with_labels(dataset_of(*ROWS), {}) == dataset_of(*ROWS)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_labels(tmp_path / "labels.csv")
    path = tmp_path / "labels.csv"
    assert str(caught.value) == f"there is no table of labels {path}. `pawlab review` and `label` make one."
    path.write_text("path,label\n")
    with pytest.raises(OutputError, match="its columns aren't sha256, decision, label, when, picture"):
        read_labels(path)


def test_after_fifty_kills_every_decision_that_was_confirmed_is_there(tmp_path: Path) -> None:
    chance, path, confirmed = random.Random(0), tmp_path / "labels.csv", 0
    for _ in range(50):
        command = [sys.executable, "-c", DECIDING, str(path), str(confirmed)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            said = [process.stdout.readline()]
            time.sleep(chance.uniform(0, 0.01))
            process.send_signal(signal.SIGKILL)
            said += process.stdout.readlines()
        confirmed = 1 + max(int(line) for line in said if line.endswith("\n"))
        found = sorted(int(content) for content in read_labels(path))
        assert found in (list(range(confirmed)), list(range(confirmed + 1)))
        confirmed = len(found)
