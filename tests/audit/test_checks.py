from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageFilter, ImageOps

from drawn_pictures import drawing, jpeg, save, stats_of
from pawlab.audit.checks import class_imbalance, few_pictures, run_checks, skipped, telltale_files
from pawlab.audit.findings import Finding, Mention
from pawlab.audit.image_stats import ImageStats
from pawlab.audit.measurements import Measurements, measure
from pawlab.audit.near_duplicates import NearPair
from pawlab.datasets.dataset import SPLITS, Skipped
from pawlab.datasets.discover import discover
from pawlab.datasets.options import DEFAULT
from pawlab.datasets.splits import assign_splits
from pawlab.images import PictureInfo
from pawlab.runs.reading import read_and_split
from picture_folders import Row, content, dataset_of, make, many, write

Groups = list[list[str]]

PLAIN = ImageStats(
    info=PictureInfo(400, 300, "JPEG"),
    dim=30.0,
    bright=220.0,
    spread=200,
    colour=90,
    sharpness=0.6,
)


def checked(folder: Path) -> tuple[Finding, ...]:
    return run_checks(measure(read_and_split(folder, 0, DEFAULT)))


# A folder with a known answer


def test_a_folder_with_a_known_answer(tmp_path: Path) -> None:
    """3 broken files, 2 exact pairs, 1 near pair across splits, 1 blank and 1 tiny picture: these and nothing else."""
    for number in range(48):
        kind = "dogs" if number % 2 else "cats"
        save(drawing(number), tmp_path / ("train" if number < 24 else "validation") / kind / f"{number}.jpg")
    write(tmp_path / "train/cats/empty.jpg", b"")
    write(tmp_path / "train/dogs/cut.jpg", jpeg(drawing(48))[:4000])
    write(tmp_path / "validation/dogs/text.jpg", b"This is no picture.")
    write(tmp_path / "train/cats/copy.jpg", (tmp_path / "train/cats/4.jpg").read_bytes())
    write(tmp_path / "validation/dogs/copy.jpg", (tmp_path / "validation/dogs/31.jpg").read_bytes())
    save(drawing(3).resize((200, 160)), tmp_path / "validation/dogs/again.jpg", quality=60)
    save(Image.new("RGB", (300, 200), "gray"), tmp_path / "train/cats/gray.jpg")
    save(drawing(49).resize((40, 30)), tmp_path / "train/dogs/small.jpg")

    found = checked(tmp_path)
    assert {finding.check: _names(finding) for finding in found} == {
        "broken files": [["train/cats/empty.jpg"], ["train/dogs/cut.jpg"], ["validation/dogs/text.jpg"]],
        "near duplicates across splits": [["train/dogs/3.jpg", "validation/dogs/again.jpg"]],
        "blank": [["train/cats/gray.jpg"]],
        "tiny": [["train/dogs/small.jpg"]],
        "exact duplicates": [
            ["train/cats/4.jpg", "train/cats/copy.jpg"],
            ["validation/dogs/31.jpg", "validation/dogs/copy.jpg"],
        ],
    }
    assert [finding.severity for finding in found] == ["serious", "serious", "serious", "warning", "note"]
    reasons = {mention.name: mention.detail for (mention,) in found[0].groups}
    assert reasons["train/cats/empty.jpg"] == "is empty"
    assert reasons["validation/dogs/text.jpg"].startswith("isn't a picture in a format that can be read")
    assert "truncated" in reasons["train/dogs/cut.jpg"]


def test_drawings_as_they_are_have_no_findings(tmp_path: Path) -> None:
    for number in range(60):
        save(drawing(number), tmp_path / ("dogs" if number % 2 else "cats") / f"{number}.jpg")
    assert checked(tmp_path) == ()


def test_the_shapes_that_are_easy_to_learn_have_no_findings(learnable_folder: Path) -> None:
    assert checked(learnable_folder) == ()


