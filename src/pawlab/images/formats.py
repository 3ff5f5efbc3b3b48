"""Which files are pictures that can be read: by their first bytes, and by their names."""

import os
from functools import cache
from importlib.util import find_spec

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA")  # MPO opens as JPEG
READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, PPM, TGA"
NEEDS_HEIC = 'is HEIC, which needs an extra: pip install "pawlab[heic]"'  # reports keep it: no path of this machine
TGA_END = b"TRUEVISION-XFILE.\0"  # what a TGA file ends with, if it's not of the first version

_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".mpo", ".avif"}
    | {".jp2", ".j2k", ".jpx", ".jpf", ".jpc", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"}
)
_HEIC_EXTENSIONS = frozenset({".heic", ".heif", ".hif"})
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+",
               b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")  # fmt: skip
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")


@cache
def extensions() -> frozenset[str]:
    """Return the extensions of files that can be read, in lower case."""
    return _EXTENSIONS | (_HEIC_EXTENSIONS if find_spec("pi_heif") else frozenset())


def is_picture_name(name: str) -> bool:
    """Say whether a file's name has one of the extensions of pictures."""
    return os.path.splitext(name)[1].lower() in extensions()  # noqa: PTH122 (a million names: no Path for each)


def looks_like_picture(head: bytes) -> bool:
    """Say whether a file's first 16 bytes are those of a format that can be read. TGA has no such bytes."""
    return (
        head.startswith(_SIGNATURES)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[:2] == b"BM" and int.from_bytes(head[14:16], "little") in _BMP_HEADER_SIZES)
        or (head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace())
        or (head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS)
        or (is_heic(head) and bool(find_spec("pi_heif")))
    )


def is_heic(head: bytes) -> bool:
    """Say whether a file's first bytes are those of HEIC, as iPhones write it."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS


@cache
def register_heic() -> None:
    """Have Pillow read HEIC. Raises ModuleNotFoundError without the extra."""
    import pi_heif

    pi_heif.register_heif_opener()
