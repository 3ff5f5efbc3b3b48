"""Recipes with a frozen network: it runs in ONNX Runtime on all cores, and only what follows it is trained.

A frozen network's map of a validation picture never changes, so it is computed once. Training pictures are
flipped and turned anew each epoch, as the recipe says, so theirs are computed each epoch, while Keras trains on the
batch before.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.backbones.load import BackboneGraph
from pawlab.graphs.runtime import Graph, open_graph
from pawlab.images import Pixels
from pawlab.parallel import map_in_threads
from pawlab.progress import Progress
from pawlab.recipes.recipe import Layer
from pawlab.trainers.keras.augmentation import augment
from pawlab.trainers.keras.batches import Batch, Decoded, Feed, in_order, one_ahead, room_for
from pawlab.trainers.keras.randomness import generator, shuffled

FeatureMaps = NDArray[np.float32]  # (n, y, x, channels)

_TOGETHER = 4  # pictures that a thread takes at a time; with one, threads wait for each other a tenth of the time


def feature_feed(
    train: Decoded,
    validation: Decoded,
    before: Sequence[Layer],
    graph: BackboneGraph,
    batch_size: int,
    seed: int,
    folder: Path,
    progress: Progress,
) -> Feed:
    """Return the feed of what follows a frozen network: inputs are its feature maps, float32 (b, y, x, channels).

    `before`: the layers before the network: scaling and augmentation. Validation's features go to `folder` where they
    don't fit in memory.
    """
    session = open_graph(graph.path)
    features = _validation_features(session, before, validation, folder, progress)

    def training(epoch: int) -> Iterator[Batch]:
        order = shuffled(len(train), seed, epoch)
        places = (order[start : start + _TOGETHER] for start in range(0, len(order), _TOGETHER))
        maps = map_in_threads(_TrainingFeatures(session, before, train, seed, epoch), places)
        return one_ahead(_batches(chain.from_iterable(maps), train, order, batch_size))

    return Feed(
        training,
        lambda: in_order(features, validation.labels, batch_size),
        input_shape=features.shape[1:],
        input_dtype="float32",
        counts=(len(train), len(validation)),
    )


class _TrainingFeatures:
    """Training pictures' places -> their feature maps in one epoch. Each picture has random numbers of its own."""

    def __init__(self, session: Graph, before: Sequence[Layer], train: Decoded, seed: int, epoch: int) -> None:
        self.session = session
        self.before = before
        self.train = train
        self.seed = seed
        self.epoch = epoch

    def __call__(self, places: NDArray[np.int64]) -> FeatureMaps:
        return _feature_maps(self.session, self.before, np.stack([self._augmented(int(place)) for place in places]))

    def _augmented(self, place: int) -> NDArray[np.float32]:
        random = generator(self.seed, "augmentation", self.epoch, place)
        return augment(self.train.pixels[place], self.before, random)


def _validation_features(
    session: Graph, before: Sequence[Layer], part: Decoded, folder: Path, progress: Progress
) -> NDArray[np.float32]:
    def feature_map(pixels: Pixels) -> NDArray[np.float32]:
        one: NDArray[np.float32] = _feature_maps(session, before, pixels[np.newaxis].astype(np.float32))[0]
        return one

    features: NDArray[Any] | None = None
    with progress("Computing validation features", len(part)) as advance:
        for row, one in enumerate(map_in_threads(feature_map, part.pixels)):
            if features is None:
                features = room_for((len(part), *one.shape), np.float32, folder / "validation-features.npy")
            features[row] = one
            advance(1)
    assert features is not None  # there is at least one validation picture
    return features


def _feature_maps(session: Graph, before: Sequence[Layer], values: NDArray[np.float32]) -> FeatureMaps:
    for layer in before:
        if layer.kind == "rescale":
            values = values * np.float32(layer.options["scale"]) + np.float32(layer.options["offset"])
    maps: FeatureMaps = session.run(["feature_map"], values)[0]
    return maps


def _batches(
    maps: Iterator[NDArray[np.float32]], train: Decoded, order: NDArray[np.int64], batch_size: int
) -> Iterator[Batch]:
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield np.stack([next(maps) for _ in rows]), train.labels[rows]
