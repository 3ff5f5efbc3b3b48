"""Augmentation without Keras puts every pixel where Keras's layers put it."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pawlab.recipes import layers
from pawlab.recipes.layers import FillMode
from pawlab.recipes.recipe import Layer
from pawlab.trainers.keras.augmentation import augment

Array = NDArray[Any]
HEIGHT, WIDTH = 40, 56
HALF_A_STEP = 0.502  # values are kept as whole numbers of 0-255 on the way


class Highest:
    """Random numbers that always come out at the upper end, and coins that always fall on their head."""

    def uniform(self, low: float, high: float) -> float:
        return high

    def random(self) -> float:
        return 0.0


@pytest.fixture(scope="module")
def picture() -> Array:
    """A smooth picture with no symmetry; smooth, so that a misplaced pixel can't hide in noise."""
    noise = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def ours(picture: Array, *steps: Layer) -> Array:
    return augment(picture, steps, Highest())  # type: ignore[arg-type]


def theirs(picture: Array, *steps: Any) -> Array:
    values: Any = picture[np.newaxis].astype(np.float32)
    for step in steps:
        values = step(values, training=True)
    result: Array = np.asarray(values)[0]
    return result


@pytest.mark.parametrize("fill_mode", ["reflect", "nearest"])
@pytest.mark.parametrize("turn", [0.05, 0.1, 0.2, 0.25, 0.3, 0.5, -0.3])
def test_a_turn_is_that_of_keras(keras: ModuleType, picture: Array, turn: float, fill_mode: FillMode) -> None:
    expected = theirs(picture, keras.layers.RandomRotation((turn, turn), fill_mode))
    actual = ours(picture, layers.rotate(turn, turn, fill_mode))
    assert np.abs(actual - expected).max() < HALF_A_STEP


def test_rounding_makes_no_picture_lighter_or_darker(keras: ModuleType, picture: Array) -> None:
    expected = theirs(picture, keras.layers.RandomRotation((0.1, 0.1)))
    assert abs((ours(picture, layers.rotate(0.1, 0.1)) - expected).mean()) < 0.02


@pytest.mark.parametrize("fill_mode", ["reflect", "nearest"])
def test_shift_and_zoom_are_those_of_keras(keras: ModuleType, picture: Array, fill_mode: FillMode) -> None:
    moved = theirs(picture, keras.layers.RandomTranslation((0.2, 0.2), (0.1, 0.1), fill_mode=fill_mode))
    assert np.abs(ours(picture, layers.shift(0.2, 0.1, fill_mode)) - moved).max() < HALF_A_STEP
    zoomed = theirs(picture, keras.layers.RandomZoom((0.2, 0.2), (0.15, 0.15), fill_mode=fill_mode))
    assert np.abs(ours(picture, layers.zoom(0.2, 0.15, fill_mode)) - zoomed).max() < HALF_A_STEP


def test_a_shear_is_one_of_the_two_of_keras(keras: ModuleType, picture: Array) -> None:
    layer = keras.layers.RandomShear(x_factor=(0.3, 0.3), seed=0)  # it chooses the side itself
    both = [ours(picture, layers.shear(factor)) for factor in (0.3, -0.3)]
    expected = [theirs(picture, layer) for _ in range(8)]
    matches = [[bool(np.abs(one - other).max() < HALF_A_STEP) for one in both] for other in expected]
    assert all(sum(match) == 1 for match in matches)
    assert {match.index(True) for match in matches} == {0, 1}


def test_a_flip_is_exact_and_both_ways_at_once_as_in_keras(keras: ModuleType, picture: Array) -> None:
    assert np.array_equal(ours(picture, layers.flip()), picture[::-1, ::-1])
    assert np.array_equal(ours(picture, layers.flip("horizontal")), picture[:, ::-1])
    assert np.array_equal(ours(picture, layers.flip("vertical")), picture[::-1])
    many = np.asarray(keras.layers.RandomFlip(seed=0)(np.stack([picture] * 40).astype(np.float32), training=True))
    turned = [np.array_equal(one, picture[::-1, ::-1]) for one in many]
    left = [np.array_equal(one, picture) for one in many]
    assert all(one != other for one, other in zip(turned, left, strict=True))
    assert 10 < sum(turned) < 30


def test_one_step_after_another_is_in_that_order(keras: ModuleType, picture: Array) -> None:
    """Keras resamples at each step, so only the places agree, not every value: compare on a smooth picture's inside."""
    steps = (layers.flip("horizontal"), layers.rotate(0.1, 0.1), layers.shift(0.1, 0.2))
    turned = keras.layers.RandomRotation((0.1, 0.1))
    moved = keras.layers.RandomTranslation((0.1, 0.1), (0.2, 0.2))
    expected = theirs(picture[:, ::-1], turned, moved)
    inside = (slice(12, -12), slice(18, -18))
    assert np.abs(ours(picture, *steps) - expected)[inside].mean() < 1.5
    other_order = ours(picture, *reversed(steps))
    assert np.abs(other_order - expected)[inside].mean() > 10


