"""Tables as programs and people write them, and what pawlab reads in them."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from pawlab.datasets.dataset import Dataset
from pawlab.datasets.discover import discover
from pawlab.datasets.options import DataOptions
from pawlab.errors import DataError, PawlabError
from picture_folders import content, left_out, write

NAMES = ("img/1.jpg", "img/2.jpg", "img/3.jpg", "img/Kätzchen.jpg")
LABELS = {"img/1.jpg": "cats", "img/2.jpg": "cats", "img/3.jpg": "dogs", "img/Kätzchen.jpg": "dogs"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        write(tmp_path / "data" / name, content(name))
    return tmp_path / "data"


def lines(header: str, *, row: str = "{path},{label}", **replaced: str) -> str:
    rows = [row.format(path=path, label=label, name=Path(path).name, stem=Path(path).stem,
                       back=path.replace("/", "\\")) for path, label in LABELS.items()]  # fmt: skip
    return "\n".join([header, *rows]) + "\n"


TABLES: dict[str, str | bytes] = {
    "plain": lines("path,label"),
    "capitals": lines("Path,Label"),
    "file": lines("file,label"),
    "filename": lines("filename,label"),
    "Hugging Face's metadata.csv": lines("file_name,label"),
    "image": lines("image,label"),
    "image_path and class": lines("image_path,class"),
    "image and category": lines("image,category"),
    "species": lines("file,species"),
    "Kaggle's dog breeds": lines("id,breed", row="{stem},{label}"),
    "ids with more columns": lines("id,width,breed", row="{stem},200,{label}"),
    "names without folders": lines("filename,label", row="{name},{label}"),
    "path beats id": lines("id,path,label", row="7,{path},{label}"),
    "label beats class": lines("path,class,label", row="{path},x,{label}"),
    "columns in another order": lines("label,path", row="{label},{path}"),
    "semicolons": lines("path;label", row="{path};{label}"),
    "tabs": lines("path\tlabel", row="{path}\t{label}"),
    "quotes": lines('"path","label"', row='"{path}","{label}"'),
    "CRLF": lines("path,label").replace("\n", "\r\n"),
    "blank lines": lines("path,label").replace("\n", "\n\n"),
    "blanks around fields": lines("path , label", row="{path} , {label} "),
    "Excel's first line": "sep=;\n" + lines("path;label", row="{path};{label}"),
    "Excel's first line with CRLF": ("SEP=,\n" + lines("path,label")).replace("\n", "\r\n"),
    "a mark at the start": "\ufeff" + lines("path,label"),
    "UTF-16, little endian": lines("path,label").encode("utf-16"),
    "UTF-16, big endian": b"\xfe\xff" + lines("path,label").encode("utf-16-be"),
    "Excel's Unicode text": lines("path\tlabel", row="{path}\t{label}").replace("\n", "\r\n").encode("utf-16"),
    "Windows-1252": lines("path,label").encode("cp1252"),
    "backslashes": lines("path,label", row="{back},{label}"),
    "a dot and backslashes": lines("path,label", row=".\\{back},{label}"),
    "a dot and a slash": lines("path,label", row="./{path},{label}"),
    "letters taken apart": unicodedata.normalize("NFD", lines("path,label")),
}


@pytest.mark.parametrize("name", TABLES)
def test_dialects(folder: Path, name: str) -> None:
    table = TABLES[name]
    write(folder / "labels.csv", table.encode() if isinstance(table, str) else table)
    dataset = discover(folder / "labels.csv")
    assert {picture.path.name: picture.label for picture in dataset.pictures} == {
        Path(path).name: label for path, label in LABELS.items()
    }
    assert left_out(dataset) == {}


def read(folder: Path, text: str, **options: str) -> Dataset:
    return discover(write(folder / "labels.csv", text.encode()), options=DataOptions(**options))  # type: ignore[arg-type]


def test_columns_can_be_given(folder: Path) -> None:
    text = lines("where,what,who,when", row="{path},{label},ann,train")
    dataset = read(folder, text, columns="path=where, label=what, group=who, split=when")
    assert Counter(picture.label for picture in dataset.pictures) == {"cats": 2, "dogs": 2}
    assert {(picture.group, picture.split) for picture in dataset.pictures} == {("ann", "train")}
    dataset = read(folder, lines("path,label,patient", row="{path},{label},7"), group="patient")
    assert {picture.group for picture in dataset.pictures} == {"7"}


def test_a_column_called_group_keeps_pictures_together(folder: Path) -> None:
    dataset = read(folder, lines("path,label,group", row="{path},{label},{label}"))
    assert {(picture.label, picture.group) for picture in dataset.pictures} == {("cats", "cats"), ("dogs", "dogs")}


def test_columns_that_mean_something_else_can_be_left(folder: Path) -> None:
    text = lines("path,label,group,split", row="{path},{label},{label},often")
    dataset = read(folder, text, columns="group=,split=")
    assert {(picture.group, picture.split) for picture in dataset.pictures} == {(None, None)}


def test_labels_can_stand_in_the_paths(folder: Path) -> None:
    dataset = read(folder, "path\nimg/1.jpg\nimg/2.jpg\n", label_from_name=r"(\d)\.jpg")
    assert dataset.classes == ("1", "2")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "file,image_path,label",
            "labels.csv has several columns that could be the path (file, image_path).",
        ),
        ("path,breed,species", "labels.csv has several columns that could be the label (breed, species)."),
        ("a,b", "labels.csv has no column path; its columns are: a, b. Say which hold path and label: --columns"),
        ("path,b", "labels.csv has no column label; its columns are: path, b. Say which"),
    ],
)
def test_columns_that_are_not_plain(folder: Path, header: str, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        read(folder, header + "\nimg/1.jpg,x,y\n")
    assert expected in str(caught.value)


@pytest.mark.parametrize("columns", ["path", "path=", "image=a,label=b", "=x"])
def test_columns_that_cannot_be_read(columns: str) -> None:
    with pytest.raises(PawlabError, match=r"can't be read\. Give them as path=COLUMN,label=COLUMN"):
        DataOptions(columns=columns)


def test_another_machines_paths_get_a_hint(folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(folder, "path,label\nC:\\data\\img\\1.jpg,cats\n")
    assert str(caught.value) == (
        "none of the 1 files that labels.csv names can be used; the first is C:\\data\\img\\1.jpg, which is a path of "
        "another machine, with a drive and backslashes; make it relative to the table. Paths are relative to the "
        "table's folder."
    )


def test_a_name_that_two_pictures_have_is_not_guessed(folder: Path) -> None:
    write(folder / "more/1.jpg", content("more"))
    assert left_out(read(folder, "id,label\n1,cats\n2,cats\n")) == {"1": "doesn't exist"}


def test_labels_stay_text(folder: Path) -> None:
    dataset = read(folder, "path,label\nimg/1.jpg,01\nimg/2.jpg,1\nimg/3.jpg,NA\n")
    assert dataset.classes == ("01", "1", "NA")


def test_windows_text_is_said(folder: Path) -> None:
    write(folder / "labels.csv", lines("path,label").encode("cp1252"))
    assert discover(folder / "labels.csv").doubts == (
        "labels.csv isn't UTF-8: read as Windows-1252; save it as UTF-8 if its labels look wrong",
    )


@pytest.mark.parametrize("suffix", ["xlsx", "xls", "ods"])
def test_spreadsheets_are_refused_as_such(folder: Path, suffix: str) -> None:
    write(folder / f"labels.{suffix}", b"PK\x03\x04")
    with pytest.raises(DataError) as caught:
        discover(folder / f"labels.{suffix}")
    assert str(caught.value) == f"labels.{suffix} is a spreadsheet ({suffix}). Save it as CSV in UTF-8 and give that."


def test_binary_is_no_table(folder: Path) -> None:
    write(folder / "labels.csv", b"\x00\x81\x00\x8d")
    with pytest.raises(DataError, match=r"labels\.csv isn't text\. Save it as CSV in UTF-8\."):
        discover(folder / "labels.csv")
