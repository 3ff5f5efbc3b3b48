"""Train the published models on the 3,000 photos, with several seeds each: one small JSON file per run.

    python benchmarks/ladder.py [--results DIR] [--work DIR] [--recipes a1,c4] [--seeds 0,1,2] [--epochs 20]

Needs the extra `keras`, the photos and MobileNetV2's weights (see `pawlab data list` and PAWLAB_WEIGHTS_DIR); recipes
whose weights can't be had are skipped. All seeds of all recipes take some hours on two cores. It may be stopped at any
time: a run whose result is in --results isn't done again, and one that was cut off goes on where it was. The first seed
of all recipes comes first, and the quickest recipes before the others. `ladder_page.py` makes the page of the results.
"""

import argparse
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from shutil import rmtree
from statistics import fmean
from typing import Any

from pawlab import __version__
from pawlab.cli.terminal import bar
from pawlab.errors import WeightsError
from pawlab.evaluation.verdict import window
from pawlab.pipeline import compare
from pawlab.recipes import PUBLISHED, find_recipe
from pawlab.runs.comparison import Compared
from pawlab.runs.record import machine
from pawlab.storage import replacing_file

RESULTS = Path(__file__).resolve().parent / "ladder_runs"
EPOCHS = 20  # as published
SEEDS = (0, 1, 2)
MORE_SEEDS = {"d4": (3, 4, 5, 6, 7, 8, 9)}  # some of its seeds die: three don't tell which share
QUICKEST_FIRST = ("a4", "c4", "d4", "b4", "c1", "a1", "a3", "a2", "c3", "d3", "c2", "b1", "d1", "b2", "b3", "d2", "e1")


def main() -> None:
    asked = arguments()
    for seed, name in planned(asked.recipes.split(","), [int(seed) for seed in asked.seeds.split(",")]):
        place = asked.results / f"{name}-seed-{seed}.json"
        if place.is_file():
            require_same(place, name, asked.epochs)
        else:
            measure(name, seed, asked, place)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the published models with several seeds each.")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where one JSON file per run is kept")
    parser.add_argument("--work", type=Path, default=Path("runs") / "ladder", help="where the runs in progress lie")
    parser.add_argument("--recipes", default=",".join(QUICKEST_FIRST), help="names with commas between them")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)), help="numbers with commas between them")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--data", default="cats-and-dogs", help="other pictures, to try it")
    return parser.parse_args()


def planned(names: Sequence[str], seeds: Sequence[int]) -> list[tuple[int, str]]:
    """Return seeds and recipes, seed by seed; the seeds that only some recipes need come last, where all are asked."""
    rest = [] if tuple(seeds) != SEEDS else [(seed, name) for name in names for seed in MORE_SEEDS.get(name, ())]
    return [*((seed, name) for seed in seeds for name in names), *rest]


def require_same(place: Path, name: str, epochs: int) -> None:
    """End with a sentence where a result is of another number of epochs, or of the recipe as it was."""
    there = json.loads(place.read_text(encoding="utf-8"))
    if (there["epochs"], there["network"]) != (epochs, network_of(name)):
        other = f"{place} is of another number of epochs or another version of {name}"
        raise SystemExit(f"{other}. Delete it, or take another --results.")


def network_of(name: str) -> dict[str, Any]:
    """Return what of a recipe bears on its figures."""
    values = find_recipe(name).to_dict()
    kept = ("preprocess", "layers", "batch_size", "optimizer", "learning_rate", "loss")
    return json.loads(json.dumps({key: values[key] for key in kept}))


def measure(name: str, seed: int, asked: argparse.Namespace, place: Path) -> None:
    """Train a recipe with a seed and keep its figures; the run itself, up to 100 MB, is deleted."""
    print(f"{name}, seed {seed}", flush=True)
    folder = asked.work / f"{name}-seed-{seed}"
    try:
        (one,) = compare(asked.data, [name], folder, seed=seed, epochs=asked.epochs, report=False, progress=bar)
    except WeightsError as error:
        print(f"{name} is skipped: {error}", flush=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(place) as partial:
        partial.write_text(json.dumps(figures(one, seed), indent=1) + "\n", encoding="utf-8")
    rmtree(folder)


def gpus() -> list[str]:
    """Return the names of the GPUs that TensorFlow computed on."""
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(one).get("device_name", one.name) for one in devices]


def figures(one: Compared, seed: int) -> dict[str, Any]:
    """Return what is kept of a run. Accuracies are shares, 0 to 1; `mean`: of validation over the last epochs."""
    metrics, history, here = one.run.metrics, one.history, machine()
    verdict, test = metrics["verdict"], metrics["test"]
    return {
        "recipe": one.recipe.name,
        "seed": seed,
        "epochs": len(history),
        "mean": round(fmean(row.val_accuracy for row in window(history)), 6),
        "stable_range": verdict["stable_range"],
        "stands_still": verdict["stands_still"],
        "gap": verdict["gap"],
        "overfit": verdict["overfit"],
        "validation": metrics["validation"]["accuracy"],
        "test": test["accuracy"],
        "test_ci95": test["ci95"],
        "trainable": metrics["parameters"]["trainable"],
        "accuracy_by_epoch": [round(row.accuracy, 6) for row in history],
        "val_accuracy_by_epoch": [round(row.val_accuracy, 6) for row in history],
        "val_loss_by_epoch": [round(row.val_loss, 6) for row in history],
        "seconds": round(metrics["seconds"]["total"], 1),
        "network": network_of(one.recipe.name),
        "data": one.run.record["data"]["fingerprint"],
        "pawlab": __version__,
        "machine": ", ".join([f"{here['cores']} cores of {here['processor']}", *gpus()]),
        "date": str(date.today()),
    }


if __name__ == "__main__":
    assert {recipe.name for recipe in PUBLISHED} == set(QUICKEST_FIRST)
    main()
