"""What a classifier leaves behind on its user's machine: nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pawlab


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep caches elsewhere")
def test_predicting_writes_nothing_into_an_empty_home(learnable_folder: Path, tmp_path: Path) -> None:
    run = pawlab.train(learnable_folder, out=tmp_path / "run", report=False)
    picture = next(learnable_folder.rglob("*.png"))
    home = tmp_path / "home"
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    for command in (
        ["-m", "pawlab", "predict", str(run.folder), str(picture)],
        ["-c", f"import pawlab; pawlab.load({str(run.folder)!r}).predict({str(picture)!r})"],
    ):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, cwd=home)
        assert (done.returncode, done.stderr) == (0, "")
    assert list(home.rglob("*")) == []


def test_telemetry_is_off_before_anything_is_imported() -> None:
    code = "import pawlab, os, sys; print(os.environ['ORT_DISABLE_TELEMETRY'], 'onnxruntime' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "1 False\n"
