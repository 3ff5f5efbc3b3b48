import errno
import hashlib
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from pawlab.datasets import known
from pawlab.datasets.discover import discover
from pawlab.datasets.known import KNOWN_DATA, KnownData, get_data
from pawlab.errors import DataError, OutputError
from pawlab.files import download as module
from pawlab.files.download import ATTEMPTS, cached_path, download
from picture_folders import Bar, content, layout

DATA = np.random.default_rng(0).bytes(3_000_000)


@dataclass
class Site:
    """A server on this machine and what it's to do; `asked` lists what it was asked: path and range."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etag: bool = True
    length: bool = True
    cuts: list[int] = field(default_factory=list)  # after how many bytes to break off, request by request
    codes: list[int] = field(default_factory=list)  # what to answer first
    moved: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0  # seconds after each 100 kB
    weak: bool = False
    replaced_by: bytes | None = None  # what the file becomes once a part of it is asked for
    ignores_if_range: bool = False
    asked: list[tuple[str, str | None]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site = self.site
        wanted = self.headers["Range"]
        site.asked.append((self.path, wanted))
        if self.path in site.moved:
            return self._answer(302, {"Location": site.moved[self.path]})
        if site.codes:
            return self._answer(site.codes.pop(0), {})
        if wanted and site.replaced_by:
            site.files["/photos.zip"], site.replaced_by = site.replaced_by, None
        data = site.files.get(self.path.partition("?")[0])
        if data is None:
            return self._answer(404, {})
        self._send(data, wanted)

    def _answer(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, data: bytes, wanted: str | None) -> None:
        site, etag = self.site, f'"{hashlib.sha256(data).hexdigest()[:8]}"'
        start = 0
        cut = site.cuts.pop(0) if site.cuts else len(data)
        if site.ranges and wanted and (self.headers["If-Range"] == etag or site.ignores_if_range):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data) > 0:
            return self._answer(416, {})
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if site.length:
            self.send_header("Content-Length", str(len(data) - start))
        if site.etag:
            self.send_header("ETag", f"W/{etag}" if site.weak else etag)
        self.end_headers()
        rest = data[start : start + cut]
        for place in range(0, len(rest), 100_000):
            self.wfile.write(rest[place : place + 100_000])
            time.sleep(site.pause)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing where a client goes away before the end."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "PAUSE", 0.0)
    site = Site(files={"/photos.zip": DATA})
    server = Server(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"site": site}))
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


def sentence(work: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        work()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


def test_a_file_is_fetched_once(site: Site) -> None:
    path = download(f"{site.address}/photos.zip")
    assert path.read_bytes() == DATA
    assert path == cached_path(f"{site.address}/photos.zip")
    assert download(f"{site.address}/photos.zip") == path
    assert site.asked == [("/photos.zip", None)]
    assert files(path) == ["photos.zip"]


def test_addresses_do_not_share_a_file(site: Site) -> None:
    site.files["/other/photos.zip"] = b"other"
    assert download(f"{site.address}/photos.zip").read_bytes() == DATA
    assert download(f"{site.address}/other/photos.zip").read_bytes() == b"other"


def test_a_broken_connection_is_resumed(site: Site) -> None:
    site.cuts = [1_000_000, 500_000]
    assert download(f"{site.address}/photos.zip").read_bytes() == DATA
    assert [wanted for _, wanted in site.asked] == [None, "bytes=1000000-", "bytes=1500000-"]


def test_the_next_run_resumes_what_the_last_one_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    site.cuts = [2_000_000]
    assert sentence(lambda: download(f"{site.address}/photos.zip")) == (
        f"can't fetch {site.address}/photos.zip: it broke off after 2,000,000 of 3,000,000 bytes, at the last of 1 "
        "attempts. Try again later."
    )
    assert not cached_path(f"{site.address}/photos.zip").exists()
    path = download(f"{site.address}/photos.zip")
    assert path.read_bytes() == DATA
    assert site.asked[-1] == ("/photos.zip", "bytes=2000000-")
    assert files(path) == ["photos.zip"]


def test_a_server_without_ranges_sends_all_again(site: Site) -> None:
    site.ranges = False
    site.cuts = [1_000_000]
    assert download(f"{site.address}/photos.zip").read_bytes() == DATA


@pytest.mark.parametrize("weak", [True, False])
def test_without_a_mark_of_its_version_nothing_is_resumed(site: Site, weak: bool) -> None:
    site.etag, site.weak = weak, weak
    site.cuts = [1_000_000]
    path = download(f"{site.address}/photos.zip")
    assert path.read_bytes() == DATA
    assert [wanted for _, wanted in site.asked] == [None, None]
    assert files(path) == ["photos.zip"]


def test_what_cannot_be_resumed_is_not_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    site.etag, site.cuts = False, [1_000_000]
    sentence(lambda: download(f"{site.address}/photos.zip"))
    assert not list(cached_path(f"{site.address}/photos.zip").parent.iterdir())


def test_versions_never_mix(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    site.cuts = [2_000_000]
    sentence(lambda: download(f"{site.address}/photos.zip"))
    site.files["/photos.zip"] = DATA[::-1]
    path = download(f"{site.address}/photos.zip")
    assert path.read_bytes() == DATA[::-1]
    assert files(path) == ["photos.zip"]


@pytest.mark.parametrize("ignores_if_range", [False, True])
def test_a_file_that_changes_between_two_questions(site: Site, ignores_if_range: bool) -> None:
    site.cuts = [2_000_000]
    site.replaced_by, site.ignores_if_range = DATA[::-1], ignores_if_range
    path = download(f"{site.address}/photos.zip")
    assert path.read_bytes() == DATA[::-1]
    assert files(path) == ["photos.zip"]


def test_a_whole_file_under_its_partial_name_is_not_spoilt(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a run was killed between the last byte and the new name."""
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    site.cuts = [1_000_000]
    sentence(lambda: download(f"{site.address}/photos.zip"))
    target = cached_path(f"{site.address}/photos.zip")
    (partial,) = target.parent.glob(".*.partial")
    partial.write_bytes(DATA)
    monkeypatch.setattr(module, "ATTEMPTS", 2)
    assert download(f"{site.address}/photos.zip").read_bytes() == DATA


