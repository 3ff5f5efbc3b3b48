"""The site: built once, as `make docs` builds it, which runs the notebook from its first cell to its last."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from shutil import copytree
from urllib.parse import unquote, urlsplit

import pytest

import pawlab
from pawlab.recipes import RECIPES
from pawlab.recipes.summary import count_parameters

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "examples" / "cats_and_dogs.ipynb"


class Links(HTMLParser):
    """What a page loads, where it leads, the places in it that can be led to, and its text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.places: set[str] = set()
        self.text = ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        address = values.get("src") or values.get("href")
        if address and tag in ("script", "link", "img", "iframe", "source", "video"):
            self.loads.append(address)
        if address and tag == "a":
            self.leads.append(address)
        self.places.update(value for key in ("id", "name") if (value := values.get(key)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from a copy: pages are made while it is built, and the tree stays as it is."""
    pytest.importorskip("sphinx", reason="needs Sphinx, MyST-NB and Furo: see CONTRIBUTING.md")
    pytest.importorskip("keras", reason="the notebook needs the extra 'keras'")
    place = tmp_path_factory.mktemp("docs")
    for folder in ("docs", "examples"):
        copytree(ROOT / folder, place / folder)
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "docs", "site"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    return {page: Links(page) for page in sorted(site.glob("*.html"))}


def cells(kind: str) -> list[str]:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_the_notebook_is_kept_without_results() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


def test_every_page_is_there_and_in_the_menu(site: Path, pages: dict[Path, Links]) -> None:
    written = {page.stem for page in (ROOT / "docs").glob("*.md")} | {"recipes", NOTEBOOK.stem}
    menu = {Path(urlsplit(address).path).stem for address in pages[site / "index.html"].leads}
    assert written - {page.stem for page in pages} == set()
    assert written - menu - {"index"} == set()


def test_it_loads_nothing_from_elsewhere(pages: dict[Path, Links]) -> None:
    foreign = [
        (page.name, address)
        for page, links in pages.items()
        for address in links.loads
        if urlsplit(address).scheme not in ("", "data") or address.startswith("//")
    ]
    assert foreign == []


def missing(page: Path, address: str, pages: dict[Path, Links]) -> bool:
    """Say whether a link within the site leads nowhere."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return False
    target = page if not parts.path else (page.parent / unquote(parts.path)).resolve()
    if not target.is_file():
        return True
    return bool(parts.fragment) and target in pages and unquote(parts.fragment) not in pages[target].places


def test_every_link_within_it_leads_somewhere(pages: dict[Path, Links]) -> None:
    links = [(page, address) for page, one in pages.items() for address in one.leads + one.loads]
    assert len(links) > 200
    assert [(page.name, address) for page, address in links if missing(page, address, pages)] == []


def test_every_recipe_stands_there_with_its_counts(site: Path, pages: dict[Path, Links]) -> None:
    page = pages[site / "recipes.html"]
    for recipe in RECIPES:
        counts = count_parameters(recipe)
        assert recipe.name in page.places
        assert f"{counts.total:,} parameters, {counts.trainable:,} of them trainable" in page.text


def test_every_public_name_is_explained(site: Path, pages: dict[Path, Links]) -> None:
    names = {f"pawlab.{name}" for name in pawlab.__all__} - {"pawlab.__version__"}
    assert names - pages[site / "api.html"].places == set()


def shown(site: Path) -> Iterator[str]:
    """Yield what each cell of the notebook shows on its page, in order, or how it begins."""
    html = (site / f"{NOTEBOOK.stem}.html").read_text(encoding="utf-8")
    for cell in re.split(r'<div class="cell[ "]', html)[1:]:
        output = cell.partition('<div class="cell_output')[2].partition(">")[2]
        yield output.partition("\n</div>\n")[0]


def test_the_notebook_shows_its_results(site: Path) -> None:
    outputs = dict(zip(cells("code"), shown(site), strict=True))
    silent = [source for source, output in outputs.items() if not re.sub(r"<(?!img)[^>]*>|\s", "", output)]
    assert silent == [source for source in cells("code") if source.startswith("from IPython")]
    everything = "".join(outputs.values())
    assert "Traceback" not in everything
    assert "<progress" not in everything  # the bars are gone when the work is done
    assert everything.count("<img") >= 6  # pictures of what was explored, curves, confusion, predictions, heat map
    assert "Validation accuracy" in everything
