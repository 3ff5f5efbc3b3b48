"""Tutorial b: two convolutions and a wide dense layer, then the same steps as in tutorial a, up to a frozen network.

Source: "Blog Post 5", another student's post on the same task.
Data: as in tutorial a.

Faults of the source: the 62 spare logits of b1, b2 and b3 learn to be small, and computing in float64 costs time and
gains nothing. Its baseline of 53% is the majority of one batch of 32; the true one is 50%.
"""

from pawlab.recipes.ladder import MOBILENET_V2, RELU_OUTPUTS, TO_UNIT, UNSCALED, rung
from pawlab.recipes.layers import conv, dense, dropout, flatten, flip, global_max_pool, pool, rotate

_AUGMENTATION = (flip(), rotate(-0.3, 0.2))
_NETWORK = (
    conv(32, dtype="float64"),
    pool(2),
    conv(32),
    pool(2),
    flatten(),
    dropout(0.2),
    dense(64, activation="relu"),
)
_SPARE_OUTPUTS = "The last layer has 64 outputs for two classes, and no output layer follows."
_FLOAT64 = "The first convolution computes in float64."

B1 = rung(
    name="b1",
    title="Two convolutions and 64 outputs, on raw pixels",
    purpose="The first try with a wide dense layer and fifteen times a1's weights: it overfits even more.",
    layers=_NETWORK,
    known_quirks=(_SPARE_OUTPUTS, RELU_OUTPUTS, _FLOAT64, UNSCALED),
)

B2 = rung(
    name="b2",
    title="b1 with flips and rotations",
    purpose="Augmentation ends the overfitting, but on raw pixels most of the learning too.",
    layers=(*_AUGMENTATION, *_NETWORK),
    known_quirks=(_SPARE_OUTPUTS, RELU_OUTPUTS, _FLOAT64, UNSCALED),
)

B3 = rung(
    name="b3",
    title="b2 with pixels scaled to [-1, 1]",
    purpose="Scaled pixels again turn guessing into learning.",
    layers=(TO_UNIT, *_AUGMENTATION, *_NETWORK),
    known_quirks=(_SPARE_OUTPUTS, RELU_OUTPUTS, _FLOAT64),
)

B4 = rung(
    name="b4",
    title="Frozen MobileNetV2 and two convolutions",
    purpose="Transfer learning with two trainable convolutions on the pretrained network's feature map.",
    layers=(
        TO_UNIT,
        *_AUGMENTATION,
        MOBILENET_V2,
        conv(32, dtype="float64"),
        conv(32),
        global_max_pool(keepdims=True),
        dropout(0.3),
        flatten(),
        dropout(0.2),
        dense(2),
    ),
    known_quirks=(
        "The first convolution on the feature map computes in float64.",
        "Two convolutions leave a map of 1 x 1, so the global pooling after them changes nothing.",
    ),
)

TUTORIAL_B = (B1, B2, B3, B4)
