import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from pawlab.datasets.discover import discover
from pawlab.datasets.splits import assign_splits, count_overlap
from pawlab.errors import DataError, MissingExtraError
from pawlab.install import install_command
from picture_folders import content, layout, left_out, make, write

PICTURES = ("a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "pictures", *PICTURES)


def table(folder: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    return write(folder / name, text.encode(encoding))


def parquet(folder: Path, columns: dict[str, Any], name: str = "labels.parquet") -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    importlib.import_module("pyarrow.parquet").write_table(pyarrow.table(columns), folder / name)
    return folder / name


def sentence(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        discover(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


FOUR = {
    "a/1.jpg": ("cats", None),
    "a/2.jpg": ("cats", None),
    "b/3.jpg": ("dogs", None),
    "b/4.jpg": ("dogs", None),
}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", ", "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_form_of_csv(folder: Path, delimiter: str, encoding: str, end: str) -> None:
    rows = [("path", "label"), *((name, label) for name, (label, _) in FOUR.items())]
    dataset = discover(table(folder, end.join(delimiter.join(row) for row in rows), encoding=encoding))
    assert (dataset.name, dataset.root, dataset.classes) == ("labels", folder, ("cats", "dogs"))
    assert layout(dataset) == FOUR
    assert [picture.path.read_bytes() for picture in dataset.pictures] == [content(name) for name in PICTURES]
    assert dataset.skipped == ()


def test_columns_stand_in_any_order_and_case(folder: Path) -> None:
    text = 'id, Label ,PATH\n1,"cats",a/1.jpg\n2, cats ,"a/2.jpg"\n\n3,dogs,b/3.jpg\n4,dogs,b/4.jpg\n'
    assert layout(discover(table(folder, text))) == FOUR
    swapped = "".join(f"{label}, {name}\n" for name, (label, _) in FOUR.items())
    assert layout(discover(table(folder, f"label, path\n{swapped}"))) == FOUR


def test_fields_may_hold_delimiters_and_line_breaks(folder: Path) -> None:
    make(folder, "c, d/5;6.jpg")
    dataset = discover(table(folder, 'path,label\n"c, d/5;6.jpg","big, ""red""\nbird"\na/1.jpg,cats\n'))
    assert layout(dataset) == {"a/1.jpg": ("cats", None), "c, d/5;6.jpg": ('big, "red"\nbird', None)}


def test_paths_may_lead_anywhere(folder: Path, tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/5.jpg")
    absolute = str(tmp_path / "elsewhere/5.jpg")
    dataset = discover(table(folder, f"path,label\n../elsewhere/5.jpg,cats\n{absolute},cats\na/1.jpg,dogs\n"))
    assert set(layout(dataset)) == {"../elsewhere/5.jpg", absolute, "a/1.jpg"}


def test_splits_are_taken_over(folder: Path) -> None:
    text = "path,label,split\na/1.jpg,cats,train\na/2.jpg,cats,VAL\nb/3.jpg,dogs,Validation\nb/4.jpg,dogs,test\n"
    assert {name: split for name, (_, split) in layout(discover(table(folder, text))).items()} == {
        "a/1.jpg": "train",
        "a/2.jpg": "validation",
        "b/3.jpg": "validation",
        "b/4.jpg": "test",
    }


def test_an_empty_split_column_is_none(folder: Path) -> None:
    assert layout(discover(table(folder, "path,label,split\na/1.jpg,cats,\nb/3.jpg,dogs,\n"))) == {
        "a/1.jpg": ("cats", None),
        "b/3.jpg": ("dogs", None),
    }


def test_parquet(folder: Path) -> None:
    columns = {
        "id": [7, 7, 7],
        "label": [0, 1, 0],
        "path": ["a/1.jpg", "b/3.jpg", "a/2.jpg"],
        "split": ["train", "train", "test"],
    }
    assert layout(discover(parquet(folder, columns))) == {
        "a/1.jpg": ("0", "train"),
        "a/2.jpg": ("0", "test"),
        "b/3.jpg": ("1", "train"),
    }


@pytest.mark.skipif(sys.platform == "win32", reason="this system can't have such names")
def test_what_parquet_holds_for_missing_is_no_label(folder: Path) -> None:
    path = parquet(folder, {"path": list(PICTURES), "label": [1.0, 2.0, float("nan"), 1.0]})
    assert sentence(path) == "row 3 of labels.parquet has no label. Fill it in, or remove the row."


def test_parquet_that_holds_the_pictures_themselves_is_refused(folder: Path) -> None:
    held = [{"bytes": content(name), "path": name} for name in PICTURES]
    assert sentence(parquet(folder, {"image": held, "label": ["cats", "cats", "dogs", "dogs"]})) == (
        "the column image of labels.parquet holds struct<bytes: binary, path: string>, not paths. Save the pictures as "
        "files and name those, or say which column holds paths: --columns path=COLUMN,label=COLUMN"
    )


def test_which_columns_were_taken_is_said(folder: Path) -> None:
    rows = "".join(f"{name},{name[0]},{name[2]}\n" for name in PICTURES)
    assert discover(table(folder, f"Image,breed,group\n{rows}")).notes == (
        "labels.csv: path from column Image, label from column breed, group from column group",
    )


def test_a_parquet_name_is_no_pattern(folder: Path) -> None:
    parquet(folder, {"path": ["a/1.jpg", "b/3.jpg"], "label": ["wrong", "dogs"]}, "labels a.parquet")
    right = parquet(folder, {"path": ["a/1.jpg", "b/3.jpg"], "label": ["cats", "dogs"]}, "labels ?.parquet")
    assert discover(right).classes == ("cats", "dogs")


def test_parquet_rows_beyond_one_chunk_are_counted_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawlab.datasets.tables._ROWS", 2)
    paths, labels = ["a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg"], ["cats", "cats", "dogs", "dogs"]
    assert layout(discover(parquet(folder, {"path": paths, "label": labels}))) == FOUR
    path = parquet(folder, {"path": paths, "label": [*labels[:3], None]})
    assert sentence(path) == "row 4 of labels.parquet has no label. Fill it in, or remove the row."


def test_without_pyarrow_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError) as caught:
        discover(write(folder / "labels.parquet", b"PAR1"))
    assert (
        str(caught.value) == f"reading labels.parquet needs the extra 'parquet': {install_command('pawlab[parquet]')}"
    )


def test_missing_columns_are_named(folder: Path) -> None:
    rest = "Say which hold path and label: --columns path=COLUMN,label=COLUMN"
    assert sentence(table(folder, "")) == f"labels.csv has no column path; its columns are: none. {rest}"
    assert sentence(parquet(folder, {"path": ["a/1.jpg"], "what": [1]})) == (
        f"labels.parquet has no column label; its columns are: path, what. {rest}"
    )


def test_empty_fields_are_named_with_their_row(folder: Path) -> None:
    assert sentence(table(folder, "path,label\na/1.jpg,cats\n\nb/3.jpg, \n")) == (
        "row 4 of labels.csv has no label. Fill it in, or remove the row."
    )
    assert sentence(table(folder, "path,label\na/1.jpg\n")) == (
        "row 2 of labels.csv has no label. Fill it in, or remove the row."
    )
    assert sentence(table(folder, "path,label\n,cats\n")) == (
        "row 2 of labels.csv has no path. Fill it in, or remove the row."
    )
    assert sentence(table(folder, "path,label,split\na/1.jpg,cats,train\na/2.jpg,cats,\n")) == (
        "row 3 of labels.csv has no split. Fill it in, or remove the row."
    )


def test_an_unknown_split_is_named_with_its_row(folder: Path) -> None:
    assert sentence(table(folder, "path,label,split\na/1.jpg,cats,trian\n")) == (
        "row 2 of labels.csv has the split 'trian'. Use train, validation or test."
    )


def test_files_that_cannot_serve_are_set_aside(folder: Path) -> None:
    write(folder / "notes.txt", b"text")
    write(folder / "empty.jpg", b"")
    rows = [
        "a/1.jpg,cats",
        "gone.jpg,cats",
        "a,cats",
        "notes.txt,dogs",
        "empty.jpg,dogs",
        "a/1.jpg,cats",
        "b/3.jpg,dogs",
    ]
    dataset = discover(table(folder, "\n".join(["path,label", *rows, "x" * 5000 + ".jpg,cats"])))
    assert set(layout(dataset)) == {"a/1.jpg", "b/3.jpg"}
    reasons = left_out(dataset)
    assert reasons.pop("x" * 5000 + ".jpg").startswith("can't be read: ")
    assert reasons == {
        "gone.jpg": "doesn't exist",
        "a": "isn't a file",
        "notes.txt": "isn't a picture",
        "empty.jpg": "is empty",
        "a/1.jpg": "stands in the table twice (row 7)",
    }


def test_a_path_under_two_labels_keeps_both_in_one_split(folder: Path) -> None:
    rows = [*(f"{name},cats" for name in PICTURES), *(f"{name},dogs" for name in PICTURES)]
    dataset = assign_splits(discover(table(folder, "\n".join(["path,label", *rows]))))
    assert len(dataset) == 8
    assert count_overlap(dataset) == 0


def test_a_path_in_two_splits_stays_in_the_first(folder: Path) -> None:
    rows = ["a/1.jpg,cats,train", "a/1.jpg,cats,test", "a/2.jpg,cats,train", "b/3.jpg,dogs,train", "b/4.jpg,dogs,test"]
    dataset = assign_splits(discover(table(folder, "\n".join(["path,label,split", *rows]))))
    assert [picture.split for picture in dataset.pictures if picture.name == "a/1.jpg"] == ["test"]
    assert left_out(dataset) == {"a/1.jpg": "is a copy of a/1.jpg, which stands in test"}


def test_only_missing_files(folder: Path) -> None:
    assert sentence(table(folder, "path,label\npictures/a/1.jpg,cats\npictures/b/3.jpg,dogs\n")) == (
        "none of the 2 files that labels.csv names can be used; the first is pictures/a/1.jpg, which doesn't exist. "
        "Paths are relative to the table's folder."
    )


def test_an_address_in_a_table_is_told(folder: Path) -> None:
    dataset = discover(table(folder, "path,label\na/1.jpg,cats\nb/3.jpg,dogs\ns3://bucket/1.jpg,dogs\n"))
    assert left_out(dataset) == {
        "s3://bucket/1.jpg": "is an address, which isn't followed in a table. Give a path that is relative to the table"
    }


def test_no_rows(folder: Path) -> None:
    assert sentence(table(folder, "path,label\n")) == (
        "labels.csv has no rows. It needs one a picture, with the columns path and label."
    )


def test_what_is_no_table(folder: Path) -> None:
    assert sentence(write(folder / "labels.parquet", b"PAR1 but no more")).startswith(
        "labels.parquet can't be read as Parquet: "
    )
    assert sentence(table(folder, 'path,label\n"' + "x" * 200_000 + '",cats\n')) == (
        "labels.csv can't be read as CSV: field larger than field limit (131072)."
    )


def test_a_parquet_file_whose_text_is_none_is_refused(folder: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    texts = pyarrow.array([b"a/1.jpg", b"\xff\xfe"], pyarrow.binary()).view(pyarrow.string())
    said = sentence(parquet(folder, {"path": texts, "label": ["cats", "dogs"]}))
    assert said.startswith("labels.parquet can't be read as Parquet: 'utf-8' codec can't decode byte 0xff")
