"""Folders as people have them, and what pawlab takes them for: classes, splits and counts, or one sentence."""

import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pawlab.datasets.dataset import count_skipped
from pawlab.datasets.discover import discover
from pawlab.datasets.folder_names import split_named
from pawlab.datasets.options import DataOptions
from pawlab.datasets.splits import assign_splits, require_trainable
from pawlab.errors import DataError
from pawlab.images import formats
from picture_folders import content, left_out, write

PAIR = "cats/a.jpg cats/b.jpg dogs/a.jpg dogs/b.jpg"
TWO = {"cats": 2, "dogs": 2}


@pytest.fixture(autouse=True)
def without_heic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(formats, "find_spec", lambda _: None)
    formats.extensions.cache_clear()
    yield
    formats.extensions.cache_clear()


def under(*folders: str, files: str = PAIR) -> str:
    return " ".join(f"{folder}/{file}" for folder in folders for file in files.split())


def splits(train: int = 0, validation: int = 0, test: int = 0, classes: str = "cats dogs") -> dict[str, int]:
    counts = {"train": train, "validation": validation, "test": test}
    return {f"{split} {label}": count for split, count in counts.items() for label in classes.split() if count}


LAYOUTS: dict[str, tuple[str, dict[str, int]]] = {
    # classes
    "classes": (PAIR, TWO),
    "a wrapper": (under("photos"), TWO),
    "two wrappers": (under("a/b"), TWO),
    "images beside annotations": (under("images") + " annotations/a.xml annotations/b.xml", TWO),
    "images beside labels": (under("images") + " labels/a.txt", TWO),
    "images beside notebooks": (under("images") + " notebooks/a.ipynb", TWO),
    "images beside masks that are pictures": (under("images") + " masks/a.png masks/b.png", TWO),
    "a cover beside the wrapper": (under("images") + " cover.png", TWO),
    "a cover beside the classes": (PAIR + " cover.png", TWO),
    "a cover at both levels": (under("images") + " cover.png images/overview.png", TWO),
    "a readme and a licence": (PAIR + " README.md LICENSE", TWO),
    "folders below classes": ("cats/2019/a.jpg cats/2020/b.jpg dogs/a.jpg dogs/b.jpg", TWO),
    "classes within themselves": ("cats/cats/a.jpg cats/cats/b.jpg dogs/dogs/a.jpg dogs/dogs/b.jpg", TWO),
    "an empty class": (PAIR + " birds/notes.txt", TWO),
    "numbers": ("0/a.jpg 1/a.jpg 10/a.jpg", {"0": 1, "1": 1, "10": 1}),
    "leading zeros": ("01/a.jpg 1/a.jpg", {"01": 1, "1": 1}),
    "brackets": ("[a]/a.jpg b*/a.jpg c?/a.jpg", {"[a]": 1, "b*": 1, "c?": 1}),
    "blanks and marks": ("a cat/a.jpg 50%/a.jpg #1/a.jpg", {"a cat": 1, "50%": 1, "#1": 1}),
    "long names": ("x" * 250 + "/" + "y" * 240 + ".jpg dogs/a.jpg", {"x" * 250: 1, "dogs": 1}),
    "letters taken apart": (f"{unicodedata.normalize('NFD', 'Kätzchen')}/a.jpg b/a.jpg", {"Kätzchen": 1, "b": 1}),
    "train, the vehicle": ("train/a.jpg plane/a.jpg car/a.jpg", {"train": 1, "plane": 1, "car": 1}),
    "a nested copy": (PAIR + " " + under("all"), TWO),
    "a nested copy of the same name": ("set/" + PAIR.replace(" ", " set/") + " " + under("set/set"), TWO),
    "a test folder without labels": (PAIR + " test/a.jpg test/b.jpg", TWO),
    "a numbered test folder without labels": (PAIR + " test1/a.jpg", TWO),
    "pictures to predict": (PAIR + " pred/a.jpg", TWO),
    "hidden and system files": (PAIR + " .DS_Store cats/._a.jpg __MACOSX/cats/a.jpg cats/Thumbs.db", TWO),
    "a checkpoint folder": (PAIR + " .ipynb_checkpoints/a.jpg", TWO),
    # splits
    "train and test": (under("train", "test"), splits(2, 0, 2)),
    "train, val, test": (under("train", "val", "test"), splits(2, 2, 2)),
    "train and valid": (under("train", "valid"), splits(2, 2)),
    "training and testing": (under("Training", "Testing"), splits(2, 0, 2)),
    "capitals": (under("TRAIN", "VAL", "TEST"), splits(2, 2, 2)),
    "train_set and test_set": (under("train_set", "test_set"), splits(2, 0, 2)),
    "training-data and test-data": (under("training-data", "test-data"), splits(2, 0, 2)),
    "trainset and testset": (under("trainset", "testset"), splits(2, 0, 2)),
    "images_train and images_val": (under("images_train", "images_val"), splits(2, 2)),
    "train images and val images": (under("train images", "val images"), splits(2, 2)),
    "train2017 and val2017": (under("train2017", "val2017"), splits(2, 2)),
    "dev and eval": (under("train", "dev"), splits(2, 2)),
    "dataset_train": (under("dataset_train", "dataset_test"), splits(2, 0, 2)),
    "numbered splits": (under("01_train", "02_val", "03_test"), splits(2, 2, 2)),
    "Kaggle's training_set/training_set": (
        under("training_set/training_set", "test_set/test_set"),
        splits(2, 0, 2),
    ),
    "Intel's seg_train/seg_train": (
        under("seg_train/seg_train", "seg_test/seg_test") + " seg_pred/seg_pred/a.jpg",
        splits(2, 0, 2),
    ),
    "German splits": (under("Training", "Validierung", "Testdaten"), splits(2, 2, 2)),
    "trainval and test": (under("trainval", "test"), splits(2, 0, 2)),
    "splits in a wrapper": (under("data/train", "data/test"), splits(2, 0, 2)),
    "splits in a wrapper with a cover": (under("data/train", "data/test") + " cover.jpg", splits(2, 0, 2)),
    "splits, then images": (under("train/images", "test/images"), splits(2, 0, 2)),
    "a cover beside train": (under("train") + " cover.png", splits(2)),
    "train alone": (under("train"), splits(2)),
    "train, and test without labels": (under("train") + " test/a.jpg test/b.jpg", splits(2)),
    "train, and test1 without labels": (under("train") + " test1/1.jpg", splits(2)),
    "splits beside samples": (under("train", "test") + " extra/a.jpg extra/b.jpg", splits(2, 0, 2)),
    "splits beside a nested copy": (under("train", "test", "archive/train", "archive/test"), splits(2, 0, 2)),
    "splits beside outputs": (under("train", "val") + " outputs/plot.png", splits(2, 2)),
    "a split that lacks a class": (
        under("train") + " val/cats/a.jpg",
        {"train cats": 2, "train dogs": 2, "validation cats": 1},
    ),
    "one class in each split": ("train/cats/a.jpg val/cats/b.jpg", {"train cats": 1, "validation cats": 1}),
    "splits within classes": (
        "cats/train/a.jpg cats/test/b.jpg dogs/train/a.jpg dogs/test/b.jpg",
        splits(1, 0, 1),
    ),
    "splits within classes, beside predictions": (
        "cats/train/a.jpg cats/test/b.jpg cats/pred/c.jpg dogs/train/a.jpg dogs/test/b.jpg dogs/pred/c.jpg",
        splits(1, 0, 1),
    ),
    "splits within classes, in a wrapper": (
        "x/cats/train/a.jpg x/cats/val/b.jpg x/dogs/train/a.jpg x/dogs/val/b.jpg",
        splits(1, 1),
    ),
    "splits with folders below classes": (
        "train/cats/1/a.jpg train/dogs/2/a.jpg val/cats/3/a.jpg val/dogs/a.jpg",
        splits(1, 1),
    ),
}

