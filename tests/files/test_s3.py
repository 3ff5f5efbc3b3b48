"""Pictures in a real S3 server on this machine: moto's, in a process of its own."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import pawlab
from pawlab.classifier import Classifier
from pawlab.datasets.discover import discover
from pawlab.datasets.inputs import find_pictures
from pawlab.errors import DataError, NetworkError
from pawlab.files import failures
from pawlab.files.remote import fetch
from pawlab.progress import Advance
from picture_folders import content, left_out
from s3_server import SECRET, S3Server, forget_sign_in, refusing, require_moto, signed_in, upload


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    require_moto()
    server = S3Server(tmp_path_factory.mktemp("s3") / "moto.log")
    server.start()
    with signed_in(server.address):
        yield server
    server.stop()


@pytest.fixture(scope="module")
def photos(server: S3Server, learnable_folder: Path) -> str:
    upload(learnable_folder, "bucket/photos")
    return "s3://bucket/photos"


@pytest.fixture(autouse=True)
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(failures, "PAUSE", 0.0)


def sentence(work: Callable[[], object], kind: type[Exception] = NetworkError) -> str:
    with pytest.raises(kind) as caught:
        work()
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "pawlab", *words], capture_output=True, text=True, check=False)


def written(run: pawlab.Run, name: str) -> bytes:
    return (run.folder / name).read_bytes()


def test_training_and_predicting_equal_those_from_disk(photos: str, learnable_folder: Path, tmp_path: Path) -> None:
    there = pawlab.train(photos, out=tmp_path / "there", report=False)
    here = pawlab.train(learnable_folder, out=tmp_path / "here", report=False)
    for name in ("split.csv", "predictions.csv"):
        assert written(there, name) == written(here, name)
    assert there.metrics["test"] == here.metrics["test"]
    assert there.record["data"]["fingerprint"] == here.record["data"]["fingerprint"]
    assert there.record["request"]["data"] == photos
    from_store: Any = here.classifier.predict(photos)
    from_disk: Any = here.classifier.predict(learnable_folder)
    prefix = len(str(learnable_folder))
    assert [item.picture for item in from_store] == [photos + item.picture[prefix:] for item in from_disk]
    assert [item.probabilities for item in from_store] == [item.probabilities for item in from_disk]


@contextmanager
def stopping(server: S3Server, title: str, total: int | None, unit: str) -> Iterator[Advance]:
    """A bar under which the server dies, once a third of the bytes are here."""
    done = 0

    def advance(steps: int, note: str = "") -> None:
        nonlocal done
        before, done = done, done + steps
        if unit == "bytes" and before < (total or 0) / 3 <= done:
            server.stop()

    yield advance


def test_a_server_that_stops_in_the_middle(photos: str, server: S3Server, learnable_folder: Path) -> None:
    pictures = sum(file.is_file() for file in learnable_folder.rglob("*"))
    told = sentence(lambda: fetch(photos, lambda *how, **more: stopping(server, *how, **more)))
    assert told.startswith("can't reach s3://bucket/photos/")
    assert ", at the last of " in told
    assert told.endswith(" objects are here now; the same command goes on from there.")
    kept = int(told.removesuffix(" objects are here now; the same command goes on from there.").rpartition(" ")[2])
    assert pictures / 3 <= kept < pictures
    assert sentence(lambda: discover(photos)).startswith(f"can't reach {photos}: Could not connect to the endpoint URL")
    server.start()
    upload(learnable_folder, "bucket/photos")
    before = server.requests('"GET /bucket/photos/')
    assert discover(photos).fingerprint == discover(learnable_folder).fingerprint
    assert server.requests('"GET /bucket/photos/') - before == pictures - kept


def test_odd_names(server: S3Server) -> None:
    import s3fs

    store = s3fs.S3FileSystem(skip_instance_cache=True)
    store.mkdir("odd-bucket")
    names = ("cats/a b/ü #1%?.jpg", "cats/back\\slash.jpg", "dogs/x", "dogs/x/1.jpg", "dogs/.hid.jpg", "dogs/+&=2.jpg")
    for name in (*names, "dogs/x//1.jpg"):
        store.pipe(f"odd-bucket/{name}", content(name))
    store.pipe("odd-bucket/empty/", b"")
    found = discover("s3://odd-bucket")
    assert found.name == "odd-bucket"
    assert [picture.name for picture in found.pictures] == ["cats/a b/ü #1%?.jpg", "dogs/+&=2.jpg", "dogs/x/1.jpg"]
    assert left_out(found) == {
        "cats/back\\slash.jpg": "has a name that can't be that of a file here",
        "dogs/x": "has the name of a folder beside it",
        "dogs/x//1.jpg": "has a name that can't be that of a file here",
    }
    store.pipe("odd-bucket/twice/cats/1.jpg", content("one"))
    store.pipe("odd-bucket/twice//cats/1.jpg", content("other"))
    found = discover("s3://odd-bucket/twice")
    assert [picture.path.read_bytes() for picture in found.pictures] == [content("one")]
    assert left_out(found) == {"/cats/1.jpg": "has a name that can't be that of a file here"}


def test_nothing_there(server: S3Server, photos: str) -> None:
    told = "there's nothing at {}. Check the address."
    assert sentence(lambda: discover(f"{photos}/none")) == told.format(f"{photos}/none")
    assert sentence(lambda: discover("s3://no-such-bucket/photos")) == (
        "there's nothing at s3://no-such-bucket/photos (404). Check the address."
    )


def test_a_folder_marker_alone_is_no_picture(server: S3Server) -> None:
    import s3fs

    store = s3fs.S3FileSystem(skip_instance_cache=True)
    store.mkdir("markers")
    store.pipe("markers/empty/", b"")
    assert sentence(lambda: discover("s3://markers/empty"), DataError) == "there are no pictures at s3://markers/empty."


def test_a_refusal_silence_and_a_busy_server_are_told_apart(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing(403) as refusal, signed_in(f"http://127.0.0.1:{refusal.server_port}"):
        assert sentence(lambda: discover("s3://bucket/a")) == (
            "s3://bucket/a may not be used (403): Access Denied. Check how you are signed in (docs/data.md)."
        )
    monkeypatch.setattr(failures, "ATTEMPTS", 2)
    with refusing(503) as refusal, signed_in(f"http://127.0.0.1:{refusal.server_port}"):
        assert sentence(lambda: discover("s3://bucket/b")).startswith("can't use s3://bucket/b (503): ")
    monkeypatch.setattr("pawlab.files.stores.TIMEOUT", 0.2)
    with refusing(200, pause=1.0) as refusal, signed_in(f"http://127.0.0.1:{refusal.server_port}"):
        assert sentence(lambda: discover("s3://bucket/c")) == (
            "can't reach s3://bucket/c: no answer within 30 seconds, at the last of 2 attempts. Try again later."
        )


def test_without_credentials(server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    forget_sign_in()
    assert sentence(lambda: discover("s3://bucket/d")) == (
        "s3://bucket/d may not be used: Unable to locate credentials. Check how you are signed in (docs/data.md)."
    )
    forget_sign_in()


def test_predictions_and_runs_are_written_there(photos: str, learnable_folder: Path, tmp_path: Path) -> None:
    import s3fs

    store = s3fs.S3FileSystem(skip_instance_cache=True)
    os.chdir(tmp_path)
    done = command("train", photos, "--out", "s3://bucket/runs/first", "--no-report")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "Sent to s3://bucket/runs/first.")
    run = tmp_path / "runs/photos-fast"
    for name in ("model.onnx", "run.json", "metrics.json", "split.csv", "predictions.csv"):
        assert store.cat(f"bucket/runs/first/{name}") == (run / name).read_bytes()
    taken = command("train", photos, "--out", "s3://bucket/runs/first")
    assert (taken.returncode, taken.stderr) == (
        2, "pawlab: s3://bucket/runs/first is there already. Choose another --out, or add --overwrite.\n"
    )  # fmt: skip
    out = "s3://bucket/predictions.csv"
    for _ in range(2):  # the second replaces the first
        done = command("predict", str(run), photos, "--out", out)
        assert (done.returncode, done.stderr) == (0, f"60 predictions written to {out}.\n")
    lines = store.cat("bucket/predictions.csv").decode().splitlines()
    assert lines[0] == "picture,label,probability,sure,error,reason"
    assert len(lines) == 61
    store.pipe("bucket/precious.csv", b"name,value\n")
    done = command("predict", str(run), photos, "--out", "s3://bucket/precious.csv")
    assert done.returncode == 2
    assert store.cat("bucket/precious.csv") == b"name,value\n"


def test_no_secret_is_written_or_said(server: S3Server, learnable_folder: Path, tmp_path: Path) -> None:
    """Keys of the store, and the signature of an address that a store has signed."""
    import s3fs

    store = s3fs.S3FileSystem(skip_instance_cache=True)
    packed = tmp_path / "signed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in filter(Path.is_file, sorted(learnable_folder.rglob("*"))):
            archive.write(file, file.relative_to(learnable_folder))
    if not store.exists("bucket"):
        store.mkdir("bucket")
    store.put(str(packed), "bucket/signed.zip")
    address = store.sign("bucket/signed.zip")
    signature = address.partition("Signature=")[2].partition("&")[0]
    assert len(signature) > 20
    os.chdir(tmp_path)
    trained = command("train", address, "--out", "run", "-v")
    assert trained.returncode == 0, trained.stderr
    predicted = command("predict", "run", address, "--format", "json", "-v")
    explored = command("explore", address, "--out", "explored")
    failed = command("train", address.replace("signed.zip", "none.zip"))
    assert failed.returncode == 2
    assert "there's nothing at http://127.0.0.1" in failed.stderr or "may not be fetched" in failed.stderr
    said = "".join(item.stdout + item.stderr for item in (trained, predicted, explored, failed))
    kept = b"".join(
        file.read_bytes() for name in ("run", "explored") for file in Path(name).rglob("*") if file.is_file()
    )
    for secret in (signature, SECRET, "test-key-id"):
        assert secret not in said
        assert secret.encode() not in kept
    record: Any = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
    assert "Signature=***" in record["request"]["data"]


@pytest.mark.slow
def test_two_thousand_photos(server: S3Server, cats_and_dogs: Path, tmp_path: Path) -> None:
    """Real photos below a prefix: split, test predictions and new predictions equal those from disk."""
    folder = tmp_path / "photos"
    with zipfile.ZipFile(cats_and_dogs) as archive:
        for name in archive.namelist():
            if "/train/" in name and name.endswith(".jpg"):
                file = folder / name.partition("/train/")[2]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(archive.read(name))
    upload(folder, "bucket/two-thousand")
    there = pawlab.train("s3://bucket/two-thousand", out=tmp_path / "there", report=False)
    here = pawlab.train(folder, out=tmp_path / "here", report=False)
    assert sum(sum(classes.values()) for classes in there.metrics["counts"].values()) == 2000
    for name in ("split.csv", "predictions.csv"):
        assert written(there, name) == written(here, name)
    classifier = Classifier.load(there.folder)
    from_store = classifier.predict_each(find_pictures(["s3://bucket/two-thousand"]).pictures)
    from_disk = classifier.predict_each(find_pictures([str(folder)]).pictures)
    for one, other in zip(from_store, from_disk, strict=True):
        assert one.picture.removeprefix("s3://bucket/two-thousand") == other.picture.removeprefix(str(folder))
        assert one.probabilities == other.probabilities


def test_data_that_is_none_is_told(server: S3Server) -> None:
    import s3fs

    store = s3fs.S3FileSystem(skip_instance_cache=True)
    store.mkdir("texts")
    store.pipe("texts/a.txt", b"text")
    assert sentence(lambda: discover("s3://texts/a.txt"), DataError) == (
        "what lies at s3://texts/a.txt is no archive (zip, tar, tar.gz, tar.bz2, tar.xz). Check the address."
    )
