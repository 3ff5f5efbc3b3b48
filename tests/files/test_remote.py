"""Pictures at addresses: fsspec's memory and http file systems, and what goes wrong between here and a store."""

import functools
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pawlab.classifier import Classifier
from pawlab.cli import app
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.discover import discover
from pawlab.datasets.inputs import find_pictures
from pawlab.errors import DataError, MissingExtraError, NetworkError, OutputError
from pawlab.files import download, failures, remote
from pawlab.files.addresses import is_address, path_of_file, redacted
from pawlab.files.download import cached_path
from pawlab.files.failures import ATTEMPTS
from pawlab.files.remote import content as content_at
from pawlab.files.remote import copied_from, fetch
from pawlab.files.upload import here_or_there, require_free, upload_folder, writing
from pawlab.install import install_command
from picture_folders import content, layout, left_out, make, write
from s3_server import refusing

fsspec = pytest.importorskip("fsspec", reason="needs the extra 'remote'")

NAMES = ("cats/1.jpg", "cats/2.jpg", "dogs/1.jpg", "dogs/a b/ü #1%.jpg", "dogs/photo")


@pytest.fixture(autouse=True)
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(failures, "PAUSE", 0.0)
    monkeypatch.setattr(download, "PAUSE", 0.0)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with all that may lie beside pictures."""
    folder = make(tmp_path / "photos", *NAMES)
    for name in ("notes.txt", "cats/clip.mov", "dogs/.hidden.jpg", "dogs/Thumbs.db", "cats/empty.txt"):
        write(folder / name, b"" if "empty" in name else b"no picture")
    return folder


@pytest.fixture
def memory() -> Iterator[Any]:
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    yield store
    store.store.clear()


@pytest.fixture
def stored(memory: Any, photos: Path) -> str:
    """The same folder in fsspec's memory."""
    for file in filter(Path.is_file, photos.rglob("*")):
        memory.pipe(f"/bucket/photos/{file.relative_to(photos).as_posix()}", file.read_bytes())
    return "memory://bucket/photos"


class Quiet(SimpleHTTPRequestHandler):
    """Python's own web server of a folder, but for what `faults` names: a status, or None for a connection cut off."""

    faults: dict[str, list[int | None]]  # by the end of a path, for one request after the other

    def send_head(self) -> Any:
        for end, left in self.faults.items():
            if left and self.path.endswith(end):
                status = left.pop(0)
                if status is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                else:
                    self.send_error(status)
                return None
        return super().send_head()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def faults() -> dict[str, list[int | None]]:
    """What the web server gets wrong: nothing, unless a test adds it."""
    return {}


@pytest.fixture
def web(photos: Path, faults: dict[str, list[int | None]]) -> Iterator[str]:
    """The same folder, listed by Python's own web server."""
    handler = type("Own", (Quiet,), {"faults": faults})
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(photos.parent)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/photos/"
    server.shutdown()
    server.server_close()
    thread.join()


def same(found: Dataset, expected: Dataset) -> None:
    assert found.fingerprint == expected.fingerprint
    assert (found.name, layout(found)) == (expected.name, layout(expected))
    assert left_out(found) == left_out(expected)


def sentence(work: Callable[[], object], kind: type[Exception] = NetworkError) -> str:
    with pytest.raises(kind) as caught:
        work()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch, memory: Any) -> list[str]:
    """The objects that are fetched whole from memory."""
    names: list[str] = []
    original = type(memory).get_file

    def get_file(self: Any, rpath: str, *others: Any, **options: Any) -> None:
        names.append(rpath.removeprefix("/bucket/photos/"))
        original(self, rpath, *others, **options)

    monkeypatch.setattr(type(memory), "get_file", get_file)
    return names


def test_a_prefix_is_read_as_the_folder_is(stored: str, photos: Path) -> None:
    same(discover(stored), discover(photos))
    assert left_out(discover(stored)) == {
        "notes.txt": "isn't a picture",
        "cats/clip.mov": "is a video",
        "cats/empty.txt": "isn't a picture",
    }


