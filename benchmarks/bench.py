"""Measure pawlab beside what people would do instead: `make bench`, or

    python benchmarks/bench.py [PART ...] [--quick] [--again] [--epochs N] [--full] [--data DATA]

A JSON file for each part goes into benchmarks/bench, and benchmarks/bench.md is written from them; with --quick into
runs/bench-quick, so that the record stays. A part that was measured at this commit in the same way isn't measured
again, so that a call that was stopped goes on. Each piece of work runs in a fresh process, in turn with those beside
it.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from time import perf_counter
from typing import Any

from bench_material import HERE, Material
from bench_page import write_page
from bench_parts import OPTIONAL, PARTS
from bench_pieces import measured
from measuring import CommandFailedError, measure

MINUTES = {"train": (14, 3), "predict": (4, 2), "cold": (1, 1), "growth": (5, 2), "fit": (2, 1), "service": (1, 1)}
MINUTES |= {"ray": (5, 1), "peers": (5, 4)}  # in full, and with --quick
MEASURING = (  # the page isn't among them
    *("bench_material.py", "bench_parts.py", "bench_pieces.py", "made_pictures.py", "measuring.py"),
    *("peer_*.py", "plain_keras.py", "serve.py", "solver.py"),
)
CHANGED = "+"  # after a commit: something in it is changed


def main() -> None:
    asked = arguments()
    material = Material(asked.data, asked.work, asked.quick, asked.full, asked.epochs, asked.rounds)
    asked.out.mkdir(parents=True, exist_ok=True)
    failed, marker = [], commit()
    for name in planned(asked, marker):
        print(f"{name}: {PARTS[name].__doc__}", flush=True)
        try:
            record(name, material, asked, marker)
        except CommandFailedError as error:
            failed.append(name)
            print(f"{name} isn't measured: {error}", file=sys.stderr, flush=True)
        write_page(asked.out)  # after each, as one may be stopped
    write_page(asked.out)
    print(f"See {asked.out.with_suffix('.md')}")
    if failed:
        raise SystemExit(1)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Measure pawlab beside what people would do instead.",
        epilog=f"Minutes on two free cores, and with --quick: {expected()}. Environments are made once, in a minute or "
        "two each, from the registry that pip knows; a peer that can't be installed is skipped, and the page says so.",
    )
    default = [name for name in PARTS if name not in OPTIONAL]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all but {', '.join(OPTIONAL)}")
    parser.add_argument("--quick", action="store_true", help="one run of each, and less of it")
    parser.add_argument("--full", action="store_true", help="growth to 100,000 pictures: 20 minutes more")
    parser.add_argument("--again", action="store_true", help="measure also what was measured at this commit")
    parser.add_argument("--data", default="cats-and-dogs", help="what `pawlab train` takes")
    parser.add_argument("--epochs", type=int, help="of the published c4; 20, with --quick 2")
    parser.add_argument("--rounds", type=int, help="runs of each piece; 3, with --quick 1")
    parser.add_argument("--out", type=Path, help="the folder for results; the page stands beside it")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(gettempdir()) / "pawlab-bench",
        help="where all is made, and kept: 1 GB, 6 with --full. Delete it where DATA has changed",
    )
    asked = parser.parse_args(given)
    unknown = [name for name in asked.parts if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}. The parts are {', '.join(PARTS)}.")
    asked.parts = asked.parts or default
    asked.epochs = asked.epochs or (2 if asked.quick else 20)
    asked.rounds = asked.rounds or (1 if asked.quick else 3)
    asked.out = asked.out or (HERE.parent / "runs" / "bench-quick" if asked.quick else HERE / "bench")
    asked.work = asked.work.resolve()
    return asked


def expected() -> str:
    return ", ".join(f"{name} {full} and {quick}" for name, (full, quick) in MINUTES.items())


def commit() -> str:
    """Return the last commit that changed what is measured, or how; with CHANGED after it where that isn't all."""
    watched = ["src", "constraints.txt", "pyproject.toml", *(f"benchmarks/{pattern}" for pattern in MEASURING)]

    def git(*words: str) -> str:
        command = ["git", "-C", str(HERE.parent), *words, "--", *watched]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    found = git("log", "-1", "--format=%h")
    return f"{found}{CHANGED}" if git("status", "--porcelain") or not found else found


def options(asked: argparse.Namespace, part: str) -> dict[str, Any]:
    """Return what of the command bears on a part's figures."""
    of_its_own = {"train": ("epochs",), "growth": ("full",)}.get(part, ())
    return {name: getattr(asked, name) for name in ("data", "quick", "rounds", *of_its_own)}


def planned(asked: argparse.Namespace, marker: str) -> list[str]:
    """Return the parts to measure, in the order of PARTS; say which are there already."""
    plan = []
    for name in (name for name in PARTS if name in asked.parts):
        if not asked.again and is_done(asked.out / f"{name}.json", marker, options(asked, name)):
            print(f"{name} is measured at {marker} already: --again measures it anew")
        else:
            plan.append(name)
    return plan


def is_done(place: Path, marker: str, wanted: dict[str, Any]) -> bool:
    if marker.endswith(CHANGED) or not place.is_file():
        return False
    there = json.loads(place.read_text(encoding="utf-8"))
    return (there["commit"], there["options"]) == (marker, wanted)


def record(name: str, material: Material, asked: argparse.Namespace, marker: str) -> None:
    """Measure a part and keep it; what was there before stays until then."""
    part = PARTS[name](material)
    load, start = os.getloadavg()[0] if hasattr(os, "getloadavg") else None, perf_counter()
    found = measured(part, partial(print, flush=True))
    head = {
        "part": name,
        "title": PARTS[name].__doc__,
        "about": part.about,
        "commit": marker,
        "date": f"{datetime.now():%Y-%m-%d %H:%M}",
        "options": options(asked, name),
        **machine(),
        "load_before": load,
        "took_seconds": round(perf_counter() - start),
    }
    place = asked.out / f"{name}.json"
    beside = place.with_suffix(".partial")
    beside.write_text(json.dumps({**head, **found}, indent=1) + "\n", encoding="utf-8")
    beside.replace(place)


def machine() -> dict[str, Any]:
    """Return the machine and the versions of libraries, as a run's record has them."""
    code = (
        "import json; from pawlab.runs.record import machine, versions;"
        "print(json.dumps({'machine': machine(), 'versions': versions()}))"
    )
    return dict(json.loads(measure([sys.executable, "-c", code]).output))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("Stopped. The same command goes on with the part that was under way.") from None
