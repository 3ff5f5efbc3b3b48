import bz2
import errno
import gzip
import io
import json
import lzma
import os
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from pawlab.datasets.discover import discover
from pawlab.errors import DataError, OutputError
from pawlab.files import archives
from pawlab.files.archives import archive_kind, stem, unpack
from picture_folders import JPEG, Bar, content, layout, left_out, write

NAMES = ("photos/train/cats/1.jpg", "photos/train/dogs/1.jpg", "photos/val/cats/2.jpg", "photos/val/dogs/2.jpg")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def zip_of(path: Path, *names: str, packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name in names:
            archive.writestr(name, content(name))
    return path


def tar_of(path: Path, *names: str, packing: str = "") -> Path:
    with tarfile.open(path, f"w:{packing}") as archive:  # type: ignore[call-overload]
        for name in names:
            add(archive, name, content(name))
    return path


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, link
    archive.addfile(info, io.BytesIO(data))


def sentence(archive: Path) -> str:
    with pytest.raises(DataError) as caught:
        discover(archive)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def leavings(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path != cache / "archives" and "locks" not in path.parts]


FORMS: dict[str, Callable[[Path], Path]] = {
    "photos.zip": lambda path: zip_of(path, *NAMES),
    "photos stored.zip": lambda path: zip_of(path, *NAMES, packing=zipfile.ZIP_STORED),
    "photos.tar": lambda path: tar_of(path, *NAMES),
    "photos.tar.gz": lambda path: tar_of(path, *NAMES, packing="gz"),
    "photos.tar.bz2": lambda path: tar_of(path, *NAMES, packing="bz2"),
    "photos.tar.xz": lambda path: tar_of(path, *NAMES, packing="xz"),
    "a zip by no such name": lambda path: zip_of(path, *NAMES),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_pictures(tmp_path: Path, form: str) -> None:
    dataset = discover(FORMS[form](tmp_path / form))
    assert dataset.name == form.split(".")[0]
    assert layout(dataset) == {
        "train/cats/1.jpg": ("cats", "train"),
        "train/dogs/1.jpg": ("dogs", "train"),
        "val/cats/2.jpg": ("cats", "validation"),
        "val/dogs/2.jpg": ("dogs", "validation"),
    }
    for picture in dataset.pictures:
        assert picture.path.read_bytes() == content(f"photos/{picture.name}")


def test_an_archive_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zip_of(tmp_path / "photos.zip", *NAMES)
    first = unpack(archive)
    monkeypatch.setattr(archives, "_unpack_into", None)
    assert unpack(archive) == first
    assert unpack(archive.rename(tmp_path / "renamed.zip")) == first


def test_a_changed_archive_is_unpacked_anew(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    discover(zip_of(archive, *NAMES))
    assert len(discover(zip_of(archive, *NAMES, "photos/val/dogs/3.jpg"))) == 5


def test_a_cache_with_a_hole_is_unpacked_again(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "photos.zip", *NAMES)
    discover(archive).pictures[0].path.unlink()
    assert len(discover(archive)) == 4
    discover(archive).pictures[0].path.write_bytes(b"cut")
    assert discover(archive).pictures[0].path.read_bytes() == content(NAMES[0])


def test_only_pictures_are_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("cats/", b"")
        file.writestr("cats/1.jpg", content("1"))
        file.writestr("cats/untold", content("2"))
        file.writestr("dogs/1.jpg", content("3"))
        file.writestr("dogs/notes.txt", b"x" * 100)
        file.writestr("__MACOSX/dogs/._1.jpg", content("4"))
        file.writestr("dogs/.hidden.jpg", content("5"))
    folder = unpack(archive).folder
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"cats/1.jpg", "cats/untold", "dogs/1.jpg"}


OUTSIDE = [
    "../evil.jpg",
    "cats/../../evil.jpg",
    "/tmp/evil.jpg",
    "C:/evil.jpg",
    "..\\evil.jpg",
    "C:\\evil.jpg",
    "cats/..",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_a_path_that_leads_outside_refuses_the_whole(
    tmp_path: Path, cache: Path, make: Callable[..., Path], name: str
) -> None:
    archive = make(tmp_path / "photos.archive", *NAMES, name)
    assert sentence(archive) == (
        f"{archive} has a member that leads outside the archive ({name!r}). "
        "Nothing was unpacked; get it from a source you trust."
    )
    assert leavings(cache) == []
    assert not list(tmp_path.rglob("evil*"))


def test_links_and_devices_are_left_out_and_named(tmp_path: Path) -> None:
    archive = tmp_path / "photos.tar"
    with tarfile.open(archive, "w") as file:
        add(file, "cats/1.jpg", content("1"))
        add(file, "dogs/1.jpg", content("2"))
        add(file, "dogs/passwd.jpg", kind=tarfile.SYMTYPE, link="/etc/passwd")
        add(file, "dogs/up", kind=tarfile.SYMTYPE, link="../..")
        add(file, "dogs/hard.jpg", kind=tarfile.LNKTYPE, link="cats/1.jpg")
        add(file, "dogs/pipe.jpg", kind=tarfile.FIFOTYPE)
        add(file, "dogs/disk.jpg", kind=tarfile.BLKTYPE)
    dataset = discover(archive)
    assert set(layout(dataset)) == {"cats/1.jpg", "dogs/1.jpg"}
    assert left_out(dataset) == dict.fromkeys(
        ["dogs/passwd.jpg", "dogs/up", "dogs/hard.jpg", "dogs/pipe.jpg", "dogs/disk.jpg"],
        "is a link or a device, which are never unpacked",
    )
    assert left_out(discover(archive)) == left_out(dataset)  # the second time from the cache


def test_a_link_in_a_zip_is_left_out(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "photos.zip", "cats/1.jpg", "dogs/1.jpg")
    info = zipfile.ZipInfo("dogs/link.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(info, "/etc/passwd")
    assert left_out(discover(archive)) == {"dogs/link.jpg": "is a link or a device, which are never unpacked"}


def test_a_file_through_a_link_stays_inside(tmp_path: Path) -> None:
    archive = tmp_path / "photos.tar"
    with tarfile.open(archive, "w") as file:
        add(file, "cats/1.jpg", content("1"))
        add(file, "dogs", kind=tarfile.SYMTYPE, link=str(tmp_path))
        add(file, "dogs/evil.jpg", content("2"))
    folder = unpack(archive).folder
    assert (folder / "dogs/evil.jpg").is_file()
    assert not (folder / "dogs").is_symlink()
    assert not (tmp_path / "evil.jpg").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_keeps_its_first_content(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "photos.zip", "cats/1.jpg", "dogs/1.jpg")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("cats/1.jpg", content("other"))
    dataset = discover(archive)
    assert dataset.pictures[0].path.read_bytes() == content("cats/1.jpg")
    assert left_out(dataset) == {"cats/1.jpg": "has the same name as another member"}


@pytest.mark.skipif(sys.platform == "win32", reason="long names are kept otherwise there")
def test_a_name_too_long_is_left_out(tmp_path: Path) -> None:
    name = "dogs/" + "x" * 300 + ".jpg"
    dataset = discover(zip_of(tmp_path / "photos.zip", "cats/1.jpg", "dogs/1.jpg", name))
    assert left_out(dataset) == {name: "can't be stored under its name: File name too long"}


def test_files_are_written_without_the_rights_that_the_archive_asks_for(tmp_path: Path) -> None:
    archive = tmp_path / "photos.tar"
    with tarfile.open(archive, "w") as file:
        info = tarfile.TarInfo("cats/1.jpg")
        info.mode, info.size = 0o6777, len(JPEG)
        file.addfile(info, io.BytesIO(JPEG))
    assert (unpack(archive).folder / "cats/1.jpg").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize(
    ("limit", "value", "what"),
    [("MAX_BYTES", 0, "more than 0 GB"), ("MAX_FILES", 3, "more than 3 files")],
)
@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_what_is_too_large_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Path], limit: str, value: int,
    what: str,
) -> None:  # fmt: skip
    archive = make(tmp_path / "photos.archive", *NAMES)
    monkeypatch.setattr(archives, limit, value)
    assert sentence(archive) == (
        f"{archive} would unpack to {what}, which no set of pictures should. "
        "If you trust it, unpack it yourself and give the folder."
    )
    assert leavings(cache) == []


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yield 100 kB of zeros as one picture, packed about a thousandfold."""
    zeros = JPEG + bytes(100_000)
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cats/1.jpg", zeros)
    yield "zip", memory.getvalue()
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as tar:
        add(tar, "cats/1.jpg", zeros)
    for name, packer in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        yield name, packer(memory.getvalue())


@pytest.mark.parametrize(("name", "bomb"), list(bombs()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_bomb_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, name: str, bomb: bytes
) -> None:
    monkeypatch.setattr(archives, "RATIO_FROM", 50_000)
    archive = write(tmp_path / f"bomb.{name}", bomb)
    assert "would unpack to more than 100 times its own size" in sentence(archive)
    assert leavings(cache) == []


def test_an_entry_that_understates_its_size_is_not_unpacked_beyond_it(tmp_path: Path, cache: Path) -> None:
    archive = zip_of(tmp_path / "photos.zip", "cats/1.jpg")
    data = archive.read_bytes()
    true, stated = len(content("cats/1.jpg")), 5
    lie = data.replace(struct.pack("<L", true), struct.pack("<L", stated))
    assert lie != data
    archive.write_bytes(lie)
    assert sentence(archive).startswith(f"{archive} is damaged or cut off (")
    assert leavings(cache) == []


def test_a_huge_tar_header_is_not_read_into_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 3 << 20
    archive = write(tmp_path / "photos.tar.gz", gzip.compress(info.tobuf() + bytes(4 << 20)))
    assert sentence(archive) == (
        f"{archive} is damaged or cut off (a header of more than 1 MB). Copy or download it again."
    )


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "photos.zip", *NAMES)
    data = bytearray(archive.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(magic) + offset] |= 1
    archive.write_bytes(data)
    assert sentence(archive) == f"{archive} is encrypted. Unpack it with its password and give the folder."


def test_an_uncommon_method_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "photos.zip", *NAMES, packing=zipfile.ZIP_BZIP2)
    assert sentence(archive) == (
        f"{archive} is packed by an uncommon method (number 12). Unpack it yourself and give the folder."
    )


@pytest.mark.parametrize("form", [form for form in FORMS if form.startswith("photos.")])
def test_a_cut_off_archive_is_refused(tmp_path: Path, cache: Path, form: str) -> None:
    archive = FORMS[form](tmp_path / form)
    data = archive.read_bytes()
    keep = 1800 if form == "photos.tar" else len(data) * 2 // 3
    archive.write_bytes(data[:keep])
    assert sentence(archive).startswith(f"{archive} is damaged or cut off (")
    assert leavings(cache) == []


def test_a_tar_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "photos.tar", *NAMES)
    data = bytearray(archive.read_bytes())
    data[2048 + 150] ^= 0xFF  # in the third header's checksum
    archive.write_bytes(data)
    assert sentence(archive) == f"{archive} is damaged or cut off (a damaged header). Copy or download it again."


def test_a_zip_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "photos.zip", *NAMES, packing=zipfile.ZIP_STORED)
    data = archive.read_bytes()
    archive.write_bytes(data.replace(content(NAMES[0]), content(NAMES[0])[:-1] + b"!"))
    assert sentence(archive) == (
        f"{archive} is damaged or cut off (Bad CRC-32 for file '{NAMES[0]}'). Copy or download it again."
    )


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"PK", gzip.compress(b"not a tar", mtime=0), bytes(2000), b"Rar!\x1a\x07" * 99]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, cache: Path, data: bytes) -> None:
    archive = write(tmp_path / "photos.zip", data)
    assert str(archive) in sentence(archive)
    assert leavings(cache) == []


def test_damage_of_every_kind_gives_a_sentence(tmp_path: Path, cache: Path) -> None:
    """Bytes changed at random: the answer is a Dataset or a DataError, and never anything else."""
    random = np.random.default_rng(0)
    outcomes = {"read": 0, "refused": 0}
    for form in [form for form in FORMS if form.startswith("photos.")]:
        data = FORMS[form](tmp_path / form).read_bytes()
        for _ in range(20):
            damaged = bytearray(data)
            for place in random.integers(0, len(data), random.integers(1, 4)):
                damaged[place] = random.integers(0, 256)
            try:
                discover(write(tmp_path / form, bytes(damaged)))
                outcomes["read"] += 1
            except DataError as error:
                outcomes["refused"] += 1
                assert "\n" not in str(error)  # noqa: PT017 (either outcome is right)
    assert min(outcomes.values()) > 10
    assert not list(cache.rglob("*.partial"))


def test_an_archive_without_pictures_is_named(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "photos.zip")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("data/notes.txt", b"nothing")
    assert sentence(archive) == (
        f"{archive} holds no pictures. Put each into a folder named after what it shows, such as cats/ and dogs/."
    )
    archive = zip_of(tmp_path / "flat.zip", "all/1.jpg", "all/2.jpg")
    assert discover(archive).classes == ("all",)
    archive = zip_of(tmp_path / "flat.zip", "1.jpg")
    assert sentence(archive).startswith(f"{archive} holds 1 picture but no class folders.")


def test_a_full_disk_is_told(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.FileIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    opens = Path.open

    def opened(path: Path, mode: str = "r", **options: object) -> IO[Any]:
        return FullDisk(path, mode) if mode == "xb" else opens(path, mode, **options)  # type: ignore[call-overload]

    archive = zip_of(tmp_path / "photos.zip", *NAMES)
    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(OutputError, match=r"No space left on device\. Free some space there, or set PAWLAB_CACHE_DIR"):
        unpack(archive)
    assert leavings(cache) == []


UNPACK_SLOWLY = """
import sys, time
from pathlib import Path
from typing import Any
from pawlab.files import archives
write = archives._write
def slow(*arguments):
    print("writing", flush=True)
    result = write(*arguments)
    time.sleep(60)
    return result
archives._write = slow
archives.unpack(Path(sys.argv[1]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills otherwise")
def test_a_kill_leaves_nothing_that_is_taken_for_whole(tmp_path: Path, cache: Path) -> None:
    archive = zip_of(tmp_path / "photos.zip", *NAMES)
    with subprocess.Popen([sys.executable, "-c", UNPACK_SLOWLY, str(archive)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        deadline = time.monotonic() + 10
        while not list(cache.rglob("*.jpg")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
    half = list(cache.glob("archives/.*.partial"))
    assert len(half) == 1
    assert list(half[0].rglob("*.jpg"))
    assert not list(cache.rglob("manifest.json"))
    assert len(discover(archive)) == 4


def test_two_at_once_unpack_one_archive_once(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zip_of(tmp_path / "photos.zip", *NAMES)
    really_unpack, begun = archives._unpack_into, []

    def slowly(*arguments: Any) -> None:
        begun.append(arguments)
        time.sleep(0.3)
        really_unpack(*arguments)

    monkeypatch.setattr(archives, "_unpack_into", slowly)
    with ThreadPoolExecutor() as pool:
        folders = {unpacked.folder for unpacked in pool.map(unpack, [archive] * 3)}
    assert len(folders) == len(begun) == 1
    assert not list(cache.rglob("*.partial"))


def test_what_killed_runs_left_is_removed_after_a_day(tmp_path: Path, cache: Path) -> None:
    for name, age in ((".old.0123456789abcdef.partial", 90_000), (".young.0123456789abcdef.partial", 10)):
        partial = cache / "archives" / name
        write(partial / "pictures/cats/1.jpg", JPEG)
        os.utime(partial, (time.time() - age,) * 2)
    discover(zip_of(tmp_path / "photos.zip", *NAMES))
    assert [path.name for path in (cache / "archives").glob(".*")] == [".young.0123456789abcdef.partial"]


def test_a_damaged_manifest_is_not_trusted(tmp_path: Path, cache: Path) -> None:
    archive = zip_of(tmp_path / "photos.zip", *NAMES)
    manifest = unpack(archive).folder.parent / "manifest.json"
    for text in ("", "[]", "{}", "nonsense", json.dumps({"files": 4, "bytes": "x", "left_out": 3})):
        manifest.write_text(text, encoding="utf-8")
        assert len(discover(archive)) == 4


def test_the_bar_reaches_its_end(tmp_path: Path) -> None:
    for make in (zip_of, tar_of):
        archive = make(tmp_path / "photos.archive", *NAMES)
        bar = Bar()
        unpack(archive, bar)
        assert (bar.title, bar.unit) == ("Unpacking photos.archive", "bytes")
        assert bar.total == archive.stat().st_size
        assert 0 < bar.done <= bar.total


def test_kinds_are_told_by_bytes_and_stems_by_names(tmp_path: Path) -> None:
    assert archive_kind(zip_of(tmp_path / "a.tar", *NAMES)) == "zip"
    assert archive_kind(tar_of(tmp_path / "a.zip", *NAMES, packing="gz")) == "tar"
    assert archive_kind(write(tmp_path / "a.zip", b"text")) is None
    with pytest.raises(DataError, match=r"^can't read .*nowhere\.zip: No such file or directory\.$"):
        archive_kind(tmp_path / "nowhere.zip")
    assert [stem(name) for name in ("a.tar.gz", "a.b.ZIP", "a.tgz", "a.csv", "a")] == ["a", "a.b", "a", "a", "a"]


class Unmarked(zipfile.ZipInfo):
    """A member whose name is written as it is, without a word on its encoding."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw.hex())
        self.raw = raw

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802  (as the standard library calls it)
        return self.raw, 0


def test_names_without_the_mark_for_utf_8(tmp_path: Path) -> None:
    """UTF-8 is what most programs mean; what can't be that is read as the format has it, with a note."""
    for encoding, classes, noted in (("utf-8", ("Hündin", "猫"), False), ("cp437", ("Hündin", "Kätzin"), True)):
        path = tmp_path / f"{encoding}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for label in classes:
                archive.writestr(Unmarked(f"{label}/1.jpg".encode(encoding)), content(label))
        dataset = discover(path)
        assert dataset.classes == tuple(sorted(classes))
        assert [note.startswith(f"{encoding}.zip doesn't say how its names") for note in dataset.doubts] == [
            True
        ] * noted
