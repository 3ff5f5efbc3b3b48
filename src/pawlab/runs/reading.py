"""Data, as a run reads it: its pictures found, those left out that can't be decoded, the others split."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pawlab.audit.measurements import Measurements
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.discover import discover, require_table
from pawlab.datasets.groups import require_groups
from pawlab.datasets.labels import read_labels, with_labels
from pawlab.datasets.options import DataOptions
from pawlab.datasets.reading import without_small_classes
from pawlab.datasets.splits import assign_splits, require_trainable
from pawlab.engines.local import LOCAL, Engine
from pawlab.errors import DataError, counted
from pawlab.features.thumbnails import thumbnails
from pawlab.files.addresses import redacted
from pawlab.names import listed
from pawlab.progress import Progress, silent
from pawlab.runs.record import SPLIT_FILE, Run, SplitRow, read_split_file
from pawlab.runs.request import Request, Stopwatch

_HARDLY_USED = 0.01  # of the values from black to white
_NAMED = 5  # pictures that are gone, named in the line on them


def read_for(request: Request, watch: Stopwatch, progress: Progress, earlier: Path | None = None) -> Measurements:
    """Read what a run is to be trained on. Raises DataError where nothing can be trained on that.

    `earlier`: a copy of the split.csv that `split_from` had when the run was begun.
    """
    with watch.stage("discover"):
        engine = request.engines.open()
        read = read_and_split(request.data, request.seed, request.options, progress, request.more, engine, earlier)
        require_trainable(read.dataset, extended=bool(request.more))
    return read


def read_and_split(
    data: str | Path,
    seed: int,
    options: DataOptions,
    progress: Progress = silent,
    more: Sequence[str] = (),
    engine: Engine = LOCAL,
    earlier: Path | None = None,
) -> Measurements:
    """Find the pictures, leave out those that can't be decoded, and split them with near duplicates together.

    `earlier`: as in `read_for`.
    """
    rows = None
    if options.split_from is not None:
        rows = read_split_file(earlier or Path(options.split_from).expanduser() / SPLIT_FILE)
    dataset = _found(data, options, progress, more, rows)
    small = thumbnails(dataset.pictures, progress, engine)
    near = small.near_duplicates(progress)
    together = [(pair.first, pair.second) for pair in near] if options.near_duplicates == "group" else []
    value_range = small.value_range and (options.black_and_white or small.value_range)
    dataset = without_small_classes(dataset.without(small.skipped), options.min_per_class)
    splits = {sha256: row.split for sha256, row in (rows or {}).items()}
    dataset = assign_splits(dataset, seed, options, together, splits)
    if value_range:
        black, white = value_range
        note = f"pictures of more than 8 bits: {black:g} is black, {white:g} is white; --value-range takes others"
        dataset = replace(dataset, notes=(*dataset.notes, note))
        if small.brightest < white * _HARDLY_USED:
            doubt = f"the brightest value is {small.brightest:g} of {white:g}: give --value-range, or all is dark"
            dataset = replace(dataset, doubts=(*dataset.doubts, doubt))
    if options.labels is not None:
        dataset = replace(dataset, before_labels=dataset.fingerprint)
        dataset = with_labels(dataset, read_labels(Path(options.labels).expanduser()))
        dataset = without_small_classes(dataset, options.min_per_class)
    sizes = [(info.width, info.height) for info in small.infos]
    return Measurements(dataset, near=near, value_range=value_range, sizes=sizes)


def what_has_changed(begun: Any, dataset: Dataset) -> Literal["pictures", "labels"] | None:
    """Return what isn't as it was when a run was begun, if anything; `labels`: those alone that were given by hand.

    `begun`: what the run's record holds of its data.
    """
    known = begun if isinstance(begun, dict) else {}
    if known.get("fingerprint") == dataset.fingerprint:
        return None
    before = known.get("fingerprint_before_labels")
    return "labels" if before is not None and before == dataset.before_labels else "pictures"


def require_unchanged(run: Run, request: Request, dataset: Dataset) -> None:
    """Raise DataError where a run can't go on, since what it was begun with has changed."""
    changed = what_has_changed(run.record.get("data"), dataset)
    if changed == "labels":
        what = f"the labels in {request.options.labels} have changed since {run.folder} was begun"
        raise DataError(f"{what}. Bring that file back as it was, or train anew.")
    if changed:
        data = listed(map(redacted, (request.data, *request.more)), "or")
        raise DataError(f"{data} has changed since {run.folder} was begun. Bring the pictures back, or train anew.")


def earlier_split(options: DataOptions) -> bytes | None:
    """Return the split.csv that `split_from` has, for a run to keep. Raises DataError where it is gone."""
    if options.split_from is None:
        return None
    path = Path(options.split_from).expanduser() / SPLIT_FILE
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"can't read {path} any more: {error.strerror or error}. Bring that run back.") from error


def _found(
    data: str | Path,
    options: DataOptions,
    progress: Progress,
    more: Sequence[str],
    rows: Mapping[str, SplitRow] | None,
) -> Dataset:
    """Find all pictures. Raises DataError for options that have no effect on data which nothing was trained on yet."""
    all_classes = replace(options, min_per_class=0)  # of which old and new pictures are counted together
    dataset = discover(data, progress, all_classes if more else options)
    if not more:
        require_table(data, options)
        require_groups(dataset, options)
    for added in more:
        dataset = dataset.joined(discover(added, progress, all_classes))
    if options.split_from is not None and rows is not None:
        names = {sha256: row.path for sha256, row in rows.items()}
        dataset = _with_what_is_gone(dataset, Path(options.split_from).expanduser(), names, bool(more))
    return dataset


def _with_what_is_gone(dataset: Dataset, run: Path, names: Mapping[str, str], required: bool) -> Dataset:
    """Doubt data that lacks pictures of an earlier run. Raises DataError where it lacks all that are required."""
    gone = sorted({*names} - {picture.sha256 for picture in dataset.pictures}, key=names.__getitem__)
    if not gone:
        return dataset
    of = counted(len(names), "picture", "pictures")
    if len(gone) < len(names):
        some = ", ".join(names[sha256] for sha256 in gone[:_NAMED]) + (", ..." if len(gone) > _NAMED else "")
        verbs = ("isn't", "has") if len(gone) == 1 else ("aren't", "have")
        doubt = f"{len(gone):,} of the {of} of {run} {verbs[0]} here any more, or {verbs[1]} changed: {some}"
    elif required:
        raise DataError(
            f"none of the {of} of {run} is where it was, or all have changed. Put them back as they were, or train "
            "anew on all pictures."
        )
    else:
        doubt = f"none of the {of} of {run} is here, so all are split anew"
    return replace(dataset, doubts=(*dataset.doubts, doubt))
