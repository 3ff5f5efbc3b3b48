"""Tutorial c: three convolutions and two dense layers, then the same steps as in tutorial a, with a pooled head.

Source: "Using Tensorflow for Image Classification", a post by Pei Xi Kwok.
Data: as in tutorial a.
It reports: validation accuracy over the last epochs 0.56-0.60 for c1, 0.57-0.64 for c2, 0.70-0.72 for c3, 0.96-0.97
for c4; test accuracy of c4: 0.9844.
We measured: see `measured.json`, with machine and date; docs/measured.md has it as a table.

Faults of the source: the test pictures of one epoch are validation pictures of another. Augmentation isn't all that
changes from c1 to c2: the dropout moves before the dense layers and falls from 0.5 to 0.2.
"""

from functools import partial

from pawlab.recipes.ladder import TO_UNIT, UNSCALED, reported, rung
from pawlab.recipes.layers import backbone, conv, dense, dropout, flatten, flip, global_max_pool, pool, rotate

_SOURCE = 'Tutorial c, Pei Xi Kwok, "Using Tensorflow for Image Classification"'
_AUGMENTATION = (flip(), rotate(-0.1, 0.1))
_CONVOLUTIONS = (conv(32), pool(2), conv(32), pool(2), conv(64), flatten())
_DENSE = (dense(64, activation="relu"), dense(64, activation="relu"))

_recipe = partial(rung, source=_SOURCE)

C1 = _recipe(
    name="c1",
    title="Three convolutions and two dense layers, on raw pixels",
    purpose="A larger first try: five million weights for two thousand pictures.",
    layers=(*_CONVOLUTIONS, *_DENSE, dropout(0.5), dense(2)),
    known_quirks=(UNSCALED,),
    published=reported(5_341_410, val_stable=(0.56, 0.60), val_last=0.5990, train_last=0.9950),
)

C2 = _recipe(
    name="c2",
    title="c1 with flips, rotations and an earlier dropout",
    purpose="Augmentation and a dropout before the dense layers instead of after them.",
    layers=(*_AUGMENTATION, *_CONVOLUTIONS, dropout(0.2), *_DENSE, dense(2)),
    known_quirks=(UNSCALED,),
    published=reported(5_341_410, val_stable=(0.57, 0.64), val_last=0.5780, train_last=0.6290),
)

C3 = _recipe(
    name="c3",
    title="c2 with pixels scaled to [-1, 1]",
    purpose="Scaled pixels: the same five million weights now learn something that generalises.",
    layers=(TO_UNIT, *_AUGMENTATION, *_CONVOLUTIONS, dropout(0.2), *_DENSE, dense(2)),
    published=reported(5_341_410, val_stable=(0.70, 0.72), val_last=0.7116, train_last=0.7680),
)

C4 = _recipe(
    name="c4",
    title="Frozen MobileNetV2, pooled, and two dense layers",
    purpose="Transfer learning with a small head: the maximum of each feature, and 82,114 trainable weights on top.",
    layers=(
        TO_UNIT,
        *_AUGMENTATION,
        backbone("mobilenet_v2", include_preprocessing=False),
        global_max_pool(),
        dense(64, activation="relu"),
        dense(2),
    ),
    published=reported(
        2_340_098,
        82_114,
        val_stable=(0.96, 0.97),
        val_last=0.9740,
        train_last=0.9535,
        test=0.9844,
        note="The test pictures had been validation pictures of other epochs.",
    ),
)

TUTORIAL_C = (C1, C2, C3, C4)
