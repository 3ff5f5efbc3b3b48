"""Addresses: what is one, and how it is shown: without the passwords, keys and signatures that it may hold."""

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from pawlab.errors import DataError

LEFT_OUT = "***"  # what stands for a secret
WEB = ("http", "https")  # schemes
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # a single letter would be a drive
_USER = re.compile(r"(?<=://)(?:[^/?#\s]+@|[^/?#\s:@]+:(?!\d+/)[^@\s]*@)")  # also a password with a slash in it
_PARAMETER = re.compile(r"([?&#;])([^=&#;\s]+)=([^&#;\s'\"]+)")
_SECRET = re.compile(
    "sig|token|key|secret|pass|pwd|cred|auth|access|session|policy|jwt|code|hash|hmac|ticket", re.IGNORECASE
)
_LONG = 20  # characters, beyond which a parameter's value is taken for a secret, whatever its name


def is_address(text: str) -> bool:
    """Say whether a text is an address, as `s3://bucket/photos`, rather than a path."""
    return _ADDRESS.match(text) is not None


def scheme_of(address: str) -> str:
    """Return what stands before `://`, in small letters."""
    return address.partition("://")[0].lower()


def on_the_web(address: str) -> bool:
    """Say whether an address begins with http:// or https://."""
    return scheme_of(address) in WEB


def redacted(text: str) -> str:
    """Return an address, or a text with addresses in it, with `***` for what may be a password, key or signature."""
    if "://" not in text:
        return text
    return _PARAMETER.sub(_parameter, _USER.sub(f"{LEFT_OUT}@", text))


def _parameter(found: re.Match[str]) -> str:
    mark, name, value = found.groups()
    secret = _SECRET.search(name) or len(value) > _LONG
    return f"{mark}{name}={LEFT_OUT if secret else value}"


def path_of_file(address: str) -> Path:
    """Return the path that a file:// address means. Raises DataError where it names another machine."""
    parts = urlsplit(address.replace("#", "%23").replace("?", "%3F"))
    if parts.netloc not in ("", "localhost"):
        raise DataError(f"{redacted(address)} names the machine {parts.netloc}. Write file:///PATH for a path here.")
    path = unquote(parts.path)
    return Path(path.lstrip("/") if os.name == "nt" else path)


def address_below(address: str, name: str) -> str:
    """Return the address of a file by its name below a web folder, a prefix or an archive."""
    if on_the_web(address) and address.endswith("/"):
        return address + quote(name, errors="surrogateescape")
    return f"{address}/{name}"


def last_part(address: str) -> str:
    """Return the last part of an address's path, to be shown: `photos` for `s3://bucket/photos/`."""
    path = redacted(address).partition("://")[2]
    if on_the_web(address):
        path = unquote(path.partition("?")[0])
    return path.rstrip("/").rpartition("/")[2]