REFUSED: dict[str, tuple[str, str]] = {
    "flat": ("a.jpg b.jpg", "holds 2 pictures but no class folders"),
    "flat, with labels in the names": (
        "cat.0.jpg cat.1.jpg cat.2.jpg dog.0.jpg dog.1.jpg dog.2.jpg",
        r"--label-from-name '([^/\d]+?)[\W_]*\d+[^/\d]*\.\w+$'",
    ),
    "Kaggle's flat train and test1": (
        "train/cat.0.jpg train/cat.1.jpg train/cat.2.jpg train/dog.0.jpg train/dog.1.jpg train/dog.2.jpg test1/1.jpg",
        "(2 found: cat, dog): --label-from-name",
    ),
    "flat splits": ("train/a.jpg test/a.jpg", "but no class folders"),
    "years that hold the classes": (
        under("2019", "2020"),
        "hold the same subfolders (cats, dogs): which are the classes?",
    ),
    "places that hold the classes": (
        under("site A", "site B", "site C"),
        "hold the same subfolders (cats, dogs): which are the classes?",
    ),
    "only videos": ("cats/a.mov dogs/b.mov", "holds no pictures, only 2 .mov files (is a video)"),
    "only phone pictures without the extra": (
        "cats/a.heic dogs/b.heic",
        'holds no pictures, only 2 .heic files (is HEIC, which needs an extra: pip install "pawlab[heic]")',
    ),
    "nothing": ("cats/notes.txt", "holds no pictures, only 1 .txt file."),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(tmp_path: Path, name: str) -> None:
    files, expected = LAYOUTS[name]
    for file in rejoined(files):
        write(tmp_path / "data" / file, content(file) if file.endswith((".jpg", ".png")) else b"text")
    dataset = discover(tmp_path / "data")
    found = Counter(" ".join(filter(None, (picture.split, picture.label))) for picture in dataset.pictures)
    assert found == expected
    hidden = sum(
        part.startswith((".", "_")) or part == "Thumbs.db" for file in rejoined(files) for part in file.split("/")
    )
    assert len(dataset) + len(dataset.skipped) == len(rejoined(files)) - hidden + ("empty class" in name)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_layouts(tmp_path: Path, name: str) -> None:
    files, expected = REFUSED[name]
    for file in rejoined(files):
        write(tmp_path / "data" / file, content(file) if file.endswith(".jpg") else b"text")
    with pytest.raises(DataError) as caught:
        discover(tmp_path / "data")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def rejoined(files: str) -> list[str]:
    """Return the files of a layout: blanks part them, unless what follows has no slash and no suffix."""
    names: list[str] = []
    for word in files.split(" "):
        if names and not names[-1].rpartition("/")[2].count(".") and not names[-1].endswith("LICENSE"):
            names[-1] += f" {word}"
        else:
            names.append(word)
    return names


@pytest.mark.parametrize(
    ("name", "expected"),
    [("train", "train"), ("Train_Images", "train"), ("seg_train", "train"), ("train2017", "train"),
     ("validation_set", "validation"), ("VALID", "validation"), ("my test data", "test"), ("test1", "test"),
     ("seg_pred", "unlabelled"), ("Trainingsdaten", "train"), ("Validierung", "validation"),
     ("Testdaten", "test"), ("Testbilder", "test"), ("trainval", "train"), ("Bilder", None),
     ("trains", None), ("strain", None), ("cats", None), ("data", None), ("set", None),
     ("contest", None), ("training wheels", None), ("test_tube", None), ("1", None), ("", None)],
)  # fmt: skip
def test_names_of_splits(name: str, expected: str | None) -> None:
    assert split_named(name) == expected


def test_what_was_understood_is_noted(tmp_path: Path) -> None:
    for file in [*under("training_set/training_set", "test_set/test_set").split(), "seg_pred/1.jpg"]:
        write(tmp_path / file, content(file))
    dataset = discover(tmp_path)
    assert dataset.notes == (
        "training_set/training_set/ -> train, 2 classes; test_set/test_set/ -> test, 2 classes",
        "seg_pred/ holds no class folders: 1 picture skipped as unlabelled",
    )
    assert left_out(dataset) == {"seg_pred/1.jpg": "has no label: seg_pred/ holds no class folders"}


def test_labels_from_names(tmp_path: Path) -> None:
    for file in ("train/cat.0.jpg", "train/cat.1.jpg", "train/dog.0.jpg", "test1/1.jpg", "train/IMG.jpg"):
        write(tmp_path / file, content(file))
    dataset = discover(tmp_path, options=DataOptions(label_from_name=r"(cat|dog)\.\d"))
    assert {picture.name: (picture.label, picture.split) for picture in dataset.pictures} == {
        "train/cat.0.jpg": ("cat", "train"),
        "train/cat.1.jpg": ("cat", "train"),
        "train/dog.0.jpg": ("dog", "train"),
    }
    reason = "has no label: its name doesn't match --label-from-name"
    assert left_out(dataset) == {"test1/1.jpg": reason, "train/IMG.jpg": reason}
    assert dataset.notes == ("labels from names: cat, dog",)
    with pytest.raises(DataError, match=r"no picture's name in .* matches --label-from-name 'bird'; the first is "):
        discover(tmp_path, options=DataOptions(label_from_name="bird"))


def make(root: Path, files: str) -> Path:
    for file in files.split():
        write(root / file, content(file) if file.endswith((".jpg", ".png")) else b"text")
    return root


def numbered(*folders: str, count: int = 4) -> str:
    return " ".join(f"{folder}/{number}.png" for folder in folders for number in range(count))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (numbered("mask/men", "mask/women", "no_mask/men", "no_mask/women"),
         "mask/ in {root} may be a class as no_mask/ is, or lie beside the classes in no_mask/ (men, women): which is "
         "it? Add --label-from-name '^([^/]+)/' for the classes mask and no_mask, '^no_mask/([^/]+)/' for those in "
         "no_mask/."),
        (numbered("figures", "vessels/bowl", "vessels/jar"),
         "figures/ in {root} may be a class as vessels/ is, or lie beside the classes in vessels/ (bowl, jar): which "
         "is it? Add --label-from-name '^([^/]+)/' for the classes figures and vessels, '^vessels/([^/]+)/' for those "
         "in vessels/."),
    ],
)  # fmt: skip
def test_classes_called_like_what_lies_beside_classes(tmp_path: Path, files: str, message: str) -> None:
    make(tmp_path, files)
    with pytest.raises(DataError) as caught:
        discover(tmp_path)
    assert str(caught.value) == message.format(root=tmp_path)
    for option in re.findall("'(.+?)'", message):
        labels = {re.search(option, file)[1] for file in files.split() if re.search(option, file)}  # type: ignore[index]
        assert discover(tmp_path, options=DataOptions(label_from_name=option)).classes == tuple(sorted(labels))


