import numpy as np
from sklearn.preprocessing import StandardScaler

from pawlab.trainers.probe import mean_and_deviation


def test_with_many_pictures_it_is_the_common_standardisation() -> None:
    random = np.random.default_rng(0)
    features = random.normal(3.0, random.uniform(0.5, 2.0, 8), (100_000, 8)).astype(np.float32)
    expected = StandardScaler().fit(features.astype(np.float64))
    mean, deviation = mean_and_deviation(features)
    np.testing.assert_allclose(mean, expected.mean_, rtol=1e-6)
    np.testing.assert_allclose(deviation, expected.scale_, rtol=1e-3)


def test_with_few_pictures_a_quiet_feature_is_not_made_loud() -> None:
    features = np.array([[0.0, 1.0], [0.0, -1.0]], dtype=np.float32)  # variances 0 and 1, their mean 0.5
    mean, deviation = mean_and_deviation(features)
    assert mean.tolist() == [0.0, 0.0]
    np.testing.assert_allclose(deviation**2, [10 * 0.5 / 12, (2 * 1 + 10 * 0.5) / 12])


def test_what_never_varies_stays_where_it_is() -> None:
    assert mean_and_deviation(np.full((5, 3), 7, dtype=np.float32))[1].tolist() == [1.0, 1.0, 1.0]
