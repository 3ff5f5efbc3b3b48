"""Recipes with a frozen network: it runs in ONNX Runtime on all cores, and only what follows it is trained.

Its map of a validation picture never changes, so it is computed once. Training pictures are flipped and turned anew
each epoch, and their maps computed while Keras trains on the batch before.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pawlab.backbones.load import BackboneGraph
from pawlab.graphs.runtime import Graph, open_graph
from pawlab.images import Pixels
from pawlab.parallel import map_in_threads
from pawlab.recipes.recipe import Layer
from pawlab.trainers.fitted import Settings
from pawlab.trainers.keras.augmentation import augment
from pawlab.trainers.keras.batches import Decoded, Feed, room_for
from pawlab.trainers.keras.randomness import generator

FeatureMap = NDArray[np.float32]  # (y, x, channels)

_TOGETHER = 4  # pictures that a thread takes at a time; with one, threads wait for each other a tenth of the time


def feature_feed(
    train: Decoded,
    validation: Decoded,
    before: Sequence[Layer],
    graph: BackboneGraph,
    batch_size: int,
    settings: Settings,
) -> Feed:
    """Return the feed of what follows a frozen network: inputs are its feature maps, float32 (b, y, x, channels).

    `before`: the layers before the network: scaling and augmentation. Validation's maps go to the folder where they
    don't fit in memory.
    """
    feature_maps = partial(_feature_maps, open_graph(graph.path), before)

    def training_maps(epoch: int, order: list[int]) -> Iterator[FeatureMap]:
        def augmented(place: int) -> NDArray[np.float32]:
            return augment(train.pixels[place], before, generator(settings.seed, "augmentation", epoch, place))

        def maps_of(places: list[int]) -> NDArray[np.float32]:
            return feature_maps(np.stack([augmented(place) for place in places]))

        groups = (order[start : start + _TOGETHER] for start in range(0, len(order), _TOGETHER))
        return chain.from_iterable(map_in_threads(maps_of, groups))

    def feature_map(pixels: Pixels) -> FeatureMap:
        one: FeatureMap = feature_maps(pixels[np.newaxis].astype(np.float32))[0]
        return one

    shape = (len(validation), *feature_map(validation.pixels[0]).shape)
    validation_maps = room_for(shape, np.float32, settings.folder / "validation-features.npy")
    with settings.progress("Computing validation features", len(validation)) as advance:
        for row, one in enumerate(map_in_threads(feature_map, validation.pixels)):
            validation_maps[row] = one
            advance(1)
    return Feed(training_maps, train.labels, validation_maps, validation.labels, batch_size, settings.seed)


def _feature_maps(session: Graph, before: Sequence[Layer], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale pictures (n, h, w, 3), 0-255, as the layers say, and return their maps (n, y, x, channels)."""
    for layer in before:
        if layer.kind == "rescale":
            scale, offset = (np.array(layer.options[name], np.float32) for name in ("scale", "offset"))
            values = values * scale + offset
    maps: NDArray[np.float32] = session.run(["feature_map"], values)[0]
    return maps
