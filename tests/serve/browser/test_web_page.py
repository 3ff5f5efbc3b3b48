"""The page in a real browser: needs Playwright and Chromium. See chromium.py."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from chromium import CHROMIUM, QUIET, find_barriers
from pawlab.serve.app import create_app
from picture_files import BLUE, RED, encode
from web_client import serving, until
from web_models import colour_network

METRICS = {"test": {"accuracy": 0.985, "pictures": 200, "ci95": [0.957, 0.995]}}


def painted(colour: tuple[int, int, int], width: int, height: int, form: str) -> bytes:
    return encode(np.full((height, width, 3), colour, np.uint8), form)


PICTURES = {
    "red.png": painted(RED, 300, 200, "PNG"),
    "blue.jpg": painted(BLUE, 300, 200, "JPEG"),
    "broken.jpg": painted(RED, 300, 200, "JPEG")[:300],
    "large.jpg": painted(RED, 6400, 4800, "JPEG"),  # 30 megapixels
    "gray.png": painted((90, 90, 90), 300, 200, "PNG"),
}
EXPECTED = {
    "red.png": "red",
    "blue.jpg": "blue",
    "broken.jpg": "No prediction",
    "large.jpg": "red",
    "gray.png": "Not sure",
}


@pytest.fixture(scope="module")
def browser(driver: Any) -> Iterator[Any]:
    running = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
    yield running
    running.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return colour_network(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def port(model: Any) -> Iterator[int]:
    with serving(create_app(model, METRICS)) as port:
        yield port


class Visit:
    """A page that was opened, and all that should not have happened on it."""

    def __init__(self, browser: Any, port: int, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._listen)
        self.page.on("request", lambda request: self._watch(request.url, port))
        self.page.goto(f"http://127.0.0.1:{port}/")

    def drop(self, *names: str) -> None:
        self.drop_files({name: PICTURES[name] for name in names})

    def drop_files(self, contents: dict[str, bytes]) -> None:
        files = [[name, base64.b64encode(content).decode()] for name, content in contents.items()]
        transfer = self.page.evaluate_handle(
            """files => {
                const transfer = new DataTransfer();
                for (const [name, content] of files) {
                    transfer.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
                }
                return transfer;
            }""",
            files,
        )
        self.page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})

    def predictions(self, count: int) -> dict[str, str]:
        """Wait for so many predictions; return what the page shows for each."""
        page = self.page
        until(lambda: page.locator(".card").count() == count and not page.locator(".pending").count(), 30)
        names, shown = (page.locator(f".card {part}").all_inner_texts() for part in (".name", ".prediction"))
        return dict(zip(names, shown, strict=True))

    def check(self) -> None:
        assert self.faults == []
        self.context.close()

    def _listen(self, message: Any) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.faults.append(message.text)

    def _watch(self, url: str, port: int) -> None:
        if not url.startswith(f"http://127.0.0.1:{port}/"):
            self.faults.append(f"requested {url}")


SCREENS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1280, "height": 900}},
    "narrow": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
}


@pytest.mark.parametrize("screen", SCREENS)
def test_dropped_pictures_are_predicted(browser: Any, port: int, screen: str) -> None:
    visit = Visit(browser, port, bypass_csp=True, **SCREENS[screen])  # axe is put into the page
    visit.drop(*PICTURES)
    assert visit.predictions(5) == EXPECTED
    page = visit.page
    page.wait_for_selector("#facts:not(:empty)")
    assert page.inner_text("h1") == "Blue, green or red?"
    assert "98.5% correct on 200 test pictures" in page.inner_text("#facts")
    assert page.inner_text("#summary") == "5 pictures: red 2 · blue 1 · no prediction 1 · not sure 1"
    gray = page.query_selector(".unsure")
    assert gray.query_selector(".reason").inner_text() == "Perhaps blue: blue and green are nearly as likely."
    assert [row.inner_text().split()[-1] for row in gray.query_selector_all(".bars li")] == ["33.3%"] * 3
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.is_visible(".camera") == (screen == "narrow")
    find_barriers(page)
    visit.check()


def test_the_api_description_is_linked(browser: Any, port: int) -> None:
    visit = Visit(browser, port)
    with visit.page.expect_response("**/openapi.json") as description:
        visit.page.click("footer a")
    assert description.value.ok
    assert "/predict" in description.value.json()["paths"]
    visit.check()


def test_heat_maps_come_on_demand_and_go(browser: Any, port: int) -> None:
    visit = Visit(browser, port)
    visit.drop("red.png")
    visit.predictions(1)
    visit.page.wait_for_selector(".heat:visible")
    picture = pixels(visit.page)
    button = visit.page.query_selector(".heat")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    visit.page.wait_for_selector(".heat[aria-pressed=true]")
    assert np.abs(pixels(visit.page).mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() > 20
    assert "the brighter a region, the more it contributes to red" in visit.page.get_attribute("canvas", "aria-label")
    button.click()
    visit.page.wait_for_selector(".heat[aria-pressed=false]")
    np.testing.assert_array_equal(pixels(visit.page), picture)
    visit.check()


def pixels(page: Any) -> Any:
    address = page.evaluate("document.querySelector('canvas').toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB"), np.float32)


def test_heat_maps_are_offered_even_where_the_model_loads_late(browser: Any, port: int) -> None:
    visit = Visit(browser, port)
    held: list[Any] = []
    visit.page.route("**/model", lambda route: held.append(route))
    visit.page.reload()
    visit.drop("red.png")
    visit.predictions(1)
    assert held
    assert not visit.page.is_visible(".heat")
    held[0].continue_()
    visit.page.wait_for_selector(".heat:visible")
    visit.check()


def test_pictures_may_be_chosen_and_pasted(browser: Any, port: int) -> None:
    visit = Visit(browser, port)
    files = [{"name": name, "mimeType": "image/png", "buffer": PICTURES[name]} for name in ("red.png", "gray.png")]
    visit.page.set_input_files("#choose", files)
    visit.predictions(2)
    visit.page.set_input_files("#choose", files[:1])  # the same once more
    visit.predictions(3)
    visit.page.evaluate(
        """content => {
            const clipboardData = new DataTransfer();
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            clipboardData.items.add(new File([bytes], "image.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }""",
        base64.b64encode(PICTURES["red.png"]).decode(),
    )
    assert visit.predictions(4)["image.png"] == "red"
    visit.check()


def test_the_keyboard_reaches_everything_in_order(browser: Any, port: int) -> None:
    visit = Visit(browser, port)
    visit.drop("red.png")
    visit.predictions(1)
    visit.page.wait_for_selector(".heat:visible")
    visit.page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(7):
        visit.page.keyboard.press("Tab")
        reached.append(visit.page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        assert (
            visit.page.evaluate(
                "getComputedStyle(document.activeElement.closest('.button') ?? document.activeElement).outlineStyle"
            )
            == "solid"
        )
    assert reached == ["choose", "webcam", "save", "clear", "Heat map", "class-count", "API description (OpenAPI)"]
    visit.page.focus("#clear")
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "choose"
    assert not visit.page.is_visible("#results")
    visit.check()


def test_predictions_are_announced_to_screen_readers(browser: Any, port: int) -> None:
    visit = Visit(browser, port)
    assert visit.page.get_attribute("#live", "role") == "status"
    visit.drop("red.png", "broken.jpg")
    until(lambda: "broken.jpg: no prediction." in visit.page.text_content("#live"))
    assert "red.png: red, >99.9%." in visit.page.text_content("#live")
    visit.check()


def test_a_token_is_required_once(browser: Any, model: Any) -> None:
    with serving(create_app(model, token="pfötchen 猫")) as port:
        visit = Visit(browser, port)
        visit.page.wait_for_selector("#token-form:visible")
        assert not visit.page.is_visible("#drop")
        visit.page.keyboard.type("wrong")
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_selector("text=Wrong token.")
        visit.page.fill("#token", "pfötchen 猫")
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_selector("#drop:visible")
        visit.drop("red.png")
        assert visit.predictions(1) == {"red.png": "red"}
        visit.check()


def test_a_token_in_the_address_is_taken_and_vanishes_from_it(browser: Any, model: Any) -> None:
    with serving(create_app(model, token="a-b_C9")) as port:
        visit = Visit(browser, port)
        visit.page.goto(f"http://127.0.0.1:{port}/#token=a-b_C9")
        visit.page.reload()
        visit.page.wait_for_selector("#drop:visible")
        assert visit.page.url == f"http://127.0.0.1:{port}/"
        visit.drop("red.png")
        assert visit.predictions(1) == {"red.png": "red"}
        visit.check()


def test_when_the_service_is_gone_it_can_be_tried_again(browser: Any, port: int) -> None:
    visit = Visit(browser, port)
    visit.page.wait_for_selector("#facts:not(:empty)")
    visit.page.route("**/predict", lambda route: route.abort())
    visit.drop("red.png")
    assert visit.predictions(1) == {"red.png": "No prediction"}
    assert visit.page.inner_text(".reason") == "The service can't be reached."
    visit.page.unroute("**/predict")
    visit.page.click(".again")
    until(lambda: visit.predictions(1) == {"red.png": "red"})
    visit.context.close()
