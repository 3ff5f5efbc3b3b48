"""Does fine-tuning pay? The recipe `finetune` against `fast`, cross-validated on data sets.

    python benchmarks/finetune.py --work DIR [--seeds 0,1,2] NAME=DATA ... >> docs/accuracy.md

Five outer folds of training and validation pictures, those of benchmarks/accuracy.py; test pictures play no part. In
each, `fast` is fitted on the other four, its temperature read off their out-of-fold predictions. `finetune` trains on
five sixths of them; the last sixth chooses the epoch and the temperature. Both are judged on the fold, as files. Beside
them, the probe that `finetune` begins from. A fold that is done is kept in DIR, so what was killed goes on. Prints
Markdown.
"""

import argparse
import json
import platform
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from accuracy import FOLDS, Data, paired, print_wrapped, read
from numpy.typing import NDArray
from scipy.special import log_softmax

from pawlab.datasets.dataset import Dataset, Split
from pawlab.evaluation.metrics import wilson_interval
from pawlab.features.source import FeatureSource
from pawlab.recipes import choose_recipe
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.settings import read_settings
from pawlab.storage import replacing_file
from pawlab.trainers.cross_validation import assign_folds
from pawlab.trainers.finish import fit_temperature
from pawlab.trainers.fitted import Fitted, Settings
from pawlab.trainers.graph_outputs import logits_of_pictures
from pawlab.trainers.keras.finetune import _fit_probe
from pawlab.trainers.table import TRAINERS

INNER = 6  # of a fold's training pictures one in so many chooses
Arrays = NDArray[np.float64]


def run(data: Data, fold: int, recipe: Recipe, folder: Path, seed: int = 0) -> dict[str, Any]:
    """Train on all folds but one and judge on that; from the file where it is done. All values are plain."""
    done = folder / f"{data.name}-{recipe.name}-{fold}{f'-seed-{seed}' if seed else ''}.json"
    if done.is_file():
        kept: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        return kept
    working = done.with_suffix("")
    working.mkdir(parents=True, exist_ok=True)
    dataset = split(data, fold)
    started = perf_counter()
    settings = Settings(working, seed, balance="auto")
    fitted = TRAINERS[recipe.trainer](dataset, recipe, FeatureSource(), settings)
    seconds = perf_counter() - started
    logits = logits_of_pictures(fitted.graph, dataset.split("test"), recipe.preprocess).astype(np.float64)
    result = {
        "rows": np.flatnonzero(data.folds == fold).tolist(),
        "logits": logits.tolist(),
        "temperature": temperature(fitted, dataset, recipe),
        "seconds": seconds,
        "epoch": fitted.best_epoch,
        "history": [vars(row) for row in fitted.history],
    }
    with replacing_file(done) as partial:
        partial.write_text(json.dumps(result), encoding="utf-8")
    return result


def split(data: Data, fold: int) -> Dataset:
    """Return the pictures, those inside a fold as its test split, the others in training and validation."""
    rest = np.flatnonzero(data.folds != fold)
    contents = [data.pictures[row].sha256 for row in rest]
    inner = assign_folds(data.labels[rest], contents, [data.units[row] for row in rest], INNER)
    splits: list[Split] = ["test"] * len(data.pictures)
    for row, one in zip(rest, inner, strict=True):
        splits[row] = "validation" if one == 0 else "train"
    pictures = tuple(replace(picture, split=one) for picture, one in zip(data.pictures, splits, strict=True))
    return Dataset(data.name, Path(), tuple(sorted({picture.label for picture in pictures})), pictures)


def probe_alone(data: Data, fold: int, recipe: Recipe) -> dict[str, Any]:
    """Judge what `finetune` begins from, its temperature read off validation pictures too."""
    started, dataset, source = perf_counter(), split(data, fold), FeatureSource()
    start = _fit_probe(dataset, recipe, source, Settings(Path(), balance="auto"))
    validation, test = (
        start.probe.logits(source.of_recipe(dataset.split(name), recipe).features) for name in ("validation", "test")
    )
    return {
        "rows": np.flatnonzero(data.folds == fold).tolist(),
        "logits": test.tolist(),
        "temperature": fit_temperature(validation, np.array(dataset.class_indices(dataset.split("validation")))),
        "seconds": perf_counter() - started,
        "history": [vars(start.row)],
    }


