"""What every fuzzer is: a kind of input, how to make the n-th, and what must hold of it."""

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from random import Random


class Target(ABC):
    """Inputs of one kind. The n-th depends on seed and number alone, so that a failure can be repeated."""

    kind: str

    def __init__(self, folder: Path) -> None:
        """`folder`: an empty one that it may fill."""
        self.folder = folder

    @abstractmethod
    def make(self, random: Random) -> bytes:
        """Return an input; for `try_one`."""

    @abstractmethod
    def try_one(self, given: bytes, random: Random) -> bool:
        """Feed an input to pawlab and say whether it got past the first check.

        Whatever it raises is a failure: errors that pawlab means to give are awaited and looked at here.
        """

    def close(self) -> None:  # noqa: B027  (most hold nothing)
        """Give back what is held."""


def randomness(seed: int, kind: str, number: int) -> Random:
    """Return the generator of one case: the same wherever it runs."""
    return Random(hashlib.sha256(f"{seed} {kind} {number}".encode()).digest())


def require_sentence(error: BaseException) -> str:
    """Return an error's text, which must be one line that says something and isn't endless."""
    text = str(error)
    assert text.strip(), "the error says nothing"
    assert "\n" not in text, f"the error has several lines: {text!r:.300}"
    assert len(text) < 2000, f"the error is {len(text)} characters long"
    return text
