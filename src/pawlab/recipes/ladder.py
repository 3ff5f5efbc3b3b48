"""What the tutorials have in common: where their figures stand, picture size, training, scaling, two known quirks.

published.json holds what each source reports of its models, by name. `total`, `trainable`: parameters. `val_stable`:
lowest and highest validation accuracy over the last epochs. `val_last`, `train_last`: accuracies of the last epoch;
`test`: the test accuracy. `note`: what to know about these figures. Accuracies are from 0 to 1.

measured.json holds what we measured of each, with machine and date; benchmarks/ladder.py writes it, and
docs/measured.md has it as a table.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

from pawlab.images import Preprocess
from pawlab.recipes.layers import backbone, rescale
from pawlab.recipes.recipe import Recipe

Figures = dict[str, dict[str, Any]]

_PUBLISHED: Figures = json.loads(Path(__file__).with_name("published.json").read_text(encoding="utf-8"))
_MEASURED: Figures = json.loads(Path(__file__).with_name("measured.json").read_text(encoding="utf-8"))

TO_UNIT = rescale(scale=1 / 127.5, offset=-1.0)  # [0, 255] -> [-1, 1], as MobileNetV2 wants it
MOBILENET_V2 = backbone("mobilenet_v2", include_preprocessing=False)
UNSCALED = "Pixels are 0-255, unscaled."
RELU_OUTPUTS = "ReLU on the outputs: no logit can be below 0."


def with_figures(name: str, **fields: Any) -> Recipe:
    """Return one of a tutorial's models, with its figures."""
    published = _PUBLISHED[name]
    return Recipe(name, source=published["source"], published=published, measured=_MEASURED.get(name, {}), **fields)


rung = partial(  # one of tutorials a to d
    with_figures,
    preprocess=Preprocess(height=160, width=160, resize_mode="squash"),
    trainer="keras",
    batch_size=32,
    epochs=20,
    optimizer="adam",
    learning_rate=0.001,  # Keras's default
    loss="sparse categorical cross-entropy from logits",
)
