"""What is behind the page of reviews: over HTTP, without a browser."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from pawlab.datasets.options import DataOptions
from pawlab.progress import silent
from pawlab.review.reviewing import Review, open_review
from pawlab.serve.review.app import create_review_app
from web_client import Reply, send, serving, until

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def review(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Review:
    labels = tmp_path_factory.mktemp("labels") / "labels.csv"
    return open_review(learnable_folder, DataOptions(), silent, labels)


@pytest.fixture(scope="module")
def port(review: Review) -> Iterator[int]:
    with serving(create_review_app(review, frozenset({"127.0.0.1"}))) as port:
        yield port


def post(port: int, path: str, body: Any, **headers: str) -> Reply:
    return send(port, "POST", path, json.dumps(body), {**JSON, **headers})


def test_a_picture_comes_upright_as_jpeg_and_with_a_heat_map(port: int, review: Review) -> None:
    content = review.material.pictures[0].sha256
    reply = send(port, "GET", f"/pictures/{content}")
    assert (reply.status, reply.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(reply.body)).size == (96, 96)
    heat = send(port, "GET", f"/heatmaps/{content}?label=warm-circles")
    assert (heat.status, heat.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(heat.body)).size == (96, 96)


def test_only_pictures_of_the_session_are_served(port: int) -> None:
    for path in ("/pictures/..%2F..%2Fetc%2Fpasswd", "/pictures/" + "0" * 64, "/static/../app.py"):
        assert send(port, "GET", path).status in (404, 422)
    assert send(port, "GET", "/pictures/" + "0" * 64).error == "There is no such picture here."


def test_a_decision_is_on_the_disk_when_it_is_confirmed(port: int, review: Review) -> None:
    content = review.material.pictures[1].sha256
    state = post(port, "/decisions", {"picture": content, "choice": "label", "label": "warm-circles"}).json()
    assert content in review.labels.path.read_text()
    assert state["changed"] + state["test_changed"] == 1
    state = post(port, "/undo", {"picture": content}).json()
    assert state["changed"] + state["test_changed"] == 0


def test_what_makes_no_sense_is_refused_in_a_sentence(port: int, review: Review) -> None:
    content = review.material.pictures[1].sha256
    refused = post(port, "/decisions", {"picture": content, "choice": "label", "label": "x"})
    assert (refused.status, refused.error) == (422, "There is no class 'x'. Add it first.")
    refused = post(port, "/decisions", {"picture": content, "choice": "eat"})
    assert refused.status == 422
    assert (
        refused.error
        == "The request isn't one that the page makes: choice: Input should be 'label', 'keep' or 'exclude'."
    )
    refused = post(port, "/finish", {})
    assert (refused.status, refused.error) == (404, "A review has nothing to finish: its table is whole at any time.")


def test_pages_of_other_sites_may_not_decide(port: int, review: Review) -> None:
    body = {"picture": review.material.pictures[1].sha256, "choice": "exclude"}
    assert post(port, "/decisions", body, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    assert send(port, "POST", "/decisions", json.dumps(body), {"Content-Type": "text/plain"}).status == 422
    assert send(port, "GET", "/state", headers={"Host": "evil.example"}).status == 403
    assert review.labels.of(body["picture"]) is None


def test_fitting_anew_blocks_nothing(port: int, review: Review) -> None:
    assert post(port, "/refit", {}).json()["error"] is None
    assert send(port, "GET", "/questions?tab=a&count=3").status == 200
    until(lambda: not send(port, "GET", "/state").json()["busy"], 60)
    assert review.version >= 1
