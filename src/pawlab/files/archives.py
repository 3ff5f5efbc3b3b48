"""Zip and tar archives of pictures, unpacked once into the cache, whatever they contain.

An archive comes from anyone. So: a member whose path leads outside makes us refuse the whole; links and devices are
never made; what comes out is limited in bytes, in files, and in proportion to what went in; only pictures are written.
The unpacked folder is named after the archive's own SHA-256, so an archive that changes is unpacked anew.
"""

import bz2
import errno
import gzip
import json
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from pawlab.errors import DataError, OutputError, system_hint
from pawlab.files.names import TABLE, TABLE_IN_ARCHIVE, file_sha256, is_ignored, why_passed_over
from pawlab.images import is_picture_name, looks_like_picture
from pawlab.names import printable
from pawlab.progress import Advance, Progress, silent
from pawlab.storage import cache_dir, mark_used, no_room_in_cache, one_at_a_time, replacing_folder

MAX_BYTES = 20_000_000_000  # unpacked
MAX_FILES = 1_000_000
MAX_RATIO = 100  # unpacked to packed; pictures are packed already, and even drawings in BMP seldom shrink so far
RATIO_FROM = 200_000_000  # bytes unpacked, below which any ratio does no harm

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_UNPACKERS: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_UTF_8 = 1 << 11  # the flag of a zip's member whose name is in UTF-8
_CHUNK = 1 << 18
_MAX_HEADER = 1 << 20  # bytes; tar headers with long names are far smaller, and are read into memory whole

# What the readers raise on files that are damaged, or made to harm.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    LookupError,
    ArithmeticError,
    RuntimeError,  # with NotImplementedError and RecursionError
    MemoryError,
)
_NAME_FAULTS = {errno.ENAMETOOLONG, errno.EINVAL, errno.ENOTDIR, errno.EISDIR, errno.EILSEQ, errno.ENOENT}


