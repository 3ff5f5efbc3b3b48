"""THE only decoder: any picture file -> upright RGB pixels of a stated size.

Training, testing, prediction and the service all come through here, so a picture is never seen in two ways.
"""

import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, UnidentifiedImageError

from pawlab.errors import PictureError, one_line
from pawlab.images.depth import Range, is_deep, largest_value, likely_white, said_white, to_8_bits
from pawlab.images.formats import (
    FORMATS,
    NEEDS_HEIC,
    READABLE,
    TGA_END,
    is_heic,
    looks_like_picture,
    register_heic,
)
from pawlab.waiting import waiting_for

ResizeMode = Literal["squash", "crop", "pad"]
Interpolation = Literal["area", "bilinear", "nearest"]
Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]  # left, top, right and bottom, in pixels
Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | Pixels

DECODER_VERSION = 2  # add one whenever a change here alters any pixels: cached features are then made anew
MAX_PIXELS = 128_000_000  # a 108-megapixel phone photo passes; decoded, this is 384 MB
MAX_BYTES = 800_000_000  # of a file: so many pixels of 16-bit RGB, uncompressed, are 768 MB

_TOO_MANY = f"more than the {MAX_PIXELS // 1_000_000} million pixels that are safe to decode"

_ORIENTATION_TAG = 0x0112
_HEIC_HEADER = 1 << 16  # bytes, within which a turn of HEIC's own stands; with one, the EXIF tag doesn't count
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)

# Pillow warns of damage that it then reads past. What can't be read past becomes a PictureError, the rest is no news.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True)
class Pinned(os.PathLike[str]):
    """A path whose file must hold what it held before, by the SHA-256 of that; if it doesn't, it can't be read."""

    path: str
    sha256: str

    def __fspath__(self) -> str:
        return self.path


