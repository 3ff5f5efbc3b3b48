"""What clients send: read into memory within limits of size, number and time. Nothing is written to disk."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from pawlab.serve.limits import Limits
from pawlab.serve.refusals import RefusedError, busy

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD = "files"
MULTIPART = "multipart/form-data"
RAW_TYPES = ("image/*", "application/octet-stream")

Take = Callable[[int], None]


@dataclass(frozen=True)
class Upload:
    """A file as it came. `name`: what the client calls it, or ""; only ever echoed."""

    name: str
    data: bytes


class Memory:
    """What all uploads together may hold."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.held = 0

    @contextmanager
    def hold(self) -> Iterator[Take]:
        """Give a function that takes so many bytes more, or raises RefusedError; all are given back at the end."""
        mine = 0

        def take(count: int) -> None:
            nonlocal mine
            if self.held + count > self._limit:
                raise busy("The service holds as many uploads as it has memory for.", 5)
            self.held += count
            mine += count

        try:
            yield take
        finally:
            self.held -= mine


async def read_uploads(request: Request, limits: Limits, take: Take) -> list[Upload]:
    """Return the pictures of a multipart form's field `files`, or the one that is the body itself.

    Raises RefusedError where the request isn't of either kind, brings more than the limits allow, or takes too long.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.request_bytes:
        raise _too_much(limits)
    chunks = _chunks(request, limits, take)
    if kind == MULTIPART.encode():
        return await _read_form(chunks, options.get(b"boundary", b""), limits)
    if kind.startswith(b"image/") or kind == b"application/octet-stream":
        return [await _read_raw(chunks, limits)]
    raise RefusedError(
        415, f"Send {MULTIPART} with pictures in the field '{FIELD}', or one picture as {' or '.join(RAW_TYPES)}."
    )


async def _chunks(request: Request, limits: Limits, take: Take) -> AsyncIterator[bytes]:
    """Yield the body as it comes, counted."""
    received = 0
    deadline = monotonic() + limits.upload_seconds
    more = True
    while more:
        message = await _next_message(request, limits, deadline)
        if message["type"] == "http.disconnect":
            raise RefusedError(499, "The client left before its upload was whole.")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        received += len(chunk)
        if received > limits.request_bytes:
            raise _too_much(limits)
        take(len(chunk))
        yield chunk


async def _next_message(request: Request, limits: Limits, deadline: float) -> MutableMapping[str, Any]:
    left = deadline - monotonic()
    try:
        async with asyncio.timeout(min(limits.silence_seconds, left)):
            return await request.receive()
    except TimeoutError as error:
        if limits.silence_seconds < left:
            raise RefusedError(408, f"Nothing came of the upload for {limits.silence_seconds:g} s.") from error
        raise RefusedError(408, f"The upload wasn't whole after {limits.upload_seconds:g} s.") from error


async def _read_raw(chunks: AsyncIterator[bytes], limits: Limits) -> Upload:
    parts = []
    size = 0
    async for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > limits.file_bytes:
            raise _file_too_large("", limits)
    if not size:
        raise RefusedError(400, "The request's body is empty. Send a picture in it.")
    return Upload("", b"".join(parts))


async def _read_form(chunks: AsyncIterator[bytes], boundary: bytes, limits: Limits) -> list[Upload]:
    if not boundary:
        raise RefusedError(400, "The form names no boundary between its parts in its Content-Type.")
    form = _Form(limits)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        async for chunk in chunks:
            parser.write(chunk)
    except FormParserError as error:
        raise RefusedError(400, "The form can't be read: its parts aren't where its boundary says.") from error
    if not form.whole:
        raise RefusedError(400, "The form is cut off: its last boundary is missing.")
    if not form.uploads:
        raise RefusedError(400, f"The form holds no picture. Put at least one into the field '{FIELD}'.")
    return form.uploads


class _Form:
    """What the parser tells of a form, part by part."""

    def __init__(self, limits: Limits) -> None:
        self.uploads: list[Upload] = []
        self.whole = False
        self._limits = limits
        self._header_name = self._header_value = b""
        self._start_part()

    def callbacks(self) -> "MultipartCallbacks":
        """Return what the parser calls, by the names it calls them."""
        return {
            "on_part_begin": self._start_part,
            "on_header_field": self._add_to_header_name,
            "on_header_value": self._add_to_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._check_part,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _start_part(self) -> None:
        self._disposition = b""
        self._name = ""
        self._parts: list[bytes] = []
        self._size = 0

    def _add_to_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_to_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _check_part(self) -> None:
        _, options = parse_options_header(self._disposition)
        field = options.get(b"name", b"").decode("utf-8", errors="replace")
        if field != FIELD:
            raise RefusedError(400, f"The form has the field '{field[:50]}'. Put pictures into the field '{FIELD}'.")
        if len(self.uploads) == self._limits.files:
            raise RefusedError(
                413, f"A request may bring {_pictures(self._limits.files)}. Send the others by themselves."
            )
        self._name = options.get(b"filename", b"").decode("utf-8", errors="replace")

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        self._parts.append(data[start:end])
        self._size += end - start
        if self._size > self._limits.file_bytes:
            raise _file_too_large(self._name, self._limits)

    def _end_part(self) -> None:
        self.uploads.append(Upload(self._name, b"".join(self._parts)))

    def _end(self) -> None:
        self.whole = True


def _too_much(limits: Limits) -> RefusedError:
    return RefusedError(
        413, f"The request has more than {_megabytes(limits.request_bytes)}. Send its pictures in several requests."
    )


def _file_too_large(name: str, limits: Limits) -> RefusedError:
    called = f"{name[:200]} has" if name else "The picture has"
    return RefusedError(413, f"{called} more than {_megabytes(limits.file_bytes)}. Make it smaller.")


def _pictures(count: int) -> str:
    return "one picture" if count == 1 else f"{count} pictures"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:g} MB"
