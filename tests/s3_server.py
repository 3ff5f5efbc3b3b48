"""A real S3 server on this machine, moto's, in a process of its own that can be stopped; and one that only refuses."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

SECRET = "very-secret-key-of-this-test"
_NEEDED = ("fsspec", "s3fs", "moto", "flask", "flask_cors")


class S3Server:
    """The server's process and address. `stop` and `start` keep the port; what it held is lost, as it is in memory."""

    def __init__(self, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"moto didn't start: {self.log.read_text()}")

    def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def requests(self, word: str) -> int:
        """Count the requests in the log that hold a word."""
        return sum(word in line for line in self.log.read_text(errors="replace").splitlines())


@contextmanager
def signed_in(address: str) -> Iterator[None]:
    """Set what boto's libraries read: keys and the server's address."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "test-key-id")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        forget_sign_in()
        yield
    forget_sign_in()


def forget_sign_in() -> None:
    """Have the next store look up address and keys anew: fsspec keeps those it has opened."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()


def require_moto() -> None:
    """Skip a test where a library is missing."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: pip install s3fs 'moto[s3]' flask flask-cors")


def upload(folder: Path, prefix: str) -> None:
    """Put a folder's files below a prefix, its bucket made."""
    import s3fs

    store = s3fs.S3FileSystem(skip_instance_cache=True)
    bucket = prefix.split("/")[0]
    if not store.exists(bucket):
        store.mkdir(bucket)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    store.put(list(map(str, files)), [f"{prefix}/{path.relative_to(folder).as_posix()}" for path in files])


class _Refusal(BaseHTTPRequestHandler):
    status: int
    pause: float

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        time.sleep(self.pause)
        said = (
            b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>" if self.status == 403 else b""
        )
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        self.wfile.write(said)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    asked: list[str]

    def handle_error(self, *_: object) -> None:
        """Say nothing where a client goes away before the end."""


@contextmanager
def refusing(status: int, pause: float = 0.0) -> Iterator[Any]:
    """Run a server that answers everything with one status, after a pause; `asked` lists what it was asked."""
    server = _Server(("127.0.0.1", 0), type("Own", (_Refusal,), {"status": status, "pause": pause}))
    server.asked = []
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
