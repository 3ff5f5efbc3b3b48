"""Tutorial d: two convolutions and the widest dense layer, then the same steps as in tutorial a.

Source: "Blog Post 5 - Image Classification", a student's post on the same task.
Data: as in tutorial a.

Faults of the source: the dropout behind the 256 outputs of d1, d2 and d3 sets some of them to 0 in training. Where both
outputs of d4 are 0, there is neither a prediction nor a gradient: its head, trained by plain Keras on the frozen
features without augmentation, was at 50% after two epochs for 6 of 16 seeds; five of the others trained for 12 epochs
and reached 0.94-0.97 (2026-11-23).
"""

from pawlab.recipes.ladder import MOBILENET_V2, RELU_OUTPUTS, TO_UNIT, UNSCALED, rung
from pawlab.recipes.layers import conv, dense, dropout, flatten, flip, pool, rotate

_AUGMENTATION = (flip(), rotate(-0.2, 0.3))
_DENSE = (flatten(), dense(256, activation="relu"), dropout(0.2))
_SPARE_OUTPUTS = "The last layer has 256 outputs for two classes, and no output layer follows but a dropout."

D1 = rung(
    name="d1",
    title="Two convolutions and 256 outputs, on raw pixels",
    purpose="The first try with 23 million weights, twelve thousand per training picture.",
    layers=(conv(32), pool(2), conv(64), pool(2), *_DENSE),
    known_quirks=(_SPARE_OUTPUTS, RELU_OUTPUTS, UNSCALED),
)

D2 = rung(
    name="d2",
    title="d1 with flipped and rotated feature maps",
    purpose="Augmentation in an unusual place: after the convolutions, which therefore see every picture unchanged.",
    layers=(conv(32), pool(2), conv(64), pool(2), *_AUGMENTATION, *_DENSE),
    known_quirks=("Flips and rotations act on feature maps, not on pictures.", _SPARE_OUTPUTS, RELU_OUTPUTS, UNSCALED),
)

D3 = rung(
    name="d3",
    title="Scaled and augmented pictures, and a coarser pooling",
    purpose="Scaled pixels, augmentation of the pictures themselves, and less than half of d1's weights.",
    layers=(TO_UNIT, *_AUGMENTATION, conv(32), pool(2), conv(64), pool(3), *_DENSE),
    known_quirks=(_SPARE_OUTPUTS, RELU_OUTPUTS),
)

D4 = rung(
    name="d4",
    title="Frozen MobileNetV2 and one convolution",
    purpose="Transfer learning with one trainable convolution, and a ReLU on the outputs that can end all learning.",
    layers=(
        TO_UNIT,
        *_AUGMENTATION,
        MOBILENET_V2,
        conv(32),
        pool(2),
        flatten(),
        dropout(0.2),
        dense(2, activation="relu"),
    ),
    known_quirks=(
        "ReLU on the two outputs: one that is 0 for every picture gets no gradient any more. 6 of 16 seeds stayed at "
        "50%; where that happens, try another --seed.",
    ),
)

TUTORIAL_D = (D1, D2, D3, D4)
