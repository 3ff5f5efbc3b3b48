"""What a review finds and gains: wrong labels are planted, and a script goes through the page in a real browser.

    python benchmarks/review.py cats-and-dogs --planted 0.05 --chromium /usr/bin/chromium

It takes the suggestion where a label was planted and keeps all others, as a person with perfect eyes and no opinions
would. Accuracy is out of fold, on training and validation pictures, by the true labels: of probes that were fitted on
the labels before and after. Needs Playwright. Prints Markdown.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from time import perf_counter, sleep

import numpy as np
import uvicorn
from playwright.sync_api import Page, sync_playwright

from pawlab.datasets.labels import Labels
from pawlab.datasets.options import DataOptions
from pawlab.progress import silent
from pawlab.review.material import Material, labelled_material
from pawlab.review.queue import Judged, judge
from pawlab.review.reviewing import Review
from pawlab.review.session import Session
from pawlab.serve.review.app import create_review_app
from pawlab.serve.server import configure, listen

KEY_OF_NO_CHANGE = "Space"


def plant(material: Material, share: float, seed: int) -> Material:
    """Return the material with a share of its labels replaced by another class."""
    random = np.random.default_rng(seed)
    chosen = set(random.permutation(len(material.pictures))[: round(share * len(material.pictures))].tolist())
    pictures = tuple(
        replace(picture, label=str(random.choice([name for name in material.classes if name != picture.label])))
        if place in chosen
        else picture
        for place, picture in enumerate(material.pictures)
    )
    return replace(material, pictures=pictures)


@contextmanager
def served(review: Session) -> Iterator[int]:
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(configure(create_review_app(review)))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def answer_all(page: Page, truth: dict[str, str], given: dict[str, str]) -> int:
    """Answer by keyboard until nothing is left; return how many answers it took."""
    for count in range(100_000):
        page.wait_for_selector("#nothing:visible, #name:not(:empty)")
        if page.is_visible("#nothing"):
            return count
        name = page.inner_text("#name")
        planted = truth[name] != given[name]
        suggested = page.locator(".choice.suggested .of")
        right = planted and suggested.count() and suggested.inner_text() == truth[name]
        page.keyboard.press("Enter" if right else KEY_OF_NO_CHANGE)
        page.wait_for_function("name => document.querySelector('#name').textContent !== name", arg=name)
    raise RuntimeError("it never ends")


def accuracy(material: Material, judged: Judged, truth: dict[str, str]) -> float:
    labels = np.array([judged.classes.index(truth[picture.name]) for picture in material.pictures])
    trained = np.array([picture.split != "test" for picture in material.pictures])
    return float((judged.probabilities.argmax(axis=1) == labels)[trained].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--planted", type=float, default=0.05)
    parser.add_argument("--chromium", default=None)
    parser.add_argument(
        "--rounds", type=int, default=2, help="how often it is fitted anew, and what is found then done"
    )
    options = parser.parse_args()
    true = labelled_material(options.data, DataOptions(), silent)
    material = plant(true, options.planted, seed=0)
    truth, given = ({picture.name: picture.label for picture in one.pictures} for one in (true, material))
    planted = {name for name in truth if truth[name] != given[name]}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        review = Review(material, Labels(Path(folder) / "labels.csv"))
        before = accuracy(material, judge(material, {}, material.classes), truth)
        browser = driver.chromium.launch(executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"])
        start, answers = perf_counter(), 0
        with served(review) as port:
            for _ in range(options.rounds):
                page = browser.new_page()
                page.goto(f"http://127.0.0.1:{port}/")
                answers += answer_all(page, truth, given)
                page.close()
                version = review.version
                review.refit.request()
                while review.version == version:
                    sleep(0.05)
        seconds = perf_counter() - start
        browser.close()
        decisions = review.labels.decisions
        after = accuracy(material, judge(material, decisions, material.classes), truth)
        corrected = {
            picture.name for picture in material.pictures if (one := decisions.get(picture.sha256)) and one.label
        }
    print("| | |\n| --- | --- |")
    print(f"| wrong labels planted | {len(planted)} of {len(truth):,} |")
    print(f"| pictures shown | {answers} |")
    print(f"| wrong labels found and corrected | {len(corrected & planted)} |")
    print(f"| right labels spoilt | {len(corrected - planted)} |")
    print(f"| accuracy out of fold, by the true labels, before | {before:.2%} |")
    print(f"| after | {after:.2%} |")
    print(f"| with no label planted | {accuracy(true, judge(true, {}, true.classes), truth):.2%} |")
    print(f"| seconds | {seconds:.0f} |")


if __name__ == "__main__":
    main()
