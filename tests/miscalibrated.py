"""Logits of a model whose confidence is off by a known factor."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def softmax(logits: Numbers) -> Numbers:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Numbers = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def logits_and_labels(
    seed: int, pictures: int, classes: int, overconfidence: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits that are so many times too large, and labels sampled from the true probabilities."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (pictures, classes))
    true = softmax(logits)
    labels = (true.cumsum(axis=1) < random.random((pictures, 1))).sum(axis=1)
    return (logits * overconfidence).astype(np.float32), np.minimum(labels, classes - 1)
