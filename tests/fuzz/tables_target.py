"""Tables of pictures: dialects, odd paths and labels, lines cut short; CSV and, where pyarrow is there, Parquet."""

import csv
import io
import os
import random as randoms
from importlib.util import find_spec
from pathlib import Path
from random import Random

from mutation import mutated
from target import Target, require_sentence

from pawlab.datasets.options import DataOptions
from pawlab.datasets.tables import table_dataset, table_paths
from pawlab.errors import DataError
from picture_files import encode, quadrants

_HEADERS = (
    *(("path", "label"), ("path", "label", "split"), ("filename", "class"), ("image_id", "breed", "set", "group")),
    *(("id", "label", "weight"), ("path", "label", "split", "group"), ("image", "path", "label")),
)
_PATHS = ("1.jpg", "2.jpg", "cats/3.png", "cats/4.jpg", "1", "4.jpg", "cats\\3.png", "./2.jpg", " 1.jpg ", "é.jpg")
_ODD_PATHS: tuple[str, ...] = (
    "",
    ".",
    "..",
    "../1.jpg",
    "/etc/passwd",
    "/dev/zero",
    "pipe.jpg",
    "link.jpg",
    "loop.jpg",
    "C:\\a\\1.jpg",
)
_ODD_PATHS += (
    "a" * 5000,
    "\0.jpg",
    "cats",
    "=1+1",
    "'=1.jpg",
    "~/1.jpg",
    "\\udcff.jpg",
    "1.jpg\n",
    "*.jpg",
    "http://a/1.jpg",
)
_LABELS = ("cats", "dogs", "1", "é", "=cmd", "'", "-", "", " ", "a\nb", "x" * 3000, "\x1b[31m", "NaN", "None", "\u202e")
_SPLITS = ("train", "validation", "test", "", "dev", "Train", "unlabelled", "nonsense")
_TOKENS = (
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\r",
    b'"',
    b'""',
    b";",
    b"\t",
    b",",
    b"sep=;\n",
    b"\xff",
    b"PAR1",
)
_WITHOUT_LABELS = DataOptions(label_from_name=r"(\w+)")
_OPTIONS = (DataOptions(), DataOptions(), DataOptions(), DataOptions(columns="path=path,label=label"), _WITHOUT_LABELS)
_NO_TABLE = ("has no column", "has several columns", "has no rows", "isn't text", "can't be read as")


def _rows(random: Random) -> list[tuple[str, ...]]:
    header = random.choice(_HEADERS)
    rows: list[tuple[str, ...]] = [header]
    for _ in range(random.choice((1, 2, 5, 12))):
        odd = random.random() < 0.1
        row = [random.choice(_ODD_PATHS if odd else _PATHS), random.choice(_LABELS if odd else _LABELS[:4])]
        row += [random.choice(_SPLITS[:3] if random.random() < 0.95 else _SPLITS), random.choice(("", "g1", "g2"))]
        rows.append(tuple(row[: random.choice((len(header),) * 15 + (1, 5))]))
    return rows


def make_csv(random: Random) -> bytes:
    """Return a CSV file of some dialect and encoding."""
    text = io.StringIO()
    ending, mark = random.choice(("\n", "\r\n", "\r")), random.choice((",", ",", ";", "\t"))
    csv.writer(text, delimiter=mark, lineterminator=ending).writerows(_rows(random))
    return text.getvalue().encode(random.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252")), "replace")


def make_parquet(random: Random) -> bytes:
    """Return a Parquet file of the same rows, all as text."""
    import pyarrow.parquet

    header, *rows = _rows(random)
    full = [tuple(row) + ("",) * len(header) for row in rows]
    columns = {name: [row[place] for row in full] for place, name in enumerate(header)}
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


class TablesTarget(Target):
    """A table gives pictures that are there, as plain files; or one sentence."""

    kind = "tables"

    def __init__(self, folder: Path) -> None:
        """Make the pictures that tables name, and what none should."""
        super().__init__(folder)
        (folder / "cats").mkdir()
        for number, name in enumerate(("1.jpg", "2.jpg", "cats/3.png", "cats/4.jpg", "é.jpg")):
            (folder / name).write_bytes(encode(quadrants(8, 8 + 2 * number), "JPEG"))
        if hasattr(os, "mkfifo"):
            os.mkfifo(folder / "pipe.jpg")
            (folder / "link.jpg").symlink_to("/dev/zero")
            (folder / "loop.jpg").symlink_to("loop.jpg")
        self._parquet = [make_parquet(randoms.Random(seed)) for seed in range(20)] if find_spec("pyarrow") else []

    def make(self, random: Random) -> bytes:
        """Return a table, sound or damaged."""
        if self._parquet and random.random() < 0.1:
            return mutated(random.choice(self._parquet), random, self._parquet, _TOKENS, spare=4)
        table = make_csv(random)
        return mutated(table, random, (make_csv(random),), _TOKENS, spare=20) if random.random() < 0.5 else table

    def try_one(self, given: bytes, random: Random) -> bool:
        """Read it as data, and for its paths."""
        path = self.folder / ("table.parquet" if given.startswith(b"PAR1") else "table.csv")
        path.write_bytes(given)
        try:
            dataset = table_dataset(path, "photos", options=random.choice(_OPTIONS))
        except DataError as error:
            said = require_sentence(error)
            return not any(sign in said for sign in _NO_TABLE)
        assert dataset.pictures
        for picture in dataset.pictures:
            assert picture.path.is_file()
            assert picture.label
            assert picture.label in dataset.classes
        assert table_paths(path)
        return True
