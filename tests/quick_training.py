"""Fast training for tests, and Ctrl-C or a kill at a chosen moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pawlab.datasets.dataset import Dataset
from pawlab.features.source import FeatureSource
from pawlab.progress import Advance, Progress
from pawlab.recipes.recipe import Recipe
from pawlab.trainers.fitted import Fitted, Settings
from pawlab.trainers.keras.fit import fit

SMALL = """
epochs = 3
preprocess = { height = 8, width = 8 }
layers = [{ kind = "flatten" }, { kind = "dense" }]
"""


def interrupting(begin: str) -> Progress:
    """Return a progress that raises KeyboardInterrupt once a bar whose title starts with `begin` advances."""

    @contextmanager
    def bar(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
        def advance(steps: int, note: str = "") -> None:
            if title.startswith(begin):
                raise KeyboardInterrupt

        yield advance

    return bar


def killing(epoch: int) -> str:
    """Return the source of `deadly`, a progress that kills its process in an epoch: a script begins with it."""
    return f"""
import os, signal, sys
from contextlib import contextmanager

@contextmanager
def deadly(title, total, unit="pictures"):
    def advance(steps, note=""):
        if title.startswith("Epoch {epoch}"):
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    yield advance
"""


def train_keras(dataset: Dataset, recipe: Recipe, *, folder: Path, **settings: Any) -> Fitted:
    """Train in a folder, with a run's defaults."""
    return fit(dataset, recipe, FeatureSource(), Settings(folder, **settings))
