"""Published models as a Keras user would write and train them, to compare ours with.

Nothing of pawlab's training is used here: `fit`, Keras's own reading of pictures, Keras's own defaults.
`ladder.py` times two of them beside ours. Alone, this prints the validation accuracy that recipes reach without pawlab:

    python benchmarks/plain_keras.py FOLDER [--recipes d2,d3] [--seeds 0,1] [--epochs 20]

FOLDER has train/CLASS and validation/CLASS, as the tutorials' own download. Prints a line for each recipe and seed.
MobileNetV2's weights, for the fourth recipes, lie in PAWLAB_WEIGHTS_DIR.
"""

import argparse
import os
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
    frozen = mobilenet(weights)
    pictures = keras.Input(SIZE)
    values = keras.applications.mobilenet_v2.preprocess_input(pictures)
    values = layers.RandomFlip()(values)
    values = layers.RandomRotation(0.1, fill_mode="reflect")(values)
    values = layers.GlobalMaxPooling2D()(frozen(values, training=False))
    values = layers.Dense(64, activation="relu")(values)
    return compiled(keras.Model(pictures, layers.Dense(2)(values)))


def mobilenet(weights: Path) -> Any:
    """Return MobileNetV2 without its head, frozen."""
    network = keras.applications.MobileNetV2(input_shape=SIZE, include_top=False, weights=weights)
    network.trainable = False
    return network


def compiled(model: Any, xla: Any = "auto") -> Any:
    """Compile a model as tutorials a to d do. `xla`: Keras's default takes it, slower or not."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"], jit_compile=xla)
    return model


def fit(model: Any, folder: Path, epochs: int, seed: int = 0) -> Any:
    """Train on folder/train, as the tutorials do: Keras reads the files anew each epoch, as fast as its pipeline can.

    Returns Keras's history: loss, accuracy, val_loss and val_accuracy by epoch, of the pictures in folder/validation.
    """
    read = keras.utils.image_dataset_from_directory
    train, validation = (
        read(folder / split, image_size=SIZE[:2], batch_size=32, seed=seed, verbose=False)
        for split in ("train", "validation")
    )
    return model.fit(train, epochs=epochs, validation_data=validation, verbose=0).history


def main() -> None:
    parser = argparse.ArgumentParser(description="Train recipes' layers with Keras alone.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recipes", default="a1,a2,a3,b1,b2,b3,c1,c2,c3,d1,d2,d3", help="names with commas between")
    parser.add_argument("--seeds", default="0", help="numbers with commas between")
    parser.add_argument("--epochs", type=int, default=20)
    asked = parser.parse_args()
    for name in asked.recipes.split(","):
        for seed in map(int, asked.seeds.split(",")):
            print(f"{name} seed {seed}: {last_epochs(name, seed, asked.folder, asked.epochs)}", flush=True)


def last_epochs(name: str, seed: int, folder: Path, epochs: int) -> str:
    """Train a recipe's layers and return their validation accuracy over the last quarter of the epochs."""
    from pawlab.recipes import find_recipe
    from pawlab.trainers.keras.architectures import build

    keras.utils.set_random_seed(seed)
    layers, frozen = find_recipe(name).layers, None
    if any(layer.kind == "backbone" for layer in layers):
        frozen = mobilenet(Path(os.environ["PAWLAB_WEIGHTS_DIR"]) / "mobilenet_v2.weights.h5")
    model = compiled(build(layers, SIZE, seed, frozen), xla=False)
    history = fit(model, folder, epochs, seed)["val_accuracy"]
    last = history[-max(1, epochs // 4) :]
    return f"{min(last):.3f}-{max(last):.3f}, on average {sum(last) / len(last):.3f}"


if __name__ == "__main__":
    main()
