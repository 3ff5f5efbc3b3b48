"""A new model at the old path is taken while the service runs: as soon as its file has changed, or on SIGHUP."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from pawlab.classifier import model_file
from pawlab.errors import PawlabError

_PAUSE = 1.0  # seconds between two looks at the file

Stamp = tuple[int, int, int]  # of a file: inode, bytes, time of its last change


class Reloader:
    """Looks after one model's file. `load`: takes the model into use; raises PawlabError where it isn't sound."""

    def __init__(self, model: str | Path, load: Callable[[], None], say: Callable[[str], None]) -> None:
        self._path = model_file(model)
        self._load = load
        self._say = say
        self._used = self._seen = self._stamp()
        self._asked = False
        self._wake = Event()
        self._ended = False

    def ask(self, *_: object) -> None:
        """Have the file loaded now, changed or not; a signal's handler."""
        self._asked = True
        self._wake.set()

    def look(self) -> None:
        """Load the file where it has changed and is no longer being written: two looks saw the same."""
        seen, self._seen = self._seen, self._stamp()
        changed = self._seen is not None and self._seen == seen and self._seen != self._used
        if not changed and not self._asked:
            return
        self._asked, self._used = False, self._seen
        try:
            self._load()
        except PawlabError as error:
            self._say(f"pawlab: the new model isn't used, and the old one stays: {error}")
        else:
            self._say(f"pawlab: the new model at {self._path} is used from now on.")

    def _stamp(self) -> Stamp | None:
        """Return what changes with the file; None while it isn't there."""
        with suppress(OSError):
            status = self._path.stat()
            return status.st_ino, status.st_size, status.st_mtime_ns
        return None

    def _watch(self) -> None:
        while not self._ended:
            self._wake.wait(_PAUSE)
            self._wake.clear()
            self.look()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look now and then, in a thread, and when SIGHUP comes, where the system has it."""
        hang_up = getattr(signal, "SIGHUP", None)
        before = None if hang_up is None else signal.signal(hang_up, self.ask)
        Thread(target=self._watch, name="pawlab-reload", daemon=True).start()
        try:
            yield
        finally:
            self._ended = True
            self._wake.set()
            if hang_up is not None:
                signal.signal(hang_up, before)
