"""Do promises hold, and are wrong labels found? Measured on data sets, and on hard ones made of them.

    python benchmarks/trust.py NAME=DATA ... > docs/trust.md

For promises, six tenths of a set's pictures stand for training and validation, four for pictures yet to come; twenty
divisions of each set, and of what is made of it: 28 pixels, 10% wrong labels, one picture of the last class for 30 of
the first, 8 pictures of each class. Copies and near duplicates stay on one side. For labels, 1, 5 and 10% are changed.
Prints Markdown; the numbers come from the default recipe's features, which are kept between runs.
"""

import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binom, binomtest

from pawlab.card import Point
from pawlab.datasets.dataset import Picture
from pawlab.datasets.groups import unit_numbers
from pawlab.datasets.options import DataOptions
from pawlab.evaluation.calibration import calibration_error, tempered
from pawlab.evaluation.label_issues import expected_true, find_label_issues
from pawlab.evaluation.metrics import cross_entropy
from pawlab.evaluation.selective import curve_of
from pawlab.features.extract import features_by_content
from pawlab.features.source import FeatureSource
from pawlab.images import Preprocess, decode
from pawlab.recipes import find_recipe
from pawlab.runs.reading import read_and_split
from pawlab.trainers.cross_validation import CrossValidated, assign_folds, cross_validate
from pawlab.trainers.finish import fit_temperature

TARGETS = (0.90, 0.95, 0.99)
REPETITIONS = 20
Floats, Integers, Booleans = NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]


@dataclass(frozen=True)
class Features:
    """A data set's pictures as features (n, d), with labels, contents and units (n,)."""

    x: Floats
    labels: Integers
    contents: NDArray[np.str_]
    units: Integers

    @property
    def classes(self) -> int:
        return int(self.labels.max()) + 1

    def fit(self, rows: Booleans) -> CrossValidated:
        labels = self.labels[rows]
        folds = assign_folds(labels, self.contents[rows].tolist(), self.units[rows].tolist())
        return cross_validate(self.x[rows], labels, folds, self.classes)


def features_of(data: str, pixels: int | None = None) -> Features:
    """Return a data set's features; `pixels`: of pictures made that small first."""
    read = read_and_split(data, 0, DataOptions())
    pictures = read.dataset.pictures
    recipe, source = find_recipe("fast"), FeatureSource()
    graph = source.backbone(recipe)
    if pixels is None:
        x = source.features(pictures, graph, recipe.preprocess).features
    else:
        keys = [sha256(f"{one.sha256} {pixels}".encode()).hexdigest() for one in pictures]
        small = {key: shrunk(one.path, pixels) for key, one in zip(keys, pictures, strict=True)}
        found = features_by_content(small, graph, recipe.preprocess)
        x = found.features[[found.rows[key] for key in keys]]
    units = unit_numbers(pictures, [(pair.first, pair.second) for pair in read.near])
    labels = np.array(read.dataset.class_indices(pictures))
    return Features(x, labels, np.array([one.sha256 for one in pictures]), np.array(units))


def shrunk(path: Path, pixels: int) -> Image.Image:
    return Image.fromarray(decode(path, Preprocess(pixels, pixels)))


def changed_labels(labels: Integers, share: float, random: np.random.Generator) -> tuple[Integers, Booleans]:
    """Return labels of which a share is another class, and which."""
    changed = np.zeros(len(labels), bool)
    changed[random.choice(len(labels), round(share * len(labels)), replace=False)] = True
    others = random.integers(1, int(labels.max()) + 1, len(labels))
    return np.where(changed, (labels + others) % (int(labels.max()) + 1), labels), changed


def hard_sets(name: str, plain: Features, small: Features) -> Iterator[tuple[str, Features]]:
    yield name, plain
    yield f"{name}, 28 pixels", small
    for how in ("10% wrong labels", "1:30", "8 a class"):
        yield f"{name}, {how}", plain


