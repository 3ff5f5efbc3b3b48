import copyreg
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pawlab.backbones.restricted_pickle import read_tensors
from pawlab.errors import WeightsError
from torch_files import HEADER, SIX, WHOLE, named, number, row, storage, tensor, text


def one_tensor(described: bytes) -> bytes:
    return HEADER + named(x=described) + pickle.dumps(["a"], 2) + storage(SIX)


def test_tensors_are_views_of_their_storages() -> None:
    tensors = read_tensors(WHOLE)

    assert list(tensors) == ["across", "down", "tail", "count"]
    np.testing.assert_array_equal(tensors["across"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(tensors["down"], [[0, 3], [1, 4], [2, 5]])
    np.testing.assert_array_equal(tensors["tail"], [4, 5])
    assert tensors["across"].dtype == np.float32
    assert tensors["count"].shape == ()
    assert tensors["count"].dtype == np.int64
    assert tensors["count"] == 7


class Touch:
    """Writes a file when it is unpickled by a trusting reader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("header", [b"", HEADER], ids=["first", "after the header"])
def test_a_pickle_that_acts_is_refused_before_it_acts(tmp_path: Path, protocol: int, header: bytes) -> None:
    harmful = pickle.dumps(Touch(tmp_path / "harm"), protocol)
    with pytest.raises(WeightsError, match="which no weights need; it isn't read any further"):
        read_tensors(header + harmful)
    assert not (tmp_path / "harm").exists()

    pickle.loads(harmful)
    assert (tmp_path / "harm").exists(), "the pickle is harmless, so the test says nothing"


NAMES = ["os.system", "posix.system", "nt.system", "builtins.eval", "builtins.getattr", "__builtin__.eval"]
NAMES += ["torch.load", "torch.DoubleStorage", "torch._utils._rebuild_tensor", "collections.defaultdict"]
NAMES += ["numpy.load", "pickle.loads", "pawlab.backbones.restricted_pickle.read_tensors"]


@pytest.mark.parametrize("name", NAMES)
def test_any_other_name_is_refused_however_it_is_called(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    by_global = f"c{module}\n{attribute}\n".encode() + b".."
    by_stack = b"\x80\x04" + text(module) + text(attribute) + b"\x93."
    by_instance = b"(" + f"i{module}\n{attribute}\n".encode() + b"."
    for code in (by_global, by_stack, by_instance):
        with pytest.raises(WeightsError) as raised:
            read_tensors(HEADER + code)
        assert str(raised.value) == (
            f"the weights file asks for '{name}', which no weights need; it isn't read any further"
        )


@pytest.fixture
def system_as_an_extension() -> Iterator[None]:
    copyreg.add_extension(os.system.__module__, "system", 240)
    yield
    copyreg.remove_extension(os.system.__module__, "system", 240)


@pytest.mark.usefixtures("system_as_an_extension")
def test_a_name_behind_a_registered_number_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"asks for '\w+.system'"):
        read_tensors(HEADER + b"\x80\x02\x82\xf0.")


def test_what_the_names_stand_for_cannot_be_altered() -> None:
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    for name in (rebuild, b"ccollections\nOrderedDict\n", b"ctorch\nFloatStorage\n"):
        altered = b"\x80\x02" + name + row(b"N", b"}" + text("__init__") + number(1) + b"s") + b"b."
        with pytest.raises(WeightsError) as raised:
            read_tensors(HEADER + altered)
        assert isinstance(raised.value.__cause__, AttributeError | TypeError), "it was altered, then refused"
    assert len(read_tensors(WHOLE)) == 4


def test_a_file_cut_off_anywhere_is_refused() -> None:
    for length in range(len(WHOLE)):
        with pytest.raises(WeightsError):
            read_tensors(WHOLE[:length])


def test_a_file_that_begins_otherwise_is_refused() -> None:
    other = pickle.dumps(1, 2) + WHOLE[len(pickle.dumps(0x1950A86A20F9469CFC6C, 2)) :]
    with pytest.raises(WeightsError, match=r"it doesn't begin like a PyTorch file of before 1\.6"):
        read_tensors(other)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04" + b"\0" * 100, b"\x89HDF\r\n\x1a\n", pickle.dumps(1, 2) * 5, b"."])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(WeightsError, match="the weights file is damaged or of another format"):
        read_tensors(data)


@pytest.mark.parametrize(
    "described",
    [
        tensor("a", 6, 1, (2, 3), (3, 1)),  # one number too far on
        tensor("a", 6, 0, (2, 3), (4, 1)),
        tensor("a", 6, -1, (2,), (1,)),
        tensor("a", 6, 0, (2, 3), (1,)),
        tensor("a", 7, 0, (7,), (1,)),  # another length than the storage says of itself
        tensor("b", 6, 0, (6,), (1,)),  # a storage that isn't there
        tensor("a", 6, 0, (2, 2**31 - 1), (0, 0)),  # 4 billion numbers made of one
        tensor("a", 6, 5, (2, 2), (1, -1)),
        number(1),
    ],
)
def test_a_tensor_that_its_storage_cannot_hold_is_refused(described: bytes) -> None:
    assert read_tensors(one_tensor(tensor("a", 6, 0, (2, 3), (3, 1))))["x"].shape == (2, 3)
    with pytest.raises(WeightsError, match="the weights file is damaged or of another format"):
        read_tensors(one_tensor(described))


@pytest.mark.parametrize("put", [b"r\xff\xff\xff\xff", b"p4294967295\n"])
def test_no_memory_is_taken_that_the_file_only_speaks_of(put: bytes) -> None:
    """For one such operation Python's own reader takes 64 GB."""
    with pytest.raises(WeightsError, match="its memo has more places than it has bytes"):
        read_tensors(HEADER + b"\x80\x02N" + put + b".")
