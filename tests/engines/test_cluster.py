"""`--engine ray` gives the rows that this machine's cores give, whatever happens on the way."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pawlab
from pawlab.classifier import Classifier, NoPrediction, Result, save_classifier
from pawlab.datasets.inputs import find_pictures
from pawlab.engines.cluster import Cluster
from pawlab.engines.work import ForwardPass
from pawlab.errors import ModelError, NetworkError, PawlabError
from pawlab.files import failures
from pawlab.files.remote import fetch
from s3_server import S3Server, require_moto, signed_in, upload
from test_classifier import CARD, colour_graph

ray = pytest.importorskip("ray", reason="the extra 'ray' isn't installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # what Ray and its dependencies are warned of

STORE_BYTES = 200_000_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Ray on this machine, with little room for what it carries, and a cluster that was here before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "127.0.0.1:1")
        yield Cluster(store_bytes=STORE_BYTES)
    ray.shutdown()


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    path = tmp_path_factory.mktemp("colours") / "model.onnx"
    save_classifier(colour_graph(), CARD, path)
    return Classifier.load(path)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """2,000 pictures of 8 x 8 pixels, of which every hundredth can't be read."""
    folder = tmp_path_factory.mktemp("tiny")
    random = np.random.default_rng(0)
    paths = [folder / f"{number:05}.png" for number in range(2000)]
    for number, path in enumerate(paths):
        Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
        if number % 100 == 50:
            path.write_bytes(path.read_bytes()[:30])
    return paths


def spilled() -> list[Path]:
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    return [path for folder in session.glob("ray_spilled_objects*") for path in folder.rglob("*") if path.is_file()]


