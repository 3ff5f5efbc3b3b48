"""Which network, at which size, and which of its stages? Cross-validated on data sets, each against `fast`.

    python benchmarks/accuracy.py NAME=DATA ... > docs/accuracy.md

Five outer folds; copies, near duplicates and groups stay together. In each, C is chosen and the probe fitted on the
other four alone, as `pawlab train` does, and judged on the fold. Training and validation pictures only: test pictures
play no part. Prints Markdown; features are kept between runs.
"""

import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from textwrap import fill
from time import process_time

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from pawlab.datasets.dataset import Picture
from pawlab.datasets.groups import unit_numbers
from pawlab.datasets.options import DataOptions
from pawlab.errors import PawlabError
from pawlab.evaluation.metrics import wilson_interval
from pawlab.features.source import FeatureSource
from pawlab.recipes import find_recipe
from pawlab.recipes.layers import backbone
from pawlab.recipes.recipe import probe_layers
from pawlab.runs.reading import read_and_split
from pawlab.trainers.cross_validation import assign_folds, cross_validate, folds_of

FOLDS = 5
SUMMARY = """\
In short: the stages bring 4 points on breeds of cats and 2.5 on rubbish, and nothing beyond chance on the two sets
that were easy before; log loss says the same. Which stages hardly matters, as long as it is more than the sixth.
`accurate` brings another 1.5 points on the mean of the sets, for 3.2 times the arithmetic of the network.
"""
REST = """
## What did not help

- **Cropping or padding instead of squashing** (`fast` otherwise as it is; points over squashing on hymenoptera,
  cat_breeds, photos, trashnet_half): cropping +1.91 ± 0.81, -0.22 ± 1.13, +0.18 ± 0.15, -1.49 ± 0.65; padding
  +0.27 ± 0.61, -1.01 ± 1.03, -0.32 ± 0.19, -0.79 ± 0.58. What a crop leaves out matters for rubbish, not for
  insects: `--resize-mode` is for that.
- **A few more pixels** for `fast`: at 256 +0.54 points on the mean of the sets (hymenoptera +1.63 ± 0.66, the others
  within chance), at 288 +0.97 (photos 99.21%, +0.32 ± 0.16; hymenoptera +2.45 ± 0.81, cat_breeds +1.12 ± 0.97), for 1.3
  and 1.65 times the network's arithmetic. That would end "ready in half a minute" for 3,000 photos; whoever has the
  time takes `--set height=288 --set width=288`, or `accurate`.
- **Another weight of the stages** against the last map (0.3, 0.5, 0.7, 1.4): -0.9 to +0.8 points, another best one on
  each set.
- **Features raised to a power** (0.7, 0.5, 0.35) or their logarithm, which makes them less skewed: -0.28 to +0.09
  points for 0.7 and 0.5 on hymenoptera, cat_breeds and trashnet_half (two divisions into folds, C chosen on the same;
  standard errors 0.3 to 0.8), less for the others. **Less or more of standardisation** (divided by the deviation to the
  power of 0.5, 0.75, 1.25): -1.6 to +0.4, another best one on each set.
- **Two networks side by side** are as good as `accurate`, but for chance, and would need a file with two networks.
- **EfficientNet-Lite1 at 240**: +0.3 to +0.8 points over `fast` on each set, less than Lite2 (out of fold, C chosen on
  the same folds).
- **More of fine-tuning** (below), each looked at once, on cat_breeds' first fold: a learning rate of 1e-3 in place of
  3e-4; a rate of the head of 3% of the others'; colour and erasing; parts from 35% of a picture on; the mean of the
  weights before and after. Right of the 299 pictures that weren't trained on: 66.9 to 71.2%, the probe 69.9%; log loss
  0.77 to 0.82 against 0.81. Labels smoothed by 0.1 had the most right, labels as they are the best log loss. All of it
  may be chance.
"""
ALL = range(2, 8)  # of which features are kept once, and columns taken