def test_a_file_of_unknown_length(site: Site) -> None:
    site.length = False
    assert download(f"{site.address}/photos.zip").read_bytes() == DATA


def test_a_busy_server_is_asked_again(site: Site) -> None:
    site.codes = [503, 429, 500]
    assert download(f"{site.address}/photos.zip").read_bytes() == DATA
    assert len(site.asked) == 4


def test_patience_ends(site: Site) -> None:
    site.codes = [503] * 99
    assert sentence(lambda: download(f"{site.address}/photos.zip")) == (
        f"can't fetch {site.address}/photos.zip: the server answers 503 Service Unavailable, "
        "at the last of 5 attempts. Try again later."
    )
    assert len(site.asked) == ATTEMPTS


def test_pauses_grow(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(module, "PAUSE", 1.0)
    monkeypatch.setattr(time, "sleep", pauses.append)
    site.codes = [503] * 99
    sentence(lambda: download(f"{site.address}/photos.zip"))
    assert pauses == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (404, "there's nothing at {url} (404 Not Found). Check the address."),
        (410, "there's nothing at {url} (410 Gone). Check the address."),
        (403, "{url} may not be fetched without signing in (403 Forbidden). Download it in a browser."),
        (451, "can't fetch {url}: the server answers 451 Unavailable For Legal Reasons."),
    ],
)
def test_a_refusal_is_final(site: Site, code: int, expected: str) -> None:
    url = f"{site.address}/photos.zip"
    site.codes = [code]
    assert sentence(lambda: download(url)) == expected.format(url=url)
    assert len(site.asked) == 1
    assert not list(cached_path(url).parent.iterdir())


