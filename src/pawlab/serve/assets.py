"""The page and all it is made of: an explicit table of addresses, read once. Nothing else of the disk is served."""

from dataclasses import dataclass
from pathlib import Path

from pawlab.report.style import css_variables

_FOLDER = Path(__file__).parent

_HTML, _CSS = "text/html; charset=utf-8", "text/css; charset=utf-8"
_JAVASCRIPT, _SVG = "text/javascript; charset=utf-8", "image/svg+xml"

_FILES = {
    "/": ("page.html", _HTML),
    "/static/page.css": ("static/page.css", _CSS),
    "/static/page.js": ("static/page.js", _JAVASCRIPT),
    "/static/icon.svg": ("static/icon.svg", _SVG),
}


@dataclass(frozen=True)
class Asset:
    """What is served at an address."""

    content: bytes
    media_type: str


def read_assets() -> dict[str, Asset]:
    """Return every asset by its address."""
    found = {address: Asset((_FOLDER / name).read_bytes(), kind) for address, (name, kind) in _FILES.items()}
    found["/static/colours.css"] = Asset(css_variables().encode(), _CSS)
    return found
