import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Dataset, Picture
from pawlab.evaluation.evaluate import Evaluation
from pawlab.trainers.cross_validation import NO_FOLD, assign_folds, cross_validate, find_label_issues

Features = NDArray[np.float32]
Labels = NDArray[np.int64]
CLASSES = ("birds", "cats", "dogs")
C = 0.03


def labelled(number: int, seed: int = 0, width: int = 30) -> tuple[Features, Labels, list[str]]:
    """Features that tell three classes apart, their labels, and contents that all differ."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(3, width)) * 2
    labels = np.arange(number) % 3
    features = centres[labels] + random.normal(size=(number, width))
    return features.astype(np.float32), labels, [hashlib.sha256(f"{one}".encode()).hexdigest() for one in range(number)]


def swapped(labels: Labels, places: Sequence[int]) -> Labels:
    wrong = labels.copy()
    wrong[places] = (wrong[places] + 1) % 3
    return wrong


def find(
    features: Features, labels: Labels, contents: Sequence[str], view: Features | None = None
) -> list[tuple[int, str, str]]:
    """Return number, label and suggestion of each issue among training pictures; `view`: their second view."""
    pictures = tuple(
        Picture(Path(f"{one:03}.jpg"), f"{one:03}.jpg", CLASSES[label], content, "train")
        for one, (label, content) in enumerate(zip(labels, contents, strict=True))
    )
    dataset = Dataset("photos", Path(), CLASSES, pictures)
    nothing = Evaluation(CLASSES, (), np.empty(0, int), np.empty((0, 3)), (), np.empty(0, bool))
    second = features if view is None else view
    found = find_label_issues(
        dataset, features, nothing, None, lambda some: second[[int(one.name[:3]) for one in some]], 3 * C
    )
    return [(int(one.picture.name[:3]), one.picture.label, one.suggested) for one in found]


def test_swapped_labels_are_found_and_the_true_ones_suggested() -> None:
    features, truth, contents = labelled(240)
    wrong = [4, 17, 50, 51, 90, 122, 200]
    expected = [(one, CLASSES[(truth[one] + 1) % 3], CLASSES[truth[one]]) for one in wrong]
    assert sorted(find(features, swapped(truth, wrong), contents)) == expected


def test_correct_labels_are_no_issues() -> None:
    assert find(*labelled(240)) == []


def test_a_copy_under_the_same_wrong_label_hides_nothing() -> None:
    """Copies stay in one fold; were they spread, each would support the other."""
    features, truth, contents = labelled(90, width=400)  # wide enough for a model to learn every picture by heart
    features = np.vstack([features, features[:1].repeat(8, axis=0)])
    labels = np.concatenate([swapped(truth, [0]), [1] * 8])
    found = find(features, labels, [*contents, *contents[:1] * 8])
    assert {number for number, _, _ in found} == {0, *range(90, 98)}


def test_a_class_that_the_probe_has_not_seen_is_nan_and_no_issue() -> None:
    """The only bird: probes without it have never seen one, and that proves nothing."""
    features, labels, contents = labelled(60)
    some = np.append(np.flatnonzero(labels > 0), 0)
    validated = cross_validate(features[some], labels[some], [contents[one] for one in some], 3, C)
    predicted = validated.probabilities(features[some], validated.folds)
    assert np.isnan(predicted[-1]).tolist() == [True, False, False]
    assert find(features[some], labels[some], [contents[one] for one in some]) == []


def test_the_smallest_possible_data_is_served() -> None:
    """One picture of each of two classes: without either, nothing is left to compare with."""
    assert find(*labelled(2)) == []


def test_only_what_the_second_view_calls_wrong_too_is_an_issue() -> None:
    features, truth, contents = labelled(240)
    labels = swapped(truth, [4, 17])
    view = features.copy()
    view[17] = features[truth == labels[17]].mean(axis=0)
    assert {number for number, _, _ in find(features, labels, contents)} == {4, 17}
    assert [number for number, _, _ in find(features, labels, contents, view)] == [4]


def test_pictures_that_no_probe_saw_are_predicted_by_all() -> None:
    features, labels, contents = labelled(120)
    validated = cross_validate(features, labels, contents, 3, C)
    new = labelled(6, seed=1)[0]
    each = [validated.probabilities(new, np.full(6, fold)) for fold in range(5)]
    np.testing.assert_allclose(validated.probabilities(new, np.full(6, NO_FOLD)), np.mean(each, axis=0))


def test_every_class_is_spread_over_the_folds() -> None:
    _, labels, contents = labelled(150)
    folds = assign_folds(labels, contents)
    assert [np.bincount(folds[labels == label]).tolist() for label in range(3)] == [[10] * 5] * 3


def test_the_same_arrays_give_the_same_bits() -> None:
    features, labels, contents = labelled(150)
    first, second = (cross_validate(features, labels, contents, 3, C) for _ in range(2))
    one, other = (some.probabilities(features, some.folds) for some in (first, second))
    assert one.tobytes() == other.tobytes()
