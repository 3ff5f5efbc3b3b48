"""Classifiers with known answers, in milliseconds, for the tests of the service."""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from pawlab.classifier import Classifier, save_classifier
from test_classifier import CARD, colour_graph


def colour_classifier(folder: Path) -> Classifier:
    """Answers with the strongest colour. Its network has no convolution, so there are no heat maps."""
    return _saved(colour_graph(), folder)


def colour_network(folder: Path) -> Classifier:
    """The same by a network with a channel for each colour: the heat map of a class is where its colour is."""
    weights = np.eye(3, dtype=np.float32)[::-1].reshape(3, 3, 1, 1) / 16
    nodes = [
        helper.make_node("Cast", ["pictures"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "weights"], ["channels"]),
        helper.make_node("GlobalAveragePool", ["channels"], ["means"]),
        helper.make_node("Flatten", ["means"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    pictures = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", 4, 6, 3])
    answers = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])
    constants = [numpy_helper.from_array(weights, "weights")]
    graph = helper.make_graph(nodes, "colours", [pictures], [answers], constants)
    return _saved(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder)


def _saved(graph: Any, folder: Path) -> Classifier:
    save_classifier(graph, CARD, folder / "model.onnx")
    return Classifier.load(folder)
