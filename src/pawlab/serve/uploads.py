"""What clients send: read into memory within limits of size, number and time. Nothing is written to disk."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from pawlab.serve.errors import RefusedError, busy
from pawlab.serve.limits import Limits

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
    """How many bytes all uploads together hold, and may hold."""

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
                raise busy("The memory for uploads is full.", 5)
            self.held += count
            mine += count

        try:
            yield take
        finally:
            self.held -= mine


async def read_uploads(request: Request, limits: Limits, take: Take) -> list[Upload]:
    """Return the pictures of a multipart form's field `files`, or the one that is the body itself.

    Raises RefusedError where the request isn't of either kind, exceeds the limits, or takes too long.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.request_bytes:
        raise _request_too_large(limits)
    chunks = _chunks(request, limits, take)
    if kind == MULTIPART:
        return await _read_form(request.headers, chunks, limits)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [await _read_raw(chunks, limits)]
    raise RefusedError(
        415, f"Send {MULTIPART} with pictures in the field '{FIELD}', or one picture as {' or '.join(RAW_TYPES)}."
    )


async def _chunks(request: Request, limits: Limits, take: Take) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes, counted."""
    received = 0
    deadline = monotonic() + limits.upload_seconds
    more = True
    while more:
        message = await _next_message(request, limits, deadline)
        if message["type"] == "http.disconnect":
            raise RefusedError(499, "The client disconnected before its upload was complete.")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        received += len(chunk)
        if received > limits.request_bytes:
            raise _request_too_large(limits)
        take(len(chunk))
        yield chunk


async def _next_message(request: Request, limits: Limits, deadline: float) -> MutableMapping[str, Any]:
    left = deadline - monotonic()
    try:
        async with asyncio.timeout(min(limits.silence_seconds, left)):
            return await request.receive()
    except TimeoutError as error:
        if limits.silence_seconds < left:
            raise RefusedError(408, f"No data came for {limits.silence_seconds:g} s. Send the upload again.") from error
        seconds = f"{limits.upload_seconds:g} s"
        raise RefusedError(408, f"The upload took longer than {seconds}. Send fewer pictures at once.") from error


async def _read_raw(chunks: AsyncGenerator[bytes, None], limits: Limits) -> Upload:
    parts = []
    size = 0
    async for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > limits.file_bytes:
            raise _file_too_large("", limits)
    if not size:
        raise RefusedError(400, "The body is empty. Send a picture in it.")
    return Upload("", b"".join(parts))


class _FormParser(MultiPartParser):
    """Starlette's parser, with files in memory only; too many, or a form without its end, are refused."""

    spool_max_size = 1 << 40  # bytes: more than any request may have

    def __init__(self, headers: Headers, chunks: AsyncGenerator[bytes, None], limits: Limits) -> None:
        super().__init__(headers, self._complete(chunks))
        self._limits = limits
        self._ended = False

    def on_headers_finished(self) -> None:
        """Begin the next part."""
        if len(self.items) == self._limits.files:
            pictures = "one picture" if self._limits.files == 1 else f"{self._limits.files} pictures"
            raise RefusedError(413, f"A request may have {pictures}. Send the others in further requests.")
        super().on_headers_finished()

    def on_end(self) -> None:
        """Note the last boundary."""
        self._ended = True

    async def _complete(self, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for chunk in chunks:
            yield chunk
        if not self._ended:
            raise RefusedError(400, "The form is cut off: its last boundary is missing. Send it again.")


async def _read_form(headers: Headers, chunks: AsyncGenerator[bytes, None], limits: Limits) -> list[Upload]:
    try:
        form = await _FormParser(headers, chunks, limits).parse()
    except MultiPartException as error:
        reason = error.message[:1].lower() + error.message[1:].rstrip(".")
        raise RefusedError(
            400, f"The form can't be read ({reason}). Send it as `curl -F {FIELD}=@cat.jpg` does."
        ) from error
    try:
        if not form:
            raise RefusedError(400, f"The form has no picture. Put at least one into the field '{FIELD}'.")
        return [await _upload(field, value, limits) for field, value in form.multi_items()]
    finally:
        await form.close()


async def _upload(field: str, value: UploadFile | str, limits: Limits) -> Upload:
    if field != FIELD:
        raise RefusedError(400, f"The form has the field '{field[:50]}'. Put pictures into the field '{FIELD}'.")
    if isinstance(value, str):
        raise RefusedError(400, f"The field '{FIELD}' has text, not a file. With curl: -F {FIELD}=@cat.jpg.")
    name = value.filename or ""
    if (value.size or 0) > limits.file_bytes:
        raise _file_too_large(name, limits)
    data = await value.read()
    await value.close()  # frees the form's copy
    return Upload(name, data)


def _request_too_large(limits: Limits) -> RefusedError:
    return RefusedError(
        413, f"The request has more than {_megabytes(limits.request_bytes)}. Send its pictures in several requests."
    )


def _file_too_large(name: str, limits: Limits) -> RefusedError:
    what = name[:200] or "The picture"
    return RefusedError(413, f"{what} has more than {_megabytes(limits.file_bytes)}. Make it smaller.")


def _megabytes(count: int) -> str:
    return f"{count / 1e6:g} MB"
