"""What a person is shown: planted wrong labels first, and the score that correcting them gives."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

import pawlab
from pawlab.datasets.discover import discover
from pawlab.datasets.labels import Decision, Labels, read_labels, with_labels
from pawlab.datasets.options import DataOptions
from pawlab.errors import PawlabError
from pawlab.progress import silent
from pawlab.review.queue import judge
from pawlab.review.reviewing import Review, open_review
from pawlab.runs.record import Run
from web_client import until

WRONG = ("cold-squares/warm-03.png", "warm-circles/cold-05.png")  # that show the other class


@pytest.fixture(scope="module")
def photos(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Warm circles and cold squares with two wrong labels, a near duplicate and a broken file."""
    folder = tmp_path_factory.mktemp("wrong") / "photos"
    shutil.copytree(learnable_folder, folder)
    (folder / "warm-circles" / "03.png").rename(folder / WRONG[0])
    (folder / "cold-squares" / "05.png").rename(folder / WRONG[1])
    with Image.open(folder / "warm-circles" / "08.png") as picture:
        picture.save(folder / "warm-circles" / "08.jpg", quality=90)
    (folder / "warm-circles" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return folder


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return pawlab.train(photos, out=tmp_path_factory.mktemp("runs") / "wrong", report=False)


@pytest.fixture
def review(run: Run, tmp_path: Path) -> Review:
    return open_review(run, DataOptions(), silent, tmp_path / "labels.csv")


def test_wrong_labels_come_first_with_the_right_suggestion(photos: Path, run: Run) -> None:
    for given in (run, run.folder, photos):
        queue = pawlab.review_queue(given)
        first = {item.picture.name: (item.kind, item.suggested) for item in queue[:2]}
        assert first == {WRONG[0]: ("label issue", "warm-circles"), WRONG[1]: ("label issue", "cold-squares")}
        assert queue[0].reason.startswith("labelled ")
        assert len({item.picture.sha256 for item in queue}) == len(queue)
        assert [item.picture.name for item in queue if item.kind == "unreadable"] == ["warm-circles/broken.png"]


@pytest.fixture
def contradicted(learnable_folder: Path, tmp_path: Path) -> Path:
    """Pictures of which two stand in both classes."""
    folder = tmp_path / "photos"
    shutil.copytree(learnable_folder, folder)
    for name in ("00.png", "01.png"):
        shutil.copy(folder / "cold-squares" / name, folder / "warm-circles" / f"copy-{name}")
    return folder


def test_pictures_under_two_labels_come_before_all_others(contradicted: Path) -> None:
    first = pawlab.review_queue(contradicted)[:2]
    assert [item.picture.name for item in first] == ["cold-squares/00.png", "cold-squares/01.png"]
    for item in first:
        assert (item.kind, item.suggested) == ("label issue", "cold-squares")
        assert item.reason == "labelled cold-squares and warm-circles: at most one can be right"


def test_one_decision_settles_two_labels_but_both_cannot_be_kept(contradicted: Path, tmp_path: Path) -> None:
    review = open_review(contradicted, DataOptions(), silent, tmp_path / "labels.csv")
    first, second = review.questions("tab", 2)
    assert (first.picture.label, second.picture.label) == ("", "")  # none that choosing a class could keep
    with pytest.raises(PawlabError) as caught:
        review.decide(first.picture.sha256, "keep")
    assert str(caught.value) == (
        "it is labelled cold-squares and warm-circles: that can't be kept. Choose a class, or exclude it."
    )
    for question in (first, second):
        review.decide(question.picture.sha256, "label", "cold-squares")
    state = review.state()
    assert state["changed"] + state["test_changed"] == 2  # the copies
    read = with_labels(discover(contradicted), read_labels(tmp_path / "labels.csv"))
    assert {one.label for one in read.pictures if "copy-" in one.name} == {"cold-squares"}


def test_what_was_decided_is_not_shown_again(run: Run, tmp_path: Path) -> None:
    first = pawlab.review_queue(run)[0]
    Labels(tmp_path / "labels.csv").decide(first.picture.sha256, Decision("keep"))
    rest = pawlab.review_queue(run, labels=str(tmp_path / "labels.csv"))
    assert first.picture.sha256 not in {item.picture.sha256 for item in rest}


def test_classes_of_other_pictures_in_the_table_are_not_offered(run: Run, tmp_path: Path) -> None:
    labels = Labels(tmp_path / "labels.csv")
    labels.decide("0" * 64, Decision("label", "foxes"))  # of another folder
    review = open_review(run, DataOptions(), silent, labels.path)
    assert review.state()["classes"] == ["cold-squares", "warm-circles"]
    assert judge(review.material, labels.decisions, review.classes).classes == ("cold-squares", "warm-circles")


def test_correcting_them_raises_the_out_of_fold_score(review: Review) -> None:
    before = review.state()["score"]["before"]
    for question in review.questions("tab", 2):
        assert question.picture.name in WRONG
        assert question.suggested
        review.decide(question.picture.sha256, "label", question.suggested)
    review.refit.request()
    until(lambda: not review.refit.busy, 60)
    state = review.state()
    assert state["error"] is None
    assert state["score"]["now"] > before == state["score"]["before"]
    assert state["changed"] + state["test_changed"] == 2
    assert state["kinds"]["label issue"] == {"total": 2, "done": 2}
    again = open_review(review.material.root, DataOptions(), silent, review.labels.path)  # progress is kept
    assert WRONG[0] not in {question.picture.name for question in again.questions("tab", 9)}


def test_two_pages_get_different_pictures_and_undo_gives_back(review: Review) -> None:
    first, second = (review.questions(tab, 1)[0] for tab in ("one", "two"))
    assert first.picture != second.picture
    assert review.questions("one", 1)[0] == first
    review.decide(first.picture.sha256, "exclude")
    assert first not in review.questions("one", 9)
    assert review.state()["excluded"] + review.state()["test_changed"] == 1
    review.undo(first.picture.sha256)
    assert review.questions("one", 1)[0] == first


def test_what_is_not_there_is_refused(review: Review) -> None:
    with pytest.raises(PawlabError, match=r"^there is no such picture here\.$"):
        review.decide("0" * 64, "keep")
    known = review.material.pictures[0].sha256
    with pytest.raises(PawlabError, match=r"^there is no class 'foxes'\. Add it first\.$"):
        review.decide(known, "label", "foxes")
    review.add_class(" foxes ")
    review.decide(known, "label", "foxes")
    with pytest.raises(PawlabError, match=r"^there is a class 'foxes' already\.$"):
        review.add_class("foxes")
    with pytest.raises(PawlabError, match=r"^a class needs a name of 1 to 100 characters\.$"):
        review.add_class(" ")


def test_a_run_is_trained_with_the_labels_and_its_test_score_left_alone(photos: Path, run: Run, tmp_path: Path) -> None:
    labels = Labels(tmp_path / "labels.csv")
    review = open_review(run, DataOptions(), silent, labels.path)
    for question in review.questions("tab", 2):
        review.decide(question.picture.sha256, "label", str(question.suggested))
    tested = next(one for one in review.material.pictures if one.split == "test" and "-0" not in one.name)
    review.decide(tested.sha256, "exclude")
    options = DataOptions(labels=str(labels.path), split_from=str(run.folder))
    again = pawlab.train(photos, out=tmp_path / "run", report=False, **options.keywords())
    assert again.metrics["test"]["pictures"] == run.metrics["test"]["pictures"]
    state = review.state()
    notes = " ".join(again.metrics["notes"])
    assert f"{state['test_changed']} test picture" in notes
    assert again.metrics["test_labels_questioned"] == state["test_changed"]
    assert again.metrics["validation"]["accuracy"] >= run.metrics["validation"]["accuracy"]
