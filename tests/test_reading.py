"""The options on how data is read, from the command line to a run's files."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pawlab
from drawn_pictures import drawing, save
from pawlab.classifier import Classifier
from pawlab.errors import DataError


def split_of(run: pawlab.Run) -> dict[str, str]:
    with (run.folder / "split.csv").open(encoding="utf-8", newline="") as file:
        return {row["path"]: row["split"] for row in csv.DictReader(file)}


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    for number in range(40):
        save(drawing(number), tmp_path / "photos" / ("dogs" if number % 2 else "cats") / f"{number:02}.jpg")
    return tmp_path / "photos"


def train(data: Path, out: Path, **options: Any) -> pawlab.Run:
    return pawlab.train(data, out=out, report=False, **options)


def test_near_duplicates_stand_in_one_split(drawings: Path, tmp_path: Path) -> None:
    for number in range(20):
        smaller = drawing(number).resize((150, 120))
        save(smaller, drawings / ("dogs" if number % 2 else "cats") / f"again {number:02}.jpg", quality=70)
    found = split_of(train(drawings, tmp_path / "run"))
    for number in range(20):
        label = "dogs" if number % 2 else "cats"
        assert found[f"{label}/again {number:02}.jpg"] == found[f"{label}/{number:02}.jpg"]
    reported = pawlab.explore(drawings, near_duplicates="report")
    assert {"near duplicates across splits"} <= {finding["check"] for finding in reported["findings"]}


def test_a_run_keeps_its_splits_when_pictures_are_added(drawings: Path, tmp_path: Path) -> None:
    before = split_of(train(drawings, tmp_path / "first"))
    for number in range(40, 60):
        save(drawing(number), drawings / ("dogs" if number % 2 else "cats") / f"{number:02}.jpg")
    after = split_of(train(drawings, tmp_path / "second", split_from=str(tmp_path / "first")))
    assert {name: after[name] for name in before} == before
    assert len(after) == 60
    with pytest.raises(
        DataError, match=r"can't read .*nowhere.*split\.csv: .* Give a folder that `pawlab train` made\."
    ):
        train(drawings, tmp_path / "third", split_from=str(tmp_path / "nowhere"))


def test_groups_in_names_and_shares_are_kept(drawings: Path, tmp_path: Path) -> None:
    run = train(drawings, tmp_path / "run", group_from_name=r"/(\d)\d\.jpg", split="60/20/20")
    by_group: dict[str, set[str]] = {}
    for name, split in split_of(run).items():
        by_group.setdefault(name.split("/")[1][0], set()).add(split)
    assert all(len(splits) == 1 for splits in by_group.values())
    record = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    assert record["request"]["options"] == {"group_from_name": r"/(\d)\d\.jpg", "split": "60/20/20"}


def test_deep_pictures_are_seen_by_one_range(tmp_path: Path) -> None:
    """12 bits in files of 16: the brightest of the set decides for all, and the classifier keeps it."""
    random = np.random.default_rng(0)
    for label, top in (("bright", 4000), ("dim", 900)):
        for number in range(12):
            values = random.integers(0, top, (80, 80)).astype(np.uint16)
            (tmp_path / "photos" / label).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(tmp_path / "photos" / label / f"{number}.tif")
    run = train(tmp_path / "photos", tmp_path / "run")
    assert Classifier.load(run.folder).card.preprocess.value_range == (0, 4095)
    assert "pictures of more than 8 bits: 0 is black, 4095 is white; --value-range takes others" in run.metrics["notes"]
    other = train(tmp_path / "photos", tmp_path / "other", value_range="0,1000")
    assert Classifier.load(other.folder).card.preprocess.value_range == (0, 1000)


def test_a_range_that_is_hardly_used_is_warned_of(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(24):
        values = random.integers(0, 100, (80, 80)).astype(np.uint16)
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    for value_range, warned in (("0,65535", True), (None, False)):
        found = pawlab.explore(tmp_path / "photos", value_range=value_range)
        sentences = [finding["sentence"] for finding in found["findings"] if finding["check"] == "doubtful reading"]
        assert [("of 65535: give --value-range" in sentence) for sentence in sentences] == [True] * warned
    for path in (tmp_path / "photos").rglob("*.tif"):  # the file itself says that 65535 is white
        with Image.open(path) as picture:
            picture.save(path, tiffinfo={281: 65535})
    found = pawlab.explore(tmp_path / "photos")
    sentences = [finding["sentence"] for finding in found["findings"] if finding["check"] == "doubtful reading"]
    assert ["the brightest value is 99 of 65535: give --value-range" in sentence for sentence in sentences] == [True]


def test_what_is_skipped_stands_in_the_metrics(drawings: Path, tmp_path: Path) -> None:
    (drawings / "cats/clip.mov").write_bytes(b"x")
    (drawings / "cats/cut.jpg").write_bytes((drawings / "cats/00.jpg").read_bytes()[:3000])
    metrics = train(drawings, tmp_path / "run").metrics
    assert [kind["extension"] for kind in metrics["skipped"]] == [".mov", ".jpg"]
    assert metrics["set_aside"] == 2