def test_a_web_folder_is_read_as_the_folder_is(web: str, photos: Path) -> None:
    same(discover(web), discover(photos))


def test_a_copy_knows_where_it_is_from(stored: str, web: str, photos: Path) -> None:
    make(photos, "cats/a cat #1.jpg")  # which the store, filled before, lacks
    for address in (stored, web):
        for picture in discover(address).pictures:
            found = content_at(copied_from(str(picture.path)))
            assert (found if isinstance(found, bytes) else found.read_bytes()) == picture.path.read_bytes()
    assert copied_from(str(photos / "cats" / "a cat #1.jpg")) == ""


def test_a_path_may_be_written_as_an_address(photos: Path) -> None:
    same(discover(photos.as_uri()), discover(photos))
    assert find_pictures([(photos / "dogs").as_uri()]) == find_pictures([str(photos / "dogs")])
    assert path_of_file((photos / "a b.jpg").as_uri()) == photos / "a b.jpg"


def test_objects_are_fetched_once_and_again_when_they_change(stored: str, memory: Any, fetched: list[str]) -> None:
    before = discover(stored)
    assert sorted(fetched) == sorted(NAMES)
    fetched.clear()
    assert discover(stored).fingerprint == before.fingerprint
    assert fetched == []
    memory.pipe("/bucket/photos/cats/1.jpg", content("another"))
    memory.rm("/bucket/photos/dogs/a b/ü #1%.jpg")
    after = discover(stored)
    assert fetched == ["cats/1.jpg"]
    assert sorted(layout(after)) == sorted({*NAMES} - {"dogs/a b/ü #1%.jpg"})
    assert after.fingerprint != before.fingerprint
    assert "dogs/a b" not in left_out(after)


