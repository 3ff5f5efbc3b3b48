from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from conftest import draw_shape
from drawn_pictures import drawing, jpeg, stats_of
from pawlab.audit.image_stats import image_stats_of
from pawlab.audit.near_duplicates import (
    NearPair,
    _in_batches,
    _likely,
    find_near_duplicates,
    fingerprints,
    mirrored_fingerprints,
)

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
    assert find_near_duplicates({str(number): stats_of(drawing(number)) for number in range(MANY)}) == ()


@pytest.mark.parametrize("name", FOUND)
def test_changed_copies_are_found(name: str) -> None:
    change, quality, share = FOUND[name]
    originals = {f"{number}": stats_of(drawing(number)) for number in range(TRIED)}
    copies = {f"{number} changed": stats_of(change(drawing(number)), quality) for number in range(TRIED)}
    pairs = find_near_duplicates(originals | copies)
    assert all(pair.second == f"{pair.first} changed" for pair in pairs), "different drawings were taken for the same"
    assert len(pairs) >= share * TRIED
    assert sum(pair.mirrored for pair in pairs) == (len(pairs) if "mirrored" in name else 0)
    if "cropped" in name or "%" not in name:
        assert sum(pair.cropped for pair in pairs) == (len(pairs) if "cropped" in name else 0)


def test_what_isnt_found() -> None:
    """The limits that the documentation states: turned by some degrees, cropped by a fifth each way, written over."""
    originals = {f"{number}": stats_of(drawing(number)) for number in range(TRIED)}
    for change in (lambda image: image.rotate(5), lambda image: cropped(image, 0.2, 0.2, 0, 0), _upper_half_black):
        copies = {f"{number} changed": stats_of(change(drawing(number))) for number in range(TRIED)}
        assert find_near_duplicates(originals | copies) == ()


def test_pairs_come_in_order_once_and_name_the_change() -> None:
    copy, mirror = jpeg(drawing(1), 50), jpeg(ImageOps.mirror(drawing(1)), 70)
    image_stats = {
        "a": stats_of(drawing(0)),
        "b": image_stats_of(mirror),
        "c": stats_of(drawing(1)),
        "d": image_stats_of(copy),
    }
    assert find_near_duplicates(image_stats) == (
        NearPair("b", "c", mirrored=True, cropped=False),
        NearPair("b", "d", mirrored=True, cropped=False),
        NearPair("c", "d", mirrored=False, cropped=False),
    )


def test_a_symmetrical_picture_isnt_called_mirrored() -> None:
    left = drawing(0).crop((0, 0, 120, 240))
    whole = Image.new("RGB", (240, 240))
    whole.paste(left, (0, 0))
    whole.paste(ImageOps.mirror(left), (120, 0))
    pairs = find_near_duplicates({"a": stats_of(whole), "b": stats_of(whole, 40)})
    assert pairs == (NearPair("a", "b", mirrored=False, cropped=False),)


def test_another_thing_before_the_same_background_is_another_picture() -> None:
    """As fixed cameras see it: two pictures with all but a tenth of the area in common."""
    visited = drawing(2).copy()
    width, height = visited.width // 3, visited.height // 3
    visited.paste(drawing(5).resize((width, height)), (width, height))
    assert find_near_duplicates({"a": stats_of(drawing(2)), "b": stats_of(visited)}) == ()


def test_simple_shapes_that_zoom_would_make_equal_are_different() -> None:
    """Circles and squares of random size and place on noise: nearly each could be cropped into many others."""
    random = np.random.default_rng(0)
    shapes = {str(number): image_stats_of(draw_shape(random, warm=number % 2 == 0)) for number in range(100)}
    assert find_near_duplicates(shapes) == ()


def test_handwritten_digits_are_different() -> None:
    """Of 8 x 8 pixels, many as like as one person writes them: too small for anything but equality to tell."""
    from sklearn.datasets import load_digits

    images = (load_digits().images * 15).astype(np.uint8)
    assert find_near_duplicates({str(number): image_stats_of(image) for number, image in enumerate(images)}) == ()


def test_plain_shapes_are_the_same_only_in_the_same_place() -> None:
    image_stats = {str(left): image_stats_of(_disc(left)) for left in (15, 40, 65)}
    assert find_near_duplicates(image_stats) == ()
    assert find_near_duplicates({**image_stats, "copy": stats_of(_disc(40), 60)}) == (
        NearPair("40", "copy", mirrored=False, cropped=False),
    )


def test_blank_pictures_arent_compared() -> None:
    """Two walls in the same faint light are no copies; in strong light there is something to compare."""
    x, y = np.meshgrid(*[np.linspace(-1, 1, 200)] * 2)
    lamp = np.exp(-3 * ((x - 0.2) ** 2 + y**2))[:, :, None].repeat(3, axis=2)
    faint, strong = (
        {str(wall): image_stats_of((wall + light * lamp).astype(np.uint8)) for wall in (100, 130)} for light in (12, 80)
    )
    assert find_near_duplicates(faint) == ()
    assert len(find_near_duplicates(strong)) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_to_compare(count: int) -> None:
    assert find_near_duplicates({str(number): stats_of(drawing(number)) for number in range(count)}) == ()


def test_fingerprints_of_mirrored_pictures_follow_from_those_of_the_pictures() -> None:
    thumbnails = np.stack([stats_of(drawing(number)).thumbnail for number in range(6)])
    np.testing.assert_allclose(
        fingerprints(thumbnails[:, :, ::-1]), mirrored_fingerprints(fingerprints(thumbnails)), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.norm(fingerprints(thumbnails), axis=1), 1, atol=1e-5)


def test_fingerprints_equal_those_of_a_trusted_cosine_transform() -> None:
    from scipy.fft import dctn

    thumbnail = stats_of(drawing(0)).thumbnail
    low = dctn(thumbnail.astype(np.float64), norm="ortho")[:8, :8].ravel()[1:]
    np.testing.assert_allclose(fingerprints(thumbnail[None])[0], low / np.linalg.norm(low), atol=1e-5)


def test_a_picture_like_thousands_of_others_is_compared_with_the_likeliest_few() -> None:
    cosines = np.linspace(0.81, 1, 1000, dtype=np.float32)[None]
    rows, columns = _likely(cosines, np.ones(1000, dtype=bool))
    assert rows.tolist() == [0] * 8
    assert columns.tolist() == list(range(999, 991, -1))


def test_batches_are_small_whole_and_in_order() -> None:
    pieces = np.split(np.arange(3 * 1000).reshape(1000, 3), [1, 1, 700])
    batches = list(_in_batches(pieces))
    assert [len(batch) for batch in batches] == [128] * 7 + [1000 - 7 * 128]
    assert np.concatenate(batches).tolist() == np.concatenate(pieces).tolist()


def _upper_half_black(image: Image.Image) -> Image.Image:
    covered = image.copy()
    ImageDraw.Draw(covered).rectangle((0, 0, image.width, image.height // 2), fill="black")
    return covered


def _disc(left: int) -> Image.Image:
    image = Image.new("RGB", (200, 200), "white")
    ImageDraw.Draw(image).ellipse((left, 50, left + 100, 150), fill="navy")
    return image
