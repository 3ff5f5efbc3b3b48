"""What clients send: read into memory within limits of size, number and time. Nothing is written to disk."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from io import BytesIO
from typing import cast

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

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
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if not any(fnmatchcase(kind, known) for known in (MULTIPART, *RAW_TYPES)):
        accepted = f"{MULTIPART} with pictures in the field '{FIELD}', or one picture as {' or '.join(RAW_TYPES)}"
        raise RefusedError(415, f"Send {accepted}.")
    chunks = _chunks(request, limits, take)
    try:
        async with asyncio.timeout(limits.upload_seconds):
            return await (_read_form(content_type, chunks, limits) if kind == MULTIPART else _read_raw(chunks, limits))
    except TimeoutError as error:
        sentence = f"The upload took longer than {limits.upload_seconds:g} s. Send fewer pictures at once."
        raise RefusedError(408, sentence) from error


async def _chunks(request: Request, limits: Limits, take: Take) -> AsyncIterator[bytes]:
    """Yield the body as it comes, counted."""
    advice = "Send its pictures in several requests"
    _require_size("The request", int(request.headers.get("content-length", 0)), limits.request_bytes, advice)
    received, more = 0, True
    while more:
        try:
            async with asyncio.timeout(limits.silence_seconds):
                message = await request.receive()
        except TimeoutError as error:
            sentence = f"No data came for {limits.silence_seconds:g} s. Send the upload again."
            raise RefusedError(408, sentence) from error
        if message["type"] == "http.disconnect":
            raise RefusedError(499, "The client disconnected before its upload was complete.")
        chunk, more = message.get("body", b""), message.get("more_body", False)
        received += len(chunk)
        _require_size("The request", received, limits.request_bytes, advice)
        take(len(chunk))
        yield chunk


async def _read_raw(chunks: AsyncIterator[bytes], limits: Limits) -> list[Upload]:
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        _require_size("The picture", len(data), limits.file_bytes)
    if not data:
        raise RefusedError(400, "The body is empty. Send a picture in it.")
    return [Upload("", bytes(data))]


async def _read_form(content_type: str, chunks: AsyncIterator[bytes], limits: Limits) -> list[Upload]:
    uploads: list[Upload] = []
    ended = asyncio.Event()
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    add, in_memory = partial(_add, uploads, limits), {"MAX_MEMORY_FILE_SIZE": limits.request_bytes}
    try:
        form = FormParser(MULTIPART, add, add, ended.set, boundary, config=in_memory)
        async for chunk in chunks:
            form.write(chunk)
    except FormParserError as error:
        reason = "invalid multipart data" if boundary else "missing boundary in multipart"
        advice = f"Send it as `curl -F {FIELD}=@cat.jpg` does."
        raise RefusedError(400, f"The form can't be read ({reason}). {advice}") from error
    if not ended.is_set():
        raise RefusedError(400, "The form is cut off: its last boundary is missing. Send it again.")
    if not uploads:
        raise RefusedError(400, f"The form has no picture. Put at least one into the field '{FIELD}'.")
    return uploads


def _add(uploads: list[Upload], limits: Limits, part: Field | File) -> None:
    """Add a part of a form to the uploads. Raises RefusedError where it isn't a picture, too large, or one too many."""
    if len(uploads) == limits.files:
        pictures = "one picture" if limits.files == 1 else f"{limits.files} pictures"
        raise RefusedError(413, f"A request may have {pictures}. Send the others in further requests.")
    field = _text(part.field_name)
    if field != FIELD:
        raise RefusedError(400, f"The form has the field '{field[:50]}'. Put pictures into the field '{FIELD}'.")
    if isinstance(part, Field):
        raise RefusedError(400, f"The field '{FIELD}' has text, not a file. With curl: -F {FIELD}=@cat.jpg.")
    name = _text(part.file_name)
    _require_size(name[:200] or "The picture", part.size, limits.file_bytes)
    uploads.append(Upload(name, cast(BytesIO, part.file_object).getvalue()))


def _text(name: bytes | None) -> str:
    try:
        return (name or b"").decode()
    except UnicodeDecodeError:
        return (name or b"").decode("latin-1")


def _require_size(what: str, size: int, limit: int, advice: str = "Make it smaller") -> None:
    if size > limit:
        raise RefusedError(413, f"{what} has more than {limit / 1e6:g} MB. {advice}.")
