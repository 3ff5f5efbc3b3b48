"""Archives with odd names, links and lies about sizes, then damaged; what comes out must lie where it belongs."""

import io
import os
import stat
import tarfile
import warnings
import zipfile
from functools import cache
from pathlib import Path
from random import Random

from mutation import mutated
from target import Target, require_sentence

from pawlab.errors import DataError, OutputError
from pawlab.files.archives import archive_kind, unpack
from pawlab.storage import cache_dir, remove
from picture_files import encode, quadrants

_NAMES = (
    *("cats/1.jpg", "cats/2.png", "dogs/1.jpg", "train/cats/3.jpg", "1.jpg", "a/b/c/d/e/f/g.png", "cats/", "notes.txt"),
    *("../out.jpg", "../../out.jpg", "/out.jpg", "cats/../../out.jpg", "..\\out.jpg", "C:\\out.jpg", "C:out.jpg"),
    *(
        "\\\\host\\share\\out.jpg",
        "./cats/./4.jpg",
        "cats//5.jpg",
        "cats/1.jpg/6.jpg",
        "cats",
        "~/out.jpg",
        "~root.jpg",
    ),
    *(".hidden.jpg", "__MACOSX/cats/._1.jpg", "con.jpg", "nul", "a:b.jpg", "é/ü.jpg", "\u202egnp.exe.jpg", "a\nb.jpg"),
    *(
        "x" * 300 + ".jpg",
        "/".join("d" * 120) + "/deep.jpg",
        "\x1b[2J.jpg",
        " .jpg",
        "cats /1.jpg",
        "-rf.jpg",
        "%00.jpg",
    ),
)
_LIKELY = _NAMES[:7]
_TOKENS = (
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x07\x08",
    b"ustar\x0000",
    b"../",
    b"\0" * 512,
)
_KINDS = (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE)


@cache
def _pictures() -> tuple[bytes, ...]:
    return encode(quadrants(8, 8), "JPEG"), encode(quadrants(8, 8), "PNG"), b"", b"text", b"\0" * 4000


def _name(random: Random) -> str:
    return random.choice(_LIKELY if random.random() < 0.8 else _NAMES)


def make_zip(random: Random) -> bytes:
    """Return a zip of up to six members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for _ in range(random.randint(0, 6)):
            info = zipfile.ZipInfo(_name(random))
            info.compress_type = random.choice(
                (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
            )
            kind = random.choice(
                (0, stat.S_IFREG, stat.S_IFREG, stat.S_IFREG, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFDIR)
            )
            info.external_attr = (kind | 0o644) << 16
            archive.writestr(info, random.choice(_pictures()))
    return file.getvalue()


def make_tar(random: Random) -> bytes:
    """Return a tar of up to six members, packed or not."""
    file = io.BytesIO()
    form = random.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(fileobj=file, mode=random.choice(("w", "w", "w:gz", "w:bz2", "w:xz")), format=form) as archive:
        for _ in range(random.randint(0, 6)):
            info = tarfile.TarInfo(_name(random))
            info.type = random.choice((*(tarfile.REGTYPE,) * 6, *_KINDS))
            info.linkname = random.choice(("../../out.jpg", "/etc/passwd", "cats/1.jpg"))
            content = random.choice(_pictures()) if info.type == tarfile.REGTYPE else b""
            info.size = len(content)
            try:
                archive.addfile(info, io.BytesIO(content))
            except ValueError:  # a name that this form can't hold
                continue
    return file.getvalue()


class ArchivesTarget(Target):
    """Whatever an archive holds, pictures come out below its own folder, or one sentence."""

    kind = "archives"

    def __init__(self, folder: Path) -> None:
        """Note where an archive could write outside: what it would write there is called so."""
        super().__init__(folder)
        self._archive = folder / "given"
        self._around = [cache_dir("archives"), *cache_dir("archives").parents, Path.home(), Path.cwd()]

    def make(self, random: Random) -> bytes:
        """Return an archive, sound or damaged."""
        makers = (make_zip, make_tar)
        data = random.choice(makers)(random)
        if random.random() < 0.6:
            data = mutated(data, random, (random.choice(makers)(random), data), _TOKENS, spare=8)
        return data

    def try_one(self, given: bytes, random: Random) -> bool:
        """Unpack it."""
        self._archive.write_bytes(given)
        known = archive_kind(self._archive) is not None
        try:
            unpacked = unpack(self._archive)
        except (DataError, OutputError) as error:
            require_sentence(error)
            assert not list((cache_dir() / "archives").glob(".*")), "something half-made stayed"
            return known
        self._look_at(unpacked.folder, len(given))
        assert unpack(self._archive) == unpacked
        remove(unpacked.folder.parent)
        return True

    def _look_at(self, folder: Path, packed: int) -> None:
        """Require plain files below the folder alone, of no more than they may be, and nothing new elsewhere."""
        total = 0
        for place, folders, files in os.walk(folder):
            for name in (*folders, *files):
                status = (Path(place) / name).lstat()
                assert stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode), (
                    f"{name!r} is neither file nor folder"
                )
                total += status.st_size if stat.S_ISREG(status.st_mode) else 0
        assert total <= 200_000_000 + 100 * packed
        for around in self._around:
            assert not (around / "out.jpg").exists(), f"a picture lies in {around}"
