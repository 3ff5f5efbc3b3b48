"""Labelling from nothing, and from a run: questions, estimate, a new class, and what finishing makes."""

import csv
import shutil
from pathlib import Path

import pytest
from PIL import Image

import pawlab
from pawlab.datasets.discover import discover
from pawlab.datasets.labels import Decision, Labels
from pawlab.datasets.options import DataOptions
from pawlab.errors import DataError, PawlabError
from pawlab.files.names import file_sha256
from pawlab.progress import silent
from pawlab.review.labelling import Labelling, open_labelling
from pawlab.review.material import labelled_material
from pawlab.runs.record import Run
from web_client import until


@pytest.fixture
def flat(learnable_folder: Path, tmp_path: Path) -> Path:
    """The pictures of both classes in one folder; their names say what they show."""
    folder = tmp_path / "flat"
    folder.mkdir()
    for picture in learnable_folder.rglob("*.png"):
        shutil.copy(picture, folder / f"{picture.parent.name}_{picture.name}")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    return folder


def true_label(name: str) -> str:
    return Path(name).name.partition("_")[0]


def answer(session: Labelling, count: int) -> None:
    for _ in range(count):
        (question,) = session.questions("tab", 1)
        session.decide(question.picture.sha256, "label", true_label(question.picture.name))
        until(lambda: not session.refit.busy, 60)


