"""What is waited for: a network drive that doesn't answer stops a program without a word, unless somebody looks."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from time import monotonic, sleep

_PATIENCE = 5.0  # seconds
_LOOK = 1.0  # seconds between two looks

_waited_for: dict[object, tuple[str | os.PathLike[str], float]] = {}  # what it is, and from when on to say so
_watchers: list[Thread] = []  # at most one; of a forked process's parent it isn't alive


@contextmanager
def waiting_for(what: str | os.PathLike[str], patience: float | None = None) -> Iterator[None]:
    """Read something that may lie on such a drive: after `patience` seconds, or 5, a log line says what it is."""
    mark = object()
    _waited_for[mark] = (what, monotonic() + (_PATIENCE if patience is None else patience))
    if not any(thread.is_alive() for thread in _watchers):
        _watchers[:] = [Thread(target=_watch, name="pawlab-waiting", daemon=True)]
        _watchers[0].start()
    try:
        yield
    finally:
        del _waited_for[mark]


def _watch() -> None:
    """Look now and then, as long as there is something to look at."""
    told: set[object] = set()
    while _waited_for:
        sleep(_LOOK)
        for mark, (what, patient_until) in list(_waited_for.items()):
            if mark not in told and monotonic() >= patient_until:
                told.add(mark)
                logging.getLogger("pawlab").warning("pawlab: waiting for %s", what)
