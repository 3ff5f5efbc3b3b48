"""Results as small pieces of HTML, which notebooks show in place of text. Nothing is loaded from anywhere.

Colours are those of the notebook, light or dark; whatever comes from outside, such as labels and paths, is escaped.
"""

import io
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from pawlab.errors import PictureError
from pawlab.images import Preprocess, decode, inspect

THUMBNAIL = 112  # pixels of the longer side
MOST_SHOWN = 60  # of a list: enough to look through, and a notebook stays light
_MOST_BARS = 5

_CARD = (
    "display:inline-flex;gap:12px;margin:4px;padding:8px;vertical-align:top;width:330px;box-sizing:border-box;"
    "border:1px solid rgba(127,127,127,.4);border-radius:8px;font:13px/1.4 system-ui,sans-serif"
)
_FAINT = "opacity:.75;font-size:12px;overflow-wrap:anywhere"


@dataclass(frozen=True)
class PredictionCard:
    """One picture's prediction as it is shown. `picture`: its path or ""; `ranked`: (label, probability), best first;
    `reason`: why it isn't sure; `error`: why the picture couldn't be read."""

    picture: str
    ranked: Sequence[tuple[str, float]]
    sure: bool
    reason: str | None
    error: str | None


def prediction_html(prediction: PredictionCard) -> str:
    """Return a card: thumbnail where the picture is a file, label, bars, and "not sure" where that is so."""
    text = f'<div style="flex:1;min-width:0">{_text_of(prediction)}</div>'
    return f'<div style="{_CARD}">{_thumbnail(prediction.picture)}{text}</div>'


def predictions_html(predictions: Sequence[PredictionCard]) -> str:
    """Return a card for each prediction, MOST_SHOWN at most."""
    more = len(predictions) - MOST_SHOWN
    rest = _faint(f"and {more:,} more") if more > 0 else ""
    return f"<div>{''.join(map(prediction_html, predictions[:MOST_SHOWN]))}{rest}</div>"


def run_html(folder: Path, metrics: dict[str, Any] | None, report: Path) -> str:
    """Return a run's score with its interval, the baseline, and a link to its report where there is one."""
    title = f"<b>{_text(str(folder))}</b>"
    lines = ["The run isn't finished."] if metrics is None else _scores(metrics)
    if report.is_file():
        lines.append(f'<a href="{_text(_link(report))}" target="_blank">{_text(report.name)}</a>')
    return _block([title, *lines])


def exploration_html(found: dict[str, Any], samples: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return what was found: counts, the baseline, findings, and some pictures of each class.

    `found`: what `explore` returns; `samples`: (class, paths of its pictures).
    """
    counts = found["counts"]
    rows = [[name, *(f"{counts[split].get(name, 0):,}" for split in counts)] for name in found["classes"]]
    findings = [f"<b>{_text(item['severity'])}</b>: {_text(item['sentence'])}" for item in found["findings"]]
    shown = (f"<div>{''.join(map(_thumbnail, paths))}</div>{_faint(label)}" for label, paths in samples)
    return _block(
        [
            f"<b>{_text(found['data'])}</b>",
            _table(["class", *counts], rows),
            f"{found['baseline_accuracy']:.1%} by always guessing the most frequent class",
            *(findings or ["No findings: nothing looks wrong."]),
            *shown,
        ]
    )


def comparison_html(header: Sequence[str], rows: Sequence[Sequence[str]], picture: Path) -> str:
    """Return a table of text, and below it a picture of the curves: a PNG file, shown where it exists."""
    return _block([_table(header, rows), *_png(picture)])


def _png(picture: Path) -> list[str]:
    if not picture.is_file():
        return []
    data = b64encode(picture.read_bytes()).decode("ascii")
    return [
        '<img alt="Validation accuracy of each recipe by epoch" style="max-width:100%;width:760px" '
        f'src="data:image/png;base64,{data}">'
    ]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table: words in the first column to the left, all else to the right."""
    head, *body = (_cells(row, tag) for row, tag in [(header, "th"), *((row, "td") for row in rows)])
    return f'<table style="border-collapse:collapse"><thead>{head}</thead><tbody>{"".join(body)}</tbody></table>'


def _cells(values: Sequence[str], tag: str) -> str:
    cells = []
    for place, value in enumerate(values):
        side = "right" if place else "left"
        cells.append(f'<{tag} style="padding:2px 12px 2px 0;text-align:{side}">{_text(value)}</{tag}>')
    return f"<tr>{''.join(cells)}</tr>"


def _faint(text: str) -> str:
    return f'<div style="{_FAINT}">{_text(text)}</div>'


def _block(lines: Iterable[str]) -> str:
    return f'<div style="{_CARD};display:block;width:auto">{"".join(f"<div>{line}</div>" for line in lines)}</div>'


def _scores(metrics: dict[str, Any]) -> list[str]:
    test = metrics["test"]
    low, high = test["ci95"]
    classes = ", ".join(_text(name) for name in metrics["classes"])
    return [
        f"<b>{test['accuracy']:.1%}</b> accuracy on {test['pictures']:,} test pictures "
        f"(95% interval {low:.1%} to {high:.1%}) {_bar(test['accuracy'])}",
        f"{metrics['baseline_accuracy']:.1%} by always guessing the most frequent class",
        f'<span style="{_FAINT}">{len(metrics["classes"])} classes: {classes}</span>',
    ]


def _text_of(prediction: PredictionCard) -> str:
    name = _faint(prediction.picture) if prediction.picture else ""
    if prediction.error is not None:
        return f"<div><b>error</b>: {_text(prediction.error)}</div>{name}"
    label, probability = prediction.ranked[0]
    unsure = "" if prediction.sure else "not sure: "
    reason = _faint(prediction.reason) if prediction.reason else ""
    rows = "".join(_row(*pair) for pair in prediction.ranked[:_MOST_BARS])
    return f"<div>{unsure}<b>{_text(label)}</b> {probability:.1%}</div>{reason}{rows}{name}"


def _row(label: str, probability: float) -> str:
    return f'<div style="{_FAINT}">{_bar(probability)} {_text(label)} {probability:.1%}</div>'


def _bar(share: float) -> str:
    """Return a bar; people who don't see it read the number beside it."""
    return (
        '<span aria-hidden="true" style="display:inline-block;width:90px;height:8px;border-radius:4px;'
        f'background:rgba(127,127,127,.25)"><span style="display:block;width:{share:.1%};height:8px;border-radius:4px;'
        'background:#2f7fd0"></span></span>'
    )


def _thumbnail(picture: str) -> str:
    """Return the picture, small, within the page; nothing where it isn't a file that can be read."""
    if not picture:
        return ""
    try:
        info = inspect(picture)
        scale = THUMBNAIL / max(info.width, info.height)
        height, width = (max(1, round(length * scale)) for length in (info.height, info.width))
        pixels = decode(picture, Preprocess(height, width))
    except PictureError:
        return ""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=80)
    data = b64encode(file.getvalue()).decode("ascii")
    return (
        f'<img alt="" style="margin-right:4px" width="{width}" height="{height}" src="data:image/jpeg;base64,{data}">'
    )


def _text(raw: str) -> str:
    """Escape what comes from outside. Paths may hold bytes that aren't text; a page mayn't."""
    return escape(raw.encode("utf-8", "replace").decode("utf-8"))


def _link(file: Path) -> str:
    """Return an address that a notebook in the working directory opens: relative to it where the file lies below."""
    path = file.absolute()
    here = Path.cwd()
    return quote(path.relative_to(here).as_posix()) if path.is_relative_to(here) else path.as_uri()
