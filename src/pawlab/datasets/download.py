"""Files from the network, over http and https. No other module opens it.

A file is kept in the cache under its address and never fetched twice. A download that breaks off goes on where it
stopped: what came is kept beside the target under the mark that the server gave this version (ETag or
Last-Modified), and the rest is asked for by Range. So bytes of two versions never mix, and two processes that fetch
the same file write the same bytes to the same places.
"""

import hashlib
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from pawlab import __version__
from pawlab.datasets.archives import MAX_BYTES
from pawlab.datasets.reading import printable
from pawlab.errors import DataError
from pawlab.progress import Advance, Progress, silent
from pawlab.storage import cache_dir, no_room_in_cache

ATTEMPTS = 5
PAUSE = 1.0  # seconds before the second attempt; twice as long before each further one
TIMEOUT = 30  # seconds without a byte
_CHUNK = 1 << 18
_PASSING = frozenset({408, 416, 425, 429, 500, 502, 503, 504})  # what a server may answer differently in a moment


class _InterruptedError(Exception):
    """The connection broke, or the server was busy; it may work at the next attempt."""


@dataclass(frozen=True)
class _Answer:
    """What the server sends. `total`: bytes of the whole file, None where unknown; `mark`: names this version of it."""

    body: Any
    start: int
    total: int | None
    mark: str | None


def download(url: str, progress: Progress = silent, sha256: str | None = None) -> Path:
    """Return a file in the cache with what lies at `url`; it's fetched the first time only.

    With `sha256` the bytes are checked. Raises DataError where the address is wrong, the network fails, or the bytes
    aren't the ones expected, and OutputError where the cache has no room.
    """
    target = cached_path(url)
    if not target.exists():
        _fetch(_clean(url), target, progress, sha256)
    return target


def cached_path(url: str) -> Path:
    """Return where a file from `url` is kept, whether it's there or not. Raises DataError where it's no address."""
    url = _clean(url)
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", unquote(urlsplit(url).path).rpartition("/")[2])[-80:].lstrip(".")
    return cache_dir("downloads", hashlib.sha256(url.encode()).hexdigest()[:16]) / (name or "file")


def _clean(url: str) -> str:
    """Return an address that can be sent: its parts quoted where needed, without fragment. Raises DataError."""
    url = "".join(printable(url).splitlines())
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise DataError(f"{url} isn't a valid address: {error}.") from error
    if parts.scheme.lower() not in ("http", "https"):
        raise DataError(f"{url} can't be fetched: only addresses with http:// or https:// can.")
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", host) or parts.username is not None:
        raise DataError(f"{url} isn't an address like https://host/photos.zip.")
    host = f"[{host}]" if ":" in host else host
    path, query = (quote(part, safe="%/:=&?~+!$,;'@()*[]") for part in (parts.path, parts.query))
    return urlunsplit((parts.scheme.lower(), host + port, path or "/", query, ""))


def _fetch(url: str, target: Path, progress: Progress, sha256: str | None) -> None:
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            return _attempt(url, target, progress, sha256)
        except _InterruptedError as error:
            reason = str(error)
    raise DataError(f"can't fetch {url}: {reason}, at the last of {ATTEMPTS} attempts. Try again later.")


def _attempt(url: str, target: Path, progress: Progress, sha256: str | None) -> None:
    with _explained(url), _opened(url, target) as (answer, partial):
        if answer.total is not None and answer.total > MAX_BYTES:
            raise _too_large(url)
        with progress(f"Downloading {target.name}", answer.total, unit="bytes") as advance:
            _receive(answer, partial, advance)
    _finish(url, partial, target, sha256)


@contextmanager
def _opened(url: str, target: Path) -> Iterator[tuple[_Answer, Path]]:
    """Ask for the file, and again for what's missing where a part of this version is here already."""
    with _get(url) as response:
        answer = _Answer(response, 0, _length(response.headers), _mark(response.headers))
        partial = _partial(target, answer.mark)
        have = partial.stat().st_size if partial.exists() else 0
        if not 0 < have < (answer.total or 0):
            yield answer, partial
            return
    with _get(url, {"Range": f"bytes={have}-", "If-Range": str(answer.mark)}) as response:
        if not _has_mark(response.headers, str(answer.mark)):
            raise _InterruptedError("the file changed while it was fetched")
        yield _Answer(response, _start(response), answer.total, answer.mark), partial


def _get(url: str, headers: dict[str, str] | None = None) -> Any:
    request = Request(url, headers={"User-Agent": f"pawlab/{__version__}", "Accept-Encoding": "identity"})
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    return _opener().open(request, timeout=TIMEOUT)


