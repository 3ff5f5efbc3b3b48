import hashlib
import os
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest

from pawlab.datasets import folders
from pawlab.datasets.dataset import SPLITS
from pawlab.datasets.discover import discover
from pawlab.datasets.known import KNOWN_DATA, get_data
from pawlab.datasets.splits import assign_splits, count_overlap, require_trainable
from pawlab.datasets.stats import count_pictures
from pawlab.errors import DataError
from pawlab.files import names
from pawlab.files import scan as scanning
from pawlab.files.scan import scan
from picture_folders import JPEG, Bar, content, layout, left_out, make, write

posix_names = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="this system can't have such names")


def sentence(data: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        discover(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_subfolders_are_classes(tmp_path: Path) -> None:
    make(tmp_path / "photos", "dogs/1.jpg", "cats/2.jpg", "cats/1.jpg")
    dataset = discover(tmp_path / "photos")
    assert (dataset.name, dataset.root, dataset.classes) == ("photos", tmp_path / "photos", ("cats", "dogs"))
    assert layout(dataset) == {"cats/1.jpg": ("cats", None), "cats/2.jpg": ("cats", None), "dogs/1.jpg": ("dogs", None)}
    assert [picture.name for picture in dataset.pictures] == ["cats/1.jpg", "cats/2.jpg", "dogs/1.jpg"]
    assert dataset.pictures[2].path == tmp_path / "photos/dogs/1.jpg"
    assert dataset.pictures[2].sha256 == hashlib.sha256(content("dogs/1.jpg")).hexdigest()
    assert dataset.skipped == ()


def test_results_of_ones_own_are_no_class(tmp_path: Path) -> None:
    make(tmp_path, "cats/1.jpg", "dogs/1.jpg", "dogs/kept/2.jpg")
    write(tmp_path / "dogs/kept/run.json", b"{}")  # somebody else's
    make(tmp_path, "runs/photos-fast/run.json", "runs/photos-fast/history.csv", "runs/photos-fast/plots/confusion.png")
    make(tmp_path, "dogs/run/run.json", "dogs/run/history.csv", "dogs/run/3.png")
    make(tmp_path, "compared/comparison.json", "compared/comparison.png", "compared/a1/plots/history.png")
    dataset = discover(tmp_path)
    assert set(layout(dataset)) == {"cats/1.jpg", "dogs/1.jpg", "dogs/kept/2.jpg"}
    assert {(item.name, item.reason) for item in dataset.skipped} == {
        ("runs", "holds pawlab's own results"),
        ("compared", "holds pawlab's own results"),
        ("dogs/run", "holds pawlab's own results"),
        ("dogs/kept/run.json", "isn't a picture"),
    }


def test_a_lone_folder_beside_results_is_still_what_was_meant(tmp_path: Path) -> None:
    make(
        tmp_path, "photos/cats/1.jpg", "photos/dogs/1.jpg", "runs/photos-fast/run.json", "runs/photos-fast/history.csv"
    )
    assert discover(tmp_path).classes == ("cats", "dogs")


def test_a_relative_folder_keeps_working_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "photos", "cats/1.jpg", "dogs/1.jpg")
    monkeypatch.chdir(tmp_path / "photos")
    dataset = discover(".")
    monkeypatch.chdir("/")
    assert dataset.name == "photos"
    assert all(picture.path.is_file() for picture in dataset.pictures)


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [("train", "validation", "test"), ("Train", "VAL", "Test"), ("training", "valid", "testing")],
)
def test_folders_named_after_splits_are_splits(tmp_path: Path, train: str, validation: str, test: str) -> None:
    make(tmp_path, *(f"{split}/{label}/1.jpg" for split in (train, validation, test) for label in ("cats", "dogs")))
    dataset = discover(tmp_path)
    assert dataset.classes == ("cats", "dogs")
    assert {picture.name.split("/")[0]: picture.split for picture in dataset.pictures} == {
        train: "train",
        validation: "validation",
        test: "test",
    }


def test_folders_around_the_data_are_passed_through(tmp_path: Path) -> None:
    make(tmp_path, "a/b/train/cats/1.jpg", "a/b/train/dogs/1.jpg", "a/b/val/cats/2.jpg", "__MACOSX/a/b/cats/1.jpg")
    write(tmp_path / "a/b/vectorize.py", b"print()")
    dataset = discover(tmp_path)
    assert dataset.root == tmp_path / "a/b"
    assert layout(dataset) == {
        "train/cats/1.jpg": ("cats", "train"),
        "train/dogs/1.jpg": ("dogs", "train"),
        "val/cats/2.jpg": ("cats", "validation"),
    }