def test_the_real_photos(cats_and_dogs: Path) -> None:
    """Each finding was looked at, and is there: the two dogs are one photo saved in two versions."""
    found = checked(cats_and_dogs)
    assert {finding.check: _names(finding) for finding in found} == {
        "blurred": [["train/cats/cat.241.jpg"]],
        "tiny": [
            ["train/dogs/dog.630.jpg"],
            ["train/dogs/dog.927.jpg"],
            ["validation/cats/cat.2433.jpg"],
            ["validation/dogs/dog.2068.jpg"],
            ["validation/dogs/dog.2188.jpg"],
        ],
        "near duplicates": [["train/dogs/dog.180.jpg", "train/dogs/dog.74.jpg"]],
        "gray among colour": [["train/dogs/dog.943.jpg"]],
    }


# What costs nothing: no file is opened


def test_clean_data_has_no_findings() -> None:
    assert run_checks(dataset_of(*many(30, "cats"), *many(30, "dogs"))) == ()


def test_exact_copies(tmp_path: Path) -> None:
    """Two pairs and a triple within their classes, one picture under two labels, one empty file."""
    make(tmp_path, *(f"{label}/{number}.jpg" for label in ("cats", "dogs") for number in range(10)))
    for copy, original in {
        "cats/copy a.jpg": "cats/0.jpg",
        "cats/copy b.jpg": "cats/1.jpg",
        "cats/copy c.jpg": "cats/1.jpg",
        "dogs/copy d.jpg": "dogs/5.jpg",
        "dogs/copy e.jpg": "cats/7.jpg",
    }.items():
        write(tmp_path / copy, content(original))
    write(tmp_path / "dogs/nothing.jpg", b"")
    assert run_checks(assign_splits(discover(tmp_path))) == (
        Finding(
            "broken files",
            "serious",
            "1 file can't be read as a picture and was skipped. Replace or delete it.",
            ((Mention("dogs/nothing.jpg", "is empty"),),),
        ),
        Finding(
            "two labels",
            "serious",
            "1 picture stands under more than one label. At most one can be right: remove the others.",
            ((Mention("cats/7.jpg", "cats"), Mention("dogs/copy e.jpg", "dogs")),),
        ),
        Finding(
            "exact duplicates",
            "note",
            "4 pictures are exact copies of others of the same class. Copies stay in one split, so they don't flatter "
            "the score, but they count more than once.",
            (
                (Mention("cats/0.jpg"), Mention("cats/copy a.jpg")),
                (Mention("cats/1.jpg"), Mention("cats/copy b.jpg"), Mention("cats/copy c.jpg")),
                (Mention("dogs/5.jpg"), Mention("dogs/copy d.jpg")),
            ),
        ),
    )


def test_copies_that_people_put_in_two_splits() -> None:
    rows: list[Row] = [(f"{split}/cats/a.jpg", "cats", "same", split) for split in SPLITS]
    rows += [("train/cats/b.jpg", "cats", "mixed", "train"), ("test/dogs/b.jpg", "dogs", "mixed", "test")]
    rows += [row for split in SPLITS for label in ("cats", "dogs") for row in many(20, label, split)]
    found = run_checks(assign_splits(dataset_of(*rows)))
    assert found == (
        Finding(
            "two labels",
            "serious",
            "1 picture stands under more than one label. At most one can be right: remove the others.",
            ((Mention("test/dogs/b.jpg", "dogs"), Mention("train/cats/b.jpg", "cats")),),
        ),
        Finding(
            "copies across splits",
            "warning",
            "1 picture was given to more than one of train, validation and test. So that the score isn't flattered, "
            "each is used in one only, for testing rather than training.",
            (
                (
                    Mention("test/cats/a.jpg", "test"),
                    Mention("train/cats/a.jpg", "train"),
                    Mention("validation/cats/a.jpg", "validation"),
                ),
            ),
        ),
    )


