import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any, get_args
from zipfile import ZipFile

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, ImageOps

from pawlab.errors import PictureError
from pawlab.images import (
    MAX_BYTES,
    MAX_PIXELS,
    Interpolation,
    PictureInfo,
    Preprocess,
    ResizeMode,
    decode,
    extensions,
    gray_thumbnail,
    inspect,
    looks_like_picture,
    read,
)
from picture_files import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    Array,
    as_rgb,
    encode,
    exif,
    gray_quadrants,
    palette,
    png,
    png_chunk,
    quadrants,
    smooth,
    tiff16,
)

pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")  # as pictures.py asks, which pytest overrules

COLOUR, GRAY, OTHER = quadrants(), gray_quadrants(), np.full((32, 64, 3), 99, np.uint8)
GRAY16 = GRAY.astype(np.uint16) * 257  # 0-255 spread over 0-65535, exactly
COLOUR16 = COLOUR.astype(np.uint16) * 257
JPEG: dict[str, Any] = {"quality": 95, "subsampling": 0}

FITS: tuple[ResizeMode, ...] = get_args(ResizeMode)


def see_through(picture: Array, alpha: int) -> Array:
    """`picture` with the left half of this alpha, the right half opaque."""
    opacity = np.full(picture.shape[:2], 255, np.uint8)
    opacity[:, : picture.shape[1] // 2] = alpha
    return np.dstack([picture, opacity])


def on_white(picture: Array, alpha: int) -> Array:
    """What `see_through` shows on a white ground."""
    shown = picture.astype(np.float64)
    left = shown[:, : picture.shape[1] // 2]
    left[:] = left * (alpha / 255) + 255 * (1 - alpha / 255)
    return np.rint(shown).astype(np.uint8)


def gray_alpha(alpha: int) -> Array:
    return see_through(as_rgb(GRAY), alpha)[:, :, [0, 3]]


def palette_with_a_clear_colour(form: str) -> bytes:
    """The red of `quadrants` made transparent."""
    image = palette(COLOUR)
    return encode(image, form, transparency=image.getpixel((0, 0)))


def palette_with_a_half_clear_colour() -> bytes:
    image = palette(COLOUR)
    opacity = bytearray([255] * 4)
    opacity[np.asarray(image)[0, 0]] = 128
    return encode(image, "PNG", transparency=bytes(opacity))


def profiled(form: str, **options: Any) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return encode(COLOUR, form, icc_profile=profile, **options)


def red_replaced(colour: tuple[int, int, int]) -> Array:
    picture = COLOUR.copy()
    picture[:16, :32] = colour
    return picture


WHITE = (255, 255, 255)
PURE_RED = np.full((32, 64, 3), (255, 0, 0), np.uint8)
CMYK = Image.fromarray(COLOUR).convert("CMYK")


def first_of_two() -> dict[str, Any]:
    """Return the options that add a second frame or page."""
    return {"save_all": True, "append_images": [Image.fromarray(OTHER)]}


# name: (file, the format that its header says, what is seen, levels it may be off)
FILES: dict[str, tuple[bytes, str, Array, int]] = {
    "jpeg": (encode(COLOUR, "JPEG", **JPEG), "JPEG", COLOUR, 3),
    "jpeg progressive": (encode(COLOUR, "JPEG", progressive=True, **JPEG), "JPEG", COLOUR, 3),
    "jpeg gray": (encode(GRAY, "JPEG", quality=95), "JPEG", as_rgb(GRAY), 1),
    "jpeg CMYK, inverted as Adobe writes it": (encode(CMYK, "JPEG", quality=95), "JPEG", COLOUR, 4),
    "jpeg with profile": (profiled("JPEG", **JPEG), "JPEG", COLOUR, 3),
    "mpo": (encode(COLOUR, "MPO", **first_of_two(), **JPEG), "MPO", COLOUR, 3),
    "png": (encode(COLOUR, "PNG"), "PNG", COLOUR, 0),
    "png gray": (encode(GRAY, "PNG"), "PNG", as_rgb(GRAY), 0),
    "png 1-bit": (encode(Image.fromarray(GRAY > 100), "PNG"), "PNG", as_rgb(np.uint8(255) * (GRAY > 100)), 0),
    "png palette": (encode(palette(COLOUR), "PNG"), "PNG", COLOUR, 0),
    "png palette, one colour clear": (palette_with_a_clear_colour("PNG"), "PNG", red_replaced(WHITE), 0),
    "png palette, one colour half clear": (palette_with_a_half_clear_colour(), "PNG", red_replaced((237, 147, 142)), 1),
    "png RGB, one colour clear": (encode(COLOUR, "PNG", transparency=RED), "PNG", red_replaced(WHITE), 0),
    "png RGBA": (encode(see_through(COLOUR, 64), "PNG"), "PNG", on_white(COLOUR, 64), 1),
    "png RGBA, wholly clear": (encode(see_through(COLOUR, 0), "PNG"), "PNG", on_white(COLOUR, 0), 0),
    "png LA": (encode(gray_alpha(64), "PNG"), "PNG", on_white(as_rgb(GRAY), 64), 1),
    "png gray 16-bit": (png(GRAY16, 0), "PNG", as_rgb(GRAY), 0),
    "png RGB 16-bit": (png(COLOUR16, 2), "PNG", COLOUR, 0),
    "png LA 16-bit": (png(gray_alpha(64).astype(np.uint16) * 257, 4), "PNG", on_white(as_rgb(GRAY), 64), 1),
    "png RGBA 16-bit": (png(see_through(COLOUR, 64).astype(np.uint16) * 257, 6), "PNG", on_white(COLOUR, 64), 1),
    "png with profile": (profiled("PNG"), "PNG", COLOUR, 0),
    "png animated": (encode(COLOUR, "PNG", **first_of_two()), "PNG", COLOUR, 0),
    "webp": (encode(smooth(64, 32), "WEBP", quality=95), "WEBP", smooth(64, 32), 8),
    "webp lossless": (encode(COLOUR, "WEBP", lossless=True), "WEBP", COLOUR, 0),
    "webp with alpha": (encode(see_through(COLOUR, 64), "WEBP", lossless=True), "WEBP", on_white(COLOUR, 64), 1),
    "webp animated": (encode(COLOUR, "WEBP", lossless=True, **first_of_two()), "WEBP", COLOUR, 0),
    "webp with profile": (profiled("WEBP", lossless=True), "WEBP", COLOUR, 0),
    "gif": (encode(palette(COLOUR), "GIF"), "GIF", COLOUR, 0),
    "gif animated": (encode(palette(COLOUR), "GIF", **first_of_two()), "GIF", COLOUR, 0),
    "gif, one colour clear": (palette_with_a_clear_colour("GIF"), "GIF", red_replaced(WHITE), 0),
    "bmp": (encode(COLOUR, "BMP"), "BMP", COLOUR, 0),
    "bmp palette": (encode(palette(COLOUR), "BMP"), "BMP", COLOUR, 0),
    "tiff": (encode(COLOUR, "TIFF"), "TIFF", COLOUR, 0),
    "tiff LZW": (encode(COLOUR, "TIFF", compression="tiff_lzw"), "TIFF", COLOUR, 0),
    "tiff, the big form": (encode(COLOUR, "TIFF", big_tiff=True), "TIFF", COLOUR, 0),
    "tiff deflate": (encode(COLOUR, "TIFF", compression="tiff_adobe_deflate"), "TIFF", COLOUR, 0),
    "tiff of two pages": (encode(COLOUR, "TIFF", **first_of_two()), "TIFF", COLOUR, 0),
    "tiff CMYK": (encode(CMYK, "TIFF"), "TIFF", COLOUR, 1),
    "tiff LAB": (encode(Image.new("LAB", (64, 32), (136, 208, 195)), "TIFF"), "TIFF", PURE_RED, 12),
    "tiff RGBA": (encode(see_through(COLOUR, 64), "TIFF"), "TIFF", on_white(COLOUR, 64), 1),
    "tiff gray 16-bit": (encode(Image.fromarray(GRAY16), "TIFF"), "TIFF", as_rgb(GRAY), 0),
    "tiff RGB 16-bit, little-endian": (tiff16(COLOUR16, "<"), "TIFF", COLOUR, 0),
    "tiff RGB 16-bit, big-endian": (tiff16(COLOUR16, ">"), "TIFF", COLOUR, 0),
    "tiff 32-bit, small numbers": (encode(Image.fromarray(GRAY.astype(np.int32)), "TIFF"), "TIFF", as_rgb(GRAY), 0),
    "tiff 32-bit, 16-bit numbers": (encode(Image.fromarray(GRAY16.astype(np.int32)), "TIFF"), "TIFF", as_rgb(GRAY), 0),
    "tiff float 0-1": (encode(Image.fromarray(GRAY.astype(np.float32) / 255), "TIFF"), "TIFF", as_rgb(GRAY), 0),
    "tiff float 0-255": (encode(Image.fromarray(GRAY.astype(np.float32)), "TIFF"), "TIFF", as_rgb(GRAY), 0),
    "tiff float with gaps": (encode(Image.fromarray(np.where(GRAY == 0, np.nan, GRAY).astype(np.float32)), "TIFF"),
                             "TIFF", as_rgb(GRAY), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_its_known_picture(name: str) -> None:
    file, form, expected, levels = FILES[name]
    pixels = decode(file)
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= levels
    assert inspect(file) == PictureInfo(expected.shape[1], expected.shape[0], form)
    assert looks_like_picture(file[:16])


def test_the_files_show_what_they_are_made_for() -> None:
    """The known_quirks above are really in the files, as Pillow's modes tell."""
    modes = {name: Image.open(io.BytesIO(file)).mode for name, (file, *_) in FILES.items()}
    expected = {"jpeg gray": "L", "png 1-bit": "1", "png palette": "P", "png LA": "LA", "png gray 16-bit": "I;16",
                "tiff 32-bit, small numbers": "I", "tiff float 0-1": "F", "tiff CMYK": "CMYK", "gif": "P",
                "jpeg CMYK, inverted as Adobe writes it": "CMYK", "webp with alpha": "RGBA"}  # fmt: skip
    assert {name: modes[name] for name in expected} == expected
    assert b"Adobe" in FILES["jpeg CMYK, inverted as Adobe writes it"][0]
    for name in ("jpeg with profile", "png with profile", "webp with profile"):
        assert Image.open(io.BytesIO(FILES[name][0])).info["icc_profile"]
    for name in ("gif animated", "png animated", "webp animated", "tiff of two pages", "mpo"):
        assert Image.open(io.BytesIO(FILES[name][0])).n_frames == 2  # type: ignore[attr-defined]


def test_inspect_decodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str | None] = []
    load = ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: decoded.append(self.format) or load(self))  # type: ignore[func-returns-value]
    for file, *_ in FILES.values():
        inspect(file)
    assert decoded == []
    decode(FILES["png"][0])
    assert "PNG" in decoded


# Where the stored corners (top left, top right, bottom left, bottom right) are seen, by the EXIF standard: 6, for one,
# says that the first row is the right side and the first column the top.
SEEN = {
    1: (RED, GREEN, BLUE, YELLOW),
    2: (GREEN, RED, YELLOW, BLUE),
    3: (YELLOW, BLUE, GREEN, RED),
    4: (BLUE, YELLOW, RED, GREEN),
    5: (RED, BLUE, GREEN, YELLOW),
    6: (BLUE, RED, YELLOW, GREEN),
    7: (YELLOW, GREEN, BLUE, RED),
    8: (GREEN, YELLOW, RED, BLUE),
}
LOSSLESS: dict[str, dict[str, Any]] = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}


def corners(pixels: Array) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(value) for value in pixels[y, x]) for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1)))


