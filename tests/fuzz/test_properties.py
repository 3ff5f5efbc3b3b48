"""What holds for any tree, table, archive, card and request, tried with what hypothesis thinks of."""

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
pytest.importorskip("hypothesis", reason="needs hypothesis, of the extra 'test'")

from fuzzing import opened
from hypothesis import given, settings
from hypothesis import strategies as st
from target import require_sentence

from pawlab.card import Card, SeenPictures
from pawlab.datasets.dataset import SPLITS
from pawlab.datasets.groups import units_of
from pawlab.datasets.splits import assign_splits, count_overlap
from pawlab.datasets.tables import table_dataset
from pawlab.errors import DataError
from pawlab.files.archives import unpack
from pawlab.images import Preprocess
from pawlab.names import from_csv, printable, write_csv
from pawlab.storage import remove
from picture_folders import Row, content, dataset_of

SOME = settings(max_examples=60, deadline=None, derandomize=True, database=None)
NAME = st.text(st.characters(exclude_characters="/\\\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
LABEL = st.sampled_from(["cats", "dogs", "é"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
CARD = st.builds(
    Card,
    classes=st.lists(st.text(min_size=1, max_size=30), min_size=2, max_size=20, unique=True).map(tuple),
    preprocess=st.builds(
        Preprocess,
        st.integers(1, 10_000),
        st.integers(1, 10_000),
        st.sampled_from(["squash", "crop", "pad"]),
        st.none() | st.tuples(st.floats(-1e6, 0), st.floats(1, 1e6)),
    ),
    recipe=st.text(max_size=50),
    version=st.text(max_size=20),
    threshold=st.floats(0, 1),
    ood_threshold=st.none() | st.floats(0, 3),
    seen=st.none()
    | st.lists(st.binary(min_size=32, max_size=32)).map(lambda many: SeenPictures.of(one.hex() for one in many)),
    checksum=st.booleans(),
)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        yield Path(place)


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Return pictures of two classes or more, of which many are copies."""
    contents = draw(st.lists(st.integers(0, 30), min_size=6, max_size=60))
    split = st.none() if draw(st.booleans()) else st.sampled_from(SPLITS)
    return [(f"{number}.jpg", draw(LABEL), str(what), draw(split)) for number, what in enumerate(contents)]


@SOME
@given(
    rows(),
    st.lists(st.tuples(st.integers(0, 30).map(str), st.integers(0, 30).map(str)), max_size=10),
    st.integers(0, 9),
)
def test_no_content_is_in_two_splits(pictures: list[Row], near: list[tuple[str, str]], seed: int) -> None:
    dataset = dataset_of(*pictures)
    try:
        split = assign_splits(dataset, seed, near=near)
    except DataError as error:
        said = require_sentence(error)
        assert "none to train on" in said
        return
    assert count_overlap(split) == 0
    assert len(split.pictures) + len(split.skipped) == len(dataset.pictures)
    if all(row[3] is None for row in pictures):
        assert all(len({item.split for item in unit.pictures}) == 1 for unit in units_of(split.pictures, near))


@SOME
@given(st.lists(st.tuples(NAME, st.text(st.characters(exclude_categories=["Cs"]), min_size=1)), min_size=1, max_size=8))
def test_what_is_written_as_csv_is_read_as_it_was(pairs: list[tuple[str, str]]) -> None:
    file = io.StringIO(newline="")
    write_csv([("path", "label"), *pairs], file)
    read = [[from_csv(cell) for cell in row] for row in csv.reader(io.StringIO(file.getvalue(), newline=""))]
    assert read[1:] == [list(map(printable, pair)) for pair in pairs]


@SOME
@given(st.lists(st.tuples(NAME, LABEL), min_size=1, max_size=8))
def test_a_table_finds_its_pictures_or_says_why(pairs: list[tuple[str, str]]) -> None:
    with folder() as place:
        there = {name for name, _ in pairs if _made(place / name)}
        with (place / "table.csv").open("w", encoding="utf-8", newline="") as file:
            write_csv([("path", "label"), *pairs], file)
        try:
            dataset = table_dataset(place / "table.csv", "photos")
        except DataError as error:
            require_sentence(error)
            return
        assert {item.path.name for item in dataset.pictures} <= there
        assert len(dataset.pictures) + len(dataset.skipped) == len(pairs)


def _made(path: Path) -> bool:
    try:
        path.write_bytes(content(path.name))
    except (OSError, ValueError):
        return False
    return True


@SOME
@given(st.dictionaries(st.lists(NAME, min_size=1, max_size=3).map("/".join), st.binary(max_size=50), max_size=6))
def test_an_archive_s_pictures_come_out_as_they_were(members: dict[str, bytes]) -> None:
    with folder() as place:
        archive = place / "given.zip"
        with zipfile.ZipFile(archive, "w") as file:
            for name, what in members.items():
                file.writestr(f"{name}.jpg", what)
        try:
            unpacked = unpack(archive)
        except DataError as error:
            require_sentence(error)
            return
        found = {path.relative_to(unpacked.folder).as_posix(): path for path in unpacked.folder.rglob("*")}
        for name, path in found.items():
            assert path.is_dir() or path.read_bytes() in members.values(), name
        remove(unpacked.folder.parent)


@SOME
@given(CARD)
def test_a_card_reads_back(card: Card) -> None:
    assert Card.from_json(card.to_json()) == card


@SOME
@given(JSON)
def test_any_json_is_a_card_or_is_refused(document: Any) -> None:
    try:
        card = Card.from_json(json.dumps(document))
    except ValueError as error:
        require_sentence(DataError(error))
    else:
        assert Card.from_json(card.to_json()) == card


@SOME
@given(
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "FOO"]),
    st.sampled_from(["/predict", "/heatmap", "/model", "/health", "/"]) | NAME.map(lambda name: f"/{name}"),
    st.sampled_from(["image/png", "multipart/form-data; boundary=edge", "multipart/form-data", ""]) | NAME,
    st.binary(max_size=300),
)
def test_any_request_is_answered(method: str, path: str, kind: str, body: bytes) -> None:
    headers = [["content-type", kind.encode("utf-8").decode("latin-1")], ["content-length", str(len(body))]]
    request = {"method": method, "path": path, "query": "", "headers": headers, "body": body.decode("latin-1")}
    with opened("requests") as target:
        target.try_one(json.dumps({**request, "cuts": [], "gone": False}).encode(), Random(0))
