"""Measure all published models and `fast` on the 3,000 photos, and two of them beside plain Keras.

    python benchmarks/ladder.py [--out runs/ladder] [--epochs 20] [--recipes all] [--skip-keras]

Needs the extra `keras`, the photos and MobileNetV2's weights (see `pawlab data list` and --weights of `pawlab train`),
and a machine with nothing else to do: about two hours on two cores. What is finished in --out isn't done again.

Writes docs/measured.md, a dated table, docs/measured.png, the curves, and src/pawlab/recipes/measured.json, which
`pawlab recipes NAME` shows. With another number of epochs than the published 20, it prints the table and writes none.
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
from pawlab.errors import WeightsError
from pawlab.evaluation.verdict import window
from pawlab.graphs.keras_runtime import import_keras
from pawlab.pipeline import compare
from pawlab.progress import silent
from pawlab.recipes import PUBLISHED, find_recipe
from pawlab.report.plots import comparison_figure, save_png
from pawlab.runs.comparison import Compared
from pawlab.runs.record import machine
from pawlab.storage import replacing_file

DATA = "cats-and-dogs"
EPOCHS = 20  # as published
MORE_SEEDS = {"c1": (1, 2), "d2": (1,), "d4": (1, 2, 3, 4)}  # where one seed is far from another
ROUNDS = 5  # of an epoch of ours and one of Keras's, in turn
PUBLISHED_NAMES = [recipe.name for recipe in PUBLISHED]
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    asked = arguments()
    names = [*PUBLISHED_NAMES, "fast"] if asked.recipes == "all" else asked.recipes.split(",")
    compared = [run for name in names if (run := trained(name, asked)) is not None]
    beside = {} if asked.skip_keras else beside_keras(asked.out / "beside_keras.json", asked.epochs)
    more = [run for name in names for seed in MORE_SEEDS.get(name, ()) if (run := trained(name, asked, seed))]
    text = page(compared, more, beside, asked.epochs)
    if asked.epochs == EPOCHS and asked.recipes == "all":
        write(ROOT / "docs" / "measured.md", text)
        save_png(comparison_figure({one.recipe.name: one.history for one in compared}), ROOT / "docs" / "measured.png")
        measured = json.dumps(figures(compared, more), indent=2)
        write(ROOT / "src" / "pawlab" / "recipes" / "measured.json", measured + "\n")
    print(text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure all published models.")
    parser.add_argument("--out", type=Path, default=Path("runs") / "ladder")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--recipes", default="all", help="names with commas between them")
    parser.add_argument("--skip-keras", action="store_true", help="don't train with plain Keras")
    return parser.parse_args()


def trained(name: str, asked: argparse.Namespace, seed: int = 0) -> Compared | None:
    """Return a recipe's run, finished before or now; None where its pretrained weights can't be had."""
    try:
        folder = asked.out / f"seed-{seed}"
        (one,) = compare(DATA, [name], folder, seed=seed, epochs=asked.epochs, report=False, progress=bar)
    except WeightsError as error:
        print(f"{name} is skipped: {error}")
        return None
    return one


# Beside plain Keras


def beside_keras(kept: Path, epochs: int) -> dict[str, Any]:
    """Return both comparisons, measured before or now."""
    if kept.is_file() and json.loads(kept.read_text(encoding="utf-8"))["epochs"] == epochs:
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    keras = import_keras("benchmarks/ladder.py")
    import tensorflow as tf

    dataset = assign_splits(discover(DATA, bar))
    measured = {"epochs": epochs, "date": str(date.today()), "keras": keras.__version__, "tensorflow": tf.__version__}
    measured |= {"c4": c4_beside_keras(dataset, epochs), "a1": a1_beside_keras(dataset)}
    write(kept, json.dumps(measured, indent=1))
    return measured


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


# The page


def page(compared: list[Compared], more: list[Compared], beside: dict[str, Any], epochs: int) -> str:
    here = machine()
    lines = [
        "# The ladder, measured",
        "",
        f"All published models, and `fast` beside them, on the 3,000 photos, {epochs} epochs, seed 0, measured on "
        f"{date.today()} on {here['cores']} cores of {here['processor']} by `python benchmarks/ladder.py`. Published "
        "figures are those of the tutorials, on the same photos; their validation and test pictures mix (see each "
        "recipe), ours don't.",
        "",
        "![Validation accuracy of every model, epoch by epoch](measured.png)",
        "",
        *table(compared),
        "",
        "Accuracies and the gap are in percent. Last epochs: lowest and highest validation accuracy over the last "
        "quarter of the epochs. Best: validation accuracy of the best epoch. Test: that epoch on 200 pictures, scored "
        "once, with the 95% interval. Gap: training less validation accuracy over the last epochs. Seconds: of one "
        "run, from the pictures to the report, and rough, as the machine had other things to do now and then; figures "
        "that can be compared are below. `fast` found its features in the cache; benchmarks/results.md has it without.",
    ]
    return "\n".join([*lines, *seed_lines(more), *beside_lines(beside)]) + "\n"


def seed_lines(more: list[Compared]) -> list[str]:
    """Return the figures of other seeds, for recipes that depend on the seed."""
    if not more:
        return []
    ranges = [f"{one.recipe.name} with seed {seed_of(one)}: {span(last_epochs(one))}" for one in more]
    return ["", f"With other seeds, over the last epochs: {'; '.join(ranges)}. See the recipe's known quirks."]


def seed_of(one: Compared) -> int:
    return int(one.run.record["request"]["seed"])


def last_epochs(one: Compared) -> list[float]:
    return list(one.run.metrics["verdict"]["stable_range"])


def table(compared: list[Compared]) -> list[str]:
    header = [
        "recipe",
        "trainable",
        "last epochs, published",
        "last epochs",
        "best",
        "test",
        "gap",
        "overfits",
        "seconds",
    ]
    rows = [header, ["---", *["---:"] * (len(header) - 1)], *(row(one) for one in compared)]
    return [f"| {' | '.join(cells)} |" for cells in rows]


def row(one: Compared) -> list[str]:
    metrics, published = one.run.metrics, one.recipe.published
    verdict, test = metrics["verdict"], metrics["test"]
    return [
        one.recipe.name,
        f"{metrics['parameters']['trainable']:,}",
        span(published["val_stable"]) if published else "",
        span(verdict["stable_range"]),
        f"{100 * metrics['validation']['accuracy']:.1f}",
        f"{100 * test['accuracy']:.1f} ({span(test['ci95'])})",
        f"{round(100 * verdict['gap']):+d}",
        "yes" if verdict["overfit"] else "no",
        f"{metrics['seconds']['total']:.0f}",
    ]


def span(bounds: list[float]) -> str:
    """Return a range of shares in percent."""
    low, high = (100 * bound for bound in bounds)
    return f"{low:.1f}" if low == high else f"{low:.1f}-{high:.1f}"


def beside_lines(beside: dict[str, Any]) -> list[str]:
    if not beside:
        return []
    c4, a1 = beside["c4"], beside["a1"]
    return [
        "",
        "## Beside plain Keras",
        "",
        f"Measured on {beside['date']} in one run, with Keras {beside['keras']} on TensorFlow {beside['tensorflow']}.",
        "",
        f"- c4, {beside['epochs']} epochs: ours {c4['our_seconds']:.0f} s from the pictures to the finished graph, "
        f"Keras's `fit` {c4['keras_seconds']:.0f} s from the same files: {c4['times_faster']:.1f} times faster. "
        f"Mean validation accuracy over the last epochs: {c4['our_mean']:.2%}, Keras's {c4['keras_mean']:.2%}.",
        f"- a1, one epoch: ours {a1['our_seconds']:.1f} s, Keras's `fit` on arrays in memory "
        f"{a1['keras_seconds']:.1f} s (medians of {a1['rounds']} each, in turn): {a1['share_of_keras']:.2f} of Keras's "
        "time.",
    ]


def figures(compared: list[Compared], more: list[Compared]) -> dict[str, Any]:
    """Return what `pawlab recipes NAME` shows as measured, by recipe."""
    here = machine()
    found = {
        one.recipe.name: {
            "stable_range": last_epochs(one),
            "validation": one.run.metrics["validation"]["accuracy"],
            "test": one.run.metrics["test"]["accuracy"],
            "test_ci95": one.run.metrics["test"]["ci95"],
            "seconds": round(one.run.metrics["seconds"]["total"]),
            "machine": f"{here['cores']} cores of {here['processor']}",
            "date": str(date.today()),
        }
        for one in compared
        if one.recipe.published
    }
    for one in more:
        found[one.recipe.name].setdefault("stable_range_by_seed", {})[str(seed_of(one))] = last_epochs(one)
    return found


def write(path: Path, text: str) -> None:
    with replacing_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
