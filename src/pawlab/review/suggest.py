"""Which unlabelled pictures to ask a person about: uncertain ones, unlike those asked before, like many others.

A picture's worth is the product of three numbers: how far it is from every picture asked before (1 less the largest
cosine), and the square roots of how uncertain the probe is of it (1 less the margin between the two most probable
classes) and of how typical it is (its mean cosine to the 20 pictures nearest to it), so that nobody is asked about
freaks: margin sampling with the density and the diversity of Settles 2009 ("Active learning literature survey",
sections 3.1 and 3.6). Before there are answers of two classes, uncertainty is 1 for all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.errors import PawlabError
from pawlab.evaluation.calibration import tempered
from pawlab.evaluation.metrics import Labels, Probabilities
from pawlab.progress import Progress, notebook_bar
from pawlab.review.material import Material, unlabelled_material
from pawlab.review.probes import Fit, Positions, fit
from pawlab.trainers.probe import Matrix, mean_and_deviation

_NEIGHBOURS = 20
_SAMPLE = 2_000  # pictures among which neighbours are looked for
_BLOCK = 2_000  # rows at a time, so that memory stays flat


@dataclass(frozen=True)
class Suggestion:
    """A picture to ask about, with the class it seems to show and how probable that is; None and 0 at the beginning."""

    picture: str
    label: str | None
    probability: float


@dataclass(frozen=True)
class Belief:
    """What a probe fitted on the answers makes of all pictures.

    `fit`: the probe; `probabilities`: (n, classes), calibrated on the answers as far as they go. `accuracy`: what share
    of the unanswered pictures is likely to be predicted correctly; None before there are enough answers.
    """

    fit: Fit
    probabilities: Probabilities
    accuracy: float | None


class Pool:
    """Pictures by their features (n, d), and which of them to ask about."""

    def __init__(self, features: Matrix, seed: int = 0) -> None:
        mean, deviation = mean_and_deviation(features)
        scaled = ((features - mean) / deviation).astype(np.float32)
        self._directions = scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-6)
        self._typical = np.sqrt(np.maximum(_typicality(self._directions, seed), 1e-3))

    def choose(self, count: int, asked: Positions, probabilities: Probabilities | None) -> list[int]:
        """Return the positions of the `count` pictures most worth asking about, none of those in `asked`.

        `probabilities`: (n, classes), where there are any yet.
        """
        worth = self._typical.copy()
        if probabilities is not None:
            first, second = np.sort(probabilities, axis=1)[:, :-3:-1].T
            worth = worth * np.sqrt(1 - (first - second))
        worth[asked] = -1.0
        nearest = self._nearness(asked)
        chosen: list[int] = []
        for _ in range(min(count, int((worth >= 0).sum()))):
            place = int(np.where(worth < 0, -1.0, worth * (1 - nearest)).argmax())
            chosen.append(place)
            worth[place] = -1.0
            nearest = np.maximum(nearest, self._directions @ self._directions[place])
        return chosen

    def _nearness(self, asked: Positions) -> NDArray[np.float32]:
        nearest = np.full(len(self._directions), -1.0, np.float32)
        for start in range(0, len(asked), _BLOCK):
            some = self._directions[asked[start : start + _BLOCK]]
            for rows in range(0, len(nearest), _BLOCK):
                part = slice(rows, rows + _BLOCK)
                nearest[part] = np.maximum(nearest[part], (self._directions[part] @ some.T).max(axis=1))
        return nearest


def believe(
    features: Matrix,
    rows: Positions,
    labels: Labels,
    contents: Sequence[str],
    classes: int,
    before: Fit | None = None,
) -> Belief | None:
    """Fit on the answers, `labels` (m,) of the pictures in `rows`; None where they are of fewer than two classes.

    `before`: the fit before, whose C is held while little has changed.

    The probabilities' temperature comes from out-of-fold predictions of the answers. Those aren't like the rest, as
    that is why they were asked: the accuracy may be some points off either way.
    """
    found = fit(features, rows, labels, contents, classes, before)
    if found is None:
        return None
    probabilities = tempered(found.logits, found.temperature(labels))
    rest = np.ones(len(features), bool)
    rest[rows] = False
    certain = float(probabilities[rest].max(axis=1).mean()) if rest.any() else 1.0
    return Belief(found, probabilities, None if found.held_out is None else certain)


def suggest(
    pictures: str | Path | Iterable[str | Path],
    answers: Mapping[Any, str] | None = None,
    count: int = 10,
    *,
    model: str | Path | None = None,
    progress: Progress = notebook_bar,
) -> list[Suggestion]:
    """Return the pictures whose labels would teach a classifier most, the most useful first, each with a likely label.

    `pictures`: a folder, files, or whatever else `predict` takes. `answers`: the label of each picture that has one,
    by its path as it is named in `pictures`. `model`: a run whose network gives the features. Raises the errors of
    `pawlab.errors`; PawlabError where an answer names a picture that isn't there, ValueError for a `count` below 1.
    """
    if count < 1:
        raise ValueError(f"count is {count}; it must be 1 or more")
    named = [pictures] if isinstance(pictures, str | Path) else list(pictures)
    given = {str(name): label for name, label in (answers or {}).items()}
    classes = sorted(set(given.values()))
    material = unlabelled_material(named, classes, model, progress)
    rows, labels = _answered(material, given, classes)
    belief = believe(material.features, rows, labels, [item.sha256 for item in material.pictures], len(classes))
    chosen = Pool(material.features).choose(count, rows, None if belief is None else belief.probabilities)
    return [_suggestion(material, place, belief, classes) for place in chosen]


def _answered(material: Material, given: Mapping[str, str], classes: Sequence[str]) -> tuple[Positions, Labels]:
    places = {one.name: material.positions.get(one.sha256) for one in material.with_copies}
    unknown = [name for name in given if places.get(name) is None]
    if unknown:
        raise PawlabError(f"there is an answer for {unknown[0]}, which isn't among the pictures. Name it as they do.")
    answers = {places[name]: classes.index(label) for name, label in given.items()}  # one for copies too
    return np.array(list(answers), np.intp), np.array(list(answers.values()), np.int64)


def _suggestion(material: Material, place: int, belief: Belief | None, classes: Sequence[str]) -> Suggestion:
    name = material.pictures[place].name
    if belief is None:
        return Suggestion(name, None, 0.0)
    row = belief.probabilities[place]
    return Suggestion(name, classes[int(row.argmax())], float(row.max()))


def _typicality(directions: Matrix, seed: int) -> NDArray[np.float32]:
    """Return each picture's mean cosine to its nearest neighbours, itself left out, in a sample of all."""
    number = len(directions)
    sample = directions[np.random.default_rng(seed).permutation(number)[:_SAMPLE]]
    neighbours = min(_NEIGHBOURS, len(sample) - 1)
    if neighbours < 1:
        return np.ones(number, np.float32)
    result = np.empty(number, np.float32)
    for start in range(0, number, _BLOCK):
        cosines = directions[start : start + _BLOCK] @ sample.T
        nearest = np.partition(cosines, -neighbours - 1, axis=1)[:, -neighbours - 1 :]
        result[start : start + _BLOCK] = (nearest.sum(axis=1) - nearest.max(axis=1)) / neighbours
    return result
