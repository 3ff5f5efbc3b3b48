"""What every request passes on its way in and out: who may come, what the headers say, what is counted and logged."""

import hmac
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any

from pawlab.serve.counters import Counters
from pawlab.serve.errors import RefusedError, error_body

_log = logging.getLogger(__name__)

OWN_FAULT = "This is the service's own fault; its log says more."

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Nothing from elsewhere, nothing written into the page, and no other site may frame it or read what it says.
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
_RAW_SECURITY_HEADERS = [(name.lower().encode(), value.encode()) for name, value in _SECURITY_HEADERS.items()]


class Middleware:
    """Stands before the application.

    `paths`: the addresses there are, under which requests are counted. `guarded`: those that ask for the token, where
    there is one. `hosts`: names under which the service may be called, in lower case, or None for all. A page elsewhere
    can have its own name lead to this machine; a browser then sends that name, and is turned away.
    """

    def __init__(
        self,
        app: App,
        counters: Counters,
        paths: frozenset[str],
        guarded: frozenset[str],
        token: str | None,
        hosts: frozenset[str] | None,
    ) -> None:
        self._app = app
        self._counters = counters
        self._paths = paths
        self._guarded = guarded
        self._token = token
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI wants it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Passage(scope, send)
        self._counters.under_way += 1
        try:
            await self._serve(passage, receive)
        finally:
            self._counters.under_way -= 1
            self._note(passage)

    async def _serve(self, passage: "_Passage", receive: Receive) -> None:
        try:
            self._check(passage)
            # HEAD is GET whose body the server keeps to itself
            method = "GET" if passage.method == "HEAD" else passage.method
            await self._app({**passage.scope, "method": method}, receive, passage.send)
        except RefusedError as refused:
            await passage.refuse(refused)
        except Exception:
            _log.exception("This is our own fault. Please report it with these lines.")
            if not passage.status:
                await passage.refuse(RefusedError(500, OWN_FAULT))

    def _check(self, passage: "_Passage") -> None:
        if self._hosts is not None and _without_port(passage.header(b"host")) not in self._hosts:
            raise RefusedError(403, "The service isn't known by this name: call it by localhost or 127.0.0.1.")
        if passage.method == "POST" and passage.header(b"sec-fetch-site") in ("cross-site", "same-site"):
            raise RefusedError(403, "Pages of other sites may not use this service.")
        if self._token is not None and passage.path in self._guarded:
            self._check_token(passage.header(b"authorization"))

    def _check_token(self, given: str) -> None:
        kind, _, token = given.partition(" ")
        right = hmac.compare_digest(token.strip().encode("latin-1"), (self._token or "").encode())
        if kind.lower() != "bearer" or not right:
            raise RefusedError(
                401,
                "This service asks for its token, in the header 'Authorization: Bearer TOKEN'.",
                {"WWW-Authenticate": "Bearer"},
            )

    def _note(self, passage: "_Passage") -> None:
        """Count the request, and log it in one line; what is known of pictures is their number."""
        seconds = perf_counter() - passage.start
        path = passage.path if passage.path in self._paths else "other"
        method = passage.method if passage.method in ("GET", "POST", "HEAD") else "other"
        self._counters.add_request(method, path, passage.status, seconds)
        pictures = passage.scope["state"].get("pictures")
        shown = "" if pictures is None else f" {pictures} picture{'s' * (pictures != 1)}"
        raw_path = bytes(passage.scope.get("raw_path") or b"").decode("ascii", errors="backslashreplace")
        client = (passage.scope.get("client") or ("-",))[0]
        line = f"{client} {passage.method} {raw_path[:200]} {passage.status}{shown} {1000 * seconds:.0f} ms"
        _log.info("%s", line)


class _Passage:
    """One request on its way through. `status`: that of the answer, 0 before it begins."""

    def __init__(self, scope: Scope, send: Send) -> None:
        scope.setdefault("state", {})
        self.scope = scope
        self.start = perf_counter()
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.status = 0
        self._send = send

    def header(self, name: bytes) -> str:
        """Return a request's header, or an empty text."""
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == name), "")

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on, with the headers that all answers have."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name for name, _ in message["headers"]}
            more = [(name, value) for name, value in _RAW_SECURITY_HEADERS if name not in given]
            message = {**message, "headers": [*message["headers"], *more]}
        await self._send(message)

    async def refuse(self, refused: RefusedError) -> None:
        """Answer with a refusal."""
        body = error_body(str(refused))
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **refused.headers}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": refused.status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body})


def _without_port(host: str) -> str:
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()
