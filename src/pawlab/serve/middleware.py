"""What every request passes on its way in and out: access checks, security headers, counting and logging."""

import hmac
import logging
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pawlab.serve.counters import Counters
from pawlab.serve.errors import RefusedError

_log = logging.getLogger(__name__)

INTERNAL_ERROR = RefusedError(500, "Internal error; the service's log says more.")

# Nothing from elsewhere, no inline code, and no other site may frame the page or read a response.
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


class Middleware:
    """Stands before the application.

    `paths`: the addresses there are, under which requests are counted. `guarded`: those that require the token, if
    there is one. `hosts`: names under which the service may be called, in lower case, or None for all. The last is
    against DNS rebinding: a site can point its own name at this machine, but the browser then sends that name.
    """

    def __init__(
        self,
        app: ASGIApp,
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
        """Serve one request, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = 0, perf_counter()
        scope.setdefault("state", {})

        async def send_secured(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        self._counters.under_way += 1
        try:
            await self._serve(scope, receive, send_secured)
        except Exception:
            _log.exception("This is a bug in pawlab. Please report it with these lines.")
            if not status:
                await INTERNAL_ERROR.response()(scope, receive, send_secured)
        finally:
            self._counters.under_way -= 1
            self._record(scope, status, perf_counter() - start)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope["method"], scope["path"], Headers(scope=scope))
        except RefusedError as refused:
            await refused.response()(scope, receive, send)
        else:  # HEAD is GET; the server leaves out the body
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            await self._app({**scope, "method": method}, receive, send)

    def _check(self, method: str, path: str, headers: Headers) -> None:
        if self._hosts is not None and _without_port(headers.get("host", "")) not in self._hosts:
            raise RefusedError(403, "The service doesn't have this name. Call it localhost or 127.0.0.1.")
        if method == "POST" and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            raise RefusedError(403, "Pages of other sites may not use this service.")
        if self._token is None or path not in self._guarded:
            return
        kind, _, token = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(token.strip().encode("latin-1"), self._token.encode())
        if kind.lower() != "bearer" or not right:
            raise RefusedError(
                401,
                "The token is missing or wrong. Send it in the header 'Authorization: Bearer TOKEN'.",
                {"WWW-Authenticate": "Bearer"},
            )

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        """Count the request, and log it in one line, which gives no name of a picture, only their number."""
        path = scope["path"] if scope["path"] in self._paths else "other"
        method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD") else "other"
        self._counters.add_request(method, path, status, seconds)
        pictures = scope["state"].get("pictures")
        shown = "" if pictures is None else f" {pictures} picture{'s' * (pictures != 1)}"
        raw_path = bytes(scope.get("raw_path") or b"").decode("ascii", errors="backslashreplace")[:200]
        client = (scope.get("client") or ("-",))[0]
        _log.info("%s %s %s %d%s %.0f ms", client, scope["method"], raw_path, status, shown, 1000 * seconds)


def _without_port(host: str) -> str:
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()