def test_imbalance_begins_at_three_to_one() -> None:
    assert not list(class_imbalance(Measurements(dataset_of(*many(29, "cats"), *many(10, "dogs"), *many(20, "birds")))))
    (finding,) = class_imbalance(Measurements(dataset_of(*many(30, "cats"), *many(10, "dogs"), *many(20, "birds"))))
    assert finding == Finding(
        "class imbalance",
        "warning",
        "The classes are uneven: 30 pictures of 'cats', 10 of 'dogs' (3 times as many or more). "
        "Compare scores with the baseline, and look at each class by itself.",
    )


def test_a_class_that_lost_all_its_pictures_is_uneven() -> None:
    dataset = dataset_of(*many(30, "cats"), *many(1, "dogs"))
    (finding,) = class_imbalance(Measurements(replace(dataset, pictures=dataset.pictures[:-1])))
    assert "30 pictures of 'cats', 0 of 'dogs'" in finding.sentence


def test_few_pictures_are_fewer_than_ten() -> None:
    assert not list(few_pictures(Measurements(dataset_of(*many(10, "cats"), *many(12, "dogs")))))
    (finding,) = few_pictures(Measurements(dataset_of(*many(9, "cats"), *many(12, "dogs"))))
    assert finding == Finding(
        "few pictures",
        "warning",
        "1 class has fewer than 10 pictures: 'cats' (9). Their scores will be chance: add pictures.",
    )
    (finding,) = few_pictures(Measurements(dataset_of(*(row for label in "abcde" for row in many(4, label)))))
    assert finding.sentence.startswith("5 classes have fewer than 10 pictures: 'a' (4), 'b' (4), 'c' (4), .... Their")


@pytest.mark.parametrize("count", [1, 1200])
def test_what_else_was_set_aside(count: int) -> None:
    dataset = replace(dataset_of(*many(3, "cats")), skipped=(Skipped("a.txt", "lies in no class folder"),) * count)
    (finding,) = skipped(Measurements(dataset))
    expected = {1: "1 entry was", 1200: "1,200 entries were"}[count]
    assert finding.sentence == f"{expected} skipped: {count:,} .txt (lies in no class folder)."
    assert finding.severity == "note"


def test_no_pictures_at_all_pass_every_check() -> None:
    assert run_checks(replace(dataset_of(*many(1, "cats")), pictures=(), classes=())) == ()


# What takes a look: one positive and one negative case for each check


