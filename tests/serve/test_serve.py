import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from pawlab.classifier import Classifier, save_classifier
from pawlab.images import decode
from pawlab.serve import app
from pawlab.serve.app import create_app, page_files
from pawlab.serve.errors import RefusedError
from pawlab.serve.limits import Limits
from pawlab.serve.server import Protocol
from pawlab.serve.uploads import read_uploads
from picture_files import RED, encode, png, quadrants
from test_classifier import CARD, colour_graph
from web_client import Reply, exchange, form, reply_of, running, send, send_form, serving, until
from web_models import colour_classifier, colour_network

RAW = {"Content-Type": "application/octet-stream"}
NOT_A_PICTURE = (
    "isn't a picture in a format that can be read (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, PPM, TGA)"
)
STRICT = Limits(
    file_bytes=20_000,
    request_bytes=50_000,
    files=3,
    pixels=40_000,
    large_pixels=10_000,
    upload_seconds=0.8,
    silence_seconds=0.3,
    held_bytes=90_000,
)


def painted(colour: tuple[int, int, int], width: int = 30, height: int = 20, form: str = "PNG") -> bytes:
    return encode(np.full((height, width, 3), colour, np.uint8), form)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return colour_classifier(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def port(classifier: Classifier) -> Iterator[int]:
    """The service as it comes."""
    with serving(create_app(classifier, {"test": {"accuracy": 0.5}}, hosts=frozenset({"127.0.0.1"}))) as port:
        yield port


@pytest.fixture(scope="module")
def strict(classifier: Classifier) -> Iterator[int]:
    """The service with small limits, and with a token."""
    with serving(create_app(classifier, limits=STRICT)) as port:
        yield port


# ---- Answers


def test_each_picture_of_a_form_is_answered_as_predict_does(port: int, classifier: Classifier) -> None:
    pictures = {
        "red.png": painted(RED),
        "gray.jpg": painted((90, 90, 90), form="JPEG"),
        "four.png": encode(quadrants(), "PNG"),
    }
    reply = send_form(port, *pictures.items())
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    for given, (name, content) in zip(reply.json()["predictions"], pictures.items(), strict=True):
        expected = classifier.predict(content)
        assert given == {
            "picture": name,
            "label": expected.label,
            "probability": expected.probability,
            "sure": expected.sure,
            "reason": expected.reason,
            "probabilities": expected.probabilities,
            "error": None,
        }
        assert list(given["probabilities"]) == list(expected.probabilities)
    first, second, _ = reply.json()["predictions"]
    assert (first["label"], first["sure"]) == ("red", True)
    assert (second["sure"], second["reason"]) == (False, "blue and green are nearly as likely")


@pytest.mark.parametrize("kind", ["image/png", "image/x-anything", "application/octet-stream", "IMAGE/PNG; a=b"])
def test_a_picture_may_be_the_body_itself(port: int, kind: str) -> None:
    reply = send(port, "POST", "/predict", painted(RED), {"Content-Type": kind})
    assert reply.status == 200
    (prediction,) = reply.json()["predictions"]
    assert (prediction["picture"], prediction["label"]) == ("", "red")


def test_a_picture_may_come_in_chunks(port: int) -> None:
    content = painted(RED)
    reply = send(port, "POST", "/predict", iter([content[:10], content[10:]]), RAW)
    assert reply.json()["predictions"][0]["label"] == "red"


def test_what_cannot_be_read_fails_alone(port: int) -> None:
    cut_off = painted(RED, 300, 200, "JPEG")[:400]
    reply = send_form(
        port, ("notes.txt", b"hello"), ("red.png", painted(RED)), ("cut.jpg", cut_off), ("empty.png", b"")
    )
    assert reply.status == 200
    notes, red, cut, empty = reply.json()["predictions"]
    assert notes == {
        "picture": "notes.txt",
        "label": None,
        "probability": None,
        "sure": False,
        "reason": None,
        "probabilities": {},
        "error": NOT_A_PICTURE,
    }
    assert (red["label"], red["error"]) == ("red", None)
    assert cut["error"].startswith("can't be decoded: ")
    assert empty["error"] == "the file is empty"


def test_where_nothing_can_be_read_the_request_fails(port: int) -> None:
    one = send_form(port, ("notes.txt", b"hello"))
    assert (one.status, one.json()["error"]) == (422, f"notes.txt: {NOT_A_PICTURE}.")
    assert one.json()["predictions"][0]["error"] == NOT_A_PICTURE
    two = send_form(port, ("a", b"hello"), ("b", b""))
    assert (two.status, two.json()["error"]) == (422, "None of the 2 pictures could be read.")
    nameless = send(port, "POST", "/predict", b"hello", RAW)
    assert nameless.json()["error"] == f"The picture: {NOT_A_PICTURE}."


def test_names_are_only_ever_echoed(port: int) -> None:
    names = ["../../etc/passwd", "/etc/passwd", "<script>alert(1)</script>.png", "Käfer 猫.png", ""]
    reply = send_form(port, *((name, painted(RED)) for name in names))
    assert [prediction["picture"] for prediction in reply.json()["predictions"]] == names
    assert {prediction["label"] for prediction in reply.json()["predictions"]} == {"red"}


# ---- Heat maps


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A service whose classifier's heat maps are known."""
    with serving(create_app(colour_network(tmp_path_factory.mktemp("model")))) as port:
        yield port


def test_a_heat_map_shows_where_a_class_comes_from(drawing: int) -> None:
    """Red speaks for red alone, and for blue does blue: in the corners of the picture where they are."""
    picture = encode(quadrants(1280, 640), "PNG")
    assert send(drawing, "GET", "/model").json()["heat_maps"] is True
    for label, row in (("red", 0), ("blue", 1)):
        reply = send(drawing, "POST", f"/heatmap?label={label}", picture, RAW)
        assert (reply.status, reply.headers["content-type"]) == (200, "image/png")
        drawn = decode(reply.body)
        assert drawn.shape == (320, 640, 3)  # its own shape, of a size that is quick to send
        left = drawn[:, :320].astype(float).mean(axis=2)
        brightness = [left[40:120, 80:240].mean(), left[200:280, 80:240].mean()]
        assert brightness[row] > brightness[1 - row] + 40, label


def test_without_a_class_the_answer_is_explained(drawing: int) -> None:
    picture = painted(RED)
    (answer,) = send(drawing, "POST", "/predict", picture, RAW).json()["predictions"]
    assert answer["label"] == "red"
    body, headers = form(("red.png", picture))
    assert send(drawing, "POST", "/heatmap", body, headers).body == (
        send(drawing, "POST", "/heatmap?label=red", picture, RAW).body
    )


def test_heat_maps_that_cannot_be_drawn_are_refused(port: int, drawing: int) -> None:
    assert refusal(send(port, "POST", "/heatmap", painted(RED), RAW)) == (
        404,
        "No heat map can be drawn for this model.",
    )
    assert refusal(send(drawing, "POST", "/heatmap?label=gren", painted(RED), RAW)) == (
        422,
        "The classifier doesn't know the class 'gren'; it knows: blue, green, red. Did you mean 'green'?",
    )
    assert refusal(send(drawing, "POST", "/heatmap", b"hello", RAW)) == (422, f"Isn't{NOT_A_PICTURE[5:]}.")
    body, headers = form(*[("a", painted(RED))] * 2)
    assert refusal(send(drawing, "POST", "/heatmap", body, headers)) == (
        413,
        "A request may have one picture. Send the others in further requests.",
    )


# ---- Refusals


def refusal(reply: Reply) -> tuple[int, str]:
    assert reply.headers["content-type"] == "application/json"
    return reply.status, reply.error


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}, {"Content-Type": "imagepng"}])
def test_another_media_type_is_refused(port: int, headers: dict[str, str]) -> None:
    assert refusal(send(port, "POST", "/predict", b"{}", headers)) == (
        415,
        "Send multipart/form-data with pictures in the field 'files', or one picture as image/* or "
        "application/octet-stream.",
    )


