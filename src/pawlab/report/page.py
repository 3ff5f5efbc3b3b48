"""A template and its values -> one page that needs nothing but itself."""

import datetime
import json
import posixpath
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from shlex import quote
from typing import Any

from pawlab import __version__, templates
from pawlab.datasets.dataset import count_skipped
from pawlab.evaluation.metrics import wilson_interval
from pawlab.names import listed
from pawlab.report import glossary
from pawlab.report.shown import square
from pawlab.report.style import css_variables
from pawlab.storage import replacing_file
from pawlab.templates import percent

_PLAIN = {"recall": glossary.RECALL, "precision": glossary.PRECISION, "f1": glossary.F1}
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>|#~&$]")  # what means something in it
_NO_OPTIONS = frozenset({"kind", "output_shape", "parameters", "trainable"})


def write_page(path: Path, template: str, **values: Any) -> None:
    """Fill a template of this folder and write it; bytes in names that aren't UTF-8 appear as in `names.printable`."""
    page = _environment().get_template(template).render(values)
    with replacing_file(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")


@cache
def _environment() -> Any:
    environment = templates.environment(Path(__file__).parent)
    environment.globals.update(version=__version__, today=_today, css_variables=css_variables, plain=_PLAIN)
    environment.filters.update(
        count_skipped=count_skipped,
        percent_or_dash=lambda share: "–" if share is None else percent(share),
        wilson=wilson_interval,
        span=lambda bounds: f"{bounds[0] * 100:.1f}–{percent(bounds[1])}",
        sureness=sureness,
        shape=lambda sizes: " × ".join(f"{size:,}" for size in sizes),
        short=short,
        duration=duration,
        place=lambda share: f"{share * 100:.2f}",
        listed=listed,
        total=lambda counts: sum(sum(by_class.values()) for by_class in counts.values()),
        of_class=lambda counts, name: sum(by_class[name] for by_class in counts.values()),
        file=posixpath.basename,
        folder=posixpath.dirname,
        mentioned=lambda row: [": ".join(filter(None, (mention.name, mention.detail))) for mention, _ in row],
        options=_options,
        quoted=quoted,
        python=lambda text: json.dumps(text, ensure_ascii=False),  # a Python string literal too
        square=square,
        md=_markdown,
    )
    return environment


def sureness(probability: float) -> str:
    """Return a probability as people read it; 100% is kept for what is certain."""
    return ">99.9%" if 0.9995 <= probability < 1 else percent(probability)


def short(number: int) -> str:
    """Return a count in three digits: 2,562, 68.4k, 3.42M."""
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{number:,}"


def duration(seconds: float) -> str:
    """Return a time as people say it: 5 s, 13 min, 2.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def quoted(text: str) -> str:
    """Return an argument of a command as it is typed, in double quotes where that will do in every shell."""
    plain = quote(text)
    return plain if plain == text or not text.isprintable() or set('"$`\\!%') & set(text) else f'"{text}"'


def _markdown(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return _MARKDOWN.sub(lambda mark: f"\\{mark[0]}", " ".join(text.split()))


def _options(layer: Mapping[str, Any]) -> str:
    said = {key: value for key, value in layer.items() if key not in _NO_OPTIONS and value is not None}
    return ", ".join(_option(key, value) for key, value in said.items() if (key, value) != ("dtype", "float32"))


def _option(key: str, value: Any) -> str:
    if key == "name":
        return str(value)
    words = key.replace("_", " ")
    if isinstance(value, bool):
        return words if value else f"no {words}"
    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
    return f"{words} {f'{shown:.4g}' if isinstance(shown, float) else str(shown).replace('_', ' ')}"


def _today() -> str:
    today = datetime.datetime.now(datetime.UTC).date()
    return f"{today.day} {today:%B %Y}"
