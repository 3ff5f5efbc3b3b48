from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from drawn_pictures import drawing, jpeg, save, stats_of
from pawlab.audit.image_stats import image_stats_of, measure_images, percentiles, sharpness
from pawlab.audit.quality import BLURRED
from pawlab.datasets.dataset import Picture, Skipped
from pawlab.images import PictureInfo
from picture_files import encode, quadrants


def test_known_measurements() -> None:
    """Four quadrants of known colours; a twentieth is darker than the darkest of them, none of it brighter."""
    found = image_stats_of(encode(quadrants(640, 320), "PNG"))
    assert found.info == PictureInfo(640, 320, "PNG")
    assert found.dim == pytest.approx(0.299 * 40 + 0.587 * 60 + 0.114 * 200, abs=1)  # blue
    assert found.bright == pytest.approx(0.299 * 240 + 0.587 * 220 + 0.114 * 20, abs=1)  # yellow
    assert found.spread == 240 - 30  # red, from green to yellow
    assert found.colour == 240 - 20  # yellow, from red to blue
    assert not found.is_blank
    assert not found.is_gray


def test_blank_means_one_colour_but_for_shading_and_noise() -> None:
    shading = np.linspace(120, 128, 300)[None, :, None]
    noise = np.random.default_rng(0).normal(0, 10, (200, 300, 3))
    wall = np.clip(shading + noise, 0, 255).astype(np.uint8)
    assert image_stats_of(wall).is_blank
    with_a_thing = wall.copy()
    with_a_thing[90:110, 140:160] += 30
    assert not image_stats_of(with_a_thing).is_blank


def test_noise_alone_isnt_blank() -> None:
    assert not image_stats_of(np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)).is_blank


def test_gray_means_without_colour_even_as_jpeg() -> None:
    assert stats_of(drawing(0).convert("L").convert("RGB")).is_gray
    assert not stats_of(drawing(0)).is_gray


@pytest.mark.parametrize("number", range(12))
def test_sharpness_falls_with_blur(number: int) -> None:
    image = drawing(number)
    radii = [share * max(image.size) for share in (0, 0.005, 0.01, 0.02)]
    found = [stats_of(image.filter(ImageFilter.GaussianBlur(radius))).sharpness for radius in radii]
    assert None not in found
    assert found == sorted(found, reverse=True)  # type: ignore[type-var]
    assert found[0] > 0.3 > BLURRED > found[2]  # type: ignore[operator]


def test_percentiles_are_those_of_numpy() -> None:
    for size in ((1, 1), (2, 1), (7, 5), (64, 48)):
        gray = Image.fromarray(np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8))
        shares = (0, 0.05, 0.5, 0.95, 1)
        expected = np.percentile(np.asarray(gray), [100 * share for share in shares])
        np.testing.assert_allclose(percentiles(gray, shares), expected, atol=1e-9)


def test_sharpness_is_what_it_says() -> None:
    """Patch by patch: the root mean square of what is lost at a quarter of the size, by the standard deviation."""
    gray = drawing(3).convert("L").resize((161, 130))
    coarse = gray.resize((40, 32), Image.Resampling.BOX).resize(gray.size, Image.Resampling.BICUBIC)
    whole, kept = np.asarray(gray, np.float64), np.asarray(coarse, np.float64)
    patches = [np.s_[top : top + 16, left : left + 16] for top in range(0, 128, 16) for left in range(0, 160, 16)]
    shares = [
        np.sqrt(np.mean((whole[patch] - kept[patch]) ** 2)) / whole[patch].std()
        for patch in patches
        if whole[patch].std() > 8
    ]
    assert sharpness(gray) == pytest.approx(np.percentile(shares, 90), rel=1e-4)


def test_one_sharp_thing_before_a_soft_background_is_enough() -> None:
    image = drawing(1).filter(ImageFilter.GaussianBlur(6))
    assert stats_of(image).sharpness < BLURRED  # type: ignore[operator]
    box = (image.width // 4, image.height // 4, 3 * image.width // 4, 3 * image.height // 4)
    image.paste(drawing(1).crop(box), box)
    assert stats_of(image).sharpness > BLURRED  # type: ignore[operator]


@pytest.mark.parametrize("number", range(4))
def test_small_pictures_arent_blurred_for_being_small(number: int) -> None:
    """They are measured as they are; enlarged first, they would all be blurred."""
    image = drawing(number)
    assert stats_of(image.resize((80, 80 * image.height // image.width))).sharpness > 2 * BLURRED  # type: ignore[operator]


def test_sharpness_isnt_guessed_where_there_is_no_contrast() -> None:
    assert image_stats_of(np.full((200, 300, 3), 90, np.uint8)).sharpness is None
    assert image_stats_of(np.zeros((10, 10, 3), np.uint8)).sharpness is None


def test_every_content_is_measured_once_and_broken_ones_are_told_by_every_name(tmp_path: Path) -> None:
    save(drawing(0), tmp_path / "good.jpg")
    (tmp_path / "cut.jpg").write_bytes(jpeg(drawing(0))[:2000])
    rows = (("a", "good.jpg", "1"), ("b", "good.jpg", "1"), ("c", "cut.jpg", "2"), ("d", "cut.jpg", "2"))
    pictures = [Picture(tmp_path / file, name, "cats", content) for name, file, content in rows]
    image_stats, broken = measure_images(pictures)
    assert list(image_stats) == ["1"]
    assert broken == tuple(Skipped(name, broken[0].reason, broken=True) for name in ("c", "d"))
    assert "can't be decoded: " in broken[0].reason
