"""The container: what its files say, and the service in it, in Docker or, without, by the same steps in a folder."""

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from dockerfile import Folder, Step, read_dockerfile
from pawlab.serve.limits import Limits
from pawlab.serve.server import listen
from picture_files import RED, encode
from web_client import form, send, until
from web_models import colour_network

ROOT = Path(__file__).resolve().parents[1]
STEPS = read_dockerfile(ROOT / "Dockerfile")
METRICS = {"classes": ["blue", "green", "red"], "test": {"accuracy": 1.0}}
TOKEN = "a-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def only(word: str) -> Step:
    (step,) = (step for step in STEPS if step.word == word)
    return step


def document(name: str) -> Any:
    yaml = pytest.importorskip("yaml", reason="needs PyYAML")
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def kept(path: str) -> bool:
    """Say whether a file of the tree is in Docker's context."""
    verdict = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        parents = [path, *map(str, Path(path).parents)]
        if line and not line.startswith("#") and any(fnmatch.fnmatchcase(name, pattern) for name in parents):
            verdict = line.startswith("!")
    return verdict


def test_what_is_copied_is_in_the_context_and_little_else() -> None:
    copied = [name for step in STEPS if step.word == "COPY" and "--from" not in step.text for name in step.text.split()]
    sources = [name.replace("${MODEL}", "runs/photos-fast") for name in copied if not name.endswith("/")]
    assert {"src", "runs/photos-fast/model.onnx", "constraints.txt"} <= set(sources)
    assert [name for name in sources if not kept(name)] == []
    left_out = [".git/config", "tests/conftest.py", "runs/x/report.html", "runs/x/plots/a.png", "secrets.env"]
    assert [name for name in left_out if kept(name)] == []


def test_the_image_is_of_a_python_that_is_supported_and_runs_as_nobody() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bases = {step.text.split()[0] for step in STEPS if step.word == "FROM"}
    (version,) = (re.fullmatch(r"python:(3\.\d+)-slim", base) for base in bases)
    assert version is not None
    assert f"Programming Language :: Python :: {version[1]}" in project["classifiers"]
    assert only("USER").text == "10001:10001"
    assert [step.word for step in STEPS].index("USER") > max(n for n, step in enumerate(STEPS) if step.word == "RUN")


