"""Networks of a hub, fetched from a server on this machine that speaks its protocol."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from hub_server import COMMIT, Hub, Repo, hub
from pawlab.backbones.hub import fetch
from pawlab.errors import MissingExtraError, WeightsError
from pawlab.install import install_command

NETWORKS = Path(__file__).parents[1] / "networks"
NETWORK = (NETWORKS / "vit_hidden.onnx").read_bytes()
TELLS = json.dumps({"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "size": 56}).encode()


def weights_outside(folder: Path) -> dict[str, bytes]:
    path = folder / "model.onnx"
    onnx.save(
        onnx.load_from_string(NETWORK), path, save_as_external_data=True, location="model.onnx_data", size_threshold=0
    )
    return {f"onnx/{name}": (folder / name).read_bytes() for name in ("model.onnx", "model.onnx_data")}


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")
    folder = tmp_path_factory.mktemp("hub")
    whole = {"onnx/model.onnx": NETWORK, "preprocessor_config.json": TELLS, "README.md": b"A network."}
    repos = {
        "someone/vit": Repo(whole),
        "someone/big": Repo({**weights_outside(folder), "config.json": b"{}", "preprocessor_config.json": TELLS}),
        "someone/outside": Repo({"../../evil.onnx": NETWORK}),
        "someone/several": Repo({"b.onnx": NETWORK, "a.onnx": NETWORK}, licence="other"),
        "someone/torch": Repo({"model.safetensors": b"", "config.json": b"{}"}),
        "someone/gated": Repo(whole, gated=True),
        "someone/damaged": Repo(whole, lie="onnx/model.onnx"),
    }
    with hub(repos) as told:
        monkeypatch.setenv("HF_ENDPOINT", told.address)
        monkeypatch.setenv("HF_HOME", str(folder / "home"))
        monkeypatch.setenv("PAWLAB_CACHE_DIR", str(folder / "cache"))
        yield told


def pawlab(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program: huggingface_hub reads the hub's address when it is imported."""
    command = [sys.executable, "-m", "pawlab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.mark.parametrize("name", ["hf:someone/vit", f"hf:someone/vit:onnx/model.onnx@{COMMIT}", "hf:someone/big@main"])
def test_a_run_keeps_where_its_network_is_from(served: Hub, learnable_folder: Path, tmp_path: Path, name: str) -> None:
    done = pawlab("train", learnable_folder, "--backbone", name, "--out", tmp_path / "run", "--no-report")
    assert done.returncode == 0, done.stderr
    layer = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["recipe"]["layers"][0]
    repo = name.removeprefix("hf:").partition(":")[0].partition("@")[0]
    kept = Path(os.environ["PAWLAB_CACHE_DIR"]) / "hub" / repo.replace("/", "--") / COMMIT / "onnx" / "model.onnx"
    digest = hashlib.sha256(kept.read_bytes()).hexdigest()
    assert layer["hub"] == {
        "repo": repo,
        "file": "onnx/model.onnx",
        "revision": COMMIT,
        "sha256": digest,
        "licence": "apache-2.0",
    }
    assert layer["features"] == "the output 'pooler_output'"
    assert layer["name"] == str(kept)
    assert all(path.startswith(("/api/models/someone/", "/someone/")) for _, path, _ in served.asked)
    assert not [agent for _, _, agent in served.asked if "telemetry" in agent]


def test_under_its_file_and_commit_it_needs_no_network_twice(
    served: Hub, learnable_folder: Path, tmp_path: Path
) -> None:
    options = ("--backbone", f"hf:someone/vit:onnx/model.onnx@{COMMIT}", "--no-report")
    assert pawlab("train", learnable_folder, *options, "--out", tmp_path / "first").returncode == 0
    asked = len(served.asked)
    assert pawlab("train", learnable_folder, *options, "--out", tmp_path / "second").returncode == 0
    assert len(served.asked) == asked
    shutil.rmtree(Path(os.environ["PAWLAB_CACHE_DIR"]) / "hub")  # as `pawlab cache clear` does
    more = ("train", "--extend", tmp_path / "first", learnable_folder, "--out", tmp_path / "third", "--no-report")
    done = pawlab(*more)
    assert done.returncode == 0, done.stderr
    assert len(served.asked) > asked


MISTAKES = [
    ("hf:nobody/nothing", "there is no repository nobody/nothing at {hub}, or it is private. Check the name; for a"),
    (
        "hf:someone/gated",
        "hf:someone/gated needs a login: accept its licence at {hub}/someone/gated, then run `hf auth",
    ),
    (
        "hf:someone/torch",
        "hf:someone/torch has no ONNX file; its files: config.json, model.safetensors. Export it to ONNX",
    ),
    (
        "hf:someone/several",
        "hf:someone/several has several ONNX files: a.onnx, b.onnx. Name one: hf:someone/several:a.onnx",
    ),
    (
        "hf:someone/several:c.onnx",
        "hf:someone/several has no ONNX file c.onnx. Did you mean 'b.onnx'? It has: a.onnx, b",
    ),
    ("hf:someone/vit@old", "hf:someone/vit has no revision old. See {hub}/someone/vit/commits/main."),
    ("hf:someone/damaged", "onnx/model.onnx of someone/damaged didn't arrive as the hub has it. Try again."),
    ("hf:someone", "hf:someone isn't the name of a network on a hub: it is hf:OWNER/REPO[:FILE][@REVISION]."),
]


@pytest.mark.parametrize(("name", "sentence"), MISTAKES)
def test_each_mistake_is_one_line(
    served: Hub, learnable_folder: Path, tmp_path: Path, name: str, sentence: str
) -> None:
    done = pawlab("train", learnable_folder, "--backbone", name, "--out", tmp_path / "run")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert sentence.format(hub=served.address) in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_hub_that_is_not_there_is_one_line(
    served: Hub, learnable_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = pawlab("train", learnable_folder, "--backbone", "hf:someone/vit")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "hf:someone/vit couldn't be fetched from http://127.0.0.1:9: " in done.stderr


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError) as caught:
        fetch("hf:someone/thing")
    assert str(caught.value) == f"hf:someone/thing needs the extra 'hub': {install_command('pawlab[hub]')}"


def test_a_name_that_is_none_is_refused_before_anything_is_imported() -> None:
    with pytest.raises(WeightsError, match=r"^hf:../../x isn't the name of a network on a hub"):
        fetch("hf:../../x")
