from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pawlab.datasets.dataset import Picture
from pawlab.evaluation.label_issues import NO_FOLD, find_label_issues, fit_jury, rank

Features = NDArray[np.float32]
CLASSES = ("cats", "dogs", "birds")
STRENGTH = 0.03


def picture(number: int, label: str, content: str | None = None) -> Picture:
    return Picture(Path(f"{number:03}.jpg"), f"{number:03}.jpg", label, content or f"content {number:03}", "train")


def labelled(number: int, seed: int = 0, width: int = 30) -> tuple[Features, list[Picture]]:
    """Features that tell three classes apart, and pictures with their labels."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(3, width)) * 2
    places = np.arange(number) % 3
    features = centres[places] + random.normal(size=(number, width))
    return features.astype(np.float32), [picture(one, CLASSES[place]) for one, place in enumerate(places)]


def swapped(pictures: Sequence[Picture], places: Sequence[int]) -> list[Picture]:
    """Give some pictures the next class's label."""
    wrong = list(pictures)
    for place in places:
        label = CLASSES[(CLASSES.index(pictures[place].label) + 1) % 3]
        wrong[place] = picture(place, label, pictures[place].sha256)
    return wrong


def find(features: Features, pictures: list[Picture], again: Features | None = None) -> list[tuple[str, str, str]]:
    """Return name, label and suggestion of each suspect; `again`: what a second look shows."""
    jury = fit_jury(features, pictures, CLASSES, STRENGTH)
    second = features if again is None else again
    found = find_label_issues(
        pictures,
        jury.probabilities(features, jury.folds),
        jury,
        jury.folds,
        CLASSES,
        look_again=lambda some: second[[int(one.name[:3]) for one in some]],
    )
    return [(one.picture.name, one.label, one.suggested) for one in found]


def test_swapped_labels_are_found_and_mended() -> None:
    features, truth = labelled(240)
    wrong = [4, 17, 50, 51, 90, 122, 200]
    found = find(features, swapped(truth, wrong))
    assert sorted(found) == [(f"{one:03}.jpg", CLASSES[(one + 1) % 3], CLASSES[one % 3]) for one in wrong]


def test_right_labels_are_not_suspected() -> None:
    assert find(*labelled(240)) == []


def test_a_copy_under_the_same_wrong_label_hides_nothing() -> None:
    """Copies stay in one fold; were they spread, each would vouch for the other."""
    features, truth = labelled(90, width=400)  # wide enough for a model to learn every picture by heart
    features = np.vstack([features, features[:1].repeat(8, axis=0)])
    pictures = swapped(truth, [0]) + [picture(90 + one, "dogs", truth[0].sha256) for one in range(8)]
    assert {name for name, _, _ in find(features, pictures)} == {"000.jpg", *(f"{90 + one:03}.jpg" for one in range(8))}


def test_ranking_by_the_margin() -> None:
    pictures = [picture(number, "cats") for number in range(5)]
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.3, 0.2, 0.5], [0.05, 0.5, 0.45], [0.4, 0.4, 0.2]])
    found = rank(pictures, probabilities, CLASSES)
    assert [(one.picture.name, one.suggested) for one in found] == [
        ("001.jpg", "dogs"),
        ("003.jpg", "dogs"),
        ("002.jpg", "birds"),
    ]
    assert [one.score for one in found] == pytest.approx([0.6, 0.45, 0.2])


def test_equal_scores_stand_in_order_of_name() -> None:
    pictures = [picture(number, "cats") for number in (3, 1, 2)]
    found = rank(pictures, np.tile([0.1, 0.9, 0.0], (3, 1)), CLASSES)
    assert [one.picture.name for one in found] == ["001.jpg", "002.jpg", "003.jpg"]


def test_a_label_that_the_models_do_not_know_is_not_judged() -> None:
    """The only bird: models without it have never seen one, and that proves nothing."""
    features, pictures = labelled(60)
    pictures = [one for one in pictures if one.label != "birds"]
    features = np.vstack([features[[int(one.name[:3]) for one in pictures]], features[2:3]])
    pictures = [picture(number, one.label) for number, one in enumerate([*pictures, picture(0, "birds")])]
    jury = fit_jury(features, pictures, CLASSES, STRENGTH)
    judged = jury.probabilities(features, jury.folds)
    assert np.isnan(judged[-1]).tolist() == [False, False, True]
    assert find(features, pictures) == []


def test_the_smallest_possible_data_is_served() -> None:
    """One picture of each of two classes: without either, nothing is left to compare with."""
    features, pictures = labelled(2)
    assert find(features, pictures) == []


def test_only_what_a_second_look_finds_wrong_too_is_suspected() -> None:
    features, truth = labelled(240)
    pictures = swapped(truth, [4, 17])
    other_view = features.copy()
    other_view[17] = features[pictures[17].label == np.array([one.label for one in truth])].mean(axis=0)
    assert {name for name, _, _ in find(features, pictures)} == {"004.jpg", "017.jpg"}
    assert [name for name, _, _ in find(features, pictures, other_view)] == ["004.jpg"]


def test_only_the_most_suspected_are_looked_at_again() -> None:
    features, truth = labelled(900)
    pictures = swapped(truth, [4, 17])
    jury = fit_jury(features, pictures, CLASSES, STRENGTH)
    asked: list[Picture] = []

    def look_again(some: Sequence[Picture]) -> Features:
        asked.extend(some)
        return features[[int(one.name[:3]) for one in some]]

    find_label_issues(pictures, jury.probabilities(features, jury.folds), jury, jury.folds, CLASSES, look_again)
    assert len(asked) == 100
    assert {one.name for one in asked[:2]} == {"004.jpg", "017.jpg"}
    judged = jury.probabilities(features, jury.folds)
    least_sure = np.argsort([row[CLASSES.index(one.label)] for one, row in zip(pictures, judged, strict=True)])
    of_them = {int(one.name[:3]) for one in asked} & set(least_sure[:100].tolist())
    assert len(of_them) > 80  # by margin rather than by p(label): nearly the same


def test_pictures_that_no_model_saw_are_judged_by_all() -> None:
    features, pictures = labelled(120)
    jury = fit_jury(features, pictures, CLASSES, STRENGTH)
    new, _ = labelled(6, seed=1)
    each = [jury.probabilities(new, np.full(6, fold)) for fold in range(5)]
    np.testing.assert_allclose(jury.probabilities(new, np.full(6, NO_FOLD)), np.mean(each, axis=0))


def test_every_class_is_spread_over_the_folds() -> None:
    features, pictures = labelled(150)
    folds = fit_jury(features, pictures, CLASSES, STRENGTH).folds
    for label in CLASSES:
        of_class = np.array([one.label == label for one in pictures])
        assert np.bincount(folds[of_class]).tolist() == [10] * 5


def test_the_same_arrays_give_the_same_bits() -> None:
    features, pictures = labelled(150)
    first, second = (fit_jury(features, pictures, CLASSES, STRENGTH) for _ in range(2))
    assert (
        first.probabilities(features, first.folds).tobytes() == second.probabilities(features, second.folds).tobytes()
    )
