"""The page of what `bench.py` measured, written from its JSON files alone."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench_parts import PARTS

Result = dict[str, Any]

_IN_COLUMNS = (
    *("seconds", "work_seconds", "pictures", "ms_per_picture", "test_accuracy", "same_labels"),
    *("peak_mb", "anonymous_mb", "processor_seconds"),
)


def write_page(folder: Path) -> None:
    """Write FOLDER.md from the files in a folder."""
    results = [json.loads(place.read_text(encoding="utf-8")) for place in places(folder)]
    beside = folder.with_suffix(".partial")
    beside.write_text(page(results, folder.name), encoding="utf-8")
    beside.replace(folder.with_suffix(".md"))


def places(folder: Path) -> list[Path]:
    return [place for name in PARTS if (place := folder / f"{name}.json").is_file()]


def page(results: list[Result], folder: str) -> str:
    lines = [
        "# Beside what people would do instead",
        "",
        f"Written from the files in `{folder}/` by `make bench`, which is `python benchmarks/bench.py`. Each command "
        "ran in a fresh process, in turn with those beside it; figures are medians, with the lowest and the highest in "
        "brackets where there were several. Only ratios, of the same rounds, can be compared between machines. Peak MB "
        "is the most memory that was resident, mapped files included; anonymous MB leaves those out. Work is the time "
        "without start-up, as the command itself took it.",
    ]
    before: Result = {}
    for result in results:
        lines += ["", *section(result, before)]
        before = result
    return "\n".join(lines) + "\n"


def section(result: Result, before: Result) -> list[str]:
    head = [f"## {result['part']}", f"{result['title']} {result['about']}", origin(result, before)]
    blocks = [*head, *map("\n".join, (table(result), ratio_table(result["ratios"]), others(result["pieces"])))]
    return "\n\n".join(block for block in blocks if block).split("\n")


def origin(result: Result, before: Result) -> str:
    """Say when, how and where a part was measured; with which versions, where not with those of the part before."""
    here, asked = result["machine"], result["options"]
    load = "" if result["load_before"] is None else f", load before {result['load_before']:.1f}"
    known = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    names = f" {known}." if result["versions"] != before.get("versions") else ""
    quick = " with `--quick`" if asked["quick"] else ""
    changed = " and changes" if result["commit"].endswith("+") else ""
    return (
        f"{result['date']}{quick}, commit {result['commit'].rstrip('+')}{changed}, {here['cores']} cores of "
        f"{here['processor']}, {here['system']}{load}.{names}"
    )


def table(result: Result) -> list[str]:
    """Return the pieces, in the order in which they ran, then those that were skipped."""
    pieces = result["pieces"]
    columns = [column for column in COLUMNS if any(COLUMNS[column](piece) for piece in pieces.values())]
    rows = [["", *columns], ["---", *["---:"] * len(columns)]]
    rows += [[name, *(COLUMNS[column](piece) for column in columns)] for name, piece in pieces.items()]
    rows += [
        [name, f"skipped: {cell(reason)}", *[""] * (len(columns) - 1)] for name, reason in result["skipped"].items()
    ]
    return [f"| {' | '.join(row)} |" for row in rows]


def ratio_table(ratios: list[Result]) -> list[str]:
    if not ratios:
        return []
    rows = ["| ratio | median | runs | aim |", "| --- | ---: | --- | --- |"]
    for ratio in ratios:
        runs = ", ".join(f"{value:.2f}" for value in ratio["runs"])
        of = "" if ratio["of"] == "seconds" else f", {ratio['of'].replace('_', ' ')}"
        what = f"{ratio['over']} / {ratio['under']}{of}"
        rows.append(f"| {what} | {ratio['median']:.2f} | {runs} | {ratio['aim']} |")
    return rows


def others(pieces: dict[str, Result]) -> list[str]:
    """Return a line for each piece of which more is known than has a column."""
    lines = []
    for name, piece in pieces.items():
        figures = [
            f"{key.replace('_', ' ')} {value:,.4g}" for key, value in piece["median"].items() if key not in _IN_COLUMNS
        ]
        if figures:
            lines.append(f"- {name}: {', '.join(figures)}")
    return lines


def spread(piece: Result, name: str, digits: int = 2) -> str:
    values = [run[name] for run in piece["runs"] if name in run]
    if not values:
        return ""
    middle = f"{piece['median'][name]:,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def per_second(piece: Result) -> str:
    known = piece["median"]
    return f"{known['pictures'] / known['seconds']:,.0f}" if "pictures" in known else ""


def percent(piece: Result, name: str) -> str:
    return f"{100 * piece['median'][name]:.1f}%" if name in piece["median"] else ""


def cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


COLUMNS: dict[str, Callable[[Result], str]] = {
    "seconds": partial(spread, name="seconds"),
    "work": partial(spread, name="work_seconds"),
    "pictures a second": per_second,
    "ms a picture": partial(spread, name="ms_per_picture", digits=1),
    "test accuracy": partial(percent, name="test_accuracy"),
    "same labels": partial(percent, name="same_labels"),
    "peak MB": partial(spread, name="peak_mb", digits=0),
    "anonymous MB": partial(spread, name="anonymous_mb", digits=0),
}
