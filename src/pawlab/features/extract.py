"""Pictures -> features: what the frozen network makes of each, from the store or else from the engine."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pawlab.backbones.load import BackboneGraph
from pawlab.datasets.dataset import Picture, Skipped
from pawlab.engines.local import LOCAL, Engine
from pawlab.engines.work import ForwardPass
from pawlab.features.rows import FeatureRows, Positions, as_rows
from pawlab.features.store import FeatureStore, Row
from pawlab.images import PictureInfo, Pinned, Preprocess, Source
from pawlab.progress import Progress, silent

_ROWS_PER_WRITE = 64  # what a killed run loses at most


@dataclass(frozen=True)
class Extracted:
    """`features`: (n, d), a row for each of `pictures`; `skipped`: those that can't be decoded; `infos`: size
    and format of pictures by SHA-256; `computed`: how many rows weren't in the store."""

    features: FeatureRows
    pictures: tuple[Picture, ...]
    skipped: tuple[Skipped, ...]
    infos: dict[str, PictureInfo]
    computed: int


@dataclass(frozen=True)
class ByContent:
    """`features`: (m, d); `rows`: where in it each content is that can be decoded; `failed`: why others can't
    be; `infos`, `computed`: as above."""

    features: FeatureRows
    rows: dict[str, int]
    failed: dict[str, str]
    infos: dict[str, PictureInfo]
    computed: int


def extract_features(
    pictures: Sequence[Picture],
    graph: BackboneGraph,
    preprocess: Preprocess,
    progress: Progress = silent,
    engine: Engine = LOCAL,
) -> Extracted:
    """Return the backbone's features for each picture, from the store where they are there."""
    found = features_by_content({item.sha256: item.path for item in pictures}, graph, preprocess, progress, engine)
    good = tuple(picture for picture in pictures if picture.sha256 in found.rows)
    return Extracted(
        features=found.features.only(np.array([found.rows[picture.sha256] for picture in good], np.int64)),
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
    sources: Mapping[str, Source],
    graph: BackboneGraph,
    preprocess: Preprocess,
    progress: Progress = silent,
    engine: Engine = LOCAL,
) -> ByContent:
    """Return features for pictures in any form that `decode` takes, given by the SHA-256 of their content."""
    store = FeatureStore(graph.checksum + engine.mark, preprocess, graph.width)
    contents = list(sources)
    missing = _absent(sources, store.open().find(contents))
    unsaved, failed = _compute(missing, graph, preprocess, store, progress, engine)
    snapshot = store.open()
    rows = snapshot.find(contents)
    lost = {key: source for key, source in _absent(sources, rows).items() if key not in failed and key not in unsaved}
    unsaved |= _compute(lost, graph, preprocess, None, progress, engine)[0]  # the store vanished in between
    kept = rows[rows >= 0]
    features = snapshot.take(kept)
    if unsaved:
        features = as_rows(np.concatenate([features[:], [row for row, _ in unsaved.values()]]))
    saved = (content for content, row in zip(contents, rows, strict=True) if row >= 0)
    infos = dict(zip(saved, snapshot.infos(kept), strict=True)) | {key: info for key, (_, info) in unsaved.items()}
    places = {content: place for place, content in enumerate(infos)}
    return ByContent(features, places, failed, infos, len(missing) - len(failed))


def _absent(sources: Mapping[str, Source], rows: Positions) -> dict[str, Source]:
    return {content: sources[content] for content, row in zip(sources, rows, strict=True) if row < 0}


def _compute(
    missing: Mapping[str, Source],
    graph: BackboneGraph,
    preprocess: Preprocess,
    store: FeatureStore | None,
    progress: Progress,
    engine: Engine,
) -> tuple[dict[str, Row], dict[str, str]]:
    """Compute what is missing into the store. Return what it couldn't take, and the reasons of failure."""
    unsaved: dict[str, Row] = {}
    failed: dict[str, str] = {}
    fresh: dict[str, Row] = {}
    if not missing:
        return unsaved, failed
    pinned = (_pinned(content, source) for content, source in missing.items())
    work = ForwardPass(graph.path, {graph.output: (graph.width,)}, preprocess, graph.backbone.name)

    def save() -> None:
        if store is None or not store.append(fresh):
            unsaved.update(fresh)
        fresh.clear()

    with progress("Computing features", len(missing)) as advance:
        for content, result in zip(missing, engine.forward(work, pinned), strict=True):
            advance(1)
            if isinstance(result, str):
                failed[content] = result
                continue
            fresh[content] = result.values[0], result.info
            if len(fresh) >= _ROWS_PER_WRITE:
                save()
    save()
    return unsaved, failed


def _pinned(content: str, source: Source) -> Source:
    """Return a source that can't bring anything but that content into the store."""
    return Pinned(os.fspath(source), content) if isinstance(source, str | os.PathLike) else source
