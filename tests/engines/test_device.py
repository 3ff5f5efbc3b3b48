"""`--device`: the processor stands in for the device, as there is hardly another one where tests run."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pawlab.backbones.load import backbone_graph
from pawlab.classifier import Classifier, save_classifier
from pawlab.datasets.sample import sample_files
from pawlab.engines.device import _SYSTEMS, KINDS, Device
from pawlab.engines.local import LOCAL
from pawlab.engines.options import EngineOptions
from pawlab.engines.work import ForwardPass, Outputs
from pawlab.errors import PawlabError
from pawlab.features.extract import features_by_content
from pawlab.graphs.runtime import CPU, open_graph, providers
from pawlab.images import Preprocess
from test_classifier import CARD, colour_graph

SMALL = Preprocess(64, 64)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    monkeypatch.setitem(KINDS, "cuda", KINDS["cuda"]._replace(provider=CPU, options={}, batch_size=5))
    return Device("cuda")


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    save_classifier(colour_graph(), CARD, tmp_path / "model.onnx")
    return Classifier.load(tmp_path)


def test_rows_are_the_processors_but_for_rounding_whatever_lies_between(device: Device) -> None:
    graph = backbone_graph("efficientnet_lite0", (64, 64))
    work = ForwardPass(graph.path, {graph.output: (graph.width,)}, SMALL, "the network")
    sources = [b"none", *sample_files(6), b"none", *sample_files(7)]
    expected, found = list(LOCAL.forward(work, sources)), list(device.forward(work, sources))
    assert len(found) == 15
    for one, other in zip(expected, found, strict=True):
        if isinstance(one, Outputs):
            assert isinstance(other, Outputs)
            assert other.info == one.info
            np.testing.assert_allclose(other.values[0], one.values[0], rtol=0, atol=1e-4)
        else:
            assert other == one
    assert list(device.forward(work, [])) == []


def test_a_classifier_predicts_on_it(device: Device, classifier: Classifier) -> None:
    sources = [*sample_files(12), b"none"]
    expected = [result.label for result in classifier.predict_each(sources)]
    assert [result.label for result in classifier.predict_each(sources, device)] == expected


def test_its_features_are_never_taken_for_the_processors(device: Device) -> None:
    graph = backbone_graph("efficientnet_lite0", (64, 64))
    sources = {64 * "5": next(iter(sample_files(1)))}
    assert features_by_content(sources, graph, SMALL, engine=device).computed == 1
    assert features_by_content(sources, graph, SMALL).computed == 1
    assert features_by_content(sources, graph, SMALL, engine=device).computed == 0


def test_results_beyond_the_tolerance_are_refused(
    device: Device, classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device has another classifier's graph."""
    wrong = colour_graph()
    wrong.graph.initializer[0].raw_data = (np.eye(3, dtype=np.float32) / 16).tobytes()
    other = open_graph(wrong.SerializeToString())
    monkeypatch.setattr(Device, "_open", lambda self, work: other)
    with pytest.raises(PawlabError, match=r"on cuda the results differ from the processor's by \d\.\de-\d\d of the"):
        list(classifier.predict_each(sample_files(3), device))


def test_what_is_not_installed_is_named_with_what_brings_it() -> None:
    lacking = ((name, kind) for name, kind in KINDS.items() if kind.provider not in providers())
    name, kind = next((name, kind) for name, kind in lacking if _SYSTEMS[sys.platform] in kind.systems)
    said = f"--device {name} needs ONNX Runtime's {kind.provider}, and installed are .*Install {kind.package} in"
    with pytest.raises(PawlabError, match=said):
        EngineOptions(device=name).open()  # type: ignore[arg-type]


def test_a_device_of_another_system_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawlab.engines.device.providers", lambda: [CPU])
    for system, name, said in (
        ("linux", "coreml", "--device coreml is there on macOS alone. Leave --device out."),
        ("linux", "dml", "--device dml is there on Windows alone. Leave --device out."),
        ("darwin", "cuda", "--device cuda is there on Linux and Windows alone. Leave --device out."),
    ):
        monkeypatch.setattr("sys.platform", system)
        with pytest.raises(PawlabError) as caught:
            Device(name)
        assert str(caught.value) == said


def test_a_device_that_falls_back_to_the_processor_is_none(
    device: Device, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallen = open_graph(classifier.path)
    monkeypatch.setattr("pawlab.engines.device.providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr("pawlab.engines.device.open_graph", lambda *given, **options: replace(fallen))
    monkeypatch.setitem(KINDS, "cuda", KINDS["cuda"]._replace(provider="CUDAExecutionProvider"))
    with pytest.raises(PawlabError, match="--device cuda can't be used: ONNX Runtime finds no such device"):
        list(classifier.predict_each(sample_files(1), device))


def test_a_cluster_and_a_device_do_not_go_together() -> None:
    with pytest.raises(PawlabError, match=r"--device cuda is of this machine\. Leave out --engine ray\."):
        EngineOptions("ray", device="cuda")
