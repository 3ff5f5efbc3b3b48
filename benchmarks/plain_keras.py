"""Two published models as a Keras user would write and train them, for `ladder.py` to hold ours against.

Nothing of pawlab's training is used here: Sequential models, `fit`, arrays in memory, Keras's own defaults.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

SIZE = (160, 160, 3)


def a1() -> Any:
    """Tutorial a's first model."""
    network = [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(2),
    ]
    return compiled(keras.Sequential([keras.Input(SIZE), *network]))


def c4(weights: Path) -> Any:
    """Tutorial c's fourth model: the frozen network runs in every step of every epoch."""
    frozen = keras.applications.MobileNetV2(input_shape=SIZE, include_top=False, weights=weights)
    frozen.trainable = False
    pictures = keras.Input(SIZE)
    values = keras.applications.mobilenet_v2.preprocess_input(pictures)
    values = layers.RandomFlip()(values)
    values = layers.RandomRotation(0.1, fill_mode="reflect")(values)
    values = layers.GlobalMaxPooling2D()(frozen(values, training=False))
    values = layers.Dense(64, activation="relu")(values)
    return compiled(keras.Model(pictures, layers.Dense(2)(values)))


def compiled(model: Any) -> Any:
    """Give it what all models of tutorials a to d have."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model


def fit(model: Any, train: tuple[NDArray[Any], ...], validation: tuple[NDArray[Any], ...], epochs: int) -> Any:
    """Train; return Keras's history: loss, accuracy, val_loss and val_accuracy by epoch."""
    pixels, labels = train
    return model.fit(
        pixels.astype(np.float32),
        labels,
        batch_size=32,
        epochs=epochs,
        validation_data=(validation[0].astype(np.float32), validation[1]),
        verbose=0,
    ).history
