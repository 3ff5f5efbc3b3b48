"""Measure how long the linear probe's fits take, on made features: at one C, and with the whole choice of C.

    python benchmarks/solver.py [CASE ...]

Prints a line a case: seconds, CPU seconds, the C chosen and the out-of-fold loss in nats. Compare two versions in
pairs, one after the other, on the same machine (PYTHONPATH=OTHER/src): seconds alone say little.
"""

import sys
import time
from typing import Any

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


def measure(case: str) -> str:
    """Fit, and say what it took."""
    pictures, width, classes, C = CASES[case]  # noqa: N806
    features, labels = made(pictures, width, classes)
    folds = np.random.default_rng(1).permutation(pictures) % 5
    began, cpu = time.perf_counter(), time.process_time()
    if C is not None:
        fit_probe(features, labels, C)
        chosen: tuple[Any, ...] = (C, "")
    else:
        found = cross_validate(features, labels, folds, classes)
        chosen = found.probe.C, f"{found.out_of_fold.loss:.5f}"
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return f"{case:18} {seconds:7.2f} s {cpu:7.2f} CPU s   C {chosen[0]:g}  {chosen[1]}"


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        print(measure(name), flush=True)