def kept_rows(how: str, some: Features, rows: Booleans, known: Booleans, random: np.random.Generator) -> Booleans:
    """Return those of `rows` that a hard set keeps; `known`: whether they are for training."""
    kept = rows.copy()
    of_class = [random.permutation(np.flatnonzero(rows & (some.labels == label))) for label in range(some.classes)]
    if how.endswith("1:30"):
        kept[of_class[-1][max(3, len(of_class[0]) // 30) :]] = False
    if how.endswith("8 a class") and known.any():
        for places in of_class:
            kept[places[8:]] = False
    return kept


@dataclass(frozen=True)
class Promised:
    """One promise: on how many answers it rests, and what became of it on new pictures."""

    target: float
    point: Point | None
    stepwise: float  # coverage of the new pictures by fixed-sequence testing with the same bound
    answered: int = 0
    right: int = 0
    new: int = 0
    caught: float = 1.0

    @property
    def broken(self) -> bool:
        """Say whether the accuracy on new pictures is below the target beyond chance (one-sided, 5%)."""
        return bool(self.answered and binom.cdf(self.right, self.answered, self.target) < 0.05)


def fixed_sequence(confidence: Floats, correct: Booleans, target: float) -> float | None:
    """Return the threshold where answers, from the surest on, first fail the bound: Angelopoulos et al. 2021."""
    order = np.argsort(-confidence, kind="stable")
    right, threshold = np.cumsum(correct[order]), None
    for answered in range(round(3 / (1 - target)), len(order) + 1):
        if binom.sf(right[answered - 1] - 1, answered, target) > 0.05:
            break
        threshold = float(confidence[order[answered - 1]])
    return threshold


def promises(how: str, some: Features, seed: int) -> tuple[list[Promised], tuple[float, float, float, float]]:
    """Return what is promised of one division, and log loss and ECE, out of fold and on new pictures."""
    random = np.random.default_rng(seed)
    labels = changed_labels(some.labels, 0.1, random)[0] if how.endswith("wrong labels") else some.labels
    some = replace(some, labels=labels)
    chosen = random.permutation(np.unique(some.units))
    known = np.isin(some.units, chosen[: round(0.6 * len(chosen))])
    rows = kept_rows(how, some, known, known, random)
    new = kept_rows(how, some, ~known, np.zeros(0, bool), random)
    found = some.fit(rows)
    held_out = found.out_of_fold
    temperature = fit_temperature(held_out.logits[held_out.judged], held_out.labels[held_out.judged])
    seen = tempered(held_out.logits, temperature)
    later = tempered(found.probe.logits(some.x[new].astype(np.float64)), temperature)
    confidence, correct = seen.max(axis=1), seen.argmax(axis=1) == held_out.labels
    their_confidence, their_correct = later.max(axis=1), later.argmax(axis=1) == labels[new]
    curve, made = curve_of(confidence, correct), []
    for target in TARGETS:
        point, step = curve.at(target), fixed_sequence(confidence, correct, target)
        stepwise = 0.0 if step is None else float((their_confidence >= step).mean())
        if point is None:
            made.append(Promised(target, None, stepwise))
            continue
        sure = their_confidence >= point.threshold
        caught = float((~their_correct & ~sure).sum() / max(1, (~their_correct).sum()))
        made.append(
            Promised(target, point, stepwise, int(sure.sum()), int(their_correct[sure].sum()), len(sure), caught)
        )
    losses = [
        measure(*pair)
        for measure in (cross_entropy, calibration_error)
        for pair in ((seen, held_out.labels), (later, labels[new]))
    ]
    return made, (losses[0], losses[1], losses[2], losses[3])


def print_promises(sets: dict[str, tuple[Features, Features]]) -> None:
    print("| pictures | target | promised | coverage | by fixed sequence | right when answered | caught | broken |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    every: list[Promised] = []
    carried = []
    for name, pair in sets.items():
        for how, some in hard_sets(name, *pair):
            results = [promises(how, some, seed) for seed in range(REPETITIONS)]
            carried.append((how, np.mean([one[1] for one in results], axis=0)))
            for place, target in enumerate(TARGETS):
                cell = [one[0][place] for one in results]
                made = [one for one in cell if one.point is not None]
                every += cell
                answers, right = sum(one.answered for one in made), sum(one.right for one in made)
                coverage = sum(one.answered / one.new for one in made) / len(cell)
                caught = np.mean([one.caught for one in made]) if made else float("nan")
                print(
                    f"| {how} | {target:.2f} | {len(made)} of {len(cell)} | {coverage:.1%} "
                    f"| {np.mean([one.stepwise for one in cell]):.1%} | {right / max(1, answers):.1%} "
                    f"| {caught:.0%} | {sum(one.broken for one in made)} |",
                    flush=True,
                )
    made = [one for one in every if one.point is not None]
    broken = sum(one.broken for one in made)
    low, high = binomtest(broken, len(made)).proportion_ci()
    print(
        f"\nIn all {len(made)} promises of {len(every)}, {broken} broken: {broken / len(made):.1%} "
        f"({low:.1%} to {high:.1%}). The promise with the fewest answers per share that may be wrong rests on "
        f"{min(one.point.pictures * (1 - one.target) for one in made if one.point):.1f} of them.\n"
    )
    print("Temperature and thresholds are set on out-of-fold predictions and used with the probe fitted on all:\n")
    print("| pictures | log loss out of fold | new | ECE out of fold | new |\n| --- | ---: | ---: | ---: | ---: |")
    for how, (loss, new_loss, error, new_error) in carried:
        print(f"| {how} | {loss:.3f} | {new_loss:.3f} | {error:.3f} | {new_error:.3f} |")


def print_labels(sets: dict[str, tuple[Features, Features]]) -> None:
    print("| pictures | changed | listed | of the first 50 | found | estimated |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, (some, _) in sets.items():
        for share in (0.0, 0.01, 0.05, 0.10):
            for seed in range(5 if share else 1):
                given, changed = changed_labels(some.labels, share, np.random.default_rng(seed))
                pictures = [Picture(Path(), f"{place:06}", str(label), "") for place, label in enumerate(given)]
                logits = replace(some, labels=given).fit(np.ones(len(given), bool)).out_of_fold.logits
                issues = find_label_issues(pictures, logits, [str(label) for label in range(some.classes)])
                true = [bool(changed[int(one.picture.name)]) for one in issues]
                found = f"{sum(true)} of {changed.sum()}"
                print(
                    f"| {name} | {share:.0%} | {len(issues)} ({len(issues) / len(given):.1%}) | {sum(true[:50])} "
                    f"| {found} | {expected_true(issues):.0f} |",
                    flush=True,
                )


def main() -> None:
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    sets = {name: (features_of(data), features_of(data, 28)) for name, data in given.items()}
    print("# Promises and label issues, measured\n")
    print(f"By `benchmarks/trust.py` on {date.today()}, {platform.machine()}, Python {platform.python_version()}.\n")
    print("## Promises\n")
    print_promises(sets)
    print("\n## Label issues\n")
    print_labels(sets)


if __name__ == "__main__":
    main()