@dataclass(frozen=True)
class Unpacked:
    """Where an archive's pictures lie now, which members were skipped (name, reason), and what is to be looked at."""

    folder: Path
    skipped: tuple[tuple[str, str], ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Member:
    """One entry of an archive.

    `packed_end`: bytes of the archive up to its end; `open`: None for what isn't a file; `guessed`: whether the archive
    doesn't say in which encoding the name is.
    """

    name: str
    size: int
    packed_end: int
    open: Callable[[], IO[bytes]] | None
    is_folder: bool = False
    guessed: bool = False


def unpack(archive: Path, progress: Progress = silent) -> Unpacked:
    """Unpack an archive's pictures into the cache, or find them there.

    Raises DataError where it is no archive, is damaged, encrypted, too large or has a path that leads outside, and
    OutputError where there's no room; then nothing is left behind.
    """
    kind = archive_kind(archive)
    if kind is None:
        raise DataError(
            f"{printable(str(archive))} is no archive that can be read (zip, tar, tar.gz, tar.bz2, tar.xz). "
            "Give a folder, one of these, or a table."
        )
    with _reading(archive):
        target = cache_dir("archives") / file_sha256(archive)[:32]
    with one_at_a_time(target):
        if _unpacked_before(target) is None:
            with replacing_folder(target) as partial:
                _unpack_into(partial, archive, kind, progress)
        unpacked = _unpacked_before(target)
        mark_used(target)
    if unpacked is None:
        raise OutputError(f"the unpacked pictures vanished from {target}. Is something clearing the cache folder?")
    return unpacked


def archive_kind(path: Path) -> Literal["zip", "tar"] | None:
    """Find a file's kind from its bytes, not its name; None where it's no archive. Raises DataError."""
    with _reading(path), path.open("rb") as file:
        head = file.read(512)
    try:
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return "zip"
        if head.startswith(tuple(_UNPACKERS)) or head[257:262] == b"ustar" or (any(head) and tarfile.is_tarfile(path)):
            return "tar"
    except (OSError, *_DAMAGE):
        pass
    return None


def stem(name: str) -> str:
    """Return a file's name without the suffix of an archive or table: `photos` for `photos.tar.gz`."""
    for suffix in sorted(ARCHIVE_SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return PurePosixPath(name).stem


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"can't read {printable(str(archive))}: {error.strerror or error}.") from error


def _unpack_into(folder: Path, archive: Path, kind: str, progress: Progress) -> None:
    pictures = folder / "pictures"
    pictures.mkdir()
    skipped: list[tuple[str, str]] = []
    guessed: list[str] = []
    size = archive.stat().st_size
    with progress(f"Unpacking {printable(archive.name)}", size, unit="bytes") as advance, _damage_explained(archive):
        members = _zip_members(archive) if kind == "zip" else _tar_members(archive)
        limited = _limited(members, archive, size)
        for member in _advancing(limited, advance):
            reason = _unpack_member(member, pictures, archive)
            if reason:
                skipped.append((printable(member.name), reason))
            elif member.guessed:
                guessed.append(printable(member.name))
    doubts = []
    if guessed:
        doubts.append(
            f"{printable(archive.name)} doesn't say how its names are encoded, so letters may be wrong ({guessed[0]}): "
            "pack it anew as UTF-8, or unpack it where it was made"
        )
    _write_manifest(folder, skipped, doubts)


def _unpack_member(member: _Member, folder: Path, archive: Path) -> str | None:
    """Write one picture; return why it was skipped, if that's worth saying."""
    parts = _safe_parts(member.name, archive)
    if member.is_folder or not parts or any(is_ignored(part) for part in parts):
        return None
    if member.open is None:
        return "is a link or a device, which are never unpacked"
    with member.open() as source:
        head = source.read(16)
        if not is_picture_name(parts[-1]) and not looks_like_picture(head):
            reason = why_passed_over(Path(parts[-1]))
            return TABLE_IN_ARCHIVE if reason == TABLE else reason
        return _write(head, source, folder.joinpath(*parts))


def _safe_parts(name: str, archive: Path) -> list[str]:
    """Split a member's name into folders and file. Raises DataError where it would lead outside.

    Backslashes part folders too: some programs on Windows write them, and there they would lead outside as well.
    """
    path = name.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    drive = path[1:2] == ":" and path[:1].isalpha() and path[2:3] == "/"
    if ".." in parts or path.startswith("/") or drive or "\0" in path:
        raise DataError(
            f"{printable(str(archive))} has a member that leads outside the archive ({printable(name)!r}). "
            "Nothing was unpacked; get it from a source you trust."
        )
    return [_storable(part) for part in parts]


def _storable(part: str) -> str:
    if os.name != "nt":
        return part
    return part.translate({ord(character): "_" for character in '<>:"|?*'}).rstrip(". ") or "_"


def _write(head: bytes, source: IO[bytes], target: Path) -> str | None:
    """Write a member's bytes to a new file; return why if its name won't do."""
    with _room_for(target):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            file = target.open("xb")
        except FileExistsError:
            return "has the same name as another member"
        except OSError as error:
            if error.errno in _NAME_FAULTS:
                return f"can't be stored under its name: {error.strerror}"
            raise
    chunk = head
    with file:
        while chunk:
            with _room_for(target):
                file.write(chunk)
            chunk = source.read(_CHUNK)
    return None


@contextmanager
def _room_for(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise no_room_in_cache(printable(str(target)), error) from error


def _limited(members: Iterator[_Member], archive: Path, packed: int) -> Iterator[_Member]:
    """Pass members on until they exceed what an honest archive holds. Sizes are those that the readers hold them to."""
    total = 0
    for files, member in enumerate(members, start=1):
        total += member.size
        if total > MAX_BYTES:
            raise _too_large(archive, f"more than {MAX_BYTES // 10**9} GB")
        if files > MAX_FILES:
            raise _too_large(archive, f"more than {MAX_FILES:,} files")
        if total > RATIO_FROM and total > MAX_RATIO * packed:
            raise _too_large(archive, f"more than {MAX_RATIO} times its own size")
        yield member


def _too_large(archive: Path, what: str) -> DataError:
    return DataError(
        f"{printable(str(archive))} would unpack to {what}, which no set of pictures should. "
        "If you trust it, unpack it yourself and give the folder."
    )


def _advancing(members: Iterator[_Member], advance: Advance) -> Iterator[_Member]:
    done = 0
    for member in members:
        yield member
        advance(max(0, member.packed_end - done))
        done = max(done, member.packed_end)


def _zip_members(path: Path) -> Iterator[_Member]:
    """Yield a zip's entries. Python's reader stops at the size that an entry states, so a stated size holds."""
    with zipfile.ZipFile(path) as archive:
        done = 0
        for info in archive.infolist():
            done += info.compress_size
            _require_readable(path, info)
            name, guessed = _name_in_zip(info)
            yield _Member(name, info.file_size, done, _opener_in_zip(archive, info), info.is_dir(), guessed)


def _name_in_zip(info: zipfile.ZipInfo) -> tuple[str, bool]:
    """Return a member's name, and whether its encoding is a guess.

    Without the mark for UTF-8, Python reads cp437, the format's own; most programs mean UTF-8, or an encoding of their
    country that nothing tells.
    """
    if info.flag_bits & _UTF_8 or info.filename.isascii():
        return info.filename, False
    try:
        return info.filename.encode("cp437").decode("utf-8"), False
    except ValueError:
        return info.filename, True


def _require_readable(path: Path, info: zipfile.ZipInfo) -> None:
    """Refuse what needs a password, and methods that Python's reader unpacks without a limit on memory."""
    if info.flag_bits & 1:
        raise DataError(f"{printable(str(path))} is encrypted. Unpack it with its password and give the folder.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{printable(str(path))} is packed by an uncommon method (number {info.compress_type}). "
            "Unpack it yourself and give the folder."
        )


def _opener_in_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]] | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):  # 0: packed on a system that doesn't say
        return None
    return lambda: archive.open(info)


