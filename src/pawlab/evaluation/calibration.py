"""When to say "not sure": the threshold that is kept with the classifier."""

import numpy as np

from pawlab.metrics import Labels, Probabilities

KEPT_SHARE = 0.99  # of the right answers on validation pictures that stay above the threshold
_HIGHEST = 0.9  # few validation pictures, all easy, must not make a classifier that is never sure


def confidence_threshold(probabilities: Probabilities, labels: Labels) -> float:
    """Return the probability below which an answer counts as "not sure".

    It keeps at least KEPT_SHARE of the right answers among these validation pictures: (n, classes) and (n,).
    """
    right = probabilities.argmax(axis=1) == labels
    top = np.sort(probabilities.max(axis=1)[right])
    if not len(top):
        return _HIGHEST
    given_up = int(len(top) * (1 - KEPT_SHARE))
    return min(float(top[given_up]), _HIGHEST)