@dataclass(frozen=True, init=False)
class Preprocess:
    """How a picture becomes pixels; stored with every classifier.

    `height`, `width`: in pixels. `resize_mode`: `squash` stretches the picture to the size, `crop` keeps its shape and
    cuts what stands over, evenly on both sides, `pad` keeps its shape and fills the rest with mid-gray (127).
    `value_range`: black and white of pictures of more than 8 bits; None leaves it to each picture (`depth`).
    `interpolation`: `area` is Pillow's bilinear filter, which averages over all pixels that fall into one when it
    shrinks a picture. `bilinear` weighs the four pixels around each new one's centre, whatever lies between them, as
    TensorFlow's `tf.image.resize` and Keras's `image_dataset_from_directory` do; values are rounded down. `nearest`
    takes the one pixel there, as Keras's `ImageDataGenerator` does. These two decode JPEGs at their full size.
    """

    height: int
    width: int
    resize_mode: ResizeMode = "squash"
    value_range: Range | None = None
    interpolation: Interpolation = "area"

    def __init__(
        self,
        height: int,
        width: int,
        resize_mode: ResizeMode = "squash",
        value_range: Range | None = None,
        fit: ResizeMode | None = None,
        interpolation: Interpolation = "area",
    ) -> None:
        if fit is not None:
            warnings.warn("Preprocess(fit=...) is now resize_mode=...", DeprecationWarning, stacklevel=2)
        span = None if value_range is None else tuple(value_range)
        values = height, width, fit or resize_mode, span, interpolation
        for field, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, field.name, value)
        for name, known in (("resize_mode", get_args(ResizeMode)), ("interpolation", get_args(Interpolation))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}, not {getattr(self, name)!r}")
        if height < 1 or width < 1:
            raise ValueError(f"a picture has at least one pixel each way, not {height} x {width}")
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise ValueError(f"black must be less than white, not {self.value_range}")

    @property
    def fit(self) -> ResizeMode:
        """Return `resize_mode`; deprecated."""
        warnings.warn("Preprocess.fit is now resize_mode", DeprecationWarning, stacklevel=2)
        return self.resize_mode

    def to_dict(self) -> dict[str, Any]:
        """Return `height`, `width`, `resize_mode` and `interpolation` by name, and `value_range` where there is one."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Preprocess":
        """Read back what `to_dict` gave, or what older versions, all `area`, wrote. Raises TypeError or ValueError."""
        return Preprocess(**{"resize_mode" if name == "fit" else name: value for name, value in values.items()})


@dataclass(frozen=True)
class PictureInfo:
    """What a picture's header says. `width`, `height`: pixels as people see it, after its orientation is applied.

    `white`: of pictures of more than 8 bits, the value that is white, and `brightest`, the largest they have; None of
    others, and where no pixel was read.
    """

    width: int
    height: int
    format: str
    white: float | None = None
    brightest: float | None = None


def decode(source: Source, preprocess: Preprocess | None = None) -> Pixels:
    """Return an upright picture as (height, width, 3) uint8, RGB, 0-255.

    `source`: a path, a file's bytes, an open binary file, a Pillow image, or an array (height, width),
    (height, width, 3) or (height, width, 4) of uint8. Without `preprocess` the picture keeps its size. Animations and
    multi-page files give their first frame; transparency is laid on white; deep gray is brought to 8 bits; colour
    profiles are ignored, as they were when the pretrained networks learned.

    Raises PictureError where it can't be decoded, is cut off, or has more than MAX_PIXELS pixels or MAX_BYTES bytes;
    MemoryError where the machine lacks memory for less: what is skipped doesn't depend on what else goes on.
    """
    return read(source, preprocess)[0]


def read(source: Source, preprocess: Preprocess | None = None) -> tuple[Pixels, PictureInfo]:
    """Return what `decode` and `inspect` do, from one opening of the file."""
    image = _open(source)
    if preprocess is None:
        upright, info = _upright(image)
        return np.asarray(upright), info
    scaled = preprocess.interpolation == "area" and image is not source
    size = _smallest_useful_size(image, preprocess) if scaled else None
    upright, info = _upright(image, size, preprocess.value_range)
    return np.asarray(_resized(upright, preprocess)), info


def read_small(source: Source, side: int) -> tuple[Image.Image, PictureInfo]:
    """Return an upright RGB picture, 8 bits, in its own shape, and its header. Raises PictureError as `decode` does.

    A JPEG comes at 1/2, 1/4 or 1/8 of its size where its longer side still has `side` pixels then; all else whole.
    """
    image = _open(source)
    return _upright(image, None if image is source else _in_shape(image, side))


def _upright(
    image: Image.Image, size: tuple[int, int] | None = None, value_range: Range | None = None
) -> tuple[Image.Image, PictureInfo]:
    """Decode an open picture. `size`: (width, height), down to which a JPEG may be decoded: much faster.

    That averages over pixels. It changes the image, so for a caller's own none is to be given.
    """
    info = _info(image)
    with _the_file_at_fault():
        said = said_white(image)
        if size is not None and image.format in ("JPEG", "MPO"):
            image.draft(None, size)
        image.load()
        rgb = _to_rgb(image, value_range or (None if said is None else (0.0, said)))
    return _turned(rgb, _orientation(image)), info


def inspect(source: Source) -> PictureInfo:
    """Read what a picture's header says; the pixels aren't checked. Raises PictureError as `decode` does."""
    return _info(_open(source))


def _info(image: Image.Image) -> PictureInfo:
    width, height = image.size
    if (
        _orientation(image, decoded=False) in _SIDEWAYS and image.format != "TIFF"
    ):  # there Pillow has swapped them already
        width, height = height, width
    return PictureInfo(width, height, image.format or "array")


def gray_thumbnail(source: Source, side: int) -> tuple[Pixels, PictureInfo]:
    """Return an upright picture squashed to (side, side) uint8 gray, and its header; a JPEG is decoded small.

    Raises PictureError as `decode` does.
    """
    image = _open(source)
    info = _info(image)
    with _the_file_at_fault():
        said = said_white(image)
        if image is not source and image.format in ("JPEG", "MPO"):
            image.draft("L", (side, side))
        image.load()
        if is_deep(image):
            info = replace(info, white=said or likely_white(image), brightest=largest_value(image))
        gray = image if image.mode == "L" else _to_rgb(image).convert("L")
    small = gray.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(_turned(small, _orientation(image))), info


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Return what a picture file holds. Raises PictureError where that can't be read or is too much.

    Devices and pipes are refused: some never end.
    """
    try:
        with waiting_for(path):
            return _content(Path(path))
    except OSError as error:
        raise PictureError(f"can't be read: {error.strerror or error}") from error
    except ValueError as error:  # a path with a NUL in it
        raise PictureError(f"can't be read: {error}") from error


