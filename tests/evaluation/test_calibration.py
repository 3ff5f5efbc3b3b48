import numpy as np
import pytest

from miscalibrated import logits_and_labels, softmax
from pawlab.evaluation.calibration import Bin, calibration_error, reliability, tempered


def test_tempering_divides_logits() -> None:
    logits = np.array([[3.0, 1.0, -2.0], [300.0, 100.0, -200.0]])
    for temperature in (1.0, 2.0, 10.0):
        np.testing.assert_allclose(tempered(logits, temperature), softmax(logits / temperature), atol=1e-6)


def test_reliability_of_known_answers() -> None:
    probabilities = np.array([[0.5, 0.5], [0.625, 0.375], [0.25, 0.75], [1.0, 0.0]])
    labels = np.array([0, 1, 1, 0])
    assert reliability(probabilities, labels, bins=4) == (Bin(2, 0.5625, 0.5), Bin(2, 0.875, 1.0))


def test_calibration_error_of_known_answers() -> None:
    probabilities = np.array([[0.55, 0.45], [0.7, 0.3], [0.26, 0.74], [1.0, 0.0]])
    off = abs(2 / 3 - (0.55 + 0.7 + 0.74) / 3)  # of three answers in one bin; the fourth is certain, and right
    assert calibration_error(probabilities, np.array([0, 0, 0, 0]), bins=4) == pytest.approx(off * 3 / 4)


def test_calibration_error_of_a_calibrated_model_is_small() -> None:
    logits, labels = logits_and_labels(0, 50_000, 3, overconfidence=1.0)
    assert calibration_error(tempered(logits), labels) < 0.01