def _tar_members(path: Path) -> Iterator[_Member]:
    """Yield a tar's entries in one pass, unpacking as it goes."""
    with path.open("rb") as packed, _tar_stream(packed) as stream:
        archive = tarfile.open(fileobj=_BoundedReads(stream), mode="r:")  # type: ignore[call-overload]  # noqa: SIM115
        while (info := archive.next()) is not None:
            archive.members = []  # or it keeps a record of every entry
            yield _Member(info.name, info.size, packed.tell(), _opener_in_tar(archive, info), info.isdir())
        _require_end(stream, archive.offset)


def _opener_in_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], IO[bytes]] | None:
    if not info.isfile():
        return None
    return lambda: archive.extractfile(info)  # type: ignore[return-value]


def _tar_stream(packed: IO[bytes]) -> Any:
    head = packed.read(6)
    packed.seek(0)
    for magic, opener in _UNPACKERS.items():
        if head.startswith(magic):
            return opener(packed)
    return packed


def _require_end(stream: Any, offset: int) -> None:
    """Python's reader takes a damaged header in the middle for the end; the true end is a block of zeros."""
    stream.seek(offset)
    if any(stream.read(tarfile.BLOCKSIZE)):
        raise tarfile.ReadError("a damaged header")


class _BoundedReads:
    """A file for tarfile that refuses to read a huge header into memory; it reads contents in small pieces anyway."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        if size > _MAX_HEADER:
            raise tarfile.ReadError("a header of more than 1 MB")
        data: bytes = self._file.read(size)
        return data


@contextmanager
def _damage_explained(archive: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, *_DAMAGE) as error:
        if isinstance(error, OSError) and (hint := system_hint(error)):
            raise DataError(f"can't read {printable(str(archive))}: {error.strerror}. {hint}") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{printable(str(archive))} is damaged or cut off ({printable(reason)[:160]}). Copy or download it again."
        ) from error


def _write_manifest(folder: Path, skipped: list[tuple[str, str]], doubts: list[str]) -> None:
    files, size = _measure(folder / "pictures")
    manifest = {"files": files, "bytes": size, "skipped": skipped, "doubts": doubts}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def _unpacked_before(target: Path) -> Unpacked | None:
    """Return what an earlier run unpacked, if it's all still there: caches get cleared by people and by systems."""
    try:
        manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
        if _measure(target / "pictures") != (manifest["files"], manifest["bytes"]):
            return None
        skipped = tuple((str(name), str(reason)) for name, reason in manifest["skipped"])
        doubts = tuple(str(doubt) for doubt in manifest["doubts"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return Unpacked(target / "pictures", skipped, doubts)


def _measure(folder: Path) -> tuple[int, int]:
    """Return the number of files below a folder and their bytes in all."""
    sizes = [
        os.stat(os.path.join(place, name)).st_size  # noqa: PTH116, PTH118 (quick enough to do before each run)
        for place, _, names in os.walk(folder)
        for name in names
    ]
    return len(sizes), sum(sizes)
