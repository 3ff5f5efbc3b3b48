"""Which pretrained network suits these pictures best: those at hand, cross-validated on a sample of the training ones.

Each network's features of the same pictures go through the same folds, C chosen for each; the log loss counts. A
smaller network is taken where it is behind the best by less than one standard error of the difference, picture by
picture. Validation and test pictures play no part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from pawlab.backbones.at_hand import at_hand
from pawlab.backbones.load import backbone_graph, own_size, probe_stages
from pawlab.datasets.dataset import Dataset, Picture
from pawlab.datasets.groups import Pair
from pawlab.errors import PawlabError, one_line
from pawlab.features.source import FeatureSource
from pawlab.images import Preprocess
from pawlab.progress import Progress
from pawlab.recipes.exchange import with_backbone
from pawlab.recipes.recipe import Recipe
from pawlab.trainers.cross_validation import cross_validate, folds_of

MINUTES = 5.0  # for ranking, where none are said

_SAMPLE = 600  # pictures at most
_TIMED = 8  # pictures, by which a network's speed is known before all others are computed
_SMALLEST = 1e-7  # a probability, so that a class that no fold's training had doesn't count without end

_HERE = FeatureSource()

Losses = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A network as it did. `losses`: of each picture, in nats; `accuracy`, `log_loss`: out of fold; `seconds`: for a
    picture's features, on all cores; `skipped`: why it wasn't tried, else empty."""

    name: str
    losses: Losses | None = None
    accuracy: float = 0.0
    log_loss: float = 0.0
    seconds: float = 0.0
    skipped: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return what a run keeps."""
        if self.skipped:
            return {"name": self.name, "skipped": self.skipped}
        facts = {"accuracy": self.accuracy, "log_loss": self.log_loss, "seconds_per_picture": self.seconds}
        return {"name": self.name, **{name: round(value, 4) for name, value in facts.items()}}


@dataclass(frozen=True)
class Choice:
    """The network taken, why, and all that were looked at."""

    name: str
    why: str
    candidates: tuple[Candidate, ...]


def choose_backbone(
    dataset: Dataset,
    preprocess: Preprocess,
    minutes: float | None = None,
    source: FeatureSource = _HERE,
    near: Sequence[Pair] = (),
) -> Choice:
    """Rank the networks at hand on a sample of the training pictures, for as many minutes; the first is always tried.

    A network that would need longer for the features of all training and validation pictures isn't taken. `near`: pairs
    of contents that show the same. Raises PawlabError where none can be used.
    """
    sample = sample_of(dataset)
    pictures = len(dataset.split("train")) + len(dataset.split("validation"))
    limit, started = 60 * (MINUTES if minutes is None else minutes), perf_counter()
    candidates: list[Candidate] = []
    for name in at_hand():
        left = limit - (perf_counter() - started)
        try:
            time = left if candidates else None
            candidates.append(_tried(name, dataset, sample, source, near, preprocess, time, pictures))
        except PawlabError as error:
            candidates.append(Candidate(name, skipped=one_line(error)))
    return _taken(candidates, len(sample))


def sample_of(dataset: Dataset) -> tuple[Picture, ...]:
    """Return some of the training pictures: as many of each class as there is room for, in order of hash."""
    train = sorted(dataset.split("train"), key=lambda picture: picture.sha256)
    most = max(5, _SAMPLE // len(dataset.classes))
    chosen: list[Picture] = []
    for label in dataset.classes:
        chosen += [picture for picture in train if picture.label == label][:most]
    return tuple(chosen)


def _tried(
    name: str,
    dataset: Dataset,
    sample: Sequence[Picture],
    source: FeatureSource,
    near: Sequence[Pair],
    preprocess: Preprocess,
    left: float | None,
    pictures: int,
) -> Candidate:
    """Cross-validate one network, in the seconds that are left; None: however long it takes."""
    from scipy.special import softmax

    if left is not None and left <= 0:
        return Candidate(name, skipped="no time was left")
    height, width = own_size(name) or (preprocess.height, preprocess.width)
    sized = replace(preprocess, height=height, width=width)
    graph = backbone_graph(name, (height, width), progress=source.progress, stages=probe_stages(name))
    started = perf_counter()
    timed = source.features(sample[:_TIMED], graph, sized)
    seconds = (perf_counter() - started) / _TIMED if timed.computed else 0.0
    if left is not None and seconds * (pictures - _TIMED) > left:
        return Candidate(name, skipped=f"the features of all pictures would take {seconds * pictures / 60:.1f} minutes")
    extracted = source.features(sample, graph, sized)
    known, labels = np.unique(dataset.class_indices(extracted.pictures), return_inverse=True)
    folds = folds_of(extracted.pictures, labels, near)
    if len(known) < 2 or len(np.unique(folds)) < 2:
        raise PawlabError("there are too few training pictures to cross-validate on. Name a network with --backbone.")
    logits = cross_validate(extracted.features, labels, folds, len(known)).out_of_fold.logits
    true = softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels]
    losses = -np.log(np.maximum(true, _SMALLEST))
    return Candidate(name, losses, float((logits.argmax(axis=1) == labels).mean()), float(losses.mean()), seconds)


def _taken(candidates: Sequence[Candidate], pictures: int) -> Choice:
    """Take the best, or the first of fewer parameters that is as good but for chance."""
    tried = [candidate for candidate in candidates if candidate.losses is not None]
    if not tried:
        raise PawlabError(f"none of the networks at hand can be used: {candidates[0].skipped}")
    best = min(tried, key=lambda candidate: candidate.log_loss)
    taken = next(candidate for candidate in tried if candidate is best or _as_good(candidate, best))
    others = [f"{_short(one.name)} {one.accuracy:.1%} ({one.log_loss:.3f})" for one in tried if one is not taken]
    others += [f"{_short(one.name)} wasn't tried: {one.skipped}" for one in candidates if one.skipped]
    score = f"{taken.accuracy:.1%} correct (log loss {taken.log_loss:.3f})"
    why = f"{score}, cross-validated on {pictures} training pictures"
    if taken is not best:
        why += f", as good as {_short(best.name)} but for chance, and smaller"
    return Choice(taken.name, "; ".join([why, *others]), tuple(candidates))


def _as_good(candidate: Candidate, best: Candidate) -> bool:
    if candidate.losses is None or best.losses is None or len(candidate.losses) != len(best.losses):
        return False
    differences = candidate.losses - best.losses
    return bool(differences.mean() <= differences.std(ddof=1) / len(differences) ** 0.5)


def _short(name: str) -> str:
    return Path(name).name


def with_choice(recipe: Recipe, choice: Choice, progress: Progress) -> Recipe:
    """Return the recipe with the network chosen; its layer keeps why."""
    exchanged = with_backbone(recipe, choice.name, None, progress)
    candidates = [candidate.to_dict() for candidate in choice.candidates]
    layers = [
        layer.having(why=choice.why, chosen_from=candidates) if layer.kind == "backbone" else layer
        for layer in exchanged.layers
    ]
    return replace(exchanged, layers=tuple(layers))
