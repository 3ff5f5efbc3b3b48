"""Reads the files that PyTorch wrote before 1.6, without PyTorch and without trusting them.

Such a file is five pickles (a magic number, the protocol's version, facts about the machine, the tensors' names and
shapes, the storages' keys), then each storage: its length as int64, its numbers raw. The layout is described in
PyTorch's own `torch/serialization.py`.

A pickle may name any function of any module and have it called. Here a name is looked up in a table of a few entries,
none of which reads, writes or runs anything; any other name ends the reading.
"""

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.errors import WeightsError

Array = NDArray[Any]

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_DTYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass(frozen=True)
class _Storage:
    """`size` numbers that stand further on in the file under `key`."""

    key: str
    dtype: np.dtype[Any]
    size: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; `offset` and `strides` are counted in numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(data: bytes) -> dict[str, Array]:
    """Return the tensors in a file's bytes by name, each an array of its own (float32 or int64).

    Raises WeightsError where the file is damaged, of another format, or names anything but tensors.
    """
    try:
        return _read_tensors(io.BytesIO(data))
    except WeightsError:
        raise
    except Exception as error:  # a pickle that lies can make Python's reader raise nearly everything
        raise WeightsError(
            f"the weights file is damaged or of another format: {error or type(error).__name__}"
        ) from error


def _read_tensors(file: io.BytesIO) -> dict[str, Array]:
    _check_header(file)
    tensors = _RestrictedUnpickler(file).load()
    keys = _RestrictedUnpickler(file).load()
    if not isinstance(tensors, OrderedDict) or not all(isinstance(value, _Tensor) for value in tensors.values()):
        raise ValueError("it holds something other than named tensors")
    wanted = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {key: _read_storage(file, wanted[key]) for key in keys}
    if file.read(1):
        raise ValueError("something follows the last storage")
    return {str(name): _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _check_header(file: io.BytesIO) -> None:
    magic, protocol, machine = (_RestrictedUnpickler(file).load() for _ in range(3))
    if magic != _MAGIC or protocol != _PROTOCOL or machine["little_endian"] is not True:
        raise ValueError("it doesn't begin like a PyTorch file of before 1.6")


class _RestrictedUnpickler(pickle.Unpickler):
    """Knows four names. They stand for strings, a built-in type and a bound method: nothing a pickle could alter."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name in the pickle stands for; refuse those that tensors don't need."""
        if module == "torch" and name in _DTYPES:
            return name
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        asked = f"{module}.{name}"[:80]
        raise WeightsError(f"the weights file asks for {asked!r}, which no weights need; it isn't read any further")

    def persistent_load(self, pid: Any) -> _Storage:
        """Return the storage that a tuple ("storage", marker, key, device, size, None) names."""
        kind, marker, key, _device, size, part = pid
        if kind != "storage" or part is not None or marker not in _DTYPES or not _is_count(size):
            raise ValueError("it describes a storage of an unknown kind")
        return _Storage(str(key), _DTYPES[marker], size)

    def _tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_training_facts: Any) -> _Tensor:
        if not isinstance(storage, _Storage) or len(shape) != len(strides):
            raise ValueError("it describes a tensor of an unknown kind")
        if not all(_is_count(number) for number in (offset, *shape, *strides)):
            raise ValueError("it describes a tensor with an impossible shape")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _read_storage(file: io.BytesIO, storage: _Storage) -> Array:
    size = int.from_bytes(file.read(8), "little")
    raw = file.read(storage.size * storage.dtype.itemsize)
    if size != storage.size or len(raw) != storage.size * storage.dtype.itemsize:
        raise ValueError("it is cut off, or a storage has another length than announced")
    return np.frombuffer(raw, dtype=storage.dtype)


def _view(tensor: _Tensor, storage: Array) -> Array:
    """Cut the tensor out of its storage. The bounds are checked: strides reach anywhere in memory otherwise."""
    last = tensor.offset + sum((count - 1) * stride for count, stride in zip(tensor.shape, tensor.strides, strict=True))
    if 0 in tensor.shape or last >= storage.size or prod(tensor.shape) > storage.size:
        raise ValueError("a tensor reaches beyond its storage")
    strides = [stride * storage.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False)
    return np.ascontiguousarray(view).reshape(tensor.shape)
