"""Tutorial e: a frozen InceptionV3, cut in the middle, with a large trainable dense layer.

Source: "Cats vs. Dogs in TensorFlow Part II", a post by Christian Haller, after a notebook by Laurence Moroney.
Data: the 2,000 training photos; all 1,000 validation photos are for validation; there is no test set.

Its weights weren't available where we measure. With `--weights FILE`, or where Keras can download them, it trains as
published.

Faults of the source: its generator takes the shear in degrees, so 0.2 is a fifth of a degree; we keep what it did, not
what it seems to mean. Its validation loss doubles over the epochs, while the accuracy stays the same.

The source augments with a generator that Keras has since deprecated; Keras's layers do the same here.
"""

from math import radians, tan

from pawlab.images import Preprocess
from pawlab.recipes.ladder import with_figures
from pawlab.recipes.layers import backbone, dense, dropout, flatten, flip, rescale, rotate, shear, shift, zoom

E1 = with_figures(
    name="e1",
    title="Frozen InceptionV3 up to mixed7 and a large dense layer",
    purpose="Transfer learning from the middle of a larger network, with 38 million trainable weights on top.",
    preprocess=Preprocess(height=150, width=150, resize_mode="squash"),
    layers=(
        rescale(scale=1 / 255),
        rotate(-40 / 360, 40 / 360, fill_mode="nearest"),
        shift(height_factor=0.2, width_factor=0.2, fill_mode="nearest"),
        shear(x_factor=round(tan(radians(0.2)), 6), fill_mode="nearest"),  # the source's 0.2 are degrees
        zoom(height_factor=0.2, width_factor=0.2, fill_mode="nearest"),
        flip("horizontal"),
        backbone("inception_v3", cut="mixed7", include_preprocessing=False),
        flatten(),
        dense(1024, activation="relu"),
        dropout(0.2),
        dense(1, activation="sigmoid"),
    ),
    trainer="keras",
    batch_size=20,
    epochs=20,
    optimizer="rmsprop",
    learning_rate=0.0001,
    loss="binary cross-entropy",
    known_quirks=(
        "Pixels are scaled to [0, 1]; the network's weights were trained on [-1, 1].",
        "The shear is 0.2 degrees: almost none.",
        "Not measured: layers and counts are checked with random weights.",
    ),
)

TUTORIAL_E = (E1,)
