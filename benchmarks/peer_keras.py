"""What a Keras user would do in pawlab's place, without pawlab but for finding MobileNetV2's weights.

    python benchmarks/peer_keras.py c4 FOLDER EPOCHS       # the published model, trained and scored
    python benchmarks/peer_keras.py features FOLDER        # MobileNetV2's features and a logistic regression
    python benchmarks/peer_keras.py predict MODEL SIZE FOLDER

FOLDER has SPLIT/CLASS/FILE for the first two, pictures for the third. Prints JSON: `pictures`, `work_seconds` (without
imports) and `test_accuracy`, or the classes `predicted` in the order of the files' names.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import plain_keras
import tensorflow as tf

SIDE = plain_keras.SIZE[0]


def weights() -> Path:
    from pawlab.backbones.keras_applications import find_weights
    from pawlab.backbones.table import find_backbone

    return Path(find_weights(find_backbone("mobilenet_v2"), (SIDE, SIDE)))


def read(folder: Path, split: str) -> Any:
    """Return a split as Keras reads it, in the order of the files' names."""
    return keras.utils.image_dataset_from_directory(
        folder / split, image_size=(SIDE, SIDE), batch_size=32, shuffle=False, verbose=False
    )


def c4(folder: str, epochs: str) -> dict[str, Any]:
    keras.utils.set_random_seed(0)
    model = plain_keras.c4(weights())
    plain_keras.fit(model, Path(folder), int(epochs))
    _, accuracy = model.evaluate(read(Path(folder), "test"), verbose=0)
    return {"epochs": int(epochs), "test_accuracy": accuracy}


def features(folder: str) -> dict[str, Any]:
    """Fit scikit-learn's logistic regression, at its default C, to the average-pooled features of all but the test."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    shape = plain_keras.SIZE
    network = keras.applications.MobileNetV2(input_shape=shape, include_top=False, weights=weights(), pooling="avg")
    pictures = keras.Input(shape)
    model = keras.Model(pictures, network(keras.applications.mobilenet_v2.preprocess_input(pictures)))

    def computed(split: str) -> tuple[Any, Any]:
        data = read(Path(folder), split)
        return model.predict(data, verbose=0), np.concatenate([labels for _, labels in data])

    parts = [computed("train"), computed("validation")]
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    return {"test_accuracy": float(probe.score(*computed("test")))}


def predict(model: str, size: str, folder: str) -> dict[str, Any]:
    side = int(size)
    network = keras.models.load_model(model, compile=False)
    paths = sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())

    def decoded(path: Any) -> Any:
        picture = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        return tf.image.resize(picture, (side, side), antialias=True)

    data = tf.data.Dataset.from_tensor_slices(paths).map(decoded, tf.data.AUTOTUNE).batch(32).prefetch(tf.data.AUTOTUNE)
    return {"pictures": len(paths), "predicted": network.predict(data, verbose=0).argmax(axis=1).tolist()}


WAYS: dict[str, Callable[..., dict[str, Any]]] = {"c4": c4, "features": features, "predict": predict}

if __name__ == "__main__":
    start = perf_counter()
    found = WAYS[sys.argv[1]](*sys.argv[2:])
    print(json.dumps({"work_seconds": round(perf_counter() - start, 3), **found}))
