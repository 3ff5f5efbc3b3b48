"""Listening, and a graceful stop. uvicorn does the work; here is what it leaves to its user."""

import ipaddress
import json
import logging
import signal
import socket
import sys
from asyncio import Transport
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import HANDLED_SIGNALS

from pawlab.classifier import Classifier, model_file
from pawlab.errors import PawlabError
from pawlab.runs.record import METRICS_FILE
from pawlab.serve.app import create_app
from pawlab.serve.errors import RefusedError, busy
from pawlab.serve.limits import Limits

_KEEP_ALIVE_SECONDS = 10
_LAST_REQUEST_SECONDS = 0.2  # for a request that was on the wire when the service was told to stop


def serve(model: str | Path, host: str, port: int, token: str | None, sure_at: float | None = None) -> None:
    """Do what `pawlab.serve.serve` says."""
    _log_to_standard_error()
    classifier = Classifier.load(model, sure_at)
    size = classifier.card.preprocess
    classifier.predict(np.zeros((size.height, size.width, 3), np.uint8))  # the first takes longer
    with listen(host, port) as listener:
        app = create_app(classifier, _read_metrics(model), Limits(), token, own_names(host, listener))
        server = uvicorn.Server(configure(app))
        with _stopped_by_signals(server):
            say_start(listener, token)
            server.run(sockets=[listener])
    _say("pawlab: stopped; all accepted requests were answered.")


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("{asctime} {message}", "%Y-%m-%d %H:%M:%S", "{"))
    own = logging.getLogger("pawlab.serve")
    own.handlers, own.propagate = [handler], False
    own.setLevel(logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # the client gets the error


def _read_metrics(model: str | Path) -> dict[str, Any] | None:
    try:
        text = (model_file(model).parent / METRICS_FILE).read_text(encoding="utf-8")
        metrics = json.loads(text, parse_constant=lambda _: None)  # JSON for the web knows no NaN
    except (OSError, ValueError):
        return None
    return metrics if isinstance(metrics, dict) else None


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that clients can connect to. Raises PawlabError where the address can't be used."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or error
        raise PawlabError(f"can't listen on {host}:{port}: {reason}. Choose another --port or --host.") from error


def own_names(host: str, listener: socket.socket) -> frozenset[str] | None:
    """Return the names that browsers on this machine use; None where other machines may connect, by unknown names."""
    if not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
        return None
    return frozenset({"localhost", "127.0.0.1", "[::1]", host.lower()})


def configure(app: Any) -> uvicorn.Config:
    """Return uvicorn's settings for the application."""
    return uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=Limits().stop_seconds,
    )


def say_start(listener: socket.socket, token: str | None) -> None:
    """Print the address, and a warning where anyone may use it."""
    host, port = listener.getsockname()[:2]
    loopback = ipaddress.ip_address(host).is_loopback
    shown = host if loopback else socket.gethostname()
    _say(f"pawlab: open http://{f'[{shown}]' if ':' in shown else shown}:{port}/ (Ctrl-C stops)")
    if not loopback and token is None:
        _say("pawlab: anyone who reaches this machine can use it; set a token with PAWLAB_TOKEN or --token.")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Make signals stop the server, from now on until it has ended: uvicorn then raises what it got once more."""
    before = {number: signal.signal(number, server.handle_exit) for number in HANDLED_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Protocol(H11Protocol):
    """uvicorn's HTTP/1.1 with limits on connections and on the time for a head, errors in JSON, and a stop that still
    serves what was on the wire."""

    limits = Limits()
    _head_ends: float | None = None  # when the head that is coming must be whole
    _stopping = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refuse(busy("There are too many connections.", 5))
        self._time_head()

    def data_received(self, data: bytes) -> None:
        """Take what a client sent."""
        super().data_received(data)
        self._time_head()
        self._announce_close()

    def shutdown(self) -> None:
        """Close after the running request, or soon where there is none."""
        self._stopping = True
        self._announce_close()
        self.loop.call_later(_LAST_REQUEST_SECONDS, super().shutdown)

    def send_400_response(self, msg: str) -> None:
        """Refuse what isn't HTTP."""
        self._refuse(RefusedError(400, "This isn't a valid HTTP/1.1 request."))

    def _refuse(self, refused: RefusedError) -> None:
        response = refused.response()
        lines = [f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + bytes(response.body))
        self.transport.close()

    def _announce_close(self) -> None:
        """After `shutdown`, say in the running response that it is the connection's last."""
        if self._stopping and not self._idle() and self.cycle.keep_alive:
            self.cycle.keep_alive = False
            self.cycle.default_headers = [*self.cycle.default_headers, (b"connection", b"close")]

    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _time_head(self) -> None:
        """Set uvicorn's timer, which data stops, again for a head that isn't whole, but no later."""
        if not self._idle():
            self._head_ends = None
            return
        self._head_ends = self._head_ends or self.loop.time() + self.limits.silence_seconds
        self.timeout_keep_alive_task = self.loop.call_at(self._head_ends, self.transport.close)