@pytest.mark.parametrize(
    ("files", "doubts"),
    [
        (numbered("images/cats", "images/dogs", "masks"),
         ("masks/ lies beside images/, which holds the classes: 4 pictures skipped (if it is a class, rename it)",)),
        (numbered("pets/cats", "pets/dogs") + " docs/1.png",
         ("docs/ lies beside pets/, which holds the classes: 1 picture skipped (if it is a class, rename it)",)),
        (numbered("figures", "photos", "docs"), ()),
    ],
)  # fmt: skip
def test_what_is_set_aside_for_its_name_is_said(tmp_path: Path, files: str, doubts: tuple[str, ...]) -> None:
    dataset = discover(make(tmp_path, files))
    assert dataset.classes == (("cats", "dogs") if doubts else ("docs", "figures", "photos"))
    assert dataset.doubts == doubts


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (numbered("control", "test"),
         "Add a folder of other pictures. test/ holds no class folders: 4 pictures skipped as unlabelled (if it is a "
         "class, add --label-from-name '^([^/]+)/')."),
        (numbered("invalid/1", "invalid/2", "valid"),
         "Add a folder of other pictures. valid/ holds no class folders: 4 pictures skipped as unlabelled (if it is a "
         "class, add --label-from-name '^([^/]+)/')."),
        (numbered("images") + " labels.csv",
         "Add a folder of other pictures. labels.csv is a table. Give it instead of the folder to use its labels."),
    ],
)  # fmt: skip
def test_what_else_may_hold_classes_is_said_where_there_is_one(tmp_path: Path, files: str, message: str) -> None:
    make(tmp_path / "data", files)
    dataset = discover(tmp_path / "data")
    with pytest.raises(DataError) as caught:
        require_trainable(assign_splits(dataset))
    one = dataset.classes[0]
    assert str(caught.value) == f"data has only one class, '{one}'; a classifier needs at least two. {message}"


