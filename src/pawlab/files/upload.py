"""Results to an address: written on this machine first, then sent whole, so that nothing half-written stands there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pawlab.errors import NetworkError, OutputError
from pawlab.files.addresses import is_address, last_part, on_the_web, path_of_file, redacted, scheme_of
from pawlab.files.failures import patiently
from pawlab.files.stores import Store, open_store
from pawlab.progress import Progress, silent

_HEAD = 200  # bytes that tell what a file is


def here_or_there(out: str | Path | None) -> tuple[str | Path | None, str | None]:
    """Return a place to write to as a path here or as an address; file:// is a path."""
    if not isinstance(out, str) or not is_address(out):
        return out, None
    return (path_of_file(out), None) if scheme_of(out) == "file" else (None, out)


@contextmanager
def writing(out: str) -> Iterator[Path]:
    """Give the path to write a file to: `out` itself or, for an address, one that is sent there on success.

    Where a file stands at the address already, the path holds its first bytes, so that it can be judged like one here.
    Raises OutputError for an address that can't be written, NetworkError where the store fails.
    """
    place, address = here_or_there(out)
    if address is None:
        yield Path(place or out)
        return
    store = _writable(out)
    with TemporaryDirectory(prefix="pawlab-") as folder:
        path = Path(folder, last_part(out) or "predictions")
        if patiently(lambda: store.files.isfile(store.path), out):
            path.write_bytes(patiently(lambda: store.files.cat_file(store.path, start=0, end=_HEAD), out)[:_HEAD])
        yield path
        patiently(lambda: store.files.put_file(str(path), store.path), out)


def require_free(address: str, overwrite: bool) -> None:
    """Raise OutputError where something stands at an address already that isn't to be replaced."""
    store = _writable(address)
    if patiently(lambda: store.files.exists(store.path), address) and not overwrite:
        raise OutputError(f"{redacted(address)} is there already. Choose another --out, or add --overwrite.")


def upload_folder(folder: Path, address: str, progress: Progress = silent) -> None:
    """Send a folder's files, one after the other; what else stands at the address stays. Raises NetworkError."""
    store = _writable(address)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    with progress(f"Sending {folder.name}", len(files), unit="files") as advance:
        for file in files:
            target = f"{store.path.rstrip('/')}/{file.relative_to(folder).as_posix()}"
            try:
                _send(store, file, target, address)
            except NetworkError as error:
                raise NetworkError(f"{error} The run itself is whole, in {folder}.") from error
            advance(1)


def _send(store: Store, file: Path, target: str, address: str) -> None:
    patiently(lambda: store.files.put_file(str(file), target), address)


def _writable(address: str) -> Store:
    if on_the_web(address):
        raise OutputError(f"{redacted(address)} can't be written: give a path, or an address of s3, gs, az or hf.")
    return open_store(address)
