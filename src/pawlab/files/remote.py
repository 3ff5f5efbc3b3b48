"""What lies at an address -> files on this machine: listed once, and each object fetched once.

A prefix (a bucket's folder, a web folder) becomes a folder in the cache with the same files under the same names, so
all that reads folders reads it too. An object is known by its address and the version that the listing gives (ETag,
hash or time): the next run lists the prefix again and fetches what is new. A stopped run goes on where it was. Of
objects that aren't called like pictures only the first bytes are fetched, unless these are a picture's.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from glob import has_magic
from pathlib import Path, PurePosixPath
from threading import Event, Lock
from typing import Any
from urllib.parse import unquote

from pawlab.errors import DataError, NetworkError, NotThereError, OutputError, counted
from pawlab.files.addresses import WEB, address_below, last_part, on_the_web, path_of_file, redacted, scheme_of
from pawlab.files.download import download
from pawlab.files.failures import patiently
from pawlab.files.names import is_ignored, is_web_page
from pawlab.files.stores import Store, glob_pattern, open_store
from pawlab.images import is_picture_name, looks_like_picture
from pawlab.names import printable
from pawlab.progress import Advance, Progress, silent
from pawlab.storage import cache_dir, mark_used, one_at_a_time, remove, remove_empty, replacing_file
from pawlab.storage.cache import most_bytes

_THREADS = 16  # most of the time is waiting for the first byte
_AT_ONCE = 4096  # objects given to the threads
_HEAD = 16  # bytes that tell a picture
_LONGEST = 255  # bytes of a file's name that every system takes
_VERSIONS = ("ETag", "etag", "md5Hash", "blob_id", "Content-MD5", "Digest", "mtime")
_TIMES = ("LastModified", "last_modified", "Last-Modified", "updated", "created")
_FILES, _ADDRESS, _RECORD = "files", "address.txt", "fetched.jsonl"  # of a copy
_IN_A_COPY = re.compile(rf"(?P<folder>.+[\\/]remote[\\/][0-9a-f]{{16}})[\\/]{_FILES}[\\/](?P<name>.+)", re.DOTALL)
_NO_PICTURES_NAME = "isn't called like a picture, and what isn't fetched goes by its name"

_DEEPEST = 32  # folders within folders of a walk; servers follow a link to a folder above 40 times

Wanted = Callable[[str], bool]


@dataclass(frozen=True)
class Fetched:
    """What lies at an address: a file or folder here, the address that it stands for, what was skipped and why."""

    place: Path
    address: str
    skipped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Object:
    """A file in a store: its path there, its name below the prefix, its size in bytes and its version, where known."""

    path: str
    name: str
    size: int | None
    version: str


@dataclass
class _Listing:
    objects: list[_Object] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    root: str = ""  # the path of the prefix; that of the folder where the address is of one object
    single: bool = False
    there: bool = False  # whatever it holds


def fetch(address: str, progress: Progress = silent, wanted: Wanted | None = None, purpose: str = "") -> Fetched:
    """Return what lies at an address as a file or folder on this machine; what is here already isn't fetched again.

    `address`: file:// is a path of this machine; http(s):// is one file, or with a slash at its end a folder that the
    server lists; s3://, gs://, az:// and hf:// are an object, a prefix or a glob. `wanted`: which names below the
    prefix to fetch, for a `purpose`, whose copy is one of its own. Raises DataError or MissingExtraError where the
    address can't serve, NetworkError where the network or the store fails, OutputError where the cache has no room.
    """
    address = "".join(printable(address).splitlines())
    scheme = scheme_of(address)
    if scheme == "file":
        path = path_of_file(address)
        return Fetched(path, str(path))
    if scheme in WEB and not address.endswith("/"):
        return Fetched(download(address, progress), redacted(address))
    store, listing = _listing(address, progress, wanted)
    folder = cache_dir("remote", hashlib.sha256(f"{address}\n{purpose}".encode()).hexdigest()[:16])
    with one_at_a_time(folder):
        (folder / _ADDRESS).write_text(store.address_of(listing.root), encoding="utf-8")
        copy = _Copy(store, folder, whole=listing.single or wanted is not None)
        copy.fetch(listing.objects, address, progress)
        mark_used(folder)
    place = copy.file_of(listing.objects[0].name) if listing.single else copy.files
    shown = redacted(address) if listing.single else store.address_of(listing.root)
    return Fetched(place, shown, tuple(listing.skipped))


@dataclass(frozen=True)
class Listed:
    """The pictures below an address, which stay there: their names below it, addresses and versions, where known.

    `others`: what else lies there, and why it is passed over.
    """

    pictures: tuple[tuple[str, str, str], ...]
    others: tuple[tuple[str, str], ...]


def list_pictures(address: str, progress: Progress = silent) -> Listed | None:
    """List the pictures below a prefix, a web folder or a glob by their names, and fetch none; None for anything else.

    Raises as `fetch`.
    """
    address = "".join(printable(address).splitlines())
    if scheme_of(address) == "file" or (on_the_web(address) and not address.endswith("/")):
        return None
    store, listing = _listing(address, progress, None)
    if listing.single:
        return None
    named = sorted(listing.objects, key=lambda item: PurePosixPath(item.name))
    pictures = [item for item in named if is_picture_name(PurePosixPath(item.name).name)]
    others = [(item.name, _NO_PICTURES_NAME) for item in named if not is_picture_name(PurePosixPath(item.name).name)]
    around = store.address_of(listing.root)
    found = ((item.name, address_below(around, item.name), item.version) for item in pictures)
    return Listed(tuple(found), (*listing.skipped, *others))


def refuse_page(fetched: Fetched, address: str) -> None:
    """Raise DataError where a web address has brought a page, as it does of a folder; the next run fetches it anew."""
    if on_the_web(address) and fetched.place.is_file() and is_web_page(fetched.place):
        fetched.place.unlink(missing_ok=True)
        raise DataError(f"{redacted(address)} is a web page. Check the address; that of a folder ends with a slash.")


def content(address: str) -> bytes | Path:
    """Return what one picture's address holds: bytes out of a store, which aren't kept here, or else a file.

    Raises as `fetch`.
    """
    if scheme_of(address) == "file" or on_the_web(address):
        return fetch(address).place
    store = open_store(address)
    data: bytes = patiently(lambda: store.files.cat_file(store.path), address)
    return data


def copied_from(path: str) -> str:
    """Return the address of what `fetch` has brought to this path; "" of any other file."""
    found = _IN_A_COPY.fullmatch(path)
    address = _address_of(found["folder"]) if found else ""
    if not found or not address:
        return ""
    return address_below(address, found["name"].replace(os.sep, "/"))


@cache
def _address_of(folder: str) -> str:
    try:
        return Path(folder, _ADDRESS).read_text(encoding="utf-8")
    except OSError:
        return ""


def _listing(address: str, progress: Progress, wanted: Wanted | None) -> tuple[Store, _Listing]:
    store = open_store(address)
    with progress(f"Listing {printable(last_part(address)) or redacted(address)}", None, unit="objects") as advance:
        listing = patiently(lambda: _list(store, wanted), address)
        advance(len(listing.objects))
    if not listing.objects:
        raise _nothing(address, listing)
    return store, listing


def _nothing(address: str, listing: _Listing) -> DataError:
    if listing.skipped:
        name, reason = listing.skipped[0]
        return DataError(f"nothing at {redacted(address)} can be used; the first is {name}, which {reason}.")
    if listing.there:
        return DataError(f"there are no pictures at {redacted(address)}.")
    return NotThereError(f"there's nothing at {redacted(address)}. Check the address.")


def _list(store: Store, wanted: Wanted | None) -> _Listing:
    """List an object, a prefix with all below it, or what matches a glob."""
    on_web = store.scheme in WEB
    path = store.path if on_web else store.path.rstrip("/")
    found = _walk(store, path) if on_web else store.files.find(path, detail=True)
    if not found and has_magic(path) and not on_web:
        found, path = _matching(store, path), _before_magic(path)
    listing = _Listing(root=path, single=list(found) == [path], there=on_web or bool(found))
    if listing.single:
        listing.root = path.rpartition("/")[0]
    for key, info in sorted(found.items()):
        _add(listing, store, key, info or store.files.info(key), wanted)
    _skip_namesakes(listing)
    return listing


def _walk(store: Store, root: str, levels: int | None = None) -> dict[str, dict[str, Any]]:
    """Return the files of a folder, and of all below or so many levels; fsspec's own walk leaves out what fails.

    Raises NetworkError for a folder that can't be listed, DataError where folders have no end.
    """
    found: dict[str, dict[str, Any]] = {}
    asked, waiting = {root.rstrip("/")}, [(root, 0)]
    while waiting:
        folder, depth = waiting.pop()
        if depth > _DEEPEST:
            raise DataError(
                f"{store.address_of(folder)} lies more than {_DEEPEST} folders below {store.address_of(root)}, as "
                "where a folder links to one above it. Remove the link, or name a folder without it."
            )
        for info in _entries(store, folder):
            name = info["name"]
            if info["type"] != "directory":
                found[name] = info
            elif depth + 1 != levels and name.rstrip("/") not in asked and _is_of_data(name[len(root) :]):
                asked.add(name.rstrip("/"))
                waiting.append((name, depth + 1))
    return found


def _entries(store: Store, folder: str) -> list[dict[str, Any]]:
    listed = patiently(lambda: store.files.ls(folder, detail=True), store.address_of(folder))
    return sorted(listed, key=lambda info: str(info["name"]))


def _is_of_data(path: str) -> bool:
    """Say whether a folder's path is of people's data: not a link by which a page sorts itself, nor hidden."""
    return "?" not in path and not any(is_ignored(unquote(part)) for part in path.split("/"))


def _matching(store: Store, pattern: str) -> dict[str, dict[str, Any]]:
    """Return the files that match a glob."""
    root = _before_magic(pattern)
    levels = pattern.count("/") - root.count("/")
    found = store.files.find(root, detail=True) if "**" in pattern else _walk(store, root, levels)
    fits = glob_pattern(pattern)
    return {key: info for key, info in found.items() if fits.match(key) and info["type"] == "file"}


def _before_magic(pattern: str) -> str:
    parts = pattern.split("/")
    return "/".join(parts[: next(place for place, part in enumerate(parts) if has_magic(part))])


def _add(listing: _Listing, store: Store, key: str, info: dict[str, Any], wanted: Wanted | None) -> None:
    name = key[len(listing.root) :].removeprefix("/")  # one: what follows another is an object of its own
    parts = name.split("/")
    if store.scheme in WEB:
        if "?" in name:  # the links by which a server's page sorts itself
            return
        parts = [unquote(part, errors="surrogateescape") for part in parts]
    if info.get("type") != "file" or not parts[-1] or any(is_ignored(part) for part in parts):
        return  # folders' own markers, and what is skipped on a disk too
    name = "/".join(parts)
    if wanted is not None and not wanted(name):
        return
    if not all(_storable(part) for part in parts):
        listing.skipped.append((printable(name), "has a name that can't be that of a file here"))
        return
    size = info.get("size")
    listing.objects.append(_Object(key, name, size if isinstance(size, int) else None, _version(info)))


def _skip_namesakes(listing: _Listing) -> None:
    """Skip objects that are called as a folder is: a store may have `a` beside `a/b`, a disk not."""
    folders = {str(parent) for item in listing.objects for parent in PurePosixPath(item.name).parents}
    alike = [item for item in listing.objects if item.name in folders]
    if alike:
        listing.objects = [item for item in listing.objects if item.name not in folders]
        listing.skipped += [(printable(item.name), "has the name of a folder beside it") for item in alike]


def _storable(part: str) -> bool:
    if part in ("", ".", "..") or set(part) & set("/\\\0"):
        return False
    text_alone = sys.platform == "darwin"  # other systems' names hold any bytes
    return len(os.fsencode(part)) <= _LONGEST and (printable(part) == part or not text_alone)


def _version(info: dict[str, Any]) -> str:
    """Return what names this version of an object; an empty text where the listing doesn't say."""
    found = next((str(info[name]) for name in (*_VERSIONS, *_TIMES) if info.get(name)), "")
    return f"{found} {info.get('size')}" if found else ""