def test_a_table_in_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for file in [*numbered("images").split(), "labels.csv"]:
            archive.writestr(file, content(file) if file.endswith("png") else b"path,label\n")
    with pytest.raises(DataError) as caught:
        require_trainable(assign_splits(discover(tmp_path / "data.zip")))
    assert str(caught.value) == (
        "data has only one class, 'images'; a classifier needs at least two. Add a folder of other pictures. "
        "labels.csv is a table. Unpack the archive and give it to use its labels."
    )


def test_a_class_may_be_called_test_where_names_say_so(tmp_path: Path) -> None:
    make(tmp_path, numbered("data/control", "data/sham", "data/test"))
    dataset = discover(tmp_path)
    assert (dataset.classes, dataset.notes) == (("control", "sham"), ())
    assert dataset.doubts == (
        "test/ holds no class folders: 4 pictures skipped as unlabelled "
        "(if it is a class, add --label-from-name '^([^/]+)/')",
    )
    assert discover(tmp_path, options=DataOptions(label_from_name="^([^/]+)/")).classes == ("control", "sham", "test")


def test_classes_of_a_split_may_be_called_test_too(tmp_path: Path) -> None:
    make(tmp_path, numbered("train/control", "train/sham", "train/test", "val/control", "val/sham", "val/test"))
    (doubt, _) = discover(tmp_path).doubts
    assert doubt.endswith("(if it is a class, add --label-from-name '^[^/]+/([^/]+)/')")
    options = DataOptions(label_from_name=doubt.rpartition(" ")[2][1:-2])
    assert discover(tmp_path, options=options).classes == ("control", "sham", "test")


