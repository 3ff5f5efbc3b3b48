"""The feature store: features on disk by the content of the pictures, mapped into memory.

A space holds the features of one network at one way of preparing pictures: rows.f32, float32 (rows, d), and index.bin,
a record of 64 bytes per row with the picture's SHA-256, size and format, and checksums. Both only ever grow. A writer
holds the space's lock, appends rows, and then their records; so whatever a kill leaves behind the last whole record
counts as absent, and the next writer cuts it off. Several processes may read and write at once. A row whose checksum is
wrong counts as absent too. The store only ever saves time, so no failure of it ends a run.
"""

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

from pawlab.features.rows import FeatureRows, Features, Positions
from pawlab.graphs.runtime import runtime_version
from pawlab.images import DECODER_VERSION, PictureInfo, Preprocess
from pawlab.storage import cache_dir, mark_used

Row = tuple[Features, PictureInfo]  # (d,), and the picture's header

_WAIT_SECONDS = 30.0
_RECORD = np.dtype(
    [
        ("digest", "V32"),
        ("row", "<i8"),
        ("width", "<i4"),
        ("height", "<i4"),
        ("format", "S8"),
        ("crc", "<u4"),  # of the row
        ("check", "<u4"),  # of the record's other 60 bytes
    ]
)
# Each odd, so that any changed bit shows
_MULTIPLIERS = (np.arange(15, dtype=np.uint32) * np.uint32(2654435761)) | np.uint32(1)


@dataclass(frozen=True)
class Snapshot:
    """What a space held when it was opened. `rows`: float32 (rows, d), mapped; `records`: sorted by `keys`."""

    rows: Features
    records: NDArray[Any]
    keys: NDArray[np.uint64]

    def find(self, contents: Sequence[str]) -> Positions:
        """Return where the record of each content is, given by its SHA-256 in hexadecimal; -1 where it isn't there, or
        its row is damaged.
        """
        found = np.full(len(contents), -1, np.int64)
        if not len(self.keys) or not len(contents):
            return found
        digests = np.frombuffer(b"".join(map(bytes.fromhex, contents)), np.uint8).reshape(-1, 32)
        wanted = np.ascontiguousarray(digests[:, :8]).view("<u8").ravel()
        first, behind = (np.searchsorted(self.keys, wanted, side).tolist() for side in ("left", "right"))
        for number, digest in enumerate(digests):
            for position in range(behind[number] - 1, first[number] - 1, -1):  # the newest first
                record = self.records[position]
                whole = zlib.crc32(self.rows[record["row"]].tobytes()) == record["crc"]
                if whole and record["digest"].tobytes() == digest.tobytes():
                    found[number] = position
                    break
        return found

    def take(self, positions: Positions) -> FeatureRows:
        """Return the rows (n, d) of these records, unread."""
        return FeatureRows(self.rows, self.records["row"][positions].astype(np.int64))

    def infos(self, positions: Positions) -> list[PictureInfo]:
        """Return size and format of the pictures of these records."""
        return [
            PictureInfo(int(record["width"]), int(record["height"]), record["format"].decode("ascii"))
            for record in self.records[positions]
        ]


class FeatureStore:
    """The space of one backbone, one Preprocess, and the versions that bear on the numbers. `width`: features per
    row.
    """

    def __init__(self, backbone_checksum: str, preprocess: Preprocess, width: int, folder: Path | None = None) -> None:
        versions = [DECODER_VERSION, PIL.__version__, runtime_version()]
        space = json.dumps([backbone_checksum, preprocess.to_dict(), versions, width], sort_keys=True)
        self.folder = (folder or cache_dir("features")) / sha256(space.encode()).hexdigest()[:24]
        self.width = width

    def open(self) -> Snapshot:
        """Return what is there: nothing where the files can't be read."""
        mark_used(self.folder)
        try:
            records = np.fromfile(self._index, _RECORD)
            count = self._rows.stat().st_size // (4 * self.width)
            rows = np.memmap(self._rows, np.float32, "r", shape=(count, self.width)) if count else None
        except (OSError, ValueError):
            rows = None
        if rows is None:
            return Snapshot(np.empty((0, self.width), np.float32), np.empty(0, _RECORD), np.empty(0, np.uint64))
        whole = (_check(records) == records["check"]) & (records["row"] >= 0) & (records["row"] < len(rows))
        records = records[whole]
        keys = np.ascontiguousarray(_bytes_of(records)[:, :8]).view("<u8").ravel()
        order = np.argsort(keys, kind="stable")
        return Snapshot(rows, records[order], keys[order])

    def append(self, rows: Mapping[str, Row]) -> bool:
        """Add rows by content. Returns whether that worked: a full disk or a read-only cache is no error."""
        from filelock import FileLock, Timeout

        if not rows:
            return True
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock", timeout=_WAIT_SECONDS):
                first = _append(
                    self._rows, 4 * self.width, np.stack([row for row, _ in rows.values()]).astype("<f4").tobytes()
                )
                _append(self._index, _RECORD.itemsize, _records(rows, first).tobytes())
        except (OSError, Timeout):
            return False
        return True

    @property
    def _rows(self) -> Path:
        return self.folder / "rows.f32"

    @property
    def _index(self) -> Path:
        return self.folder / "index.bin"


def _records(rows: Mapping[str, Row], first: int) -> Any:
    records = np.zeros(len(rows), _RECORD)
    records["row"] = np.arange(first, first + len(rows))
    for record, (content, (row, info)) in zip(records, rows.items(), strict=True):
        record["digest"] = bytes.fromhex(content)
        record["width"], record["height"], record["format"] = info.width, info.height, info.format.encode("ascii")
        record["crc"] = zlib.crc32(row.tobytes())
    records["check"] = _check(records)
    return records


def _check(records: NDArray[Any]) -> NDArray[np.uint32]:
    words = np.ascontiguousarray(_bytes_of(records)).view("<u4")[:, :15]
    return np.asarray((words * _MULTIPLIERS).sum(axis=1, dtype=np.uint32) ^ np.uint32(0x9E3779B9))


def _bytes_of(records: NDArray[Any]) -> NDArray[np.uint8]:
    return np.frombuffer(records.tobytes(), np.uint8).reshape(-1, _RECORD.itemsize)


def _append(path: Path, size: int, data: bytes) -> int:
    """Append whole items of `size` bytes behind the last whole one, and return how many there were."""
    with path.open("ab") as file:
        count, torn = divmod(file.tell(), size)
        if torn:
            file.truncate(count * size)
            file.seek(0, os.SEEK_END)
        file.write(data)  # no fsync: a row that a power cut spoils is known by its checksum
    return count
