from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from conftest import draw_shape
from drawn_pictures import drawing, jpeg
from pawlab.audit import near_duplicates
from pawlab.audit.near_duplicates import (
    THUMBNAIL,
    NearPair,
    _blocks,
    _candidates,
    find_near_duplicates,
    fingerprints,
    mirrored_fingerprints,
)
from pawlab.images import Pixels, Source, gray_thumbnail


def near(pictures: Mapping[str, Source]) -> tuple[NearPair, ...]:
    """Find near duplicates of files and arrays by name."""
    return find_near_duplicates(list(pictures), *stacked(pictures.values()))


def stacked(pictures: Iterable[Source]) -> tuple[Pixels, NDArray[np.bool_]]:
    found = [gray_thumbnail(picture, THUMBNAIL) for picture in pictures]
    thumbnails = [thumbnail for thumbnail, _ in found]
    large = np.array([min(info.width, info.height) >= THUMBNAIL for _, info in found], bool)
    return np.stack(thumbnails) if thumbnails else np.empty((0, THUMBNAIL, THUMBNAIL), np.uint8), large


TRIED = 24  # drawings that every change is made to
MANY = 120  # drawings that are all different

Change = Callable[[Image.Image], Image.Image]


def cropped(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """Cut off these shares of the width and height."""
    width, height = image.size
    return image.crop(
        (round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom)))
    )


def resized(image: Image.Image, scale: float) -> Image.Image:
    return image.resize((round(image.width * scale), round(image.height * scale)))


FOUND: dict[str, tuple[Change, int, float]] = {  # how it is changed, JPEG quality, the share that must be found
    "recompressed": (lambda image: image, 30, 1.0),
    "recompressed badly": (lambda image: image, 10, 0.95),
    "half the size": (lambda image: resized(image, 0.5), 90, 1.0),
    "twice the size": (lambda image: resized(image, 2), 90, 1.0),
    "squashed to a square": (lambda image: image.resize((224, 224)), 90, 1.0),
    "brighter by 30%": (lambda image: ImageEnhance.Brightness(image).enhance(1.3), 90, 0.9),
    "darker by 40%": (lambda image: ImageEnhance.Brightness(image).enhance(0.6), 90, 1.0),
    "less contrast": (lambda image: ImageEnhance.Contrast(image).enhance(0.6), 90, 1.0),
    "gray": (lambda image: image.convert("L"), 90, 1.0),
    "a little blurred": (lambda image: image.filter(ImageFilter.GaussianBlur(1)), 90, 0.95),
    "mirrored": (ImageOps.mirror, 90, 1.0),
    "2.5% cropped from every side": (lambda image: cropped(image, 0.025, 0.025, 0.025, 0.025), 90, 0.95),
    "5% cropped from every side": (lambda image: cropped(image, 0.05, 0.05, 0.05, 0.05), 90, 0.8),
    "10% cropped from the left": (lambda image: cropped(image, 0.1, 0, 0, 0), 90, 0.8),
    "mirrored, cropped, at half the size": (
        lambda image: resized(cropped(ImageOps.mirror(image), 0.03, 0.03, 0.03, 0.03), 0.5),
        60,
        0.85,
    ),
}


def test_all_different_drawings_have_no_near_duplicates() -> None:
    """They share rooms, poses and light, and so look alike to fingerprints; but none shows the same as another."""
    assert near({str(number): jpeg(drawing(number)) for number in range(MANY)}) == ()


@pytest.mark.parametrize("name", FOUND)
def test_changed_copies_are_found(name: str) -> None:
    change, quality, share = FOUND[name]
    originals = {f"{number}": jpeg(drawing(number)) for number in range(TRIED)}
    copies = {f"{number} changed": jpeg(change(drawing(number)), quality) for number in range(TRIED)}
    pairs = near(originals | copies)
    assert all(pair.second == f"{pair.first} changed" for pair in pairs), "different drawings were taken for the same"
    assert len(pairs) >= share * TRIED
    assert sum(pair.mirrored for pair in pairs) == (len(pairs) if "mirrored" in name else 0)
    if "cropped" in name or "%" not in name:
        assert sum(pair.cropped for pair in pairs) == (len(pairs) if "cropped" in name else 0)