@pytest.mark.parametrize("form", LOSSLESS)
@pytest.mark.parametrize("orientation", SEEN)
def test_orientation_is_applied(form: str, orientation: int) -> None:
    file = encode(COLOUR, form, exif=exif(orientation), **LOSSLESS[form])
    upright = decode(file)
    assert corners(upright) == SEEN[orientation]
    assert upright.shape == ((64, 32, 3) if orientation >= 5 else (32, 64, 3))
    assert inspect(file) == PictureInfo(upright.shape[1], upright.shape[0], form)
    assert np.array_equal(upright, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file)))))
    assert np.array_equal(upright, decode(Image.open(io.BytesIO(file))))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("form", [*LOSSLESS, "JPEG"])
@pytest.mark.parametrize("orientation", SEEN)
def test_a_turned_picture_is_resized_like_an_upright_one(form: str, orientation: int, fit: ResizeMode) -> None:
    wanted = Preprocess(height=27, width=18, resize_mode=fit)
    stored = quadrants(50, 30)  # too small for draft mode
    file = encode(stored, form, exif=exif(orientation), **(LOSSLESS | {"JPEG": JPEG})[form])
    upright = decode(file)
    assert np.array_equal(decode(file, wanted), decode(upright, wanted))


@pytest.mark.parametrize("orientation", [0, 9, 255, 65_535])
def test_an_orientation_that_doesnt_exist_leaves_the_picture_as_it_is(orientation: int) -> None:
    tags = exif(1)
    tags[0x0112] = orientation
    assert corners(decode(encode(COLOUR, "PNG", exif=tags))) == SEEN[1]


