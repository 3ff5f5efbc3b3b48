"""The options on how data is read, from the command line to a run's files."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pawlab
from drawn_pictures import drawing, save
from pawlab.classifier import Classifier
from pawlab.datasets.discover import discover
from pawlab.datasets.labels import Decision, Labels
from pawlab.datasets.options import DataOptions
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


def untrainable(data: Path | str, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        pawlab.explore(data, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_groups_that_would_not_be_applied_are_refused(drawings: Path) -> None:
    assert untrainable(drawings, group_from_name="patient") == (
        "--group-from-name 'patient' finds nothing in the names of photos; the first is cats/00.jpg. Give a pattern "
        "that finds the group there, or leave it out."
    )
    assert untrainable("sample", group_from_name="patient").startswith("--group-from-name 'patient' finds nothing in")
    assert untrainable(drawings, group="patient") == (
        f"--group 'patient' names a column of a table, and {drawings} is none. Leave it out; --group-from-name REGEX "
        "takes groups from the pictures' names."
    )
    assert untrainable(drawings, columns="path=file,label=breed") == (
        f"--columns 'path=file,label=breed' names columns of a table, and {drawings} is none. Leave it out, or give "
        "the table."
    )


def test_names_in_which_no_group_is_found_are_counted_and_keep_the_tables(drawings: Path) -> None:
    explored = pawlab.explore(drawings, group_from_name=r"/(0)\d\.jpg")
    assert explored["notes"][0] == (
        "--group-from-name finds nothing in 30 of 40 names, the first is cats/10.jpg: they stay in no group"
    )
    table = drawings / "table.csv"
    names = sorted(path.relative_to(drawings).as_posix() for path in drawings.glob("*/*.jpg"))
    table.write_text("path,label,group\n" + "".join(f"{name},{name[:4]},of the table\n" for name in names))
    found = discover(table, options=DataOptions(group_from_name=r"/(0)\d\.jpg"))
    assert Counter(picture.group for picture in found.pictures) == {"0": 10, "of the table": 30}
    assert found.doubts == (
        "--group-from-name finds nothing in 30 of 40 names, the first is cats/10.jpg: they keep their groups",
    )


def test_a_run_of_a_table_can_be_extended_by_a_folder_in_whose_names_no_group_is(
    drawings: Path, tmp_path: Path
) -> None:
    names = sorted(path.relative_to(drawings).as_posix() for path in drawings.glob("*/*.jpg"))
    rows = "".join(f"{name},{name[:4]},{number // 2}\n" for number, name in enumerate(names))
    (drawings / "table.csv").write_text("path,label,burst\n" + rows)
    old = train(drawings / "table.csv", tmp_path / "old", group="burst", group_from_name=r"/(0)\d\.jpg")
    for number in range(40, 50):
        save(drawing(number), tmp_path / "more" / ("dogs" if number % 2 else "cats") / f"{number:02}.jpg")
    new = pawlab.extend(old, tmp_path / "more", tmp_path / "new", report=False)
    assert len(split_of(new)) == 50
    assert (
        "--group-from-name finds nothing in 10 of 10 names, the first is cats/40.jpg: they stay in no group"
        in new.metrics["notes"]
    )


def test_broken_files_do_not_count_for_the_least_number_of_a_class(drawings: Path) -> None:
    for number in range(3):
        save(drawing(number), drawings / "birds" / f"{number}.jpg")
    whole = (drawings / "birds" / "2.jpg").read_bytes()
    (drawings / "birds" / "2.jpg").write_bytes(whole[: len(whole) // 2])
    explored = pawlab.explore(drawings, min_per_class=3)
    assert explored["classes"] == ["cats", "dogs"]
    assert {item["picture"]: item["reason"] for item in explored["set_aside"] if item["picture"] != "birds/2.jpg"} == {
        "birds/0.jpg": "its class has only 2 pictures",
        "birds/1.jpg": "its class has only 2 pictures",
    }
    for path in (drawings / "birds").iterdir():
        path.write_bytes(whole[: len(whole) // 2])
    assert pawlab.explore(drawings, min_per_class=1)["classes"] == ["cats", "dogs"]


def test_pictures_labelled_otherwise_do_not_count_for_the_least_number_of_a_class(
    drawings: Path, tmp_path: Path
) -> None:
    for number in range(50, 58):
        save(drawing(number), drawings / "birds" / f"{number}.jpg")
    labels = Labels(tmp_path / "labels.csv")
    for picture in discover(drawings).pictures:
        if picture.label == "birds":
            labels.decide(picture.sha256, Decision("label", "cats"))
    found = pawlab.explore(drawings, labels=str(labels.path))
    assert found["classes"] == ["birds", "cats", "dogs"]  # test pictures keep their labels
    assert "'birds' has only" in found["findings"][0]["sentence"]
    assert pawlab.explore(drawings, labels=str(labels.path), min_per_class=3)["classes"] == ["cats", "dogs"]
