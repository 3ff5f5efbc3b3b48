"""Data, as a run reads it: its pictures found, those left out that can't be decoded, the others split."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pawlab.audit.measurements import Measurements
from pawlab.datasets.discover import discover
from pawlab.datasets.labels import read_labels, with_labels
from pawlab.datasets.options import DataOptions
from pawlab.datasets.reading import without_small_classes
from pawlab.datasets.splits import assign_splits, require_trainable
from pawlab.engines.local import LOCAL, Engine
from pawlab.features.thumbnails import thumbnails
from pawlab.progress import Progress, silent
from pawlab.runs.record import read_split
from pawlab.runs.request import Request, Stopwatch

_HARDLY_USED = 0.01  # of the values from black to white


def read_for(request: Request, watch: Stopwatch, progress: Progress) -> Measurements:
    """Read what a run is to be trained on. Raises DataError where nothing can be trained on that."""
    with watch.stage("discover"):
        engine = request.engines.open()
        read = read_and_split(request.data, request.seed, request.options, progress, request.more, engine)
        require_trainable(read.dataset)
    return read


def read_and_split(
    data: str | Path,
    seed: int,
    options: DataOptions,
    progress: Progress = silent,
    more: Sequence[str] = (),
    engine: Engine = LOCAL,
) -> Measurements:
    """Find the pictures, leave out those that can't be decoded, and split them with near duplicates together."""
    earlier = None if options.split_from is None else read_split(Path(options.split_from).expanduser())
    dataset = discover(data, progress, options)
    for added in more:
        dataset = dataset.joined(discover(added, progress, replace(options, min_per_class=0)))
    if more:  # else it is done
        dataset = without_small_classes(dataset, options.min_per_class)
    small = thumbnails(dataset.pictures, progress, engine)
    near = small.near_duplicates(progress)
    together = [(pair.first, pair.second) for pair in near] if options.near_duplicates == "group" else []
    value_range = small.value_range and (options.black_and_white or small.value_range)
    dataset = assign_splits(dataset.without(small.skipped), seed, options, together, earlier)
    if value_range:
        black, white = value_range
        note = f"pictures of more than 8 bits: {black:g} is black, {white:g} is white; --value-range takes others"
        dataset = replace(dataset, notes=(*dataset.notes, note))
        if small.brightest < white * _HARDLY_USED:
            doubt = f"the brightest value is {small.brightest:g} of {white:g}: give --value-range, or all is dark"
            dataset = replace(dataset, doubts=(*dataset.doubts, doubt))
    if options.labels is not None:
        dataset = with_labels(dataset, read_labels(Path(options.labels).expanduser()))
    sizes = [(info.width, info.height) for info in small.infos]
    return Measurements(dataset, near=near, value_range=value_range, sizes=sizes)