def test_a_redirect_is_followed_but_not_off_the_web(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "secret.zip"
    other.write_bytes(b"secret")
    url = f"{site.address}/moved.zip"
    site.moved["/moved.zip"] = other.as_uri()
    assert sentence(lambda: download(url)) == (
        f"can't fetch {url}: the server answers 302 Found - Redirection to url '{other.as_uri()}' is not allowed."
    )
    site.moved["/moved.zip"] = "/moved.zip"
    assert sentence(lambda: download(url)).startswith(f"can't fetch {url}: the server answers 302 The HTTP server")
    site.moved["/moved.zip"] = "ftp://127.0.0.1/photos.zip"
    assert sentence(lambda: download(url)) == (
        f"can't fetch {url}: unknown url type: ftp. Check the address, and whether this machine is online."
    )
    site.moved["/moved.zip"] = "/photos.zip"
    site.cuts = [0, 1_000_000]  # the first is the answer that only says where
    assert download(f"{site.address}/moved.zip").read_bytes() == DATA
    assert site.asked[-1] == ("/photos.zip", "bytes=1000000-")


def test_a_wrong_checksum_is_refused(site: Site) -> None:
    url = f"{site.address}/photos.zip"
    right, wrong = hashlib.sha256(DATA).hexdigest(), hashlib.sha256(b"other").hexdigest()
    assert sentence(lambda: download(url, sha256=wrong)) == (
        f"{url} isn't the file expected: its SHA-256 is {right}, not {wrong}."
    )
    assert not list(cached_path(url).parent.iterdir())
    assert download(url, sha256=right).read_bytes() == DATA


def test_a_file_too_large_is_not_begun(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2_000_000)
    url = f"{site.address}/photos.zip"
    expected = (
        f"{url} has more than 0 GB, more than is fetched unasked. Download and unpack it yourself and give the folder."
    )
    bar = Bar()
    assert sentence(lambda: download(url, bar)) == expected
    assert bar.title is None
    site.length = False
    assert sentence(lambda: download(url)) == expected
    assert not list(cached_path(url).parent.iterdir())


def test_a_full_disk_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    opens = Path.open

    def opened(path: Path, mode: str = "r", **options: object) -> IO[Any]:
        return Full(path, "wb") if mode == "ab" else opens(path, mode, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(OutputError, match=r"No space left on device\. Free some space there"):
        download(f"{site.address}/photos.zip")


@pytest.mark.parametrize(
    "url",
    ["ftp://host/photos.zip", "file://elsewhere/a.zip", "http://", "http://user:word@host/a.zip", "http://a b/c.zip",
     "http://host:port/a.zip", "http://[::1/a.zip", "https://" + "x" * 70 + ".com/a.zip", "://x", "ht\ntp:///c.zip"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str, site: Site) -> None:
    text = sentence(lambda: discover(url))
    assert any(
        part in text for part in ("isn't a valid address", "can't be fetched", "isn't an address", "names the machine")
    )
    assert site.asked == []


def test_addresses_are_quoted(site: Site) -> None:
    site.files["/a%20b/%C3%A4%20(1).zip"] = b"found"
    path = download(f"{site.address}/a b/ä (1).zip?x=1&y=a b#part")
    assert path.read_bytes() == b"found"
    assert site.asked == [("/a%20b/%C3%A4%20(1).zip?x=1&y=a%20b", None)]
    assert path.name == "_1_.zip"


def test_no_network_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert sentence(lambda: download("https://nowhere.example/photos.zip")) == (
        "can't find the host nowhere.example. Check the address, and whether this machine is online."
    )


def test_a_host_that_refuses_is_told_at_once(site: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/photos.zip"
    assert sentence(lambda: download(url)) == (
        f"can't fetch {url}: Connection refused. Check the address, and whether this machine is online."
    )


def test_a_server_that_falls_silent_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.1)
    monkeypatch.setattr(module, "ATTEMPTS", 2)
    site.pause = 0.4
    assert "the connection broke (timed out), at the last of 2 attempts" in sentence(
        lambda: download(f"{site.address}/photos.zip")
    )


def test_two_at_once_both_get_the_whole(site: Site) -> None:
    site.pause = 0.01
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: results.append(download(f"{site.address}/photos.zip").read_bytes()))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert results == [DATA, DATA]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills otherwise")
def test_a_killed_download_goes_on_where_it_stopped(site: Site) -> None:
    url = f"{site.address}/photos.zip"
    site.pause = 0.05
    target = cached_path(url)
    code = f"from pawlab.files.download import download; download({url!r})"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and not any(file.stat().st_size for file in target.parent.glob(".*.partial")):
            time.sleep(0.01)
        process.kill()
    site.pause = 0
    assert not target.exists()
    (partial,) = target.parent.glob(".*.partial")
    have = partial.stat().st_size
    assert 0 < have < len(DATA)
    assert download(url).read_bytes() == DATA
    assert site.asked[-1] == ("/photos.zip", f"bytes={have}-")


def test_the_bar_counts_what_was_there(site: Site) -> None:
    site.cuts = [1_000_000]
    bar = Bar()
    download(f"{site.address}/photos.zip", bar)
    assert (bar.title, bar.total, bar.unit, bar.done) == ("Downloading photos.zip", 3_000_000, "bytes", 3_000_000)


def zipped(*names: str) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name in names:
            archive.writestr(name, content(name))
    return memory.getvalue()


def test_an_address_serves_as_data(site: Site) -> None:
    site.files["/sets/birds.zip"] = zipped("birds/finch/1.jpg", "birds/wren/1.jpg")
    dataset = discover(f"{site.address}/sets/birds.zip")
    assert dataset.name == "birds"
    assert layout(dataset) == {"finch/1.jpg": ("finch", None), "wren/1.jpg": ("wren", None)}


def test_a_download_that_cannot_serve_is_not_kept(site: Site) -> None:
    url = f"{site.address}/birds.zip"
    site.files["/birds.zip"] = b"<html>Please sign in</html>"
    assert sentence(lambda: discover(url)) == (
        f"{url} is a web page. Check the address; that of a folder ends with a slash."
    )
    site.files["/birds.zip"] = b"birds"
    assert sentence(lambda: discover(url)) == (
        f"what lies at {url} is no archive (zip, tar, tar.gz, tar.bz2, tar.xz). Check the address."
    )
    site.files["/birds.zip"] = zipped("1.jpg")
    assert sentence(lambda: discover(url)).startswith("birds.zip holds 1 picture but no class folders.")
    site.files["/birds.zip"] = zipped("finch/1.jpg", "wren/1.jpg")
    assert len(discover(url)) == 2


@pytest.fixture
def tiny(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnownData:
    """A known data set of two pictures on our own server."""
    site.files["/tiny.zip"] = zipped("tiny/cats/1.jpg", "tiny/dogs/1.jpg")
    fingerprint = discover(f"{site.address}/tiny.zip").fingerprint
    cached_path(f"{site.address}/tiny.zip").unlink()
    site.asked.clear()
    monkeypatch.delenv("PAWLAB_DATA_DIR", raising=False)
    tiny = KnownData("tiny", 2, ("cats", "dogs"), 40, "ours", "here", fingerprint, f"{site.address}/tiny.zip")
    monkeypatch.setattr(known, "KNOWN_DATA", (tiny,))
    return tiny


def test_a_known_data_set_is_fetched_once_and_checked(site: Site, tiny: KnownData) -> None:
    assert discover("tiny").fingerprint == tiny.fingerprint
    assert get_data("tiny").name == "tiny"
    assert site.asked == [("/tiny.zip", None)]


def test_it_is_found_in_the_data_folder_packed_or_not(
    site: Site, tiny: KnownData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("PAWLAB_DATA_DIR", str(tmp_path / "here"))
    assert discover("tiny").fingerprint == tiny.fingerprint
    assert len(site.asked) == 1
    (tmp_path / "here/tiny.zip").write_bytes(site.files["/tiny.zip"])
    assert discover("tiny").fingerprint == tiny.fingerprint
    with zipfile.ZipFile(tmp_path / "here/tiny.zip") as archive:
        archive.extractall(tmp_path / "here")
    (tmp_path / "here/tiny.zip").unlink()
    assert get_data("tiny") == tmp_path / "here/tiny"
    assert len(site.asked) == 1


def test_wrong_pictures_are_refused_and_fetched_anew(site: Site, tiny: KnownData) -> None:
    right = site.files["/tiny.zip"]
    site.files["/tiny.zip"] = zipped("tiny/cats/1.jpg", "tiny/dogs/2.jpg")
    assert sentence(lambda: discover("tiny")) == (
        "tiny.zip isn't the data set 'tiny': it holds 2 pictures, but names or contents differ from the published "
        "ones. Replace it, or give its path in place of the name to use it as it is."
    )
    site.files["/tiny.zip"] = right
    assert len(discover("tiny")) == 2


def test_without_network_another_way_is_named(site: Site, tiny: KnownData) -> None:
    site.codes = [404]
    assert sentence(lambda: discover("tiny")) == (
        f"there's nothing at {tiny.url} (404 Not Found). Check the address. "
        "Or put tiny.zip in a folder and set PAWLAB_DATA_DIR to that."
    )


def test_the_table_is_complete() -> None:
    assert {entry.name for entry in KNOWN_DATA} == {"sample", "cats-and-dogs"}
    for entry in KNOWN_DATA:
        assert entry.licence
        assert entry.origin
        assert entry.pictures > 0
        assert len(entry.fingerprint) == 64
        assert json.loads(json.dumps(entry.to_dict()))["name"] == entry.name