def test_from_nothing_to_a_classifier(flat: Path, tmp_path: Path) -> None:
    classes = ["cold-squares", "warm-circles"]
    session = open_labelling(flat, classes, silent, None, tmp_path / "labels.csv", tmp_path / "out")
    before = {path.name: path.read_bytes() for path in flat.iterdir()}
    assert session.questions("tab", 1)[0].suggested is None
    answer(session, 16)
    (useless,) = session.questions("tab", 1)
    session.decide(useless.picture.sha256, "exclude")
    until(lambda: not session.refit.busy, 60)
    state = session.state()
    assert (state["answers"], state["excluded"], state["pictures"], state["skipped"]) == (16, 1, 60, 1)
    assert state["history"][-1][0] == 16
    assert 0.5 < state["history"][-1][1] <= 1
    session.finishing.request()
    until(lambda: not session.finishing.busy, 120)
    files = session.state()["finish"]["files"]
    assert session.state()["finish"]["error"] is None
    with Path(files["table"]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [sum(row["by"] == who for row in rows) for who in ("person", "prediction")] == [16, 43]
    kept = {str(path) for path in flat.glob("*.png") if path != useless.picture.path}
    assert {row["path"] for row in rows} == kept
    assert sum(row["label"] == true_label(row["path"]) for row in rows) >= 57
    assert len(discover(Path(files["table"]))) == 59
    assert pawlab.load(files["classifier"]).classes == tuple(classes)
    assert {path.name: path.read_bytes() for path in flat.iterdir()} == before
    again = open_labelling(flat, classes, silent, None, tmp_path / "labels.csv", tmp_path / "out")
    assert again.state()["answers"] == 16  # progress is kept


def test_from_a_run_with_a_new_class(learnable_folder: Path, flat: Path, tmp_path: Path) -> None:
    names = "(cold-squares|warm-circles)"  # by which answers aren't to be read
    run = pawlab.train(learnable_folder, out=tmp_path / "run", report=False, label_from_name=names)
    for number in range(12):  # of a third class
        with Image.open(flat / f"cold-squares_{number:02}.png") as picture:
            picture.rotate(45).convert("L").save(flat / f"gray_{number:02}.png")
    session = open_labelling(flat, [], silent, run.folder, tmp_path / "labels.csv", tmp_path / "out")
    assert session.classes == ["cold-squares", "warm-circles"]
    (question,) = session.questions("tab", 1)
    assert question.suggested in session.classes  # known from the start
    session.add_class("gray")
    gray = [one for one in session.material.pictures if true_label(one.name) == "gray"]
    for one in gray[:6]:
        session.decide(one.sha256, "label", "gray")
    until(lambda: not session.refit.busy, 60)
    suggested = {one.picture.name: one.suggested for one in session.questions("tab", 100)}
    assert sum(suggested[one.name] == "gray" for one in gray[6:]) >= 5
    session.finishing.request()
    until(lambda: not session.finishing.busy, 120)
    assert session.state()["finish"]["error"] is None
    extended = Run(Path(session.state()["finish"]["files"]["classifier"]))
    assert extended.metrics["classes"] == ["cold-squares", "gray", "warm-circles"]
    again = labelled_material(extended, DataOptions(), silent)  # with what was added
    assert again.classes == ("cold-squares", "gray", "warm-circles")
    with pytest.raises(PawlabError) as caught:
        labelled_material(extended, DataOptions(min_per_class=5), silent)
    assert str(caught.value) == ("a run's pictures are read as they were in training. Leave out --min-per-class.")


def test_the_table_names_copies_too_and_is_data_wherever_it_was_made(
    flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where names given on the command line count from
    for name in ("cold-squares_00", "warm-circles_00"):
        shutil.copy(flat / f"{name}.png", flat / f"{name}_copy.png")
    classes = ["cold-squares", "warm-circles"]
    session = open_labelling("flat", classes, silent, None, tmp_path / "labels.csv", tmp_path / "out")
    for picture in session.material.pictures[:40]:
        if "warm-circles_00" not in picture.name:
            session.decide(picture.sha256, "label", true_label(picture.name))
    until(lambda: not session.refit.busy, 60)
    session.finishing.request()
    until(lambda: not session.finishing.busy, 120)
    table = Path(session.state()["finish"]["files"]["table"])
    with table.open(newline="", encoding="utf-8") as file:
        by = {Path(row["path"]).name: row["by"] for row in csv.DictReader(file)}
    assert len(by) == 62
    assert (by["cold-squares_00_copy.png"], by["cold-squares_00.png"]) == ("person", "person")
    monkeypatch.chdir("/")
    read = discover(table, progress=silent)
    assert (len(read), read.classes, read.skipped) == (62, tuple(classes), ())


def test_classes_of_other_pictures_in_the_table_are_not_offered(flat: Path, tmp_path: Path) -> None:
    labels = Labels(tmp_path / "labels.csv")
    labels.decide("0" * 64, Decision("label", "foxes"))  # of another folder
    labels.decide(file_sha256(flat / "warm-circles_00.png"), Decision("label", "red"))
    session = open_labelling(flat, ["a", "b"], silent, None, labels.path, tmp_path / "out")
    assert session.state()["classes"] == ["a", "b", "red"]


def test_too_little_to_finish(flat: Path, tmp_path: Path) -> None:
    session = open_labelling(flat, ["a", "b"], silent, None, tmp_path / "labels.csv", tmp_path / "out")
    session.decide(session.questions("tab", 1)[0].picture.sha256, "label", "a")
    session.finishing.request()
    until(lambda: not session.finishing.busy, 60)
    finish = session.state()["finish"]
    assert finish["error"] == "a classifier needs answers of two classes; the table is written."
    assert Path(finish["files"]["table"]).is_file()


def test_a_run_is_not_extended_without_answers(learnable_folder: Path, flat: Path, tmp_path: Path) -> None:
    run = pawlab.train(learnable_folder, out=tmp_path / "run", report=False)
    session = open_labelling(flat, [], silent, run.folder, tmp_path / "labels.csv", tmp_path / "out")
    session.finishing.request()
    until(lambda: not session.finishing.busy, 60)
    finish = session.state()["finish"]
    assert finish["error"] == "a run is extended by answers, and there are none yet; the table is written."
    with Path(finish["files"]["table"]).open(newline="", encoding="utf-8") as file:
        assert {row["by"] for row in csv.DictReader(file)} == {"prediction"}


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        open_labelling("nowhere", ["a", "b"], silent)
    assert str(caught.value) == (
        "nowhere can't be read: No such file or directory. Give a folder of pictures, or pictures that are there."
    )


def test_classes_are_needed(flat: Path) -> None:
    with pytest.raises(PawlabError) as caught:
        open_labelling(flat, [], silent)
    assert str(caught.value) == "say which classes there are, as in --classes cats,dogs; more can be added on the page."
