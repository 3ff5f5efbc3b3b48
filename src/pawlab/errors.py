"""The family of errors. Each message is one line: what was wrong, where, and how to fix it.

The command line ends with exit code 2 for a PawlabError; everything else that is raised is our own fault: exit code 1.
"""

import errno
from difflib import get_close_matches

from pawlab.install import install_command

_MOST_CHARACTERS = 1500  # of a message: names in tables and archives may be of any length


class PawlabError(Exception):
    """Something the user can fix; `str(error)` is one helpful line, whatever the names in it hold."""

    def __str__(self) -> str:
        text = " ".join(super().__str__().split())
        half = _MOST_CHARACTERS // 2
        return text if len(text) <= _MOST_CHARACTERS else f"{text[:half]} ... {text[-half:]}"


class DataError(PawlabError):
    """A folder, archive, table or URL can't serve as data."""


class NetworkError(DataError):
    """What lies at an address can't be had: it isn't there, may not be read, or nothing answers."""


class NotThereError(NetworkError):
    """Nothing lies at an address, as its server says: status 404."""


class PictureError(PawlabError):
    """One picture can't be decoded."""


class RecipeError(PawlabError):
    """The recipe doesn't exist or doesn't fit the data."""


class ModelError(PawlabError):
    """A file isn't a classifier of ours, or is damaged."""


class WeightsError(PawlabError):
    """Pretrained weights are missing, or aren't the ones expected."""


class OutputError(PawlabError):
    """A result can't be written where it was asked for."""


class MissingExtraError(PawlabError):
    """A part of pawlab that is installed on request is needed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': {install_command(f'pawlab[{extra}]')}")

    def __reduce__(self) -> tuple[type[PawlabError], tuple[str, ...]]:
        return PawlabError, (str(self),)


def did_you_mean(given: str, known: list[str]) -> str:
    """Return ` Did you mean 'x'?` (with a leading space) for the nearest known name, or an empty string."""
    nearest = get_close_matches(given.lower(), known, n=1)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""


_HINTS = {
    errno.EFBIG: "Allow larger files (`ulimit -f` shows the limit), or choose another disk.",
    errno.EMFILE: "Allow more open files (`ulimit -n` shows the limit).",
    errno.ENFILE: "Close other programs.",
    errno.ENOSPC: "Free some space, or choose another disk.",
    errno.EDQUOT: "Free some space, or choose another disk.",
    errno.EROFS: "Choose a place you can write.",
    errno.EIO: "Check the disk or the connection to it.",
    errno.ESTALE: "Mount the network drive again.",
    errno.ENAMETOOLONG: "Choose shorter names.",
    errno.ENOMEM: "Close other programs, or raise the memory limit.",
}
_NO_MEMORY = ("llocate memory", "failed to map segment", "start new thread", "bad allocation", "bad_alloc")


def system_hint(error: OSError) -> str | None:
    """Return how to fix what the system says; None where that isn't known to be beyond the program."""
    return _HINTS.get(error.errno or 0)


def system_sentence(error: BaseException) -> str | None:
    """Return one line on an error that is the system's, not ours, such as too little memory; None for any other."""
    if isinstance(error, OSError) and (hint := system_hint(error)):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}. {hint}"
    return lack_of_memory(error)


def lack_of_memory(error: BaseException | None) -> str | None:
    """Return one line where too little memory is behind an error, however a library says so; None otherwise."""
    if isinstance(error, MemoryError) or any(text in str(error) for text in _NO_MEMORY):
        return f"there isn't enough memory. {_HINTS[errno.ENOMEM]}"
    return None


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its words: `1 picture is`, `1,200 pictures are`."""
    return f"{number:,} {one if number == 1 else many}"


def one_line(error: BaseException) -> str:
    """Return what a library says, short enough to stand in a sentence."""
    return " ".join(str(error).split())[:200]
