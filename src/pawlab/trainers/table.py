"""The table of trainers: what a recipe's `trainer` names."""

from pawlab.trainers import linear_probe
from pawlab.trainers.fitted import Trainer
from pawlab.trainers.keras import finetune
from pawlab.trainers.keras import fit as keras_fit

TRAINERS: dict[str, Trainer] = {
    "linear_probe": linear_probe.fit,
    "keras": keras_fit.fit,
    "finetune": finetune.fit,
}