CUT_OFF = "The form is cut off: its last boundary is missing. Send it again."
UNREADABLE = "The form can't be read ({}). Send it as `curl -F files=@cat.jpg` does."
TEXT_PART = b'--edge\r\nContent-Disposition: form-data; name="%s"\r\n\r\ncat.jpg\r\n--edge--\r\n'
GOOD_FORM, GOOD_HEADERS = form(("red.png", painted(RED)))


@pytest.mark.parametrize(
    ("body", "headers", "sentence"),
    [
        (b"", RAW, "The body is empty. Send a picture in it."),
        (GOOD_FORM, {"Content-Type": "multipart/form-data"}, UNREADABLE.format("missing boundary in multipart")),
        (
            GOOD_FORM,
            {"Content-Type": "multipart/form-data; boundary=other"},
            UNREADABLE.format("invalid multipart data"),
        ),
        (GOOD_FORM[:-20], GOOD_HEADERS, CUT_OFF),
        (form(("a.png", painted(RED)), ("b.png", painted(RED)))[0][:-40], GOOD_HEADERS, CUT_OFF),
        (b"--edge--\r\n", GOOD_HEADERS, "The form has no picture. Put at least one into the field 'files'."),
        (
            form(("red.png", painted(RED)), field="file")[0],
            GOOD_HEADERS,
            "The form has the field 'file'. Put pictures into the field 'files'.",
        ),
        (TEXT_PART % b"note", GOOD_HEADERS, "The form has the field 'note'. Put pictures into the field 'files'."),
        (
            TEXT_PART % b"files",
            GOOD_HEADERS,
            "The field 'files' has text, not a file. With curl: -F files=@cat.jpg.",
        ),
    ],
)
def test_a_bad_body_is_refused(port: int, body: bytes, headers: dict[str, str], sentence: str) -> None:
    assert refusal(send(port, "POST", "/predict", body, headers)) == (400, sentence)


