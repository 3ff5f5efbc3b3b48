"""Pictures -> features: decoding and the frozen network run together on every core, a picture at a time.

One picture a run and one thread a run, as many runs at once as there are cores: a thread decodes its picture while
another is in the network, no thread waits for another, and a picture's features don't depend on its neighbours'.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pawlab.data.dataset import Picture, SetAside
from pawlab.errors import PictureError
from pawlab.features.cache import FeatureCache, Features
from pawlab.features.graphs import BackboneGraph
from pawlab.parallel import MapBatches, map_in_threads
from pawlab.pictures import Preprocess, decode
from pawlab.progress import Progress, silent
from pawlab.runtime import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_ROWS_A_WRITE = 64  # what a killed run loses at most


@dataclass(frozen=True)
class Extracted:
    """`features`: float32 (n, d), a row for each of `pictures`; `broken`: those that couldn't be decoded; `computed`:
    how many rows weren't in the cache."""

    features: Features
    pictures: tuple[Picture, ...]
    broken: tuple[SetAside, ...]
    computed: int


def extract_features(
    pictures: Sequence[Picture],
    graph: BackboneGraph,
    preprocess: Preprocess,
    progress: Progress = silent,
    map_batches: MapBatches = map_in_threads,
) -> Extracted:
    """Return the backbone's features for each picture, from the cache where they are there.

    Memory holds the features, 4 bytes times d a picture, and a few pictures at a time.
    """
    cache = FeatureCache(graph.checksum, preprocess)
    known = cache.read([picture.sha256 for picture in pictures])
    missing = list({picture.sha256: picture for picture in pictures if picture.sha256 not in known}.values())
    failed = _compute_missing(missing, _FeaturesOf(graph.path, preprocess), cache, known, progress, map_batches)
    good = tuple(picture for picture in pictures if picture.sha256 in known)
    broken = tuple(
        SetAside(picture.name, failed[picture.sha256]) for picture in pictures if picture.sha256 not in known
    )
    features = np.empty((len(good), graph.backbone.channels), dtype=np.float32)
    for row, picture in enumerate(good):
        features[row] = known[picture.sha256]
    return Extracted(features, good, broken, computed=len(missing) - len(failed))


class _FeaturesOf:
    """Picture -> its features, or the reason why it can't be decoded. Opens its graph where it first runs."""

    def __init__(self, graph: Path, preprocess: Preprocess) -> None:
        self.graph = graph
        self.preprocess = preprocess

    def __call__(self, picture: Picture) -> Features | str:
        try:
            pixels = decode(picture.path, self.preprocess)
        except PictureError as error:
            return str(error)
        features: Features = self._session.run(["features"], {"pictures": pixels[np.newaxis]})[0][0]
        return features

    @cached_property
    def _session(self) -> "InferenceSession":
        return open_session(self.graph)


def _compute_missing(
    missing: Sequence[Picture],
    compute: Callable[[Picture], Features | str],
    cache: FeatureCache,
    known: dict[str, Features],
    progress: Progress,
    map_batches: MapBatches,
) -> dict[str, str]:
    """Compute what is missing into `known` and the cache; return the reasons of failure by SHA-256."""
    failed: dict[str, str] = {}
    fresh: list[tuple[str, Features]] = []
    with progress("Computing features", len(missing)) as advance:
        for picture, result in zip(missing, map_batches(compute, missing), strict=True):
            advance(1)
            if isinstance(result, str):
                failed[picture.sha256] = result
                continue
            known[picture.sha256] = result
            fresh.append((picture.sha256, result))
            if len(fresh) >= _ROWS_A_WRITE:
                cache.write(fresh)
                fresh = []
    cache.write(fresh)
    return failed
