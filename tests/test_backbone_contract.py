"""Each kind of backbone goes through training, prediction, explanation, export and evaluation."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pawlab
from lively_networks import enliven
from pawlab.errors import ModelError
from pawlab.evaluation.explain import write_explanation
from pawlab.export.export import export_classifier
from pawlab.pipeline import evaluate_data
from pawlab.review.queue import KINDS as KINDS_OF_ITEMS

NETWORKS = Path(__file__).parent / "networks"
Given = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """`method`: of its heat map, or the reason why there is none. `file`: of an ONNX network; else a row's name."""

    name: str
    method: str
    file: bool = True


NO_PLACES = "its network is a transformer, and no way back through its layer {layer} is known"
KINDS = [
    Kind("efficientnet_lite0", "class activation", file=False),
    Kind("mobilenet_v3_small", "class activation", file=False),
    Kind("convnext_tiny", "class activation", file=False),
    Kind("mobilenet", "class activation"),
    Kind("branching", "class activation"),
    Kind("vit_without_cls", "class activation"),
    Kind("vit_newest", NO_PLACES.format(layer="Gather")),
    Kind("vit_one_picture", NO_PLACES.format(layer="Gather")),
    Kind("tiny_vit", NO_PLACES.format(layer="LayerNormalization")),
]


@pytest.fixture
def given(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[Kind], Given]:
    """Returns what `train` is given for a kind: Keras's networks get random weights from a file."""

    def arguments(kind: Kind) -> Given:
        if kind.file:
            path = Path(shutil.copy(NETWORKS / f"{kind.name}.onnx", tmp_path))
            path.with_suffix(".toml").write_text('preset = "imagenet"', encoding="utf-8")
            return {"backbone": path}
        if kind.name == "efficientnet_lite0":
            return {"backbone": kind.name}
        return {"backbone": kind.name, "weights": weights_file(request.getfixturevalue("keras"), kind.name, tmp_path)}

    return arguments


def weights_file(keras: ModuleType, name: str, folder: Path) -> Path:
    build = {"mobilenet_v3_small": "MobileNetV3Small", "convnext_tiny": "ConvNeXtTiny"}[name]
    path = folder / f"{name}.weights.h5"
    enliven(getattr(keras.applications, build)(include_top=False, weights=None, input_shape=(64, 64, 3))).save_weights(
        path
    )
    return path


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of h5py and NumPy
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_backbone_goes_all_the_way(
    kind: Kind, given: Callable[[Kind], Given], learnable_folder: Path, tmp_path: Path
) -> None:
    run = pawlab.train(learnable_folder, out=tmp_path / "run", report=False, **given(kind))
    recipe = run.record["recipe"]
    assert recipe["name"] == f"fast-{kind.name}"
    assert run.metrics["test"]["accuracy"] > 0.7, "random features tell warm circles from cold squares, if any do"
    classifier = pawlab.load(run.folder)
    pictures = sorted(learnable_folder.rglob("*.png"))[::20]
    assert {prediction.label for prediction in classifier.predict(pictures)} <= set(classifier.classes)
    for picture in pictures:
        assert classifier.predict(picture).probability == pytest.approx(
            float(classifier.predict([picture])[0].probability), abs=1e-6
        )
    evaluation, _ = evaluate_data(run.folder, learnable_folder, include_seen=True)
    assert len(evaluation.pictures) == 60
    exported = export_classifier(run.folder, "onnx", tmp_path / "out.onnx")
    assert exported.difference == 0
    assert {item.kind for item in pawlab.review_queue(run.folder)} <= set(KINDS_OF_ITEMS)  # run.json is read back
    explained(kind, classifier, pictures[0], tmp_path / "heat.png")
    json.dumps(recipe)


def explained(kind: Kind, classifier: Any, picture: Path, out: Path) -> None:
    if "no way back" in kind.method:
        with pytest.raises(ModelError) as caught:
            write_explanation(classifier, picture, out)
        assert str(caught.value) == f"no heat map can be drawn for {classifier.path}: {kind.method}."
        return
    heat = write_explanation(classifier, picture, out)
    assert heat.method == kind.method
    assert heat.values.ndim == 2
    assert heat.values.std() > 0
    assert np.asarray(Image.open(out)).shape == (96, 96, 3)
