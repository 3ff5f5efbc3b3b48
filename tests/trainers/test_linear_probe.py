import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from pawlab.trainers.linear_probe import C_GRID, choose_probe, fit_probe, mean_and_deviation

Arrays = tuple[NDArray[np.float32], NDArray[np.int64]]


def separable(seed: int, pictures: int, classes: int, width: int = 12) -> Arrays:
    """Features that tell the classes apart, not perfectly; one column never varies."""
    random = np.random.default_rng(seed)
    labels = np.arange(pictures) % classes
    centres = np.random.default_rng(99).normal(size=(classes, width)) * 1.5
    features = centres[labels] + random.normal(size=(pictures, width)) * random.uniform(0.5, 2.0, width) + 3.0
    features[:, 0] = 7.0
    return features.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 5])
def test_a_probe_equals_scikit_learn_on_scaled_features(classes: int) -> None:
    train, labels = separable(0, 120, classes)
    validation, validation_labels = separable(1, 60, classes)
    probe = choose_probe(train, labels, validation, validation_labels)
    mean, deviation = mean_and_deviation(train)
    scaler = FunctionTransformer(lambda features: (features - mean) / deviation)
    reference = make_pipeline(scaler, LogisticRegression(C=probe.C, max_iter=1000))
    reference.fit(train.astype(np.float64), labels)
    np.testing.assert_allclose(probe.probabilities(validation), reference.predict_proba(validation), atol=1e-4)


def test_C_is_the_one_with_the_smallest_validation_loss() -> None:  # noqa: N802
    train, labels = separable(0, 60, 3)
    validation, validation_labels = separable(1, 60, 3)
    probe = choose_probe(train, labels, validation, validation_labels)
    assert set(probe.losses) == set(C_GRID)
    assert probe.losses[probe.C] == min(probe.losses.values())


def test_the_chosen_probe_is_the_one_that_is_fitted_with_that_C() -> None:  # noqa: N802
    train, labels = separable(0, 60, 3)
    chosen = choose_probe(train, labels, *separable(1, 60, 3))
    again = fit_probe(train, labels, chosen.C)
    assert chosen.weights.tobytes() == again.weights.tobytes()
    assert chosen.bias.tobytes() == again.bias.tobytes()


def test_same_arrays_give_the_same_bits() -> None:
    train, labels = separable(0, 100, 3)
    validation, validation_labels = separable(1, 40, 3)
    first, second = (choose_probe(train, labels, validation, validation_labels) for _ in range(2))
    assert first.weights.tobytes() == second.weights.tobytes()
    assert first.bias.tobytes() == second.bias.tobytes()