def test_compose_runs_it_closed_and_prometheus_asks_what_there_is() -> None:
    services = document("compose.yaml")["services"]
    service, prometheus = services["pawlab"], services["prometheus"]
    assert (service["read_only"], service["tmpfs"], service["cap_drop"]) == (True, ["/tmp"], ["ALL"])
    assert service["environment"]["PAWLAB_TOKEN"].startswith("${PAWLAB_TOKEN:?")  # there is no default
    published = [port for each in services.values() for port in each["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert not prometheus["image"].endswith(":latest")
    (job,) = document("prometheus.yml")["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"pawlab:{only('EXPOSE').text}"]}]
    assert job["metrics_path"] == "/metrics"
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{prometheus['secrets'][0]}"
    assert document("compose.yaml")["secrets"] == {prometheus["secrets"][0]: {"environment": "PAWLAB_TOKEN"}}


def test_compose_waits_at_a_stop_as_long_as_the_service_finishes_requests() -> None:
    assert document("compose.yaml")["services"]["pawlab"]["stop_grace_period"] == f"{Limits().stop_seconds}s"


def has_docker() -> bool:
    return (
        bool(shutil.which("docker"))
        and not subprocess.run(["docker", "info"], capture_output=True, check=False).returncode
    )


def free_port() -> int:
    with listen("127.0.0.1", 0) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree as far as the container takes it, with a model in runs/colours."""
    place = tmp_path_factory.mktemp("context")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this isn't a git checkout")
    for name in listed.stdout.decode().split("\0"):
        if name and (kept(name) or name in ("Dockerfile", ".dockerignore")):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name)
    run = place / "runs" / "colours"
    run.mkdir(parents=True)
    colour_network(run)
    (run / "metrics.json").write_text(json.dumps(METRICS), encoding="utf-8")
    return place


def answers(port: int) -> bool:
    try:
        return send(port, "GET", "/ready").status == 200
    except OSError:
        return False


def check_service(port: int) -> None:
    """It is asked as a browser, a program and Prometheus ask."""
    until(lambda: answers(port), 60)
    body, headers = form(("red.png", encode(np.full((20, 30, 3), RED, np.uint8), "PNG")))
    assert send(port, "POST", "/predict", body, headers).status == 401
    (prediction,) = send(port, "POST", "/predict", body, headers | BEARER).json()["predictions"]
    assert (prediction["label"], prediction["error"]) == ("red", None)
    assert send(port, "POST", "/heatmap", body, headers | BEARER).body.startswith(b"\x89PNG")
    assert send(port, "GET", "/model", headers=BEARER).json()["metrics"] == METRICS
    assert b'pawlab_pictures_total{result="sure"} 1' in send(port, "GET", "/metrics", headers=BEARER).body


@pytest.mark.slow
@pytest.mark.skipif(not has_docker(), reason="needs Docker; its steps are taken in a folder instead")
def test_the_container_serves(context: Path) -> None:
    name, port = "pawlab-test", free_port()
    build = ["docker", "build", "--quiet", "--build-arg", "MODEL=runs/colours", "--tag", name, str(context)]
    subprocess.run(build, check=True, capture_output=True)
    closed = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]
    run = ["docker", "run", "--detach", "--rm", *closed, "-p", f"127.0.0.1:{port}:8000", "-e", f"PAWLAB_TOKEN={TOKEN}"]
    container = subprocess.run([*run, name], check=True, capture_output=True, text=True).stdout.strip()
    try:
        check_service(port)
        inside = ["docker", "exec", container]
        assert subprocess.run([*inside, "id", "-u"], capture_output=True, text=True, check=False).stdout == "10001\n"
        assert subprocess.run([*inside, *only("HEALTHCHECK").command], check=False).returncode == 0
        assert subprocess.run([*inside, "touch", "/model/x"], capture_output=True, check=False).returncode != 0
    finally:
        subprocess.run(["docker", "stop", container], capture_output=True, check=False)


@contextmanager
def served(folder: Folder, port: int) -> Iterator[subprocess.Popen[str]]:
    command = [folder.here(word).replace("0.0.0.0", "127.0.0.1") for word in only("ENTRYPOINT").command]
    command[-1] = str(port)
    environment = {**folder.environment, "PAWLAB_TOKEN": TOKEN}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd="/") as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def written_below(root: Path) -> set[tuple[str, int]]:
    files = (path for path in root.rglob("*") if path.is_file() and root / "tmp" not in path.parents)
    return {(str(path), path.stat().st_mtime_ns) for path in files}


@pytest.mark.slow
@pytest.mark.skipif(has_docker(), reason="Docker itself takes the steps")
@pytest.mark.skipif(sys.platform == "win32", reason="the steps are run by sh")
def test_the_steps_make_a_service_that_writes_nothing(context: Path, tmp_path: Path) -> None:
    """The steps of the Dockerfile, in a folder, with nothing of this process's environment. pip must reach packages."""
    folder = Folder(tmp_path, context, {"MODEL": "runs/colours"})
    try:
        for step in STEPS:
            folder.take(step)
    except subprocess.CalledProcessError as error:
        if "No matching distribution" in error.stderr or "Failed to establish" in error.stderr:
            pytest.skip("pip can't reach packages here")
        pytest.fail(error.stderr)
    packages = {path.name for path in tmp_path.glob("opt/pawlab/lib/python3*/site-packages/*")}
    assert {"pawlab", "fastapi", "onnxruntime"} <= packages
    assert not {"tensorflow", "torch", "pip", "sklearn", "scipy", "matplotlib"} & packages
    before, port = written_below(tmp_path), free_port()
    with served(folder, port):
        check_service(port)
        health = [folder.here(word).replace("8000", str(port)) for word in only("HEALTHCHECK").command]
        assert subprocess.run(health, env=folder.environment, check=False).returncode == 0
    assert written_below(tmp_path) == before
