"""Work that goes on while people answer."""

import logging
from collections.abc import Callable
from threading import Lock, Thread

from pawlab.errors import PawlabError

_log = logging.getLogger("pawlab")


class Background:
    """Does a piece of work in a thread whenever it is requested: never twice at once, and once more where it was
    requested meanwhile. `error`: what went wrong the last time, in a sentence; None where nothing did.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._lock = Lock()
        self._requested = self.busy = False
        self.error: str | None = None

    def request(self) -> None:
        """Do the work soon."""
        with self._lock:
            self._requested = True
            if self.busy:
                return
            self.busy = True
        Thread(target=self._run, name="pawlab-background", daemon=True).start()

    def _run(self) -> None:
        while self._next():
            try:
                self._work()
                self.error = None
            except PawlabError as error:
                self.error = str(error)
            except Exception:
                _log.exception("pawlab: this is our own fault, not yours. Please report it with the lines above.")
                self.error = "an error of pawlab's own; the terminal says more"

    def _next(self) -> bool:
        with self._lock:
            self.busy, self._requested = self._requested, False
            return self.busy
