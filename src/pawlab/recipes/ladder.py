"""What tutorials a to d have in common: picture size, training, scaling, and two known quirks."""

from typing import Any

from pawlab.images import Preprocess
from pawlab.recipes.layers import rescale
from pawlab.recipes.measured import MEASURED
from pawlab.recipes.recipe import Layer, Recipe

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
    """Return one of a tutorial's models. `published`: its counts and results, as its source has them."""
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
