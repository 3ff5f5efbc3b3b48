"""Tutorial b: two convolutions and a wide dense layer, then the same steps as in tutorial a, up to a frozen network.

Source: "Blog Post 5", another student's post on the same task.
Data: as in tutorial a.
It reports: validation accuracy over the last epochs 0.59-0.64 for b1, 0.56-0.60 for b2, 0.70-0.732 for b3, 0.96-0.98
for b4.
We measured: see `measured.json`, with machine and date; docs/measured.md has it as a table.

Faults of the source: b1, b2 and b3 end on a dense layer of 64 with ReLU, so there are 64 logits for two classes; the 62
spare ones learn to be small. The first convolution computes in float64, which costs time and gains nothing. Its
baseline of 53% is the majority of one batch of 32; the true one is 50%. Its "test" of b4 trains on the test pictures
for 20 epochs and reports 94-97% on them: that is no test score, and none is kept here.
"""

from functools import partial

from pawlab.recipes.ladder import RELU_OUTPUTS, TO_UNIT, UNSCALED, reported, rung
from pawlab.recipes.layers import backbone, conv, dense, dropout, flatten, flip, global_max_pool, pool, rotate

_SOURCE = 'Tutorial b, "Blog Post 5"'
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

_recipe = partial(rung, source=_SOURCE)

B1 = _recipe(
    name="b1",
    title="Two convolutions and 64 outputs, on raw pixels",
    purpose="The first try with a wide dense layer and fifteen times a1's weights: it overfits even more.",
    layers=_NETWORK,
    known_quirks=(_SPARE_OUTPUTS, RELU_OUTPUTS, _FLOAT64, UNSCALED),
    published=reported(2_967_520, val_stable=(0.59, 0.64), train_last=0.98),
)

B2 = _recipe(
    name="b2",
    title="b1 with flips and rotations",
    purpose="Augmentation ends the overfitting, but on raw pixels most of the learning too.",
    layers=(*_AUGMENTATION, *_NETWORK),
    known_quirks=(_SPARE_OUTPUTS, RELU_OUTPUTS, _FLOAT64, UNSCALED),
    published=reported(2_967_520, val_stable=(0.56, 0.60), train_last=0.57),
)

B3 = _recipe(
    name="b3",
    title="b2 with pixels scaled to [-1, 1]",
    purpose="Scaled pixels again turn guessing into learning.",
    layers=(TO_UNIT, *_AUGMENTATION, *_NETWORK),
    known_quirks=(_SPARE_OUTPUTS, RELU_OUTPUTS, _FLOAT64),
    published=reported(2_967_520, val_stable=(0.70, 0.732)),
)

B4 = _recipe(
    name="b4",
    title="Frozen MobileNetV2 and two convolutions",
    purpose="Transfer learning with two trainable convolutions on the pretrained network's feature map.",
    layers=(
        TO_UNIT,
        *_AUGMENTATION,
        backbone("mobilenet_v2", include_preprocessing=False),
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
    published=reported(
        2_635_970,
        377_986,
        val_stable=(0.96, 0.98),
        train_last=0.93,
        note="Its 'test' trained on the test pictures for 20 epochs and reports 94-97% on them: not a test score.",
    ),
)

TUTORIAL_B = (B1, B2, B3, B4)
