"""Is a picture like those that the classifier was trained on? If not, its prediction means nothing, however confident.

A picture's features are the mean of a pretrained network's last feature map over positions, a vector x. Its score is

    1 - max over k of cos(x, c_k)        0: the same direction as a centre c_k; 1: at right angles to all; 2: opposite

where c are centres of the training pictures' features (`trainers.centres`). Distance to the nearest training features
is the test of Sun et al. 2022 (arXiv:2204.06507); the centres make it small enough to stand in the graph. Labels play
no part.

The Mahalanobis distance, the residual to the principal subspace and the logits' energy were rejected: measured on
generated pictures, they miss many plain colours and texts, which this finds. The length of x carries little, so it is
divided out. A small network trained from scratch has no such features: noise lies amid photos there. So the test needs
a pretrained network.
"""

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]


def ood_score(features: Features, centres: Features) -> NDArray[np.float32]:
    """Return (n,) float32, 0 to 2, for features (n, d) and centres (k, d) of length 1: what the graph computes."""
    result: NDArray[np.float32] = 1 - (directions(features) @ centres.T).max(axis=1)
    return result


def directions(features: Features) -> Features:
    """Return features (n, d) scaled to length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    result: Features = (features / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return result