def test_a_lone_class_is_no_wrapper(tmp_path: Path) -> None:
    make(tmp_path, "cats/1.jpg", "cats/more/2.jpg")
    assert discover(tmp_path).classes == ("cats",)


def test_all_below_a_class_folder_belongs_to_it(tmp_path: Path) -> None:
    make(tmp_path, "cats/a/b/1.jpg", "cats/2.jpg", "cats/b.jpg", "cats/b/1.jpg", "dogs/test/3.jpg")
    dataset = discover(tmp_path)
    assert [picture.name for picture in dataset.pictures] == sorted(picture.name for picture in dataset.pictures)
    assert layout(dataset) == {
        "cats/2.jpg": ("cats", None),
        "cats/a/b/1.jpg": ("cats", None),
        "cats/b.jpg": ("cats", None),
        "cats/b/1.jpg": ("cats", None),
        "dogs/test/3.jpg": ("dogs", None),
    }


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_lone_split_is_no_wrapper(tmp_path: Path, split: str) -> None:
    make(tmp_path, f"{split}/cats/1.jpg", f"{split}/dogs/1.jpg")
    assert layout(discover(tmp_path)) == {
        f"{split}/cats/1.jpg": ("cats", split),
        f"{split}/dogs/1.jpg": ("dogs", split),
    }


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    make(tmp_path, "train/1.jpg", "plane/1.jpg", "car/1.jpg")
    dataset = discover(tmp_path)
    assert dataset.classes == ("car", "plane", "train")
    assert {picture.split for picture in dataset.pictures} == {None}


def test_what_has_no_class_is_set_aside(tmp_path: Path) -> None:
    make(tmp_path, "train/cats/1.jpg", "val/cats/2.jpg", "test/3.jpg", "unlabelled/x/4.jpg", "5.jpg")
    dataset = discover(tmp_path)
    assert set(layout(dataset)) == {"train/cats/1.jpg", "val/cats/2.jpg"}
    assert left_out(dataset) == {
        "test/3.jpg": "has no label: test/ holds no class folders",
        "unlabelled/x/4.jpg": "has no label: unlabelled/ holds no class folders",
        "5.jpg": "lies beside the splits' folders",
    }


def test_hidden_and_system_files_are_no_pictures(tmp_path: Path) -> None:
    make(tmp_path, "cats/1.jpg", "dogs/1.jpg", "cats/.2.jpg", ".git/3.jpg", "cats/Thumbs.db", "cats/desktop.ini")
    make(tmp_path, "__MACOSX/cats/._1.jpg", "cats/@eaDir/1.jpg")
    dataset = discover(tmp_path)
    assert set(layout(dataset)) == {"cats/1.jpg", "dogs/1.jpg"}
    assert dataset.skipped == ()


def test_a_picture_is_known_by_extension_or_first_bytes(tmp_path: Path) -> None:
    make(tmp_path, "cats/1.JPG", "cats/photo", "cats/photo.download", "dogs/1.webp")
    write(tmp_path / "cats/notes.txt", b"not a picture")
    write(tmp_path / "cats/damaged.png", b"not a picture either, but it says that it is one")
    assert set(layout(discover(tmp_path))) == {
        "cats/1.JPG",
        "cats/damaged.png",
        "cats/photo",
        "cats/photo.download",
        "dogs/1.webp",
    }


def test_an_empty_class_folder_is_mentioned(tmp_path: Path) -> None:
    make(tmp_path, "cats/1.jpg", "dogs/1.jpg")
    (tmp_path / "birds/more").mkdir(parents=True)
    dataset = discover(tmp_path)
    assert dataset.classes == ("cats", "dogs")
    assert left_out(dataset) == {"birds": "is a folder without pictures"}


def test_odd_names_stay_as_they_are(tmp_path: Path) -> None:
    composed, decomposed = unicodedata.normalize("NFC", "Kätzchen"), unicodedata.normalize("NFD", "Kätzchen")
    names = [f"{composed}/1.jpg", f"{decomposed} 2/1.jpg", "猫/a b'c\"d.jpg", " cats /#%&.jpg", "cats/[1]*.jpg"]
    if sys.platform == "win32":
        names = names[:2]
    make(tmp_path, *names)
    dataset = discover(tmp_path)
    assert {picture.name for picture in dataset.pictures} == set(names)
    assert set(dataset.classes) == {unicodedata.normalize("NFC", name.split("/")[0]) for name in names}