@pytest.mark.parametrize(
    ("check", "changed", "passing"),
    [
        ("blank", {"spread": 15}, {"spread": 16}),
        ("tiny", {"info": PictureInfo(400, 63, "JPEG")}, {"info": PictureInfo(64, 64, "JPEG")}),
        ("blurred", {"sharpness": 0.24}, {"sharpness": 0.25}),
        ("dark", {"bright": 63.0}, {"bright": 64.0}),
        ("overexposed", {"dim": 192.0}, {"dim": 191.0}),
        ("oddly shaped", {"info": PictureInfo(300, 900, "JPEG")}, {"info": PictureInfo(300, 899, "JPEG")}),
        ("gray among colour", {"colour": 8}, {"colour": 9}),
    ],
)
def test_limits(check: str, changed: dict[str, object], passing: dict[str, object]) -> None:
    """Of 30 pictures one is as bad as it takes, another nearly so."""
    image_stats = {0: replace(PLAIN, **changed), 1: replace(PLAIN, **passing)}  # type: ignore[arg-type]
    found = {finding.check: finding for finding in run_checks(_evidence(image_stats))}
    assert _names(found[check]) == [["cats/0000.jpg"]]
    assert found[check].sentence.startswith("1 picture is ")
    assert set(found) <= {check, "oddly shaped"}


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("blurred", lambda image: image.filter(ImageFilter.GaussianBlur(0.015 * max(image.size)))),
        ("dark", lambda image: image.point(lambda level: level // 5)),
        ("overexposed", lambda image: image.point(lambda level: 200 + level // 5)),
        ("oddly shaped", lambda image: image.crop((0, 0, image.width, image.width // 3))),
        ("gray among colour", lambda image: image.convert("L")),
    ],
)
def test_drawings_that_were_spoiled(check: str, change: Callable[[Image.Image], Image.Image]) -> None:
    """What is made dark by a factor isn't called blurred, and so on: one fault, one finding."""
    image_stats = {number: stats_of(drawing(number)) for number in range(30)} | {7: stats_of(change(drawing(7)))}
    found = {finding.check: _names(finding) for finding in run_checks(_evidence(image_stats))}
    assert found == {check: [["cats/0007.jpg"]]}


def test_blank_and_tiny_pictures_arent_blamed_for_more() -> None:
    image_stats = {0: replace(PLAIN, spread=0, bright=0.0, dim=0.0, colour=0, sharpness=None)}
    image_stats[1] = replace(PLAIN, info=PictureInfo(20, 20, "JPEG"), bright=10.0, colour=0, sharpness=0.1)
    found = {finding.check: _names(finding) for finding in run_checks(_evidence(image_stats))}
    assert found == {"blank": [["cats/0000.jpg"]], "tiny": [["cats/0001.jpg"]]}


def test_gray_pictures_are_no_news_where_there_are_many() -> None:
    gray = replace(PLAIN, colour=0)
    assert run_checks(_evidence(dict.fromkeys(range(1), gray))) != ()
    assert run_checks(_evidence(dict.fromkeys(range(2), gray))) == ()


def test_near_duplicates_are_told_by_what_they_spoil() -> None:
    """One group across classes and splits, one across splits alone, and one of three in one class and split."""
    labels = {"a1": "cats", "a2": "dogs", "b1": "cats", "b2": "cats", "c1": "dogs", "c2": "dogs", "c3": "dogs"}
    tested = {"a2", "b2"}
    rows: list[Row] = [
        (f"{key}.jpg", label, key, "test" if key in tested else "train") for key, label in labels.items()
    ]
    rows += [*many(20, "cats", "train"), *many(20, "dogs", "train")]
    near = (
        NearPair("a2", "a1", mirrored=True, cropped=True),
        NearPair("b1", "b2", mirrored=False, cropped=False),
        NearPair("c2", "c3", mirrored=False, cropped=True),
        NearPair("c1", "c3", mirrored=True, cropped=False),
    )
    small = replace(PLAIN, info=PictureInfo(200, 150, "PNG"))
    image_stats = {key: small if key == "b2" else PLAIN for key in labels}
    assert run_checks(Measurements(dataset_of(*rows), image_stats, near)) == (
        Finding(
            "near duplicates with two labels",
            "serious",
            "1 picture stands under more than one label with slight changes. At most one can be right: look at them, "
            "and remove the others.",
            ((Mention("a1.jpg", "cats, 400 x 300"), Mention("a2.jpg", "dogs, 400 x 300, mirrored, cropped")),),
        ),
        Finding(
            "near duplicates across splits",
            "serious",
            "1 picture stands in more than one of train, validation and test with slight changes, which flatters the "
            "score. Splits that were given are left as they are: remove all but one of each.",
            ((Mention("b1.jpg", "train, 400 x 300"), Mention("b2.jpg", "test, 200 x 150")),),
        ),
        Finding(
            "near duplicates",
            "note",
            "2 pictures are slightly changed copies of others of the same class and split. They count more than once.",
            (
                (
                    Mention("c1.jpg", "400 x 300"),
                    Mention("c2.jpg", "400 x 300"),
                    Mention("c3.jpg", "400 x 300, mirrored"),
                ),
            ),
        ),
    )


def test_a_mirrored_picture_under_another_label(tmp_path: Path) -> None:
    for number in range(24):
        save(drawing(number), tmp_path / ("dogs" if number % 2 else "cats") / f"{number:02}.jpg")
    save(ImageOps.mirror(drawing(4)), tmp_path / "dogs/mirror.jpg")
    (finding,) = checked(tmp_path)
    assert finding.check == "near duplicates with two labels"
    assert _names(finding) == [["cats/04.jpg", "dogs/mirror.jpg"]]
    assert finding.groups[0][1].detail.endswith("mirrored")


def test_files_that_tell_their_class() -> None:
    """28 of 30 cats are JPEG, all dogs PNG: 97% told where guessing is right for half."""
    png = replace(PLAIN, info=PictureInfo(400, 300, "PNG"))
    (finding,) = telltale_files(_evidence({**dict.fromkeys(range(30, 60), png), 0: png, 1: png}, dogs=30))
    assert finding == Finding(
        "telltale files",
        "warning",
        "The file format alone predicts the class of 97% of the pictures, where always guessing the most frequent "
        "class is right for 50%. A classifier may learn that rather than what is shown: prepare the pictures of all "
        "classes in the same way.",
    )


def test_files_that_hardly_tell_their_class() -> None:
    png = replace(PLAIN, info=PictureInfo(400, 300, "PNG"))
    half = dict.fromkeys((*range(16), *range(30, 60)), png)
    assert not list(telltale_files(_evidence(half, dogs=30)))


def test_sizes_that_no_two_pictures_share_tell_nothing() -> None:
    image_stats = {number: replace(PLAIN, info=PictureInfo(400, 300 + number, "JPEG")) for number in range(60)}
    assert not list(telltale_files(_evidence(image_stats, dogs=30)))


def test_sizes_that_tell_the_class() -> None:
    image_stats = {number: replace(PLAIN, info=PictureInfo(400, 300 + number // 30, "JPEG")) for number in range(60)}
    (finding,) = telltale_files(_evidence(image_stats, dogs=30))
    assert finding.sentence.startswith("The size in pixels alone predicts the class of 100% of the pictures")


# The record and the table


def test_findings_as_plain_values() -> None:
    finding = Finding(
        "blank", "serious", "1 picture.", ((Mention("a.jpg", "gray"),), (Mention("b.jpg"), Mention("c.jpg")))
    )
    assert finding.pictures == ("a.jpg", "b.jpg", "c.jpg")
    assert finding.to_dict() == {
        "check": "blank",
        "severity": "serious",
        "sentence": "1 picture.",
        "groups": [
            [{"picture": "a.jpg", "detail": "gray"}],
            [{"picture": "b.jpg", "detail": ""}, {"picture": "c.jpg", "detail": ""}],
        ],
    }


def _names(finding: Finding) -> Groups:
    return [[mention.name for mention in group] for group in finding.groups]


def _evidence(image_stats: dict[int, ImageStats], dogs: int = 0) -> Measurements:
    """Return 30 pictures of cats named 0000 to 0029, then dogs if asked for; those without a look are plain."""
    rows: list[Row] = [(f"cats/{number:04}.jpg", "cats", str(number), "train") for number in range(30)]
    rows += [(f"dogs/{number:04}.jpg", "dogs", str(number), "train") for number in range(30, 30 + dogs)]
    dataset = dataset_of(*rows)
    return Measurements(
        dataset, {picture.sha256: image_stats.get(int(picture.sha256), PLAIN) for picture in dataset.pictures}
    )


def test_groups_that_given_splits_part_are_found() -> None:
    rows = [row for label in ("cats", "dogs") for split in SPLITS for row in many(2, label, split)]
    groups = {"train/cats/0000.jpg": "p1", "test/dogs/0001.jpg": "p1", "train/cats/0001.jpg": "p2",
              "train/dogs/0001.jpg": "p2"}  # fmt: skip
    dataset = dataset_of(*rows)
    dataset = replace(dataset, pictures=tuple(replace(one, group=groups.get(one.name)) for one in dataset.pictures))
    found = [finding for finding in run_checks(assign_splits(dataset)) if finding.check == "groups across splits"]
    sentence = (
        "1 group stands in more than one of train, validation and test, which flatters the score. Splits that were "
        "given are left as they are: move each group into one."
    )
    mentions = (Mention("test/dogs/0001.jpg", "test, of p1"), Mention("train/cats/0000.jpg", "train, of p1"))
    assert found == [Finding("groups across splits", "serious", sentence, (mentions,))]
