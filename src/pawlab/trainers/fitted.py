"""What fitting hands over, whatever was fitted: a head on frozen features, or a whole network."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Skipped
from pawlab.evaluation.history import Epoch
from pawlab.recipes.summary import Parameters

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class Fitted:
    """A fitted model and how it came about.

    `graph`: from `pictures` uint8 (n, h, w, 3) to `probabilities` float32 (n, classes). `history`: one row an epoch;
    `best_epoch`: whose weights these are. `skipped`: training and validation pictures that can't be decoded.
    `validation`: float32 (n, classes), probabilities of the validation pictures that can be, in order. `seconds`: wall
    time by stage. `choices`: what was chosen on validation. `features`: float32 (n, d), a frozen network's for training
    and validation pictures, in this order; None where fitting didn't compute them.
    """

    graph: "ModelProto"
    history: tuple[Epoch, ...]
    best_epoch: int
    parameters: Parameters
    skipped: tuple[Skipped, ...]
    seconds: dict[str, float]
    validation: NDArray[np.float32]
    choices: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False
    features: NDArray[np.float32] | None = None