def test_a_web_folder_is_asked_for_versions_alone(web: str, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = fetch(web).place
    times = {file: file.stat().st_mtime_ns for file in place.rglob("*") if file.is_file()}
    write(photos / "cats/2.jpg", content("another one"))
    assert fetch(web).place == place
    changed = {file.name for file, time in times.items() if file.stat().st_mtime_ns != time}
    assert changed == {"2.jpg"}
    assert (place / "cats/2.jpg").read_bytes() == content("another one")


def test_predictions_are_named_by_addresses(stored: str, photos: Path) -> None:
    found = find_pictures([stored])
    assert [item.name for item in found.pictures] == [f"{stored}/{name}" for name in sorted(NAMES)]
    assert [Path(item.path).read_bytes() for item in found.pictures] == [content(name) for name in sorted(NAMES)]
    assert {item.name for item in found.passed_over} == {"notes.txt", "clip.mov", "empty.txt"}
    one = find_pictures([f"{stored}/cats/1.jpg"]).pictures
    assert [(item.name, Path(item.path).read_bytes()) for item in one] == [(f"{stored}/cats/1.jpg", content(NAMES[0]))]


def test_pictures_can_stay_at_their_addresses(stored: str, fetched: list[str], memory: Any) -> None:
    listed = find_pictures([stored], fetched=False)
    assert fetched == []
    here = [item for item in find_pictures([stored]).pictures if not item.name.endswith("dogs/photo")]  # a bare name
    assert [item.name for item in listed.pictures] == [item.name for item in here]
    assert [remote.content(item.path) for item in listed.pictures] == [Path(item.path).read_bytes() for item in here]
    assert {item.name for item in listed.passed_over} == {"notes.txt", "cats/clip.mov", "cats/empty.txt", "dogs/photo"}
    before = [item.version for item in listed.pictures]
    memory.pipe("/bucket/photos/cats/1.jpg", content("another"))
    after = [item.version for item in find_pictures([stored], fetched=False).pictures]
    assert [one == other for one, other in zip(before, after, strict=True)].count(False) == 1


def test_of_those_listed_none_is_compared_with_all_others(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million objects are listed in a time that grows as their number does."""
    compared: list[object] = []

    def compare(one: object, other: object) -> bool:
        compared.append(one)
        return one is other

    monkeypatch.setattr(remote._Object, "__eq__", compare)
    listed = remote.list_pictures(stored)
    assert listed is not None
    assert (len(listed.pictures), len(listed.others), len(compared)) == (4, 4, 0)


def test_pictures_of_a_web_folder_are_named_by_addresses_that_exist(web: str, photos: Path) -> None:
    odd = make(photos / "odd", "a#b.jpg", "a b.jpg", "a%20b.jpg", "ü?.jpg")
    named = {item.name: content_at(item.name) for item in find_pictures([f"{web}odd/"]).pictures}
    quoted = {"a%23b.jpg": "a#b.jpg", "a%20b.jpg": "a b.jpg", "a%2520b.jpg": "a%20b.jpg", "%C3%BC%3F.jpg": "ü?.jpg"}
    assert {name: Path(str(path)).read_bytes() for name, path in named.items()} == {
        f"{web}odd/{address}": (odd / name).read_bytes() for address, name in quoted.items()
    }
    listed = find_pictures([f"{web}odd/"], fetched=False).pictures
    assert [item.name for item in listed] == list(named)
    other = next(iter(make(photos / "other", "1.jpg").iterdir()))
    other.rename(other.with_name(os.fsdecode(b"caf\xe9.jpg")))
    (here,), (there,) = (find_pictures([f"{web}other/"], fetched=fetched).pictures for fetched in (True, False))
    assert here.name == there.name
    assert Path(here.path).read_bytes() == Path(str(content_at(there.path))).read_bytes() == content("1.jpg")


def test_one_object_and_an_archive_are_fetched_all_the_same(stored: str) -> None:
    (one,) = find_pictures([f"{stored}/cats/1.jpg"], fetched=False).pictures
    assert Path(one.path).read_bytes() == content(NAMES[0])


def test_a_prefix_without_pictures_is_told(stored: str, memory: Any) -> None:
    memory.pipe("/bucket/texts/a.txt", b"text")
    with pytest.raises(DataError, match=r"^there are no pictures at memory://bucket/texts\.$"):
        find_pictures(["memory://bucket/texts"], fetched=False)


def test_a_glob_of_objects(stored: str) -> None:
    found = find_pictures([f"{stored}/*/1.jpg"]).pictures
    assert [item.name for item in found] == [f"{stored}/cats/1.jpg", f"{stored}/dogs/1.jpg"]
    deep = find_pictures([f"{stored}/**/[1ü]*.jpg"]).pictures
    assert [item.name for item in deep] == [f"{stored}/{name}" for name in ("cats/1.jpg", *NAMES[2:4])]
    assert len(find_pictures([f"{stored}/c*s/?.jpg"]).pictures) == 2


def test_a_table_brings_only_what_it_names(stored: str, memory: Any, fetched: list[str]) -> None:
    memory.pipe("/bucket/photos/labels.csv", b"path,label\ncats/1.jpg,cat\ndogs\\1,dog\n")
    found = discover(f"{stored}/labels.csv")
    assert {picture.name: picture.label for picture in found.pictures} == {"cats/1.jpg": "cat", "dogs\\1": "dog"}
    assert sorted(set(fetched)) == sorted(
        ["/bucket/photos/labels.csv".removeprefix("/bucket/photos/"), "cats/1.jpg", "dogs/1.jpg"]
    )


@pytest.mark.parametrize("name", ["my%20labels.csv", "my%20labels.csv?version=2"])
def test_a_table_on_the_web(web: str, photos: Path, name: str) -> None:
    (photos / "my labels.csv").write_text("path,label\ncats/1.jpg,cat\ndogs/1.jpg,dog\n", encoding="utf-8")
    assert [picture.label for picture in discover(web + name).pictures] == ["cat", "dog"]
    found = find_pictures([web + name]).pictures
    assert [Path(item.path).read_bytes() for item in found] == [
        (photos / picture).read_bytes() for picture in ("cats/1.jpg", "dogs/1.jpg")
    ]


def test_an_archive_in_a_store(memory: Any, photos: Path, tmp_path: Path) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "photos"), "zip", photos))
    memory.pipe("/bucket/photos.zip", packed.read_bytes())
    same(discover("memory://bucket/photos.zip"), discover(packed))


def test_names_that_no_disk_takes_are_skipped_and_told(stored: str, memory: Any) -> None:
    for name in ("cats/back\\slash.jpg", f"cats/{'x' * 256}.jpg"):
        memory.pipe(f"/bucket/photos/{name}", content(name))
    reason = "has a name that can't be that of a file here"
    skipped = left_out(discover(stored))
    assert {name for name, why in skipped.items() if why == reason} == {"cats/back\\slash.jpg", f"cats/{'x' * 256}.jpg"}


def test_of_objects_that_differ_by_a_slash_each_keeps_its_name(stored: str, memory: Any) -> None:
    for name in ("/cats/1.jpg", "cats//2.jpg", "/3.jpg"):
        memory.pipe(f"/bucket/photos/{name}", content("another"))
    found = find_pictures([stored])
    assert [Path(item.path).read_bytes() for item in found.pictures] == [content(name) for name in sorted(NAMES)]
    reason = "has a name that can't be that of a file here"
    skipped = [(item.name, item.reason) for item in found.passed_over if "notes" not in item.name]
    assert skipped[:3] == [(name, reason) for name in ("/3.jpg", "/cats/1.jpg", "cats//2.jpg")]
    listed = remote.list_pictures(stored)
    assert listed is not None
    assert [(name, at) for name, at, _ in listed.pictures] == [(name, f"{stored}/{name}") for name in sorted(NAMES[:4])]
    (one,) = find_pictures([f"{stored}//cats/1.jpg"]).pictures
    assert (one.name, Path(one.path).read_bytes()) == (f"{stored}//cats/1.jpg", content("another"))
    assert copied_from(one.path) == one.name
    memory.pipe("/bucket/twice//1.jpg", content("another"))
    assert (
        copied_from(find_pictures(["memory://bucket/twice//1.jpg"]).pictures[0].path) == "memory://bucket/twice//1.jpg"
    )


def test_a_folder_without_classes_is_named_by_its_address(memory: Any) -> None:
    memory.pipe("/bucket/flat/1.jpg", content("1"))
    assert sentence(lambda: discover("memory://bucket/flat"), DataError) == (
        "memory://bucket/flat: flat holds 1 picture but no class folders. Move each into a folder named after what it "
        "shows, such as cats/ and dogs/."
    )


def test_nothing_there_is_told(memory: Any, web: str) -> None:
    assert sentence(lambda: discover("memory://bucket/none")) == (
        "there's nothing at memory://bucket/none. Check the address."
    )
    assert sentence(lambda: discover(f"{web}none/")) == f"there's nothing at {web}none/. Check the address."


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (404, "there's nothing at {}. Check the address."),
        (403, "{} may not be used (403): Forbidden. Check how you are signed in (docs/data.md)."),
        (503, "can't use {} (503): Service Unavailable, at the last of 5 attempts. Try again later."),
        (None, "can't reach {}: Server disconnected, at the last of 5 attempts. Try again later."),
    ],
)
def test_a_web_folder_below_that_fails_ends_the_command(
    web: str, faults: dict[str, list[int | None]], fault: int | None, said: str
) -> None:
    for read in (discover, remote.list_pictures):
        faults["/dogs/"] = [fault] * 2 * ATTEMPTS  # of a request that isn't answered, aiohttp makes a second
        assert sentence(functools.partial(read, web)) == said.format(f"{web}dogs/")


def test_a_web_folder_below_that_fails_once_is_asked_again(
    web: str, photos: Path, faults: dict[str, list[int | None]]
) -> None:
    faults["/dogs/"], faults["b/"] = [503, 429], [None] * 3
    same(discover(web), discover(photos))
    assert faults == {"/dogs/": [], "b/": []}


def test_a_web_server_that_dies_after_listing_is_asked_again_and_told(
    web: str, photos: Path, faults: dict[str, list[int | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pawlab.files.remote._THREADS", 1)
    again = "at the last of 5 attempts. Try again later. 1 object is here now; the same command goes on from there."
    faults["2.jpg"] = [None] * 100
    assert sentence(lambda: discover(web)) == f"can't reach {web}cats/2.jpg: Server disconnected, {again}"
    faults["2.jpg"] = [502] * 100
    assert sentence(lambda: discover(web)) == f"can't use {web}cats/2.jpg (502): Bad Gateway, {again}"
    faults["2.jpg"] = [404] * 2  # to HEAD and to GET
    assert sentence(lambda: discover(web)) == (
        f"there's nothing at {web}cats/2.jpg (404). Check the address. "
        "1 object is here now; the same command goes on from there."
    )
    faults["2.jpg"] = [502, None, None, 429, 502]
    same(discover(web), discover(photos))
    assert not faults["2.jpg"]


def test_a_web_folder_without_its_slash_is_told(web: str, photos: Path) -> None:
    address = web.rstrip("/")
    said = f"{address} is a web page. Check the address; that of a folder ends with a slash."
    assert sentence(lambda: discover(address), DataError) == said
    assert sentence(lambda: find_pictures([address]), DataError) == said
    assert sentence(lambda: find_pictures([address], fetched=False), DataError) == said
    assert not list(cached_path(address).parent.iterdir())


def test_web_folders_that_have_no_end_are_told(web: str, photos: Path) -> None:
    (photos / "dogs/loop").symlink_to(photos)
    loop = f"{web}{'dogs/loop/' * 16}"
    assert sentence(lambda: discover(web), DataError) == (
        f"{loop}dogs/ lies more than 32 folders below {web}, as where a folder links to one above it. Remove the link, "
        "or name a folder without it."
    )


def test_links_to_folders_above_or_hidden_are_not_followed(web: str, photos: Path) -> None:
    links = ("cats/", "./", "../", "../../", "/", "/photos/", "?C=M;O=D", "?up=/", ".git/", "/elsewhere/")
    (photos / "index.html").write_text("".join(f'<a href="{link}">{link}</a>' for link in links), encoding="utf-8")
    listed = remote.list_pictures(web)
    assert listed is not None
    assert [name for name, *_ in listed.pictures] == ["cats/1.jpg", "cats/2.jpg"]


def test_a_glob_of_which_a_folder_fails_ends_the_command(
    stored: str, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = type(memory).ls

    def ls(self: Any, path: str, *others: Any, **options: Any) -> Any:
        if path.endswith("/dogs"):
            raise ConnectionResetError("Connection reset by peer")
        return original(self, path, *others, **options)

    monkeypatch.setattr(type(memory), "ls", ls)
    assert sentence(lambda: find_pictures([f"{stored}/*/1.jpg"])) == (
        f"can't reach {stored}/dogs: Connection reset by peer, at the last of 5 attempts. Try again later."
    )


def test_a_folder_that_is_there_without_pictures_is_told(memory: Any, web: str, photos: Path) -> None:
    (photos / "empty").mkdir()
    write(photos / "hidden/.1.jpg", b"")
    memory.pipe("/bucket/hidden/.1.jpg", b"")
    for address in (f"{web}empty/", f"{web}hidden/", "memory://bucket/hidden"):
        for read in (discover, remote.list_pictures, lambda named: find_pictures([named])):
            told = sentence(functools.partial(read, address), DataError)
            assert told == f"there are no pictures at {address}."


def test_a_refusal_and_a_busy_server_and_silence_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing(403) as server:
        url = f"http://127.0.0.1:{server.server_port}/photos/"
        assert sentence(lambda: discover(url)) == (
            f"{url} may not be used (403): Forbidden. Check how you are signed in (docs/data.md)."
        )
        assert len(server.asked) == 1
    with refusing(503) as server:
        url = f"http://127.0.0.1:{server.server_port}/photos/"
        assert sentence(lambda: discover(url)) == (
            f"can't use {url} (503): Service Unavailable, at the last of 5 attempts. Try again later."
        )
        assert len(server.asked) == ATTEMPTS
    monkeypatch.setattr("pawlab.files.stores.TIMEOUT", 0.1)
    monkeypatch.setattr(failures, "ATTEMPTS", 2)
    with refusing(200, pause=0.5) as server:
        url = f"http://127.0.0.1:{server.server_port}/photos/"
        assert sentence(lambda: discover(url)) == (
            f"can't reach {url}: no answer within 30 seconds, at the last of 2 attempts. Try again later."
        )
    assert sentence(lambda: discover(url)).startswith(f"can't reach {url}: Cannot connect to host 127.0.0.1")


def test_a_network_that_fails_is_never_a_broken_picture(
    stored: str, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One object fails for good, the others are kept; what is there isn't fetched again."""
    original = type(memory).get_file
    asked: list[str] = []

    def get_file(self: Any, rpath: str, *others: Any, **options: Any) -> None:
        asked.append(rpath)
        if rpath.endswith("dogs/1.jpg"):
            raise ConnectionResetError("Connection reset by peer")
        original(self, rpath, *others, **options)

    monkeypatch.setattr(type(memory), "get_file", get_file)
    monkeypatch.setattr("pawlab.files.remote._THREADS", 1)
    assert sentence(lambda: discover(stored)) == (
        f"can't reach {stored}/dogs/1.jpg: Connection reset by peer, at the last of 5 attempts. Try again later. "
        "4 objects are here now; the same command goes on from there."
    )
    assert len(asked) == 2 + ATTEMPTS
    monkeypatch.setattr(type(memory), "get_file", original)
    assert len(discover(stored)) == len(NAMES)


def test_a_part_is_no_whole(stored: str, memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_file(self: Any, rpath: str, lpath: str, *_: Any, **__: Any) -> None:
        Path(lpath).write_bytes(b"\xff\xd8\xff")

    monkeypatch.setattr(type(memory), "get_file", get_file)
    monkeypatch.setattr("pawlab.files.remote._THREADS", 1)
    assert "it broke off after 3 of 13 bytes, at the last of 5 attempts" in sentence(lambda: discover(stored))


def test_addresses_in_a_list(learnable_model: Path, photos: Path, web: str, learnable_folder: Path) -> None:
    picture = next(learnable_folder.rglob("*.png"))
    shutil.copy(picture, photos / "a.png")
    classifier = Classifier.load(learnable_model)
    there, missing = classifier.predict([f"{web}a.png", f"{web}b.png"])
    assert there.label == picture.parent.name
    assert missing.error == f"there's nothing at {web}b.png (404 File not found). Check the address."
    with refusing(403) as server:
        url = f"http://127.0.0.1:{server.server_port}/a.png"
        assert "may not be fetched without signing in (403" in sentence(lambda: classifier.predict([url]))


@pytest.fixture(scope="session")
def learnable_model(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import pawlab

    return pawlab.train(learnable_folder, out=tmp_path_factory.mktemp("remote") / "run", report=False).folder


def test_the_cache_has_its_limit(stored: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_MB", "0")
    assert sentence(lambda: discover(stored), OutputError) == (
        f"{stored} needs 0 MB in the cache, and PAWLAB_CACHE_MB allows 0. Raise it, or name fewer."
    )
    monkeypatch.delenv("PAWLAB_CACHE_MB")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
    assert sentence(lambda: discover(stored), OutputError) == (
        f"{stored} needs 0 MB in the cache; the disk of {tmp_path}/cache/remote has 0 MB left. "
        "Set PAWLAB_CACHE_DIR to a larger one, or name fewer."
    )


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object, **__: object) -> None:
        raise ImportError("Install gcsfs to access Google Storage")

    monkeypatch.setattr(fsspec, "filesystem", lacking)
    assert sentence(lambda: discover("gs://bucket/photos"), Exception) == (
        f"reading gs:// needs gcsfs: {install_command('gcsfs')}"
    )
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert sentence(lambda: discover("s3://bucket/photos"), MissingExtraError) == (
        f"reading s3:// needs the extra 'remote': {install_command('pawlab[remote]')}"
    )


def test_passwords_in_addresses_are_refused_and_not_told() -> None:
    for address in ("s3://key:word@bucket/photos", "http://user:word@host/photos/", "http://user:word@host/a.zip"):
        assert "word@" not in sentence(lambda address=address: discover(address), DataError)  # type: ignore[misc]
    assert sentence(lambda: discover("s3://key:word@bucket/photos"), DataError) == (
        "s3://***@bucket/photos holds a user or a password. Leave it out, and sign in as docs/data.md says."
    )


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://bucket/photos", "s3://bucket/photos"),
        ("https://u:p/w@host/a.jpg", "https://***@host/a.jpg"),
        ("http://host:80/a@2.jpg", "http://host:80/a@2.jpg"),
        ("s3://bucket/a@2.jpg", "s3://bucket/a@2.jpg"),
        ("https://token@host/a.jpg?id=1", "https://***@host/a.jpg?id=1"),
        ("https://h/a.jpg?X-Amz-Signature=ab12&X-Amz-Date=20261126", "https://h/a.jpg?X-Amz-Signature=***&X-Amz-Date=20261126"),
        ("https://h/a?sv=2024&sp=r&sig=a%2Bb%3D", "https://h/a?sv=2024&sp=r&sig=***"),
        ("https://h/a?page=2&q=0123456789012345678901", "https://h/a?page=2&q=***"),
        ("can't fetch https://h/a?token=x y: 403", "can't fetch https://h/a?token=*** y: 403"),
        ("C:\\photos?key=1", "C:\\photos?key=1"),
        ("photos/a?key=1", "photos/a?key=1"),
    ],
)  # fmt: skip
def test_what_is_secret_in_an_address_is_left_out(address: str, shown: str) -> None:
    assert redacted(address) == shown


def test_what_is_an_address() -> None:
    assert [text for text in ("s3://b", "C://x", "./s3:", "file:///a", "a/b://c", "://x") if is_address(text)] == [
        "s3://b", "file:///a"
    ]  # fmt: skip


def test_what_is_written_to_an_address_appears_whole(memory: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing("memory://bucket/out.csv") as path:
        path.with_name("there's none").rename(path)
    assert not memory.exists("/bucket/out.csv")
    with writing("memory://bucket/out.csv") as path:
        assert not path.exists()
        path.write_text("picture,label\n")
    assert memory.cat("/bucket/out.csv") == b"picture,label\n"
    with writing("memory://bucket/out.csv") as path:
        assert path.read_text() == "picture,label\n"
    with writing((tmp_path / "a b.csv").as_uri()) as path:
        assert path == tmp_path / "a b.csv"
    assert here_or_there("runs/x") == ("runs/x", None)
    assert sentence(lambda: writing("https://h/a.csv?sig=1").__enter__(), OutputError) == (
        "https://h/a.csv?sig=*** can't be written: give a path, or an address of s3, gs, az or hf."
    )


def test_a_format_is_named_with_the_address_that_it_is_of(memory: Any, learnable_model: Path) -> None:
    memory.pipe("/bucket/precious.csv", b"name,value\n")
    for out, said in (
        ("memory://bucket/dir/", "must end with .json, .csv, .parquet, .txt. Choose another --out."),
        ("memory://bucket/precious.csv", "is there already and holds no predictions. Choose another --out."),
    ):
        done = CliRunner().invoke(app, ["predict", str(learnable_model), "none.jpg", "--out", out])
        assert (done.exit_code, str(done.exception)) == (1, f"{out} {said}")


def test_a_folder_is_sent_whole(memory: Any, photos: Path) -> None:
    require_free("memory://bucket/run", overwrite=False)
    upload_folder(photos, "memory://bucket/run")
    assert memory.cat("/bucket/run/dogs/a b/ü #1%.jpg") == content("dogs/a b/ü #1%.jpg")
    assert sentence(lambda: require_free("memory://bucket/run", overwrite=False), OutputError) == (
        "memory://bucket/run is there already. Choose another --out, or add --overwrite."
    )
    require_free("memory://bucket/run", overwrite=True)
