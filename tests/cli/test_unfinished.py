"""`predict --out` goes on where it was stopped."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import pawlab
from pawlab.classifier import Classifier, Result
from pawlab.cli import classifying, predictions
from pawlab.cli.unfinished import Unfinished
from pawlab.datasets.dataset import Named
from pawlab.datasets.inputs import find_pictures
from pawlab.engines.local import LOCAL, Engine

COPIES = 3


@pytest.fixture(scope="module")
def run(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pawlab.train(learnable_folder, out=tmp_path_factory.mktemp("unfinished") / "run", report=False).folder


@pytest.fixture
def pictures(learnable_folder: Path, tmp_path: Path) -> Path:
    for number in range(COPIES):
        shutil.copytree(learnable_folder, tmp_path / f"pictures/{number}")
    return tmp_path / "pictures"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache/predictions"


def predict(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "pawlab", "predict", *map(str, words)]


def kept(cache: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in cache.glob("*.jsonl"))


def until(condition: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_killed_job_goes_on_where_it_was(run: Path, pictures: Path, cache: Path, tmp_path: Path, ending: str) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    out = tmp_path / f"out.{ending}"
    killed = subprocess.Popen(predict(run, pictures, "--out", out), stderr=subprocess.DEVNULL)
    until(lambda: kept(cache) >= 20)
    killed.kill()
    killed.wait()
    there = kept(cache)
    assert not out.exists()
    assert 20 <= there < 60 * COPIES
    again = subprocess.run(predict(run, pictures, "--out", out), capture_output=True, text=True, check=True)
    assert again.stderr.startswith(f"{there} predictions are there from before: not made again.\n")
    assert again.stderr.endswith(f"{60 * COPIES} predictions written to {out}.\n")
    assert kept(cache) == 0
    assert not list(tmp_path.glob(".*.partial"))
    whole = tmp_path / f"whole.{ending}"
    subprocess.run(predict(run, pictures, "--out", whole), capture_output=True, check=True)
    assert out.read_bytes() == whole.read_bytes()


class Counting(Classifier):
    """A classifier that notes which pictures it is given."""

    @staticmethod
    def of(run: Path) -> "Counting":
        loaded = Classifier.load(run)
        counting = Counting(loaded._graph, loaded.card, loaded.path)
        counting.asked = []
        return counting

    asked: list[str]

    def predict_each(self, pictures: Any, engine: Engine = LOCAL) -> Iterator[Result]:
        pictures = list(pictures)
        self.asked += [item.name for item in pictures]
        return super().predict_each(pictures, engine)


def begin(classifier: Classifier, out: Path, pictures: Sequence[Named], until: int) -> None:
    """Begin a job, and stop it after so many predictions."""
    results = Unfinished(classifier, pictures, str(out)).predict_each()
    for _ in range(until):
        next(results)


def test_nothing_that_is_there_is_computed_again(run: Path, learnable_folder: Path, tmp_path: Path) -> None:
    classifier, out = Counting.of(run), tmp_path / "out.csv"
    pictures = find_pictures([str(learnable_folder)]).pictures
    expected = list(classifier.predict_each(pictures))
    begin(classifier, out, pictures, 20)
    classifier.asked = []
    job = Unfinished(classifier, pictures, str(out))
    assert job.kept == 20
    assert list(job.predict_each()) == expected
    assert classifier.asked == [item.name for item in pictures[20:]]
    assert Unfinished(classifier, pictures, str(out)).kept == 60
    os.chdir(tmp_path)
    assert Unfinished(classifier, pictures, "out.csv").kept == 60
    assert Unfinished(classifier, pictures, "other.csv").kept == 0
    job.forget()
    assert Unfinished(classifier, pictures, str(out)).kept == 0


def test_only_predictions_of_the_jobs_own_pictures_count_as_kept(
    run: Path, learnable_folder: Path, tmp_path: Path
) -> None:
    classifier, out = Classifier.load(run), tmp_path / "out.csv"
    pictures = find_pictures([str(learnable_folder)]).pictures
    begin(classifier, out, pictures, 20)
    assert Unfinished(classifier, pictures[40:], str(out)).kept == 0
    assert Unfinished(classifier, pictures[15:], str(out)).kept == 5
    few = [item.path for item in pictures[40:]]
    done = subprocess.run(predict(run, *few, "--out", out), capture_output=True, text=True, check=True)
    assert done.stderr == f"20 predictions written to {out}.\n"


def test_what_has_changed_is_computed_anew(run: Path, learnable_folder: Path, tmp_path: Path) -> None:
    classifier, out, folder = Counting.of(run), tmp_path / "out.csv", tmp_path / "pictures"
    shutil.copytree(learnable_folder, folder)
    pictures = find_pictures([str(folder)]).pictures
    begin(classifier, out, pictures, 10)
    shutil.copy(pictures[40].path, pictures[3].path)  # a warm circle in place of a cold square
    classifier.asked = []
    results = list(Unfinished(classifier, pictures, str(out)).predict_each())
    assert classifier.asked == [pictures[3].name, *(item.name for item in pictures[10:])]
    assert [results[place].label for place in (2, 3)] == ["cold-squares", "warm-circles"]


def test_what_another_model_or_threshold_has_left_is_said_and_not_used(
    run: Path, learnable_folder: Path, tmp_path: Path, cache: Path
) -> None:
    out, other = tmp_path / "out.csv", tmp_path / "other"
    pictures = find_pictures([str(learnable_folder)]).pictures
    pawlab.train(learnable_folder, out=other, seed=1, report=False)
    begin(Classifier.load(run), out, pictures, 10)
    begin(Classifier.load(run, sure_at=0.8), out, pictures, 5)
    job = Unfinished(Classifier.load(other), pictures, str(out))
    assert (job.kept, job.of_others) == (0, 15)
    done = subprocess.run(predict(other, learnable_folder, "--out", out), capture_output=True, text=True, check=True)
    assert done.stderr == (
        "15 predictions are there by another model, another --sure-at or another device: not used.\n"
        f"60 predictions written to {out}.\n"
    )
    assert kept(cache) == 0


def test_a_line_that_was_cut_off_is_computed_anew(
    run: Path, learnable_folder: Path, tmp_path: Path, cache: Path
) -> None:
    classifier, out = Counting.of(run), tmp_path / "out.csv"
    pictures = find_pictures([str(learnable_folder)]).pictures
    expected = list(classifier.predict_each(pictures))
    begin(classifier, out, pictures, 20)
    (file,) = cache.glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-7])
    assert Unfinished(classifier, pictures, str(out)).kept == 19
    assert list(Unfinished(classifier, pictures, str(out)).predict_each()) == expected
    assert Unfinished(classifier, pictures, str(out)).kept == 60
    assert list(Unfinished(classifier, pictures, str(out)).predict_each()) == expected


def test_what_could_not_be_read_is_tried_again(run: Path, learnable_folder: Path, tmp_path: Path) -> None:
    classifier, out = Classifier.load(run), tmp_path / "out.csv"
    good = find_pictures([str(learnable_folder)]).pictures[0]
    pictures = [Named("later.png", str(tmp_path / "later.png")), good]
    begin(classifier, out, pictures, 2)
    shutil.copy(good.path, tmp_path / "later.png")
    first, second = Unfinished(classifier, pictures, str(out)).predict_each()
    assert (first.label, second.label) == ("cold-squares", "cold-squares")
    assert first.picture == "later.png"


def test_without_a_cache_that_can_be_written_it_predicts_and_says_so(
    run: Path, learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, folder = tmp_path / "out.csv", tmp_path / "file/predictions"
    (tmp_path / "file").touch()
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "file"))
    done = subprocess.run(predict(run, learnable_folder, "--out", out), capture_output=True, text=True, check=True)
    assert done.stderr == (
        f"Predictions aren't kept from here on: can't make the cache folder {folder}: Not a directory. "
        "Set PAWLAB_CACHE_DIR to a folder you can write.\n"
        f"60 predictions written to {out}.\n"
    )
    assert out.read_bytes().count(b"\n") == 61


def test_where_its_file_in_the_cache_cannot_be_written_it_predicts_and_says_so(
    run: Path, learnable_folder: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier, out = Classifier.load(run), tmp_path / "out.csv"
    pictures = find_pictures([str(learnable_folder)]).pictures
    begin(classifier, out, pictures, 1)
    (file,) = cache.glob("*.jsonl")
    file.unlink()
    file.mkdir()
    job = Unfinished(classifier, pictures, str(out))
    assert list(job.predict_each()) == list(classifier.predict_each(pictures))
    assert (job.keeps, job.kept, job.of_others) == (False, 0, 0)
    job.forget()
    assert capsys.readouterr().err == (
        f"Predictions aren't kept from here on: can't write {cache}: Is a directory. "
        "Set PAWLAB_CACHE_DIR to a folder you can write.\n"
    )


def test_a_cache_that_fills_up_stops_no_job_and_what_was_kept_serves(
    run: Path, learnable_folder: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource")
    classifier, out = Counting.of(run), tmp_path / "out.csv"
    pictures = find_pictures([str(learnable_folder)]).pictures
    expected = list(Classifier.load(run).predict_each(pictures))
    begin(classifier, out, pictures, 10)
    (file,) = cache.glob("*.jsonl")
    job = Unfinished(classifier, pictures, str(out))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 100, before[1]))  # a part of one more line
    try:
        assert list(job.predict_each()) == expected
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not job.keeps
    assert capsys.readouterr().err == (
        f"Predictions aren't kept from here on: can't write {cache}: File too large. "
        "Set PAWLAB_CACHE_DIR to a folder you can write.\n"
    )
    again = Unfinished(classifier, pictures, str(out))
    assert (again.kept, list(again.predict_each())) == (10, expected)
    again.forget()
    assert list(cache.iterdir()) == []


def test_a_stopped_job_is_said_to_go_on_only_where_it_can(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    classifier, out = Classifier.load(run), str(tmp_path / "out.csv")
    with pytest.raises(KeyboardInterrupt), classifying._going_on_later(Unfinished(classifier, [], out)):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "The same command goes on from here.\n"
    (tmp_path / "file").touch()
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(KeyboardInterrupt), classifying._going_on_later(Unfinished(classifier, [], out)):
        raise KeyboardInterrupt
    assert "goes on from here" not in capsys.readouterr().err


def test_parquet_is_written_in_groups_of_rows(
    run: Path, learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(predictions, "_ROWS_A_GROUP", 25)
    pictures = find_pictures([str(learnable_folder)]).pictures
    results = list(Classifier.load(run).predict_each(pictures))
    drawn: list[int] = []

    def noted() -> Iterator[Result]:
        for place, result in enumerate(results):
            drawn.append(place)
            yield result

    predictions.write(noted(), "parquet", 2, tmp_path / "out.parquet")
    file = parquet.ParquetFile(tmp_path / "out.parquet")
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [25, 25, 10]
    assert file.read()["picture"].to_pylist() == [item.name for item in pictures]
    assert file.read()["probability_2"].to_pylist() == [result.top(2)[1][1] for result in results]
    predictions.write([], "parquet", 1, tmp_path / "none.parquet")
    assert parquet.read_table(tmp_path / "none.parquet").column_names == list(predictions.columns(1))
