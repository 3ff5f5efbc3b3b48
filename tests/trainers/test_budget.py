"""What fitting a probe takes, and that its numbers are the same whether features are held in memory or not."""

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pawlab.errors import PawlabError
from pawlab.features import rows
from pawlab.features.rows import AnyRows, FeatureRows
from pawlab.trainers import budget, logistic, probe
from pawlab.trainers.budget import holds, needed
from pawlab.trainers.cross_validation import CrossValidated, assign_folds, cross_validate

WIDTH, CLASSES, PICTURES = 40, 3, 900


def made(pictures: int = PICTURES) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Features that tell classes apart, not perfectly, labels, and folds."""
    random = np.random.default_rng(0)
    labels = np.arange(pictures) % CLASSES
    features = random.normal(size=(CLASSES, WIDTH))[labels] / 2 + random.normal(size=(pictures, WIDTH)) + 3
    contents = [hashlib.sha256(f"{one}".encode()).hexdigest() for one in range(pictures)]
    return features.astype(np.float32), labels, assign_folds(labels, contents)


def mapped(features: NDArray[np.float32], path: Path) -> FeatureRows:
    """The same features in a file, in another order."""
    order = np.random.default_rng(1).permutation(len(features))
    features[order].tofile(path)
    return FeatureRows(np.memmap(path, np.float32, "r", shape=features.shape), np.argsort(order))


def fitted(features: AnyRows, held: bool, patch: pytest.MonkeyPatch) -> CrossValidated:
    patch.setattr(probe, "holds", lambda *_: held)
    _, labels, folds = made(len(features))
    return cross_validate(features, labels, folds, CLASSES)


def bits(found: CrossValidated) -> bytes:
    return found.probe.weights.tobytes() + found.probe.bias.tobytes() + found.out_of_fold.logits.tobytes()


def test_held_or_not_and_whatever_the_number_of_threads_the_bits_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, _, _ = made()
    file = mapped(features, tmp_path / "rows")
    monkeypatch.setattr(rows, "BLOCK", 41 * 130)  # seven blocks, the last of them smaller
    found = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("PAWLAB_THREADS", threads)
        found += [bits(fitted(given, held, monkeypatch)) for given in (features, file) for held in (True, False)]
    assert len(found) == 12
    assert len(set(found)) == 1


def test_many_blocks_and_groups_of_problems_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    features, _, _ = made()
    expected = fitted(features, True, monkeypatch)
    monkeypatch.setattr(rows, "BLOCK", 41 * 130)
    monkeypatch.setattr(logistic, "TOGETHER", 2 * CLASSES)  # three groups of two folds
    found = fitted(features, False, monkeypatch)
    assert found.probe.C == expected.probe.C
    np.testing.assert_allclose(found.out_of_fold.logits, expected.out_of_fold.logits, atol=3e-3)
    np.testing.assert_allclose(found.probe.logits(features), expected.probe.logits(features), atol=1e-3)


def test_moments_of_blocks_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(0).normal(1000, 0.1, (3000, 5)).astype(np.float32)
    monkeypatch.setattr(rows, "BLOCK", 5 * 1000)
    mean, deviation = probe.mean_and_deviation(features)
    exact = features.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(deviation, exact.std(axis=0), rtol=1e-3)


def test_what_is_not_held_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(0).standard_normal((10_000, 200), np.float32)
    labels, folds = np.arange(10_000) % 2, np.arange(10_000) % 5
    monkeypatch.setattr(rows, "BLOCK", 2**15)
    peaks = []
    for held in (True, False):
        monkeypatch.setattr(probe, "holds", lambda *_, held=held: held)
        tracemalloc.start()
        cross_validate(features, labels, folds, 2)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] - peaks[1] > 0.8 * features.nbytes


@pytest.mark.parametrize(("pictures", "classes"), [(3_000, 2), (3_000, 60), (300, 2)])
def test_it_takes_no_more_than_was_said(pictures: int, classes: int) -> None:
    random = np.random.default_rng(0)
    features = random.standard_normal((pictures, 400), np.float32)
    labels, folds = np.arange(pictures) % classes, random.permutation(pictures) % 5
    tracemalloc.start()
    cross_validate(features, labels, folds, classes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    said = needed(pictures, 400, 6, classes) + 4 * pictures * 401
    assert peak < said < 4 * peak + 20_000_000


def test_too_little_memory_is_an_error_that_says_how_much_it_takes() -> None:
    features, labels, folds = made()
    with pytest.raises(PawlabError) as caught:
        cross_validate(features, labels, folds, CLASSES, memory=0.0005)
    assert str(caught.value) == (
        "--memory 0.0005 is too little: a probe on 40 features of 900 pictures in 3 classes takes 0.01 GB. "
        "Give --memory 0.01 or more, or leave it out."
    )
    cross_validate(features, labels, folds, CLASSES, memory=0.01)


def test_features_are_held_where_they_fit_in_a_quarter_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    size = (100_000, 1_000, 6, 10)
    both = needed(*size) + 4 * 100_000 * 1_001
    for there, expected in (
        (4 * both, True),
        (4 * both - 4, False),
        (1, False),
    ):  # with however little, it is tried
        monkeypatch.setattr(budget, "memory_there", lambda there=there: there)
        assert holds(None, *size) == expected
    assert holds(both / 1e9, *size)
    assert not holds(both / 1e9 - 0.001, *size)
