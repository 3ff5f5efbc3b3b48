"""The choice among networks at hand, with small ones whose answers are known."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

import pawlab
from own_networks import SCALING, Value, cells_network, write_network
from pawlab.backbones import at_hand as at_hand_module
from pawlab.backbones import efficientnet_lite
from pawlab.backbones.at_hand import at_hand
from pawlab.datasets.discover import discover
from pawlab.datasets.splits import assign_splits
from pawlab.errors import PawlabError
from pawlab.images import Preprocess
from pawlab.recipes.recipe import Recipe
from pawlab.trainers.backbone_choice import Candidate, _taken, choose_backbone, sample_of


@pytest.fixture
def small_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Two networks in PAWLAB_WEIGHTS_DIR and nothing else: `a_blind` sees one pixel of a corner, `bright` all."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setenv("PAWLAB_WEIGHTS_DIR", str(folder))
    monkeypatch.setattr(at_hand_module, "BACKBONES", ())
    paths = {
        "a_blind": corner_network(folder / "a_blind.onnx"),
        "bright": cells_network(folder / "bright.onnx", size=32),
    }
    return {name: str(path) for name, path in paths.items()}


def corner_network(path: Path) -> Path:
    """Write a network that gives the colours of the first pixel, which is noise."""
    bounds = {"start": [0, 0], "end": [1, 1], "axes": [2, 3]}
    slice_ = helper.make_node("Slice", ["x", "start", "end", "axes"], ["corner"])
    nodes = [slice_, helper.make_node("Flatten", ["corner"], ["y"])]
    given: Value = ("x", TensorProto.FLOAT, ["n", 3, 32, 32])
    write_network(path, nodes, given, [("y", TensorProto.FLOAT, ["n", 3])], {k: np.array(v) for k, v in bounds.items()})
    path.with_suffix(".toml").write_text(SCALING, encoding="utf-8")
    return path


def test_what_is_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(efficientnet_lite, "is_installed", lambda row: row.extra is None)
    assert at_hand() == ["efficientnet_lite0"]
    (tmp_path / "net.onnx").write_bytes(b"")
    assert at_hand() == ["efficientnet_lite0", str(tmp_path / "net.onnx")]


@pytest.mark.usefixtures("keras")
def test_keras_networks_are_at_hand_where_their_weights_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "models").mkdir(parents=True)
    (tmp_path / "mobilenet_v2.weights.h5").write_bytes(b"")
    (tmp_path / "keras" / "models" / "mobilenet_1_0_224_tf_no_top.h5").write_bytes(b"")
    assert at_hand()[:3] == ["mobilenet_v2", "mobilenet", "efficientnet_lite0"]


def test_the_network_that_tells_classes_apart_is_taken(
    small_networks: dict[str, str], learnable_folder: Path, tmp_path: Path
) -> None:
    run = pawlab.train(learnable_folder, out=tmp_path / "run", backbone="auto", minutes=5, report=False)
    layer = run.record["recipe"]["layers"][0]
    assert layer["name"] == small_networks["bright"]
    assert layer["why"].startswith("100.0% correct (log loss 0.")
    assert ", cross-validated on 48 training pictures; a_blind.onnx " in layer["why"]
    assert [candidate["name"] for candidate in layer["chosen_from"]] == list(small_networks.values())
    assert (run.record["request"]["backbone"], run.record["request"]["minutes"]) == ("auto", 5)
    assert run.metrics["test"]["accuracy"] == 1.0
    assert json.loads(json.dumps(run.record["recipe"])) == run.record["recipe"]
    recipe = Recipe.from_dict(run.record["request"]["own_recipe"])  # as the report's program has it
    again = pawlab.train(learnable_folder, recipe, tmp_path / "again", report=False)
    assert again.record["recipe"] == run.record["recipe"]
    assert (again.folder / "model.onnx").read_bytes() == (run.folder / "model.onnx").read_bytes()


def test_only_training_pictures_are_looked_at(learnable_folder: Path) -> None:
    dataset = assign_splits(discover(learnable_folder))
    sample = sample_of(dataset)
    assert {picture.split for picture in sample} == {"train"}
    many = replace(dataset, pictures=dataset.pictures * 40)
    counts = np.unique([picture.label for picture in sample_of(many)], return_counts=True)[1]
    assert counts.tolist() == [300, 300]


def test_where_no_time_is_left_the_first_is_tried_all_the_same(
    small_networks: dict[str, str], learnable_folder: Path
) -> None:
    choice = choose_backbone(assign_splits(discover(learnable_folder)), Preprocess(16, 16), minutes=1e-9)
    assert choice.name == small_networks["a_blind"]
    assert choice.why.endswith("; bright.onnx wasn't tried: no time was left")


def test_one_that_fails_is_named_and_passed_over(small_networks: dict[str, str], learnable_folder: Path) -> None:
    Path(small_networks["a_blind"]).write_bytes(b"no network")
    choice = choose_backbone(assign_splits(discover(learnable_folder)), Preprocess(16, 16))
    assert choice.name == small_networks["bright"]
    assert "a_blind.onnx wasn't tried: " in choice.why
    Path(small_networks["bright"]).write_bytes(b"no network")
    with pytest.raises(PawlabError, match=r"^none of the networks at hand can be used: .*can't be read as ONNX"):
        choose_backbone(assign_splits(discover(learnable_folder)), Preprocess(16, 16))


def candidate(name: str, losses: list[float]) -> Candidate:
    return Candidate(name, np.array(losses), 0.9, float(np.mean(losses)))


def test_a_smaller_one_is_taken_where_the_difference_may_be_chance() -> None:
    varied = candidate("small", [0.6, 0.1, 0.6, 0.1])
    best = candidate("large", [0.3, 0.3, 0.3, 0.3])
    choice = _taken([varied, best], 4)
    assert choice.name == "small"
    assert choice.why.endswith("training pictures, as good as large but for chance, and smaller; large 90.0% (0.300)")
    assert _taken([candidate("small", [0.4, 0.41, 0.4, 0.42]), best], 4).name == "large"


def test_what_does_not_go_with_it() -> None:
    with pytest.raises(PawlabError, match=r"^--minutes is 0; it must be more than 0.$"):
        pawlab.train("sample", backbone="auto", minutes=0)
    with pytest.raises(PawlabError, match=r"^--weights are of one network, and --backbone auto looks at several"):
        pawlab.train("sample", backbone="auto", weights="x.h5")
    with pytest.raises(PawlabError, match=r"^the recipe 'a1' trains layers on a network's inner maps"):
        pawlab.train("sample", recipe="a1", backbone="auto")
