"""What tutorials a to d have in common: picture size, training, scaling, and two known quirks."""

import json
from pathlib import Path
from typing import Any

from pawlab.images import Preprocess
from pawlab.recipes.layers import rescale
from pawlab.recipes.recipe import Layer, Recipe

# Our measurements of each recipe, by name, with machine and date. benchmarks/ladder.py writes the file.
MEASURED: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("measured.json").read_text(encoding="utf-8"))

TO_UNIT = rescale(scale=1 / 127.5, offset=-1.0)  # [0, 255] -> [-1, 1], as MobileNetV2 wants it
UNSCALED = "Pixels are 0-255, unscaled."
RELU_OUTPUTS = "ReLU on the outputs: no logit can be below 0."


def rung(
    name: str,
    title: str,
    purpose: str,
    *,
    source: str,
    layers: tuple[Layer, ...],
    known_quirks: tuple[str, ...] = (),
    published: dict[str, Any],
) -> Recipe:
    """Return one of a tutorial's models. `published`: see `reported`."""
    return Recipe(
        name=name,
        title=title,
        purpose=purpose,
        source=source,
        preprocess=Preprocess(height=160, width=160, resize_mode="squash"),
        layers=layers,
        trainer="keras",
        batch_size=32,
        epochs=20,
        optimizer="adam",
        learning_rate=0.001,  # Keras's default
        loss="sparse categorical cross-entropy from logits",
        known_quirks=known_quirks,
        published={"source": source, **published},
        measured=MEASURED.get(name, {}),
    )


def reported(
    total: int, trainable: int | None = None, *, val_stable: tuple[float, float], **others: float | str
) -> dict[str, Any]:
    """Return what a source reports of a model.

    `total`, `trainable`: its parameters; all are trainable where only one number is given. `val_stable`: lowest and
    highest validation accuracy over the last epochs. `others`: `val_last` and `train_last`, the accuracies of the last
    epoch, `test`, the test accuracy, and `note`, what to know about these figures. Accuracies are from 0 to 1.
    """
    counts = {"total": total, "trainable": total if trainable is None else trainable}
    return {**counts, "val_stable": list(val_stable), **others}
