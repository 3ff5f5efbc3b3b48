"""`pawlab serve` as a program: how it starts, what it logs, how it ends."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from pawlab.classifier import save_classifier
from pawlab.errors import PawlabError
from pawlab.install import install_command
from pawlab.serve.reload import Reloader
from pawlab.serve.server import listen, own_names, read_metrics
from pawlab.serve.start import reached_at, say_start
from picture_files import encode
from test_classifier import CARD, colour_graph
from web_client import Reply, form, send
from web_models import colour_classifier

COMMAND = [sys.executable, "-c", "from pawlab.cli import main; main()", "serve"]
METRICS = '{"classes": ["blue", "green", "red"], "test": {"accuracy": 0.9, "loss": NaN}}'
FIRST = r"pawlab: open http://127\.0\.0\.1:(\d+)/ \(Ctrl-C stops\)\n"
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM for other processes")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, as far as the service looks at it."""
    folder = tmp_path_factory.mktemp("run")
    colour_classifier(folder)
    (folder / "metrics.json").write_text(METRICS, encoding="utf-8")
    return folder


@contextmanager
def program(*arguments: str | Path, first: str = FIRST) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Start the service on a free port; give it and the port that its first line tells."""
    command = [*COMMAND, *map(str, arguments), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.fullmatch(first, line)
            assert found, line + process.stderr.read()
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
        assert send(port, "GET", "/model").json()["metrics"]["test"] == {"accuracy": 0.9, "loss": None}
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
        f"pawlab: `pawlab serve` needs the extra 'serve': {install_command('pawlab[serve]')}\n",
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


def test_a_listener_for_all_may_be_kept_to_names() -> None:
    with listen("0.0.0.0", 0) as listener:
        names = own_names("0.0.0.0", listener, [" Photos.example.com "])
        assert names is not None
        assert {"photos.example.com", "localhost", reached_at(listener), socket.gethostname().lower()} <= names
    with listen("127.0.0.1", 0) as listener:
        assert "photos.example.com" in (own_names("127.0.0.1", listener, ["photos.example.com"]) or ())


def test_others_are_told_the_address_in_the_network() -> None:
    with listen("0.0.0.0", 0) as listener:
        found = reached_at(listener)
        assert found != "0.0.0.0"
        with socket.create_connection((found, listener.getsockname()[1]), timeout=10):
            pass


def test_open_to_others_it_warns(capsys: pytest.CaptureFixture[str]) -> None:
    with listen("0.0.0.0", 0) as listener:
        where = f"http://{reached_at(listener)}:{listener.getsockname()[1]}/"
        for token, is_made_up in ((None, False), ("chosen", False), ("made-up", True)):
            say_start(listener, token, is_made_up)
    with_token = "pawlab: whoever has this address and its token can use it; nothing is encrypted on the way."
    assert capsys.readouterr().err.splitlines() == [
        f"pawlab: open {where} (Ctrl-C stops)",
        "pawlab: anyone who reaches this machine can use it, and nothing is encrypted; without --no-token it asks.",
        f"pawlab: open {where} (Ctrl-C stops)",
        with_token,
        f"pawlab: open {where}#token=made-up (Ctrl-C stops)",
        with_token,
    ]


def test_on_a_terminal_phones_get_a_code_of_the_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    segno = pytest.importorskip("segno", reason="needs segno, of the extra 'serve'")
    with listen("0.0.0.0", 0) as listener:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        say_start(listener, "made-up", is_made_up=True)
        address = f"http://{reached_at(listener)}:{listener.getsockname()[1]}/#token=made-up"
    drawn = io.StringIO()
    segno.make(address, error="l").terminal(out=drawn, compact=True)
    assert drawn.getvalue() in capsys.readouterr().err


@ON_POSIX
def test_open_to_others_it_asks_for_a_token_unless_told_not_to(run: Path) -> None:
    for options, status in ((["--host", "0.0.0.0"], 401), (["--host", "0.0.0.0", "--no-token"], 200)):
        with program(run, *options, first=r"pawlab: open http://[\d.]+:(\d+)/\S* \(Ctrl-C stops\)\n") as (_, port):
            assert send(port, "GET", "/model").status == status


@pytest.mark.parametrize("origin", ["*", "example.com", "https://example.com/page", "null", "https://"])
def test_what_is_no_origin_is_refused(run: Path, origin: str) -> None:
    assert outcome(run, "--allow-origin", origin) == (
        2,
        f"pawlab: --allow-origin {origin!r} is no origin. Give scheme and name, as in https://example.com:8443.\n",
    )


# A new model at the old path


@ON_POSIX
def test_a_new_model_is_taken_and_a_bad_one_is_not(tmp_path: Path) -> None:
    colour_classifier(tmp_path)
    (tmp_path / "metrics.json").write_text(METRICS, encoding="utf-8")
    with program(tmp_path) as (process, port):
        assert process.stderr is not None
        described = send(port, "GET", "/model").json()
        assert (described["classes"], described["metrics"]["test"]["accuracy"]) == (["blue", "green", "red"], 0.9)
        save_classifier(colour_graph(), replace(CARD, classes=("b", "g", "r")), tmp_path / "model.onnx")
        assert f"pawlab: the new model at {tmp_path / 'model.onnx'} is used from now on.\n" in read_until(
            process, "used"
        )
        described = send(port, "GET", "/model").json()
        assert (described["classes"], described["metrics"]) == (["b", "g", "r"], None)  # the scores are the old one's
        (tmp_path / "model.onnx").write_bytes((tmp_path / "model.onnx").read_bytes()[:-1] + b"?")
        said = read_until(process, "stays")
        assert f"pawlab: the new model isn't used, and the old one stays: {tmp_path / 'model.onnx'} is damaged" in said
        assert send(port, "GET", "/model").json()["classes"] == ["b", "g", "r"]
        process.send_signal(signal.SIGHUP)
        assert "the old one stays" in read_until(process, "stays")
        assert send(port, "GET", "/health").status == 200


@pytest.mark.parametrize(
    ("classes", "selective", "theirs"),
    [
        (["blue", "green", "red"], {"ood_threshold": 0.25}, True),
        (["blue", "green", "red"], {"ood_threshold": 0.26}, False),  # trained anew
        (["blue", "green", "red"], {}, True),  # of an older run
        (["red", "green", "blue"], {"ood_threshold": 0.25}, False),
    ],
)
def test_scores_are_those_of_this_very_model(
    tmp_path: Path, classes: list[str], selective: dict[str, float], theirs: bool
) -> None:
    metrics = {"classes": classes, "selective": selective}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    colour_classifier(tmp_path)
    assert read_metrics(tmp_path, replace(CARD, ood_threshold=0.25)) == (metrics if theirs else None)


def read_until(process: "subprocess.Popen[str]", sign: str) -> str:
    """Return the log's lines up to one with a sign in it."""
    assert process.stderr is not None
    for line in process.stderr:
        if sign in line and line.startswith("pawlab: "):
            return line
    raise AssertionError("the service ended")


def test_a_file_is_loaded_once_it_is_no_longer_being_written(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    loaded: list[bytes] = []
    said: list[str] = []
    reloader = Reloader(path, lambda: loaded.append(path.read_bytes()), said.append)
    reloader.look()
    path.write_bytes(b"half a ")
    reloader.look()
    path.write_bytes(b"whole model")
    reloader.look()
    assert loaded == []
    reloader.look()
    reloader.look()
    path.unlink()
    reloader.look()
    reloader.look()
    assert loaded == [b"whole model"]
    assert said == [f"pawlab: the new model at {path} is used from now on."]
