"""THE only decoder: any picture file -> upright RGB pixels of a stated size.

Training, testing, prediction and the service all come through here, so a picture is never seen in two ways.
"""

import io
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pawlab.errors import PictureError

Fit = Literal["squash", "crop", "pad"]
Pixels = NDArray[np.uint8]
Source = str | Path | bytes | BinaryIO | Image.Image | Pixels

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO")  # MPO: what some phones call a JPEG with a second view
EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".mpo"}
)
MAX_PIXELS = 128_000_000  # a 108-megapixel phone photo passes; decoded, this is 384 MB

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = {_TURNS[5], _TURNS[6], _TURNS[7], _TURNS[8]}

# Our own limit above is the one that holds, and it refuses rather than warns.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Preprocess:
    """How a picture becomes pixels; stored with every classifier.

    `height`, `width`: in pixels. `fit`: `squash` stretches the picture to the size, `crop` keeps its shape and cuts
    what stands over, evenly on both sides, `pad` keeps its shape and fills the rest with mid-gray (127).
    Resizing is Pillow's bilinear filter, which averages over all pixels that fall into one when it shrinks a picture.
    """

    height: int
    width: int
    fit: Fit = "squash"

    def __post_init__(self) -> None:
        if self.fit not in get_args(Fit):
            raise ValueError(f"fit is one of {', '.join(get_args(Fit))}, not {self.fit!r}")
        if self.height < 1 or self.width < 1:
            raise ValueError(f"a picture has at least one pixel each way, not {self.height} x {self.width}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class PictureInfo:
    """What a picture's header says. `width`, `height`: pixels as people see it, after its orientation is applied."""

    width: int
    height: int
    format: str


def decode(source: Source, preprocess: Preprocess | None = None) -> Pixels:
    """Return an upright picture as (height, width, 3) uint8, RGB, 0-255.

    `source`: a path, a file's bytes, an open binary file, a Pillow image, or an array (height, width), (height, width, 3)
    or (height, width, 4) of uint8. Without `preprocess` the picture keeps its size. Animations and multi-page files
    give their first frame; transparency is laid on white; 16-bit gray is brought to 8 bits.

    Raises PictureError where it can't be decoded, is cut off, or has more than MAX_PIXELS pixels.
    """
    image = _open(source)
    _load(image, preprocess)
    turn = _TURNS.get(_orientation(image))
    rgb = _to_rgb(image)
    if preprocess is not None:
        rgb = _fit(rgb, preprocess, sideways=turn in _QUARTER_TURNS)
    if turn is not None:
        rgb = rgb.transpose(turn)
    return np.asarray(rgb, dtype=np.uint8)


def inspect(source: Source) -> PictureInfo:
    """Read a picture's header only. Raises PictureError as `decode` does."""
    image = _open(source)
    width, height = image.size
    if _TURNS.get(_orientation(image)) in _QUARTER_TURNS:
        width, height = height, width
    return PictureInfo(width, height, image.format or "array")


def looks_like_picture(head: bytes) -> bool:
    """Say whether a file's first 16 bytes are those of a format that `decode` reads."""
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[:2] == b"BM" and head[6:10] == b"\0\0\0\0")
    )


def _open(source: Source) -> Image.Image:
    if isinstance(source, Image.Image):
        image = source.copy()
    elif isinstance(source, np.ndarray):
        if source.dtype != np.uint8:
            raise PictureError(f"an array of {source.dtype} was given; pictures are arrays of uint8, 0-255")
        image = Image.fromarray(source)
    else:
        image = _open_file(source)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"has {width} x {height} pixels, more than the {MAX_PIXELS // 1_000_000} million that are safe to decode"
        )
    return image


def _open_file(source: str | Path | bytes | BinaryIO) -> Image.Image:
    """Open a file's header. All bytes are read at once: no file stays open, and the disk is read in one go."""
    data = source if isinstance(source, bytes) else _read(source)
    if not data:
        raise PictureError("the file is empty")
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise PictureError("isn't a picture in a format that can be read (JPEG, PNG, WebP, GIF, BMP, TIFF)") from error
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"has more than the {MAX_PIXELS // 1_000_000} million pixels that are safe to decode"
        ) from error
    except Exception as error:
        raise PictureError(f"can't be decoded: {_reason(error)}") from error


def _read(source: str | Path | BinaryIO) -> bytes:
    if not isinstance(source, str | Path):
        return source.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise PictureError(f"can't be read: {error.strerror or error}") from error


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a damaged EXIF block says nothing about which way is up; the pixels may be fine
        return 1


def _load(image: Image.Image, preprocess: Preprocess | None) -> None:
    """Decode the pixels. A JPEG is decoded at 1/2, 1/4 or 1/8 where that is still large enough: much faster."""
    if preprocess is not None and image.format in ("JPEG", "MPO"):
        image.draft(None, _smallest_useful_size(image, preprocess))
    try:
        image.load()
    except Exception as error:  # Pillow's plugins raise nearly everything on damaged files; the file is at fault
        raise PictureError(f"can't be decoded: {_reason(error)}") from error


def _smallest_useful_size(image: Image.Image, preprocess: Preprocess) -> tuple[int, int]:
    """Return a (width, height) below which decoding would lose detail; right whichever way up the picture lies."""
    longer = max(preprocess.width, preprocess.height)
    if preprocess.fit != "pad":
        return (longer, longer)
    scale = longer / max(image.size)  # the longer side decides; what the shorter becomes follows from it
    return (max(1, int(image.width * scale)), max(1, int(image.height * scale)))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):
        image = _to_8_bits(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return image.convert("RGB")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Bring gray of 16 or 32 bits, or floating point, to 0-255. Pillow's own conversion would cut everything above 255.

    Integers are taken as 16-bit unless they all fit in 8 bits already; floats as 0-1 unless they exceed 1.
    """
    values = np.asarray(image).astype(np.float64)
    top = float(values.max(initial=0.0))
    if image.mode == "F":
        scale = 255.0 if top <= 1.0 else 1.0
    else:
        scale = 255.0 / 65535.0 if image.mode.startswith("I;16") or top > 255 else 1.0
    return Image.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))


def _fit(image: Image.Image, preprocess: Preprocess, sideways: bool) -> Image.Image:
    """Bring an image to the size; `sideways` where a quarter turn follows, which is cheaper on the small image."""
    size = (preprocess.height, preprocess.width) if sideways else (preprocess.width, preprocess.height)
    if preprocess.fit == "crop":
        return image.resize(size, Image.Resampling.BILINEAR, box=_central_box(image.size, size))
    if preprocess.fit == "pad":
        return _padded(image, size)
    return image.resize(size, Image.Resampling.BILINEAR)


def _central_box(have: tuple[int, int], want: tuple[int, int]) -> tuple[float, float, float, float]:
    scale = min(have[0] / want[0], have[1] / want[1])
    width, height = want[0] * scale, want[1] * scale
    left, top = (have[0] - width) / 2, (have[1] - height) / 2
    return (left, top, left + width, top + height)


def _padded(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    scale = min(size[0] / image.width, size[1] / image.height)
    inner = (max(1, min(size[0], round(image.width * scale))), max(1, min(size[1], round(image.height * scale))))
    canvas = Image.new("RGB", size, (127, 127, 127))
    canvas.paste(image.resize(inner, Image.Resampling.BILINEAR), ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return canvas


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else text[:157] + "..."
