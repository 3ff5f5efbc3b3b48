"""Pictures -> features: decoding and the frozen network run together on every core, a picture at a time.

One picture per run and one thread per run, as many runs at once as there are cores: a thread decodes its picture while
another is in the network, no thread waits for another, and a picture's features don't depend on its neighbours'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pawlab.backbones.load import BackboneGraph
from pawlab.datasets.dataset import Picture, Skipped
from pawlab.errors import PictureError
from pawlab.features.store import Features, FeatureStore, Positions, Row
from pawlab.graphs.runtime import Graph, open_graph
from pawlab.images import PictureInfo, Preprocess, Source, read
from pawlab.parallel import map_in_threads
from pawlab.progress import Progress, silent

_ROWS_PER_WRITE = 64  # what a killed run loses at most


@dataclass(frozen=True)
class Extracted:
    """`features`: float32 (n, d), a row for each of `pictures`; `skipped`: those that can't be decoded; `infos`: size
    and format of pictures by SHA-256; `computed`: how many rows weren't in the store."""

    features: Features
    pictures: tuple[Picture, ...]
    skipped: tuple[Skipped, ...]
    infos: dict[str, PictureInfo]
    computed: int


@dataclass(frozen=True)
class ByContent:
    """`features`: float32 (m, d); `rows`: where in it each content is that can be decoded; `failed`: why others can't
    be; `infos`, `computed`: as above."""

    features: Features
    rows: dict[str, int]
    failed: dict[str, str]
    infos: dict[str, PictureInfo]
    computed: int


def extract_features(
    pictures: Sequence[Picture], graph: BackboneGraph, preprocess: Preprocess, progress: Progress = silent
) -> Extracted:
    """Return the backbone's features for each picture, from the store where they are there."""
    found = features_by_content({item.sha256: item.path for item in pictures}, graph, preprocess, progress)
    good = tuple(picture for picture in pictures if picture.sha256 in found.rows)
    order = [found.rows[picture.sha256] for picture in good]
    in_order = order == list(range(len(found.features)))
    return Extracted(
        features=found.features if in_order else found.features[np.array(order, np.int64)],
        pictures=good,
        skipped=tuple(
            Skipped(picture.name, found.failed[picture.sha256])
            for picture in pictures
            if picture.sha256 in found.failed
        ),
        infos=found.infos,
        computed=found.computed,
    )


def features_by_content(
    sources: Mapping[str, Source], graph: BackboneGraph, preprocess: Preprocess, progress: Progress = silent
) -> ByContent:
    """Return features for pictures in any form that `decode` takes, given by the SHA-256 of their content."""
    store = FeatureStore(graph.checksum, preprocess, graph.width)
    contents = list(sources)
    missing = _absent(sources, store.open().find(contents))
    unsaved, failed = _compute(missing, graph, preprocess, store, progress)
    snapshot = store.open()
    rows = snapshot.find(contents)
    lost = {key: source for key, source in _absent(sources, rows).items() if key not in failed and key not in unsaved}
    unsaved |= _compute(lost, graph, preprocess, None, progress)[0]  # the store vanished in between
    kept = rows[rows >= 0]
    features = snapshot.take(kept)
    if unsaved:
        features = np.concatenate([features, [row for row, _ in unsaved.values()]])
    saved = (content for content, row in zip(contents, rows, strict=True) if row >= 0)
    infos = dict(zip(saved, snapshot.infos(kept), strict=True)) | {key: info for key, (_, info) in unsaved.items()}
    places = {content: place for place, content in enumerate(infos)}
    return ByContent(features, places, failed, infos, len(missing) - len(failed))


def _absent(sources: Mapping[str, Source], rows: Positions) -> dict[str, Source]:
    return {content: sources[content] for content, row in zip(sources, rows, strict=True) if row < 0}


def _row_of(graph: Graph, output: str, preprocess: Preprocess, source: Source) -> Row | str:
    """Return a picture's features and header, or the reason why it can't be decoded."""
    try:
        pixels, info = read(source, preprocess)
    except PictureError as error:
        return str(error)
    return graph.run([output], pixels[np.newaxis])[0][0], info


def _compute(
    missing: Mapping[str, Source],
    graph: BackboneGraph,
    preprocess: Preprocess,
    store: FeatureStore | None,
    progress: Progress,
) -> tuple[dict[str, Row], dict[str, str]]:
    """Compute what is missing into the store. Return what it couldn't take, and the reasons of failure."""
    unsaved: dict[str, Row] = {}
    failed: dict[str, str] = {}
    fresh: dict[str, Row] = {}
    if not missing:
        return unsaved, failed
    compute = partial(_row_of, open_graph(graph.path), graph.output, preprocess)

    def save() -> None:
        if store is None or not store.append(fresh):
            unsaved.update(fresh)
        fresh.clear()

    with progress("Computing features", len(missing)) as advance:
        for content, result in zip(missing, map_in_threads(compute, missing.values()), strict=True):
            advance(1)
            if isinstance(result, str):
                failed[content] = result
                continue
            fresh[content] = result
            if len(fresh) >= _ROWS_PER_WRITE:
                save()
    save()
    return unsaved, failed
