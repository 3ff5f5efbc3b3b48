"""Take the two pictures of the README from the sample: the report, and the page that predicts. `make docs` runs it.

They stay as they are where there is no Chromium, or no Playwright to lead it. PAWLAB_CHROMIUM names the browser.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

import pawlab

HERE = Path(__file__).parent
BROWSERS = ("chromium", "google-chrome", "chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu"]
COLOURS = 128  # of a picture, which makes it a third as large
SHOWN = ("cats/cat-123", "dogs/dog-123", "cats/cat-122")  # the last one is "not sure"


def main() -> None:
    """Write report.png and page.png beside this file."""
    browser = os.environ.get("PAWLAB_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        browser = None
    if browser is None:
        print("README's pictures stay as they are: that takes Chromium and Playwright.")
        return
    with TemporaryDirectory() as place, sync_playwright() as driver:
        run = pawlab.train("sample", out=Path(place) / "runs" / "sample-fast")
        chromium = driver.chromium.launch(executable_path=browser, args=QUIET)
        _report(chromium, run.folder)
        with _service(run.folder) as address:
            _page(chromium, address)
        chromium.close()


def _report(chromium: Any, run: Path) -> None:
    page = chromium.new_page(viewport={"width": 1100, "height": 1100})
    page.goto((run / "report.html").as_uri())
    _keep(page.screenshot(), HERE / "report.png")


def _page(chromium: Any, address: str) -> None:
    page = chromium.new_page(viewport={"width": 1100, "height": 1100})
    page.goto(address)
    test = pawlab.get_data("sample") / "test"
    page.set_input_files("input[type=file]", [test / f"{name}.jpg" for name in SHOWN])
    page.wait_for_function(
        "count => document.querySelectorAll('.card').length == count && !document.querySelector('.pending')",
        arg=len(SHOWN),
    )
    _keep(page.screenshot(full_page=True), HERE / "page.png")


def _keep(png: bytes, path: Path) -> None:
    with Image.open(BytesIO(png)) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


@contextmanager
def _service(run: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pawlab", "serve", str(run), "--port", str(port)]
    serving = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _answering(f"http://127.0.0.1:{port}/")
    finally:
        serving.terminate()
        serving.wait()


def _answering(address: str) -> str:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}ready", timeout=1).close()
            return address
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"{address} doesn't answer")


if __name__ == "__main__":
    main()
