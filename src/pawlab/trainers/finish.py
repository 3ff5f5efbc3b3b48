"""What is built into every fitted model before it ships: calibrated probabilities, and when it isn't sure.

Guo et al. 2017 (arXiv:1706.04599) divide all logits by one number, the temperature T, that makes the validation labels
most likely. It changes no prediction, only how confident it is; that is why it was taken, and not a curve fitted to the
probabilities (Zadrozny and Elkan 2002), which needs more pictures and can change predictions.

Few validation pictures mislead: where all of 20 are correct, the likelihood rises for ever as T falls. So log T has a
prior, normal around 0 with a standard deviation of 0.5: with 800 pictures it hardly counts, with 5 it keeps T near 1.
"""

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pawlab.card import Curve, Point
from pawlab.datasets.dataset import Dataset
from pawlab.evaluation.calibration import tempered
from pawlab.evaluation.evaluate import Evaluation
from pawlab.evaluation.metrics import Labels, Logits, Probabilities
from pawlab.evaluation.out_of_distribution import ood_score
from pawlab.evaluation.selective import choose, curve_of
from pawlab.features.rows import FeatureRows, as_rows
from pawlab.graphs.anatomy import find_anatomy
from pawlab.graphs.edit import FEATURES, add_ood_score, apply_temperature, features_of
from pawlab.images import Preprocess
from pawlab.progress import Progress, silent
from pawlab.trainers.centres import fit_centres
from pawlab.trainers.fitted import Fitted
from pawlab.trainers.graph_outputs import logits_of_features, logits_of_pictures, outputs_of_pictures, per_class

if TYPE_CHECKING:
    from onnx import ModelProto

_PRIOR = 0.5  # standard deviation of log T before any picture is seen
_BOUNDS = (-2.5, 2.5)  # of log T
_LARGEST_DIFFERENCE = 1e-4  # between probabilities as fitted and by the graph


@dataclass(frozen=True)
class Finished:
    """A fitted model with all that belongs into its file.

    `graph`: as fitted, but with calibrated `probabilities` and, where it holds a pretrained network, a second output,
    `ood_score`. `temperature`: what its logits are divided by. `curve`: what can be promised; `promise`: the target and
    the point that were chosen, None where none can be kept. `ood_threshold`: the score above which a picture is unlike
    the training pictures; None without a pretrained network. `predicted`: the calibrated predictions that all this was
    read off, of validation pictures, or out-of-fold ones of training and validation pictures; `logits`: (n, classes),
    theirs before the temperature. `own`: float32 (m, classes), the calibrated predictions of the graph itself for
    validation pictures.
    """

    graph: "ModelProto"
    temperature: float
    curve: Curve
    promise: tuple[float, Point] | None
    ood_threshold: float | None
    predicted: Evaluation
    logits: Logits
    own: Probabilities

    @property
    def threshold(self) -> float:
        """Return the probability from which a prediction is sure; 0 where nothing is promised."""
        return 0.0 if self.promise is None else self.promise[1].threshold

    @cached_property
    def in_validation(self) -> NDArray[np.bool_]:
        """Say which of the predictions are for validation pictures."""
        return np.array([picture.split == "validation" for picture in self.predicted.pictures])

    @cached_property
    def validation(self) -> Evaluation:
        """Return the predictions for validation pictures."""
        return self.predicted if self.in_validation.all() else self.predicted.only(self.in_validation)


def finish_model(
    fitted: Fitted,
    dataset: Dataset,
    preprocess: Preprocess,
    sure_at: float | None = None,
    progress: Progress = silent,
) -> Finished:
    """Calibrate a fitted model, and set when it isn't sure, on `dataset`'s training and validation pictures alone.

    Where there are out-of-fold predictions, all is read off those; else off the graph's predictions for validation
    pictures, computed as its file will. `sure_at`: the share of right answers to promise; see `selective.choose`.
    Raises RuntimeError where the graph isn't what was fitted.
    """
    own, features = _logits_and_features(fitted, dataset, preprocess, progress)
    _require_same(tempered(own), fitted.validation)
    held_out, pictures, logits = fitted.out_of_fold, dataset.split("validation"), own
    judged = np.ones(len(pictures), bool)
    if held_out is not None:
        pictures, logits, judged = dataset.split("train") + pictures, held_out.logits, held_out.judged
    labels = np.array(dataset.class_indices(pictures))
    temperature = fit_temperature(logits[judged], labels[judged])
    probabilities = tempered(logits, temperature)
    curve = curve_of(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)
    promise = choose(curve, sure_at)
    graph = deepcopy(fitted.graph)
    apply_temperature(graph, temperature)
    sure = probabilities.max(axis=1) >= (0.0 if promise is None else promise[1].threshold)
    limit: float | None = None
    if features is not None:
        number = len(dataset.split("train"))
        train, validation = features.only(slice(number)), features.only(slice(number, None))
        centres, limit = fit_centres(train, validation)
        add_ood_score(graph, centres)
        sure[-len(validation) :] &= ood_score(validation, centres) <= limit
    predicted = Evaluation(dataset.classes, pictures, labels, probabilities, (), sure)
    return Finished(graph, temperature, curve, promise, limit, predicted, logits, tempered(own, temperature))


def _logits_and_features(
    fitted: Fitted, dataset: Dataset, preprocess: Preprocess, progress: Progress
) -> tuple[Logits, FeatureRows | None]:
    """Return the graph's logits for validation pictures, and its features for training and validation pictures."""
    graph, held_out = fitted.graph, dataset.split("validation")
    if fitted.probe_input is not None:
        return logits_of_features(graph, fitted.probe_input), fitted.features
    if features_of(graph) is None:
        return logits_of_pictures(graph, held_out, preprocess, progress), None
    names, pictures = [FEATURES, find_anatomy(graph).logits], dataset.split("train") + held_out
    features, logits = outputs_of_pictures(graph, names, pictures, preprocess, progress)
    return per_class(graph, logits[-len(held_out) :]), as_rows(features)


def _require_same(given: Probabilities, expected: Probabilities) -> None:
    difference = float(np.abs(given - expected).max())
    if not difference <= _LARGEST_DIFFERENCE:
        raise RuntimeError(f"the classifier's graph predicts otherwise than what was fitted, by {difference:.2g}")


def fit_temperature(logits: Logits, labels: Labels) -> float:
    """Return the most probable temperature, given logits (n, classes) for validation pictures, and labels (n,).

    Above 1 makes predictions less confident, below 1 more; 1 where nothing speaks for a change. From 0.08 to 12.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    exact, true = logits.astype(np.float64), (np.arange(len(labels)), labels)

    def cost(log_temperature: float) -> float:
        likelihood = log_softmax(exact / np.exp(log_temperature), axis=1)[true].sum()
        return float(log_temperature**2 / (2 * _PRIOR**2) - likelihood)

    return float(np.exp(minimize_scalar(cost, bounds=_BOUNDS, method="bounded", options={"xatol": 1e-6}).x))