def workers() -> list[int]:
    """The processes of this machine's Ray that compute."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    lines = (line.split(maxsplit=1) for line in listed.splitlines())
    return [int(pid) for pid, command in lines if "ray::MapWorker" in command and _descends(int(pid), os.getpid())]


def _descends(pid: int, ancestor: int) -> bool:
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
        if pid == ancestor:
            return True
    return False


def test_rows_are_those_of_this_machine_in_order(cluster: Cluster, classifier: Classifier, tiny: list[Path]) -> None:
    results = list(classifier.predict_each(tiny, cluster))
    assert results == list(classifier.predict_each(tiny))
    assert [result.picture for result in results] == [str(path) for path in tiny]
    assert sum(result.error is not None for result in results) == 20
    assert not spilled()


def test_its_makers_hear_nothing(cluster: Cluster, classifier: Classifier, tiny: list[Path]) -> None:
    list(classifier.predict_each(tiny[:1], cluster))
    from ray._common.usage import usage_lib

    assert not usage_lib.usage_stats_enabled()


def test_copies_of_a_path_are_computed_once(cluster: Cluster, tiny: list[Path], tmp_path: Path) -> None:
    """The function leaves a line in a file for each call."""
    log = tmp_path / "calls"

    def note(path: str) -> str:
        with log.open("a") as file:
            file.write(f"{path}\n")
        return path

    asked = [*tiny[:40], *tiny[10:50], tiny[0]]
    assert list(cluster.map(note, asked)) == [str(path) for path in asked]
    assert sorted(log.read_text().splitlines()) == [str(path) for path in tiny[:50]]


def test_names_that_are_no_text_and_relative_ones(
    cluster: Cluster, classifier: Classifier, tiny: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["a b.png", "#?*[1].png", "Katze\n2.png", "\udcff.png", "猫.png", "missing.png"]
    for name in names[:-1]:
        shutil.copyfile(tiny[0], os.fsencode(name))
    results: Sequence[Result] = list(classifier.predict_each(names, cluster))
    assert results == list(classifier.predict_each(names))
    assert [result.error for result in results] == [*[None] * 5, "can't be read: No such file or directory"]


def test_a_large_picture(cluster: Cluster, classifier: Classifier, tmp_path: Path) -> None:
    Image.new("RGB", (10_000, 5_000), "blue").save(tmp_path / "large.jpg")
    (result,) = classifier.predict_each([tmp_path / "large.jpg"], cluster)
    assert result.label == "blue"
    assert not spilled()


def test_a_worker_that_is_killed_costs_nothing_but_time(
    cluster: Cluster, classifier: Classifier, tiny: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    results = []
    for result in classifier.predict_each(tiny, cluster):
        results.append(result)
        if len(results) == 100:
            os.kill(workers()[0], signal.SIGKILL)
    assert results == list(classifier.predict_each(tiny))
    time.sleep(1)  # what Ray says of it would come by a thread of its own
    assert capfd.readouterr().out == ""


def test_no_pictures_start_nothing(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "init", None)
    assert list(classifier.predict_each([], Cluster())) == []


def test_pictures_in_memory_are_refused(cluster: Cluster, classifier: Classifier) -> None:
    with pytest.raises(
        PawlabError, match=r"--engine ray takes paths and addresses, no pictures in memory\. Use --engine local\."
    ):
        list(classifier.predict_each([Image.new("RGB", (8, 8))], cluster))


def test_a_cluster_without_room_says_so(
    cluster: Cluster, classifier: Classifier, tiny: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    list(classifier.predict_each(tiny[:1], cluster))
    monkeypatch.setattr("pawlab.engines.cluster._PATIENCE", 0.2)
    monkeypatch.setattr(ray, "available_resources", lambda: {"CPU": 0.5})
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 4.0})
    with pytest.raises(PawlabError, match="the Ray cluster is too small: of its 4 CPUs none is free"):
        list(classifier.predict_each(tiny[:1], cluster))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", r"no Ray cluster answers at 127.0.0.1:1: \[Errno \d+\] Connection refused. Start one"),
        ("head", "no Ray cluster answers at head: an address is HOST:PORT, ray://HOST:PORT or auto. Start one"),
    ],
)
def test_an_address_where_nothing_answers(
    address: str, said: str, classifier: Classifier, tiny: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(PawlabError, match=said):
        list(classifier.predict_each(tiny[:1], Cluster(address)))


def test_errors_of_ours_arrive_as_they_are(cluster: Cluster, classifier: Classifier, tiny: list[Path]) -> None:
    wrong = ForwardPass(classifier.path, {"probabilities": (4,)}, CARD.preprocess, "a.onnx")
    with pytest.raises(ModelError, match=r"a.onnx can't predict: its outputs are of the shapes \[\(1, 3\)\]"):
        list(cluster.forward(wrong, tiny))


class Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404 if "missing" in self.path else 403)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *given: Any) -> None:
        pass


def test_what_is_not_there_is_a_row_and_a_refusal_is_an_end(cluster: Cluster, classifier: Classifier) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        (missing,) = classifier.predict_each([f"{address}/missing.png"], cluster)
        assert isinstance(missing, NoPrediction)
        assert "404" in missing.error
        with pytest.raises(NetworkError, match="403"):
            list(classifier.predict_each([f"{address}/secret.png"], cluster))
    finally:
        server.shutdown()


def test_a_run_is_the_same_run(
    cluster: Cluster, learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {}
    for engine in ("ray", "local"):
        monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / engine / "cache"))
        run = pawlab.train(learnable_folder, out=tmp_path / engine / "run", report=False, engine=engine)
        scored, _ = pawlab.evaluate_data(run.folder, learnable_folder, include_seen=True, engine=engine)
        explored = pawlab.explore(learnable_folder, engine=engine)
        runs[engine] = run, scored, explored
    (run, scored, explored), (expected, expected_score, expected_exploration) = runs["ray"], runs["local"]
    assert {**run.metrics, "seconds": None} == {**expected.metrics, "seconds": None}
    assert (run.folder / "predictions.csv").read_text() == (expected.folder / "predictions.csv").read_text()
    np.testing.assert_array_equal(scored.probabilities, expected_score.probabilities)
    assert explored == expected_exploration
    assert run.record["request"]["engines"] == {"engine": "ray"}


def test_a_job_that_is_killed_goes_on_and_a_changed_model_is_another_job(
    classifier: Classifier, tiny: list[Path], tmp_path: Path
) -> None:
    out, model, cache = tmp_path / "out.csv", tmp_path / "model.onnx", tmp_path / "cache"
    shutil.copyfile(classifier.path, model)
    command = [sys.executable, "-m", "pawlab", "predict", str(model), str(tiny[0].parent), "--out"]
    environment = {**os.environ, "PAWLAB_CACHE_DIR": str(cache)}
    with subprocess.Popen([*command, str(out), "--engine", "ray"], env=environment) as process:
        kept = wait_for_lines(cache / "predictions", 100)
        process.kill()
    assert not out.exists()
    assert 0 < kept < len(tiny)
    written = {}
    for classes in (("blue", "green", "red"), ("a", "b", "c")):
        save_classifier(colour_graph(), replace(CARD, classes=classes), model)
        for name, engine in ((out, "ray"), (tmp_path / "expected.csv", "local")):
            subprocess.run([*command, str(name), "--engine", engine], env=environment, check=True)
            written[name] = name.read_bytes()
        assert written[out] == written[tmp_path / "expected.csv"]
        assert classes[0].encode() in written[out]


def wait_for_lines(folder: Path, count: int) -> int:
    until = time.monotonic() + 100
    while time.monotonic() < until:
        lines = sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))
        if lines >= count:
            return lines
        time.sleep(0.01)
    raise AssertionError("no row was kept")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server; Ray's workers inherit how to sign in, so it is there before them."""
    require_moto()
    server = S3Server(tmp_path_factory.mktemp("s3") / "moto.log")
    server.start()
    ray.shutdown()
    with signed_in(server.address):
        yield server
    server.stop()
    ray.shutdown()