def _content(path: Path) -> bytes:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise PictureError("is a folder: give it alone, not in a list, or name the pictures in it")
    if not stat.S_ISREG(status.st_mode):
        raise PictureError("isn't a regular file")
    if status.st_size > MAX_BYTES:
        raise PictureError(f"has {status.st_size:,} bytes, more than the {MAX_BYTES:,} that are safe to read")
    return path.read_bytes()


def _open(source: Source) -> Image.Image:
    if isinstance(source, Image.Image):
        image = source
    elif isinstance(source, np.ndarray):
        image = _from_array(source)
    else:
        image = _from_file(source)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(f"has {width} x {height}, {_TOO_MANY}")
    if width * height == 0:
        raise PictureError(f"has {width} x {height} pixels; a picture has at least one each way")
    return image


def _from_array(array: Pixels) -> Image.Image:
    if array.dtype != np.uint8:
        hint = ": multiply by 255 where it holds 0 to 1, then convert" if array.dtype.kind == "f" else ""
        raise PictureError(f"an array of {array.dtype} was given; pictures are arrays of uint8, 0-255{hint}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise PictureError(
            f"an array of shape {array.shape} was given; pictures are (height, width[, 3 or 4 channels])"
        )
    return Image.fromarray(array)


def _from_file(source: Any) -> Image.Image:
    """Open a file's header. All bytes are read at once: no file stays open, and the disk is read in one go."""
    data = _bytes_of(source)
    if not data:
        raise PictureError("the file is empty")
    head = data[:16]
    if is_heic(head) and not looks_like_picture(head):
        raise PictureError(f"isn't a picture in a format that can be read ({READABLE}): it {NEEDS_HEIC}")
    named_tga = isinstance(source, str | os.PathLike) and os.fspath(source).lower().endswith(".tga")
    if not looks_like_picture(head) and not named_tga and not data.endswith(TGA_END):
        raise PictureError(f"isn't a picture in a format that can be read ({READABLE})")
    formats: tuple[str, ...] = FORMATS
    if is_heic(head):
        register_heic()
        formats = ("HEIF",)
    with _the_file_at_fault():
        image = Image.open(io.BytesIO(data), formats=formats)
        if is_heic(head) and b"irot" not in data[:_HEIC_HEADER]:
            image.getexif()[_ORIENTATION_TAG] = image.info.get("original_orientation") or 1
        return image


def _bytes_of(source: Any) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        content = read_file(source)
        if isinstance(source, Pinned) and sha256(content).hexdigest() != source.sha256:
            raise PictureError("has changed since it was found")
        return content
    try:
        data = source.read() if hasattr(source, "read") else None
    except (OSError, ValueError) as error:  # ValueError: it is closed
        raise PictureError(f"can't be read: {one_line(error)}") from error
    if isinstance(data, bytes):
        return data
    what = "a text file" if isinstance(data, str) else f"{type(source).__name__}"
    raise PictureError(
        f"{what} was given; pictures are paths, bytes, open binary files, Pillow images or uint8 arrays (RGB)"
    )