@dataclass(frozen=True)
class Network:
    """EfficientNet-Lite `number`, for pictures of `size` pixels each way, with these stages beside its last map."""

    number: int
    size: int
    stages: tuple[int, ...] = ()

    def features(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """Return what a probe sees of each picture (n, d)."""
        layer = backbone(f"efficientnet_lite{self.number}", stages=[f"stage_{stage}" for stage in ALL])
        fast = find_recipe("fast")
        preprocess = replace(fast.preprocess, height=self.size, width=self.size)
        recipe = replace(fast, preprocess=preprocess, layers=probe_layers(layer))
        source = FeatureSource()
        graph = source.backbone(recipe)
        widths = [graph.backbone.channels, *(stage.channels for stage in graph.stages)]
        parts = np.split(source.features(pictures, graph, preprocess).features, np.cumsum(widths)[:-1], axis=1)
        return np.hstack([parts[0], *(parts[1 + ALL.index(stage)] for stage in self.stages)])


Networks = tuple[Network, ...]  # whose features stand side by side


def of(number: int, size: int, *stages: int) -> Network:
    return Network(number, size, stages)


STAGES: dict[str, Networks] = {
    "stages 3-6 (`fast`)": (of(0, 224, 3, 4, 5, 6),),
    "none (version 0.1.0)": (of(0, 224),),
    "6": (of(0, 224, 6),),
    "5-6": (of(0, 224, 5, 6),),
    "4-6": (of(0, 224, 4, 5, 6),),
    "4-5": (of(0, 224, 4, 5),),
    "2-6": (of(0, 224, 2, 3, 4, 5, 6),),
    "3-7": (of(0, 224, 3, 4, 5, 6, 7),),
}
SIZES: dict[str, Networks] = {
    "Lite0 at 224 (`fast`)": (of(0, 224, 3, 4, 5, 6),),
    "Lite0 at 320": (of(0, 320, 3, 4, 5, 6),),
    "Lite0 at 320, no stages": (of(0, 320),),
    "Lite2 at 260": (of(2, 260, 3, 4, 5, 6),),
    "Lite2 at 320 (`accurate`)": (of(2, 320, 3, 4, 5, 6),),
    "Lite0 at 224 beside Lite2 at 260": (of(0, 224, 3, 4, 5, 6), of(2, 260, 3, 4, 5, 6)),
}


@dataclass(frozen=True)
class Judged:
    """Of each picture: whether the prediction is right, and its cross-entropy in nats; CPU seconds of all fits."""

    right: NDArray[np.float64]
    losses: NDArray[np.float64]
    seconds: float


@dataclass(frozen=True)
class Data:
    """A set's training and validation pictures, with labels and outer folds."""

    name: str
    pictures: tuple[Picture, ...]
    labels: NDArray[np.int64]
    units: list[int]
    folds: NDArray[np.int64]

    def judge(self, networks: Networks) -> Judged:
        """Cross-validate a probe on these networks' features."""
        features = np.hstack([network.features(self.pictures) for network in networks])
        classes, started = int(self.labels.max()) + 1, process_time()
        logits = np.empty((len(features), classes))
        for fold in np.unique(self.folds):
            inside, rest = self.folds == fold, np.flatnonzero(self.folds != fold)
            inner = assign_folds(
                self.labels[rest],
                [self.pictures[row].sha256 for row in rest],
                [self.units[row] for row in rest],
            )
            probe = cross_validate(features[rest], self.labels[rest], inner, classes, "auto").probe
            logits[inside] = probe.logits(features[inside])
        seconds = process_time() - started
        losses = -log_softmax(logits, axis=1)[np.arange(len(logits)), self.labels]
        return Judged((logits.argmax(axis=1) == self.labels).astype(float), losses, seconds)


def read(name: str, source: str) -> Data:
    """Read a data set as `pawlab train` does, without pictures that can't be decoded."""
    measured = read_and_split(source, 0, DataOptions())
    near = [(pair.first, pair.second) for pair in measured.near]
    pictures = measured.dataset.split("train") + measured.dataset.split("validation")
    extracted = FeatureSource().of_recipe(pictures, find_recipe("fast"))
    labels = np.array(measured.dataset.class_indices(extracted.pictures))
    units = list(unit_numbers(extracted.pictures, near))
    return Data(name, extracted.pictures, labels, units, folds_of(extracted.pictures, labels, near, FOLDS))


def table(title: str, methods: dict[str, Networks], sets: list[Data]) -> Iterator[str]:
    """Yield a table: each method on each set, and its difference to the first with the paired standard error."""
    yield f"\n## {title}\n"
    yield "| set | method | right | 95% interval | difference | log loss | difference | CPU s |"
    yield "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |"
    means: dict[str, list[float]] = {}
    for data in sets:
        first: Judged | None = None
        for name, networks in methods.items():
            try:
                judged = data.judge(networks)
            except PawlabError as error:
                print(error, file=sys.stderr)
                continue
            first = first or judged
            lowest, highest = wilson_interval(int(judged.right.sum()), len(judged.right))
            means.setdefault(name, []).append(float(judged.right.mean() - first.right.mean()))
            yield (
                f"| {data.name} | {name} | {judged.right.mean():.2%} | {lowest:.1%}-{highest:.1%} | "
                f"{paired(judged.right - first.right, 100)} | {judged.losses.mean():.3f} | "
                f"{paired(judged.losses - first.losses, 1, 3)} | {judged.seconds:.1f} |"
            )
            print(data.name, name, file=sys.stderr)
    yield ""
    for name, differences in means.items():
        if len(differences) == len(sets):
            yield f"- {name}: {100 * np.mean(differences):+.2f} points on the mean of the sets"


def paired(differences: NDArray[np.float64], factor: float, digits: int = 2) -> str:
    """Return the mean of paired differences with its standard error."""
    if not differences.any():
        return ""
    error = differences.std(ddof=1) / len(differences) ** 0.5
    return f"{factor * differences.mean():+.{digits}f} ± {factor * error:.{digits}f}"


def print_wrapped(text: str) -> None:
    """Print a paragraph in lines of 120 characters, between words."""
    print(fill(text, 120, break_long_words=False, break_on_hyphens=False))


def main() -> None:
    """Print the page."""
    sets = [read(*argument.split("=", 1)) for argument in sys.argv[1:]]
    given = ", ".join(f"{data.name} ({len(data.pictures):,} pictures)" for data in sets)
    print("# Accuracy: what was tried, and what it brought\n")
    print_wrapped(
        f"`python benchmarks/accuracy.py NAME=DATA ...` on {date.today()}, Python {platform.python_version()}. "
        f"Sets: {given}; training and validation pictures alone, split with seed 0. Differences with their paired "
        "standard errors; CPU seconds of all fits, on a machine that did other work."
    )
    print()
    print_wrapped(str(__doc__).split("\n\n")[2])
    print(f"\n{SUMMARY}", end="")
    for title, methods in (("Stages of the network", STAGES), ("Networks and sizes", SIZES)):
        for line in table(title, methods, sets):
            print(line, flush=True)
    print(REST, end="")


if __name__ == "__main__":
    main()
