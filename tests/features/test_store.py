import multiprocessing
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from pawlab.features.store import FeatureCache
from pawlab.images import Preprocess

SQUARE = Preprocess(224, 224)


def row(number: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(8, number, dtype=np.float32)


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache("backbone", SQUARE, tmp_path)


def test_what_was_written_is_read_and_the_rest_is_absent(cache: FeatureCache) -> None:
    cache.write([("a", row(1)), ("b", row(2))])
    found = cache.read(["a", "b", "c"])
    assert sorted(found) == ["a", "b"]
    np.testing.assert_array_equal(found["b"], row(2))


def test_more_keys_than_one_query_takes(cache: FeatureCache) -> None:
    cache.write((str(number), row(number)) for number in range(1234))
    assert len(cache.read([str(number) for number in range(1300)])) == 1234


def test_another_backbone_or_preprocess_shares_nothing(cache: FeatureCache, tmp_path: Path) -> None:
    cache.write([("a", row(1))])
    assert FeatureCache("other", SQUARE, tmp_path).read(["a"]) == {}
    assert FeatureCache("backbone", Preprocess(224, 224, "crop"), tmp_path).read(["a"]) == {}
    assert FeatureCache("backbone", Preprocess(288, 224), tmp_path).read(["a"]) == {}


def test_a_damaged_row_counts_as_absent(cache: FeatureCache) -> None:
    cache.write([("a", row(1)), ("b", row(2))])
    with sqlite3.connect(cache.path) as connection:
        connection.execute("UPDATE features SET value = zeroblob(32) WHERE key = 'a'")
    connection.close()
    assert sorted(cache.read(["a", "b"])) == ["b"]
    cache.write([("a", row(1))])
    assert sorted(cache.read(["a", "b"])) == ["a", "b"]


def test_a_file_that_is_no_database_is_made_anew(cache: FeatureCache) -> None:
    cache.path.write_bytes(b"this is no database" * 100)
    assert cache.read(["a"]) == {}
    cache.write([("a", row(1))])
    assert sorted(cache.read(["a"])) == ["a"]


def test_a_database_cut_off_in_the_middle_is_made_anew(cache: FeatureCache) -> None:
    cache.write((str(number), row(number)) for number in range(2000))
    whole = cache.path.read_bytes()
    cache.path.write_bytes(whole[: len(whole) // 2])
    cache.read([str(number) for number in range(2000)])
    cache.write([("a", row(1))])
    cache.write([("a", row(1))])  # the first may be what finds the damage out
    assert "a" in cache.read(["a"])


def test_a_cache_that_cannot_be_used_costs_time_but_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    cache = FeatureCache("backbone", SQUARE, tmp_path / "file")
    cache.write([("a", row(1))])
    assert cache.read(["a"]) == {}


def _write_many(folder: Path, first: int) -> None:
    cache = FeatureCache("backbone", SQUARE, folder)
    for number in range(first, first + 40):
        cache.write([(str(number), row(number))])


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(tmp_path, first)) for first in (0, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(FeatureCache("backbone", SQUARE, tmp_path).read([str(number) for number in range(60)])) == 60


@pytest.mark.parametrize("what", ["pawlab.features.store.DECODER_VERSION", "PIL.__version__"])
def test_another_decoder_shares_nothing(
    cache: FeatureCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    cache.write([("a", row(1))])
    monkeypatch.setattr(what, "another")
    assert FeatureCache("backbone", SQUARE, tmp_path).read(["a"]) == {}