@contextmanager
def _the_file_at_fault() -> Iterator[None]:
    """Name the file's fault, whatever is raised: on damaged files Pillow's plugins raise nearly everything."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise PictureError("can't be decoded: its header is damaged") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"has {_TOO_MANY}") from error
    except MemoryError:  # within those limits it is the machine that lacks memory: the same picture is read elsewhere
        raise
    except Exception as error:
        raise PictureError(f"can't be decoded: {_reason(error)}") from error


def _orientation(image: Image.Image, decoded: bool = True) -> int:
    """Return the EXIF orientation, 1 to 8; 1, upright, where nothing sensible is said."""
    try:
        exif = image.getexif() if decoded or _has_exif_chunk(image) else Image.Image.getexif(image)
        return int(exif.get(_ORIENTATION_TAG, 1))
    except Exception:  # a damaged EXIF block says nothing about which way is up; the pixels may be fine
        return 1


def _has_exif_chunk(image: Image.Image) -> bool:
    """Say whether a PNG may have EXIF behind its pixels. Pillow's own getexif would decode every PNG to find out."""
    file = getattr(image, "fp", None)
    return isinstance(file, io.BytesIO) and b"eXIf" in file.getvalue()


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _smallest_useful_size(image: Image.Image, preprocess: Preprocess) -> tuple[int, int]:
    """Return a (width, height) below which decoding would lose detail; right whichever way up the picture lies."""
    longer = max(preprocess.width, preprocess.height)
    if preprocess.resize_mode != "pad":
        return (longer, longer)
    return _in_shape(image, longer)  # the longer side decides; what the shorter becomes follows from it


def _in_shape(image: Image.Image, longer: int) -> tuple[int, int]:
    scale = longer / max(image.size)
    return (max(1, int(image.width * scale)), max(1, int(image.height * scale)))


def _to_rgb(image: Image.Image, value_range: Range | None = None) -> Image.Image:
    if is_deep(image):
        image = to_8_bits(image, value_range)
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        image = ImageChops.invert(image)  # Pillow takes all for Adobe's, which are stored as negatives
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, with_alpha)
    return image if image.mode == "RGB" else image.convert("RGB")


def _resized(image: Image.Image, preprocess: Preprocess) -> Image.Image:
    size = (preprocess.width, preprocess.height)
    if preprocess.resize_mode == "crop":
        return _scaled(image, size, preprocess.interpolation, _central_box(image.size, size))
    if preprocess.resize_mode == "pad":
        return _padded(image, size, preprocess.interpolation)
    return _scaled(image, size, preprocess.interpolation, (0, 0, *image.size))


def _scaled(image: Image.Image, size: tuple[int, int], interpolation: Interpolation, box: Box) -> Image.Image:
    """Bring what lies in a box of the picture to a size (width, height)."""
    if interpolation == "area":
        return image.resize(size, Image.Resampling.BILINEAR, box)
    across, down = (box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]
    method = Image.Resampling.BILINEAR if interpolation == "bilinear" else Image.Resampling.NEAREST
    return image.transform(size, Image.Transform.AFFINE, (across, 0, box[0], 0, down, box[1]), method)


def _central_box(have: tuple[int, int], want: tuple[int, int]) -> Box:
    scale = min(have[0] / want[0], have[1] / want[1])
    width, height = min(have[0], want[0] * scale), min(have[1], want[1] * scale)  # rounding must not lead outside
    left, top = (have[0] - width) / 2, (have[1] - height) / 2
    return (left, top, left + width, top + height)


def _padded(image: Image.Image, size: tuple[int, int], interpolation: Interpolation) -> Image.Image:
    scale = min(size[0] / image.width, size[1] / image.height)
    inner = (max(1, min(size[0], round(image.width * scale))), max(1, min(size[1], round(image.height * scale))))
    canvas = Image.new("RGB", size, (127, 127, 127))
    scaled = _scaled(image, inner, interpolation, (0, 0, *image.size))
    canvas.paste(scaled, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return canvas


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if not isinstance(error, OSError | SyntaxError | ValueError) or not text:  # those whose texts speak for themselves
        text = f"{type(error).__name__} {text}".strip()
    return text if len(text) <= 160 else text[:157] + "..."