def test_a_split_by_another_name_is_doubted(tmp_path: Path) -> None:
    make(tmp_path, numbered("train/cats", "train/dogs", "test/cats", "test/dogs", "holdout/cats", "holdout/dogs"))
    assert discover(make(tmp_path, numbered("old/train", "extra/cats"))).doubts == (
        "holdout/ holds the same classes, but its name says no split: 8 pictures skipped "
        "(rename it to train, validation or test)",
    )


def test_how_train_alone_is_split_is_noted(tmp_path: Path) -> None:
    make(tmp_path, numbered("train/cats", "train/dogs", count=100))
    options = DataOptions(split="75/15/10")
    line = "validation is 15% of train, and test 10%"
    assert assign_splits(discover(tmp_path), options=options).notes[1:] == (line,)
    assert assign_splits(discover(tmp_path / "train"), options=options).notes == ()


def test_classes_whose_names_hardly_differ(tmp_path: Path) -> None:
    for name in ("Cat/1.png", "cat/1.png", "dog/1.png", "dog /1.png", "bird/1.png"):
        write(tmp_path / name, content(name))
    if len(discover(tmp_path).classes) < 5:
        pytest.skip("this system takes such names for one")
    expected = "the names of classes differ in case or spaces alone: 'Cat' and 'cat', 'dog' and 'dog '"
    assert discover(tmp_path).doubts == (expected,)


