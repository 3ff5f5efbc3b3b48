"""Training in no time, and Ctrl-C pressed at a moment of one's choice."""

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
    """A progress under which Ctrl-C is pressed when a bar whose title begins so has moved."""

    @contextmanager
    def bar(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
        def advance(steps: int, note: str = "") -> None:
            if title.startswith(begin):
                raise KeyboardInterrupt

        yield advance

    return bar


def train_keras(dataset: Dataset, recipe: Recipe, *, folder: Path, **settings: Any) -> Fitted:
    """Train in a folder, with the defaults of a run."""
    return fit(dataset, recipe, FeatureSource(), Settings(folder, **settings))
