"""What every page must be: well-formed, whole in itself, and usable by those who can't see it."""

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

_VOID = frozenset({"meta", "link", "br", "img", "hr", "input", "wbr"})
_CLOSES_ITSELF = frozenset({"path", "use", "image", "rect", "circle"})  # within drawings
_ADDRESSES = frozenset({"src", "href", "srcset", "poster", "action", "data", "background", "xlink:href"})


@dataclass
class Page:
    """A page, taken apart. `text`: what people read, without what stands in scripts and styles."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def having(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append((tag, {name: value or "" for name, value in attrs}))
        if len({name for name, _ in attrs}) != len(attrs):
            self.page.faults.append(f"an attribute stands twice in <{tag}>")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()
            if "svg" not in self.open and tag not in _CLOSES_ITSELF:
                self.page.faults.append(f"<{tag}/> doesn't close in HTML")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.page.faults.append(f"</{tag}> at {self.getpos()} closes nothing, or something else")

    def handle_data(self, data: str) -> None:
        if not {"style", "script", "title"} & set(self.open):
            self.page.texts.append(data)


def read_page(html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.page.faults += [f"<{tag}> isn't closed" for tag in reader.open]
    return reader.page


def assert_sound(html: str) -> Page:
    """Check all that holds for every page, and return it taken apart."""
    page = read_page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert page.faults == []
    _assert_whole_in_itself(page, html)
    _assert_structure(page)
    _assert_told_to_those_who_cannot_see(page)
    return page


def _assert_whole_in_itself(page: Page, html: str) -> None:
    assert not page.all("script")
    assert not page.all("link")
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    for _, attributes in page.tags:
        for name in _ADDRESSES & attributes.keys():
            assert not attributes[name].lower().startswith(("http:", "https:", "//", "javascript:", "file:"))
    for marks in ("@import", "url(http", "url(//", 'url("http', "url('http"):
        assert marks not in html
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))


def _assert_structure(page: Page) -> None:
    ids = Counter(page.having("id"))
    assert [name for name, count in ids.items() if count > 1] == []
    for address in page.having("href"):
        assert not address.startswith("#") or address[1:] in ids
    for name in page.having("aria-labelledby"):
        assert name in ids
    assert [len(page.all(tag)) for tag in ("html", "header", "nav", "main", "footer", "h1", "title")] == [1] * 7
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("meta")[0]["charset"] == "utf-8"
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def _assert_told_to_those_who_cannot_see(page: Page) -> None:
    for image in page.all("img"):
        assert image["alt"].strip()
        assert image["width"].isdigit()
        assert image["height"].isdigit()
    for tag, attributes in page.tags:
        if attributes.get("role") == "img":
            assert attributes["aria-label"].strip(), tag
    assert all(drawing.get("role") == "img" for drawing in page.all("svg"))
    assert all(heading.get("scope") in ("row", "col") for heading in page.all("th"))
    assert all(block.get("tabindex") == "0" for block in page.all("pre"))