def test_what_isnt_found() -> None:
    """The limits that the documentation states: turned by some degrees, cropped by a fifth each way, written over."""
    originals = {f"{number}": jpeg(drawing(number)) for number in range(TRIED)}
    for change in (lambda image: image.rotate(5), lambda image: cropped(image, 0.2, 0.2, 0, 0), _upper_half_black):
        copies = {f"{number} changed": jpeg(change(drawing(number))) for number in range(TRIED)}
        assert near(originals | copies) == ()


def test_pairs_come_in_order_once_and_name_the_change() -> None:
    copy, mirror = jpeg(drawing(1), 50), jpeg(ImageOps.mirror(drawing(1)), 70)
    image_stats = {
        "a": jpeg(drawing(0)),
        "b": mirror,
        "c": jpeg(drawing(1)),
        "d": copy,
    }
    assert near(image_stats) == (
        NearPair("b", "c", mirrored=True, cropped=False),
        NearPair("b", "d", mirrored=True, cropped=False),
        NearPair("c", "d", mirrored=False, cropped=False),
    )


def test_a_symmetrical_picture_isnt_called_mirrored() -> None:
    left = drawing(0).crop((0, 0, 120, 240))
    whole = Image.new("RGB", (240, 240))
    whole.paste(left, (0, 0))
    whole.paste(ImageOps.mirror(left), (120, 0))
    pairs = near({"a": jpeg(whole), "b": jpeg(whole, 40)})
    assert pairs == (NearPair("a", "b", mirrored=False, cropped=False),)


def test_another_thing_before_the_same_background_is_another_picture() -> None:
    """As fixed cameras see it: two pictures with all but a tenth of the area in common."""
    visited = drawing(2).copy()
    width, height = visited.width // 3, visited.height // 3
    visited.paste(drawing(5).resize((width, height)), (width, height))
    assert near({"a": jpeg(drawing(2)), "b": jpeg(visited)}) == ()


def test_simple_shapes_that_zoom_would_make_equal_are_different() -> None:
    """Circles and squares of random size and place on noise: nearly each could be cropped into many others."""
    random = np.random.default_rng(0)
    shapes = {str(number): draw_shape(random, warm=number % 2 == 0) for number in range(100)}
    assert near(shapes) == ()


def test_handwritten_digits_are_different() -> None:
    """Of 8 x 8 pixels, many as like as one person writes them: too small for anything but equality to tell."""
    from sklearn.datasets import load_digits

    images = (load_digits().images * 15).astype(np.uint8)
    assert near({str(number): image for number, image in enumerate(images)}) == ()


def test_plain_shapes_are_the_same_only_in_the_same_place() -> None:
    image_stats = {str(left): _disc(left) for left in (15, 40, 65)}
    assert near(image_stats) == ()
    assert near({**image_stats, "copy": jpeg(_disc(40), 60)}) == (
        NearPair("40", "copy", mirrored=False, cropped=False),
    )


def test_blank_pictures_arent_compared() -> None:
    """Two walls in the same faint light are no copies; in strong light there is something to compare."""
    x, y = np.meshgrid(*[np.linspace(-1, 1, 200)] * 2)
    lamp = np.exp(-3 * ((x - 0.2) ** 2 + y**2))[:, :, None].repeat(3, axis=2)
    faint, strong = ({str(wall): (wall + light * lamp).astype(np.uint8) for wall in (100, 130)} for light in (12, 80))
    assert near(faint) == ()
    assert len(near(strong)) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_compare(count: int) -> None:
    assert near({str(number): jpeg(drawing(number)) for number in range(count)}) == ()


def test_fingerprints_of_mirrored_pictures_follow_from_those_of_the_pictures() -> None:
    thumbnails = np.stack([gray_thumbnail(jpeg(drawing(number)), 64)[0] for number in range(6)])
    np.testing.assert_allclose(
        fingerprints(thumbnails[:, :, ::-1]), mirrored_fingerprints(fingerprints(thumbnails)), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.norm(fingerprints(thumbnails), axis=1), 1, atol=1e-5)


def test_fingerprints_equal_those_of_a_trusted_cosine_transform() -> None:
    from scipy.fft import dctn

    thumbnail = gray_thumbnail(jpeg(drawing(0)), 64)[0]
    low = dctn(thumbnail.astype(np.float64), norm="ortho")[:8, :8].ravel()[1:]
    np.testing.assert_allclose(fingerprints(thumbnail[None])[0], low / np.linalg.norm(low), atol=1e-5)