class Lowest:
    """Random numbers that always come out at the lower end."""

    def uniform(self, low: float, high: float) -> float:
        return low

    def random(self) -> float:
        return 0.0


def test_a_crop_is_a_part_enlarged(picture: Array) -> None:
    """A quarter of the area, a fifth taller than wide, from the upper left corner: as Pillow resizes that box."""
    across, down = (WIDTH * (0.25 / 1.2) ** 0.5, HEIGHT * (0.25 * 1.2) ** 0.5)
    cut = augment(picture, [layers.crop(0.25)], Lowest())  # type: ignore[arg-type]
    # our first pixel's centre stays where it is, Pillow's box begins at its corner
    box = ((1 - across / WIDTH) / 2, (1 - down / HEIGHT) / 2)
    image = Image.fromarray(picture).transform(
        (WIDTH, HEIGHT),
        Image.Transform.EXTENT,
        (*box, box[0] + across, box[1] + down),
        Image.Resampling.BILINEAR,
    )
    assert np.abs(cut - (np.asarray(image) + 0.5)).max() <= 1.5
    assert np.abs(cut - picture).mean() > 5


def test_a_crop_stays_within_the_picture() -> None:
    """The picture's values are where they come from, and no value is mirrored in from beyond the edge."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    ramp = np.stack([4 * rows, 4 * columns, 0 * rows], axis=-1).astype(np.uint8)
    random = np.random.default_rng(0)
    for _ in range(50):
        cut = augment(ramp, [layers.crop(0.3)], random)
        steps = [np.diff(cut[..., 0], axis=0), np.diff(cut[..., 1], axis=1)]
        assert all(step.min() >= 0 and 1.5 < step.mean() <= 4.01 for step in steps)


def test_colours_are_changed_as_they_say() -> None:
    """Brightness scales all, contrast moves values from the mean gray, saturation from each pixel's own gray."""
    two = np.array([[[100, 50, 0], [20, 20, 20]]], dtype=np.uint8)
    grays = two @ np.array([0.299, 0.587, 0.114])
    expected = {
        "brightness": two * 1.2,
        "contrast": grays.mean() + 1.2 * (two - grays.mean()),
        "saturation": grays[..., np.newaxis] + 1.2 * (two - grays[..., np.newaxis]),
    }
    for option, values in expected.items():
        np.testing.assert_allclose(ours(two, layers.colour(**{option: 0.2})), np.clip(values, 0, 255), atol=1e-4)
    assert ours(np.full((4, 4, 3), 250, np.uint8), layers.colour(brightness=0.2)).max() == 255.0


def test_a_rectangle_is_painted_in_the_mean_colour(picture: Array) -> None:
    painted = ours(picture, layers.erase(0.5, largest=0.25))
    changed = (painted != picture).any(axis=-1)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert (len(rows), len(columns)) == (round(HEIGHT * (0.25 / 1.2) ** 0.5), round(WIDTH * (0.25 * 1.2) ** 0.5))
    np.testing.assert_allclose(painted[changed], picture.mean(axis=(0, 1)) * np.ones((changed.sum(), 1)), rtol=1e-5)
    random = np.random.default_rng(0)
    share = np.mean([(augment(picture, [layers.erase(0.3)], random) != picture).any() for _ in range(300)])
    assert share == pytest.approx(0.3, abs=0.08)


def test_draws_follow_the_layers_ranges(picture: Array) -> None:
    """Of 300 turns between -0.3 and 0.2 of a full one, about 60% go one way; half of 300 pictures are flipped."""
    from pawlab.trainers.keras import augmentation

    random = np.random.default_rng(0)
    turns = [augmentation._rotate({"lower": -0.3, "upper": 0.2}, HEIGHT, WIDTH, random) for _ in range(300)]
    angles = np.array([np.arctan2(matrix[1, 0], matrix[0, 0]) for matrix in turns]) / (2 * np.pi)
    assert angles.min() > -0.3
    assert angles.max() < 0.2
    assert (angles < 0).mean() == pytest.approx(0.6, abs=0.08)
    flips = [augmentation._flip({"mode": "horizontal"}, HEIGHT, WIDTH, random)[0, 0] for _ in range(300)]
    assert np.mean(np.array(flips) < 0) == pytest.approx(0.5, abs=0.08)