@posix_names
def test_line_breaks_in_names_do_no_harm(tmp_path: Path) -> None:
    make(tmp_path, "cats/a\nb.jpg", "do\ngs/1.jpg")
    assert layout(discover(tmp_path)) == {"cats/a\nb.jpg": ("cats", None), "do\ngs/1.jpg": ("do\ngs", None)}


@posix_names
def test_names_that_are_no_text_become_printable(tmp_path: Path) -> None:
    make(tmp_path, os.fsdecode(b"caf\xe9/\xff.jpg"), "dogs/1.jpg")
    dataset = discover(tmp_path)
    assert layout(dataset)["caf\\udce9/\\udcff.jpg"] == ("caf\\udce9", None)
    assert all(picture.path.read_bytes() for picture in dataset.pictures)
    assert len(dataset.fingerprint) == 64


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_links_are_followed_and_cycles_end(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/3.jpg", "4.jpg")
    data = make(tmp_path / "data", "cats/1.jpg", "dogs/2.jpg")
    (data / "birds").symlink_to(tmp_path / "elsewhere")
    (data / "dogs/4.jpg").symlink_to(tmp_path / "4.jpg")
    (data / "cats/round").symlink_to(data)
    (data / "dogs/gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (data / "dogs/self.jpg").symlink_to(data / "dogs/self.jpg")
    dataset = discover(data)
    assert layout(dataset) == {
        "birds/3.jpg": ("birds", None),
        "cats/1.jpg": ("cats", None),
        "dogs/2.jpg": ("dogs", None),
        "dogs/4.jpg": ("dogs", None),
    }
    reasons = left_out(dataset)
    assert reasons["cats/round"] == "is a link to a folder that is read already"
    assert reasons["dogs/gone.jpg"] == "is a link to nothing"
    assert set(reasons) == {"cats/round", "dogs/gone.jpg", "dogs/self.jpg"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    make(tmp_path, "cats/1.jpg", "dogs/1.jpg")
    os.mkfifo(tmp_path / "cats/pipe.jpg")
    assert left_out(discover(tmp_path)) == {"cats/pipe.jpg": "isn't a regular file"}


def test_folders_that_never_end_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_MAX_DEPTH", 3)
    make(tmp_path, "cats/1.jpg", "dogs/1.jpg", "cats/a/2.jpg", "cats/a/b/3.jpg")
    dataset = discover(tmp_path)
    assert set(layout(dataset)) == {"cats/1.jpg", "cats/a/2.jpg", "dogs/1.jpg"}
    assert left_out(dataset) == {"cats/a/b": "lies more than 3 folders deep"}


def test_files_that_cannot_be_read_are_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "cats/1.jpg", "dogs/1.jpg", "dogs/vanishes.jpg")
    write(tmp_path / "cats/empty.jpg", b"")

    def scan_then_remove(path: Path) -> scanning.Folder:
        found = scanning.scan(path)
        (tmp_path / "dogs/vanishes.jpg").unlink()
        return found

    monkeypatch.setattr(folders, "scan", scan_then_remove)
    dataset = discover(tmp_path)
    assert set(layout(dataset)) == {"cats/1.jpg", "dogs/1.jpg"}
    assert left_out(dataset) == {
        "cats/empty.jpg": "is empty",
        "dogs/vanishes.jpg": "can't be read: No such file or directory",
    }


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_forbidden_files_and_folders_are_set_aside(tmp_path: Path) -> None:
    make(tmp_path, "cats/1.jpg", "dogs/1.jpg", "dogs/secret.jpg", "birds/1.jpg")
    (tmp_path / "dogs/secret.jpg").chmod(0)
    (tmp_path / "birds").chmod(0)
    try:
        assert left_out(discover(tmp_path)) == {
            "birds": "can't be read: Permission denied",
            "dogs/secret.jpg": "can't be read: Permission denied",
        }
    finally:
        (tmp_path / "birds").chmod(0o755)


def test_large_files_are_hashed_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_CHUNK", 7)
    make(tmp_path, "cats/a long enough name.jpg", "dogs/1.jpg")
    dataset = discover(tmp_path)
    assert dataset.pictures[0].sha256 == hashlib.sha256(content("cats/a long enough name.jpg")).hexdigest()


def test_every_picture_moves_the_bar(tmp_path: Path) -> None:
    make(tmp_path, *(f"{label}/{number}.jpg" for label in ("cats", "dogs") for number in range(50)))
    bar = Bar()
    discover(tmp_path, bar)
    assert (bar.title, bar.total, bar.unit, bar.done) == ("Reading pictures", 100, "pictures", 100)


def test_the_order_on_disk_does_not_matter(tmp_path: Path) -> None:
    names = [f"{label}/{number}.jpg" for label in ("cats", "dogs") for number in range(20)]
    one, other = make(tmp_path / "one", *names), make(tmp_path / "other", *reversed(names))
    assert discover(one).fingerprint == discover(other).fingerprint
    write(other / names[0], b"changed")
    assert discover(one).fingerprint != discover(other).fingerprint


def test_twenty_classes_in_order(tmp_path: Path) -> None:
    make(tmp_path, *(f"class {number:02}/{picture}.jpg" for number in range(20) for picture in range(5)))
    dataset = assign_splits(discover(tmp_path))
    require_trainable(dataset)
    assert dataset.classes == tuple(f"class {number:02}" for number in range(20))
    assert all(count > 0 for counts in count_pictures(dataset).values() for count in counts.values())
    assert sum(sum(counts.values()) for counts in count_pictures(dataset).values()) == 100
    assert count_overlap(dataset) == 0


def test_no_such_folder(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere")
    assert sentence(path) == f"there's no folder or file {path!r}. Check the path, or try 'sample'."
    assert sentence("") == "there's no folder or file ''. Check the path, or try 'sample'."
    assert sentence("a\0b") == "there's no folder or file 'a\\x00b'. Check the path, or try 'sample'."
    assert sentence("x" * 5000).startswith("there's no folder or file 'xxx")
    assert sentence("~nobody-of-this-name/x").startswith("there's no folder or file '~nobody")


def test_a_known_name_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence("cats_and_dog") == "there's no folder or file 'cats_and_dog'. Did you mean 'cats-and-dogs'?"


def test_a_folder_wins_over_a_known_name_where_it_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "cats-and-dogs", "cats/1.jpg", "dogs/1.jpg")
    monkeypatch.chdir(tmp_path)
    assert len(discover("./cats-and-dogs")) == 2
    assert len(discover(Path("cats-and-dogs"))) == 2


def test_no_pictures(tmp_path: Path) -> None:
    write(tmp_path / "cats/notes.txt", b"nothing to see")
    assert sentence(tmp_path) == (
        f"{tmp_path} holds no pictures, only 1 .txt file. Put each into a folder named after what it shows, such as "
        "cats/ and dogs/."
    )


def test_pictures_without_class_folders(tmp_path: Path) -> None:
    make(tmp_path, "1.jpg", "2.jpg")
    assert sentence(tmp_path) == (
        f"{tmp_path} holds 2 pictures but no class folders. "
        "Move each into a folder named after what it shows, such as cats/ and dogs/."
    )


def test_splits_without_class_folders(tmp_path: Path) -> None:
    make(tmp_path, "test/2.jpg", "train/1.jpg")
    assert sentence(tmp_path) == (
        f"{tmp_path / 'test'} holds 1 picture but no class folders. "
        "Move each into a folder named after what it shows, such as cats/ and dogs/."
    )


def test_only_unreadable_pictures(tmp_path: Path) -> None:
    write(tmp_path / "cats/1.jpg", b"")
    name = tmp_path.name
    assert sentence(tmp_path) == (
        f"the only picture of {name} can't be read: cats/1.jpg is empty. Check the files and their permissions."
    )
    write(tmp_path / "dogs/1.jpg", b"")
    assert sentence(tmp_path) == (
        f"none of the 2 pictures of {name} can be read: cats/1.jpg is empty. Check the files and their permissions."
    )


def test_a_picture_is_no_archive(tmp_path: Path) -> None:
    path = write(tmp_path / "cat.jpg", JPEG)
    assert sentence(path) == (
        f"{path} is no archive that can be read (zip, tar, tar.gz, tar.bz2, tar.xz). "
        "Give a folder, one of these, or a table."
    )


def test_the_sample_brings_splits_of_its_own() -> None:
    dataset = assign_splits(discover("sample"))
    require_trainable(dataset)
    assert (dataset.name, len(dataset), dataset.classes) == ("sample", 300, ("cats", "dogs"))
    assert [len(dataset.split(split)) for split in SPLITS] == [180, 60, 60]
    assert count_overlap(dataset) == 0


def test_cats_and_dogs_are_the_published_ones(cats_and_dogs: Path) -> None:
    dataset = assign_splits(discover("cats-and-dogs"))
    assert dataset.name == "cats-and-dogs"
    assert count_pictures(dataset) == {
        "train": {"cats": 1000, "dogs": 1000},
        "validation": {"cats": 400, "dogs": 400},
        "test": {"cats": 100, "dogs": 100},
    }
    assert (count_overlap(dataset), dataset.skipped) == (0, ())
    test_cats = [picture.name for picture in dataset.split("test") if picture.label == "cats"]
    assert test_cats[:2] == ["validation/cats/cat.2004.jpg", "validation/cats/cat.2009.jpg"]
    known = next(known for known in KNOWN_DATA if known.name == "cats-and-dogs")
    assert dataset.fingerprint == known.fingerprint
    assert sum(picture.path.stat().st_size for picture in dataset.pictures) == known.size


def test_wrong_cats_and_dogs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "cats_and_dogs_filtered", "train/cats/cat.0.jpg", "train/dogs/dog.0.jpg")
    monkeypatch.setenv("PAWLAB_DATA_DIR", str(tmp_path))
    expected = (
        f"{folder} isn't the data set 'cats-and-dogs': it holds 2 pictures that can be read, not 3,000. Replace it, or "
        "give its path in place of the name to use it as it is."
    )
    assert sentence("cats-and-dogs") == expected
    with pytest.raises(DataError) as caught:
        get_data("cats-and-dogs")
    assert str(caught.value) == expected


def test_one_changed_photo_is_noticed(cats_and_dogs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = get_data("cats-and-dogs")
    copy = tmp_path / "cats_and_dogs_filtered"
    for source in root.rglob("*.jpg"):
        target = copy / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(source)
    monkeypatch.setenv("PAWLAB_DATA_DIR", str(tmp_path))
    assert get_data("cats-and-dogs") == copy
    (copy / "train/cats/cat.7.jpg").unlink()
    make(copy, "train/cats/cat.7.jpg")
    assert sentence("cats-and-dogs") == (
        f"{copy} isn't the data set 'cats-and-dogs': it holds 3,000 pictures, but names or contents differ from the "
        "published ones. Replace it, or give its path in place of the name to use it as it is."
    )


def test_an_unknown_data_set() -> None:
    with pytest.raises(DataError) as caught:
        get_data("cats_and_dogs")
    assert str(caught.value).startswith(
        "there's no known data set 'cats_and_dogs'. Did you mean 'cats-and-dogs'? These are known: "
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_pipes_devices_and_sockets_are_neither_data_nor_pictures(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("cats/1.jpg", "dogs/1.jpg"):
        (data / name).parent.mkdir(parents=True)
        (data / name).write_bytes(JPEG + name.encode())
    os.mkfifo(data / "cats/pipe.jpg")
    os.mkfifo(data / "cats/pipe")
    (data / "cats/zero.jpg").symlink_to("/dev/zero")
    (data / "dogs/gone.jpg").symlink_to(tmp_path / "nowhere")
    reasons = {item.name: item.reason for item in discover(data).skipped}
    irregular = "isn't a regular file"
    assert reasons == {
        "cats/pipe.jpg": irregular,
        "cats/zero.jpg": irregular,
        "dogs/gone.jpg": "is a link to nothing",
    }
    for place in (data / "cats/pipe", Path("/dev/zero"), data / "cats/zero.jpg"):
        with pytest.raises(DataError) as caught:
            discover(place)
        assert str(caught.value).startswith(f"{place} is a pipe, a device or a socket. Give a folder, ")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_fan_of_links_is_read_once(tmp_path: Path) -> None:
    """Each of forty folders holds two links to the next: a million million ways lead to the last."""
    folders = [tmp_path / "data", *(tmp_path / f"level{number}" for number in range(40))]
    for folder in folders:
        folder.mkdir()
    for folder, inner in pairwise(folders):
        for name in ("a", "b"):
            (folder / name).symlink_to(inner)
    (folders[-1] / "1.jpg").write_bytes(JPEG)
    assert len(scan(tmp_path / "data").all_files()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_folder_comes_before_links_to_it(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats/1.jpg").write_bytes(JPEG)
    (tmp_path / "a link").symlink_to(tmp_path / "cats")
    found = scan(tmp_path)
    assert [folder.name for folder in found.with_pictures] == ["cats"]
    assert found.skipped == [(tmp_path / "a link", "is a link to a folder that is read already")]


def test_too_many_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / name).mkdir()
    monkeypatch.setattr("pawlab.files.scan._MAX_FOLDERS", 3)
    with pytest.raises(DataError, match=r"^more than 3 folders lie around .*c\. Name a smaller one\.$"):
        scan(tmp_path)
