"""How time and memory grow with the number of pictures: all that `explore` does, files of a run, and `predict`.

    python benchmarks/large.py PHOTOS.zip WORK [--sizes 3000,30000,100000] [--side 64]

Makes the pictures once, in the folder WORK: squares cut from the photos of the archive at random, 34 from each, no
two alike; with `--side 0` crops of 30 to 60% of a photo. Prints JSON: for each size, in a process of its own with an
empty cache, what each stage takes of the clock and of the processor, in microseconds a picture, and the most anonymous
memory (RssAnon, in MB) that the process held in it. `decode` is the least there is to do: every file decoded to 224 x
224. `predict` is by a classifier of three colours, which costs next to nothing. Compare within a run alone, and on a
busy machine the processor's time.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

A_PHOTO = 34  # of 3,000 photos some 100,000
LOOK = 0.01  # seconds between two looks at the memory


def make(archive: Path, folder: Path, count: int, side: int | None) -> None:
    """Write `count` squares of `side` pixels, or without one crops of 30 to 60% of a photo, into a folder by class."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(archive) as photos:
        names = sorted(name for name in photos.namelist() if name.endswith(".jpg"))
        names = [names[place] for place in random.permutation(len(names))]
        number = 0
        for name in names[: -(-count // A_PHOTO)]:
            photo = Image.open(io.BytesIO(photos.read(name))).convert("RGB")
            label = folder / name.split("/")[-2]
            label.mkdir(parents=True, exist_ok=True)
            for _ in range(min(A_PHOTO, count - number)):
                piece = np.array(cut(photo, side, random))
                piece[0, 0] = number % 256, number // 256 % 256, number // 65536
                Image.fromarray(piece).save(label / f"{number:07}.jpg", quality=90, comment=str(number).encode())
                number += 1


def cut(photo: Image.Image, side: int | None, random: np.random.Generator) -> Image.Image:
    """Return a part of a photo, from a random place."""
    share = np.sqrt(random.uniform(0.3, 0.6))
    width, height = (side, side) if side else (round(share * photo.width), round(share * photo.height))
    left, top = (int(random.integers(0, max(1, have - want))) for have, want in
                 ((photo.width, width), (photo.height, height)))  # fmt: skip
    return photo.crop((left, top, left + width, top + height))


def anonymous() -> float:
    """Return the memory, in MB, that this process holds and that is no file's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


class Watch:
    """What each stage of a process takes."""

    def __init__(self, pictures: int) -> None:
        self._pictures = pictures
        self._most = 0.0
        self.stages: dict[str, dict[str, float]] = {}
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            self._most = max(self._most, anonymous())
            time.sleep(LOOK)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what is done within."""
        before = self._most = anonymous()
        began, cpu = time.perf_counter(), time.process_time()
        yield
        self.stages[name] = {
            "us_a_picture": round((time.perf_counter() - began) / self._pictures * 1e6, 1),
            "processor_us_a_picture": round((time.process_time() - cpu) / self._pictures * 1e6, 1),
            "rss_anon_mb": round(self._most),
            "added_mb": round(self._most - before),
        }
        print(f"{name:16} {self.stages[name]}", file=sys.stderr, flush=True)


def explored(folder: Path, out: Path, watch: Watch) -> tuple[Any, Any]:
    """Do what `pawlab explore` does, stage by stage; return the data and the findings."""
    from pawlab.audit.checks import run_checks
    from pawlab.audit.measurements import Measurements, measure
    from pawlab.datasets.discover import discover
    from pawlab.datasets.options import DEFAULT
    from pawlab.datasets.splits import assign_splits, count_overlap
    from pawlab.datasets.stats import describe
    from pawlab.features.thumbnails import thumbnails
    from pawlab.recipes import choose_recipe
    from pawlab.report.exploration import write_exploration

    with watch.stage("discover"):
        dataset = discover(folder)
    with watch.stage("thumbnails"):
        small = thumbnails(dataset.pictures)
    with watch.stage("near duplicates"):
        near = small.near_duplicates()
    with watch.stage("split"):
        dataset = assign_splits(dataset, 0, DEFAULT, [(pair.first, pair.second) for pair in near])
    with watch.stage("statistics"):
        measured = measure(Measurements(dataset, near=near))
    with watch.stage("checks"):
        stats = describe(dataset, infos={key: value.info for key, value in measured.image_stats.items()})
        overlap, findings = count_overlap(dataset), run_checks(measured)
    with watch.stage("page"):
        write_exploration(out / "explore.html", "made", dataset, stats, overlap, findings, choose_recipe("fast"))
    return dataset, findings


def colours(folder: Path) -> Path:
    """Save a classifier that knows three colours."""
    from pawlab.card import Card
    from pawlab.classifier import save_classifier
    from pawlab.graphs.builder import FLOAT32, GraphBuilder
    from pawlab.images import Preprocess

    graph = GraphBuilder()
    floats = graph.add("Cast", graph.input("pictures", np.uint8, ("n", "h", "w", 3)), to=FLOAT32)
    means = graph.add("ReduceMean", floats, graph.constant([1, 2], np.int64), keepdims=0)
    logits = graph.add("MatMul", means, graph.constant(np.eye(3)[::-1] / 16))
    graph.output(graph.add("Softmax", logits, axis=1), "probabilities", np.float32, ("n", 3))
    card = Card(("blue", "green", "red"), Preprocess(32, 32), "colours", "0", threshold=0.5)
    save_classifier(graph.model("colours"), card, folder / "model.onnx")
    return folder / "model.onnx"


def measured(folder: Path, count: int, work: Path) -> dict[str, Any]:
    """Measure all stages in this process."""
    from pawlab.cli.main import app
    from pawlab.evaluation.label_issues import find_label_issues
    from pawlab.files.scan import scan
    from pawlab.images import Preprocess, decode
    from pawlab.parallel import map_in_threads
    from pawlab.runs.record import write_split

    watch = Watch(count)
    with watch.stage("decode"):
        for _ in map_in_threads(lambda path: decode(path, Preprocess(224, 224)).shape, scan(folder).all_files()):
            pass
    dataset, findings = explored(folder, work, watch)
    with watch.stage("split.csv"):
        write_split(dataset, work / "split.csv")
    logits = np.random.default_rng(0).normal(size=(count, len(dataset.classes))).astype(np.float32)
    with watch.stage("label issues"):
        find_label_issues(dataset.pictures, logits, dataset.classes)
    del dataset
    model = colours(work)
    for ending in ("csv", "parquet"):
        with watch.stage(f"predict {ending}"):
            command = ["predict", str(model), str(folder), "--out", str(work / f"out.{ending}"), "-q"]
            app(command, standalone_mode=False)
    sizes = {path.name: path.stat().st_size / 1e6 for path in work.iterdir() if path.is_file()}
    return {"pictures": count, "stages": watch.stages, "files_mb": sizes, "findings": len(findings)}


def main() -> None:
    """Make the pictures, and measure each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--sizes", default="3000,30000,100000")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    found = []
    for count in map(int, given.sizes.split(",")):
        folder = given.work / f"{given.side or 'crops-of'}-{count}"
        if given.here:
            with tempfile.TemporaryDirectory(dir=given.work) as work:
                os.environ["PAWLAB_CACHE_DIR"] = f"{work}/cache"
                print(json.dumps(measured(folder, count, Path(work))))
            return
        if not folder.is_dir():
            make(given.photos, folder, count, given.side or None)
        command = [sys.executable, __file__, str(given.photos), str(given.work), "--here", "--side", str(given.side)]
        run = subprocess.run([*command, "--sizes", str(count)], check=True, stdout=subprocess.PIPE, text=True)
        found.append(json.loads(run.stdout.splitlines()[-1]))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
