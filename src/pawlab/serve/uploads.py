"""What clients send: read into memory within limits of size, number and time. Nothing is written to disk."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
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
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.request_bytes:
        raise _too_much(limits)
    chunks = _chunks(request, limits, take)
    if kind == MULTIPART:
        return await _read_form(request, chunks, limits)
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


async def _read_raw(chunks: AsyncGenerator[bytes, None], limits: Limits) -> Upload:
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


async def _read_form(request: Request, chunks: AsyncGenerator[bytes, None], limits: Limits) -> list[Upload]:
    """Let Starlette read the form; its parts stay in memory."""
    if "boundary=" not in request.headers.get("content-type", ""):
        raise RefusedError(400, "The form names no boundary between its parts in its Content-Type.")
    parser = _MemoryParser(request.headers, chunks, max_files=limits.files, max_fields=0)
    try:
        return await _uploads_of(await parser.parse(), limits)
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise RefusedError(
                413, f"A request may bring {_pictures(limits.files)}. Send the others by themselves."
            ) from error
        raise RefusedError(400, f"The form can't be read: {error.message}") from error
    finally:
        parser.close()


async def _uploads_of(form: FormData, limits: Limits) -> list[Upload]:
    uploads = []
    for field, file in form.multi_items():
        if field != FIELD or not isinstance(file, UploadFile):
            raise RefusedError(400, f"The form has the field '{field[:50]}'. Put pictures into the field '{FIELD}'.")
        if (file.size or 0) > limits.file_bytes:
            raise _file_too_large(file.filename or "", limits)
        uploads.append(Upload(file.filename or "", await file.read()))
    if not uploads:
        raise RefusedError(400, f"The form holds no picture, or is cut off. Put pictures into the field '{FIELD}'.")
    return uploads


class _MemoryParser(MultiPartParser):
    """Keeps files in memory, whatever their size; how much may come is limited before."""

    spool_max_size = 1 << 40

    def close(self) -> None:
        """Let go of all files, the one that a cut-off form left open too."""
        for file in self._files_to_close_on_error:
            file.close()


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
