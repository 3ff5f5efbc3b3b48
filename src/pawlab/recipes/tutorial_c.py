"""Tutorial c: three convolutions and two dense layers, then the same steps as in tutorial a, with a pooled head.

Source: "Using Tensorflow for Image Classification", a post by Pei Xi Kwok.
Data: as in tutorial a.

Faults of the source: the test pictures of one epoch are validation pictures of another. Augmentation isn't all that
changes from c1 to c2: the dropout moves before the dense layers and falls from 0.5 to 0.2.
"""

from pawlab.recipes.ladder import MOBILENET_V2, TO_UNIT, UNSCALED, rung
from pawlab.recipes.layers import conv, dense, dropout, flatten, flip, global_max_pool, pool, rotate

_AUGMENTATION = (flip(), rotate(-0.1, 0.1))
_CONVOLUTIONS = (conv(32), pool(2), conv(32), pool(2), conv(64), flatten())
_DENSE = (dense(64, activation="relu"), dense(64, activation="relu"))

C1 = rung(
    name="c1",
    title="Three convolutions and two dense layers, on raw pixels",
    purpose="A larger first try: five million weights for two thousand pictures.",
    layers=(*_CONVOLUTIONS, *_DENSE, dropout(0.5), dense(2)),
    known_quirks=(UNSCALED,),
)

C2 = rung(
    name="c2",
    title="c1 with flips, rotations and an earlier dropout",
    purpose="Augmentation and a dropout before the dense layers instead of after them.",
    layers=(*_AUGMENTATION, *_CONVOLUTIONS, dropout(0.2), *_DENSE, dense(2)),
    known_quirks=(UNSCALED,),
)

C3 = rung(
    name="c3",
    title="c2 with pixels scaled to [-1, 1]",
    purpose="Scaled pixels: the same five million weights now learn something that generalises.",
    layers=(TO_UNIT, *_AUGMENTATION, *_CONVOLUTIONS, dropout(0.2), *_DENSE, dense(2)),
)

C4 = rung(
    name="c4",
    title="Frozen MobileNetV2, pooled, and two dense layers",
    purpose="Transfer learning with a small head: the maximum of each feature, and 82,114 trainable weights on top.",
    layers=(TO_UNIT, *_AUGMENTATION, MOBILENET_V2, global_max_pool(), dense(64, activation="relu"), dense(2)),
)

TUTORIAL_C = (C1, C2, C3, C4)
