"""Pictures -> features: decoding and the frozen network run together on every core, a picture at a time.

One picture a run and one thread a run, as many runs at once as there are cores: a thread decodes its picture while
another is in the network, no thread waits for another, and a picture's features don't depend on its neighbours'.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pawlab.backbones.load import BackboneGraph
from pawlab.datasets.dataset import Picture, Skipped
from pawlab.errors import PictureError
from pawlab.features.store import FeatureCache, Features
from pawlab.graphs.runtime import open_session
from pawlab.images import Preprocess, Source, decode
from pawlab.parallel import MapBatches, map_in_threads
from pawlab.progress import Progress, silent

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_ROWS_A_WRITE = 64  # what a killed run loses at most


@dataclass(frozen=True)
class Extracted:
    """`features`: float32 (n, d), a row for each of `pictures`; `broken`: those that couldn't be decoded; `computed`:
    how many rows weren't in the cache."""

    features: Features
    pictures: tuple[Picture, ...]
    broken: tuple[Skipped, ...]
    computed: int


@dataclass(frozen=True)
class ByContent:
    """`found`: features (d,) by SHA-256; `failed`: why a picture can't be decoded, likewise; `computed`: as above."""

    found: dict[str, Features]
    failed: dict[str, str]
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
    sources = {picture.sha256: picture.path for picture in pictures}
    result = features_by_content(sources, graph, preprocess, progress, map_batches)
    good = tuple(picture for picture in pictures if picture.sha256 in result.found)
    broken = tuple(
        Skipped(picture.name, result.failed[picture.sha256])
        for picture in pictures
        if picture.sha256 not in result.found
    )
    features = np.empty((len(good), graph.backbone.channels), dtype=np.float32)
    for row, picture in enumerate(good):
        features[row] = result.found[picture.sha256]
    return Extracted(features, good, broken, result.computed)


def features_by_content(
    sources: Mapping[str, Source],
    graph: BackboneGraph,
    preprocess: Preprocess,
    progress: Progress = silent,
    map_batches: MapBatches = map_in_threads,
) -> ByContent:
    """Return features for pictures in any form that `decode` takes, given by the SHA-256 of their content."""
    cache = FeatureCache(graph.checksum, preprocess)
    found = cache.read(list(sources))
    missing = {sha256: source for sha256, source in sources.items() if sha256 not in found}
    failed = _compute_missing(missing, _FeaturesOf(graph.path, preprocess), cache, found, progress, map_batches)
    return ByContent(found, failed, computed=len(missing) - len(failed))


class _FeaturesOf:
    """Picture -> its features, or the reason why it can't be decoded. Opens its graph where it first runs."""

    def __init__(self, graph: Path, preprocess: Preprocess) -> None:
        self.graph = graph
        self.preprocess = preprocess

    def __call__(self, source: Source) -> Features | str:
        try:
            pixels = decode(source, self.preprocess)
        except PictureError as error:
            return str(error)
        features: Features = self._session.run(["features"], {"pictures": pixels[np.newaxis]})[0][0]
        return features

    @cached_property
    def _session(self) -> "InferenceSession":
        return open_session(self.graph)


def _compute_missing(
    missing: Mapping[str, Source],
    compute: Callable[[Source], Features | str],
    cache: FeatureCache,
    found: dict[str, Features],
    progress: Progress,
    map_batches: MapBatches,
) -> dict[str, str]:
    """Compute what is missing into `found` and the cache; return the reasons of failure by SHA-256."""
    failed: dict[str, str] = {}
    fresh: list[tuple[str, Features]] = []
    with progress("Computing features", len(missing)) as advance:
        for sha256, result in zip(missing, map_batches(compute, missing.values()), strict=True):
            advance(1)
            if isinstance(result, str):
                failed[sha256] = result
                continue
            found[sha256] = result
            fresh.append((sha256, result))
            if len(fresh) >= _ROWS_A_WRITE:
                cache.write(fresh)
                fresh = []
    cache.write(fresh)
    return failed
