"""Reads the files that PyTorch wrote before 1.6, without PyTorch and without trusting them.

Such a file is five pickles (a magic number, the protocol's version, facts about the machine, the tensors' names and
shapes, the storages' keys), then each storage: its length as int64, its numbers raw. The layout is described in
PyTorch's own `torch/serialization.py`.

A pickle may name any function of any module and have it called. Here a name is looked up in a table of a few entries,
none of which reads, writes or runs anything; any other name ends the reading. Python's reader takes as much memory as
the largest place in its memo asks for, so the operations are looked through before they are done.
"""

import io
import pickle
import pickletools
from collections import OrderedDict
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pawlab.errors import WeightsError, one_line

Array = NDArray[Any]

_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Tensor(NamedTuple):
    """A view of the storage `key`, of `size` numbers; `offset` and `strides` are counted in numbers, not bytes."""

    key: str
    dtype: np.dtype[Any]
    size: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(data: bytes) -> dict[str, Array]:
    """Return the tensors in a file's bytes by name, each a read-only view (float32 or int64).

    Raises WeightsError where the file is damaged, of another format, or names anything but tensors.
    """
    try:
        return _read_tensors(io.BytesIO(data))
    except WeightsError:
        raise
    except Exception as error:  # a pickle that lies can make Python's reader raise nearly everything
        said = one_line(error) or type(error).__name__
        raise WeightsError(f"the weights file is damaged or of another format: {said}") from error


def _read_tensors(file: io.BytesIO) -> dict[str, Array]:
    magic, _version, _machine, tensors, keys = (_load(file) for _ in range(5))
    if magic != _MAGIC:
        raise ValueError("it doesn't begin like a PyTorch file of before 1.6")
    sizes = {tensor.key: tensor.size * tensor.dtype.itemsize for tensor in tensors.values()}
    storages = {key: file.read(8 + sizes[key])[8:] for key in keys}
    return {name: _view(tensor, storages[tensor.key]) for name, tensor in tensors.items()}


def _load(file: io.BytesIO) -> Any:
    """Read the pickle that begins where the file stands. Raises ValueError where it numbers more than it can hold."""
    start = file.tell()
    places = [int(place or 0) for operation, place, _ in pickletools.genops(file) if operation.name.endswith("PUT")]
    if max(places, default=0) > file.tell() - start:
        raise ValueError("its memo has more places than it has bytes")
    file.seek(start)
    return _RestrictedUnpickler(file).load()


def _view(tensor: _Tensor, storage: bytes) -> Array:
    """Cut the tensor out of its storage.

    Raises ValueError where it would reach beyond: NumPy's own check of that can be led past by numbers of 64 bits.
    """
    step, numbers = tensor.dtype.itemsize, len(storage) // tensor.dtype.itemsize
    reach = sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.strides, strict=True))
    whole = (tensor.offset, *tensor.shape, *tensor.strides)
    if not all(type(number) is int and 0 <= number <= numbers for number in whole):
        raise ValueError("a tensor's place is no place in its storage")
    if 0 not in tensor.shape and (tensor.offset + reach >= numbers or prod(tensor.shape) > numbers):
        raise ValueError("a tensor reaches beyond its storage")
    strides = [stride * step for stride in tensor.strides]
    return np.ndarray(tensor.shape, tensor.dtype, storage, tensor.offset * step, strides)


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

    def persistent_load(self, pid: Any) -> Any:
        """Return the storage that a tuple ("storage", marker, key, device, size, None) names."""
        _storage, marker, key, _device, size, _part = pid
        return key, _DTYPES[marker], size

    def _tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_training_facts: Any) -> _Tensor:
        key, dtype, size = storage
        return _Tensor(key, dtype, size, offset, shape, strides)
