import numpy as np
import pytest
from numpy.typing import NDArray

from pawlab.evaluation.out_of_distribution import ood_score
from pawlab.trainers import centres as centres_module
from pawlab.trainers.centres import fit_centres

Features = NDArray[np.float32]
WIDTH = 40


def pictures(seed: int, number: int, noise: float = 0.3) -> Features:
    """Features like those of a real network: never below 0, around a handful of themes."""
    random = np.random.default_rng(seed)
    themes = np.random.default_rng(99).gamma(0.3, 1.0, (6, WIDTH))
    lengths = random.uniform(0.5, 2.0, (number, 1))
    seen = themes[random.integers(0, 6, number)] + random.gamma(0.3, noise, (number, WIDTH))
    return (seen * lengths).astype(np.float32)


def strange(number: int) -> Features:
    """Features of other themes."""
    random = np.random.default_rng(7)
    return random.gamma(0.3, 1.0, (number, WIDTH)).astype(np.float32)


def share_like_training(train: Features, validation: Features, asked: Features) -> float:
    centres, limit = fit_centres(train, validation)
    return float((ood_score(asked, centres) <= limit).mean())


@pytest.mark.parametrize("number", [100, 2000])
def test_new_pictures_of_the_same_kind_are_like_training_and_others_are_not(number: int) -> None:
    train, validation = pictures(0, number), pictures(1, number // 3)
    assert share_like_training(train, validation, pictures(2, 3000)) > 0.97
    assert share_like_training(train, validation, strange(1000)) < 0.05


def test_the_stated_share_is_kept() -> None:
    assert share_like_training(pictures(0, 1000), pictures(1, 4000), pictures(2, 8000)) == pytest.approx(
        0.995, abs=0.004
    )


def test_a_handful_of_pictures_is_enough_for_a_sensible_answer() -> None:
    """Eight to train on and two for validation. From these two alone the threshold would reject half of what comes."""
    kept = [share_like_training(pictures(seed, 8), pictures(seed + 50, 2), pictures(2, 500)) for seed in range(20)]
    refused = [1 - share_like_training(pictures(seed, 8), pictures(seed + 50, 2), strange(500)) for seed in range(20)]
    assert np.mean(kept) > 0.85
    assert np.mean(refused) > 0.5


def test_the_length_of_the_features_plays_no_part() -> None:
    centres, _ = fit_centres(pictures(0, 300), pictures(1, 300))
    asked = pictures(2, 50)
    np.testing.assert_allclose(ood_score(asked * np.float32(100), centres), ood_score(asked, centres), atol=1e-6)


def test_copies_do_not_make_each_other_familiar() -> None:
    train = pictures(0, 20)
    once, thrice = (fit_centres(rows, pictures(1, 3)) for rows in (train, np.tile(train, (3, 1))))
    assert thrice[1] == once[1]
    np.testing.assert_array_equal(thrice[0], once[0])


def test_many_pictures_become_few_centres_of_length_one() -> None:
    centres, _ = fit_centres(pictures(0, 1000), pictures(1, 300))
    assert centres.shape == (256, WIDTH)
    assert centres.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-5)


def test_of_very_many_pictures_some_are_taken_spread_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    train, validation = pictures(0, 2001), pictures(1, 300)
    expected = fit_centres(train[::2], validation)
    monkeypatch.setattr(centres_module, "_MOST_TRAINING", 1001)
    found = fit_centres(train, validation)
    np.testing.assert_array_equal(found[0], expected[0])
    assert found[1] == expected[1]


@pytest.mark.parametrize("number", [1, 2])
def test_the_smallest_possible_data_is_served(number: int) -> None:
    centres, limit = fit_centres(pictures(0, number), pictures(1, 1))
    assert centres.shape == (number, WIDTH)
    assert 0 <= limit <= 1.001


def test_few_validation_pictures_are_all_like_training() -> None:
    validation = pictures(1, 12)
    centres, limit = fit_centres(pictures(0, 300), validation)
    assert (ood_score(validation, centres) <= limit).all()


def test_the_same_arrays_give_the_same_bits() -> None:
    first, second = (fit_centres(pictures(0, 1500), pictures(1, 100)) for _ in range(2))
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1] == second[1]


def test_features_of_nothing_are_unlike_everything() -> None:
    centres, _ = fit_centres(pictures(0, 20), pictures(1, 5))
    assert ood_score(np.zeros((1, WIDTH), np.float32), centres).tolist() == [1.0]