def _opener() -> OpenerDirector:
    """Like urllib's own, but without ftp:, file: and data:, to which a server could redirect."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler,
        UnknownHandler,
        HTTPHandler,
        HTTPSHandler,
        HTTPDefaultErrorHandler,
        HTTPRedirectHandler,
        HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _length(headers: HTTPMessage) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _mark(headers: HTTPMessage) -> str | None:
    """Return what names this version of the file and may stand in If-Range: a strong ETag, else Last-Modified."""
    etag = headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    return headers.get("Last-Modified")


def _has_mark(headers: HTTPMessage, mark: str) -> bool:
    """Say whether an answer is of the version with this mark; it may leave the mark out where nothing changed."""
    return headers.get("ETag" if mark.startswith('"') else "Last-Modified", mark) == mark


def _start(response: Any) -> int:
    """Return at which byte the server begins: it may send all from the first, whatever it was asked."""
    if response.status != 206:
        return 0
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if not found:
        raise _InterruptedError("the server sent a part without saying which")
    return int(found[1])


def _partial(target: Path, mark: str | None) -> Path:
    """Return where a version's bytes measure. Without a mark nothing can be resumed, and no two may share."""
    if mark is None:
        return target.with_name(f".{target.name}.{time.time_ns():x}.unmarked.partial")
    return target.with_name(f".{target.name}.{hashlib.sha256(mark.encode()).hexdigest()[:16]}.partial")


def _receive(answer: _Answer, partial: Path, advance: Advance) -> None:
    """Write what comes behind what's there; on failure keep only what the next attempt can build on."""
    try:
        with partial.open("r+b" if partial.exists() else "xb") as file:
            file.seek(answer.start)
            advance(answer.start)
            done = answer.start + _copy(answer.body, file, advance)
            if answer.total not in (None, done):
                raise _InterruptedError(f"it broke off after {done:,} of {answer.total:,} bytes")
            file.truncate()
    except BaseException as error:
        if answer.mark is None or isinstance(error, DataError):
            partial.unlink(missing_ok=True)
        raise


def _copy(body: Any, file: IO[bytes], advance: Advance) -> int:
    copied = 0
    while chunk := body.read1(_CHUNK):
        try:
            file.write(chunk)
            file.flush()
        except OSError as error:
            raise no_room_in_cache(file.name, error) from error
        copied += len(chunk)
        if copied > MAX_BYTES:
            raise _too_large(body.url)
        advance(len(chunk))
    return copied


def _finish(url: str, partial: Path, target: Path, sha256: str | None) -> None:
    """Check the bytes and give them their name; remove what's left of other versions."""
    if sha256 is not None:
        with partial.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            partial.unlink(missing_ok=True)
            raise DataError(f"{url} isn't the file expected: its SHA-256 is {found}, not {sha256}.")
    try:
        partial.replace(target)
    except FileNotFoundError:  # another process was quicker with the same bytes
        if not target.exists():
            raise
    for other in target.parent.glob(".*.partial"):
        other.unlink(missing_ok=True)


def _too_large(url: str) -> DataError:
    return DataError(
        f"{url} has more than {MAX_BYTES // 10**9} GB, more than is fetched unasked. "
        "Download and unpack it yourself and give the folder."
    )


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn what goes wrong on a network into one sentence, or into _InterruptedError where another attempt may help."""
    try:
        yield
    except HTTPError as error:
        error.close()
        answer = " ".join(f"{error.code} {error.reason}".split())
        if error.code in _PASSING:
            raise _InterruptedError(f"the server answers {answer}") from error
        raise DataError(_refusal(url, error.code, answer)) from error
    except URLError as error:
        raise _unreachable(url, error.reason) from error
    except (HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
        raise _InterruptedError(f"the connection broke ({error or type(error).__name__})") from error


def _refusal(url: str, code: int, answer: str) -> str:
    if code in (404, 410):
        return f"there's nothing at {url} ({answer}). Check the address."
    if code in (401, 403, 407):
        return f"{url} may not be fetched without signing in ({answer}). Download it in a browser."
    return f"can't fetch {url}: the server answers {answer.rstrip('.')}."


def _unreachable(url: str, reason: object) -> Exception:
    host = urlsplit(url).netloc
    if isinstance(reason, socket.gaierror):
        return DataError(f"can't find the host {host}. Check the address, and whether this machine is online.")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return DataError(f"can't trust {host}: {reason.verify_message}. Check the address and this machine's clock.")
    if isinstance(reason, TimeoutError | ConnectionResetError):
        return _InterruptedError(f"{host} can't be reached ({reason.strerror or reason})")
    why = getattr(reason, "strerror", None) or reason
    return DataError(f"can't fetch {url}: {why}. Check the address, and whether this machine is online.")
