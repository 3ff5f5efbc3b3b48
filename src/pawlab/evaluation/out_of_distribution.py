"""Is a picture like those that the classifier was trained on? If not, its prediction means nothing, however confident.

A picture's features are the mean of a pretrained network's last feature map over positions, a vector x. Its score is

    1 - max over k of cos(x, c_k)        0: the same direction as a centre c_k; 1: at right angles to all; 2: opposite

where c are centres of the training pictures' features (`trainers.centres`): Sun et al. 2022 (arXiv:2204.06507), with
centres for all training features to be small enough for the graph. Labels play no part.

The Mahalanobis distance, the residual to the principal subspace and the logits' energy were measured on generated
pictures: they miss many plain colours and texts. The length of x carries little. In a small network trained from
scratch noise lies amid photos, so the test needs a pretrained one.
"""

import numpy as np
from numpy.typing import NDArray

from pawlab.features.rows import AnyRows, Features, blocks


def ood_score(features: AnyRows, centres: Features) -> NDArray[np.float32]:
    """Return (n,) float32, 0 to 2, for features (n, d) and centres (k, d) of length 1: what the graph computes."""
    some = [1 - (directions(features[rows]) @ centres.T).max(axis=1) for rows in blocks(*features.shape)]
    return np.concatenate(some) if some else np.empty(0, np.float32)


def directions(features: Features) -> Features:
    """Return features (n, d) scaled to length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.where(lengths == 0, 1, lengths), np.float32)
