"""What people name when they want predictions."""

import zipfile
from pathlib import Path

import pytest

from pawlab.datasets.inputs import find_pictures, holds_many
from pawlab.errors import DataError
from picture_folders import content, make, write


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return make(tmp_path / "photos", "b.jpg", "a/1.jpg", "a/2.jpg", "[x]/3.jpg")


def names(*named: str | Path, stdin: bytes | None = None) -> list[str]:
    import io

    return [item.name for item in find_pictures(named, None if stdin is None else io.BytesIO(stdin)).pictures]


def test_files_folders_and_globs(photos: Path) -> None:
    assert names(photos / "b.jpg", str(photos / "a")) == [
        str(photos / name) for name in ("b.jpg", "a/1.jpg", "a/2.jpg")
    ]
    assert names(str(photos / "*" / "[12].jpg")) == [str(photos / "a/1.jpg"), str(photos / "a/2.jpg")]
    assert names(str(photos / "[x]")) == [str(photos / "[x]/3.jpg")]  # a folder's name is no glob
    assert names("absent.jpg") == ["absent.jpg"]


def test_what_lies_in_several_of_them_comes_once(photos: Path) -> None:
    all_of_them = sorted(str(photos / name) for name in ("[x]/3.jpg", "a/1.jpg", "a/2.jpg", "b.jpg"))
    assert sorted(names(str(photos / "**"))) == all_of_them
    assert names(str(photos / "a"), str(photos / "a" / "*")) == all_of_them[1:3]
    assert names(photos / "b.jpg", photos / "b.jpg") == [str(photos / "b.jpg")] * 2  # named one by one, as asked for


def test_a_glob_passes_over_what_systems_leave(photos: Path) -> None:
    make(photos, "__MACOSX/a/1.jpg", "a/Thumbs.db")
    assert sorted(names(str(photos / "*" / "**"))) == sorted(names(str(photos / "[[a]*" / "*.jpg")))
    assert names(str(photos / "__MACOSX" / "*" / "*.jpg")) == [str(photos / "__MACOSX/a/1.jpg")]  # asked for


def test_a_link_to_a_folder_above_leads_nowhere_new(photos: Path) -> None:
    (photos / "a" / "loop").symlink_to(photos)
    assert sorted(names(str(photos / "**" / "*.jpg"))) == sorted(names(photos))


def test_the_home_folder(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(photos))
    found = find_pictures(["~/b.jpg", "~/a/*.jpg"]).pictures
    assert [item.path for item in found] == [str(photos / name) for name in ("b.jpg", "a/1.jpg", "a/2.jpg")]


def test_a_table_that_names_none(photos: Path) -> None:
    write(photos / "some.csv", b"path\n")
    with pytest.raises(DataError) as caught:
        names(str(photos / "some.csv"))
    assert str(caught.value) == f"{photos / 'some.csv'} names no pictures. Give one path a line."


def test_no_names_at_all() -> None:
    with pytest.raises(DataError) as caught:
        find_pictures([])
    assert str(caught.value) == "no pictures were given: the list is empty. Name a file or a folder."


def test_archives_and_tables(photos: Path) -> None:
    with zipfile.ZipFile(photos / "some.zip", "w") as archive:
        archive.writestr("x/1.jpg", content("x"))
        archive.writestr("notes.txt", "text")
    assert names(str(photos / "some.zip")) == [str(photos / "some.zip" / "x/1.jpg")]
    write(photos / "some.csv", b"id,what\na/1,?\nb.jpg,?\ngone.jpg,?\n")
    found = find_pictures([photos / "some.csv"]).pictures
    assert [(item.name, item.path) for item in found] == [
        ("a/1", str(photos / "a/1.jpg")),
        ("b.jpg", str(photos / "b.jpg")),
        ("gone.jpg", str(photos / "gone.jpg")),
    ]


@pytest.mark.parametrize(
    "text",
    ["a.jpg\nb c.jpg\n\n", "\ufeffa.jpg\r\nb c.jpg\r\n", 'a.jpg\n"b c.jpg"\n'],
    ids=["plain", "Windows", "quotes"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lists_on_standard_input(text: str, encoding: str) -> None:
    assert names("-", stdin=text.encode(encoding)) == ["a.jpg", "b c.jpg"]


def test_what_was_passed_over_is_known(photos: Path) -> None:
    write(photos / "a/clip.mov", b"x")
    found = find_pictures([photos / "a"])
    assert len(found.pictures) == 2
    assert [(item.name, item.reason) for item in found.passed_over] == [("clip.mov", "is a video")]


@pytest.mark.parametrize(
    ("named", "expected"),
    [("", "a picture's name is empty"), ("*.nothing", "no file matches *.nothing."), ("-", "standard input names no")],
)
def test_nothing_is_refused(named: str, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        find_pictures([named])
    assert str(caught.value).startswith(expected)


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no pictures in the folder"):
        find_pictures([tmp_path])


def test_which_names_stand_for_many(photos: Path) -> None:
    write(photos / "some.csv", b"path\n")
    many = {".": True, "b.jpg": False, "*.jpg": True, "[x]/3.jpg": False, "absent.jpg": False, "some.csv": True}
    assert {name: holds_many(photos / name) for name in many} == many
    assert not holds_many("https://example.org/*.jpg")
