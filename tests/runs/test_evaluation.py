"""What `evaluate --out` leaves in its folder, and what it leaves alone."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from page_checks import assert_sound
from pawlab import pipeline as workflow
from pawlab.datasets.options import DataOptions
from pawlab.engines.options import EngineOptions
from pawlab.errors import DataError, OutputError
from pawlab.evaluation.confusion import rarest_class
from pawlab.runs import evaluation as written
from pawlab.runs.record import Run


@pytest.fixture(scope="module")
def run(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return workflow.train(learnable_folder, out=tmp_path_factory.mktemp("runs") / "learnable", report=False)


@pytest.fixture(scope="module")
def half_wrong(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that the run hasn't seen; 3 of the 8 cold squares lie among the warm circles."""
    root = tmp_path_factory.mktemp("new") / "new pictures"
    for label in ("cold-squares", "warm-circles"):
        for number in range(8):
            wrong = label == "cold-squares" and number < 3
            place = root / ("warm-circles" if wrong else label) / f"{label} {number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(learnable_folder / label / f"{number:02}.png") as image:
                image.resize((90 + number, 80)).save(place)
    (root / "cold-squares" / "broken.png").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def folder(run: Run, half_wrong: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluations") / "new"
    workflow.evaluate_data(run.folder, half_wrong, out=out)
    return out


def test_training_copies_of_test_pictures_are_not_scored_as_in_training(learnable_folder: Path, tmp_path: Path) -> None:
    """They have another label, and the classifier never saw them: they would count as mistakes."""
    for label, other in (("cold-squares", "warm-circles"), ("warm-circles", "cold-squares")):
        for number in range(20):
            place = tmp_path / "data" / ("test" if number < 6 else "train") / label
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(learnable_folder / label / f"{number:02}.png", place)
        (tmp_path / "data" / "train" / other).mkdir(parents=True, exist_ok=True)
        shutil.copy(learnable_folder / label / "00.png", tmp_path / "data" / "train" / other / "copy.png")
    trained = workflow.train(tmp_path / "data", out=tmp_path / "run", report=False)
    evaluation, excluded = workflow.evaluate_data(trained.folder, tmp_path / "data")
    assert (len(evaluation.pictures), excluded) == (trained.metrics["test"]["pictures"], 28) == (12, 28)
    assert evaluation.metrics["accuracy"] == trained.metrics["test"]["accuracy"]


def test_columns_without_a_table(run: Run, half_wrong: Path) -> None:
    with pytest.raises(DataError) as caught:
        workflow.evaluate_data(run.folder, half_wrong, columns="path=file")
    assert str(caught.value) == (
        f"--columns 'path=file' names columns of a table, and {half_wrong} is none. Leave it out, or give the table."
    )


def test_every_prediction_says_whether_it_is_correct(folder: Path) -> None:
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    assert all((row["label"] == row["predicted"]) == (row["correct"] == "true") for row in rows)
    wrong = [row for row in rows if row["correct"] == "false"]
    assert sorted(row["path"] for row in wrong) == [f"warm-circles/cold-squares {number}.png" for number in range(3)]
    assert {row["correct"] for row in rows} == {"true", "false"}


def test_the_mistakes_are_there_as_pictures_the_most_confident_first(folder: Path, half_wrong: Path) -> None:
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        wrong = [row for row in csv.DictReader(file) if row["mistake"]]
    assert sorted(path.name for path in (folder / "mistakes").iterdir()) == ["001.jpg", "002.jpg", "003.jpg"]
    in_order = sorted(wrong, key=lambda row: row["mistake"])
    assert [float(row["probability"]) for row in in_order] == sorted(
        (float(row["probability"]) for row in wrong), reverse=True
    )
    for row in wrong:
        with Image.open(half_wrong / row["path"]) as there, Image.open(folder / row["mistake"]) as shown:
            assert shown.size == pytest.approx(
                [side * 1024 / max(there.size) for side in there.size], abs=1
            )  # in its own shape


def test_its_metrics_are_those_of_the_evaluation(folder: Path, run: Run, half_wrong: Path) -> None:
    found, excluded = workflow.evaluate_data(run.folder, half_wrong)
    document = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert document == {
        "model": str(run.folder),
        "data": str(half_wrong),
        **json.loads(json.dumps(found.to_dict())),
        "excluded_as_seen": excluded,
        "mistakes_as_files": 3,
    }
    assert document["accuracy"] == 13 / 16
    assert [item["picture"] for item in document["set_aside"]] == ["cold-squares/broken.png"]


def test_its_page_shows_the_mistakes_large_and_how_it_was_made(folder: Path, run: Run, half_wrong: Path) -> None:
    page = assert_sound((folder / "evaluation.html").read_text(encoding="utf-8"))
    assert "81.2 % of 16 pictures were classified correctly." in page.text
    assert "All 3 pictures that are classified wrongly, the most confident predictions first." in page.text
    assert "cold-squares/broken.png: " in page.text
    assert "It answers for 100.0% of the pictures. Of its answers 81.2% are right" in page.text
    mistakes = [image for image in page.all("img") if image["alt"].endswith(".png")]
    assert [int(image["width"]) for image in mistakes] == [480] * 3
    assert f'pawlab evaluate {run.folder} "{half_wrong}" --out {folder}' in page.text


def test_it_replaces_an_evaluation_and_nothing_else(folder: Path, run: Run, half_wrong: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine"
    shutil.copytree(folder, own)
    (own / "mistakes" / "old.jpg").touch()
    workflow.evaluate_data(run.folder, half_wrong, out=own)
    assert not (own / "mistakes" / "old.jpg").exists()
    (own / "notes.txt").write_text("mine", encoding="utf-8")
    for taken in (own, run.folder):
        with pytest.raises(OutputError) as caught:
            workflow.evaluate_data(run.folder, half_wrong, out=taken)
        assert str(caught.value) == f"{taken} holds something other than an evaluation. Choose another --out."
    assert (own / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert Run(run.folder).finished


def test_a_failure_leaves_the_former_one_whole_and_nothing_beside_it(
    folder: Path, run: Run, half_wrong: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "mine"
    shutil.copytree(folder, own)
    before = {path: path.read_bytes() for path in own.rglob("*") if path.is_file()}

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(written, "write_evaluation_page", killed)
    with pytest.raises(KeyboardInterrupt):
        workflow.evaluate_data(run.folder, half_wrong, out=own)
    assert {path: path.read_bytes() for path in own.rglob("*") if path.is_file()} == before
    assert list(tmp_path.iterdir()) == [own]


def test_nothing_is_written_where_there_is_nothing_to_score(run: Run, learnable_folder: Path, tmp_path: Path) -> None:
    only_seen = tmp_path / "seen"
    split = (run.folder / "split.csv").read_text(encoding="utf-8").splitlines()
    for name in [row.split(",")[0] for row in split if ",train," in row][:4]:
        (only_seen / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(learnable_folder / name, only_seen / name)
    with pytest.raises(DataError):
        workflow.evaluate_data(run.folder, only_seen, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_options_are_part_of_the_command() -> None:
    options = DataOptions(label_from_name=r"^(\w+)_", min_per_class=3)
    command = written.command_of("runs/a", "my data", "out", True, 0.9, options, EngineOptions(device="openvino"))
    assert command == (
        'pawlab evaluate runs/a "my data" --out out --sure-at 0.9 --include-seen'
        " --label-from-name '^(\\w+)_' --min-per-class 3 --device openvino"
    )


def test_the_rarest_of_the_scored_classes_is_named(run: Run, half_wrong: Path) -> None:
    found, _ = workflow.evaluate_data(run.folder, half_wrong)
    pictures = {name: row["pictures"] for name, row in found.per_class.items()}
    assert rarest_class(pictures) == "cold-squares"  # 5 of 16
