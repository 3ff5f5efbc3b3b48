"""Features kept on disk: one SQLite file for each network, decoder and way of preparing pictures, one row a picture.

SQLite, because it comes with Python, is safe against kills and lets several processes read and write at once. Every row
carries a checksum; a row that fails it counts as absent and is computed again. So does a file that SQLite can't read.
A cache only ever saves time, so no failure of it ends a run.
"""

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from pawlab.images import DECODER_VERSION, Preprocess
from pawlab.storage import cache_dir

Features = NDArray[np.float32]

_WAIT_SECONDS = 30.0
_KEYS_A_QUERY = 500


class FeatureCache:
    """Features by the SHA-256 of the picture's bytes, for one backbone and one Preprocess."""

    def __init__(self, backbone_checksum: str, preprocess: Preprocess, folder: Path | None = None) -> None:
        decoder = [DECODER_VERSION, PIL.__version__]
        space = json.dumps([backbone_checksum, preprocess.to_dict(), decoder], sort_keys=True)
        name = hashlib.sha256(space.encode()).hexdigest()[:24]
        self.path = (folder or cache_dir("features")) / f"{name}.sqlite"

    def read(self, keys: Sequence[str]) -> dict[str, Features]:
        """Return the features that are there and whole; {} where the file can't be used."""
        try:
            return self._read(keys)
        except sqlite3.DatabaseError as error:
            self._discard_if_broken(error)
            return {}

    def write(self, rows: Iterable[tuple[str, Features]]) -> None:
        """Keep these features, replacing what was there."""
        records = [(key, value.tobytes(), _checksum(key, value.tobytes())) for key, value in rows]
        try:
            self._write(records)
        except sqlite3.DatabaseError as error:
            self._discard_if_broken(error)

    def _read(self, keys: Sequence[str]) -> dict[str, Features]:
        found: dict[str, Features] = {}
        with closing(self._connect()) as connection:
            for start in range(0, len(keys), _KEYS_A_QUERY):
                some = keys[start : start + _KEYS_A_QUERY]
                marks = ",".join("?" * len(some))
                for key, value, checksum in connection.execute(
                    f"SELECT key, value, checksum FROM features WHERE key IN ({marks})", some
                ):
                    if checksum == _checksum(key, value):
                        found[key] = np.frombuffer(value, dtype=np.float32)
        return found

    def _write(self, records: list[tuple[str, bytes, int]]) -> None:
        with closing(self._connect()) as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?)", records)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS)
        try:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS features (key TEXT PRIMARY KEY, value BLOB, checksum INTEGER) WITHOUT ROWID"
            )
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def _discard_if_broken(self, error: sqlite3.DatabaseError) -> None:
        """Remove a file that isn't a database any more; one that is merely busy or read-only stays."""
        if not isinstance(error, sqlite3.OperationalError):
            with suppress(OSError):
                self.path.unlink(missing_ok=True)


def _checksum(key: str, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key.encode()))
