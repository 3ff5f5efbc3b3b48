"""The measured learning curve: who is trained on, who is tested, and what it finds."""

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pawlab.exploration import explore
from pawlab.trainers import learning_curve as module
from pawlab.trainers.learning_curve import SHARES, measure_curve
from pawlab.trainers.probe import fit_along_c


def drawn(pictures: int, classes: int, seed: int = 0, unequal: bool = False) -> tuple[Any, Any, list[str]]:
    random = np.random.default_rng(seed)
    shares = np.array([0.9, *[0.1 / (classes - 1)] * (classes - 1)]) if unequal else np.full(classes, 1 / classes)
    labels = np.repeat(np.arange(classes), np.maximum(5, (shares * pictures).astype(int)))
    features = random.normal(size=(len(labels), 12)) + 0.9 * random.normal(size=(classes, 12))[labels]
    return features.astype(np.float32), labels, [str(number) for number in range(len(labels))]


@pytest.mark.parametrize("unequal", [False, True])
def test_training_sets_grow_keep_the_shares_and_never_hold_the_fold(
    unequal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels, units = drawn(300, 3, unequal=unequal)
    units = [str(number // 2) for number in range(len(labels))]  # copies, in pairs
    rows = {row.tobytes(): number for number, row in enumerate(features)}
    trained: list[set[int]] = []

    def watched(some: Any, its_labels: Any, values: Any) -> Any:
        trained.append({rows[row.tobytes()] for row in some})
        assert set(its_labels) == {0, 1, 2}
        return fit_along_c(some, its_labels, values)

    monkeypatch.setattr(module, "fit_along_c", watched)
    points = measure_curve(features, labels, units, seed=0)
    assert [point.share for point in points] == list(SHARES)
    by_share = [trained[start : start + 5] for start in range(0, len(trained), 5)]
    for smaller, larger in pairwise(by_share):
        assert all(one < other for one, other in zip(smaller, larger, strict=True))
    everything = set(range(len(labels)))
    held_out = [everything - whole for whole in by_share[-1]]
    assert sorted(number for fold in held_out for number in fold) == sorted(everything)
    for whole, fold in zip(by_share[-1], held_out, strict=True):
        assert not {units[number] for number in whole} & {units[number] for number in fold}
    for sets, share in zip(by_share, SHARES, strict=True):
        for some in sets:
            counts, wanted = np.bincount(labels[list(some)]), share * np.bincount(labels)[:3] * 0.8
            assert np.all(np.abs(counts - wanted) <= 2)


def test_the_last_point_is_plain_cross_validation() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, labels, units = drawn(400, 3)
    point = measure_curve(features, labels, units, seed=0)[-1]
    reference = cross_val_score(make_pipeline(StandardScaler(), LogisticRegression(C=0.1)), features, labels, cv=5)
    assert point.accuracy == pytest.approx(reference.mean(), abs=0.03)
    assert point.pictures == pytest.approx(0.8 * len(labels), abs=1)


def test_classes_without_a_difference_stay_at_guessing() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 8)).astype(np.float32)
    points = measure_curve(features, np.arange(200) % 2, [str(n) for n in range(200)], seed=0)
    assert all(point.ci95[0] < 0.5 < point.ci95[1] for point in points)


def test_the_same_seed_gives_the_same_bits_and_another_other_ones() -> None:
    features, labels, units = drawn(120, 2)
    assert measure_curve(features, labels, units, 0) == measure_curve(features, labels, units, 0)
    assert measure_curve(features, labels, units, 0) != measure_curve(features, labels, units, 9)


def test_sets_that_would_be_equally_large_are_measured_once() -> None:
    features, labels, units = drawn(30, 6)
    points = measure_curve(features, labels, units, 0)
    numbers = [point.pictures for point in points]
    assert numbers == sorted(set(numbers))
    assert numbers[0] >= 6


def test_a_class_in_one_fold_alone_gives_no_curve() -> None:
    features, labels, _ = drawn(40, 2)
    units = ["one" if label == 1 else str(number) for number, label in enumerate(labels)]
    assert measure_curve(features, labels, units, 0) == ()


def test_explore_tells_it_in_all_its_forms(learnable_folder: Path, tmp_path: Path) -> None:
    found = explore(learnable_folder, out=tmp_path, learning_curve=True)
    curve = found["learning_curve"]
    assert [point["pictures"] for point in curve["points"]] == sorted(point["pictures"] for point in curve["points"])
    assert curve["points"][-1]["accuracy"] == 1.0
    assert curve["points"][-1]["pictures"] == pytest.approx(0.8 * 54, abs=1)  # the 6 test pictures play no part
    page = (tmp_path / "explore.html").read_text(encoding="utf-8")
    assert "Learning curve" in page
    assert "learning_curve" not in explore(learnable_folder)


def test_one_class_has_no_curve(learnable_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(learnable_folder / "warm-circles", tmp_path / "one" / "warm-circles")
    found = explore(tmp_path / "one", learning_curve=True)
    assert found["learning_curve"]["points"] == []
    assert found["learning_curve"]["sentence"] == "There are too few pictures to tell what more of them would bring."