def temperature(fitted: Fitted, dataset: Dataset, recipe: Recipe) -> float:
    """Return it as `pawlab train` finds it."""
    if fitted.out_of_fold is not None:
        judged = fitted.out_of_fold.judged
        return fit_temperature(fitted.out_of_fold.logits[judged], fitted.out_of_fold.labels[judged])
    pictures = dataset.split("validation")
    logits = logits_of_pictures(fitted.graph, pictures, recipe.preprocess)
    return fit_temperature(logits, np.array(dataset.class_indices(pictures)))


def scores(data: Data, results: list[dict[str, Any]], seeds: int = 1) -> tuple[Arrays, Arrays]:
    """Return whether each judged picture is right, and its cross-entropy in nats after the temperature.

    Of several seeds, whose folds follow each other in `results`, each picture's mean.
    """
    right, losses = [], []
    for result in results:
        labels, logits = data.labels[result["rows"]], np.array(result["logits"]) / result["temperature"]
        right.append((logits.argmax(axis=1) == labels).astype(float))
        losses.append(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels])
    return tuple(np.concatenate(values).reshape(seeds, -1).mean(axis=0) for values in (right, losses))


def lines(data: Data, folds: int, seeds: list[int], tuned: Recipe, folder: Path) -> Iterator[str]:
    """Yield a line of the table for each recipe, against `fast`. Only fine-tuning depends on the seed."""
    fast = choose_recipe("fast")
    every = {
        fast.name: [run(data, fold, fast, folder) for fold in range(folds)],
        tuned.name: [run(data, fold, tuned, folder, seed) for seed in seeds for fold in range(folds)],
        "its probe alone": [probe_alone(data, fold, tuned) for fold in range(folds)],
    }
    first_right, first_losses = scores(data, every[fast.name])
    for name, results in every.items():
        right, losses = scores(data, results, len(results) // folds)
        lowest, highest = wilson_interval(round(right.sum()), len(right))
        epochs = [str(result["epoch"]) for result in results if len(result["history"]) > 1]
        yield (
            f"| {data.name} | {name} | {right.mean():.2%} | {lowest:.1%}-{highest:.1%} | "
            f"{paired(right - first_right, 100)} | {losses.mean():.3f} | {paired(losses - first_losses, 1, 3)} | "
            f"{', '.join(epochs)} | "
            f"{np.mean([result['seconds'] for result in results]):.0f} |"
        )


def main() -> None:
    """Print the section."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("sets", nargs="+", metavar="NAME=DATA")
    parser.add_argument("--work", type=Path, required=True, help="a folder for what is done")
    parser.add_argument("--folds", type=int, default=FOLDS, help="of the five, how many")
    parser.add_argument("--seeds", default="0", help="numbers with commas between them")
    parser.add_argument("--set", nargs="*", default=[], help="settings of finetune, as `pawlab train --set` takes them")
    given = parser.parse_args()
    seeds = [int(seed) for seed in given.seeds.split(",")]
    tuned = choose_recipe("finetune", read_settings(given.set))
    print("\n## Fine-tuning\n")
    command = "python benchmarks/finetune.py --work DIR NAME=DATA ..."
    about = " ".join(str(__doc__).split("\n\n")[2].split()).partition(" A fold that")[0]
    print_wrapped(f"`{command}` on {date.today()}, Python {platform.python_version()}. {about}")
    print("\n| set | recipe | right | 95% interval | difference | log loss | difference | epochs kept | s a fold |")
    print("| --- | --- | ---: | --- | ---: | ---: | ---: | --- | ---: |")
    for argument in given.sets:
        name, source = argument.split("=", 1)
        for line in lines(read(name, source), given.folds, seeds, tuned, given.work):
            print(line, flush=True)


if __name__ == "__main__":
    main()
