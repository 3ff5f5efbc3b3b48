"""What a class does with the page in a real browser: the webcam (Chromium's own, which draws), CSV, names."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from test_web_page import PICTURES, SCREENS, Visit

from chromium import CHROMIUM, QUIET, find_barriers
from pawlab.cli.predictions import write
from pawlab.serve.app import create_app
from web_client import serving, until
from web_models import colour_network

FAKE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
NAMED = "classroom.test"  # resolves to this machine, and is no name that browsers trust


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return colour_network(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def port(model: Any) -> Iterator[int]:
    with serving(create_app(model)) as port:
        yield port


@pytest.fixture(scope="module")
def browser(driver: Any) -> Iterator[Any]:
    """A browser with a webcam that its user has allowed."""
    running = driver.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *FAKE])
    yield running
    running.close()


def tracks(page: Any) -> list[str]:
    found: list[str] = page.evaluate(
        "(window.streams ?? []).flatMap((stream) => stream.getTracks().map((track) => track.readyState))"
    )
    return found


def remember_streams(page: Any) -> None:
    page.evaluate(
        """() => {
            const devices = navigator.mediaDevices;
            const open = devices.getUserMedia.bind(devices);
            window.streams = [];
            devices.getUserMedia = async (wish) => {
                const stream = await open(wish);
                window.streams.push(stream);
                return stream;
            };
        }"""
    )


@pytest.mark.parametrize("screen", SCREENS)
def test_a_picture_of_the_webcam_is_predicted(browser: Any, port: int, screen: str) -> None:
    options = SCREENS[screen] | ({"is_mobile": False, "has_touch": False} if screen == "narrow" else {})
    visit = Visit(browser, port, bypass_csp=True, **options)
    page = visit.page
    remember_streams(page)
    page.click("#webcam")
    assert "Your browser asks whether this page may use it." in page.inner_text("#webcam-dialog")
    assert tracks(page) == []  # nothing runs before it is started
    find_barriers(page)
    page.click("#webcam-start")
    page.wait_for_selector("#webcam-take:visible")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    find_barriers(page)
    page.click("#webcam-take")
    until(lambda: page.inner_text("#webcam-news") == "Taken: webcam-1.jpg. Its prediction is on the page.")
    page.click("#webcam-close")
    until(lambda: tracks(page) == ["ended"])
    assert visit.predictions(1)["webcam-1.jpg"] != "No prediction"
    size = page.evaluate("[document.querySelector('canvas').width, document.querySelector('canvas').height]")
    assert size[0] == 640
    visit.check()


def test_the_webcam_by_keyboard_alone(browser: Any, port: int) -> None:
    visit = Visit(browser, port)
    page = visit.page
    remember_streams(page)
    page.focus("#webcam")
    page.keyboard.press("Enter")
    until(lambda: page.evaluate("document.activeElement.id") == "webcam-start")
    page.keyboard.press("Enter")
    until(lambda: page.evaluate("document.activeElement.id") == "webcam-take")
    page.keyboard.press("Space")
    page.wait_for_selector("text=Taken: webcam-1.jpg.")
    page.keyboard.press("Space")
    page.wait_for_selector("text=Taken: webcam-2.jpg.")
    page.keyboard.press("Escape")
    assert not page.is_visible("#webcam-dialog")
    assert page.evaluate("document.activeElement.id") == "webcam"
    until(lambda: tracks(page) == ["ended"])
    assert set(visit.predictions(2)) == {"webcam-1.jpg", "webcam-2.jpg"}
    visit.check()


def test_a_refusal_is_told_and_can_be_changed(driver: Any, port: int) -> None:
    running = driver.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, FAKE[0]])  # nobody there to allow it
    visit = Visit(running, port)
    visit.page.click("#webcam")
    visit.page.click("#webcam-start")
    until(lambda: "The browser may not use the webcam. Allow it" in visit.page.inner_text("#webcam-news"))
    visit.context.grant_permissions(["camera"])
    visit.page.click("#webcam-start")
    visit.page.wait_for_selector("#webcam-take:visible")
    visit.check()
    running.close()


def test_where_browsers_give_no_webcam_it_is_said_why(driver: Any, port: int) -> None:
    running = driver.chromium.launch(
        executable_path=CHROMIUM, args=[*QUIET, *FAKE, f"--host-resolver-rules=MAP {NAMED} 127.0.0.1"]
    )
    page = running.new_page()
    page.goto(f"http://{NAMED}:{port}/")
    page.click("#webcam")
    assert page.inner_text("#webcam-news") == (
        "Browsers give the webcam only to pages on this machine (localhost) or over https."
    )
    assert not page.is_visible("#webcam-start")
    running.close()


def test_phones_take_photos_through_their_own_dialog(browser: Any, port: int) -> None:
    visit = Visit(browser, port, **SCREENS["narrow"])
    assert visit.page.get_attribute("#photograph", "capture") == "environment"
    assert visit.page.is_visible(".camera")
    visit.check()


def test_predictions_are_downloaded_as_the_command_line_writes_them(
    browser: Any, port: int, model: Any, tmp_path: Path
) -> None:
    visit = Visit(browser, port)
    pictures = {**PICTURES, "=cmd, x.png": PICTURES["red.png"]}
    names = sorted(set(pictures) - {"large.jpg"})
    visit.drop_files({name: pictures[name] for name in names})
    visit.predictions(len(names))
    with visit.page.expect_download() as download:
        visit.page.click("#save")
    assert download.value.suggested_filename == "predictions.csv"
    for name in names:
        (tmp_path / name).write_bytes(pictures[name])
    write(model.predict_each([tmp_path / name for name in names]), "csv", 1, tmp_path / "here.csv")
    there = rows(Path(download.value.path()))
    assert {row["picture"] for row in there} == {"'" * name.startswith("=") + name for name in names}
    here = [row | {"picture": Path(row["picture"]).name} for row in rows(tmp_path / "here.csv")]
    for row in there:
        row["picture"] = row["picture"].removeprefix("'")
    assert sorted(there, key=lambda row: row["picture"]) == sorted(here, key=lambda row: row["picture"])
    visit.check()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_classes_are_listed_by_name(browser: Any, port: int) -> None:
    visit = Visit(browser, port)
    visit.page.wait_for_selector("#class-list:visible")
    assert visit.page.inner_text("#class-count") == "It knows 3 classes"
    assert visit.page.inner_text("#classes") == "blue, green, red"
    visit.page.route("**/model", lambda route: route.fulfill(json={**many(), "classes": [f"c{n}" for n in range(40)]}))
    visit.page.reload()
    visit.page.wait_for_selector("#class-list:visible")
    assert visit.page.inner_text("h1") == "Which of 40 kinds?"
    assert not visit.page.is_visible("#classes")
    visit.page.click("#class-count")
    assert visit.page.inner_text("#classes").endswith("c38, c39")
    visit.check()


def many() -> dict[str, Any]:
    return {"recipe": "fast", "version": "0", "metrics": None, "heat_maps": False, "limits": {"file_bytes": 1}}
