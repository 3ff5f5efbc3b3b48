"""Files from the network, over http and https. No other module opens it.

A file is kept in the cache under its address and never fetched twice; a lock lets one process fetch it. A download
that breaks off goes on where it stopped: the rest is asked for by Range, under the mark that the server gave this
version (ETag or Last-Modified), so bytes of two versions never mix.
"""

import hashlib
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
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
from pawlab.errors import DataError, NetworkError, NotThereError
from pawlab.files.addresses import WEB, redacted
from pawlab.files.archives import MAX_BYTES
from pawlab.files.names import file_sha256
from pawlab.names import printable
from pawlab.progress import Advance, Progress, silent
from pawlab.storage import cache_dir, mark_used, no_room_in_cache, one_at_a_time

ATTEMPTS = 5
PAUSE = 1.0  # seconds before the second attempt; twice as long before each further one
TIMEOUT = 30  # seconds without a byte
_CHUNK = 1 << 18
_NO_SUCH_RANGE = 416
_PASSING = frozenset({408, 416, 425, 429, 500, 502, 503, 504})  # what a server may answer differently in a moment
# Like urllib's own, but without ftp:, file: and data:, to which a server could redirect.
_HANDLERS = (
    ProxyHandler,
    UnknownHandler,
    HTTPHandler,
    HTTPSHandler,
    HTTPDefaultErrorHandler,
    HTTPRedirectHandler,
    HTTPErrorProcessor,
)


class _InterruptedError(Exception):
    """The connection broke, or the server was busy; it may work at the next attempt, `anew` from the first byte."""

    def __init__(self, reason: str, anew: bool = False) -> None:
        super().__init__(reason)
        self.anew = anew


def download(url: str, progress: Progress = silent, sha256: str | None = None) -> Path:
    """Return a file in the cache with what lies at `url`; it's fetched the first time only.

    With `sha256` the bytes are checked. Raises DataError where the address is wrong, the network fails, or the bytes
    aren't the ones expected, and OutputError where the cache has no room.
    """
    target = cached_path(url)
    if not target.exists():
        with one_at_a_time(target):
            if not target.exists():
                _fetch(_clean(url), target, progress, sha256)
    mark_used(target.parent)
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
        raise DataError(f"{redacted(url)} isn't a valid address: {error}.") from error
    if parts.scheme.lower() not in WEB:
        raise DataError(f"{redacted(url)} can't be fetched: only addresses with http:// or https:// can.")
    if not re.fullmatch(r"[A-Za-z0-9._:-]+", host) or parts.username is not None:
        raise DataError(f"{redacted(url)} isn't an address like https://host/photos.zip.")
    host = f"[{host}]" if ":" in host else host
    path, query = (quote(part, safe="%/:=&?~+!$,;'@()*[]") for part in (parts.path, parts.query))
    return urlunsplit((parts.scheme.lower(), host + port, path or "/", query, ""))


def _fetch(url: str, target: Path, progress: Progress, sha256: str | None) -> None:
    partial = target.with_name(f".{target.name}.partial")
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            with _explained(url):
                _attempt(url, partial, target.name, progress)
            break
        except DataError:
            _forget(partial)
            raise
        except _InterruptedError as error:
            reason = redacted(str(error))
            if error.anew or not _mark_file(partial).exists():
                _forget(partial)
    else:
        raise NetworkError(
            f"can't fetch {redacted(url)}: {reason}, at the last of {ATTEMPTS} attempts. Try again later."
        )
    if sha256 is not None:
        _require_sha256(url, partial, sha256)
    partial.replace(target)
    _mark_file(partial).unlink(missing_ok=True)


def _attempt(url: str, partial: Path, name: str, progress: Progress) -> None:
    """Fetch what is missing of a file; what came stays in `partial` where the next attempt can build on it."""
    mark_file = _mark_file(partial)
    known = mark_file.read_text(encoding="utf-8") if mark_file.exists() and partial.exists() else None
    have = partial.stat().st_size if known else 0
    with _get(url, {"Range": f"bytes={have}-", "If-Range": str(known)} if have else {}) as response:
        resumed, mark = response.status == 206, _mark(response)
        if resumed and (mark not in (None, known) or not _begins_at(response, have)):
            raise _InterruptedError("the file changed while it was fetched", anew=True)
        start = have if resumed else 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        if (total or 0) > MAX_BYTES:
            raise _too_large(url)
        if not resumed:
            _forget(partial)
            if mark is not None:
                mark_file.write_text(mark, encoding="utf-8")
        with progress(f"Downloading {name}", total, unit="bytes") as advance, partial.open("ab") as file:
            advance(start)
            done = start + _copy(response, file, advance)
    if total not in (None, done):
        raise _InterruptedError(f"it broke off after {done:,} of {total:,} bytes")


def _mark_file(partial: Path) -> Path:
    return partial.with_suffix(".mark")


def _forget(partial: Path) -> None:
    for path in (partial, _mark_file(partial)):
        path.unlink(missing_ok=True)


def _get(url: str, headers: dict[str, str]) -> Any:
    opener = OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    fixed = {"User-Agent": f"pawlab/{__version__}", "Accept-Encoding": "identity"}
    return opener.open(Request(url, headers={**fixed, **headers}), timeout=TIMEOUT)


def _mark(response: Any) -> str | None:
    """Return what names this version of the file and may stand in If-Range: a strong ETag, else Last-Modified."""
    etag = response.headers.get("ETag", "")
    mark: str | None = etag if etag.startswith('"') else response.headers.get("Last-Modified")
    return mark


def _begins_at(response: Any, byte: int) -> bool:
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {byte}-")


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


def _require_sha256(url: str, partial: Path, sha256: str) -> None:
    found = file_sha256(partial)
    if found != sha256:
        _forget(partial)
        raise DataError(f"{redacted(url)} isn't the file expected: its SHA-256 is {found}, not {sha256}.")


def _too_large(url: str) -> DataError:
    return DataError(
        f"{redacted(url)} has more than {MAX_BYTES // 10**9} GB, more than is fetched unasked. "
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
            raise _InterruptedError(f"the server answers {answer}", anew=error.code == _NO_SUCH_RANGE) from error
        raise _refusal(redacted(url), error.code, answer) from error
    except URLError as error:
        raise _unreachable(url, error.reason) from error
    except (HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
        raise _InterruptedError(f"the connection broke ({error or type(error).__name__})") from error


def _refusal(shown: str, code: int, answer: str) -> NetworkError:
    if code in (404, 410):
        return NotThereError(f"there's nothing at {shown} ({answer}). Check the address.")
    if code in (401, 403, 407):
        return NetworkError(f"{shown} may not be fetched without signing in ({answer}). Download it in a browser.")
    return NetworkError(f"can't fetch {shown}: the server answers {redacted(answer.rstrip('.'))}.")


def _unreachable(url: str, reason: object) -> Exception:
    host = urlsplit(url).netloc
    if isinstance(reason, socket.gaierror):
        return NetworkError(f"can't find the host {host}. Check the address, and whether this machine is online.")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return NetworkError(f"can't trust {host}: {reason.verify_message}. Check the address and this machine's clock.")
    if isinstance(reason, TimeoutError | ConnectionResetError):
        return _InterruptedError(f"{host} can't be reached ({reason.strerror or reason})")
    why = getattr(reason, "strerror", None) or reason
    return NetworkError(
        f"can't fetch {redacted(url)}: {redacted(str(why))}. Check the address, and whether this machine is online."
    )
