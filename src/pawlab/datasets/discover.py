"""Whatever the user names - folder, archive, table, address or known name - becomes a Dataset here."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import starmap
from pathlib import Path

from pawlab.datasets.dataset import Dataset, Skipped
from pawlab.datasets.folders import folder_dataset
from pawlab.datasets.groups import grouped_by_name
from pawlab.datasets.known import is_known, known_name_like, load_known
from pawlab.datasets.options import DEFAULT, DataOptions
from pawlab.datasets.tables import is_table, table_dataset, table_with_its_files
from pawlab.errors import DataError, NetworkError
from pawlab.files.addresses import is_address, last_part, on_the_web, path_of_file, redacted, scheme_of
from pawlab.files.archives import archive_kind, stem, unpack
from pawlab.files.download import cached_path
from pawlab.files.remote import Fetched, fetch, refuse_page
from pawlab.names import printable
from pawlab.progress import Progress, silent


def discover(data: str | Path, progress: Progress = silent, options: DataOptions = DEFAULT) -> Dataset:
    """Find the labelled pictures in `data` and hash their bytes; nothing is decoded.

    `data`: the name of a known data set (`./sample` means a folder called so, and so does a Path), the address of a
    folder, archive or table, a folder, a zip or tar, or a CSV or Parquet table. Splits are set where folders or table
    give them, and None otherwise. Raises DataError, one sentence each, where it can't serve.
    """
    if isinstance(data, str) and is_known(data):
        dataset = load_known(data, progress)
    elif isinstance(data, str) and "://" in data:
        dataset = _from_address(data, progress, options)
    else:
        dataset = _from_path(_existing(data), progress, options)
    dataset = grouped_by_name(dataset, options)
    return replace(dataset, doubts=dataset.doubts + _alike(dataset.classes))


def is_gone(data: str) -> bool:
    """Say whether data is a path, or a file:// one, where nothing stands; of other addresses nothing is asked."""
    if is_known(data) or (is_address(data) and scheme_of(data) != "file"):
        return False
    path = path_of_file(data) if is_address(data) else data
    return not os.path.exists(os.path.expanduser(path))  # noqa: PTH110, PTH111  (neither fails, whatever the name)


def require_table(data: str | Path, options: DataOptions) -> None:
    """Raise DataError where `group` or `columns` name columns and `data` is no table."""
    place = Path(last_part(data)) if isinstance(data, str) and "://" in data else Path(data).expanduser()
    if (options.group is None and options.columns is None) or (not place.is_dir() and is_table(place)):
        return
    if options.group is not None:
        names = f"--group {printable(options.group)!r} names a column"
        instead = "Leave it out; --group-from-name REGEX takes groups from the pictures' names."
    else:
        names = f"--columns {printable(str(options.columns))!r} names columns"
        instead = "Leave it out, or give the table."
    raise DataError(f"{names} of a table, and {printable(redacted(str(data)))} is none. {instead}")


def _alike(classes: Iterable[str]) -> tuple[str, ...]:
    """Return a line on classes whose names differ in case or spaces alone, if there are any."""
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in classes:
        spellings["".join(label.split()).casefold()].append(f"'{label}'")
    pairs = [" and ".join(labels) for labels in spellings.values() if len(labels) > 1]
    some = ", ".join(pairs[:5]) + (", ..." if len(pairs) > 5 else "")
    return (f"the names of classes differ in case or spaces alone: {some}",) if pairs else ()


def _from_path(path: Path, progress: Progress, options: DataOptions) -> Dataset:
    if path.is_dir():
        return folder_dataset(path, _name(path), progress, options=options)
    if is_table(path):
        return table_dataset(path, _name(path), progress, options)
    return _from_archive(path, path, progress, options)


def _existing(data: str | Path) -> Path:
    try:
        path = Path(data).expanduser()
        if str(data) and path.exists():
            _require_place(path)
            return path
    except (OSError, ValueError, RuntimeError):  # a name too long for any file, with a NUL in it, or of nobody's home
        pass
    hint = known_name_like(str(data)) or " Check the path, or try 'sample'."
    raise DataError(f"there's no folder or file {printable(str(data))!r}.{hint}")


def _require_place(path: Path) -> None:
    """Refuse pipes, devices and sockets: some never end, and none can be read twice."""
    if not path.is_dir() and not path.is_file():
        raise DataError(
            f"{printable(str(path))} is a pipe, a device or a socket. Give a folder, an archive or a table; "
            "what comes through a pipe can be kept in a file first."
        )


def _from_address(address: str, progress: Progress, options: DataOptions) -> Dataset:
    if scheme_of(address) == "file":
        return _from_path(_existing(fetch(address).place), progress, options)
    fetched = fetch(address, progress)
    try:
        return _from_fetched(address, fetched, progress, options)
    except NetworkError:
        raise
    except DataError as error:
        if fetched.place.is_dir():
            raise DataError(f"{redacted(address)}: {error}") from error
        _forget(address)
        raise


def _from_fetched(address: str, fetched: Fetched, progress: Progress, options: DataOptions) -> Dataset:
    refuse_page(fetched, address)
    name = last_part(address)
    if fetched.place.is_dir():
        dataset = folder_dataset(fetched.place, printable(name) or "pictures", progress, Path(name), options)
    elif is_table(fetched.place):
        table, skipped = table_with_its_files(address, fetched.place, progress, options)
        dataset = table_dataset(table, _name(fetched.place), progress, options)
        return replace(dataset, skipped=dataset.skipped + tuple(starmap(Skipped, skipped)))
    elif archive_kind(fetched.place) is None:
        what = f"what lies at {redacted(address)} is no archive (zip, tar, tar.gz, tar.bz2, tar.xz)"
        raise DataError(f"{what}. Check the address.")
    else:
        dataset = _from_archive(fetched.place, Path(fetched.place.name), progress, options)
    return replace(dataset, skipped=dataset.skipped + tuple(starmap(Skipped, fetched.skipped)))


def _forget(address: str) -> None:
    """Remove a download that can't serve, so that the next run fetches it anew."""
    if on_the_web(address):
        cached_path(address).unlink(missing_ok=True)


def _from_archive(archive: Path, shown: Path, progress: Progress, options: DataOptions) -> Dataset:
    unpacked = unpack(archive, progress)
    dataset = folder_dataset(unpacked.folder, _name(shown), progress, shown, options)
    skipped = dataset.skipped + tuple(starmap(Skipped, unpacked.skipped))
    return replace(dataset, skipped=skipped, doubts=unpacked.doubts + dataset.doubts)


def _name(path: Path) -> str:
    name = path.name if path.name not in ("", "..") else path.resolve().name
    if not path.is_dir():
        name = stem(name)
    return printable(name) or "pictures"
