"""The pages of `pawlab review` and `pawlab label` in a real browser, by keyboard alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from test_web_page import SCREENS, Visit, browser

from chromium import find_barriers
from pawlab.datasets.labels import Labels
from pawlab.datasets.options import DataOptions
from pawlab.progress import silent
from pawlab.review.labelling import Labelling, open_labelling
from pawlab.review.reviewing import Review, open_review
from pawlab.serve.review.app import create_review_app
from web_client import serving, until

__all__ = ["browser"]
WRONG = {f"cold-squares/warm-{number:02}.png" for number in range(5)}
WRONG |= {f"warm-circles/cold-{number:02}.png" for number in range(5, 10)}


@pytest.fixture(scope="module")
def photos(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong") / "photos"
    shutil.copytree(learnable_folder, folder)
    for name in WRONG:
        (folder / ("warm-circles" if "warm-0" in name else "cold-squares") / name[-6:]).rename(folder / name)
    return folder


@pytest.fixture
def review(photos: Path, tmp_path: Path) -> Review:
    return open_review(photos, DataOptions(), silent, tmp_path / "labels.csv")


@pytest.fixture
def port(review: Review) -> Iterator[int]:
    with serving(create_review_app(review)) as port:
        yield port


def shown(page: Any) -> str:
    """Return the name of the picture that is shown, once it is."""
    page.wait_for_selector("#name:not(:empty)")
    return str(page.inner_text("#name"))


def press(page: Any, key: str) -> None:
    """Press a key and wait until another picture is shown."""
    before = shown(page)
    page.keyboard.press(key)
    page.wait_for_function("name => document.querySelector('#name').textContent !== name", arg=before)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_review_by_keyboard(browser: Any, port: int, review: Review, screen: str) -> None:
    visit = Visit(browser, port, bypass_csp=True, **SCREENS[screen])  # axe is put into the page
    page = visit.page
    first = shown(page)
    assert first in WRONG
    assert page.inner_text("h1") == "Review"
    assert page.inner_text("#reason").startswith("Labelled ")
    page.wait_for_function("document.querySelector('#picture').naturalWidth > 0")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    find_barriers(page)
    press(page, "Enter")  # the suggestion
    press(page, " ")  # kept as it is
    press(page, "z")  # and undone
    until(lambda: len(review.labels.decisions) == 1)
    suggested = "warm-circles" if "warm-0" in first else "cold-squares"
    assert [one.label for one in review.labels.decisions.values()] == [suggested]
    press(page, "x")
    until(lambda: {one.choice for one in review.labels.decisions.values()} == {"label", "exclude"})
    page.keyboard.press("r")
    until(lambda: review.version >= 1 and not review.refit.busy, 60)
    page.wait_for_selector("#score:has-text('→')")
    find_barriers(page)
    visit.check()


def test_two_labels_of_one_picture_cannot_be_kept(browser: Any, learnable_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(learnable_folder, folder)
    shutil.copy(folder / "cold-squares" / "00.png", folder / "warm-circles" / "copy.png")
    review = open_review(folder, DataOptions(), silent, tmp_path / "labels.csv")
    with serving(create_review_app(review)) as port:
        visit = Visit(browser, port)
        page = visit.page
        assert shown(page) == "cold-squares/00.png"
        assert page.inner_text("#reason") == "Labelled cold-squares and warm-circles: at most one can be right"
        assert page.is_disabled("#keep")
        page.keyboard.press(" ")
        page.keyboard.press("1")  # its own label: a choice all the same
        until(lambda: review.labels.decisions)
        assert [(one.choice, one.label) for one in review.labels.decisions.values()] == [("label", "cold-squares")]
        visit.check()


def test_a_heat_map_comes_and_goes_by_a_key(browser: Any, port: int) -> None:
    visit = Visit(browser, port)
    page = visit.page
    shown(page)
    page.keyboard.press("h")
    page.wait_for_function("document.querySelector('#picture').src.includes('heatmaps/')")
    assert "the brighter a region" in page.get_attribute("#picture", "alt")
    page.keyboard.press("h")
    page.wait_for_function("document.querySelector('#picture').src.includes('pictures/')")
    visit.check()


def test_a_key_on_a_button_or_in_a_field_is_not_a_decision(browser: Any, port: int, review: Review) -> None:
    visit = Visit(browser, port)
    page = visit.page
    name = shown(page)
    page.keyboard.press("c")
    page.keyboard.type("x1z foxes")
    assert shown(page) == name
    page.keyboard.press("Enter")
    until(lambda: any(one.label == "x1z foxes" for one in review.labels.decisions.values()))
    assert "x1z foxes" in review.classes
    page.wait_for_function("document.activeElement.id === 'stage'")
    page.focus("#undo")
    page.keyboard.press("Enter")  # undoes, and doesn't take the suggestion
    until(lambda: review.labels.decisions == {})
    assert shown(page) == name
    visit.check()


def test_two_people_in_two_tabs_lose_nothing(browser: Any, port: int, review: Review) -> None:
    visits = [Visit(browser, port) for _ in range(2)]
    first, second = (shown(visit.page) for visit in visits)
    assert first != second
    for visit in visits:
        press(visit.page, "x")
    until(lambda: len(review.labels.decisions) == 2)
    visits[0].page.keyboard.press("z")  # takes back its own, not the other's
    until(lambda: len(review.labels.decisions) == 1)
    (left,) = review.labels.decisions
    assert review.find(left).name == second
    visits[0].page.reload()
    assert shown(visits[0].page) != second
    for visit in visits:
        visit.check()


def test_progress_is_kept_where_the_page_and_the_program_end(browser: Any, photos: Path, tmp_path: Path) -> None:
    for done in (1, 2):
        review = open_review(photos, DataOptions(), silent, tmp_path / "labels.csv")
        with serving(create_review_app(review)) as port:
            visit = Visit(browser, port)
            assert shown(visit.page) in WRONG
            press(visit.page, "Enter")
            until(lambda count=done: len(Labels(tmp_path / "labels.csv").decisions) == count)
            visit.check()


def test_a_decision_that_cannot_be_kept_comes_back(browser: Any, port: int, review: Review) -> None:
    visit = Visit(browser, port)
    page = visit.page
    name = shown(page)
    page.route("**/decisions", lambda route: route.abort())
    press(page, "x")
    page.wait_for_selector("#problem:has-text('pawlab can\\'t be reached. Is it still running?')")
    assert review.labels.decisions == {}
    page.unroute("**/decisions")
    press(page, "x")
    assert shown(page) == name
    visit.context.close()


@pytest.fixture
def labelling(learnable_folder: Path, tmp_path: Path) -> Labelling:
    classes = ["cold-squares", "warm-circles"]
    return open_labelling(learnable_folder, classes, silent, None, tmp_path / "labels.csv", tmp_path / "out")


def test_labelling_by_keyboard(browser: Any, labelling: Labelling) -> None:
    with serving(create_review_app(labelling)) as port:
        visit = Visit(browser, port, bypass_csp=True)
        page = visit.page
        assert shown(page)
        assert page.inner_text("h1") == "Label"
        assert page.inner_text("#reason") == "What is it?"
        find_barriers(page)
        for _ in range(12):
            press(page, "1" if "cold-squares" in shown(page) else "2")
        until(lambda: labelling.state()["answers"] == 12 and not labelling.refit.busy, 60)
        page.wait_for_selector("#score:has-text('about')")
        page.wait_for_selector("#curve:visible")
        press(page, " ")  # takes a suggestion
        until(lambda: labelling.state()["answers"] == 13)
        find_barriers(page)
        page.click("#work")
        page.wait_for_selector("#outcome:has-text('classifier:')", timeout=120_000)
        assert (labelling.labels.path.parent / "out" / "labelled.csv").is_file()
        visit.check()
