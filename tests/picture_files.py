"""Picture files with known answers: what the tests of the decoder are made of. Pillow writes most of them."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.uint8]

RED, GREEN, BLUE, YELLOW = (220, 40, 30), (30, 190, 60), (40, 60, 200), (240, 220, 20)
ORIENTATION, EXIF_ARTIST = 0x0112, 0x013B


def quadrants(width: int = 64, height: int = 32) -> Array:
    """Red over blue on the left, green over yellow on the right: which way is up shows in the corners."""
    picture = np.empty((height, width, 3), np.uint8)
    top, left = slice(None, height // 2), slice(None, width // 2)
    bottom, right = slice(height // 2, None), slice(width // 2, None)
    picture[top, left], picture[top, right], picture[bottom, left], picture[bottom, right] = RED, GREEN, BLUE, YELLOW
    return picture


def gray_quadrants(width: int = 64, height: int = 32) -> Array:
    """The same in gray: 0 and 80 over 160 and 255."""
    cell = np.ones((height // 2, width // 2), np.uint8)
    return np.kron(np.array([[0, 80], [160, 255]], np.uint8), cell)


def as_rgb(gray: Array) -> Array:
    return np.repeat(gray[:, :, None], 3, axis=2)


def smooth(width: int, height: int) -> Array:
    """Slow waves of colour, in which neighbouring pixels hardly differ: what JPEG keeps well at every scale."""
    x, y = np.meshgrid(np.linspace(0, 3, width), np.linspace(0, 2, height))
    waves = [np.sin(x + shift) * np.cos(y - shift) for shift in (0.0, 1.0, 2.0)]
    return np.asarray(128 + 100 * np.stack(waves, axis=2), np.uint8)


def encode(picture: Array | Image.Image, form: str, **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    tags[EXIF_ARTIST] = "nobody"
    return tags


def palette(picture: Array) -> Image.Image:
    """The four colours of `quadrants` as a palette image, exactly."""
    return Image.fromarray(picture).quantize(4, dither=Image.Dither.NONE)


def png(samples: NDArray[Any], colour_type: int, extra: bytes = b"", size: tuple[int, int] | None = None) -> bytes:
    """A PNG of 8 or 16 bits from samples (h, w[, channels]). `size`: what the header shall claim, (width, height)."""
    depth = samples.dtype.itemsize * 8
    height, width = samples.shape[:2]
    rows = samples.astype(samples.dtype.newbyteorder(">")).reshape(height, -1)
    pixels = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", *(size or (width, height)), depth, colour_type, 0, 0, 0)
    parts = [png_chunk(b"IHDR", header), extra, png_chunk(b"IDAT", zlib.compress(pixels)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tiff16(samples: NDArray[np.uint16], order: str = "<") -> bytes:
    """An uncompressed 16-bit RGB TIFF, which Pillow reads but doesn't write. `order`: < or >."""
    height, width = samples.shape[:2]
    bits_at, pixels_at = 8 + 2 + 9 * 12 + 4, 8 + 2 + 9 * 12 + 4 + 6
    # (tag, type: 3 short, 4 long, count, value): size, bits, compression, RGB, offset, channels, rows a strip, bytes
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, bits_at), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, pixels_at), (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, samples.nbytes)]
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8) + struct.pack(order + "H", len(tags))
    entries = b"".join(
        struct.pack(order + ("HHIHH" if kind == 3 and n == 1 else "HHII"), tag, kind, n, value, *pad)
        for tag, kind, n, value in tags
        for pad in [(0,) if kind == 3 and n == 1 else ()]
    )
    bits = struct.pack(order + "HHH", 16, 16, 16)
    return head + entries + struct.pack(order + "I", 0) + bits + samples.astype(order + "u2").tobytes()
