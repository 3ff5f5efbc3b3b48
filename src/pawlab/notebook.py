"""Results as small pieces of HTML, which notebooks show in place of text. Nothing is loaded from anywhere.

Colours are those of the notebook, light or dark; whatever comes from outside, such as labels and paths, is escaped.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pawlab import templates
from pawlab.names import printable

MOST_SHOWN = 60  # of a list: enough to look through, and a notebook stays light


def predictions_html(predictions: Sequence[Any]) -> str:
    """Return a card for each `Prediction` or `NoPrediction`, MOST_SHOWN at most.

    It has a thumbnail where the picture is a file, label, bars, and "not sure" where that is so.
    """
    return _filled("predictions", predictions[:MOST_SHOWN], len(predictions) - MOST_SHOWN)


def run_html(folder: Path, metrics: dict[str, Any] | None, report: Path) -> str:
    """Return a run's score with its interval, the baseline, and a link to its report where there is one."""
    return _filled("run", folder, metrics, _link(report) if report.is_file() else "")


def exploration_html(found: dict[str, Any], samples: Sequence[tuple[str, Sequence[Path]]]) -> str:
    """Return what was found: counts, the baseline, findings, and some pictures of each class.

    `found`: what `explore` returns; `samples`: (class, paths of its pictures).
    """
    counts = found["counts"].values()
    rows = [[name, *(f"{of_split[name]:,}" for of_split in counts)] for name in found["classes"]]
    return _filled("exploration", found, rows, samples)


def comparison_html(header: Sequence[str], rows: Sequence[Sequence[str]], picture: Path) -> str:
    """Return a table of text, and below it a picture of the curves: a PNG file, shown where it exists."""
    return _filled("comparison", header, rows, b64encode(picture.read_bytes()).decode() if picture.is_file() else "")


def _filled(name: str, *values: Any) -> str:
    """Fill a macro of notebook.html.j2. Paths may hold bytes that aren't text; a page mayn't."""
    macros = templates.environment(Path(__file__).parent).get_template("notebook.html.j2").module
    html = re.sub(r">\s+<", "><", getattr(macros, name)(*values)).strip()
    return printable(html)


def _link(file: Path) -> str:
    """Return an address that a notebook in the working directory opens: relative to it where the file lies below."""
    path = file.absolute()
    here = Path.cwd()
    return quote(path.relative_to(here).as_posix()) if path.is_relative_to(here) else path.as_uri()
