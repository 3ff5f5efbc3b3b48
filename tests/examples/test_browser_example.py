"""The page that classifies in the browser alone: the same pixels and the same labels as pawlab's."""

import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import pawlab
from chromium import CHROMIUM, QUIET, find_barriers
from pawlab.classifier import Classifier
from pawlab.datasets.sample import sample_files
from pawlab.export.export import export_classifier
from pawlab.images import Preprocess, ResizeMode, decode
from picture_files import encode, exif, gray_quadrants, palette, quadrants, smooth
from web_client import until

PICTURES = 50
OWN = ("http://127.0.0.1", "blob:", "data:")
MODES: tuple[ResizeMode, ...] = ("squash", "crop", "pad")

RAMP = np.indices((90, 150)).sum(axis=0)
CLEAR = np.dstack([smooth(150, 90), np.where(RAMP > 120, 255, 0).astype(np.uint8)])
EXACT: dict[str, bytes] = {
    "large png": encode(smooth(700, 500), "PNG"),
    "small png": encode(smooth(31, 40), "PNG"),
    "gray png": encode(gray_quadrants(), "PNG"),
    "gif": encode(palette(quadrants()), "GIF"),
    "clear png": encode(CLEAR, "PNG"),
    "jpeg": encode(smooth(180, 120), "JPEG", quality=90),
    "turned jpeg": encode(smooth(180, 120), "JPEG", quality=90, exif=exif(6)),
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported page with what its package.json names, from npm's cache where it is there."""
    if CHROMIUM is None or shutil.which("npm") is None:
        pytest.skip("needs npm and Chromium")
    folder = tmp_path_factory.mktemp("example") / "browser"
    run = pawlab.train("sample", out=folder.parent / "run", report=False)
    export_classifier(run.folder, "web", folder)
    command = ["npm", "install", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm can't install onnxruntime-web: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.fixture(scope="module")
def port(site: Path) -> Iterator[int]:
    handler = partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        running.close()


def opened(browser: Any, port: int, **options: Any) -> Any:
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"http://127.0.0.1:{port}/")
    return page


def pixels_there(page: Any, content: bytes, preprocess: Preprocess) -> Any:
    """Return what the page makes of a picture: (height, width, 3)."""
    code = """async ([content, preprocess]) => {
        const { pixels } = await import("./pixels.js");
        return [...(await pixels(new Blob([Uint8Array.from(content)]), preprocess))];
    }"""
    values = page.evaluate(code, [list(content), preprocess.to_dict()])
    return np.array(values).reshape(preprocess.height, preprocess.width, 3)


@pytest.mark.slow
def test_pixels_are_those_of_the_decoder(browser: Any, port: int) -> None:
    page = opened(browser, port)
    for kind, content in EXACT.items():
        for mode in MODES:
            preprocess = Preprocess(96, 128, mode)
            there = pixels_there(page, content, preprocess)
            furthest = np.abs(there - decode(content, preprocess).astype(int)).max()
            assert furthest <= (kind == "turned jpeg"), (kind, mode, furthest)


@pytest.mark.slow
def test_half_transparent_pictures_differ_by_one_grey_level(browser: Any, port: int) -> None:
    content = encode(np.dstack([smooth(150, 90), (RAMP + 10).astype(np.uint8)]), "PNG")
    there = pixels_there(opened(browser, port), content, Preprocess(90, 150))
    assert np.abs(there - decode(content, Preprocess(90, 150)).astype(int)).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_large_jpegs_differ_by_less_than_a_grey_level_on_average(browser: Any, port: int, mode: Any) -> None:
    page = opened(browser, port)
    for side in (300, 600, 1200):
        content = encode(smooth(side, side * 3 // 4), "JPEG", quality=90)
        difference = pixels_there(page, content, Preprocess(96, 96, mode)) - decode(content, Preprocess(96, 96, mode))
        assert np.abs(difference).mean() < 1


def photos() -> list[tuple[str, bytes]]:
    """Return 50 pictures: real photos where they are at hand."""
    archive = Path(os.environ.get("PAWLAB_DATA_DIR", ""), "cats_and_dogs_filtered.zip")
    if not os.environ.get("PAWLAB_DATA_DIR") or not archive.is_file():
        return [(f"{place}.png", content) for place, content in enumerate(sample_files(PICTURES))]
    with zipfile.ZipFile(archive) as opened_archive:
        names = [name for name in opened_archive.namelist() if "/validation/" in name and name.endswith(".jpg")]
        return [(Path(name).name, opened_archive.read(name)) for name in names[:: len(names) // PICTURES][:PICTURES]]


@pytest.mark.slow
@pytest.mark.parametrize("screen", [{}, {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}])
def test_labels_are_those_of_pawlab(browser: Any, site: Path, port: int, screen: Any, tmp_path: Path) -> None:
    pictures = photos()
    files = [{"name": name, "mimeType": "image/jpeg", "buffer": content} for name, content in pictures]
    page = opened(browser, port, bypass_csp=True, **screen)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.extend(() if request.url.startswith(OWN) else (request.url,)))
    page.wait_for_selector("#choose:enabled")
    page.set_input_files("#choose", files)
    until(lambda: page.locator("#predictions li").count() == len(files), 120)
    rows = page.locator("#predictions li")
    there = rows.evaluate_all("rows => rows.map((row) => [row.dataset.label, row.dataset.sure])")
    here = Classifier.load(site / "model.onnx").predict([content for _, content in pictures])
    assert [label for label, _ in there] == [prediction.label for prediction in here]
    assert len({label for label, _ in there}) == 2
    assert [sure for _, sure in there] == [str(prediction.sure).lower() for prediction in here]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    find_barriers(page)
    assert faults == []


@pytest.mark.slow
def test_a_missing_model_is_told(browser: Any, site: Path, port: int) -> None:
    page = browser.new_context().new_page()
    page.route("**/model.onnx", lambda route: route.fulfill(status=404))
    page.goto(f"http://127.0.0.1:{port}/")
    until(lambda: page.inner_text("#state") != "Loading the model …")
    assert page.inner_text("#state") == ("model.onnx isn't there: see pawlab export --to web")


@pytest.mark.slow
def test_a_missing_runtime_is_told(browser: Any, port: int) -> None:
    page = browser.new_context().new_page()
    page.route("**/node_modules/**", lambda route: route.fulfill(status=404))
    page.goto(f"http://127.0.0.1:{port}/")
    until(lambda: page.inner_text("#state") != "Loading the model …")
    assert page.inner_text("#state") == (
        "This page needs onnxruntime-web: run `npm install` in its folder, then load it again."
    )
