from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pawlab.features import rows as module
from pawlab.features.rows import FeatureRows, as_rows, blocks

SOURCE = np.arange(40, dtype=np.float32).reshape(10, 4)
POSITIONS = np.array([7, 3, 4, 5, 0, 3])


@pytest.mark.parametrize(
    "places",
    [slice(None), slice(1, 4), slice(4, 1, -1), slice(2, 2), [3, 0], np.array([5, 5]), np.array([True, False] * 3), 2],
)
def test_rows_are_those_of_the_array(places: Any) -> None:
    expected = SOURCE[POSITIONS][:, :3]
    rows = FeatureRows(SOURCE, POSITIONS, 3)
    assert (rows.shape, len(rows)) == ((6, 3), 6)
    np.testing.assert_array_equal(rows[places], expected[places])
    np.testing.assert_array_equal(np.asarray(rows), expected)


def test_parts_of_parts_are_unread_until_they_are_asked_for(tmp_path: Path) -> None:
    SOURCE.tofile(tmp_path / "rows")
    mapped = np.memmap(tmp_path / "rows", np.float32, "r+", shape=SOURCE.shape)
    part = FeatureRows(mapped, POSITIONS).only(POSITIONS > 2).first(2).only(slice(1, None))
    mapped[5] = -1
    assert np.asarray(part).tolist() == [[12, 13], [16, 17], [-1, -1], [12, 13]]


def test_what_lies_one_behind_the_other_is_not_copied() -> None:
    rows = FeatureRows(SOURCE, POSITIONS)
    assert np.shares_memory(rows[1:4], SOURCE)
    assert not np.shares_memory(rows[0:4], SOURCE)
    assert np.shares_memory(as_rows(SOURCE)[:], SOURCE)
    assert not np.shares_memory(np.array(as_rows(SOURCE)), SOURCE)


def test_blocks_are_all_rows_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 12)
    assert list(blocks(7, 4)) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert list(blocks(2, 100)) == [slice(0, 1), slice(1, 2)]
    assert list(blocks(0, 4)) == []