def test_a_flat_folder_with_a_table(tmp_path: Path) -> None:
    write(tmp_path / "labels.csv", b"path,label\n")
    with pytest.raises(DataError) as caught:
        discover(make(tmp_path, "a.png b.png"))
    assert str(caught.value) == (
        f"{tmp_path} holds 2 pictures but no class folders. Move each into a folder named after what it shows, such "
        "as cats/ and dogs/. labels.csv is a table. Give it instead of the folder to use its labels."
    )


@pytest.mark.parametrize(
    ("files", "options"),
    [
        ("cats/train/1.jpg cats/test/2.jpg dogs/train/1.jpg dogs/test/2.jpg", DataOptions()),
        ("train/x/cats1.jpg train/y/dogs1.jpg test/x/cats2.jpg test/y/dogs2.jpg",
         DataOptions(label_from_name="(cats|dogs)")),
    ],
)  # fmt: skip
def test_what_is_no_split_has_none_of_its_own(tmp_path: Path, files: str, options: DataOptions) -> None:
    beside = ["cats/predictions/3.jpg"] if "cats/" in files else ["extra/x/cats3.jpg", "extra/y/dogs3.jpg"]
    for file in (*files.split(), *beside):
        write(tmp_path / file, content(file))
    dataset = discover(tmp_path, options=options)
    assert left_out(dataset) == dict.fromkeys(beside, "lies beside the splits' folders")
    assert "pred" not in " ".join(dataset.notes)
    assert {picture.split for picture in assign_splits(dataset).pictures} >= {"train", "test"}


def test_years_can_be_told_from_classes_by_name(tmp_path: Path) -> None:
    for file in under("2019", "2020").split():
        write(tmp_path / file, content(file))
    inner = discover(tmp_path, options=DataOptions(label_from_name="([^/]+)/[^/]+$"))
    outer = discover(tmp_path, options=DataOptions(label_from_name="([^/]+)/[^/]+/[^/]+$", group_from_name=r"\w+\.jpg"))
    assert (inner.classes, outer.classes) == (("cats", "dogs"), ("2019", "2020"))
    assert {picture.group for picture in outer.pictures} == {"a.jpg", "b.jpg"}


def test_all_that_is_skipped_is_counted_by_kind(tmp_path: Path) -> None:
    for file in [*PAIR.split(), "cats/1.HEIC", "cats/2.heic", "dogs/3.mov", "labels.csv", "notes.txt"]:
        write(tmp_path / file, content(file) if file.endswith(".jpg") else b"text")
    assert count_skipped(discover(tmp_path).skipped) == [
        {"extension": ".heic", "reason": 'is HEIC, which needs an extra: pip install "pawlab[heic]"', "files": 2},
        {"extension": ".csv", "reason": "is a table. Give it instead of the folder to use its labels", "files": 1},
        {"extension": ".txt", "reason": "isn't a picture", "files": 1},
        {"extension": ".mov", "reason": "is a video", "files": 1},
    ]


def test_small_classes_can_be_skipped(tmp_path: Path) -> None:
    for file in (*PAIR.split(), "birds/1.jpg"):
        write(tmp_path / file, content(file))
    dataset = discover(tmp_path, options=DataOptions(min_per_class=2))
    assert dataset.classes == ("cats", "dogs")
    assert left_out(dataset) == {"birds/1.jpg": "its class has only 1 picture"}
    with pytest.raises(DataError, match=r"no class has 3 different pictures\. Lower --min-per-class"):
        discover(tmp_path, options=DataOptions(min_per_class=3))
