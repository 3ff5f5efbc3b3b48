from pathlib import Path

import numpy as np
import pytest

from pawlab.datasets.dataset import Picture
from pawlab.evaluation.label_issues import rank, shortlist

CLASSES = ("cats", "dogs", "birds")


def picture(number: int, label: str) -> Picture:
    return Picture(Path(f"{number:03}.jpg"), f"{number:03}.jpg", label, f"content {number:03}", "train")


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


def test_a_label_that_the_model_has_not_seen_is_not_judged() -> None:
    assert rank([picture(0, "birds")], np.array([[0.9, 0.1, np.nan]]), CLASSES) == ()


@pytest.mark.parametrize(("pictures", "listed"), [(50, 50), (1000, 100), (4000, 200), (9000, 300)])
def test_the_shortlist_has_the_smallest_margins(pictures: int, listed: int) -> None:
    own = np.random.default_rng(0).uniform(size=pictures)
    probabilities = np.stack([own, 1 - own, np.zeros(pictures)], axis=1)
    found = shortlist([picture(number, "cats") for number in range(pictures)], probabilities, CLASSES)
    assert found.tolist() == np.argsort(own)[:listed].tolist()
