"""The pictures of a finished run, found again where its data lies, and those of data with labels given by hand."""

from dataclasses import replace
from pathlib import Path

from pawlab.classifier import model_file
from pawlab.datasets.dataset import Dataset, Picture
from pawlab.datasets.discover import discover
from pawlab.datasets.labels import read_labels, with_labels
from pawlab.datasets.options import DataOptions
from pawlab.datasets.splits import without_overlap
from pawlab.progress import Progress
from pawlab.runs.record import Run, read_split
from pawlab.runs.request import Request
from pawlab.storage import RUN_FILE


def labelled_data(data: str | Path, options: DataOptions, progress: Progress) -> Dataset:
    """Return data with the labels that people gave by hand, of test pictures too.

    Copies of a content that was given to several splits are skipped as in training.
    """
    found = without_overlap(discover(data, progress, options))
    if options.labels is None:
        return found
    whole = replace(found, pictures=tuple(replace(picture, split=None) for picture in found.pictures))
    return with_labels(whole, read_labels(Path(options.labels).expanduser()))


def pictures_of(model: str | Path, progress: Progress) -> tuple[Picture, ...]:
    """Return a run's pictures that are still there, by their content, each in its split; none of what is no run.

    Raises DataError where its data is gone.
    """
    folder = model_file(model).parent
    if not (folder / RUN_FILE).is_file():
        return ()
    request = Request.of_run(Run(folder))
    splits = read_split(folder)
    options = replace(request.options, min_per_class=0)  # `splits` knows which were used
    found = (labelled_data(data, options, progress).pictures for data in (request.data, *request.more))
    return tuple(
        replace(picture, split=splits[picture.sha256])
        for pictures in found
        for picture in pictures
        if picture.sha256 in splits
    )


def validation_pictures(model: str | Path, progress: Progress) -> tuple[Path, ...]:
    """Return where a run's validation pictures lie; see `pictures_of`."""
    return tuple(picture.path for picture in pictures_of(model, progress) if picture.split == "validation")
