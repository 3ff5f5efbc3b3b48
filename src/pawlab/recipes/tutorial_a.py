"""Tutorial a: from a small network trained from scratch to a pretrained one, in four steps.

Source: "Blog Post 5", a student's post on cats and dogs with TensorFlow, dated 2022-02-25.
Data: 2,000 training photos; of 1,000 validation photos 808 validate and 192 test, but they mix from epoch to epoch.

Faults of the source: the loss in a1's printed history begins at 0.20, and the test pictures of one epoch are
validation pictures of another. Of a4, its printed summary, counts and history agree; this is the model of the summary.
"""

from pawlab.recipes.ladder import MOBILENET_V2, TO_UNIT, UNSCALED, rung
from pawlab.recipes.layers import conv, dense, dropout, flatten, flip, pool, rotate

_AUGMENTATION = (flip(), rotate(-0.2, 0.2))
_NETWORK = (conv(32), pool(2), conv(32), pool(2), dropout(0.2), conv(64), flatten(), dense(2))

_UPSIDE_DOWN = "Training photos are also flipped upside down; validation and test photos never are."

A1 = rung(
    name="a1",
    title="Three convolutions on raw pixels",
    purpose="The first try: a small network, nothing scaled, nothing augmented. It memorises the training pictures.",
    layers=_NETWORK,
    known_quirks=(UNSCALED,),
)

A2 = rung(
    name="a2",
    title="a1 with flips and rotations",
    purpose="The same network on augmented pictures: it can't memorise them any more, but learns little else yet.",
    layers=(*_AUGMENTATION, *_NETWORK),
    known_quirks=(UNSCALED, _UPSIDE_DOWN),
)

A3 = rung(
    name="a3",
    title="a2 with pixels scaled to [-1, 1]",
    purpose="Scaled pixels: with one more line the same network begins to tell cats from dogs.",
    layers=(TO_UNIT, *_AUGMENTATION, *_NETWORK),
    known_quirks=(_UPSIDE_DOWN,),
)

A4 = rung(
    name="a4",
    title="Frozen MobileNetV2 and one dense layer",
    purpose="Transfer learning: a network pretrained on a million photos, and 64,002 trainable weights on top.",
    layers=(TO_UNIT, *_AUGMENTATION, MOBILENET_V2, dropout(0.2), flatten(), dense(2)),
    known_quirks=(
        "The published listing has one more dense layer of 64; the published summary, counts and history don't.",
    ),
)

TUTORIAL_A = (A1, A2, A3, A4)
