"""The validation pictures of a finished run, found again where its data lies."""

from pathlib import Path

from pawlab.classifier import model_file
from pawlab.datasets.discover import discover
from pawlab.progress import Progress
from pawlab.runs.record import Run, read_split
from pawlab.runs.request import Request
from pawlab.storage import RUN_FILE


def validation_pictures(model: str | Path, progress: Progress) -> tuple[Path, ...]:
    """Return where they lie now, by their content; none where `model` is no run of ours. Raises DataError."""
    folder = model_file(model).parent
    if not (folder / RUN_FILE).is_file():
        return ()
    record = Run(folder).record
    asked = record.get("request", record.get("order"))
    if isinstance(asked, dict):
        asked = asked | {"own_recipe": None}  # its pictures alone are wanted
    request = Request.from_record({"request": asked}, folder / RUN_FILE).seen_from_here()
    splits = read_split(folder)
    found = (discover(data, progress, request.options) for data in (request.data, *request.more))
    return tuple(
        picture.path for dataset in found for picture in dataset.pictures if splits.get(picture.sha256) == "validation"
    )
