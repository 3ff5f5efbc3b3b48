"""Listening, and a graceful stop. uvicorn does the work; here is what it leaves to its user."""

import json
import logging
import re
import signal
import socket
from asyncio import Transport
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import HANDLED_SIGNALS

from pawlab.card import Card
from pawlab.classifier import Classifier, model_file
from pawlab.errors import PawlabError
from pawlab.runs.record import METRICS_FILE
from pawlab.serve.app import Service, create_app
from pawlab.serve.errors import RefusedError, busy
from pawlab.serve.limits import Limits
from pawlab.serve.reload import Reloader
from pawlab.serve.start import is_private, made_up_token, reached_at, say, say_start

_KEEP_ALIVE_SECONDS = 10
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+")
_LAST_REQUEST_SECONDS = 0.2  # for a request that was on the wire when the service was told to stop


def serve(
    model: str | Path,
    host: str,
    port: int,
    token: str | None,
    sure_at: float | None,
    hosts: Collection[str],
    origins: Collection[str],
) -> None:
    """Do what `pawlab.serve.serve` says."""
    _log_to_standard_error()
    allowed = frozenset(map(_origin, origins))
    classifier = _warm(model, sure_at)
    with listen(host, port) as listener:
        is_made_up = token is None and not is_private(listener)
        token = made_up_token() if is_made_up else token or None
        names = own_names(host, listener, hosts)
        app = create_app(classifier, read_metrics(model, classifier.card), Limits(), token, names, allowed)
        server = uvicorn.Server(configure(app))
        reloader = Reloader(model, lambda: _use_anew(model, sure_at, app.state.service), say)
        with _stopped_by_signals(server), reloader.watching():
            say_start(listener, token, is_made_up)
            server.run(sockets=[listener])
    say("pawlab: stopped; all accepted requests were answered.")


def _warm(model: str | Path, sure_at: float | None) -> Classifier:
    """Load a model and predict once: the first takes longer. Raises ModelError where it isn't sound."""
    classifier = Classifier.load(model, sure_at)
    size = classifier.card.preprocess
    classifier.predict(np.zeros((size.height, size.width, 3), np.uint8))
    return classifier


def _use_anew(model: str | Path, sure_at: float | None, service: Service) -> None:
    classifier = _warm(model, sure_at)
    service.use(classifier, read_metrics(model, classifier.card))


def _origin(text: str) -> str:
    """Return an origin as browsers write it. Raises PawlabError."""
    origin = text.strip().rstrip("/").lower()
    if not _ORIGIN.fullmatch(origin):
        raise PawlabError(
            f"--allow-origin {text!r} is no origin. Give scheme and name, as in https://example.com:8443."
        )
    return origin


def run(make_app: Callable[[frozenset[str] | None], Any], host: str, port: int) -> None:
    """Serve the application that `make_app` makes for the names that it may be called by, until a signal to stop."""
    with listen(host, port) as listener:
        server = uvicorn.Server(configure(make_app(own_names(host, listener))))
        with _stopped_by_signals(server):
            say_start(listener, None)
            server.run(sockets=[listener])


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("{asctime} {message}", "%Y-%m-%d %H:%M:%S", "{"))
    own = logging.getLogger("pawlab.serve")
    own.handlers, own.propagate = [handler], False
    own.setLevel(logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # the client gets the error


def read_metrics(model: str | Path, card: Card) -> dict[str, Any] | None:
    """Return the metrics.json beside a model; None where there is none, or where it tells of another model."""
    try:
        text = (model_file(model).parent / METRICS_FILE).read_text(encoding="utf-8")
        metrics = json.loads(text, parse_constant=lambda _: None)  # JSON for the web knows no NaN
    except (OSError, ValueError):
        return None
    return metrics if isinstance(metrics, dict) and _tell_of(card, metrics) else None


def _tell_of(card: Card, metrics: dict[str, Any]) -> bool:
    """Say whether metrics are this model's, by its classes and a number that hardly two models have in common."""
    selective = metrics.get("selective")
    known = selective if isinstance(selective, dict) else {}
    same = known.get("ood_threshold", card.ood_threshold) == card.ood_threshold  # older runs don't tell
    return metrics.get("classes") == list(card.classes) and same


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that clients can connect to. Raises PawlabError where the address can't be used."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or error
        raise PawlabError(f"can't listen on {host}:{port}: {reason}. Choose another --port or --host.") from error


def own_names(host: str, listener: socket.socket, more: Collection[str] = ()) -> frozenset[str] | None:
    """Return the names that the service may be called by: those that browsers on this machine use, and `more`.

    None, for all, where other machines may connect and nobody said by which names.
    """
    names = {"localhost", "127.0.0.1", "[::1]", host.lower(), *(name.strip().lower() for name in more)}
    if is_private(listener):
        return frozenset(names)
    return frozenset({*names, reached_at(listener), socket.gethostname().lower()}) if more else None


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
