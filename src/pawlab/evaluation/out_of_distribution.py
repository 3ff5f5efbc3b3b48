"""Is a picture like any that the classifier was trained on? If not, its answer means nothing, however sure it sounds.

A picture's features are the mean of a pretrained network's last feature map over places, a vector x. Its ood_score
is

    1 - max over k of cos(x, c_k)        0: the same direction as a centre c_k; 1: at right angles to all of them

and c are up to 256 centres of the training pictures' features: k-means on vectors brought to length 1 (spherical
k-means, Dhillon and Modha 2001), or the pictures themselves where there are no more. Distance to the nearest training
features is the test of Sun et al. 2022 (arXiv:2204.06507); the centres make it small enough to stand in the graph.
"Unlike" begins where only a stated share of pictures that the centres haven't seen lies. Labels play no part.

The Mahalanobis distance, the residual to the principal subspace and the logits' energy were rejected: measured on made
pictures, they miss many plain colours and texts, which this finds. The length of x tells little, so it is taken out. A
small network trained from scratch has no such features: what it makes of noise lies amid what it makes of photos. So
the test needs a pretrained network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.datasets.dataset import Picture
from pawlab.graphs.anatomy import tensor_names
from pawlab.graphs.runtime import open_session
from pawlab.images import Preprocess, decode
from pawlab.parallel import map_in_threads
from pawlab.progress import Progress, silent

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession

Features = NDArray[np.float32]

KEPT_SHARE = 0.995  # of the pictures that the centres haven't seen which count as familiar

_CENTRES = 256  # of 1,280 numbers each: 1.3 MB in the classifier's file
_ROUNDS = 20  # of k-means; it has settled by then, and needn't be perfect
_ENOUGH = 200  # distances, so that the share of 1 in 200 beyond the threshold is more than a guess
_FOLDS = 5
_FEW = 100  # pictures: then each is left out alone
_ROUNDING = 1e-6
_FEATURES = "features"  # their name in the graph


@dataclass(frozen=True)
class Centres:
    """What training pictures look like.

    `centres`: float32 (k, d), rows of length 1. `threshold`: ood_score, 0 to 1; above it, a picture is unlike them.
    """

    centres: Features
    threshold: float


def fit_centres(train: Features, validation: Features) -> Centres:
    """Learn what training pictures look like from their features (n, d), and where "unlike" begins.

    The threshold keeps KEPT_SHARE of the validation pictures (m, d); where they are few, training pictures join them,
    each measured against centres made without it. The same arrays give the same bits.
    """
    from threadpoolctl import threadpool_limits

    directions = _distinct(_directions(train))
    with threadpool_limits(1):  # sums in one order
        centres = _centres(directions)
        distances = ood_score(validation, centres)
        if len(distances) < _ENOUGH:
            distances = np.concatenate([distances, _held_out(directions)])
    return Centres(centres, float(np.quantile(distances, KEPT_SHARE, method="higher")) + _ROUNDING)


def ood_score(features: Features, centres: Features) -> NDArray[np.float32]:
    """Return (n,) float32, 0 to 1, for features (n, d): what the graph computes."""
    result: NDArray[np.float32] = 1 - (_directions(features) @ centres.T).max(axis=1)
    return result


def add_ood_score(model: "ModelProto", centres: Features) -> None:
    """Give a finished graph a second output, `ood_score` float32 (n,). It needs a pretrained network."""
    from onnx import TensorProto, helper, numpy_helper

    features = add_picture_features(model)
    kept = numpy_helper.from_array(np.ascontiguousarray(centres.T), "familiar_directions")
    one = numpy_helper.from_array(np.array(1, np.float32), "unfamiliarity_one")
    model.graph.initializer.extend([kept, one])
    model.graph.node.extend(
        [
            helper.make_node("LpNormalization", [features], ["direction"], name="direction", axis=1, p=2),
            helper.make_node("MatMul", ["direction", kept.name], ["cosines"], name="cosines"),
            helper.make_node("ReduceMax", ["cosines"], ["centres"], name="centres", axes=[1], keepdims=0),
            helper.make_node("Sub", [one.name, "centres"], ["ood_score"], name="ood_score"),
        ]
    )
    model.graph.output.append(helper.make_tensor_value_info("ood_score", TensorProto.FLOAT, ["n"]))


def has_picture_features(model: "ModelProto") -> bool:
    """Say whether a finished graph has a pretrained network in it."""
    return _feature_source(model) is not None


def add_picture_features(model: "ModelProto") -> str:
    """Return the name of the pictures' features in a finished graph, (n, d), added to it where it lacks them.

    Raises ValueError where no pretrained network is in it.
    """
    from onnx import helper

    source = _feature_source(model)
    if source is None:
        raise ValueError("the graph has no pretrained network in it")
    if source != _FEATURES:
        mean = helper.make_node("ReduceMean", [source], [_FEATURES], name=_FEATURES, axes=[1, 2], keepdims=0)
        model.graph.node.append(mean)
    return _FEATURES


def picture_features(
    model: "ModelProto", pictures: Sequence[Picture], preprocess: Preprocess, progress: Progress = silent
) -> Features:
    """Return features (n, d) for pictures that can be decoded, as a finished graph computes them."""
    compute = _FeaturesIn(model, preprocess)
    rows = []
    with progress("Looking at what is familiar", len(pictures)) as advance:
        for row in map_in_threads(compute, pictures):
            rows.append(row)
            advance(1)
    return np.stack(rows)


class _FeaturesIn:
    """Picture -> its features in a graph."""

    def __init__(self, model: "ModelProto", preprocess: Preprocess) -> None:
        self._model = model
        self._preprocess = preprocess

    def __call__(self, picture: Picture) -> Features:
        pixels = decode(picture.path, self._preprocess)
        features: Features = self._session.run(None, {"pictures": pixels[np.newaxis]})[0][0]
        return features

    @cached_property
    def _session(self) -> "InferenceSession":
        from onnx import ModelProto, TensorProto, helper

        model = ModelProto()
        model.CopyFrom(self._model)
        name = add_picture_features(model)
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "d"]))
        return open_session(model.SerializeToString())


def _feature_source(model: "ModelProto") -> str | None:
    """Return what the features are, or what they are the mean of: a pretrained network's feature map, channels last."""
    names = tensor_names(model)
    return next((name for name in (_FEATURES, "feature_map") if name in names), None)


def _directions(features: Features) -> Features:
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    result: Features = (features / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return result


def _distinct(rows: Features) -> Features:
    """Drop repeated pictures: a copy left in would make its twin familiar."""
    return np.stack(list({row.tobytes(): row for row in rows}.values()))


def _centres(directions: Features) -> Features:
    """Start from pictures spread evenly over the training set, so that every class has its share, and chance no say."""
    from sklearn.cluster import KMeans

    if len(directions) <= _CENTRES:
        return directions
    start = directions[np.linspace(0, len(directions) - 1, _CENTRES).round().astype(int)]
    found: NDArray[Any] = KMeans(_CENTRES, init=start, n_init=1, max_iter=_ROUNDS).fit(directions).cluster_centers_
    return _directions(found.astype(np.float32))


def _held_out(directions: Features) -> NDArray[np.float32]:
    """Return each training picture's ood_score to centres made without it."""
    number = len(directions)
    if number < 2:
        return np.empty(0, np.float32)
    folds = np.arange(number) % (number if number <= _FEW else _FOLDS)
    parts = [ood_score(directions[folds == fold], _centres(directions[folds != fold])) for fold in np.unique(folds)]
    return np.concatenate(parts)
