"""Data sets that have a name: where they come from, their licence, and how to check that they're the right ones."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pawlab.datasets.dataset import Dataset
from pawlab.datasets.folders import folder_dataset
from pawlab.datasets.sample import SAMPLE
from pawlab.errors import DataError, did_you_mean
from pawlab.files.archives import stem, unpack
from pawlab.files.download import cached_path, download
from pawlab.progress import Progress, notebook_bar, silent


@dataclass(frozen=True)
class KnownData:
    """A known data set. `size`: bytes of all pictures, unpacked.

    `fingerprint`: `Dataset.fingerprint` of the right pictures under the right names. `url`: its archive; None where it
    comes with the package.
    """

    name: str
    pictures: int
    classes: tuple[str, ...]
    size: int
    licence: str
    origin: str
    fingerprint: str
    url: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return its fields as plain values."""
        return asdict(self)


KNOWN_DATA = (
    KnownData(
        name="sample",
        pictures=300,
        classes=("cats", "dogs"),
        size=2_743_486,
        licence="Apache-2.0",
        origin="drawn for pawlab, and staged; it comes with the package",
        fingerprint="db78e8e431c88d73df580fdd231fcc272d6f067f324e8bfbaf3143edebcd169b",
    ),
    KnownData(
        name="cats-and-dogs",
        pictures=3000,
        classes=("cats", "dogs"),
        size=68_556_176,
        licence="for study: the terms of Kaggle's Dogs vs. Cats competition",
        origin="a subset of Kaggle's Dogs vs. Cats (Asirra, Microsoft Research), chosen by Google for its courses",
        url="https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip",
        fingerprint="9051f4928d4c45b56eaeadf86ff06b0fdb7ca01d08524b9413a754af2eb7d87e",
    ),
)


def load_known(name: str, progress: Progress = silent) -> Dataset:
    """Return a known data set, its pictures checked; fetched and unpacked where it isn't here yet.

    Raises DataError where there's none of that name, it can't be fetched, or its pictures aren't the right ones.
    """
    known = _find(name)
    place = SAMPLE if known.url is None else _local_copy(known.url)
    if place is None:
        return _fetched(known, str(known.url), progress)
    dataset = _read(known, place, progress)
    _require_right_pictures(dataset, known, place)
    return dataset


def get_data(name: str, progress: Progress = notebook_bar) -> Path:
    """Return the folder of a known data set; it is fetched and unpacked where it isn't here yet.

    `name`: one that `pawlab data list` shows. Raises DataError where there's none of that name, it can't be fetched, or
    its pictures aren't the right ones.
    """
    return load_known(name, progress).root


def is_known(name: str) -> bool:
    """Say whether a data set has this name."""
    return any(known.name == name for known in KNOWN_DATA)


def fingerprint_of(name: str) -> str:
    """Return the fingerprint of a known data set. Raises DataError where there's none of that name."""
    return _find(name).fingerprint


def known_name_like(given: str) -> str:
    """Return ` Did you mean 'x'?` for a known data set whose name is near, or an empty string."""
    return did_you_mean(given.replace("_", "-"), [known.name for known in KNOWN_DATA])


def _find(name: str) -> KnownData:
    for known in KNOWN_DATA:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in KNOWN_DATA)
    raise DataError(f"there's no known data set '{name}'.{known_name_like(name)} These are known: {names}.")


def _local_copy(url: str) -> Path | None:
    """Return the archive, or the folder unpacked from it, in the folder that PAWLAB_DATA_DIR names."""
    given = os.environ.get("PAWLAB_DATA_DIR")
    if not given:
        return None
    archive = Path(given).expanduser() / url.rpartition("/")[2]
    folder = archive.with_name(stem(archive.name))
    return next((place for place in (archive, folder) if place.exists()), None)


def _fetched(known: KnownData, url: str, progress: Progress) -> Dataset:
    archive_name = url.rpartition("/")[2]
    try:
        archive = download(url, progress)
    except DataError as error:
        raise DataError(f"{error} Or put {archive_name} in a folder and set PAWLAB_DATA_DIR to that.") from error
    try:
        dataset = _read(known, archive, progress)
        _require_right_pictures(dataset, known, Path(archive_name))
    except DataError:
        cached_path(url).unlink(missing_ok=True)  # the next run fetches it again
        raise
    return dataset


def _read(known: KnownData, place: Path, progress: Progress) -> Dataset:
    folder = place if place.is_dir() else unpack(place, progress).folder
    return folder_dataset(folder, known.name, progress, shown=place)


def _require_right_pictures(dataset: Dataset, known: KnownData, place: Path) -> None:
    if dataset.fingerprint == known.fingerprint:
        return
    if len(dataset) != known.pictures:
        problem = f"it holds {len(dataset):,} pictures that can be read, not {known.pictures:,}"
    else:
        problem = f"it holds {known.pictures:,} pictures, but names or contents differ from the published ones"
    raise DataError(
        f"{place} isn't the data set '{known.name}': {problem}. Replace it, or give its path in place of the name to "
        "use it as it is."
    )
