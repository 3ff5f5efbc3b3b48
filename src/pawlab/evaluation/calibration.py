"""How well probabilities mean what they say.

Calibrated means: of the predictions given with 80%, 80% are correct. Guo et al. 2017 (arXiv:1706.04599) divide all
logits by one number, the temperature, to get there; `trainers.finish` fits it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawlab.evaluation.metrics import Labels, Logits, Probabilities

BINS = 15  # of equal width, as in Guo et al.


@dataclass(frozen=True)
class Bin:
    """Predictions of about the same probability: how many, their mean probability, and their accuracy."""

    count: int
    confidence: float
    accuracy: float


def tempered(logits: Logits, temperature: float = 1.0) -> NDArray[np.float32]:
    """Return the probabilities (n, classes), rows summing to 1, that logits (n, classes) give at a temperature above 0.

    It takes logits because they can't be had back from probabilities: float32 rounds 1 - 1e-9 to 1.
    """
    from scipy.special import softmax

    result: NDArray[np.float32] = softmax(logits.astype(np.float64) / temperature, axis=1).astype(np.float32)
    return result


def reliability(probabilities: Probabilities, labels: Labels, bins: int = BINS) -> tuple[Bin, ...]:
    """Sort predictions (n, classes) by probability into bins of equal width from 0 to 1; give those that hold any."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    inside = [places == place for place in np.unique(places)]
    return tuple(Bin(int(one.sum()), float(confidence[one].mean()), float(correct[one].mean())) for one in inside)


def calibration_error(probabilities: Probabilities, labels: Labels, bins: int = BINS) -> float:
    """Return the expected calibration error, 0 to 1 (Naeini et al. 2015).

    It is the distance between accuracy and mean probability in each bin of `reliability`, averaged over predictions.
    Chance keeps it above 0, the more so the fewer pictures there are.
    """
    filled = reliability(probabilities, labels, bins)
    return sum(entry.count * abs(entry.accuracy - entry.confidence) for entry in filled) / len(labels)
