"""Requests to the service: methods, addresses, headers and bodies, in this process without a network between."""

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from decoder_target import pictures
from mutation import mutated
from target import Target

from pawlab.serve.app import create_app
from pawlab.serve.limits import Limits
from web_client import form
from web_models import colour_classifier

_LIMITS = Limits(file_bytes=20_000, request_bytes=60_000, files=5, silence_seconds=1.0, upload_seconds=5.0)
_ADDRESSES = (
    "/predict",
    "/predict",
    "/predict",
    "/heatmap",
    "/model",
    "/metrics",
    "/health",
    "/ready",
    "/",
    "/openapi.json",
)
_ODD_ADDRESSES = (
    "/static/../app.py",
    "//predict",
    "/predict/",
    "/%00",
    "/é",
    "/static/page.css",
    "/PREDICT",
    "/.env",
    "*",
)
_METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "FOO")
_QUERIES = (b"", b"", b"label=red", b"label=", b"label=%ff", b"label=a&label=b", b"\xff=\xfe", b"label=" + b"x" * 5000)
_TYPES = (
    "image/jpeg",
    "application/octet-stream",
    "image/",
    "text/plain",
    "",
    "multipart/form-data",
    "application/json",
)
_ODD_TYPES = (
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=" + "x" * 300,
    "multipart/form-data; boundary=é",
)
_HEADERS = (
    *((b"host", b"localhost"), (b"host", b"evil.example"), (b"host", b"\xff"), (b"sec-fetch-site", b"cross-site")),
    *(
        (b"authorization", b"Bearer x"),
        (b"authorization", b"\xff"),
        (b"origin", b"null"),
        (b"transfer-encoding", b"chunked"),
    ),
    *(
        (b"content-length", b"3"),
        (b"content-encoding", b"gzip"),
        (b"expect", b"100-continue"),
        (b"cookie", b"a" * 4000),
    ),
)
_TOKENS = (
    b"\r\n",
    b"\r\n\r\n",
    b"--edge",
    b"--edge--",
    b'name="files"',
    b'name=""',
    b"filename*=utf-8''a",
    b"\0",
    b";",
    b'"',
)
_NAMES = ("a.jpg", "é.png", "../../etc/passwd", "a\0b", "", "x" * 500, "<script>", '"', "a;b")
_STATUSES = {200, 400, 403, 404, 405, 408, 413, 415, 422, 503}
_ELSEWHERE = {403, 404, 405, 415}

Headers = list[tuple[bytes, bytes]]


class RequestsTarget(Target):
    """Every request gets one of the statuses that are documented, with one sentence where it fails; nothing is held."""

    kind = "requests"

    def __init__(self, folder: Path) -> None:
        """Start the service."""
        super().__init__(folder)
        self._app = create_app(colour_classifier(folder), None, _LIMITS)
        self._service = self._app.state.service
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Let the threads go."""
        self._service.workers._pool.shutdown()
        self._loop.close()

    def make(self, random: Random) -> bytes:
        """Return a request as JSON of its parts, in Latin-1."""
        files = [(random.choice(_NAMES), self._picture(random)) for _ in range(random.choice((1, 1, 1, 2, 3, 6, 0)))]
        body, given = form(*files, field=random.choice(("files",) * 9 + ("file",)))
        kind = given["Content-Type"]
        if random.random() < 0.5:
            body = mutated(body, random, (body,), _TOKENS, spare=20)
        if random.random() < 0.3:
            body, kind = (
                self._picture(random),
                random.choice(_TYPES[:2] if random.random() < 0.6 else _TYPES + _ODD_TYPES),
            )
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        headers += random.sample(_HEADERS, random.choice((0, 0, 0, 1, 2)))
        path = random.choice(_ADDRESSES if random.random() < 0.95 else _ODD_ADDRESSES)
        usual = "POST" if path in ("/predict", "/heatmap") else "GET"
        parts = {
            "method": usual if random.random() < 0.95 else random.choice(_METHODS),
            "path": path,
            "query": random.choice(_QUERIES).decode("latin-1"),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers],
            "body": body.decode("latin-1"),
            "cuts": [random.randint(0, len(body)) for _ in range(random.choice((0, 0, 1, 3)))],
            "gone": random.random() < 0.02,
        }
        return json.dumps(parts).encode()

    def _picture(self, random: Random) -> bytes:
        data = random.choice(pictures())
        return mutated(data, random, pictures(), spare=16) if random.random() < 0.4 else data

    def try_one(self, given: bytes, random: Random) -> bool:
        """Send it, and look at the response."""
        parts = json.loads(given)
        status, headers, body = self._loop.run_until_complete(asyncio.wait_for(self._send(parts), 30))
        assert self._service.memory.held == 0, "an upload is still held"
        assert self._service.counters.under_way == 0
        if status == 0 or status == 499:
            assert parts["gone"], "there was no response"
            return True
        assert status in _STATUSES, f"status {status}: {body[:200]!r}"
        assert headers[b"x-content-type-options"] == b"nosniff"
        if status >= 400:
            document = json.loads(body)
            assert document.keys() <= {"error", "predictions"}
            assert isinstance(document["error"], str)
            assert "\n" not in document["error"]
        elif parts["path"] == "/predict":
            assert all(
                one["error"] or one["label"] in ("blue", "green", "red") for one in json.loads(body)["predictions"]
            )
        return status not in _ELSEWHERE

    async def _send(self, parts: dict[str, Any]) -> tuple[int, dict[bytes, bytes], bytes]:
        """Return status, headers and body; status 0 where no response came."""
        body = parts["body"].encode("latin-1")
        cuts = [0, *sorted(parts["cuts"]), len(body)]
        pieces = [body[start:end] for start, end in pairwise(cuts)]
        waiting = asyncio.Event()
        sent: list[Any] = []

        async def receive() -> Any:
            if not pieces or (parts["gone"] and len(pieces) == 1):
                if not parts["gone"]:
                    await waiting.wait()  # a client that stays
                return {"type": "http.disconnect"}
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(self._scope(parts), receive, send)
        if not sent:
            return 0, {}, b""
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], {name.lower(): value for name, value in sent[0]["headers"]}, content

    def _scope(self, parts: dict[str, Any]) -> dict[str, Any]:
        raw = parts["path"].encode("utf-8")
        headers: Headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in parts["headers"]]
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": parts["method"],
            "scheme": "http",
            "path": parts["path"],
            "raw_path": raw.decode("utf-8").encode("ascii", "replace"),
            "root_path": "",
            "query_string": parts["query"].encode("latin-1"),
            "headers": headers,
            "client": ("127.0.0.1", 5),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
