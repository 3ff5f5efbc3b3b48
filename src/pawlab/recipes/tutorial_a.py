"""Tutorial a: from a small network trained from scratch to a pretrained one, in four steps.

Source: "Blog Post 5", a student's post on cats and dogs with TensorFlow, dated 2022-02-25.
Data: 2,000 training photos; of 1,000 validation photos 808 validate and 192 test, but they mix from epoch to epoch.
It reports: validation accuracy over the last epochs 0.55-0.60 for a1, 0.55-0.60 for a2, 0.70-0.75 for a3, about 0.97
for a4; test accuracy of a4: 0.9635.
We measured: see `measured.json`, with machine and date; docs/measured.md has it as a table.

Faults of the source: a1's printed history starts from a network that had been trained before (loss 0.20 in its first
epoch). The test pictures of one epoch are validation pictures of another. a4's listing shows a dense layer of 64 that
its printed summary, its counts and its history don't have; this is the model of the summary.
"""

from functools import partial

from pawlab.recipes.ladder import TO_UNIT, UNSCALED, reported, rung
from pawlab.recipes.layers import backbone, conv, dense, dropout, flatten, flip, pool, rotate

_SOURCE = 'Tutorial a, "Blog Post 5", 2022-02-25'
_AUGMENTATION = (flip(), rotate(-0.2, 0.2))
_NETWORK = (conv(32), pool(2), conv(32), pool(2), dropout(0.2), conv(64), flatten(), dense(2))

_UPSIDE_DOWN = "Training photos are also flipped upside down; validation and test photos never are."

_recipe = partial(rung, source=_SOURCE)

A1 = _recipe(
    name="a1",
    title="Three convolutions on raw pixels",
    purpose="The first try: a small network, nothing scaled, nothing augmented. It memorises the training pictures.",
    layers=_NETWORK,
    known_quirks=(UNSCALED,),
    published=reported(
        194_530,
        val_stable=(0.55, 0.60),
        val_last=0.5792,
        train_last=0.9565,
        note="The printed history starts from a network that had been trained before.",
    ),
)

A2 = _recipe(
    name="a2",
    title="a1 with flips and rotations",
    purpose="The same network on augmented pictures: it can't memorise them any more, but learns little else yet.",
    layers=(*_AUGMENTATION, *_NETWORK),
    known_quirks=(UNSCALED, _UPSIDE_DOWN),
    published=reported(194_530, val_stable=(0.55, 0.60), val_last=0.5891, train_last=0.5755),
)

A3 = _recipe(
    name="a3",
    title="a2 with pixels scaled to [-1, 1]",
    purpose="Scaled pixels: with one more line the same network begins to tell cats from dogs.",
    layers=(TO_UNIT, *_AUGMENTATION, *_NETWORK),
    known_quirks=(_UPSIDE_DOWN,),
    published=reported(194_530, val_stable=(0.70, 0.75), val_last=0.7302, train_last=0.7200),
)

A4 = _recipe(
    name="a4",
    title="Frozen MobileNetV2 and one dense layer",
    purpose="Transfer learning: a network pretrained on a million photos, and 64,002 trainable weights on top.",
    layers=(
        TO_UNIT,
        *_AUGMENTATION,
        backbone("mobilenet_v2", include_preprocessing=False),
        dropout(0.2),
        flatten(),
        dense(2),
    ),
    known_quirks=(
        "The published listing has one more dense layer of 64; the published summary, counts and history don't.",
    ),
    published=reported(
        2_321_986,
        64_002,
        val_stable=(0.97, 0.97),
        val_last=0.9715,
        train_last=0.9730,
        test=0.9635,
        note="The test pictures had been validation pictures of other epochs.",
    ),
)

TUTORIAL_A = (A1, A2, A3, A4)
