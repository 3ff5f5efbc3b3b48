"""Measure how a probe's fit grows: seconds, memory and accuracy on made features that lie in a file.

    python benchmarks/fit_scale.py [--pictures N] [--width D] [--classes K] [--memory GB] [--folder DIR] [--shuffled]

The features, most of whose variance lies in 64 directions, are written to a file below the folder, which is removed
afterwards. `--shuffled`: they lie there in another order than the pictures'. A tenth as many pictures, 10,000 at most,
are kept out and scored. Prints one JSON document: seconds and CPU seconds by step, the largest RssAnon (memory but for
mapped files) in bytes, also of the process before the fit, the C chosen, by how many pictures, and the accuracy on what
was kept out.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from measuring import memory_mb, watching
from numpy.typing import NDArray

from pawlab.features.rows import FeatureRows
from pawlab.parallel import cores
from pawlab.progress import Progress
from pawlab.trainers.cross_validation import cross_validate

_LATENT = 64
_MADE = 4096  # rows at a time
_MOST_HELD_OUT = 10_000


def anonymous() -> int:
    """Return the process's RssAnon in bytes."""
    held = memory_mb(os.getpid(), "RssAnon")
    if held is None:
        raise RuntimeError("this system doesn't say RssAnon")
    return round(held * 1e6)


def make(path: Path, pictures: int, width: int, classes: int) -> NDArray[np.int64]:
    """Write features (pictures, width) to a file, and return their labels."""
    labels = np.random.default_rng(0).permutation(np.arange(pictures) % classes)
    centres = np.random.default_rng(1).normal(size=(classes, _LATENT)) * 0.5
    mixing = (np.random.default_rng(2).normal(size=(_LATENT, width)) / 8).astype(np.float32)
    with path.open("wb") as file:
        for start in range(0, pictures, _MADE):
            random, some = np.random.default_rng([3, start]), labels[start : start + _MADE]
            hidden = centres[some] + random.normal(size=(len(some), _LATENT))
            rows = hidden.astype(np.float32) @ mixing + random.standard_normal((len(some), width), np.float32) / 2
            np.maximum(rows + 0.2, 0, out=rows)  # as features are
            file.write(rows.tobytes())
    return labels


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began, cpu = time.perf_counter(), time.process_time()
    yield
    seconds[name] = round(time.perf_counter() - began, 2)
    seconds[f"{name}, CPU"] = round(time.process_time() - cpu, 2)


def steps(seconds: dict[str, float]) -> Progress:
    """Time what the fit reports as its steps."""

    @contextmanager
    def progress(what: str, _total: int, _unit: str = "") -> Iterator:  # type: ignore[type-arg]
        with timed(seconds, what):
            yield lambda _number: None

    return progress  # type: ignore[return-value]


def measure(given: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Make features, fit, and score."""
    path = folder / "rows.f32"
    held_out = min(given.pictures // 10, _MOST_HELD_OUT)
    total = given.pictures + held_out
    labels, seconds = make(path, total, given.width, given.classes), {}
    source = np.memmap(path, np.float32, "r", shape=(total, given.width))
    order = np.random.default_rng(4).permutation(total) if given.shuffled else np.arange(total)
    rows, labels = FeatureRows(source, order), labels[order]
    folds = np.random.default_rng(5).permutation(given.pictures) % 5
    before = anonymous()
    with watching(os.getpid()) as peak, timed(seconds, "fit"):
        fitted = rows.only(slice(given.pictures))
        found = cross_validate(
            fitted, labels[: given.pictures], folds, given.classes, progress=steps(seconds), memory=given.memory
        )
    predicted = found.probe.probabilities(rows.only(slice(given.pictures, None))).argmax(axis=1)
    return {
        **{name: getattr(given, name) for name in ("pictures", "width", "classes", "memory", "shuffled")},
        "cores": cores(),
        "seconds": seconds,
        "peak_anonymous": round((peak.most or 0) * 1e6),
        "anonymous_before": before,
        "C": found.probe.C,
        "C_tried": list(found.losses),
        "chosen_on": int((folds < found.choosing).sum()),
        "out_of_fold_loss": round(found.out_of_fold.loss, 6),
        "held_out": held_out,
        "accuracy": round(float((predicted == labels[given.pictures :]).mean()), 5),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=3_824)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--memory", type=float, default=None)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--shuffled", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as made:
        print(json.dumps(measure(asked, Path(made)), indent=2))
