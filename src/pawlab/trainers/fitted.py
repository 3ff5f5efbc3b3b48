"""What every trainer takes and what it gives, whatever was fitted: a linear probe, or a whole network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Dataset, Skipped
from pawlab.datasets.groups import Pair
from pawlab.evaluation.history import Epoch
from pawlab.features.rows import FeatureRows
from pawlab.features.source import FeatureSource
from pawlab.images import PictureInfo
from pawlab.progress import Progress, silent
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import Parameters
from pawlab.trainers.cross_validation import FOLDS, OutOfFold
from pawlab.trainers.probe import Balance

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class Settings:
    """How to train, beside what the recipe says.

    `folder`: the run's working folder, for history, checkpoints and pixels that don't fit in memory. `epochs`: instead
    of the recipe's own number; `minutes`: none is begun that wouldn't end within as many. `weights`: a file with the
    weights of the recipe's backbone; "random" leaves it untrained, for tests of the wiring. `near`: pairs of contents
    that show the same, which stay in one fold; `folds`: how many; `balance`: whether classes are weighted alike, of a
    probe; `memory`: what fitting one may take, in GB, as in `budget.holds`.
    """

    folder: Path
    seed: int = 0
    epochs: int | None = None
    weights: Any = None
    tensorboard: bool = False
    minutes: float | None = None
    near: Sequence[Pair] = ()
    folds: int = FOLDS
    balance: Balance = "none"
    memory: float | None = None
    progress: Progress = silent


@dataclass(frozen=True)
class Fitted:
    """A fitted model and how it came about.

    `graph`: from `pictures` uint8 (n, h, w, 3) to `probabilities` float32 (n, classes). `history`: one row per epoch;
    `best_epoch`: whose weights these are. `skipped`: training and validation pictures that can't be decoded; `infos`:
    size and format of the others by SHA-256. `validation`: float32 (n, classes), the probabilities that the graph gives
    for the others of validation, in order. `out_of_fold`: predictions for training and validation pictures, in this
    order, by models fitted without them; None where there was but one model, which hadn't seen validation. `notes`:
    what to say of the training, a sentence each. `cross_validated`: the same by models that were trained anew for each
    fold, to score the recipe. `seconds`: wall time by stage. `choices`: what was chosen on validation. `features`: (n,
    d), a frozen network's last for training and validation pictures, in this order; `probe_input`: (m, p), all that a
    probe sees of validation pictures; both may be unread. None where fitting didn't compute them.
    """

    graph: "ModelProto"
    history: tuple[Epoch, ...]
    best_epoch: int
    parameters: Parameters
    skipped: tuple[Skipped, ...]
    seconds: dict[str, float]
    validation: NDArray[np.float32]
    choices: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    features: FeatureRows | None = None
    probe_input: FeatureRows | None = None
    infos: Mapping[str, PictureInfo] = field(default_factory=dict, repr=False)
    out_of_fold: OutOfFold | None = None
    cross_validated: OutOfFold | None = None


Trainer = Callable[[Dataset, Recipe, FeatureSource, Settings], Fitted]