def test_workers_read_a_prefix_themselves(
    bucket: S3Server, classifier: Classifier, tiny: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(cache))
    for path in tiny[:200]:
        shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / "notes.txt").write_text("not a picture")
    upload(tmp_path, "bucket/tiny")
    found = find_pictures(["s3://bucket/tiny"], fetched=False)
    assert [item.name for item in found.passed_over] == ["notes.txt"]
    assert found.pictures[0].version
    rows = list(classifier.predict_each(found.pictures, Cluster(store_bytes=STORE_BYTES)))
    assert [row.picture for row in rows] == [f"s3://bucket/tiny/{path.name}" for path in tiny[:200]]
    for row, expected in zip(rows, classifier.predict_each(tiny[:200]), strict=True):
        assert replace(row, picture="") == replace(expected, picture="")
    assert not (cache / "remote").exists()


def test_a_machine_without_the_copy_of_a_prefix_fetches_what_it_computes(
    bucket: S3Server, classifier: Classifier, tiny: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "cache"))
    for path in tiny[:51]:
        shutil.copyfile(path, tmp_path / path.name)
    upload(tmp_path, "bucket/copied")
    copied = [fetch("s3://bucket/copied").place / path.name for path in tiny[:51]]
    expected = list(classifier.predict_each(copied))
    for path in copied[:50]:
        path.unlink()
    assert list(classifier.predict_each(copied, Cluster(store_bytes=STORE_BYTES))) == expected


def test_an_object_that_is_gone_is_a_row_and_a_server_that_is_gone_an_end(
    bucket: S3Server, classifier: Classifier, tiny: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setattr(failures, "PAUSE", 0.0)
    shutil.copyfile(tiny[0], tmp_path / "a.png")
    shutil.copyfile(tiny[1], tmp_path / "b.png")
    upload(tmp_path, "bucket/gone")
    found = find_pictures(["s3://bucket/gone"], fetched=False).pictures
    s3fs.S3FileSystem(skip_instance_cache=True).rm("bucket/gone/a.png")
    missing, there = classifier.predict_each(found, Cluster(store_bytes=STORE_BYTES))
    assert missing.error == "there's nothing at s3://bucket/gone/a.png. Check the address."
    assert there.error is None
    bucket.stop()
    with pytest.raises(NetworkError, match=r"^can't reach s3://bucket/gone/[ab]\.png.* Try again later\.$"):
        list(classifier.predict_each(found, Cluster(store_bytes=STORE_BYTES)))
