"""Features -> fitted head -> one ONNX graph with the backbone.

The head is multinomial logistic regression on standardised features. With features x, training mean m and standard
deviation s, weights W and bias b, its logits are

    ((x - m) / s) W + b  =  x (W / s) + (b - (m / s) W)

so in the graph standardisation costs nothing: it is folded into one matrix and one vector. The strength C of the L2
penalty is the one with the smallest validation loss; accuracy would tie between many. The test set plays no part.
"""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.backbones.load import backbone_graph
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.splits import require_trainable
from pawlab.evaluation.history import Epoch
from pawlab.evaluation.metrics import score
from pawlab.features.extract import extract_features
from pawlab.graphs.builder import drop_unused
from pawlab.progress import Progress, silent
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import Parameters
from pawlab.trainers.fitted import Fitted
from pawlab.trainers.scaling import mean_and_deviation

if TYPE_CHECKING:
    from onnx import ModelProto

Matrix = NDArray[np.float32]
Labels = NDArray[np.integer[Any]]

C_GRID = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 1.0)
_MOST_ITERATIONS = 1000


@dataclass(frozen=True)
class Head:
    """A linear classifier on raw features. `weights`: float32 (d, classes); `bias`: float32 (classes,).

    `strength`: the C that was chosen; `losses`: validation loss in nats for each C tried.
    """

    weights: Matrix
    bias: Matrix
    strength: float
    losses: dict[float, float]

    @property
    def parameters(self) -> int:
        """Return how many numbers were fitted."""
        return int(self.weights.size + self.bias.size)

    def probabilities(self, features: Matrix) -> Matrix:
        """Return (n, classes) float32 for features (n, d): what the graph computes."""
        logits = features @ self.weights + self.bias
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: Matrix = exponentials / exponentials.sum(axis=1, keepdims=True)
        return result


def fit_head(train: Matrix, train_labels: Labels, validation: Matrix, validation_labels: Labels) -> Head:
    """Fit on `train` (n, d) and choose the strength on `validation` (m, d). Labels are class positions from 0.

    Every class must have a training picture. The same arrays give the same bits.
    """
    from threadpoolctl import threadpool_limits

    mean, deviation = mean_and_deviation(train)
    standardised = (train - mean) / deviation
    standardised_validation = (validation - mean) / deviation
    with threadpool_limits(1):  # sums in one order on every machine, and faster than threads at this size
        fits = {strength: _fit(standardised, train_labels, strength) for strength in C_GRID}
        losses = {
            strength: _loss(weights, bias, standardised_validation, validation_labels)
            for strength, (weights, bias) in fits.items()
        }
    best = min(losses, key=lambda strength: (losses[strength], strength))
    weights, bias = fits[best]
    folded = weights / deviation[:, np.newaxis]
    return Head(folded.astype(np.float32), (bias - mean @ folded).astype(np.float32), best, losses)


def _fit(features: NDArray[np.float64], labels: Labels, strength: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return weights (d, classes) and bias (classes,). Two classes share one boundary, half of it on each side."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=_MOST_ITERATIONS).fit(features, labels)
    weights, bias = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:
        return np.hstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
    return weights, bias


def _loss(weights: NDArray[Any], bias: NDArray[Any], features: NDArray[np.float64], labels: Labels) -> float:
    from scipy.special import log_softmax

    logs = log_softmax(features @ weights + bias, axis=1)
    return float(-logs[np.arange(len(labels)), labels].mean())


def join(backbone: bytes, head: Head) -> "ModelProto":
    """Return one graph from `pictures` to `probabilities`: the backbone's, with the head on its `features`."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(backbone)
    graph = model.graph
    graph.initializer.extend(
        [numpy_helper.from_array(head.weights, "head_weights"), numpy_helper.from_array(head.bias, "head_bias")]
    )
    graph.node.extend(
        [
            helper.make_node("Gemm", ["features", "head_weights", "head_bias"], ["logits"], name="head"),
            helper.make_node("Softmax", ["logits"], ["probabilities"], name="softmax", axis=1),
        ]
    )
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", int(head.bias.shape[0])])
    )
    drop_unused(graph)
    onnx.checker.check_model(model)
    return model


def train_head(dataset: Dataset, recipe: Recipe, weights: Path | None = None, progress: Progress = silent) -> Fitted:
    """Fit the recipe's head on the frozen backbone's features. Test pictures aren't touched.

    Raises WeightsError where the backbone's weights can't be had, DataError where too few pictures can be decoded.
    """
    preprocess = recipe.preprocess
    started = perf_counter()
    graph = backbone_graph(str(recipe.backbone), (preprocess.height, preprocess.width), weights, progress)
    wanted = dataset.split("train") + dataset.split("validation")
    extracted = extract_features(wanted, graph, preprocess, progress)
    readable = dataset.without(extracted.broken)
    require_trainable(readable)
    features_done = perf_counter()

    labels = np.array(readable.class_indices(extracted.pictures))
    in_train = np.array([picture.split == "train" for picture in extracted.pictures])
    train, train_labels = extracted.features[in_train], labels[in_train]
    validation, validation_labels = extracted.features[~in_train], labels[~in_train]
    head = fit_head(train, train_labels, validation, validation_labels)
    fitted_at = perf_counter()

    return Fitted(
        graph=join(graph.path.read_bytes(), head),
        history=(_only_epoch(head, train, train_labels, validation, validation_labels, fitted_at - features_done),),
        best_epoch=1,
        parameters=Parameters(total=graph.backbone.parameters + head.parameters, trainable=head.parameters),
        skipped=extracted.broken,
        seconds={"features": features_done - started, "fit": perf_counter() - features_done},
        validation=head.probabilities(validation),
        choices={"strength": head.strength, "validation_loss_by_strength": {str(c): v for c, v in head.losses.items()}},
        features=extracted.features,
    )


def _only_epoch(
    head: Head, train: Matrix, train_labels: Labels, validation: Matrix, validation_labels: Labels, seconds: float
) -> Epoch:
    before = score(head.probabilities(train), train_labels)
    after = score(head.probabilities(validation), validation_labels)
    return Epoch(1, before.loss, before.accuracy, after.loss, after.accuracy, seconds)
