"""What a fitted graph computes of pictures, and of features: the numbers that its file will compute too."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Picture
from pawlab.evaluation.metrics import Logits
from pawlab.features.rows import AnyRows, blocks
from pawlab.graphs.anatomy import find_anatomy
from pawlab.graphs.edit import after, probe_input, with_outputs
from pawlab.graphs.runtime import open_graph
from pawlab.images import Preprocess, decode
from pawlab.parallel import map_in_threads
from pawlab.progress import Progress, silent

if TYPE_CHECKING:
    from onnx import ModelProto


def outputs_of_pictures(
    model: "ModelProto", outputs: list[str], pictures: Sequence[Picture], preprocess: Preprocess, progress: Progress
) -> list[NDArray[Any]]:
    """Return these tensors of a graph, each (n, ...), for n pictures, 1 or more, that can be decoded."""
    graph = open_graph(with_outputs(model, outputs).SerializeToString())

    def run(picture: Picture) -> list[NDArray[Any]]:
        return graph.run(outputs, decode(picture.path, preprocess)[np.newaxis])

    with progress("Calibrating", len(pictures)) as advance:
        rows = []
        for row in map_in_threads(run, pictures):
            rows.append(row)
            advance(1)
    return [np.concatenate(parts) for parts in zip(*rows, strict=True)]


def logits_of_pictures(
    model: "ModelProto", pictures: Sequence[Picture], preprocess: Preprocess, progress: Progress = silent
) -> Logits:
    """Return logits (n, classes), before any temperature, for pictures that can be decoded."""
    (logits,) = outputs_of_pictures(model, [find_anatomy(model).logits], pictures, preprocess, progress)
    return per_class(model, logits)


def logits_of_features(model: "ModelProto", features: AnyRows) -> Logits:
    """Return logits (n, classes) for what its probe sees (n, d), each row by itself, as for a single picture."""
    logits = find_anatomy(model).logits
    head = after(model, probe_input(model), features.shape[1], logits)
    graph = open_graph(head.SerializeToString(), batch_size=1)
    rows = [graph.run([logits], features[some])[0] for some in blocks(*features.shape)]
    return per_class(model, np.concatenate(rows))


def per_class(model: "ModelProto", logits: Logits) -> Logits:
    """Return a graph's logits with one for each class: where it gives the second's alone, the first's is 0."""
    return np.hstack([np.zeros_like(logits), logits]) if find_anatomy(model).sigmoid else logits
