"""Tutorial d: two convolutions and the widest dense layer, then the same steps as in tutorial a.

Source: "Blog Post 5 - Image Classification", a student's post on the same task.
Data: as in tutorial a.
It reports: validation accuracy over the last epochs 0.54-0.59 for d1, 0.57-0.64 for d2, 0.70-0.75 for d3, 0.95-0.97
for d4; 25 of 25 correct in a grid of test pictures.
We measured: see `measured.json`, with machine and date; docs/measured.md has it as a table.

Faults of the source: d1, d2 and d3 end on a dense layer of 256 with ReLU and a dropout, so there are 256 outputs for
two classes, some of them set to 0 in training. d2 flips and rotates the feature maps, not the pictures. d4 has ReLU on
its two outputs: where both are 0, there is neither a prediction nor a gradient. The picture grid compares predictions
and labels from two different shuffles, so its 25 of 25 is no score.

How often d4's outputs die: its head, trained by plain Keras on the frozen features without augmentation, was at 50%
after two epochs for 6 of 16 seeds; five of the others trained for 12 epochs and reached 0.94-0.97 (2026-11-23).
"""

from functools import partial

from pawlab.recipes.ladder import RELU_OUTPUTS, TO_UNIT, UNSCALED, reported, rung
from pawlab.recipes.layers import backbone, conv, dense, dropout, flatten, flip, pool, rotate

_SOURCE = 'Tutorial d, "Blog Post 5 - Image Classification"'
_AUGMENTATION = (flip(), rotate(-0.2, 0.3))
_DENSE = (flatten(), dense(256, activation="relu"), dropout(0.2))
_SPARE_OUTPUTS = "The last layer has 256 outputs for two classes, and no output layer follows but a dropout."

_recipe = partial(rung, source=_SOURCE)

D1 = _recipe(
    name="d1",
    title="Two convolutions and 256 outputs, on raw pixels",
    purpose="The first try with 23 million weights, twelve thousand per training picture.",
    layers=(conv(32), pool(2), conv(64), pool(2), *_DENSE),
    known_quirks=(_SPARE_OUTPUTS, RELU_OUTPUTS, UNSCALED),
    published=reported(23_678_144, val_stable=(0.54, 0.59), val_last=0.5730, train_last=0.8615),
)

D2 = _recipe(
    name="d2",
    title="d1 with flipped and rotated feature maps",
    purpose="Augmentation in an unusual place: after the convolutions, which therefore see every picture unchanged.",
    layers=(conv(32), pool(2), conv(64), pool(2), *_AUGMENTATION, *_DENSE),
    known_quirks=(
        "Flips and rotations act on feature maps, not on pictures.",
        _SPARE_OUTPUTS,
        RELU_OUTPUTS,
        UNSCALED,
    ),
    published=reported(23_678_144, val_stable=(0.57, 0.64), val_last=0.6535, train_last=0.6320),
)

D3 = _recipe(
    name="d3",
    title="Scaled and augmented pictures, and a coarser pooling",
    purpose="Scaled pixels, augmentation of the pictures themselves, and less than half of d1's weights.",
    layers=(TO_UNIT, *_AUGMENTATION, conv(32), pool(2), conv(64), pool(3), *_DENSE),
    known_quirks=(_SPARE_OUTPUTS, RELU_OUTPUTS),
    published=reported(10_259_648, val_stable=(0.70, 0.75), val_last=0.7500, train_last=0.6695),
)

D4 = _recipe(
    name="d4",
    title="Frozen MobileNetV2 and one convolution",
    purpose="Transfer learning with one trainable convolution, and a ReLU on the outputs that can end all learning.",
    layers=(
        TO_UNIT,
        *_AUGMENTATION,
        backbone("mobilenet_v2", include_preprocessing=False),
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
    published=reported(
        2_626_722,
        368_738,
        val_stable=(0.95, 0.97),
        val_last=0.9740,
        train_last=0.9200,
        note="25 of 25 in a grid whose labels and predictions came from two different shuffles: not a test score.",
    ),
)

TUTORIAL_D = (D1, D2, D3, D4)
