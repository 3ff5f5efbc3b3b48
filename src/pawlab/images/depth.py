"""Pictures of more than 8 bits a channel -> 8 bits: what is black, what is white, by one stated rule.

Black is 0. White is what the file says (PNG's sBIT chunk, TIFF's MaxSampleValue or SMaxSampleValue), else the first of
10, 12, 14 or 16 bits that holds its largest value, since files of 16 bits often hold fewer; for floats also 1 and 255,
for 32-bit integers also 255. In training it is the largest white of the whole data set, and the classifier keeps it: a
single picture's own value decides only where nothing else is known.
"""

import io
import struct

import numpy as np
from PIL import Image

Range = tuple[float, float]  # the values that become 0 and 255

_LEVELS = (1023.0, 4095.0, 16383.0, 65535.0)
_SLIGHTLY_OVER = 1.5  # times a level, that still count as it: interpolation overshoots, and sensors clip unevenly
_MAX_SAMPLE, _SMAX_SAMPLE = 281, 341  # TIFF's tags
_BEFORE_PIXELS = 4096  # bytes of a PNG, within which its sBIT chunk stands


def is_deep(image: Image.Image) -> bool:
    """Say whether an image has one channel of 16 or 32 bits, or of floats."""
    return image.mode.startswith(("I", "F"))


def said_white(image: Image.Image) -> float | None:
    """Return the largest value that a deep picture's file says its pixels can have; asked before they are loaded."""
    if not is_deep(image):
        return None
    if image.format == "PNG":
        bits = _significant_bits(image)
        return None if bits is None else float(2**bits - 1)
    tags = getattr(image, "tag_v2", {})
    for tag in (_SMAX_SAMPLE, _MAX_SAMPLE):
        value = tags.get(tag)
        value = value[0] if isinstance(value, tuple) and value else value
        if isinstance(value, int | float) and value > 0:
            return float(value)
    return None


def likely_white(image: Image.Image) -> float:
    """Return the value of a deep image that is white, by its largest value."""
    top = largest_value(image)
    if image.mode == "F":
        small = [level for level in (1.0, 255.0) if top <= level * _SLIGHTLY_OVER]
    else:
        small = [255.0] if image.mode == "I" and top <= 255 * _SLIGHTLY_OVER else []
    fitting = small or [level for level in _LEVELS if top <= level]
    return fitting[0] if fitting else top


def largest_value(image: Image.Image) -> float:
    """Return the largest value of a deep image that is a number."""
    return float(np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0).max())


def to_8_bits(image: Image.Image, value_range: Range | None) -> Image.Image:
    """Bring a deep image to 0-255, gray. Pillow's own conversion would cut off everything above 255."""
    black, white = value_range or (0.0, likely_white(image))
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0)
    scaled = (values - black) * np.float32(255.0 / (white - black))
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _significant_bits(image: Image.Image) -> int | None:
    file = getattr(image, "fp", None)
    data = bytes(file.getbuffer()[:_BEFORE_PIXELS]) if isinstance(file, io.BytesIO) else b""
    place = data.find(b"sBIT")
    if place < 4 or struct.unpack(">I", data[place - 4 : place])[0] != 1:  # one byte: gray
        return None
    bits = data[place + 4]
    return bits if 1 <= bits <= 16 else None
