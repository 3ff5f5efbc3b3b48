"""Weights as PyTorch wrote them before 1.6, put together operation by operation."""

import pickle
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def row(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def tensor(
    key: str, size: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], kind: str = "FloatStorage"
) -> bytes:
    storage = row(text("storage"), f"ctorch\n{kind}\n".encode(), text(key), text("cpu"), number(size), b"N") + b"Q"
    numbers = row(*map(number, shape)) + row(*map(number, strides))
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + row(storage, number(offset), numbers, b"\x89", b"}") + b"R"


def named(**tensors: bytes) -> bytes:
    pairs = b"".join(text(name) + value for name, value in tensors.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + pairs + b"u."


def storage(values: NDArray[Any]) -> bytes:
    return struct.pack("<q", len(values)) + values.tobytes()


SIX = np.arange(6, dtype=np.float32)
WHOLE = (
    HEADER
    + named(
        across=tensor("a", 6, 0, (2, 3), (3, 1)),
        down=tensor("a", 6, 0, (3, 2), (1, 3)),
        tail=tensor("a", 6, 4, (2,), (1,)),
        count=tensor("b", 1, 0, (), (), kind="LongStorage"),
    )
    + pickle.dumps(["a", "b"], 2)
    + storage(SIX)
    + storage(np.array([7], dtype=np.int64))
)
