import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pawlab
from pawlab.classifier import NoPrediction, Prediction, Predictions
from pawlab.names import printable
from pawlab.notebook import MOST_SHOWN
from pawlab.runs.record import Run, write_json

EVIL = '<img src=x onerror="alert(1)">'
METRICS = {
    "classes": ["cats", EVIL],
    "baseline_accuracy": 0.5,
    "test": {"accuracy": 0.985, "pictures": 1200, "ci95": [0.9569, 0.9949]},
}


class Page(HTMLParser):
    """What a piece of HTML holds. `balanced` says whether every element that opens also closes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.balanced = True
        self._open: list[str] = []
        self.feed(html)
        self.balanced = self.balanced and not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "img":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.balanced = self.balanced and self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"

    def addresses(self) -> list[str]:
        return [
            value or ""
            for _, attributes in self.elements
            for key, value in attributes.items()
            if key in ("src", "href")
        ]


def prediction(picture: str = "", sure: bool = True, label: str = "cats") -> Prediction:
    return Prediction(picture, label, 0.75, {label: 0.75, "dogs": 0.25}, sure)


def test_a_prediction_shows_picture_label_and_bars(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 600, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "cat.png")
    page = Page(prediction(str(tmp_path / "cat.png"))._repr_html_())
    assert page.balanced
    assert "cats\n 75.0%" in page.text
    assert "dogs 25.0%" in page.text
    assert "not sure" not in page.text
    ((_, image),) = [element for element in page.elements if element[0] == "img"]
    assert (image["width"], image["height"]) == ("112", "56")
    assert re.fullmatch(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", image["src"] or "")
    widths = re.findall(r"width:([\d.]+)%", prediction()._repr_html_())
    assert widths == ["75.0", "25.0"]


def test_doubt_and_failure_are_said() -> None:
    doubtful = replace(prediction(sure=False), reason="no class is likely enough")
    assert "not sure: \ncats\n 75.0%\nno class is likely enough\n" in Page(doubtful._repr_html_()).text
    broken = NoPrediction("cut.jpg", "can't be decoded: truncated")
    page = Page(broken._repr_html_())
    assert "error\n: can't be decoded: truncated" in page.text
    assert "cut.jpg" in page.text


@pytest.mark.parametrize("name", [EVIL, "a\udcff.jpg", "nowhere.jpg", "a&b.jpg", "a\0b"])
def test_names_and_labels_are_text_and_nothing_else(name: str) -> None:
    html = prediction(name, label=EVIL)._repr_html_()
    page = Page(html)
    assert {tag for tag, _ in page.elements} <= {"div", "span", "b"}
    assert EVIL in page.text
    assert printable(name) in page.text
    html.encode("utf-8")


def test_a_list_shows_a_card_each_and_is_a_list() -> None:
    several = Predictions(prediction() for _ in range(MOST_SHOWN + 40))
    page = Page(several._repr_html_())
    assert page.balanced
    assert page.text.count("dogs 25.0%") == MOST_SHOWN
    assert "and 40 more" in page.text
    assert isinstance(several[:2], Predictions)
    assert several[0] == prediction()
    assert several == list(several)
    assert "more" not in Page(several[:MOST_SHOWN]._repr_html_()).text


def test_a_run_shows_its_score_and_links_to_its_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "runs" / "a b"
    folder.mkdir(parents=True)
    unfinished = Page(Run(folder)._repr_html_())
    assert "The run isn't finished." in unfinished.text
    write_json(METRICS, folder / "metrics.json")
    assert Page(Run(folder)._repr_html_()).addresses() == []
    (folder / "report.html").touch()
    monkeypatch.chdir(tmp_path)
    page = Page(Run(Path("runs/a b"))._repr_html_())
    assert page.balanced
    assert page.addresses() == ["runs/a%20b/report.html"]
    assert "98.5%\n accuracy on 1,200 test pictures (95% interval 95.7% to 99.5%)" in page.text
    assert "50.0% by always guessing the most frequent class or at random" in page.text
    assert EVIL in page.text
    monkeypatch.chdir(folder.parents[1] / "runs" / "a b")
    assert Page(Run(folder)._repr_html_()).addresses() == ["report.html"]


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "report.html").touch()
    write_json(METRICS, tmp_path / "metrics.json")
    html = Predictions([prediction()])._repr_html_() + Run(tmp_path)._repr_html_()
    assert not re.search(r"https?:|<script|<link|@import|url\(", html)
    assert pawlab.Run is Run
