import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from pawlab.features import rows
from pawlab.features.rows import BLOCK
from pawlab.trainers import logistic
from pawlab.trainers.probe import class_weights, fit_along_c, fit_probe, mean_and_deviation

Arrays = tuple[NDArray[np.float32], NDArray[np.int64]]


def separable(seed: int, pictures: int, classes: int, width: int = 12) -> Arrays:
    """Features that tell the classes apart, not perfectly; one column never varies."""
    random = np.random.default_rng(seed)
    labels = np.arange(pictures) % classes
    centres = np.random.default_rng(99).normal(size=(classes, width)) * 1.5
    features = centres[labels] + random.normal(size=(pictures, width)) * random.uniform(0.5, 2.0, width) + 3.0
    features[:, 0] = 7.0
    return features.astype(np.float32), labels


@pytest.mark.parametrize("C", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize(("pictures", "classes", "width"), [(120, 2, 12), (120, 5, 12), (40, 2, 90), (40, 5, 90)])
def test_a_probe_equals_scikit_learn_on_scaled_features(pictures: int, classes: int, width: int, C: float) -> None:  # noqa: N803
    """Also where there are fewer pictures than features, and other arithmetic."""
    train, labels = separable(0, pictures, classes, width)
    others, _ = separable(1, 60, classes, width)
    mean, deviation = mean_and_deviation(train)
    scaler = FunctionTransformer(lambda features: (features - mean) / deviation)
    reference = make_pipeline(scaler, LogisticRegression(C=C, max_iter=5000, tol=1e-10))
    reference.fit(train.astype(np.float64), labels)
    probe = fit_probe(train, labels, C)
    np.testing.assert_allclose(probe.probabilities(others), reference.predict_proba(others), atol=5e-4)


@pytest.mark.parametrize("block", [BLOCK, 100_000])
@pytest.mark.parametrize("classes", [2, 3])
def test_fewer_pictures_than_features_in_several_pieces(
    monkeypatch: pytest.MonkeyPatch, classes: int, block: int
) -> None:
    """A triangle stands for them, of which products leave out the zeros; in one block of rows, or in four."""
    monkeypatch.setattr(rows, "BLOCK", block)
    monkeypatch.setattr(logistic, "_CELLS", 1)
    train, labels = separable(0, 600, classes, 700)
    train += np.random.default_rng(2).normal(size=train.shape).astype(np.float32) * 20  # so that nothing is certain
    mean, deviation = mean_and_deviation(train)
    reference = LogisticRegression(C=0.01, max_iter=5000, tol=1e-10).fit((train - mean) / deviation, labels)
    probe = fit_probe(train, labels, 0.01)
    others, _ = separable(1, 60, classes, 700)
    expected = reference.predict_proba((others - mean) / deviation)
    np.testing.assert_allclose(probe.probabilities(others), expected, atol=5e-4)


@pytest.mark.parametrize("width", [12, 300])
def test_along_c_each_is_what_it_is_alone(width: int) -> None:
    train, labels = separable(0, 120, 3, width)
    for probe in fit_along_c(train, labels, (1e-3, 1e-1, 1e-2)):
        alone = fit_probe(train, labels, probe.C)
        np.testing.assert_allclose(probe.probabilities(train), alone.probabilities(train), atol=1e-4)


def test_copies_do_no_harm() -> None:
    """Their products are singular where there are fewer pictures than features."""
    train, labels = separable(0, 30, 3, width=90)
    once = fit_probe(np.vstack([train, train]), np.concatenate([labels, labels]), 0.01)
    again = fit_probe(train, labels, 0.02)  # each weighs twice
    np.testing.assert_allclose(once.probabilities(train), again.probabilities(train), atol=2e-2)


def test_balanced_classes_equal_scikit_learns_with_their_shares_put_back() -> None:
    features, labels = separable(0, 200, 3)
    kept = (labels != 2) | (np.arange(200) < 30)
    features, labels = features[kept], labels[kept]
    mean, deviation = mean_and_deviation(features)
    scaled = ((features - mean) / deviation).astype(np.float64)
    reference = LogisticRegression(C=0.1, max_iter=5000, tol=1e-10, class_weight="balanced").fit(scaled, labels)
    reference.intercept_ -= np.log(class_weights(labels, 3))
    probe = fit_probe(features, labels, 0.1, balanced=True)
    np.testing.assert_allclose(probe.probabilities(features), reference.predict_proba(scaled), atol=5e-4)


def test_classes_together_weigh_the_same() -> None:
    labels = np.repeat([0, 1, 2], [10, 40, 50])
    weights = class_weights(labels, 3)
    np.testing.assert_allclose(weights * [10, 40, 50], 100 / 3)


def test_same_arrays_give_the_same_bits_whatever_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels = separable(0, 2000, 3)
    probes = []
    for threads in ("1", "2", "3", "2"):
        monkeypatch.setenv("PAWLAB_THREADS", threads)
        probes.append(fit_probe(train, labels, 0.01))
    assert len({probe.weights.tobytes() + probe.bias.tobytes() for probe in probes}) == 1
