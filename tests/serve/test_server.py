"""`pawlab serve` as a program: how it starts, what it logs, how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from pawlab.errors import PawlabError
from pawlab.serve.server import listen, own_names, say_start
from picture_files import encode
from web_client import Reply, form, send
from web_models import colour_classifier

COMMAND = [sys.executable, "-c", "from pawlab.cli import main; main()", "serve"]
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM for other processes")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, as far as the service looks at it."""
    folder = tmp_path_factory.mktemp("run")
    colour_classifier(folder)
    (folder / "metrics.json").write_text('{"test": {"accuracy": 0.9, "loss": NaN}}', encoding="utf-8")
    return folder


@contextmanager
def program(*arguments: str | Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Start the service on a free port; give it and the port that its first line tells."""
    command = [*COMMAND, *map(str, arguments), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            found = re.fullmatch(r"pawlab: open http://127\.0\.0\.1:(\d+)/ \(Ctrl-C stops\)\n", first)
            assert found, first + process.stderr.read()
            yield process, int(found[1])
        finally:
            process.kill()


@ON_POSIX
def test_it_tells_where_to_look_logs_a_line_a_request_and_ends_well(run: Path) -> None:
    secret = "secret-name.png"
    with program(run) as (process, port):
        body, headers = form((secret, encode(np.zeros((9, 9, 3), np.uint8), "PNG")), ("b", b"?"))
        assert send(port, "POST", "/predict?a=b", body, headers).status == 200
        assert send(port, "GET", "/no%0Athing").status == 404
        assert send(port, "GET", "/model").json()["metrics"] == {"test": {"accuracy": 0.9, "loss": None}}
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
        assert process.returncode == 0
    first, second, third, last = log.splitlines()
    time_and_client = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d 127\.0\.0\.1 "
    assert re.fullmatch(time_and_client + r"POST /predict 200 2 pictures \d+ ms", first)
    assert re.fullmatch(time_and_client + r"GET /no%0Athing 404 \d+ ms", second)
    assert re.fullmatch(time_and_client + r"GET /model 200 \d+ ms", third)
    assert last == "pawlab: stopped; all accepted requests were answered."
    assert secret not in log


@ON_POSIX
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_answers_what_it_accepted(run: Path, number: signal.Signals) -> None:
    """Sixteen requests are under way, of pictures that take a while, when the signal comes; all are answered whole."""
    slow = encode(np.random.default_rng(0).integers(0, 256, (800, 800, 3), dtype=np.uint8), "PNG", compress_level=1)
    body, headers = form(*[("slow.png", slow)] * 2)
    with program(run) as (process, port), ThreadPoolExecutor(16) as clients:
        asked = [clients.submit(send, port, "POST", "/predict", body, headers) for _ in range(16)]
        while asked_so_far(port) < 17:  # they, and this question itself
            pass
        process.send_signal(number)
        assert not all(question.done() for question in asked), "the signal came too late to test anything"
        replies: list[Reply] = [question.result(20) for question in asked]
        _, log = process.communicate(timeout=20)
        assert process.returncode == 0
        with pytest.raises(OSError):
            send(port, "GET", "/health")
    assert [reply.status for reply in replies] == [200] * 16
    assert [len(reply.json()["predictions"]) for reply in replies] == [2] * 16
    assert log.count("POST /predict 200 2 pictures") == 16


def asked_so_far(port: int) -> int:
    """Return how many requests have come, answered or not."""
    page = send(port, "GET", "/metrics").body.decode()
    under_way = int(page.partition("\npawlab_requests_under_way ")[2].split()[0])
    answered = page.partition('path="/predict",status="200"} ')[2].split()
    return under_way + (int(answered[0]) if answered else 0)


def outcome(*arguments: str | Path, before: str = "", **variables: str) -> tuple[int, str]:
    command = [sys.executable, "-c", before + "from pawlab.cli import main; main()", "serve", *map(str, arguments)]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, **variables},
    )
    return ended.returncode, ended.stderr


def test_without_the_extra_it_says_what_to_install(run: Path) -> None:
    blocked = "import sys; sys.modules['uvicorn'] = None\n"
    assert outcome(run, before=blocked) == (
        2,
        "pawlab: `pawlab serve` needs the extra 'serve': pip install 'pawlab[serve]'\n",
    )


def test_without_a_model_it_says_so(tmp_path: Path) -> None:
    code, log = outcome(tmp_path / "nothing")
    assert (code, log.count("\n")) == (2, 1)
    assert log.startswith("pawlab: there is no model at ")


def test_an_address_that_is_taken_is_told(run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PawlabError) as told:
            listen("127.0.0.1", port)
    assert str(told.value).startswith(f"can't listen on 127.0.0.1:{port}: ")
    assert str(told.value).endswith(". Choose another --port or --host.")
    assert "\n" not in str(told.value)


@ON_POSIX
def test_the_token_may_come_from_the_environment(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_TOKEN", "a token")
    with program(run) as (_, port):
        assert send(port, "GET", "/model").status == 401
        assert send(port, "GET", "/model", headers={"Authorization": "Bearer a token"}).status == 200


def test_only_loopback_has_names_that_are_known() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert own_names("127.0.0.1", listener) == frozenset({"localhost", "127.0.0.1", "[::1]"})
    with listen("0.0.0.0", 0) as listener:
        assert own_names("0.0.0.0", listener) is None


def test_open_to_others_without_a_token_it_warns(capsys: pytest.CaptureFixture[str]) -> None:
    with listen("0.0.0.0", 0) as listener:
        say_start(listener, "token")
        (where,) = capsys.readouterr().err.splitlines()
        assert where == f"pawlab: open http://{socket.gethostname()}:{listener.getsockname()[1]}/ (Ctrl-C stops)"
        say_start(listener, None)
    assert capsys.readouterr().err.splitlines() == [
        where,
        "pawlab: anyone who reaches this machine can use it; set a token with PAWLAB_TOKEN or --token.",
    ]
