"""What the tests of the service share: a service in this process on a free port, and a client for it."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread
from typing import Any, NamedTuple

import uvicorn
from fastapi import FastAPI

from pawlab.serve.server import configure, listen


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The one sentence of a refusal; there is nothing else in it."""
        document = self.json()
        assert list(document) == ["error"]
        return str(document["error"])


@contextmanager
def serving(app: FastAPI) -> Iterator[int]:
    """Serve on a free port, which is given."""
    with running(app) as (_, port):
        yield port


@contextmanager
def running(app: FastAPI) -> Iterator[tuple[uvicorn.Server, int]]:
    """Serve on a free port; the server is given too."""
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(configure(app))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield server, listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def send(port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
    """Send one request on a connection of its own. `body`: bytes, or an iterator of them, which is sent in chunks."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, headers or {})
        return reply_of(connection)


def reply_of(connection: http.client.HTTPConnection) -> Reply:
    response = connection.getresponse()
    return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def send_form(port: int, *files: tuple[str, bytes], field: str = "files", path: str = "/predict") -> Reply:
    body, headers = form(*files, field=field)
    return send(port, "POST", path, body, headers)


def form(*files: tuple[str, bytes], field: str = "files") -> tuple[bytes, dict[str, str]]:
    """Return a form's body and headers."""
    head = '--edge\r\nContent-Disposition: form-data; name="{}"; filename="{}"\r\n\r\n'
    parts = [head.format(field, name).encode() + content + b"\r\n" for name, content in files]
    return b"".join(parts) + b"--edge--\r\n", {"Content-Type": "multipart/form-data; boundary=edge"}


def exchange(port: int, content: bytes) -> bytes:
    """Send bytes as they are, and return all that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(content)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def until(condition: Any, seconds: float = 10) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.005)