def test_a_picture_like_thousands_of_others_is_compared_with_the_likeliest_few() -> None:
    """Frames of one film, each a little noisier than the one before."""
    frame, _ = gray_thumbnail(jpeg(drawing(1)), 64)
    random = np.random.default_rng(0)
    noisier = [np.clip(frame + random.normal(0, 0.02 * index, frame.shape), 0, 255) for index in range(300)]
    pairs, _ = _candidates(np.stack(noisier).astype(np.uint8), np.ones(300, bool), lambda _: None)
    assert np.bincount(pairs[:, 0]).max() == 8
    assert pairs[pairs[:, 0] == 0][:, 1].max() < 60
    assert (pairs[:, 0] < pairs[:, 1]).all()


def test_of_many_pictures_only_those_near_the_same_centres_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (1000, 8, 8), np.uint8)
    originals = np.stack(
        [np.asarray(Image.fromarray(one).resize((64, 64), Image.Resampling.BICUBIC)) for one in coarse]
    )
    fine = random.normal(0, 12, originals.shape)
    copies = originals[:200] * 0.9 + fine[:200] + random.normal(0, 3, fine[:200].shape)
    copies[100:] = copies[100:, :, ::-1]
    pictures = np.clip(np.concatenate([originals + fine, copies]), 0, 255).astype(np.uint8)
    names, large = [str(number) for number in range(1200)], np.ones(1200, bool)
    everything = find_near_duplicates(names, pictures, large)
    assert [
        (pair.first, pair.second, pair.mirrored) for pair in sorted(everything, key=lambda pair: int(pair.first))
    ] == [(str(number), str(1000 + number), number >= 100) for number in range(200)]
    monkeypatch.setattr(near_duplicates, "_ALL_PAIRS", 1000)
    assert set(find_near_duplicates(names, pictures, large)) == set(everything)
    assert comparisons(fingerprints(pictures)) < 0.4 * 1200 * 1200


def test_the_number_of_comparisons_isnt_quadratic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the pictures take eight times the comparisons, as the number of centres grows with the root."""
    monkeypatch.setattr(near_duplicates, "_ALL_PAIRS", 500)
    random = np.random.default_rng(0)
    few, many = (comparisons(_unit(random.normal(size=(count, 63)))) for count in (1500, 6000))
    assert many < 9 * few


def test_pictures_that_all_look_alike_are_compared_with_some_thousands_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A film, or scans of forms: every centre is as near as any other, and may be that of all pictures."""
    monkeypatch.setattr(near_duplicates, "_ALL_PAIRS", 500)
    monkeypatch.setattr(near_duplicates, "_MOST_OF_A_CENTRE", 100)
    random = np.random.default_rng(0)
    frame = random.normal(size=63)
    for noise in (0.0, 0.01):
        for count in (1000, 4000):
            alike = _unit(frame + noise * random.normal(size=(count, 63)))
            assert comparisons(alike) <= count * 4 * 2 * 100


def test_of_pictures_that_all_look_alike_copies_are_found_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "_ALL_PAIRS", 100)
    monkeypatch.setattr(near_duplicates, "_MOST_OF_A_CENTRE", 50)
    frame, _ = gray_thumbnail(jpeg(drawing(1)), 64)
    random = np.random.default_rng(0)
    different = frame / 2 + random.normal(0, 25, (400, *frame.shape))
    frames = np.clip(np.concatenate([different, different[:100] * 0.9 + 10]), 0, 255).astype(np.uint8)
    names = [f"{number:03}" for number in range(500)]
    pairs = find_near_duplicates(names, frames, np.ones(500, bool))
    assert {(pair.first, pair.second) for pair in pairs} <= {(f"{one:03}", f"{400 + one}") for one in range(100)}
    assert len(pairs) > 80


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def comparisons(prints: NDArray[np.float32]) -> int:
    """Return how many pairs of fingerprints are compared."""
    blocks = _blocks(prints, mirrored_fingerprints(prints))
    return sum(len(rows) * (len(own) + len(mirrored)) for rows, own, mirrored in blocks)


def _upper_half_black(image: Image.Image) -> Image.Image:
    covered = image.copy()
    ImageDraw.Draw(covered).rectangle((0, 0, image.width, image.height // 2), fill="black")
    return covered


def _disc(left: int) -> Image.Image:
    image = Image.new("RGB", (200, 200), "white")
    ImageDraw.Draw(image).ellipse((left, 50, left + 100, 150), fill="navy")
    return image
