"""Listening, and stopping in good order. uvicorn does the work; here is what it leaves to its user."""

import ipaddress
import json
import logging
import signal
import socket
import sys
from asyncio import TimerHandle, Transport
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pawlab.classifier import Classifier, model_file
from pawlab.errors import PawlabError
from pawlab.serve.app import create_app
from pawlab.serve.limits import Limits

_METRICS_FILE = "metrics.json"
_KEEP_ALIVE_SECONDS = 10
_LAST_REQUEST_SECONDS = 0.2  # for a request that was on the wire when the service was told to stop


def serve(model: str | Path, host: str, port: int, token: str | None) -> None:
    """Serve a model until a signal to stop; then finish what was accepted.

    Raises ModelError where there is no model, PawlabError where the address can't be had.
    """
    _log_to_standard_error()
    classifier = Classifier.load(model)
    _warm_up(classifier)
    with listen(host, port) as listener:
        app = create_app(classifier, _read_metrics(model), Limits(), token, own_names(host, listener))
        server = uvicorn.Server(configure(app))
        with _stopped_by_signals(server):
            say_start(listener, token)
            server.run(sockets=[listener])
    _say("pawlab: stopped; all that was accepted is done.")


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("{asctime} {message}", "%Y-%m-%d %H:%M:%S", "{"))
    own = logging.getLogger("pawlab.serve")
    own.handlers, own.propagate = [handler], False
    own.setLevel(logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # whoever sent a bad form hears of it


def _warm_up(classifier: Classifier) -> None:
    size = classifier.card.preprocess
    classifier.predict(np.zeros((size.height, size.width, 3), np.uint8))


def _read_metrics(model: str | Path) -> dict[str, Any] | None:
    try:
        text = (model_file(model).parent / _METRICS_FILE).read_text(encoding="utf-8")
        metrics = json.loads(text, parse_constant=lambda _: None)  # JSON for the web knows no NaN
    except (OSError, ValueError):
        return None
    return metrics if isinstance(metrics, dict) else None


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that clients can connect to. Raises PawlabError where the address can't be had."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or error
        raise PawlabError(f"can't listen on {host}:{port}: {reason}. Choose another --port or --host.") from error


def own_names(host: str, listener: socket.socket) -> frozenset[str] | None:
    """Return the names that this machine's own browsers use; None where others may come, by names we can't know."""
    if not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
        return None
    return frozenset({"localhost", "127.0.0.1", "[::1]", host.lower()})


def configure(app: Any) -> uvicorn.Config:
    """Return how uvicorn shall serve the application."""
    return uvicorn.Config(
        app,
        http=Protocol,
        limit_concurrency=Limits().connections,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=Limits().stop_seconds,
    )


def say_start(listener: socket.socket, token: str | None) -> None:
    """Say where to look, and who may."""
    host, port = listener.getsockname()[:2]
    loopback = ipaddress.ip_address(host).is_loopback
    shown = host if loopback else socket.gethostname()
    _say(f"pawlab: open http://{f'[{shown}]' if ':' in shown else shown}:{port}/ (Ctrl-C stops)")
    if not loopback and token is None:
        _say("pawlab: anyone who reaches this machine can use it; --token or PAWLAB_TOKEN asks for a token.")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Have signals end the server in good order, from now on and not only once it runs.

    uvicorn raises a signal anew when it has finished, which would end the program by it: here it meets this handler.
    """
    names = ("SIGINT", "SIGTERM", "SIGBREAK")
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]

    def stop(*_: Any) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, but a connection on which no whole head of a request comes in time is closed, and a service
    told to stop still responds to what was on the wire by then."""

    limits = Limits()
    _timer: TimerHandle | None = None
    _stopping = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin a connection."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what a client sent."""
        super().data_received(data)
        if self._stopping:
            self._make_it_the_last()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def shutdown(self) -> None:
        """Close after the request under way, or soon where there is none."""
        self._stopping = True
        self._make_it_the_last()
        self.loop.call_later(_LAST_REQUEST_SECONDS, self._close_if_idle)

    def _make_it_the_last(self) -> None:
        """Tell the client that the connection ends, lest it send another request in vain."""
        if not self._idle():
            self.cycle.keep_alive = False
            self.cycle.default_headers = [*self.cycle.default_headers, (b"connection", b"close")]

    def _watch(self) -> None:
        if self._timer is None or self._timer.when() < self.loop.time():
            self._timer = self.loop.call_later(self.limits.silence_seconds, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self._idle():
            self.transport.close()

    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete
