import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from pawlab.errors import DataError
from pawlab.evaluation.calibration import tempered
from pawlab.trainers import cross_validation as module
from pawlab.trainers.cross_validation import OutOfFold, assign_folds, cross_validate, cross_validate_at
from pawlab.trainers.probe import C_GRID, fit_probe, mean_and_deviation

Features = NDArray[np.float32]
Labels = NDArray[np.int64]


def labelled(number: int, seed: int = 0, width: int = 30, classes: int = 3) -> tuple[Features, Labels, list[str]]:
    """Features that tell classes apart, not perfectly, their labels, and contents that all differ."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, width)) / 2
    labels = np.arange(number) % classes
    features = centres[labels] + random.normal(size=(number, width))
    return features.astype(np.float32), labels, [hashlib.sha256(f"{one}".encode()).hexdigest() for one in range(number)]


@pytest.mark.parametrize("classes", [2, 3])
def test_each_picture_is_predicted_by_a_probe_fitted_without_its_fold(classes: int) -> None:
    features, labels, contents = labelled(150, classes=classes)
    folds = assign_folds(labels, contents)
    found = cross_validate(features, labels, folds, classes)
    mean, deviation = mean_and_deviation(features)
    scaled = ((features - mean) / deviation).astype(np.float64)
    expected = np.empty((150, classes))
    for fold in range(5):
        rest = folds != fold
        reference = LogisticRegression(C=found.probe.C, max_iter=5000, tol=1e-10).fit(scaled[rest], labels[rest])
        expected[~rest] = reference.predict_proba(scaled[~rest])
    np.testing.assert_allclose(tempered(found.out_of_fold.logits), expected, atol=3e-3)


def test_C_is_the_one_with_the_smallest_out_of_fold_loss_and_the_probe_is_fitted_on_all() -> None:  # noqa: N802
    features, labels, contents = labelled(150)
    found = cross_validate(features, labels, assign_folds(labels, contents), 3)
    assert found.losses[found.probe.C] == min(found.losses.values())
    assert found.losses[found.probe.C] == pytest.approx(found.out_of_fold.loss, abs=1e-3)  # a choice needs no more
    alone = fit_probe(features, labels, found.probe.C)
    np.testing.assert_allclose(found.probe.probabilities(features), alone.probabilities(features), atol=1e-4)


@pytest.mark.parametrize("noise", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("width", [30, 200])
def test_the_search_finds_the_best_of_all_values_of_c(noise: float, width: int) -> None:
    features, labels, contents = labelled(150, width=width)
    features += (noise * np.random.default_rng(5).normal(size=features.shape)).astype(np.float32)
    folds = assign_folds(labels, contents)
    found = cross_validate(features, labels, folds, 3)
    losses = {C: cross_validate_at(C, features, labels, folds, 3).out_of_fold.loss for C in C_GRID}
    assert losses[found.probe.C] == pytest.approx(min(losses.values()), abs=1e-3)


def test_a_c_that_is_given_is_taken() -> None:
    features, labels, contents = labelled(150)
    folds = assign_folds(labels, contents)
    chosen = cross_validate(features, labels, folds, 3)
    held = cross_validate_at(chosen.probe.C, features, labels, folds, 3)
    assert list(held.losses) == [held.probe.C] == [chosen.probe.C]
    np.testing.assert_allclose(tempered(held.out_of_fold.logits), tempered(chosen.out_of_fold.logits), atol=3e-3)
    np.testing.assert_allclose(held.probe.probabilities(features), chosen.probe.probabilities(features), atol=1e-4)


def test_of_many_pictures_few_folds_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, contents = labelled(400)
    folds = assign_folds(labels, contents)
    monkeypatch.setattr(module, "ENOUGH_TO_CHOOSE", 160)
    found = cross_validate(features, labels, folds, 3)
    assert found.choosing == 2
    again = cross_validate_at(found.probe.C, features, labels, folds, 3)
    np.testing.assert_allclose(tempered(found.out_of_fold.logits), tempered(again.out_of_fold.logits), atol=3e-3)
    some = folds < 2
    part = OutOfFold(found.out_of_fold.logits[some], labels[some], folds[some])
    assert found.losses[found.probe.C] == pytest.approx(part.loss, abs=1e-3)


def test_what_is_sure_to_be_worse_is_not_tried() -> None:
    features, labels, contents = labelled(150)
    labels = np.random.default_rng(0).permutation(labels)  # nothing can be learned
    found = cross_validate(features, labels, assign_folds(labels, contents), 3)
    assert found.probe.C < 0.01
    assert list(found.losses) == [C for C in C_GRID if C <= 0.03]


def test_every_class_is_spread_over_the_folds() -> None:
    _, labels, contents = labelled(150)
    folds = assign_folds(labels, contents)
    assert [np.bincount(folds[labels == label]).tolist() for label in range(3)] == [[10] * 5] * 3


def test_what_belongs_together_is_in_one_fold_and_folds_stay_even() -> None:
    _, labels, contents = labelled(150)
    units = [place // 6 for place in range(150)]  # of several classes each
    folds = assign_folds(labels, contents, units)
    assert all(len(set(folds[place : place + 6])) == 1 for place in range(0, 150, 6))
    assert np.bincount(folds).tolist() == [30] * 5
    copies = assign_folds(labels, [contents[place % 10] for place in range(150)])
    assert all(len(set(copies[place::10])) == 1 for place in range(10))


def test_folds_follow_the_content_and_not_the_order() -> None:
    _, labels, contents = labelled(90)
    order = np.random.default_rng(0).permutation(90)
    shuffled = assign_folds(labels[order], [contents[place] for place in order])
    np.testing.assert_array_equal(shuffled, assign_folds(labels, contents)[order])


def test_one_fold_alone_is_no_cross_validation() -> None:
    with pytest.raises(DataError) as caught:
        cross_validate(np.eye(4, 3, dtype=np.float32), np.array([0, 0, 1, 1]), np.zeros(4, np.int64), 2)
    assert str(caught.value) == (
        "there are too few different pictures to cross-validate: each class shows one thing alone. Add some."
    )


def test_there_are_no_more_folds_than_the_largest_class_has_units() -> None:
    assert set(assign_folds(np.array([0, 0, 1, 1]), ["a", "b", "c", "d"]).tolist()) == {0, 1}
    assert set(assign_folds(np.array([0, 0, 1]), ["a", "a", "c"]).tolist()) == {0}


def test_a_class_that_the_probe_has_not_seen_proves_nothing() -> None:
    """The only picture of a class: probes without it have never seen one."""
    features, labels, contents = labelled(61)
    labels = np.where(labels == 2, 0, labels)
    labels[-1] = 2
    found = cross_validate(features, labels, assign_folds(labels, contents), 3)
    assert found.out_of_fold.judged.tolist() == [True] * 60 + [False]
    assert tempered(found.out_of_fold.logits)[-1, 2] == 0
    assert np.isfinite(list(found.losses.values())).all()
    assert np.isfinite(found.probe.weights).all()


def test_weights_are_taken_where_they_make_the_loss_smaller() -> None:
    features, labels, contents = labelled(400)
    kept = (labels != 2) | (np.arange(400) < 40)
    features, labels = features[kept], labels[kept]
    folds = assign_folds(labels, [content for content, one in zip(contents, kept, strict=True) if one])
    plain, weighted, auto = (cross_validate(features, labels, folds, 3, how) for how in ("none", "weights", "auto"))
    assert (plain.balanced, weighted.balanced) == (False, True)
    assert auto.out_of_fold.loss == min(plain.out_of_fold.loss, weighted.out_of_fold.loss)
    shares = tempered(weighted.out_of_fold.logits).mean(axis=0)
    np.testing.assert_allclose(shares, np.bincount(labels) / len(labels), atol=0.03)  # the pictures' own


def test_the_loss_is_of_what_is_judged() -> None:
    logits = np.array([[0.0, 0.0], [-np.inf, 1.0], [5.0, 0.0]])
    some = OutOfFold(logits, np.array([0, 0, 0]), np.zeros(3, int))
    assert some.judged.tolist() == [True, False, True]
    assert some.loss == pytest.approx((np.log(2) + np.log1p(np.exp(-5))) / 2)


@pytest.mark.parametrize("width", [30, 700])
def test_same_arrays_give_the_same_bits_whatever_the_number_of_threads(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels, contents = labelled(600, width=width)
    folds = assign_folds(labels, contents)
    found = []
    for threads in ("1", "2", "3", "2"):
        monkeypatch.setenv("PAWLAB_THREADS", threads)
        validated = cross_validate(features, labels, folds, 3)
        found.append(validated.out_of_fold.logits.tobytes() + validated.probe.weights.tobytes())
    assert len(set(found)) == 1


IN_A_FRESH_PROCESS = """
import sys
import numpy as np
from pawlab.trainers.cross_validation import cross_validate
random = np.random.default_rng(0)
labels = np.arange(600) % 2
features = random.normal(size=(600, 700)).astype(np.float32) + labels[:, np.newaxis] / 8
found = cross_validate(features.astype(np.float32), labels, np.arange(600) // 120, 2)
sys.stdout.buffer.write(found.out_of_fold.logits.tobytes() + found.probe.weights.tobytes())
"""


def test_libraries_that_are_loaded_on_the_way_compute_the_same_bits_with_any_number_of_threads() -> None:
    found = set()
    for threads in ("1", "2"):
        command, environment = (
            [sys.executable, "-c", IN_A_FRESH_PROCESS],
            {**os.environ, "OPENBLAS_NUM_THREADS": threads},
        )
        found.add(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
    assert len(found) == 1
