import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops

from pawlab.errors import PictureError
from pawlab.images import PictureInfo, Preprocess, decode, formats, gray_thumbnail, is_picture_name, read
from pawlab.images.formats import looks_like_picture
from picture_files import Array, as_rgb, encode, gray_quadrants, png, png_chunk, quadrants

RAMP = np.tile(np.linspace(0, 1, 256), (64, 1))
SHADES = np.tile(np.arange(256, dtype=np.uint8), (64, 1))


def tiff(array: Any, tags: dict[int, Any] | None = None) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "TIFF", tiffinfo=tags or {})
    return file.getvalue()


def off(data: bytes | Array, preprocess: Preprocess | None = None) -> int:
    """Return by how many levels a ramp from black to white, once decoded, differs from one of 0 to 255."""
    return int(np.abs(decode(data, preprocess).astype(int) - as_rgb(SHADES)).max())


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("write", [tiff, lambda array: encode(Image.fromarray(array), "PNG")], ids=["tiff", "png"])
def test_bits_are_found_by_the_largest_value(bits: int, write: Any) -> None:
    assert off(write((RAMP * (2**bits - 1)).astype(np.uint16))) <= 1


@pytest.mark.parametrize("top", [1, 255, 1023, 4095, 16383, 65535])
def test_floats(top: int) -> None:
    assert off(tiff((RAMP * top).astype(np.float32))) <= 1


@pytest.mark.parametrize("top", [255, 1023, 65535, 200_000])
def test_integers_of_32_bits(top: int) -> None:
    assert off(tiff((RAMP * top).astype(np.int32))) <= 1


@pytest.mark.parametrize(("kind", "dim", "bright"), [(np.float32, 0.95, 1.05), (np.int32, 240, 300)])
def test_what_is_a_little_over_a_level_is_not_darker(kind: Any, dim: float, bright: float) -> None:
    tops = [decode(tiff((RAMP * top).astype(kind))).max() for top in (dim, bright)]
    assert tops[0] <= tops[1]


def test_what_the_file_says_comes_first() -> None:
    dark = (RAMP * 1023).astype(np.uint16)
    whole = decode(png(dark, 0))
    assert whole.max() == 255
    marked = png(dark, 0)
    place = marked.index(b"IDAT") - 4
    marked = marked[:place] + png_chunk(b"sBIT", bytes([12])) + marked[place:]
    assert decode(marked).max() == round(1023 / 4095 * 255)
    assert decode(tiff(dark, {281: 4095})).max() == round(1023 / 4095 * 255)
    assert gray_thumbnail(marked, 64)[1].white == 4095


def test_a_given_range_comes_before_all() -> None:
    values = (RAMP * 400 + 100).astype(np.uint16)
    assert off(png(values, 0), Preprocess(64, 256, value_range=(100, 500))) <= 1
    assert decode(png(values, 0), Preprocess(64, 256, value_range=(0, 65535))).max() == 2
    assert decode(SHADES, Preprocess(64, 256, value_range=(0, 65535))).max() == 255  # 8 bits are as they are


def test_a_range_survives_being_written() -> None:
    preprocess = Preprocess(64, 32, "crop", (0, 4095))
    assert Preprocess.from_dict(preprocess.to_dict()) == preprocess
    assert "value_range" not in Preprocess(64, 32).to_dict()
    with pytest.raises(ValueError, match="black must be less than white"):
        Preprocess(64, 32, value_range=(5, 5))


def test_only_deep_pictures_have_a_white() -> None:
    assert gray_thumbnail(encode(quadrants(), "PNG"), 64)[1].white is None
    assert gray_thumbnail(tiff((RAMP * 4095).astype(np.uint16)), 64)[1].white == 4095


MORE = {"AVIF": 6, "JPEG2000": 8, "PPM": 0, "TGA": 0}


@pytest.mark.parametrize("form", MORE)
def test_more_formats(form: str, tmp_path: Any) -> None:
    data = encode(quadrants(), form, **({"quality": 95} if form == "AVIF" else {}))
    assert form == "TGA" or looks_like_picture(data[:16])
    assert np.abs(decode(data).astype(int) - quadrants()).mean() <= MORE[form]
    path = tmp_path / f"picture.{'tga' if form == 'TGA' else 'x'}"
    path.write_bytes(data)
    assert np.array_equal(decode(path), decode(data))


def test_gray_maps() -> None:
    assert np.array_equal(decode(encode(gray_quadrants(), "PPM")), as_rgb(gray_quadrants()))


HEIC = Path(__file__).with_name("quadrants.heic")  # written by heif-enc


def test_heic() -> None:
    pytest.importorskip("pi_heif", reason="needs the extra 'heic'")
    assert looks_like_picture(HEIC.read_bytes()[:16])
    assert is_picture_name("IMG_0001.HEIC")
    for file in (HEIC, HEIC.with_name("quadrants_sideways.heic")):  # the latter upright by its EXIF tag
        picture, info = read(file)
        assert info == PictureInfo(64, 32, "HEIF")
        assert np.abs(picture.astype(int) - quadrants(64, 32)).mean() < 6


def test_without_the_extra_heic_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda _: None)
    formats.extensions.cache_clear()
    try:
        assert not looks_like_picture(HEIC.read_bytes()[:16])
        assert not is_picture_name("IMG_0001.HEIC")
        with pytest.raises(PictureError) as caught:
            decode(HEIC)
    finally:
        formats.extensions.cache_clear()
    assert str(caught.value) == (
        "isn't a picture in a format that can be read (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, PPM, TGA): it "
        'is HEIC, which needs an extra: pip install "pawlab[heic]"'
    )


def test_cmyk_with_adobes_mark_and_without() -> None:
    cmyk = Image.fromarray(np.full((48, 64, 3), (220, 20, 20), np.uint8)).convert("CMYK")
    adobe = encode(cmyk, "JPEG", quality=95)
    bare = encode(ImageChops.invert(cmyk), "JPEG", quality=95)  # Pillow inverts it once more: ink as it is
    place = bare.index(b"\xff\xee")
    bare = bare[:place] + bare[place + 2 + int.from_bytes(bare[place + 2 : place + 4], "big") :]
    for data in (adobe, bare):
        assert np.abs(decode(data).astype(int) - (220, 20, 20)).max() < 30
