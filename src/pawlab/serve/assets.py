"""The page's files: an explicit table of addresses, read once. No other file is served."""

from pathlib import Path

from pawlab.report.style import css_variables

_FOLDER = Path(__file__).parent

_FILES = {
    "/": ("page.html", "text/html"),
    "/static/page.css": ("static/page.css", "text/css"),
    "/static/page.js": ("static/page.js", "text/javascript"),
    "/static/icon.svg": ("static/icon.svg", "image/svg+xml"),
}


def read_assets() -> dict[str, tuple[bytes, str]]:
    """Return each address's content and media type."""
    found = {address: ((_FOLDER / name).read_bytes(), kind) for address, (name, kind) in _FILES.items()}
    found["/static/colours.css"] = (css_variables().encode(), "text/css")
    return found
