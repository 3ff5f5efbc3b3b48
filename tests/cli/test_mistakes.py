import sys
from typing import Any

import pytest

from pawlab import cli

SHOWS = "--help` shows more."


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the program with a wrong command, and return the one line that it says."""

    def said(command: str) -> str:
        monkeypatch.setattr(sys, "argv", ["pawlab", *command.split()])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
        return str(err)

    return said


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("train --recpie x", f"there is no option --recpie. Did you mean '--recipe'? `pawlab train {SHOWS}"),
        ("--verison", f"there is no option --verison. Did you mean '--version'? `pawlab {SHOWS}"),
        ("train --zzz", f"there is no option --zzz. `pawlab train {SHOWS}"),
        ("trian x", f"there is no command 'trian'. Did you mean 'train'? `pawlab {SHOWS}"),
        ("data gte x", f"there is no command 'gte'. Did you mean 'get'? `pawlab data {SHOWS}"),
        ("data", f"a command is missing: list or get. `pawlab data {SHOWS}"),
        (
            "train my photos",
            f"this is too many: photos. A name with spaces in it goes in quotes. `pawlab train {SHOWS}",
        ),
        ("evaluate", f"MODEL is missing: a run's folder, or its model.onnx. `pawlab evaluate {SHOWS}"),
        (
            "compare sample",
            "--recipes is missing: names with commas between; `all` stands for the seventeen published ones. "
            f"`pawlab compare {SHOWS}",
        ),
        ("train --out", f"--out takes a value, and there is none. `pawlab train {SHOWS}"),
        ("train sample --json=3", f"--json takes no value. `pawlab train {SHOWS}"),
        ("train sample --epochs x", f"--epochs is a whole number, not x. `pawlab train {SHOWS}"),
        ("train sample --epochs 0", f"--epochs is 1 or more, not 0. `pawlab train {SHOWS}"),
        ("train sample --sure-at x", f"--sure-at is a number, not x. `pawlab train {SHOWS}"),
        ("serve x --port 99999", f"--port is at most 65,535, not 99999. `pawlab serve {SHOWS}"),
        (
            "train sample --balance weight",
            f"--balance is one of auto, none, weights, not 'weight'. Did you mean 'weights'? `pawlab train {SHOWS}",
        ),
        (
            "predict x y --format parquet",
            f"--format: Parquet isn't text; add --out FILE. `pawlab predict {SHOWS}",
        ),
        (
            "explore sample --out s3://x/y",
            f"--out: give a path; only predict and train write to addresses. `pawlab explore {SHOWS}",
        ),
        (
            "runs --sort tets",
            "--sort is one of name, data, recipe, validation, test, date, seconds, state, not 'tets'. "
            f"Did you mean 'test'? `pawlab runs list {SHOWS}",
        ),
        ("runs delte x", "there is no folder delte, nor such a command of `pawlab runs`. Did you mean 'delete'?"),
        ("train sample --set x", "--set takes a name and a value, as in --set learning_rate=0.001, not 'x'."),
    ],
)
def test_a_wrong_command_is_answered_in_our_words(refusal: Any, command: str, sentence: str) -> None:
    assert refusal(command) == f"pawlab: {sentence}\n"
