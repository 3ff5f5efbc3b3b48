from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pawlab.datasets.dataset import Picture
from pawlab.evaluation import label_issues
from pawlab.evaluation.label_issues import estimate_noise, expected_true, find_label_issues

CLASSES = ("cats", "dogs", "birds")
Labels = NDArray[np.int64]


def pictures_of(labels: Labels) -> list[Picture]:
    return [
        Picture(Path(f"{place:05}"), f"{place:05}", CLASSES[label], f"{place}", "train")
        for place, label in enumerate(labels)
    ]


def model(number: int, sharpness: float, seed: int = 0) -> tuple[NDArray[np.float64], Labels]:
    """Logits of a calibrated model, and labels drawn from its probabilities."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(number, 3)) * sharpness
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return logits, np.array([random.choice(3, p=row) for row in shares])


def swapped(labels: Labels, share: float, seed: int = 1) -> tuple[Labels, Labels]:
    random = np.random.default_rng(seed)
    places = random.choice(len(labels), round(share * len(labels)), replace=False)
    wrong = labels.copy()
    wrong[places] = (wrong[places] + random.integers(1, 3, len(places))) % 3
    return wrong, places


@pytest.mark.parametrize("share", [0.0, 0.03, 0.1])
def test_the_share_of_wrong_labels_and_the_temperature_are_found(share: float) -> None:
    logits, labels = model(6000, sharpness=8)
    temperature, rate = estimate_noise(2 * logits, swapped(labels, share)[0])
    assert rate == pytest.approx(share, abs=0.008)
    assert temperature == pytest.approx(2, rel=0.15)


def test_wrong_labels_are_listed_first_and_the_true_ones_suggested() -> None:
    logits, labels = model(3000, sharpness=8)
    given, places = swapped(labels, 0.05)
    issues = find_label_issues(pictures_of(given), logits, CLASSES)
    found = [int(issue.picture.name) for issue in issues]
    true = set(places.tolist())
    assert sum(place in true for place in found[:50]) >= 45
    assert len(true & set(found)) >= 0.75 * len(true)
    assert expected_true(issues) == pytest.approx(len(true & set(found)), rel=0.2)
    assert [issue.score for issue in issues] == sorted((issue.score for issue in issues), reverse=True)
    right = [issue.suggested == CLASSES[labels[place]] for issue, place in zip(issues, found, strict=True)]
    assert np.mean(right[:50]) > 0.9


def test_a_model_that_is_often_wrong_but_knows_it_accuses_few_labels() -> None:
    logits, labels = model(2000, sharpness=1.5)
    assert (logits.argmax(axis=1) != labels).mean() > 0.25
    assert len(find_label_issues(pictures_of(labels), logits, CLASSES)) < 0.02 * 2000


def test_no_more_than_fifteen_percent_are_listed() -> None:
    logits, labels = model(1000, sharpness=8)
    assert len(find_label_issues(pictures_of(swapped(labels, 0.4)[0]), logits, CLASSES)) == 150


def test_equal_scores_stand_in_order_of_name() -> None:
    logits, labels = model(200, sharpness=8)
    logits[:10], labels[:10] = [9.0, 0.0, 0.0], 1
    pictures = pictures_of(labels)
    assert [one.picture.name for one in find_label_issues(pictures[::-1], logits[::-1], CLASSES)[:10]] == [
        f"{place:05}" for place in range(10)
    ]


def test_a_label_that_the_model_has_not_seen_is_not_judged() -> None:
    logits, labels = model(200, sharpness=8)
    logits[0], labels[0] = [9.0, 0.0, -np.inf], 2
    assert "00000" not in [one.picture.name for one in find_label_issues(pictures_of(labels), logits, CLASSES)]
    assert find_label_issues(pictures_of(labels[:1]), logits[:1], CLASSES) == ()


def test_many_pictures_are_judged_some_thousands_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same issues, and never a table of probabilities of all pictures."""
    logits, labels = model(3000, sharpness=8)
    given, _ = swapped(labels, 0.05)
    expected = find_label_issues(pictures_of(given), logits, CLASSES)
    monkeypatch.setattr(label_issues, "_ROWS", 64)
    monkeypatch.setattr(label_issues, "_MOST_ROWS", 3000)
    sizes, shares = [], label_issues._shares

    def noted(some: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
        sizes.append(len(some))
        return shares(some, temperature)

    monkeypatch.setattr(label_issues, "_shares", noted)
    assert find_label_issues(pictures_of(given), logits, CLASSES) == expected
    assert sum(sizes[-47:]) == 3000
    assert max(sizes[-47:]) == 64
    monkeypatch.setattr(label_issues, "_MOST_ROWS", 500)
    sizes.clear()
    estimate_noise(logits, given)
    assert set(sizes) == {500}
