"""Pickles of PyTorch's former kind: sound ones with damage, and programs put together from a pickle's operations."""

import pickle
import struct
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from mutation import mutated
from target import Target, require_sentence

from pawlab.backbones.restricted_pickle import read_tensors
from pawlab.errors import WeightsError
from torch_files import HEADER, SIX, WHOLE, named, number, row, storage, tensor, text

_MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
_GLOBALS = ("torch._utils _rebuild_tensor_v2", "collections OrderedDict", "torch FloatStorage", "torch LongStorage")
_BAD_GLOBALS = ("os system", "builtins eval", "builtins getattr", "posix system", "pathlib Path", "collections Counter")
_OPERATIONS = tuple(
    bytes([code])
    for code in b"(.0125FGIJKLMNPQRSTUVX]abcdeghijloprstu}q\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8c\x90\x91\x93\x94"
)


def _program(random: Random) -> bytes:
    """Return a pickle of random operations, whose arguments mostly fit."""
    parts = [b"\x80\x02"]
    for _ in range(random.randint(1, 30)):
        kind = random.randrange(8)
        if kind == 0:
            module, name = random.choice(_GLOBALS * 5 + _BAD_GLOBALS).split()
            parts.append(f"c{module}\n{name}\n".encode())
        elif kind == 1:
            parts.append(text(random.choice(("storage", "a", "cpu", "__init__", "x" * 99))))
        elif kind == 2:
            parts.append(number(random.choice((-1, 0, 1, 6, 2**31 - 1))))
        elif kind == 3:
            parts.append(b"r" + struct.pack("<I", random.choice((0, 1, 300, 70_000, 2**31, 2**32 - 1))))
        elif kind == 4:
            parts.append(
                random.choice((b"\x8b", b"B", b"X")) + struct.pack("<I", random.choice((0, 9, 2**31 - 1, 2**32 - 1)))
            )
        else:
            parts.append(random.choice(_OPERATIONS))
    return b"".join(parts) + b"."


@cache
def _sound() -> tuple[bytes, ...]:
    shapes = (((2, 3), (3, 1)), ((3, 2), (1, 3)), ((6,), (1,)), ((), ()), ((1, 1, 1, 1, 6), (6, 6, 6, 6, 1)))
    ones = [HEADER + named(x=tensor("a", 6, 0, *shape)) + pickle.dumps(["a"], 2) + storage(SIX) for shape in shapes]
    long = tensor("a", 6, 0, (6,), (1,), "LongStorage")
    return (WHOLE, *ones, HEADER + named(x=long) + pickle.dumps(["a"], 2) + storage(np.arange(6, dtype=np.int64)))


class WeightsTarget(Target):
    """A file of weights gives arrays that lie within it, or one sentence; it never calls, reads or writes anything."""

    kind = "weights"

    def __init__(self, folder: Path) -> None:
        """Prepare."""
        super().__init__(folder)
        self._before = sorted(folder.iterdir())

    def make(self, random: Random) -> bytes:
        """Return weights with some damage, or a program."""
        if random.random() < 0.3:
            return HEADER + _program(random) + pickle.dumps(["a"], 2) + storage(SIX)
        return mutated(
            random.choice(_sound()), random, _sound(), (*_OPERATIONS, row(), _program(random)), spare=len(_MAGIC)
        )

    def try_one(self, given: bytes, random: Random) -> bool:
        """Read it."""
        try:
            tensors = read_tensors(given)
        except WeightsError as error:
            require_sentence(error)
        else:
            for name, values in tensors.items():
                assert isinstance(name, str)
                assert isinstance(values, np.ndarray)
                assert values.dtype in (np.float32, np.int64)
                float(values.sum())  # reads every number: none may lie outside the file
        assert sorted(self.folder.iterdir()) == self._before
        return given.startswith(_MAGIC)
