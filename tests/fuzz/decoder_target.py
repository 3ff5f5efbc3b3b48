"""Pictures for the decoder: every format that Pillow writes, damaged; and the decoder's three ways in."""

import struct
from functools import cache
from random import Random

import numpy as np
from mutation import mutated, with_sound_png_sums
from PIL import Image
from target import Target, require_sentence

from pawlab.errors import PictureError
from pawlab.images import Preprocess, decode, inspect
from pawlab.images.decoder import gray_thumbnail
from picture_files import encode, exif, gray_quadrants, palette, png, png_chunk, quadrants, smooth, tiff16

_FIRST_CHECKS = ("isn't a picture in a format", "its header is damaged", "the file is empty", "needs an extra")
_SIZES = (
    None,
    Preprocess(7, 9),
    Preprocess(32, 20, "crop"),
    Preprocess(16, 16, "pad"),
    Preprocess(8, 8, "squash", (0.0, 900.0)),
)
_TOKENS = (
    *(b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"eXIf", b"acTL", b"iCCP", b"gAMA", b"IEND"),
    *(b"\xff\xd8", b"\xff\xd9", b"\xff\xc0", b"\xff\xc2", b"\xff\xda", b"\xff\xdb", b"\xff\xe1", b"Exif\0\0"),
    *(b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"\x2c", b"\x21\xf9\x04", b"\x3b"),
    *(b"\x00\x01\x00\x03\x00\x01", b"\x01\x01\x00\x04\x00\x01", b"ftyp", b"meta", b"iloc", b"ipma", b"ispe", b"jp2h"),
)


@cache
def pictures() -> tuple[bytes, ...]:
    """Return sound files of every format that is read."""
    shapes, gray, waves = quadrants(24, 16), gray_quadrants(24, 16), smooth(40, 30)
    deep = np.arange(24 * 16, dtype=np.uint16).reshape(16, 24) * 170
    clear = np.dstack([shapes, gray])
    frames = {"save_all": True, "append_images": [Image.fromarray(gray)]}
    made = [encode(waves, "JPEG"), encode(waves, "JPEG", progressive=True), encode(gray, "JPEG")]
    made += [encode(shapes, "JPEG", exif=exif(turn)) for turn in (3, 6, 8)]
    made += [encode(Image.fromarray(waves).convert("CMYK"), "JPEG"), encode(shapes, "MPO", **frames)]
    made += [encode(shapes, "PNG"), encode(gray, "PNG"), encode(clear, "PNG"), encode(palette(shapes), "PNG")]
    made += [encode(Image.fromarray(deep), "PNG"), png(shapes, 2, png_chunk(b"tRNS", struct.pack(">HHH", 220, 40, 30)))]
    made += [encode(shapes, "PNG", exif=exif(5)), encode(shapes, "GIF"), encode(shapes, "GIF", **frames)]
    made += [encode(waves, "WEBP"), encode(clear, "WEBP", lossless=True), encode(shapes, "WEBP", **frames)]
    made += [encode(shapes, "BMP"), encode(palette(shapes), "BMP"), encode(gray, "BMP")]
    made += [
        encode(shapes, "TIFF"),
        encode(shapes, "TIFF", compression="tiff_lzw"),
        encode(Image.fromarray(deep), "TIFF"),
    ]
    made += [encode(gray, "TIFF", compression="packbits"), encode(shapes, "TIFF", compression="jpeg")]
    made += [tiff16(np.dstack([deep, deep, deep])), tiff16(np.dstack([deep, deep, deep]), ">")]
    made += [
        encode(waves, "JPEG2000"),
        encode(gray, "JPEG2000", no_jp2=True),
        encode(shapes, "PPM"),
        encode(gray, "PPM"),
    ]
    made += [encode(shapes, "TGA"), encode(clear, "TGA", compression="tga_rle"), encode(waves, "AVIF", speed=10)]
    return tuple(made)


class DecoderTarget(Target):
    """Damaged pictures: each gives an array of the right kind, or one sentence."""

    kind = "decoder"

    def make(self, random: Random) -> bytes:
        """Return a picture with some damage."""
        data = mutated(random.choice(pictures()), random, pictures(), _TOKENS, spare=16)
        return with_sound_png_sums(data) if random.random() < 0.8 else data

    def try_one(self, given: bytes, random: Random) -> bool:
        """Decode, inspect and shrink it."""
        preprocess = random.choice(_SIZES)
        try:
            info = inspect(given)
        except PictureError as error:
            return not any(first in require_sentence(error) for first in _FIRST_CHECKS)
        assert info.width > 0
        assert info.height > 0
        try:
            pixels = decode(given, preprocess)
            expected = (preprocess.height, preprocess.width) if preprocess else (info.height, info.width)
            assert pixels.shape == (*expected, 3)
            assert pixels.dtype == np.uint8
        except PictureError as error:
            require_sentence(error)
        try:
            assert gray_thumbnail(given, 9)[0].shape == (9, 9)
        except PictureError as error:
            require_sentence(error)
        return True
