"""The site: built once, as `make docs` builds it, which runs the notebooks from their first cells to their last."""

import json
import os
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
from pawlab.backbones.table import BACKBONES
from pawlab.recipes import RECIPES
from pawlab.recipes.summary import count_parameters

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
PHOTOS = "real_photos"  # the notebook that isn't run where there are none


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
    here = {**os.environ, "PAWLAB_DATA_DIR": ""}
    done = subprocess.run(command, cwd=place, env=here, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    return {page: Links(page) for page in sorted(site.rglob("*.html"))}


def cells(notebook: Path, kind: str) -> list[str]:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_results(notebook: Path) -> None:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


def test_every_page_is_there_and_in_the_menu(site: Path, pages: dict[Path, Links]) -> None:
    docs = ROOT / "docs"
    written = {str(page.relative_to(docs).with_suffix("")) for page in docs.rglob("*.md") if "_build" not in page.parts}
    written |= {"recipes", *(notebook.stem for notebook in NOTEBOOKS)}
    menu = {urlsplit(address).path.removesuffix(".html") for address in pages[site / "index.html"].leads}
    assert written - {str(page.relative_to(site).with_suffix("")) for page in pages} == set()
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


def test_a_how_to_has_the_order_of_all_how_tos() -> None:
    order = ["What you want", "Commands", "What you see", "What can go wrong"]
    pages = [page for page in (ROOT / "docs" / "howto").glob("*.md") if page.stem != "index"]
    assert len(pages) >= 12
    for page in pages:
        headings = re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings in (order, [*order, "Measured"]), page.name


DOCUMENTS = [*ROOT.glob("*.md"), *(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_between_files_leads_somewhere(document: Path) -> None:
    """As people follow them without the site."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [urlsplit(link) for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    files = [link.path for link in links if link.path and not link.scheme]
    assert [name for name in files if not (document.parent / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_has_its_text(document: Path) -> None:
    """MyST fills in the title of a page, where it builds the site; other readers of Markdown show nothing."""
    assert re.findall(r"(?<!!)\[\]\([^)]*\)", document.read_text(encoding="utf-8")) == []


def test_the_table_of_backbones_is_the_programs() -> None:
    rows = re.findall(
        r"^\| (\w+) \| ([\w.-]+) \| (\d.*) \|$", (ROOT / "docs" / "backbones.md").read_text(), re.MULTILINE
    )
    table = [
        (row.name, row.licence, f"{row.image_size} | {row.parameters / 1e6:.1f} | {row.channels:,} | {row.top1:.1%}")
        for row in BACKBONES
        if row.cut is None
    ]
    assert rows == table


def test_the_page_of_a_runs_files_names_each_with_its_columns_and_keys(learnable_folder: Path, tmp_path: Path) -> None:
    run = pawlab.train(learnable_folder, out=tmp_path / "run")
    pawlab.evaluate_data(run.folder, learnable_folder, include_seen=True, out=tmp_path / "score")
    explained = set(re.findall(r"`([^`\s]+)`", (ROOT / "docs" / "run_folder.md").read_text(encoding="utf-8")))
    for folder in (run.folder, tmp_path / "score"):
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        files = {entry.name + "/" * entry.is_dir() for entry in folder.iterdir()}
        columns = {name for table in folder.glob("*.csv") for name in table.read_text().splitlines()[0].split(",")}
        keys = {*metrics, *metrics.get("test", ()), *metrics.get("verdict", ()), *metrics["selective"]}
        assert (files | columns | keys) - explained == set()


def test_the_page_of_a_runs_files_names_the_options_that_compare_lacks() -> None:
    reference = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    train, compare = (
        set(re.findall(r"^\* `.*?(--[a-z-]+)[ `]", section, re.MULTILINE))
        for section in re.findall(r"^## `pawlab (?:train|compare)`$(.*?)(?=^## )", reference, re.MULTILINE | re.DOTALL)
    )
    page = (ROOT / "docs" / "run_folder.md").read_text(encoding="utf-8")
    lacks = set(re.findall(r"`(--[a-z-]+)`", page.partition("options it lacks")[2]))
    assert lacks == train - compare - {"--recipe", "--report"} | {"--no-report"}


@pytest.mark.parametrize(
    ("word", "page"),
    [
        ("heic", "howto/phone"),
        ("docker", "howto/container"),
        ("precision", "howto/report"),
        ("recall", "howto/report"),
        ("fine-tuning", "faq"),
        ("fine-tune", "faq"),
        ("imbalanced", "howto/imbalanced"),
        ("gpu", "install"),
        ("conda", "install"),
        ("gridsearchcv", "scikit_learn"),
        ("mlflow", "faq"),
    ],
)
def test_the_search_finds(site: Path, word: str, page: str) -> None:
    """By the index that the search of the site looks into: pages by stems of words, in texts and in titles."""
    from sphinx.search.en import SearchEnglish

    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").rstrip(")\n; "))
    for part in word.split("-"):
        stem = SearchEnglish({}).stem(part)
        found = [index[where].get(stem, []) for where in ("terms", "titleterms")]
        pages = {number for one in found for number in (one if isinstance(one, list) else [one])}
        assert page in {index["docnames"][number] for number in pages}


def shown(site: Path, notebook: Path) -> Iterator[str]:
    """Yield what each cell of a notebook shows on its page, in order, or how it begins."""
    html = (site / f"{notebook.stem}.html").read_text(encoding="utf-8")
    for cell in re.split(r'<div class="cell[ "]', html)[1:]:
        output = cell.partition('<div class="cell_output')[2].partition(">")[2]
        yield output.partition("\n</div>\n")[0]


@pytest.mark.parametrize("notebook", [one for one in NOTEBOOKS if one.stem != PHOTOS], ids=lambda path: path.stem)
def test_a_notebook_shows_its_results(site: Path, notebook: Path) -> None:
    code = cells(notebook, "code")
    outputs = dict(zip(code, shown(site, notebook), strict=True))
    silent = [source for source, output in outputs.items() if not re.sub(r"<(?!img)[^>]*>|\s", "", output)]
    assert silent == [source for source in code if source.startswith("from IPython")]
    everything = "".join(outputs.values())
    assert "Traceback" not in everything
    assert "<progress" not in everything  # the bars are gone when the work is done


def test_the_tutorial_shows_pictures(site: Path) -> None:
    everything = "".join(shown(site, ROOT / "examples" / "tutorial.ipynb"))
    assert everything.count("<img") >= 6  # what was explored, curves, augmentation, confusion, predictions, heat map
    assert "Validation accuracy" in everything


@pytest.mark.slow
def test_the_notebook_of_real_photos_runs(cats_and_dogs: Path, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="needs MyST-NB: see CONTRIBUTING.md")
    from nbformat import reads

    notebook = reads(  # type: ignore[no-untyped-call]
        (ROOT / "examples" / f"{PHOTOS}.ipynb").read_text(encoding="utf-8"), as_version=4
    )
    nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = [output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("of 200 test pictures" in text for text in said)
