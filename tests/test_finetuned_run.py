"""A fine-tuned run goes through all that a run goes through, whatever its network."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pawlab
from pawlab.errors import PawlabError
from pawlab.evaluation.explain import write_explanation
from pawlab.export.export import export_classifier
from pawlab.pipeline import evaluate_data
from pawlab.review.queue import KINDS
from pawlab.runs.record import Run

NETWORKS = Path(__file__).parent / "networks"
Given = dict[str, Any]


@pytest.fixture
def given(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], Given]:
    """Returns what `train` is given for a network."""

    def arguments(name: str) -> Given:
        if name == "mobilenet":
            path = Path(shutil.copy(NETWORKS / "mobilenet.onnx", tmp_path))
            path.with_suffix(".toml").write_text('preset = "imagenet"', encoding="utf-8")
            return {"backbone": path}
        if name == "mobilenet_v2":
            return {"backbone": name, "weights": request.getfixturevalue("lively_mobilenet")[1]}
        return {"set": {"height": 64, "width": 64, "fine_tune.unfreeze": 4}}

    return arguments


@pytest.mark.usefixtures("keras")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of h5py and NumPy
@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_v2", "mobilenet"])
def test_a_fine_tuned_network_goes_all_the_way(
    name: str, given: Callable[[str], Given], learnable_folder: Path, tmp_path: Path
) -> None:
    run = pawlab.train(learnable_folder, "finetune", tmp_path / "run", epochs=1, **given(name))
    assert run.record["recipe"]["trainer"] == "finetune"
    assert [row.epoch for row in run.history] == [0, 1]
    (note,) = run.record["training_notes"]
    assert f"<p>{note[0].upper()}{note[1:]}.</p>" in run.page.read_text(encoding="utf-8")
    assert run.metrics["selective"]["ood_threshold"] is not None
    assert 0 < run.metrics["parameters"]["trainable"] < run.metrics["parameters"]["total"]
    assert run.metrics["test"]["accuracy"] > 0.7
    assert not list(run.folder.glob("epoch-*")), "what only an unfinished run needs is gone"
    went_on(run, learnable_folder, tmp_path)


def went_on(run: Run, folder: Path, place: Path) -> None:
    picture = sorted(folder.rglob("*.png"))[0]
    classifier = pawlab.load(run.folder)
    assert classifier.predict(picture).label in classifier.classes
    assert len(evaluate_data(run.folder, folder, include_seen=True)[0].pictures) == 60
    assert export_classifier(run.folder, "onnx", place / "out.onnx").difference == 0
    assert export_classifier(run.folder, "keras", place / "out.keras").difference < 1e-3
    assert {item.kind for item in pawlab.review_queue(run.folder)} <= set(KINDS)  # run.json is read back
    heat = write_explanation(classifier, picture, place / "heat.png")
    assert (heat.method, heat.values.std() > 0) == ("class activation", True)
    json.dumps(run.record)


def test_minutes_limit_what_is_trained_and_nothing_else(learnable_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PawlabError) as caught:
        pawlab.train(learnable_folder, "fast", tmp_path / "run", minutes=1)
    assert str(caught.value) == (
        "--minutes limits training in epochs, or choosing a network; fast is fitted in one go. "
        "Add --backbone auto, or leave it out."
    )
    with pytest.raises(PawlabError) as caught:
        pawlab.train(learnable_folder, "a1", tmp_path / "run", minutes=0)
    assert str(caught.value) == "--minutes is 0; it must be more than 0."
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("keras")
def test_minutes_hold_for_every_recipe_with_epochs(learnable_folder: Path, tmp_path: Path) -> None:
    small = {"height": 24, "width": 24}
    run = pawlab.train(learnable_folder, "a1", tmp_path / "run", minutes=0.001, set=small, report=False)
    assert ([row.epoch for row in run.history], run.finished) == ([1], True)
    assert run.record["training_notes"] == [
        "stopped after epoch 1 of 20: another one wouldn't have ended within 0.001 minutes (--minutes)"
    ]
