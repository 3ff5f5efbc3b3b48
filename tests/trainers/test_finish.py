import numpy as np
import pytest

from miscalibrated import logits_and_labels
from pawlab.evaluation.calibration import calibration_error, tempered
from pawlab.evaluation.metrics import cross_entropy
from pawlab.trainers.finish import fit_temperature


@pytest.mark.parametrize("classes", [2, 20])
@pytest.mark.parametrize("overconfidence", [0.4, 1.0, 3.0])
def test_the_temperature_is_what_the_logits_are_too_large_by(classes: int, overconfidence: float) -> None:
    logits, labels = logits_and_labels(0, 8000, classes, overconfidence)
    assert fit_temperature(logits, labels) == pytest.approx(overconfidence, rel=0.08)


def test_an_overconfident_model_is_calibrated_on_pictures_that_it_was_not_fitted_to() -> None:
    temperature = fit_temperature(*logits_and_labels(0, 800, 3, overconfidence=3.0))
    logits, labels = logits_and_labels(1, 5000, 3, overconfidence=3.0)
    held_out, calm = tempered(logits), tempered(logits, temperature)
    assert calibration_error(held_out, labels) > 0.15
    assert calibration_error(calm, labels) < 0.03
    assert cross_entropy(calm, labels) < cross_entropy(held_out, labels) - 0.2
    np.testing.assert_array_equal(calm.argmax(axis=1), held_out.argmax(axis=1))


@pytest.mark.parametrize("pictures", [1, 5, 20])
def test_few_right_answers_do_not_make_it_sure_of_everything(pictures: int) -> None:
    """By likelihood alone the temperature would fall to its lower bound, 0.08."""
    logits = np.log(np.tile(np.array([[0.9, 0.1]]), (pictures, 1)))
    assert 0.4 < fit_temperature(logits, np.zeros(pictures, int)) < 1


def test_one_confident_mistake_among_five_does_not_make_it_unsure_of_everything() -> None:
    """By likelihood alone the temperature would rise above 5."""
    logits = np.log(np.array([[0.999, 0.001]] * 5))
    assert 1 < fit_temperature(logits, np.array([0, 0, 0, 0, 1])) < 2.5


def test_on_average_few_pictures_do_no_harm() -> None:
    """A model that is calibrated already, tempered by five pictures at a time, stays nearly as good."""
    held_out, labels = logits_and_labels(1, 4000, 2, overconfidence=1.0)
    before = cross_entropy(tempered(held_out), labels)
    after = [
        cross_entropy(tempered(held_out, fit_temperature(*logits_and_labels(seed, 5, 2, 1.0))), labels)
        for seed in range(10, 40)
    ]
    assert np.mean(after) < before + 0.01
    assert max(after) < before + 0.1


def test_certainty_in_float32_stays_a_number() -> None:
    logits = np.array([[0.0, -900.0], [0.0, 900.0], [0.0, -900.0]], dtype=np.float32)
    temperature = fit_temperature(logits, np.array([0, 1, 1]))
    assert 1 < temperature < 13
    assert np.isfinite(tempered(logits, temperature)).all()
