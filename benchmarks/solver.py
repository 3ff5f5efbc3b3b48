"""Measure how long the linear probe's fits take, on made features: at one C, and with the whole choice of C.

    python benchmarks/solver.py [--json] [CASE ...]

A case is one of CASES, or PICTURESxFEATURESxCLASSES, such as 10000x1280x100, with the whole choice. Prints a line a
case: seconds, CPU seconds, the C chosen and the out-of-fold loss in nats; with --json as JSON. Compare two versions in
pairs, one after the other, on the same machine (PYTHONPATH=OTHER/src): seconds alone say little.
"""

import json
import sys
import time

import numpy as np
from numpy.typing import NDArray

from pawlab.trainers.cross_validation import cross_validate
from pawlab.trainers.probe import fit_probe

CASES = {  # pictures, features, classes, C, where it isn't chosen
    "photos": (2_800, 1_280, 2, None),
    "photos-wide": (2_800, 3_824, 2, None),
    "120-classes-of-6": (720, 3_824, 120, None),
    "300-classes-of-5": (1_500, 1_280, 300, None),
    "400-classes-of-5": (2_000, 1_280, 400, None),
    "100-classes-one": (10_000, 1_280, 100, 0.001),
    "100-classes": (10_000, 1_280, 100, None),
    "20000-wide-one": (20_000, 3_824, 20, 0.001),
    "20000-wide": (20_000, 3_824, 20, None),
}
_LATENT = 64


def made(pictures: int, width: int, classes: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features (pictures, width), most of whose variance lies in 64 directions, and labels."""
    random = np.random.default_rng(0)
    labels = np.arange(pictures) % classes
    hidden = random.normal(size=(classes, _LATENT))[labels] * 0.3 + random.normal(size=(pictures, _LATENT))
    features = (hidden @ random.normal(size=(_LATENT, width)) / 8).astype(np.float32)
    features += random.standard_normal((pictures, width), np.float32) / 2
    return features, labels


def measure(case: str) -> dict[str, float]:
    """Fit, and return what it took. `out_of_fold_loss` is in nats, and only there where C is chosen."""
    pictures, width, classes, C = CASES.get(case) or (*map(int, case.split("x")), None)  # noqa: N806
    features, labels = made(pictures, width, classes)
    folds = np.random.default_rng(1).permutation(pictures) % 5
    began, cpu = time.perf_counter(), time.process_time()
    chosen: dict[str, float]
    if C is not None:
        fit_probe(features, labels, C)
        chosen = {"C": C}
    else:
        found = cross_validate(features, labels, folds, classes)
        chosen = {"C": found.probe.C, "out_of_fold_loss": round(found.out_of_fold.loss, 5)}
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"work_seconds": round(seconds, 3), "work_cpu_seconds": round(cpu, 3), **chosen}


def line(case: str, found: dict[str, float]) -> str:
    took = f"{found['work_seconds']:7.2f} s {found['work_cpu_seconds']:7.2f} CPU s"
    return f"{case:18} {took}   C {found['C']:g}  {found.get('out_of_fold_loss', '')}"


if __name__ == "__main__":
    as_json, names = "--json" in sys.argv, [name for name in sys.argv[1:] if name != "--json"]
    for name in names or CASES:
        print(json.dumps(measure(name)) if as_json else line(name, measure(name)), flush=True)
