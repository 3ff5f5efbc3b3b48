"""Deleting a run: its own files, and nothing that somebody else has put beside them."""

import shutil
from pathlib import Path

from pawlab.classifier import FILE_NAME
from pawlab.errors import OutputError
from pawlab.runs.directory import held
from pawlab.runs.listing import is_ours
from pawlab.runs.record import (
    EARLIER_SPLIT_FILE,
    HISTORY_FILE,
    LABEL_ISSUES_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    RUN_FILE,
    SPLIT_FILE,
    Run,
)
from pawlab.trainers.keras.checkpoint import UNFINISHED

_ALONE = (FILE_NAME, HISTORY_FILE, PREDICTIONS_FILE, SPLIT_FILE, LABEL_ISSUES_FILE)
_OURS = (
    *(*_ALONE, METRICS_FILE, "report.html", "MODEL_CARD.md", "plots", "folds", "tensorboard", ".*.partial"),
    *(*UNFINISHED, EARLIER_SPLIT_FILE),
    RUN_FILE,  # the last: a run that is half-deleted is still one that can be deleted
)


def require_deletable(folder: Path) -> None:
    """Raise OutputError unless the folder is a run's own, which may be damaged, and no link to it."""
    if folder.is_symlink():
        raise OutputError(f"{folder} is a link to {folder.resolve()}. Name that folder, or remove the link.")
    if not (folder / RUN_FILE).is_file():
        raise OutputError(f"{folder} isn't a run: it has no {RUN_FILE}. Nothing was deleted.")
    try:
        ours = is_ours(Run(folder).record)
    except OutputError:  # it can't be read: what lies beside it tells whose it is
        ours = any((folder / name).is_file() for name in _ALONE)
    if not ours:
        raise OutputError(f"{folder} isn't a run: its {RUN_FILE} is another program's. Nothing was deleted.")


def delete_run(folder: str | Path) -> list[Path]:
    """Delete a run for good, and return what else was in its folder, which is kept, as the folder then is.

    Raises OutputError where the folder isn't a run's, another process trains it, or the system won't let it go.
    """
    place = Path(folder)
    require_deletable(place)
    with held(place):
        for pattern in _OURS:
            for path in place.glob(pattern):
                _delete(path)
        kept = sorted(place.iterdir())
        if not kept:
            _delete(place)
    return kept


def _delete(path: Path) -> None:
    try:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    except OSError as error:
        raise OutputError(f"can't delete {error.filename or path}: {error.strerror or error}.") from error