def test_corrupt_exif_leaves_the_picture_as_it_is() -> None:
    for block in (b"Exif\0\0MM\0*\0\0\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 40, b"Exif\0\0II*\0\x08\0\0\0\xff\xff"):
        file = encode(COLOUR, "JPEG", exif=block, **JPEG)
        assert np.array_equal(decode(file), decode(FILES["jpeg"][0]))
        assert inspect(file).width == 64


def test_exif_after_the_pixels_of_a_png_is_read() -> None:
    file = encode(COLOUR, "PNG")
    end = file.index(b"IEND") - 4
    file = file[:end] + png_chunk(b"eXIf", exif(6).tobytes().removeprefix(b"Exif\0\0")) + file[end:]
    assert corners(decode(file)) == SEEN[6]
    assert inspect(file) == PictureInfo(32, 64, "PNG")


THIRDS = np.repeat(np.array([[RED, GREEN, BLUE]], np.uint8), 30, axis=0).repeat(30, axis=1)  # 30 high, 90 wide
GRAY_127 = (127, 127, 127)


def test_crop_keeps_the_middle() -> None:
    assert np.array_equal(decode(THIRDS, Preprocess(30, 30, "crop")), np.full((30, 30, 3), GREEN))
    upright = decode(THIRDS.transpose(1, 0, 2), Preprocess(10, 10, "crop"))
    assert np.array_equal(
        upright[2:-2], np.full((6, 10, 3), GREEN)
    )  # averaging reaches over the edges, as in any resize


def test_pad_fills_with_gray_evenly() -> None:
    padded = decode(THIRDS, Preprocess(90, 90, "pad"))
    assert np.array_equal(padded[30:60], THIRDS)
    assert np.array_equal(padded[:30], np.full((30, 90, 3), GRAY_127))
    assert np.array_equal(padded[60:], np.full((30, 90, 3), GRAY_127))


def test_pad_enlarges_a_small_picture_to_touch_two_sides() -> None:
    padded = decode(THIRDS, Preprocess(200, 180, "pad"))
    assert np.array_equal(padded[:70], np.full((70, 180, 3), GRAY_127))
    assert np.array_equal(padded[130:], np.full((70, 180, 3), GRAY_127))
    assert np.array_equal(padded[100, [5, 90, 175]], [RED, GREEN, BLUE])


def test_squash_shows_all_of_it() -> None:
    squashed = decode(THIRDS, Preprocess(60, 30, "squash"))
    assert squashed.shape == (60, 30, 3)
    for column, colour in ((4, RED), (15, GREEN), (25, BLUE)):
        assert np.array_equal(squashed[:, column], np.full((60, 3), colour))


@pytest.mark.parametrize(("height", "width"), [(30, 50), (50, 30), (9, 9), (100, 90), (1, 1), (64, 3)])
def test_sizes_equal_pillows_own(height: int, width: int) -> None:
    picture = smooth(83, 47)
    image, size, bilinear = Image.fromarray(picture), (width, height), Image.Resampling.BILINEAR
    cropped = decode(picture, Preprocess(height, width, "crop"))
    assert np.array_equal(cropped, np.asarray(ImageOps.fit(image, size, bilinear)))
    padded = decode(picture, Preprocess(height, width, "pad"))
    assert np.abs(padded.astype(int) - np.asarray(ImageOps.pad(image, size, bilinear, color=GRAY_127))).max() <= 1
    squashed = decode(picture, Preprocess(height, width, "squash"))
    assert np.array_equal(squashed, np.asarray(image.resize(size, bilinear)))


def test_a_size_that_the_picture_has_changes_nothing() -> None:
    for fit in FITS:
        assert np.array_equal(decode(COLOUR, Preprocess(32, 64, fit)), COLOUR)


def test_preprocess_refuses_what_makes_no_picture() -> None:
    with pytest.raises(ValueError, match=r"^resize_mode is one of squash, crop, pad, not 'stretch'$"):
        Preprocess(10, 10, "stretch")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^a picture has at least one pixel each way, not 0 x 10$"):
        Preprocess(0, 10)


def test_preprocess_as_plain_data() -> None:
    assert Preprocess(160, 150).to_dict() == {
        "height": 160,
        "width": 150,
        "resize_mode": "squash",
        "interpolation": "area",
    }
    assert Preprocess(**Preprocess(160, 150, "pad").to_dict()) == Preprocess(160, 150, "pad")


def watch_resize(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return a list that fills with the (width, height) of every image that is resized."""
    sizes: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def watched(self: Image.Image, size: tuple[int, int], *args: Any, **options: Any) -> Image.Image:
        sizes.append(self.size)
        return resize(self, size, *args, **options)

    monkeypatch.setattr(Image.Image, "resize", watched)
    return sizes


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("width", "height"), [(1200, 800), (800, 1200), (2400, 300), (900, 900), (800, 1600)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_draft_mode_never_decodes_below_the_size(
    monkeypatch: pytest.MonkeyPatch, fit: ResizeMode, width: int, height: int, orientation: int
) -> None:
    """`width` and `height` as seen; orientation 6 stores them the other way round."""
    stored = smooth(width, height) if orientation == 1 else smooth(height, width)
    drafted = encode(stored, "JPEG", exif=exif(orientation), **JPEG)
    resized_from = watch_resize(monkeypatch)
    wanted = Preprocess(height=100, width=400, resize_mode=fit)
    pixels = decode(drafted, wanted)
    exact = decode(decode(drafted), wanted)
    scale = (max if fit == "crop" else min)(400 / width, 100 / height)
    asked = (400, 100) if fit == "squash" else (int(width * scale), int(height * scale))
    needed = min(asked[0], width), min(asked[1], height)
    have = resized_from[0]
    assert have[0] >= needed[0]
    assert have[1] >= needed[1]
    assert np.abs(pixels.astype(int) - exact).max() <= 6
    assert np.abs(pixels.astype(int) - exact).mean() <= 1.0


def test_draft_mode_is_used_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    resized_from = watch_resize(monkeypatch)
    decode(encode(smooth(1600, 1200), "JPEG"), Preprocess(150, 150))
    decode(encode(smooth(1600, 1200), "MPO", **first_of_two()), Preprocess(150, 150))
    decode(encode(smooth(1600, 400), "JPEG"), Preprocess(150, 150, "pad"))
    assert resized_from == [(200, 150), (200, 150), (200, 50)]


def test_every_kind_of_source_gives_the_same(tmp_path: Path) -> None:
    file = FILES["png"][0]
    path = tmp_path / "picture.png"
    path.write_bytes(file)
    image = Image.open(io.BytesIO(file))
    with path.open("rb") as opened:
        for source in (path, str(path), file, opened, io.BytesIO(file), image, COLOUR, see_through(COLOUR, 255)):
            assert np.array_equal(decode(source), COLOUR)
    assert np.array_equal(decode(GRAY), as_rgb(GRAY))
    assert np.array_equal(decode(COLOUR[::-1, ::2]), COLOUR[::-1, ::2])
    assert inspect(COLOUR) == PictureInfo(64, 32, "array")
    assert inspect(path) == PictureInfo(64, 32, "PNG")


def test_a_callers_image_and_array_stay_as_they_are() -> None:
    image = Image.open(io.BytesIO(encode(smooth(800, 800), "JPEG", exif=exif(6))))
    decode(image, Preprocess(10, 10))
    assert (image.size, image.getexif()[0x0112]) == ((800, 800), 6)
    array = COLOUR.copy()
    decode(array, Preprocess(10, 10))
    assert np.array_equal(array, COLOUR)


@pytest.mark.parametrize("suffix", sorted(extensions()))
def test_the_name_says_nothing_about_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(FILES["png"][0])
    assert np.array_equal(decode(path), COLOUR)


def refusal(source: Any) -> str:
    with pytest.raises(PictureError) as caught:
        decode(source)
    return str(caught.value)


def test_what_isnt_a_picture_is_refused_in_one_sentence(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("I am no picture.", encoding="utf-8")
    strange = (
        "isn't a picture in a format that can be read (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, PPM, TGA)"
    )
    assert refusal(text) == strange
    assert refusal(b"\xff\xd8\xff") == "can't be decoded: its header is damaged"
    assert refusal(b"") == "the file is empty"
    assert refusal(tmp_path / "absent.png") == "can't be read: No such file or directory"
    assert refusal("nul\0byte.png") == "can't be read: embedded null byte"
    assert refusal(tmp_path) == "is a folder: give it alone, not in a list, or name the pictures in it"
    for form in ("ICO", "SGI", "PDF"):
        assert refusal(encode(COLOUR, form)) == strange


def test_files_that_never_end_or_are_too_long_are_refused_unread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert refusal("/dev/zero") == refusal(tmp_path / "pipe.jpg") == "isn't a regular file"
    long = tmp_path / "long.png"
    long.write_bytes(png(COLOUR, 2))
    os.truncate(long, MAX_BYTES + 1)
    assert refusal(long) == "has 800,000,001 bytes, more than the 800,000,000 that are safe to read"
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "short.png")
    (tmp_path / "short.png").write_bytes(png(COLOUR, 2))
    assert np.array_equal(decode(link), COLOUR)


def test_arrays_that_are_no_pictures_are_refused() -> None:
    assert refusal(COLOUR / 255) == (
        "an array of float64 was given; pictures are arrays of uint8, 0-255: multiply by 255 where it holds 0 to 1, "
        "then convert"
    )
    shaped = "an array of shape {} was given; pictures are (height, width[, 3 or 4 channels])"
    for shape in ((5,), (4, 4, 2), (4, 4, 5), (2, 4, 4, 3)):
        assert refusal(np.zeros(shape, np.uint8)) == shaped.format(shape)
    assert refusal(np.zeros((0, 4, 3), np.uint8)) == "has 4 x 0 pixels; a picture has at least one each way"


CUT = ("jpeg", "jpeg progressive", "mpo", "png", "png gray 16-bit", "webp", "webp lossless", "webp animated", "gif",
       "bmp", "tiff", "tiff LZW", "tiff RGB 16-bit, big-endian")  # fmt: skip


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.8])
def test_a_cut_off_file_is_refused(name: str, part: float) -> None:
    file = FILES[name][0]
    if name == "mpo":
        file = file[: file.rindex(b"\xff\xd8\xff")]  # the first picture alone
    said = refusal(file[: int(len(file) * part)])
    assert said.startswith("can't be decoded: ")
    assert len(said) < 200
    assert "object at 0x" not in said


def test_whatever_goes_wrong_inside_is_told_in_one_short_line() -> None:
    class Broken(Image.Image):
        error: Exception

        def load(self) -> Any:
            raise self.error

    def said(error: Exception) -> str:
        image = Broken()
        image._size, image.error = (4, 4), error
        return refusal(image)

    assert said(OSError("one\n  two")) == "can't be decoded: one two"
    assert said(ValueError("x" * 500)) == f"can't be decoded: {'x' * 157}..."
    assert said(KeyError(273)) == "can't be decoded: KeyError 273"
    with pytest.raises(MemoryError):  # which is no fault of the picture's
        said(MemoryError())


def test_more_pixels_than_are_safe_are_refused_before_they_are_decoded() -> None:
    limit = "more than the 128 million pixels that are safe to decode"
    assert refusal(png(GRAY, 0, size=(16_000, 8_001))) == f"has 16000 x 8001, {limit}"
    assert refusal(png(GRAY, 0, size=(60_000, 60_000))) == f"has {limit}"
    with pytest.raises(PictureError, match="more than the 128 million"):
        inspect(png(GRAY, 0, size=(16_000, 8_001)))
    wide = Image.new("1", (MAX_PIXELS // 1000 + 1, 1000))
    assert refusal(wide) == f"has 128001 x 1000, {limit}"


def test_as_many_pixels_as_are_allowed_pass_the_limit() -> None:
    """Above Pillow's own threshold of 89 million, where it warns, and at ours."""
    assert inspect(png(GRAY, 0, size=(16_000, 8_000))) == PictureInfo(16_000, 8_000, "PNG")
    assert refusal(png(GRAY, 0, size=(16_000, 8_000))).startswith("can't be decoded: ")


def test_a_text_that_unpacks_to_a_flood_is_refused() -> None:
    import zlib

    bomb = png_chunk(b"zTXt", b"note\0\0" + zlib.compress(b"\0" * 80_000_000))
    assert len(bomb) < 100_000
    assert (
        refusal(png(GRAY, 0, extra=bomb))
        == "can't be decoded: Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK"
    )


def test_only_the_first_of_many_frames_is_decoded() -> None:
    frames = [palette(quadrants()) for _ in range(300)]
    for number, frame in enumerate(frames):
        frame.putpixel((number % 64, 3), number % 4)
    file = encode(palette(COLOUR), "GIF", save_all=True, append_images=frames)
    assert np.array_equal(decode(file[: len(file) // 3]), COLOUR)


def test_threads_give_the_same_pixels() -> None:
    files = [file for file, *_ in FILES.values()] * 3
    wanted = Preprocess(24, 30, "pad")
    alone = [decode(file, wanted).tobytes() for file in files]
    with ThreadPoolExecutor(8) as pool:
        together = [pixels.tobytes() for pixels in pool.map(lambda file: decode(file, wanted), files)]
    assert together == alone


def mutated(random: np.random.Generator, file: bytes) -> bytes:
    """The file with some bytes changed, most of them near its header, and now and then cut or doubled."""
    changed = bytearray(file)
    for _ in range(int(random.integers(1, 12))):
        reach = len(changed) if random.random() < 0.4 else min(len(changed), 200)
        changed[int(random.integers(0, reach))] = int(random.integers(0, 256))
    cut = int(random.integers(0, len(changed)))
    choice = random.random()
    return bytes(changed[:cut] if choice < 0.2 else changed[:cut] + changed if choice < 0.3 else changed)


def test_damage_gives_a_picture_or_a_picture_error(capfd: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(7)
    read, sentences = 0, list[str]()
    for file, *_ in FILES.values():
        for _ in range(8):
            damaged = mutated(random, file)
            try:
                pixels = decode(damaged, Preprocess(16, 16, FITS[int(random.integers(0, 3))]))
                assert pixels.dtype == np.uint8
                assert pixels.shape == (16, 16, 3)
                read += 1
            except PictureError as error:
                sentences.append(str(error))
    assert min(read, len(sentences)) > 30
    assert all(sentence.isprintable() and len(sentence) < 200 for sentence in sentences)
    assert capfd.readouterr().out == ""  # on standard error the TIFF library itself may speak


NOISY = """
import sys, warnings
from pathlib import Path
from pawlab.images import decode
for path in sys.argv[1:]:
    assert decode(Path(path)).shape == (32, 64, 3)
"""


def test_pillows_warnings_stay_inside(tmp_path: Path) -> None:
    """Files that Pillow warns of and reads none the less, in a process where any warning that comes out is an error."""
    broken_index = FILES["mpo"][0].replace(b"MPF\0", b"MPF\0\xff", 1)
    noisy = {
        "exif.jpg": encode(COLOUR, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0" + b"\xff" * 9, **JPEG),
        "index.jpg": broken_index,
    }
    paths = [tmp_path / name for name in noisy]
    for path, file in zip(paths, noisy.values(), strict=True):
        path.write_bytes(file)
    for file in noisy.values():
        with pytest.warns(UserWarning, match=r"EXIF|MPO"):  # so they really are such files
            Image.open(io.BytesIO(file)).getexif()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", NOISY, *map(str, paths)], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_real_photos_equal_pillows_own_way(cats_and_dogs: Path) -> None:
    """Without draft mode every pixel is Pillow's; with it, at 64 x 64, the mean difference is below 4."""
    with ZipFile(cats_and_dogs) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][::300]
        files = [archive.read(name) for name in names]
    for file in files:
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(file))).convert("RGB")
        assert np.array_equal(decode(file), np.asarray(upright))
        reference = np.asarray(upright.resize((64, 64), Image.Resampling.BILINEAR)).astype(int)
        assert np.abs(decode(file, Preprocess(64, 64)) - reference).mean() < 4


def test_the_former_name_of_resize_mode_works_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match=r"^Preprocess\(fit=...\) is now resize_mode=...$"):
        old = Preprocess(10, 20, fit="pad")
    assert old == Preprocess(10, 20, "pad") == Preprocess.from_dict({"height": 10, "width": 20, "fit": "pad"})
    with pytest.warns(DeprecationWarning, match=r"^Preprocess.fit is now resize_mode$"):
        assert old.fit == "pad"


def test_the_former_name_of_the_module_works_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match=r"^pawlab.pictures is now pawlab.images$"):
        assert import_module("pawlab.pictures").decode is decode


def test_pixels_and_header_come_from_one_opening() -> None:
    data = encode(quadrants(), "JPEG", exif=exif(6))
    pixels, info = read(data, Preprocess(40, 30))
    assert np.array_equal(pixels, decode(data, Preprocess(40, 30)))
    assert info == inspect(data)


def test_a_gray_thumbnail_is_small_upright_and_gray() -> None:
    image = Image.fromarray(quadrants(640, 320))
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = encode(image.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)
    expected, _ = gray_thumbnail(encode(image, "PNG"), 64)
    assert expected[5, 5] == pytest.approx(0.299 * 220 + 0.587 * 40 + 0.114 * 30, abs=1)  # red, in gray
    thumbnail, info = gray_thumbnail(sideways, 64)
    assert (info.width, info.height) == (640, 320)
    assert thumbnail.shape == (64, 64)
    assert thumbnail.dtype == np.uint8
    assert np.abs(thumbnail.astype(int) - expected).mean() < 2


def without_averaging(picture: Array, height: int, width: int) -> NDArray[np.float64]:
    """TensorFlow's bilinear resizing with half-pixel centres, from its definition: float64 (height, width, 3)."""
    given = picture.astype(np.float64)
    for axis, size in enumerate((height, width)):
        places = (np.arange(size) + 0.5) * picture.shape[axis] / size - 0.5
        low = np.floor(places).astype(int)
        share = (places - low).reshape([-1 if one == axis else 1 for one in range(3)])
        first, second = (np.take(given, low + step, axis, mode="clip") for step in (0, 1))
        given = first * (1 - share) + second * share
    return given


@pytest.mark.parametrize(("height", "width"), [(17, 23), (160, 160), (7, 300), (300, 7)])
def test_bilinear_weighs_the_four_pixels_around_each_centre(height: int, width: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (101, 143, 3), dtype=np.uint8)
    seen = decode(picture, Preprocess(height, width, interpolation="bilinear"))
    difference = without_averaging(picture, height, width) - seen
    assert difference.min() > -0.001
    assert difference.max() < 1.001  # values are rounded down


def test_bilinear_reads_a_photo_as_tensorflow_resizes_it(keras: Any, cats_and_dogs: Path) -> None:
    import tensorflow as tf

    with ZipFile(cats_and_dogs) as archive:
        photos = [archive.read(name) for name in archive.namelist() if name.endswith(".jpg")][::60]
    assert len(photos) == 50
    for photo in photos:
        seen = decode(photo, Preprocess(160, 160, interpolation="bilinear"))
        theirs = tf.image.resize(decode(photo), (160, 160), "bilinear").numpy()
        assert np.abs(theirs - seen).max() < 1.001  # float32 against rounded down


def test_nearest_reads_a_photo_as_kerass_generator_does(keras: Any, cats_and_dogs: Path, tmp_path: Path) -> None:
    with ZipFile(cats_and_dogs) as archive:
        photos = [archive.read(name) for name in archive.namelist() if name.endswith(".jpg")][::60]
    for number, photo in enumerate(photos):
        (tmp_path / "a").mkdir(exist_ok=True)
        (tmp_path / "a" / f"{number:02}.jpg").write_bytes(photo)
    reader = keras.src.legacy.preprocessing.image.ImageDataGenerator()
    theirs = next(reader.flow_from_directory(tmp_path, (150, 150), batch_size=50, shuffle=False))[0]
    seen = [decode(photo, Preprocess(150, 150, interpolation="nearest")) for photo in photos]
    np.testing.assert_array_equal(seen, theirs)


@pytest.mark.parametrize("mode", FITS)
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_what_doesnt_average_reads_jpegs_at_full_size(mode: ResizeMode, interpolation: Interpolation) -> None:
    file = encode(smooth(640, 480), "JPEG", **JPEG)
    preprocess = Preprocess(40, 50, mode, interpolation=interpolation)
    np.testing.assert_array_equal(decode(file, preprocess), decode(decode(file), preprocess))


@pytest.mark.parametrize("mode", FITS)
@pytest.mark.parametrize("interpolation", get_args(Interpolation))
def test_every_way_of_resizing_keeps_positions(mode: ResizeMode, interpolation: Interpolation) -> None:
    wide = smooth(400, 300)
    seen = decode(wide, Preprocess(60, 60, mode, interpolation=interpolation)).astype(float)
    averaged = decode(wide, Preprocess(60, 60, mode)).astype(float)
    assert np.abs(seen - averaged).mean() < 6  # a shift by a pixel of the result makes more


def test_a_record_without_interpolation_is_of_a_version_that_averaged() -> None:
    older = {"height": 8, "width": 9, "resize_mode": "crop"}
    assert Preprocess.from_dict(older) == Preprocess(8, 9, "crop", interpolation="area")
    again = Preprocess(8, 9, interpolation="nearest")
    assert Preprocess.from_dict(again.to_dict()) == again


def test_an_unknown_interpolation_is_refused() -> None:
    with pytest.raises(ValueError, match="interpolation is one of area, bilinear, nearest, not 'cubic'"):
        Preprocess(8, 8, interpolation="cubic")  # type: ignore[arg-type]
