"""Pictures sorted into one folder per predicted class."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pawlab.classifier import Classifier, Result
from pawlab.datasets.dataset import Named
from pawlab.datasets.inputs import find_pictures
from pawlab.engines.local import LOCAL, Engine
from pawlab.errors import PawlabError
from pawlab.files.sorting import TABLE, Sorter, folder_names, sorting
from pawlab.progress import Progress, notebook_bar
from pawlab.storage import cache_dir

NOT_SURE, UNREADABLE = "not-sure", "unreadable"


@dataclass
class Sorted:
    """What a sorting did. `folders`: how many pictures came into each; `before`: how many a former call had sorted;
    `missing`: names of files that don't exist; `inside`: how many were skipped since they lie in `out` itself.
    """

    out: Path
    folders: dict[str, int] = field(default_factory=dict)
    before: int = 0
    missing: list[str] = field(default_factory=list)
    inside: int = 0

    @property
    def table(self) -> Path:
        """Return where it is written what went where."""
        return self.out / TABLE


def sort_pictures(
    model: str | Path | Classifier,
    pictures: str | Path | Iterable[str | Path],
    out: str | Path,
    *,
    move: bool = False,
    progress: Progress = notebook_bar,
) -> Sorted:
    """Copy, or move, pictures into one folder of `out` per class, not-sure/ and unreadable/.

    `pictures`: files, folders and whatever else `predict` takes. Nothing is overwritten: of two pictures of one name
    the second gets a number. `out`/sorted.csv says what went where; `pawlab.files.sorting.undo` takes it back. A call
    that was killed goes on with the next one, which predicts only what isn't sorted. Raises the errors of
    `pawlab.errors`; PawlabError for moving pictures out of an archive, from an address, or out of a folder that
    can't be written.
    """
    classifier = model if isinstance(model, Classifier) else Classifier.load(model)
    named = [pictures] if isinstance(pictures, str | Path) else pictures
    return sort_found(classifier, find_pictures(named, None, progress).pictures, Path(out).expanduser(), move, progress)


def sort_found(
    classifier: Classifier,
    found: Iterable[Named],
    out: Path,
    move: bool = False,
    progress: Progress = notebook_bar,
    engine: Engine = LOCAL,
) -> Sorted:
    """Do what `sort_pictures` says, for pictures that were found."""
    result = Sorted(out)
    folders = folder_names(classifier.classes, (NOT_SURE, UNREADABLE, TABLE))
    with sorting(out) as sorter:
        waiting = list(_waiting(found, sorter, result, move))
        with progress("Sorting", len(waiting)) as advance:
            for picture, prediction in zip(waiting, classifier.predict_each(waiting, engine), strict=True):
                _put(sorter, picture, prediction, folders, move, result)
                advance(1)
    return result


def _waiting(found: Iterable[Named], sorter: Sorter, result: Sorted, move: bool) -> Iterator[Named]:
    """Yield what is to be sorted; count the rest."""
    out, cache = result.out.resolve(), cache_dir().resolve()
    for picture in {picture.path: picture for picture in found}.values():
        path = Path(picture.path)
        place = path.absolute().parent.resolve()
        if place.is_relative_to(out):
            result.inside += 1
        elif move and place.is_relative_to(cache):
            raise PawlabError(
                f"{picture.name} lies in an archive or at an address: it can't be moved. Leave out --move."
            )
        elif sorter.is_done(path):
            result.before += 1
        elif not path.is_file():
            result.missing.append(picture.name)
        elif move and not path.is_symlink() and not os.access(place, os.W_OK):
            raise PawlabError(
                f"{picture.name} can't be moved: its folder {place} can't be written. Leave out --move to copy."
            )
        else:
            yield picture


def _put(
    sorter: Sorter, picture: Named, prediction: Result, folders: dict[str, str], move: bool, result: Sorted
) -> None:
    if prediction.error is not None:
        row = sorter.put(Path(picture.path), UNREADABLE, move)
    else:
        folder = folders[prediction.label] if prediction.sure else NOT_SURE
        row = sorter.put(Path(picture.path), folder, move, prediction.label, f"{prediction.probability:.6f}")
    result.folders[row.folder] = result.folders.get(row.folder, 0) + 1
