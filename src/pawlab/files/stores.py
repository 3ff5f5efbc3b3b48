"""Stores of files behind an address - S3, Google Cloud, Azure, Hugging Face, web folders - opened by fsspec.

Credentials are those that each store's own library finds: in the environment, in its files, in the machine's role.
"""

import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pawlab.errors import DataError, MissingExtraError, PawlabError
from pawlab.files.addresses import redacted, scheme_of
from pawlab.files.failures import TIMEOUT
from pawlab.install import install_command


class _Kind(NamedTuple):
    package: str  # which fsspec needs for it
    options: Callable[[], dict[str, Any]] = dict


def _for_s3() -> dict[str, Any]:
    times = {"connect_timeout": TIMEOUT, "read_timeout": TIMEOUT}
    return {"config_kwargs": {**times, "retries": {"max_attempts": 0}}}


def _for_web() -> dict[str, Any]:
    from aiohttp import ClientTimeout

    times = ClientTimeout(total=None, sock_connect=TIMEOUT, sock_read=TIMEOUT)
    return {"client_kwargs": {"timeout": times, "trust_env": True}}


def _for_hugging_face() -> dict[str, Any]:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # before its library is imported
    return {}


_KINDS = {
    "s3": _Kind("s3fs", _for_s3),
    "gs": _Kind("gcsfs", lambda: {"requests_timeout": TIMEOUT}),
    "az": _Kind("adlfs", lambda: {"connection_timeout": TIMEOUT, "read_timeout": TIMEOUT}),
    "hf": _Kind("huggingface_hub", _for_hugging_face),
    "http": _Kind("aiohttp", _for_web),
    "https": _Kind("aiohttp", _for_web),
    "memory": _Kind("fsspec"),
}


class Store(NamedTuple):
    """An open store: fsspec's file system, and the address's path in it."""

    files: Any
    path: str
    scheme: str

    def address_of(self, path: str) -> str:
        """Return the address of a path in the store, without secrets."""
        return redacted(path if "://" in path else f"{self.scheme}://{path.lstrip('/')}")


def open_store(address: str) -> Store:
    """Open the store that an address names. Nothing is read yet.

    Raises DataError for an address of another kind, or with a password in it; MissingExtraError or PawlabError where
    fsspec, or the library of this kind of store, isn't installed.
    """
    scheme, shown = scheme_of(address), redacted(address)
    if scheme not in _KINDS:
        known = ", ".join(f"{name}://" for name in (*_KINDS, "file") if name != "memory")
        raise DataError(f"{shown} can't be fetched: addresses begin with {known}.")
    host = _host(address)
    if not host:
        raise DataError(f"{shown} isn't an address like s3://bucket/photos or https://host/photos.zip.")
    if "@" in host:
        raise DataError(f"{shown} holds a user or a password. Leave it out, and sign in as docs/data.md says.")
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"reading {scheme}://", "remote") from error
    try:
        kind = _KINDS[scheme]
        files = fsspec.filesystem(scheme, use_listings_cache=False, **kind.options())
        if scheme == "s3":
            files.retries = 1  # or silence would take its attempts times ours
        return Store(files, files._strip_protocol(address), scheme)
    except ImportError as error:
        raise PawlabError(f"reading {scheme}:// needs {kind.package}: {install_command(kind.package)}") from error
    except ValueError as error:
        raise DataError(f"{shown} isn't a valid address: {redacted(str(error))}.") from error


def glob_pattern(path: str) -> re.Pattern[str]:
    """Return what paths match that are meant by a glob, as fsspec understands it."""
    from fsspec.utils import glob_translate

    return re.compile(glob_translate(path))


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc
    except ValueError as error:
        raise DataError(f"{redacted(address)} isn't a valid address: {error}.") from error
