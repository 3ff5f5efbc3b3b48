"""Two published models as a Keras user would write and train them, for `ladder.py` to hold ours against.

Nothing of pawlab's training is used here: `fit`, Keras's own reading of pictures, Keras's own defaults.
"""

from pathlib import Path
from typing import Any

import keras
from keras import layers

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


def fit(model: Any, folder: Path, epochs: int) -> Any:
    """Train on folder/train, as the tutorials do: Keras reads the files anew each epoch, as fast as its pipeline can.

    Returns Keras's history: loss, accuracy, val_loss and val_accuracy by epoch, of the pictures in folder/validation.
    """
    train, validation = (
        keras.utils.image_dataset_from_directory(folder / part, image_size=SIZE[:2], batch_size=32, verbose=False)
        for part in ("train", "validation")
    )
    return model.fit(train, epochs=epochs, validation_data=validation, verbose=0).history
