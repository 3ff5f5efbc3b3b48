"""Probabilities that mean what they say, and the one below which the answer is "not sure".

Calibrated means: of the answers given with 80%, 80% are right. Networks tend to be surer than that. Guo et al. 2017
(arXiv:1706.04599) divide all logits by one number, the temperature T, that makes the validation labels most likely. It
changes no answer, only how sure it is; that is why it was taken, and not a curve fitted to the probabilities
(Zadrozny and Elkan 2002), which needs more pictures and can change answers.

Few validation pictures mislead: where all of 20 are right, the likelihood rises for ever as T falls. So log T has a
prior, normal around 0 with a standard deviation of 0.5. Against 800 pictures it hardly counts; with 5 it keeps T near
1.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.evaluation.metrics import Labels, Probabilities
from pawlab.graphs.anatomy import TEMPERATURE, find_anatomy

if TYPE_CHECKING:
    from onnx import ModelProto

KEPT_SHARE = 0.995  # of the right answers on validation pictures that stay above the threshold
BINS = 15  # of equal width, as in Guo et al.

_HIGHEST = 0.9  # few validation pictures, all easy, must not make a classifier that is never sure
_PRIOR_ANSWERS = 10
_PRIOR = 0.5  # standard deviation of log T before any picture is seen
_BOUNDS = (-2.5, 2.5)  # of log T
_SMALLEST = 1e-12  # stands for a probability that float32 has rounded to nothing


@dataclass(frozen=True)
class Bin:
    """Answers of about the same probability: how many, their mean probability, and the share of them that was right.

    Both shares are 0 where there are none.
    """

    count: int
    confidence: float
    accuracy: float


def fit_temperature(probabilities: Probabilities, labels: Labels) -> float:
    """Return the most probable temperature, given probabilities (n, classes) for validation pictures, and labels (n,).

    Above 1 makes answers less sure, below 1 surer; 1 where nothing speaks for a change. From 0.08 to 12.
    """
    from scipy.optimize import minimize_scalar

    logs, true = _logs(probabilities), (np.arange(len(labels)), labels)

    def cost(log_temperature: float) -> float:
        likelihood = _log_tempered(logs, np.exp(log_temperature))[true].sum()
        return float(log_temperature**2 / (2 * _PRIOR**2) - likelihood)

    return float(np.exp(minimize_scalar(cost, bounds=_BOUNDS, method="bounded", options={"xatol": 1e-6}).x))


def tempered(probabilities: Probabilities, temperature: float) -> NDArray[np.float32]:
    """Return the probabilities (n, classes) that the same logits give at another temperature; 1 / T undoes T.

    Logits are known from probabilities but for a number common to all classes, which doesn't count.
    """
    return np.exp(_log_tempered(_logs(probabilities), temperature)).astype(np.float32)


def apply_temperature(model: "ModelProto", temperature: float) -> None:
    """Divide a finished graph's logits by `temperature`. It ends in a softmax, or in a sigmoid for two classes."""
    from onnx import helper, numpy_helper

    anatomy = find_anatomy(model)
    factor = numpy_helper.from_array(np.array(1 / temperature, np.float32), "inverse_temperature")
    scale = helper.make_node("Mul", [anatomy.logits, factor.name], ["tempered_logits"], name=TEMPERATURE)
    nodes = model.graph.node
    place = next(index for index, node in enumerate(nodes) if anatomy.logits in node.input)
    nodes[place].input[:] = ["tempered_logits" if name == anatomy.logits else name for name in nodes[place].input]
    nodes.insert(place, scale)
    model.graph.initializer.append(factor)


def reliability(probabilities: Probabilities, labels: Labels, bins: int = BINS) -> tuple[Bin, ...]:
    """Sort the answers to (n, classes) by their probability into bins of equal width from 0 to 1, the lowest first."""
    sureness = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    places = np.minimum((sureness * bins).astype(int), bins - 1)
    return tuple(_bin(sureness[places == place], right[places == place]) for place in range(bins))


def calibration_error(probabilities: Probabilities, labels: Labels, bins: int = BINS) -> float:
    """Return the expected calibration error, 0 to 1 (Naeini et al. 2015).

    It is the distance between the share right and the mean probability in each bin of `reliability`, averaged over
    answers.

    Chance keeps it above 0, the more so the fewer pictures there are.
    """
    filled = reliability(probabilities, labels, bins)
    return sum(entry.count * abs(entry.accuracy - entry.confidence) for entry in filled) / len(labels)


def confidence_threshold(probabilities: Probabilities, labels: Labels) -> float:
    """Return the probability below which an answer counts as "not sure".

    It keeps at least KEPT_SHARE of the right answers among these validation pictures: (n, classes) and (n,). Where they
    are few, the least sure of them is no measure of what is to come: the threshold lies the nearer to the least that a
    first answer can have, an even chance for every class, as though ten more right answers had been so unsure.
    """
    right = probabilities.argmax(axis=1) == labels
    top = np.sort(probabilities.max(axis=1)[right])
    even_chance = 1 / int(probabilities.shape[1])
    if not len(top):
        return even_chance
    given_up = int(len(top) * (1 - KEPT_SHARE))
    weight = len(top) / (len(top) + _PRIOR_ANSWERS)
    return float(min(even_chance + weight * (top[given_up] - even_chance), _HIGHEST))


def _bin(sureness: NDArray[Any], right: NDArray[Any]) -> Bin:
    if not len(sureness):
        return Bin(0, 0.0, 0.0)
    return Bin(len(sureness), float(sureness.mean()), float(right.mean()))


def _logs(probabilities: Probabilities) -> NDArray[np.float64]:
    return np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST))


def _log_tempered(logs: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    from scipy.special import log_softmax

    result: NDArray[np.float64] = log_softmax(logs / temperature, axis=1)
    return result
