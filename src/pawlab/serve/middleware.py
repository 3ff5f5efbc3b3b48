"""What every request passes on its way in and out: access checks, security headers, errors, counting and logging."""

import logging
from dataclasses import dataclass
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pawlab.errors import counted
from pawlab.serve.counters import Counters
from pawlab.serve.errors import RefusedError

_log = logging.getLogger(__name__)

# Nothing from elsewhere, no inline code, and no other site may frame the page or read a response.
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}
_NO_SUCH_NAME = (
    "The service doesn't have this name. Call it localhost or 127.0.0.1, or start it with --allow-host NAME."
)


@dataclass
class Middleware:
    """Stands before the addresses.

    `paths`: the addresses there are, under which requests are counted. `hosts`: names under which the service may be
    called, in lower case, or None for all. This is against DNS rebinding: a site can point its own name at this
    machine, but the browser then sends that name. `origins`: sites whose pages may use the service.
    """

    app: ASGIApp
    counters: Counters
    paths: frozenset[str]
    hosts: frozenset[str] | None
    origins: frozenset[str] = frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI defines it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, start = 0, perf_counter()

        async def send_secured(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(self._shared_with(Headers(scope=scope)))
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        self.counters.under_way += 1
        try:
            await self._serve(scope, receive, send_secured)
        except Exception:
            _log.exception("This is a bug in pawlab. Please report it with these lines.")
            if not status:
                fault = RefusedError(500, "Internal error; the service's log says more.")
                await fault.response()(scope, receive, send_secured)
        finally:
            self.counters.under_way -= 1
            self._record(scope, status, perf_counter() - start)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]  # the server leaves out the body
        try:
            headers = Headers(scope=scope)
            self._check(method, headers, scope["query_string"])
            if method == "OPTIONS" and headers.get("origin") in self.origins:  # a browser asks before a page may
                await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
                return
            await self.app({**scope, "method": method}, receive, send)
        except RefusedError as refused:
            await refused.response()(scope, receive, send)

    def _check(self, method: str, headers: Headers, query: bytes) -> None:
        if not query.isascii():
            raise RefusedError(400, "The address has letters that must be spelt out, as %C3%A9.")
        if self.hosts is not None and _without_port(headers.get("host", "").lower()) not in self.hosts:
            raise RefusedError(403, _NO_SUCH_NAME)
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if method == "POST" and foreign and headers.get("origin") not in self.origins:
            raise RefusedError(403, "Pages of other sites may not use this service.")

    def _shared_with(self, headers: Headers) -> dict[str, str]:
        """Return the headers with which a browser lets a page of an allowed site read the response."""
        origin = headers.get("origin")
        if not self.origins:
            return {}
        return {"Vary": "Origin"} | ({"Access-Control-Allow-Origin": origin} if origin in self.origins else {})

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        """Count the request, and log it in one line, which gives no name of a picture, only their number."""
        path = scope["path"] if scope["path"] in self.paths else "other"
        method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD") else "other"
        self.counters.add_request(method, path, status, seconds)
        pictures = scope["state"].get("pictures")
        shown = "" if pictures is None else " " + counted(pictures, "picture", "pictures")
        raw_path = scope["raw_path"].decode("ascii", errors="backslashreplace")[:200]
        client = (scope["client"] or ("-",))[0]
        _log.info("%s %s %s %d%s %.0f ms", client, scope["method"], raw_path, status, shown, 1000 * seconds)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
