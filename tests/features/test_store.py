import hashlib
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pawlab.features.rows import Features
from pawlab.features.store import FeatureStore
from pawlab.images import PictureInfo, Preprocess

SQUARE = Preprocess(224, 224)
INFO = PictureInfo(640, 480, "JPEG")
WIDTH = 8


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def row(number: int) -> Features:
    return np.full(WIDTH, number, dtype=np.float32)


def store_in(folder: Path, backbone: str = "backbone", preprocess: Preprocess = SQUARE) -> FeatureStore:
    return FeatureStore(backbone, preprocess, WIDTH, folder)


def write(store: FeatureStore, numbers: Sequence[int]) -> bool:
    return store.append({key(number): (row(number), INFO) for number in numbers})


def numbers_in(store: FeatureStore, asked: Sequence[int]) -> list[int]:
    """Return those that are there, each checked to be its own."""
    snapshot = store.open()
    rows = snapshot.find([key(number) for number in asked])
    there = [number for number, place in zip(asked, rows, strict=True) if place >= 0]
    np.testing.assert_array_equal(
        snapshot.take(rows[rows >= 0]), np.array([row(number) for number in there]).reshape(-1, WIDTH)
    )
    return there


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return store_in(tmp_path)


def test_what_was_written_is_read_and_the_rest_is_absent(store: FeatureStore) -> None:
    assert numbers_in(store, [1, 2]) == []
    assert write(store, [1, 2])
    assert write(store, [3])
    assert numbers_in(store, [3, 1, 7, 2]) == [3, 1, 2]


def test_rows_one_behind_the_other_are_not_copied(store: FeatureStore) -> None:
    write(store, range(100))
    snapshot = store.open()
    rows = snapshot.find([key(number) for number in range(20, 60)])
    assert np.shares_memory(snapshot.take(rows)[:], snapshot.rows)
    assert not np.shares_memory(snapshot.take(rows[::-1])[:], snapshot.rows)


def test_size_and_format_stand_beside(store: FeatureStore) -> None:
    store.append({key(1): (row(1), INFO), key(2): (row(2), PictureInfo(1, 70_000, "PNG"))})
    snapshot = store.open()
    assert snapshot.infos(snapshot.find([key(2), key(1)])) == [PictureInfo(1, 70_000, "PNG"), INFO]


def test_another_backbone_or_preprocess_shares_nothing(store: FeatureStore, tmp_path: Path) -> None:
    write(store, [1])
    assert numbers_in(store_in(tmp_path, "other"), [1]) == []
    assert numbers_in(store_in(tmp_path, preprocess=Preprocess(224, 224, "crop")), [1]) == []
    assert numbers_in(store_in(tmp_path, preprocess=Preprocess(288, 224)), [1]) == []


@pytest.mark.parametrize(
    "what", ["pawlab.features.store.DECODER_VERSION", "PIL.__version__", "onnxruntime.__version__"]
)
def test_another_decoder_or_runtime_shares_nothing(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    write(store, [1])
    monkeypatch.setattr(what, "another")
    assert numbers_in(store_in(tmp_path), [1]) == []


@pytest.mark.parametrize("name", ["rows.f32", "index.bin"])
def test_any_flipped_bit_makes_its_row_absent(store: FeatureStore, name: str) -> None:
    write(store, range(3))
    path = store.folder / name
    whole = path.read_bytes()
    for place in range(0, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        assert len(numbers_in(store, range(3))) == 2


@pytest.mark.parametrize("name", ["rows.f32", "index.bin"])
def test_a_file_cut_off_anywhere_keeps_its_whole_rows_and_is_written_on(store: FeatureStore, name: str) -> None:
    write(store, range(4))
    path = store.folder / name
    whole = path.read_bytes()
    size = len(whole) // 4
    for length in range(0, len(whole)):
        path.write_bytes(whole[:length])
        assert numbers_in(store, range(4)) == list(range(length // size))
    write(store, [9])
    assert numbers_in(store, [0, 1, 2, 9]) == [0, 1, 2, 9]


def test_a_damaged_row_is_absent_until_it_is_written_again(store: FeatureStore) -> None:
    write(store, [1, 2])
    path = store.folder / "rows.f32"
    content = bytearray(path.read_bytes())
    content[1] ^= 1
    path.write_bytes(content)
    assert numbers_in(store, [1, 2]) == [2]
    write(store, [1])
    assert numbers_in(store, [1, 2]) == [1, 2]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    content[1] ^= 1  # now the old row is whole and the newer one damaged
    path.write_bytes(content)
    assert numbers_in(store, [1, 2]) == [1, 2]


def test_a_store_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = store_in(tmp_path / "file")
    assert not write(store, [1])
    assert numbers_in(store, [1]) == []


def _write_many(folder: Path, first: int) -> None:
    store = store_in(folder)
    for number in range(first, first + 40):
        write(store, [number])


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(tmp_path, first)) for first in (0, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert numbers_in(store_in(tmp_path), range(60)) == list(range(60))
