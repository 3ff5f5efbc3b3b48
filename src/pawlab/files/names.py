"""What a file's name and first bytes say of it, before it is read."""

import hashlib
from pathlib import Path

from pawlab.images import is_picture_name, looks_like_picture
from pawlab.images.formats import NEEDS_HEIC
from pawlab.waiting import waiting_for

NO_PICTURE = "isn't a picture"  # why a file is skipped that nobody would take for one
TABLE = "is a table. Give it instead of the folder to use its labels"
TABLE_IN_ARCHIVE = "is a table. Unpack the archive and give it to use its labels"
_IGNORED = frozenset(
    {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "icon\r", "picasa.ini", "zbthumbnail.info"}
    | {"$recycle.bin", "system volume information", "lost+found"}
)  # what systems leave beside people's files
_TABLES = frozenset({".csv", ".tsv", ".parquet", ".pq"})
_OTHER_KINDS = {
    **dict.fromkeys((".heic", ".heif", ".hif"), NEEDS_HEIC),
    **dict.fromkeys((".mov", ".mp4", ".avi", ".mkv", ".webm", ".m4v", ".3gp", ".mpg"), "is a video"),
    **dict.fromkeys((".svg", ".eps", ".ai"), "is a drawing without pixels. Export it as PNG"),
    **dict.fromkeys(
        (".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".raf", ".rw2"), "is a camera's raw file. Export it as JPEG"
    ),
    **dict.fromkeys((".psd", ".xcf", ".kra"), "is an editor's own format. Export it as PNG"),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"), "is an archive. Unpack it"),
    **dict.fromkeys(_TABLES, TABLE),
}
_CHUNK = 1 << 20  # bytes read at a time, so that memory stays flat whatever the files' sizes


def is_ignored(name: str) -> bool:
    """Say whether a file or folder of this name is no part of anyone's data: hidden, or left by a system."""
    return name.startswith(".") or name.casefold() in _IGNORED


def is_picture_file(path: Path) -> bool:
    """Say whether a file is a picture by its extension or else by its first bytes."""
    if is_picture_name(path.name):
        return True
    try:
        with path.open("rb", buffering=0) as file:
            return looks_like_picture(file.read(16))
    except OSError:
        return False


def is_web_page(path: Path) -> bool:
    """Say whether a file begins as HTML does. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        return file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))


def why_passed_over(path: Path) -> str:
    """Return why a file that is no picture is skipped, as a verb phrase, by its extension."""
    return _OTHER_KINDS.get(path.suffix.lower(), NO_PICTURE)


def file_sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes. Raises OSError."""
    digest = hashlib.sha256()
    with waiting_for(path), path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
