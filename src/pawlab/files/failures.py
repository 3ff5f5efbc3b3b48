"""What goes wrong between here and a store, in one sentence; and another attempt where that may help, up to a limit.

Each store's library raises its own kinds of error. They are told apart by what they all have in some form: the status
that the server answered, Python's own class for it, or their name.
"""

import errno
import re
from collections.abc import Callable, Iterator
from threading import Event
from typing import NamedTuple, TypeVar

from pawlab.errors import NetworkError, NotThereError, PawlabError, one_line
from pawlab.files.addresses import redacted
from pawlab.names import printable
from pawlab.storage import no_room_in_cache

ATTEMPTS = 5
PAUSE = 1.0  # seconds before the second attempt; twice as long before each further one
TIMEOUT = 30  # seconds without a byte
_REFUSED = frozenset({401, 402, 403, 407})
_MISSING = frozenset({404, 410})
_OF_THIS_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE})
_PASSING = frozenset({408, 425, 429})  # with 500 and above: what a server may answer differently in a moment

_NUMBER = re.compile(r"^\[Errno \d+\] ")

Result = TypeVar("Result")


class Failure(NamedTuple):
    """What went wrong, as a sentence without its end; what to raise; and whether another attempt may help."""

    reason: str
    kind: type[NetworkError] = NetworkError
    passing: bool = False


def patiently(work: Callable[[], Result], address: str, stopped: Event | None = None) -> Result:
    """Return what `work` does; where the network fails, it is done again, up to ATTEMPTS times, with growing pauses.

    `stopped`: ends the waiting, as where another thread has failed for good. Raises NetworkError, in whose sentence
    `address` stands without its secrets.
    """
    stopped = stopped or Event()
    for attempt in range(ATTEMPTS):
        if attempt and stopped.wait(PAUSE * 2 ** (attempt - 1)):
            break
        try:
            return work()
        except (PawlabError, MemoryError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _OF_THIS_MACHINE:
                raise no_room_in_cache("into the cache folder", error) from error
            failure = explain(error, address)
            if not failure.passing:
                raise failure.kind(f"{failure.reason}.") from error
            last = error
    raise NetworkError(f"{failure.reason}, at the last of {attempt + 1} attempts. Try again later.") from last


def explain(error: Exception, address: str) -> Failure:
    """Tell from whatever a store's library raises what went wrong."""
    shown = redacted(printable(address))
    while isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # fsspec calls a web file missing whatever went wrong
    chain = list(_chain(error))
    status = next((code for code in map(_status, chain) if code), 0)
    names = " ".join(kind.__name__ for one in chain for kind in type(one).__mro__)
    said = redacted(_said(error)).rstrip(".") or type(error).__name__
    answer = f" ({status})" if status else ""
    if status in _REFUSED or "PermissionError" in names or "Credential" in names:
        return Failure(f"{shown} may not be used{answer}: {said}. Check how you are signed in (docs/data.md)")
    if status in _MISSING or "NotFoundError" in names:
        return Failure(f"there's nothing at {shown}{answer}. Check the address", NotThereError)
    if "Timeout" in names:
        return Failure(f"can't reach {shown}: no answer within {TIMEOUT} seconds", passing=True)
    if status:
        return Failure(f"can't use {shown}{answer}: {said}", passing=status in _PASSING or status >= 500)
    broken = isinstance(error, OSError) or any(word in names for word in ("Connect", "ClientError", "Incomplete"))
    return Failure(f"can't reach {shown}: {said}", passing=broken)


def _said(error: Exception) -> str:
    message = getattr(error, "message", None)  # without the request that led to it
    return message if isinstance(message, str) and message else _NUMBER.sub("", one_line(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that are behind it."""
    while error is not None:
        yield error
        error = error.__cause__  # but not __context__, which may be of what was tried before


def _status(error: BaseException) -> int | None:
    """Return the HTTP status that an error bears, wherever its library puts it."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's
        return _of_http(response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
    for holder, name in ((error, "status"), (error, "status_code"), (response, "status_code"), (error, "code")):
        if hasattr(holder, name):
            return _of_http(getattr(holder, name))
    return None


def _of_http(code: object) -> int | None:
    return int(str(code)) if str(code).isdecimal() and 400 <= int(str(code)) < 600 else None
