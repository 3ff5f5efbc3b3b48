"""Pictures sorted by what a classifier with known answers says of them."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from pawlab.classifier import Classifier, save_classifier
from pawlab.errors import PawlabError
from pawlab.files.sorting import undo
from pawlab.review.sorting import sort_pictures
from test_classifier import CARD, colour_graph

COLOURS = {"red": (220, 40, 30), "green": (30, 190, 60), "gray": (90, 90, 90)}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_classifier(colour_graph(), CARD, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, colour in COLOURS.items():
        Image.new("RGB", (30, 20), colour).save(folder / f"{name}.png")
    Image.new("RGB", (31, 20), COLOURS["red"]).save(folder / "more" / "red.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


SORTED = {"red/red.png", "red/red-2.png", "green/green.png", "not-sure/gray.png", "unreadable/broken.jpg", "sorted.csv"}


def test_one_folder_per_class_with_a_table(model: Path, photos: Path, tmp_path: Path) -> None:
    before, out = names(photos), tmp_path / "out"
    done = sort_pictures(model, photos, out)
    assert done.folders == {"red": 2, "green": 1, "not-sure": 1, "unreadable": 1}
    assert names(out) == SORTED
    with done.table.open(newline="", encoding="utf-8") as file:
        rows = {Path(row["picture"]).relative_to(photos).as_posix(): row for row in csv.DictReader(file)}
    assert rows["more/red.png"]["folder"] == "red"
    assert rows["gray.png"]["label"] == "blue"  # as all three are as likely
    assert float(rows["gray.png"]["probability"]) == pytest.approx(1 / 3, abs=1e-6)
    again = sort_pictures(model, photos, out)
    assert (again.folders, again.before) == ({}, 5)
    assert undo(done.table) == []
    assert names(photos) == before
    assert not out.exists()


def test_a_folder_within_the_photos_is_not_sorted_itself(model: Path, photos: Path) -> None:
    sort_pictures(model, photos, photos / "sorted")
    again = sort_pictures(model, photos, photos / "sorted")
    assert (again.folders, again.before, again.inside) == ({}, 5, 5)


def test_what_lies_in_an_archive_is_not_moved(model: Path, photos: Path, tmp_path: Path) -> None:
    import shutil

    archive = shutil.make_archive(str(tmp_path / "photos"), "zip", photos)
    with pytest.raises(PawlabError, match=r"it can't be moved\. Leave out --move\."):
        sort_pictures(model, archive, tmp_path / "out", move=True)
    assert sort_pictures(model, archive, tmp_path / "out").folders["red"] == 2


def test_out_of_a_folder_that_cannot_be_written_nothing_is_moved(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, out, access, before = photos / "more", tmp_path / "out", os.access, names(photos)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed.resolve() and access(path, mode))
    with pytest.raises(PawlabError) as caught:
        sort_pictures(model, photos, out, move=True)
    assert str(caught.value) == (
        f"{closed / 'red.png'} can't be moved: its folder {closed.resolve()} can't be written. "
        "Leave out --move to copy."
    )
    assert names(photos) == before
    assert not out.exists()
    assert sort_pictures(model, photos, out).folders["red"] == 2


def test_killed_in_the_middle_and_started_again_every_photo_is_there_once(model: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "many", tmp_path / "out"
    photos.mkdir()
    for number in range(300):
        Image.new("RGB", (30, 20), (number % 256, 250 * (number % 2), number // 2)).save(photos / f"{number}.png")
    before = {path.name: path.read_bytes() for path in photos.iterdir()}
    command = [
        sys.executable,
        "-m",
        "pawlab",
        "predict",
        str(model),
        str(photos),
        "--sort-into",
        str(out),
        "--move",
        "--yes",
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while process.poll() is None and len(names(out) if out.exists() else ()) < 50:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 0 < len(list(photos.iterdir())) < 300
    sort_pictures(Classifier.load(model), photos, out, move=True)
    assert list(photos.iterdir()) == []
    assert {path.name: path.read_bytes() for path in out.rglob("*.png")} == before
    assert undo(out / "sorted.csv") == []
    assert {path.name: path.read_bytes() for path in photos.iterdir()} == before