class _Copy:
    """The copy of a prefix in the cache: `files`, and a record of which version of each is here."""

    def __init__(self, store: Store, folder: Path, whole: bool) -> None:
        self._store, self._folder, self._whole = store, folder, whole
        self.files = folder / _FILES
        self._record = folder / _RECORD
        self._stopped, self._alone = Event(), Lock()
        self._failure: BaseException | None = None  # the first, for which the other threads stopped

    def file_of(self, name: str) -> Path:
        """Return where an object's copy lies."""
        return self.files.joinpath(*name.split("/"))

    def fetch(self, objects: list[_Object], address: str, progress: Progress) -> None:
        """Bring what isn't here in this version, and remove what the store has no more."""
        here = self._here()
        self._remove({name: here.pop(name) for name in here.keys() - {item.name for item in objects}})
        missing = [item for item in objects if not item.version or here.get(item.name) != item.version]
        self._write_record({item.name: here[item.name] for item in objects if item.name in here})
        if not missing:
            return
        total = sum(item.size or 0 for item in missing) if all(item.size is not None for item in missing) else None
        self._require_room(total or 0, address)
        title = f"Fetching {printable(last_part(address)) or redacted(address)}"
        with progress(title, total, unit="bytes") as advance:
            self._bring_all(missing, here, advance)

    def _here(self) -> dict[str, str]:
        """Return the version of each file that an earlier run fetched and that is still there."""
        here: dict[str, str] = {}
        try:
            for line in self._record.read_text(encoding="utf-8").splitlines():
                name, version = json.loads(line)
                here[name] = version
        except (OSError, ValueError, TypeError):  # none yet, or a last line that a killed run cut off
            pass
        return {name: version for name, version in here.items() if self.file_of(name).is_file()}

    def _remove(self, gone: dict[str, str]) -> None:
        for name in gone:
            file = self.file_of(name)
            remove(file)
            remove_empty(parent for parent in file.parents if parent.is_relative_to(self.files))

    def _write_record(self, here: dict[str, str]) -> None:
        with replacing_file(self._record) as partial:
            partial.write_text("".join(map(_line, here.items())), encoding="utf-8")

    def _require_room(self, needed: int, address: str) -> None:
        free, limit = shutil.disk_usage(self._folder).free, most_bytes()
        what = f"{redacted(address)} needs {needed / 1e6:,.0f} MB in the cache"
        if needed > free:
            where = f"{self._folder.parent} has {free / 1e6:,.0f} MB left"
            raise OutputError(f"{what}; the disk of {where}. Set PAWLAB_CACHE_DIR to a larger one, or name fewer.")
        if limit is not None and needed > limit:
            raise OutputError(f"{what}, and PAWLAB_CACHE_MB allows {limit / 1e6:,.0f}. Raise it, or name fewer.")

    def _bring_all(self, missing: list[_Object], here: dict[str, str], advance: Advance) -> None:
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="pawlab-fetch")
        try:
            for start in range(0, len(missing), _AT_ONCE):
                for size in pool.map(lambda item: self._bring(item, here), missing[start : start + _AT_ONCE]):
                    advance(size)
        except NetworkError:
            pool.shutdown(wait=True, cancel_futures=True)
            raise self._explained() from self._failure
        finally:
            self._stopped.set()
            pool.shutdown(wait=True, cancel_futures=True)

    def _explained(self) -> NetworkError:
        failure = self._failure
        kind = type(failure) if isinstance(failure, NetworkError) else NetworkError
        kept = counted(len(self._here()), "object is", "objects are")
        return kind(f"{failure} {kept} here now; the same command goes on from there.")

    def _bring(self, item: _Object, here: dict[str, str]) -> int:
        """Fetch one object, unless another has failed for good; return its size."""
        if self._stopped.is_set():
            return 0
        try:
            return self._brought(item, here)
        except BaseException as error:
            with self._alone:
                self._failure = self._failure or error
                self._stopped.set()
            raise

    def _brought(self, item: _Object, here: dict[str, str]) -> int:
        address = self._store.address_of(item.path)
        version = item.version or _version(patiently(lambda: self._store.files.info(item.path), address, self._stopped))
        target = self.file_of(item.name)
        if not version or here.get(item.name) != version:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{hashlib.sha256(os.fsencode(item.name)).hexdigest()[:16]}.partial")
            patiently(lambda: self._write(item, partial), address, self._stopped)
            with self._alone, self._record.open("a", encoding="utf-8") as record:
                partial.replace(target)
                record.write(_line((item.name, version)))
        return item.size or target.stat().st_size

    def _write(self, item: _Object, partial: Path) -> None:
        if not self._whole and not is_picture_name(PurePosixPath(item.name).name):
            head = self._store.files.cat_file(item.path, start=0, end=_HEAD)[:_HEAD] if item.size != 0 else b""
            if not looks_like_picture(head):
                partial.write_bytes(head)
                return
        self._store.files.get_file(item.path, str(partial))
        if item.size is not None and partial.stat().st_size != item.size:
            raise ConnectionError(f"it broke off after {partial.stat().st_size:,} of {item.size:,} bytes")


def _line(entry: tuple[str, str]) -> str:
    return json.dumps(entry) + "\n"