def test_an_error_is_one_line_whatever_the_picture_is_called(port: int) -> None:
    body, headers = form(("a\nb.png", b"?"))
    assert "\n" not in send(port, "POST", "/predict", body, headers).json()["error"]
    assert str(RefusedError(413, "a\r\nb.png has more.")) == "a b.png has more."


def test_there_is_nothing_elsewhere(port: int) -> None:
    sentence = "There is nothing at this address. The page is at /, the description of the API at /openapi.json."
    for path in (
        "/nothing",
        "/static/",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "//etc/passwd",
        "/static/page.html",
        "/predict/",
    ):
        assert refusal(send(port, "GET", path)) == (404, sentence), path


def test_other_methods_are_refused(port: int) -> None:
    reply = send(port, "PUT", "/predict", b"", RAW)
    assert refusal(reply) == (405, "This address doesn't take this method, but POST.")
    assert reply.headers["allow"] == "POST"
    assert send(port, "HEAD", "/predict").status == 405


def test_what_is_not_http_is_refused(port: int) -> None:
    head, _, body = exchange(port, b"\x16\x03\x01 hello\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert json.loads(body) == {"error": "This isn't a valid HTTP/1.1 request."}


# ---- Limits


def test_a_file_may_have_so_many_bytes(strict: int) -> None:
    fits, too_large = b"x" * STRICT.file_bytes, b"x" * (STRICT.file_bytes + 1)
    assert send_form(strict, ("a", fits)).status == 422
    assert refusal(send_form(strict, ("a.png", painted(RED)), ("b.png", too_large))) == (
        413,
        "b.png has more than 0.02 MB. Make it smaller.",
    )
    assert refusal(send(strict, "POST", "/predict", too_large, RAW)) == (
        413,
        "The picture has more than 0.02 MB. Make it smaller.",
    )


def test_a_request_may_have_so_many_bytes(strict: int) -> None:
    sentence = "The request has more than 0.05 MB. Send its pictures in several requests."
    body, headers = form(*((f"{number}", b"x" * 19_000) for number in range(3)))
    assert refusal(send(strict, "POST", "/predict", body, headers)) == (413, sentence)
    in_chunks = (body[start : start + 1000] for start in range(0, len(body), 1000))  # its length isn't told beforehand
    assert refusal(send(strict, "POST", "/predict", in_chunks, headers)) == (413, sentence)


def test_a_length_that_is_too_much_is_refused_before_anything_comes(strict: int) -> None:
    reply = send(strict, "POST", "/predict", b"", {**RAW, "Content-Length": "50001"})
    assert refusal(reply) == (413, "The request has more than 0.05 MB. Send its pictures in several requests.")


def test_a_request_may_have_so_many_files(strict: int) -> None:
    assert send_form(strict, *[("a", painted(RED))] * 3).status == 200
    assert refusal(send_form(strict, *[("a", painted(RED))] * 4)) == (
        413,
        "A request may have 3 pictures. Send the others in further requests.",
    )


def test_pixels_are_limited_where_all_of_them_are_decoded(strict: int) -> None:
    too_many = [
        ("a.png", painted(RED, 300, 200)),
        ("a.jpg", painted(RED, 300, 200, "JPEG")),
        ("b.png", painted(RED, 190, 200)),
    ]
    flat, jpeg, large = send_form(strict, *too_many).json()["predictions"]
    assert flat["error"] == (
        "has 300 x 200 pixels, more than the 0.04 million accepted as PNG; make it smaller, or a JPEG"
    )
    assert jpeg["label"] == large["label"] == "red"


def test_pixels_of_jpegs_are_limited_where_all_of_them_are_decoded(tmp_path: Path) -> None:
    card = replace(CARD, preprocess=replace(CARD.preprocess, interpolation="bilinear"))
    save_classifier(colour_graph(), card, tmp_path / "model.onnx")
    with serving(create_app(Classifier.load(tmp_path), limits=STRICT)) as port:
        reply = send_form(port, ("a.jpg", painted(RED, 300, 200, "JPEG")), ("b.jpg", painted(RED, 190, 200, "JPEG")))
    too_many, fits = reply.json()["predictions"]
    assert too_many["error"] == "has 300 x 200 pixels, more than the 0.04 million accepted as JPEG; make it smaller"
    assert fits["label"] == "red"


def test_a_picture_that_claims_to_be_huge_is_not_decoded(port: int) -> None:
    bomb = png(np.zeros((1, 1, 3), np.uint8), 2, size=(50_000, 50_000))
    start = time.perf_counter()
    reply = send(port, "POST", "/predict", bomb, RAW)
    assert time.perf_counter() - start < 2
    assert refusal_of_one(reply) == "The picture: has more than the 128 million pixels that are safe to decode."


def refusal_of_one(reply: Reply) -> str:
    assert reply.status == 422
    return str(reply.json()["error"])


def test_an_upload_may_rest_only_so_long(strict: int) -> None:
    with closing(HTTPConnection("127.0.0.1", strict, timeout=10)) as connection:
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Type", "image/png")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b"\x89PNG")
        assert refusal(reply_of(connection)) == (408, "No data came for 0.3 s. Send the upload again.")


def test_silence_ends_an_upload_long_before_its_time_is_up() -> None:
    silent = SimpleNamespace(headers={"content-type": "image/png"}, receive=lambda: asyncio.sleep(60))
    reading = read_uploads(cast(Any, silent), Limits(silence_seconds=0.05, upload_seconds=60), lambda count: None)
    with pytest.raises(RefusedError, match=r"^No data came for 0\.05 s\. Send the upload again\.$"):
        asyncio.run(asyncio.wait_for(reading, 10))


def test_an_upload_that_drips_must_be_whole_in_time(strict: int) -> None:
    def drops() -> Iterator[bytes]:
        for _ in range(8):
            time.sleep(0.15)
            yield b"x"

    assert refusal(send(strict, "POST", "/predict", drops(), RAW)) == (
        408,
        "The upload took longer than 0.8 s. Send fewer pictures at once.",
    )


def test_a_head_may_take_only_so_long(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "limits", STRICT)
    for begin in (b"", b"GET / HTTP/1.1\r\nHost: 127"):
        start = time.perf_counter()
        assert exchange(port, begin) == b""
        assert 0.2 < time.perf_counter() - start < 5
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:  # the second head as well
        connection.request("GET", "/health")
        assert reply_of(connection).status == 200
        connection.sock.sendall(b"GET /hea")
        assert connection.sock.recv(1) == b""


def test_a_connection_in_use_is_kept(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for a head begins with the head, not with the connection."""
    monkeypatch.setattr(Protocol, "limits", Limits(silence_seconds=0.4))
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        for _ in range(5):
            connection.request("GET", "/health")
            assert reply_of(connection).status == 200
            time.sleep(0.15)


def test_connections_are_limited(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "limits", Limits(connections=1))
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as first:
        first.request("GET", "/health")
        assert reply_of(first).status == 200
        head, _, body = exchange(port, b"").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 5\r\n" in head.lower()
    assert json.loads(body) == {"error": "There are too many connections. Try again in 5 s."}


class Held:
    """A classifier that answers when it is told to."""

    def __init__(self, classifier: Classifier) -> None:
        self.card, self.path = classifier.card, classifier.path
        self.release = threading.Event()
        self.asked = 0
        self._classifier = classifier

    def predict(self, pixels: Any) -> Any:
        self.asked += 1
        self.release.wait(20)
        return self._classifier.predict(pixels)


@pytest.fixture
def held(classifier: Classifier) -> Iterator[SimpleNamespace]:
    slow = Held(classifier)
    app = create_app(cast(Classifier, slow), limits=Limits(waiting=2, answer_seconds=1))
    with running(app) as (server, port):
        yield SimpleNamespace(port=port, classifier=slow, server=server)
        slow.release.set()


def waiting(port: int) -> int:
    page = send(port, "GET", "/metrics").body.decode()
    return int(page.partition("\npawlab_pictures_waiting ")[2].split()[0])


def test_a_request_under_way_finishes_with_the_model_it_began_with(held: SimpleNamespace, tmp_path: Path) -> None:
    save_classifier(colour_graph(), replace(CARD, classes=("b", "g", "r")), tmp_path / "model.onnx")
    service = held.server.config.app.state.service
    with ThreadPoolExecutor(1) as client:
        asked = client.submit(send, held.port, "POST", "/predict", painted(RED), RAW)
        until(lambda: held.classifier.asked)
        service.use(Classifier.load(tmp_path), None)
        now = send(held.port, "POST", "/predict", painted(RED), RAW)
        assert now.json()["predictions"][0]["label"] == "r"
        held.classifier.release.set()
        assert asked.result(20).json()["predictions"][0]["label"] == "red"


def test_when_the_queue_is_full_clients_hear_it_and_when_they_leave_it_empties(held: SimpleNamespace) -> None:
    replies: list[Reply] = []
    body, headers = form(*[("a.png", painted(RED))] * 2)

    def ask() -> None:
        replies.append(send(held.port, "POST", "/predict", body, headers))

    threads = []
    while waiting(held.port) < 2:  # all threads have work
        threads.append(threading.Thread(target=ask))
        threads[-1].start()
        until(lambda: held.classifier.asked > 0)
        time.sleep(0.02)
    full = send(held.port, "POST", "/predict", painted(RED), RAW)
    assert refusal(full) == (503, "The service's queue is full. Try again in 1 s.")
    assert full.headers["retry-after"] == "1"
    assert send(held.port, "GET", "/ready").status == 503
    assert send(held.port, "GET", "/health").status == 200
    for thread in threads:  # none is answered within a second
        thread.join()
    assert {refusal(reply) for reply in replies} == {(503, "The response took longer than 1 s. Try again in 10 s.")}
    assert waiting(held.port) == 0
    held.classifier.release.set()
    assert send(held.port, "POST", "/predict", painted(RED), RAW).status == 200


def test_told_to_stop_what_is_under_way_is_finished(held: SimpleNamespace) -> None:
    with closing(HTTPConnection("127.0.0.1", held.port, timeout=10)) as busy:
        busy.request("POST", "/predict", painted(RED), RAW)
        until(lambda: held.classifier.asked)
        held.server.should_exit = True
        until(lambda: refuses(held.port))
        held.classifier.release.set()
        reply = reply_of(busy)
        assert (reply.status, reply.headers["connection"]) == (200, "close")


def test_told_to_stop_a_request_on_the_wire_is_served_on_a_connection_that_was_idle(
    held: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pawlab.serve.server._LAST_REQUEST_SECONDS", 5)
    held.classifier.release.set()
    with closing(HTTPConnection("127.0.0.1", held.port, timeout=10)) as kept:
        kept.request("GET", "/health")
        assert reply_of(kept).status == 200
        held.server.should_exit = True
        until(lambda: refuses(held.port))
        kept.request("GET", "/health")
        reply = reply_of(kept)
        assert (reply.status, reply.headers["connection"]) == (200, "close")


def refuses(port: int) -> bool:
    try:
        send(port, "GET", "/health")
    except ConnectionError:
        return True
    return False


def test_uploads_together_may_hold_so_much_memory(strict: int) -> None:
    """Two uploads of 40 kB rest on their way; a third finds no room."""
    with (
        closing(HTTPConnection("127.0.0.1", strict, timeout=10)) as one,
        closing(HTTPConnection("127.0.0.1", strict, timeout=10)) as two,
    ):
        body, headers = form(*[("a", b"x" * 19_000)] * 2)
        for connection in (one, two):
            connection.putrequest("POST", "/predict")
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders(body[:-5])
        time.sleep(0.1)
        reply = send(strict, "POST", "/predict", b"x" * 19_000, RAW)
    assert refusal(reply) == (503, "The memory for uploads is full. Try again in 5 s.")
    until(lambda: b"pawlab_upload_bytes 0\n" in send(strict, "GET", "/metrics").body)


# ---- Who may come


def test_it_answers_to_its_own_names_only(port: int) -> None:
    sentence = "The service doesn't have this name. Call it localhost or 127.0.0.1, or start it with --allow-host NAME."
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.1:80:80", ""):
        assert refusal(send(port, "GET", "/model", headers={"Host": host})) == (403, sentence), host
    for host in ("127.0.0.1", "127.0.0.1:1234"):
        assert send(port, "GET", "/model", headers={"Host": host}).status == 200


def test_pages_of_other_sites_may_not_post(port: int) -> None:
    body, headers = form(("red.png", painted(RED)))
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        reply = send(port, "POST", "/predict", body, {**headers, "Sec-Fetch-Site": site})
        assert reply.status == status, site
    assert send(port, "GET", "/", headers={"Sec-Fetch-Site": "cross-site"}).status == 200  # a link may lead here
    assert not {name for name in reply.headers if name.startswith("access-control")}


def test_pages_of_an_allowed_site_may(classifier: Classifier) -> None:
    site, other = "https://example.com", "https://other.example"
    with serving(create_app(classifier, token="secret", origins=frozenset({site}))) as port:
        asked = {"Origin": site, "Access-Control-Request-Method": "POST", "Sec-Fetch-Site": "cross-site"}
        allowed = send(port, "OPTIONS", "/predict", headers=asked)
        assert (allowed.status, allowed.body) == (204, b"")
        assert allowed.headers["access-control-allow-origin"] == site
        assert allowed.headers["access-control-allow-headers"] == "Authorization, Content-Type"
        assert send(port, "OPTIONS", "/predict", headers={**asked, "Origin": other}).status == 405
        sent = {**RAW, "Sec-Fetch-Site": "cross-site", "Authorization": "Bearer secret"}
        for origin, status in ((site, 200), (other, 403), ("null", 403)):
            reply = send(port, "POST", "/predict", painted(RED), {**sent, "Origin": origin})
            assert reply.status == status
            assert reply.headers.get("access-control-allow-origin") == (site if origin == site else None)
            assert reply.headers["vary"] == "Origin"
        refused = send(port, "POST", "/predict", b"?", {**sent, "Origin": site, "Authorization": "Bearer wrong"})
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (
            401,
            site,
        )  # so that the page can say


def test_a_token_is_asked_for(classifier: Classifier) -> None:
    with serving(create_app(classifier, token="pässword")) as port:
        for path, method in (("/predict", "POST"), ("/heatmap", "POST"), ("/model", "GET"), ("/metrics", "GET")):
            for given in (
                {},
                {"Authorization": "Bearer nonsense"},
                {"Authorization": "Bearer "},
                {"Authorization": "x"},
            ):
                reply = send(port, method, path, headers=given)
                assert refusal(reply) == (
                    401,
                    "The token is missing or wrong. Send it in the header 'Authorization: Bearer TOKEN'.",
                )
                assert reply.headers["www-authenticate"] == "Bearer"
            right = "Bearer pässword".encode().decode("latin-1")
            assert send(port, method, path, headers={"Authorization": right}).status in (200, 404, 415)
        for path in ("/", "/openapi.json", "/static/page.js", "/health", "/ready"):
            assert send(port, "GET", path).status == 200
        document = send(port, "GET", "/openapi.json").json()
        assert document["paths"]["/model"]["get"]["security"] == [{"token": []}]


# ---- The page and what it is made of


PAGE = (
    "/",
    "/static/page.css",
    "/static/page.js",
    "/static/csv.js",
    "/static/webcam.js",
    "/static/colours.css",
    "/static/icon.svg",
)


@pytest.mark.parametrize("path", PAGE)
def test_the_page_is_whole_in_itself(port: int, path: str) -> None:
    reply = send(port, "GET", path)
    assert reply.status == 200
    text = reply.body.decode().replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", text)
    if path == "/":  # what the Content-Security-Policy forbids
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
        used = set(re.findall(r'(?:src|href)="([^"#]+)"', text)) - {"docs", "openapi.json", "./"}
        assert used
        assert {f"/{name}" for name in used} <= set(PAGE)


def test_every_file_is_served_and_nothing_else() -> None:
    folder = Path(str(app.__file__)).parent
    files = {f"/static/{path.name}" for path in (folder / "static").iterdir()}
    assert set(page_files()) == files | {"/", "/static/colours.css"} == set(PAGE)


def test_all_answers_have_the_headers_that_protect(port: int) -> None:
    replies = [send(port, "GET", path) for path in ("/", "/health", "/nothing", "/static/page.js")]
    replies.append(send(port, "POST", "/predict", b"x", RAW))
    replies.append(send(port, "GET", "/", headers={"Host": "evil.example"}))
    for reply in replies:
        policy = reply.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in policy
        assert "http" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] in ("no-store", "no-cache")
        assert "server" not in reply.headers


# ---- What it tells of itself


def test_model_tells_what_is_known(port: int) -> None:
    assert send(port, "GET", "/model").json() == {
        "classes": ["blue", "green", "red"],
        "recipe": "test",
        "preprocess": {"height": 4, "width": 6, "fit": "squash", "interpolation": "area"},
        "threshold": 0.6,
        "ood_threshold": None,
        "unfamiliarity_threshold": None,
        "target": None,
        "version": "0.1.0",
        "metrics": {"test": {"accuracy": 0.5}},
        "heat_maps": False,
        "limits": {"file_bytes": 40_000_000, "request_bytes": 100_000_000, "files": 100, "pixels": 50_000_000},
    }


def test_health_and_readiness(port: int) -> None:
    assert send(port, "GET", "/health").json() == {"status": "ok"}
    assert send(port, "GET", "/ready").json() == {"status": "ready"}
    head = send(port, "HEAD", "/health")
    assert (head.status, head.body) == (200, b"")


def test_the_openapi_document_tells_every_answer(port: int) -> None:
    document = send(port, "GET", "/openapi.json").json()
    assert set(document["paths"]) == {"/predict", "/heatmap", "/model", "/health", "/ready", "/metrics"}
    predict = document["paths"]["/predict"]["post"]
    assert set(predict["responses"]) == {"200", "400", "401", "403", "408", "413", "415", "422", "503"}
    assert set(predict["requestBody"]["content"]) == {"multipart/form-data", "image/*", "application/octet-stream"}
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, told in operation["responses"].items():
                kinds = {"metrics": "text/plain", "heatmap": "image/png"} if status == "200" else {}
                kind = kinds.get(operation["operationId"], "application/json")
                assert list(told["content"]) == [kind]
                assert told["content"][kind]["schema"]


def test_metrics_count_requests_and_pictures(classifier: Classifier) -> None:
    with serving(create_app(classifier)) as port:
        send_form(port, ("red.png", painted(RED)), ("gray.png", painted((90, 90, 90))), ("x", b"x"))
        for path in ("/nothing", "/%22%0A", "/static/page.js"):
            send(port, "GET", path)
        reply = send(port, "GET", "/metrics")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = reply.body.decode().splitlines()
    for line in (
        'pawlab_requests_total{method="POST",path="/predict",status="200"} 1',
        'pawlab_requests_total{method="GET",path="other",status="404"} 2',
        'pawlab_requests_total{method="GET",path="/static/page.js",status="200"} 1',
        'pawlab_pictures_total{result="sure"} 1',
        'pawlab_pictures_total{result="not_sure"} 1',
        'pawlab_pictures_total{result="unreadable"} 1',
        'pawlab_request_seconds_bucket{le="+Inf"} 4',
        "pawlab_request_seconds_count 4",
        "pawlab_requests_under_way 1",
        "pawlab_upload_bytes 0",
    ):
        assert line in lines
    counts = [int(line.split()[1]) for line in lines if line.startswith("pawlab_request_seconds_bucket")]
    assert counts == sorted(counts)


def test_our_own_fault_is_told_as_such(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Any) -> Any:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(classifier, "predict", fail)
    with serving(create_app(classifier)) as port:
        reply = send(port, "POST", "/predict", painted(RED), RAW)
        assert refusal(reply) == (500, "Internal error; the service's log says more.")
        assert send(port, "GET", "/health").status == 200
    assert caplog.text.count("ZeroDivisionError: ours") == 1
