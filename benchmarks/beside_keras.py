"""Time two published models, and score one, beside plain Keras on the same pictures.

    python benchmarks/beside_keras.py [--epochs 20] [--out benchmarks/ladder_runs/beside_keras.json]

Needs the extra `keras`, the photos and MobileNetV2's weights, and a machine with nothing else to do: a quarter of an
hour on two cores. `ladder_page.py` puts the figures under the ladder's table.
"""

import argparse
import json
import tempfile
from datetime import date
from pathlib import Path
from shutil import copyfile
from statistics import fmean, median
from time import perf_counter
from typing import Any

from pawlab.cli.terminal import bar
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.discover import discover
from pawlab.datasets.splits import assign_splits
from pawlab.evaluation.verdict import window
from pawlab.graphs.keras_runtime import import_keras
from pawlab.progress import silent
from pawlab.recipes import find_recipe
from pawlab.storage import replacing_file

OUT = Path(__file__).resolve().parent / "ladder_runs" / "beside_keras.json"
ROUNDS = 5  # of an epoch of ours and one of Keras's, in turn


def main() -> None:
    parser = argparse.ArgumentParser(description="Time two published models beside plain Keras.")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--epochs", type=int, default=20)
    asked = parser.parse_args()
    keras = import_keras("benchmarks/beside_keras.py")
    import tensorflow as tf

    dataset = assign_splits(discover("cats-and-dogs", bar))
    measured = {"epochs": asked.epochs, "date": str(date.today())}
    measured |= {"keras": keras.__version__, "tensorflow": tf.__version__}
    measured |= {"c4": c4_beside_keras(dataset, asked.epochs), "a1": a1_beside_keras(dataset)}
    with replacing_file(asked.out) as partial:
        partial.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


def c4_beside_keras(dataset: Dataset, epochs: int) -> dict[str, Any]:
    """Time c4 from its pictures to its graph, and Keras's `fit` of the whole network from the same pictures' files."""
    import plain_keras

    from pawlab.backbones.keras_applications import find_weights
    from pawlab.backbones.table import find_backbone
    from pawlab.features.source import FeatureSource
    from pawlab.trainers.fitted import Settings
    from pawlab.trainers.keras.fit import fit

    recipe = find_recipe("c4")
    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        ours = fit(dataset, recipe, FeatureSource(), Settings(Path(folder), epochs=epochs, progress=bar))
        our_seconds = perf_counter() - start
        copy_splits(dataset, Path(folder))
        model = plain_keras.c4(find_weights(find_backbone("mobilenet_v2"), (160, 160)))
        start = perf_counter()
        theirs = plain_keras.fit(model, Path(folder), epochs)
        their_seconds = perf_counter() - start
    last = len(window(ours.history))
    return {
        "our_seconds": our_seconds,
        "keras_seconds": their_seconds,
        "times_faster": their_seconds / our_seconds,
        "our_mean": fmean(row.val_accuracy for row in ours.history[-last:]),
        "keras_mean": fmean(theirs["val_accuracy"][-last:]),
    }


def copy_splits(dataset: Dataset, folder: Path) -> None:
    """Copy our training and validation pictures to SPLIT/CLASS/FILE, where Keras finds them."""
    for picture in dataset.split("train") + dataset.split("validation"):
        place = folder / str(picture.split) / picture.label / picture.path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        copyfile(picture.path, place)


def a1_beside_keras(dataset: Dataset) -> dict[str, Any]:
    """Time one epoch of a1, ours and Keras's in turn, so that whatever else the machine does slows both."""
    import plain_keras

    from pawlab.trainers.keras.architectures import build, compile_for
    from pawlab.trainers.keras.batches import decode_splits, picture_feed
    from pawlab.trainers.keras.steps import compiled_steps, go_through

    recipe = find_recipe("a1")
    with tempfile.TemporaryDirectory() as folder:
        train, validation, *_ = decode_splits(dataset, recipe.preprocess, Path(folder), silent)
    feed = picture_feed(train, validation, recipe.batch_size, seed=0)
    model = build(recipe.layers, feed.input_shape, seed=0)
    compile_for(model, recipe)
    steps = compiled_steps(model, feed)

    def our_epoch(epoch: int) -> None:
        go_through(model, steps[0], feed.training(epoch), lambda count, note: None)
        go_through(model, steps[1], feed.validation(), lambda count, note: None)

    plain = plain_keras.a1()
    floats = (train.pixels.astype("float32"), train.labels), (validation.pixels.astype("float32"), validation.labels)
    seconds: list[tuple[float, float]] = []
    for epoch in range(ROUNDS + 1):
        start = perf_counter()
        our_epoch(epoch)
        between = perf_counter()
        plain.fit(*floats[0], batch_size=32, epochs=1, validation_data=floats[1], verbose=0)
        seconds.append((between - start, perf_counter() - between))
    ours, theirs = (median(pair[which] for pair in seconds[1:]) for which in (0, 1))  # the first round compiles
    return {"our_seconds": ours, "keras_seconds": theirs, "share_of_keras": ours / theirs, "rounds": ROUNDS}


if __name__ == "__main__":
    main()
