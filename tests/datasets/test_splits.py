import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pawlab.datasets.dataset import SPLITS, Dataset, Picture, Skipped, Split
from pawlab.datasets.groups import position, units_of
from pawlab.datasets.options import DataOptions
from pawlab.datasets.splits import assign_splits, count_overlap, require_trainable
from pawlab.datasets.stats import baseline_accuracy
from pawlab.errors import DataError, PawlabError
from picture_folders import Row, dataset_of, left_out, many, names_in, splits_of


def sentence(function: Any, dataset: Dataset) -> str:
    with pytest.raises(DataError) as caught:
        function(dataset)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_class_is_ranked_by_content_and_cut_at_its_quotas() -> None:
    dataset = assign_splits(dataset_of(*many(500, "cats"), *many(45, "dogs")))
    for label, sizes in (("cats", (400, 50, 50)), ("dogs", (36, 4, 5))):
        pictures = [picture for picture in dataset.pictures if picture.label == label]
        in_order = sorted(pictures, key=lambda picture: position(0, picture.sha256))
        expected = [split for split, size in zip(SPLITS, sizes, strict=True) for _ in range(size)]
        assert [picture.split for picture in in_order] == expected


def test_five_classes_of_45_have_a_fair_test_set() -> None:
    dataset = assign_splits(dataset_of(*(row for number in range(5) for row in many(45, f"class {number}"))))
    assert Counter(picture.label for picture in dataset.split("test")) == {f"class {number}": 5 for number in range(5)}
    assert baseline_accuracy(dataset) == pytest.approx(0.2)


def test_shares_are_what_was_asked_for() -> None:
    dataset = assign_splits(dataset_of(*many(200, "cats"), *many(100, "dogs")), options=DataOptions(split="70/10/20"))
    counts = Counter((picture.label, picture.split) for picture in dataset.pictures)
    assert [counts["cats", split] for split in SPLITS] == [140, 20, 40]
    assert [counts["dogs", split] for split in SPLITS] == [70, 10, 20]


@pytest.mark.parametrize("text", ["80/20", "80/10/20", "100/0/0", "a/b/c", ""])
def test_shares_that_cannot_be(text: str) -> None:
    with pytest.raises(PawlabError, match=r"can't be read\. Give percentages of train, validation and test"):
        DataOptions(split=text)


def random_tree(rng: random.Random) -> tuple[Dataset, list[tuple[str, str]]]:
    """Return data with copies, groups and near duplicates, some of several classes, and the pairs of the latter."""
    rows, near = [], []
    for number in range(rng.randint(2, 5)):
        label = f"class {number}"
        for index in range(rng.choice([3, 8, 20, 45, 120])):
            content = f"{number}-{index}" if rng.random() < 0.95 else f"shared-{rng.randrange(40)}"
            group = f"g{number}-{rng.randrange(15)}" if rng.random() < 0.2 else None
            rows.append(Picture(Path(), f"{label}/{index}.jpg", label, content, None, group))
    contents = sorted({picture.sha256 for picture in rows})
    near = [(rng.choice(contents), rng.choice(contents)) for _ in range(rng.choice([0, 0, 3]))]
    classes = tuple(sorted({picture.label for picture in rows}))
    return Dataset("photos", Path(), classes, tuple(sorted(rows, key=lambda picture: picture.name))), near


def test_a_thousand_random_trees() -> None:
    """Each class's share of each split is within one picture of its quota or within its largest group, but that every
    split gets a picture of the smallest classes; what belongs together is never parted."""
    for seed in range(1000):
        dataset, near = random_tree(random.Random(seed))
        dataset = assign_splits(dataset, seed, near=near)
        assert count_overlap(dataset) == 0
        split_of = {picture.sha256: picture.split for picture in dataset.pictures}
        assert all(split_of[first] == split_of[second] for first, second in near)
        units = units_of(dataset.pictures, near)
        counts = Counter((picture.label, picture.split) for picture in dataset.pictures)
        for label in dataset.classes:
            total = sum(counts[label, split] for split in SPLITS)
            largest = max(sum(picture.label == label for picture in unit.pictures) for unit in units)
            for split, share in DataOptions().shares.items():
                assert abs(counts[label, split] - share * total) <= max(1 if total > 4 else 1.5, largest), (seed, label)


def test_positions_are_these_for_ever() -> None:
    """Other numbers would move pictures between the splits of runs made with different versions."""
    assert position(0, "abc") == pytest.approx(0.685840331575537, abs=1e-15)
    assert position(1, "abc") == pytest.approx(0.979566056866033, abs=1e-15)
    assert all(0 <= position(seed, "x") < 1 for seed in range(1000))


def test_positions_are_even() -> None:
    tenths = Counter(int(10 * position(0, str(number))) for number in range(20_000))
    assert sorted(tenths) == list(range(10))
    assert all(1_850 < count < 2_150 for count in tenths.values())


@pytest.mark.parametrize("count", [200, 1000])
def test_added_pictures_move_few_of_the_old(count: int) -> None:
    moved = []
    for seed in range(30):
        before = splits_of(assign_splits(dataset_of(*many(count, "cats"), *many(300, "dogs")), seed))
        more = dataset_of(*many(count + count // 10, "cats"), *many(300, "dogs"), *many(50, "birds"))
        after = splits_of(assign_splits(more, seed))
        assert all(after[name] == split for name, split in before.items() if name.startswith("dogs"))
        moved.append(sum(after[name] != split for name, split in before.items()) / count)
    assert 0 < sum(moved) / len(moved) < 0.02


def test_with_an_earlier_split_none_moves() -> None:
    old = dataset_of(*many(300, "cats"), *many(50, "dogs"))
    earlier = {picture.sha256: picture.split for picture in assign_splits(old, seed=3).pictures if picture.split}
    more = dataset_of(*many(330, "cats"), *many(90, "dogs"), *many(30, "birds"))
    dataset = assign_splits(more, seed=0, earlier=earlier)
    assert {p.sha256: p.split for p in dataset.pictures if p.sha256 in earlier} == earlier
    counts = Counter((picture.label, picture.split) for picture in dataset.pictures)
    assert [counts["cats", split] for split in SPLITS] == [264, 33, 33]
    assert [counts["dogs", split] for split in SPLITS] == [72, 9, 9]
    assert [counts["birds", split] for split in SPLITS] == [24, 3, 3]


def test_a_new_picture_between_two_old_splits_is_skipped() -> None:
    dataset = dataset_of(*many(30, "cats"), *many(30, "dogs"))
    earlier = {picture.sha256: picture.split for picture in assign_splits(dataset).pictures if picture.split}
    one, other = (next(sha for sha, split in earlier.items() if split == wanted) for wanted in ("train", "test"))
    more = dataset_of(*many(30, "cats"), *many(30, "dogs"), ("cats/new.jpg", "cats", "new", None))
    grown = assign_splits(more, earlier=earlier, near=[("new", one), ("new", other)])
    assert left_out(grown) == {"cats/new.jpg": "belongs with pictures in test and train, which stay where they were"}
    assert {picture.sha256: picture.split for picture in grown.pictures} == earlier


def test_groups_stay_together() -> None:
    dataset = dataset_of(*many(100, "cats"), *many(100, "dogs"))
    grouped = [replace(picture, group=f"camera {index % 20}") for index, picture in enumerate(dataset.pictures)]
    dataset = assign_splits(replace(dataset, pictures=tuple(grouped)))
    splits = {(picture.group, picture.split) for picture in dataset.pictures}
    assert len(splits) == 20
    assert Counter(split for _, split in splits) == {"train": 16, "validation": 2, "test": 2}


def test_names_play_no_part() -> None:
    rows = [*many(100, "cats"), *many(100, "dogs")]
    renamed = [(f"other/{number}.png", label, digest, None) for number, (_, label, digest, _) in enumerate(rows)]
    by_content = {picture.sha256: picture.split for picture in assign_splits(dataset_of(*rows)).pictures}
    assert {picture.sha256: picture.split for picture in assign_splits(dataset_of(*renamed)).pictures} == by_content


def test_the_seed_decides() -> None:
    dataset = dataset_of(*many(100, "cats"), *many(100, "dogs"))
    assert splits_of(assign_splits(dataset, 1)) == splits_of(assign_splits(dataset, 1))
    assert splits_of(assign_splits(dataset, 1)) != splits_of(assign_splits(dataset, 2))


def test_copies_stay_together_whatever_their_label() -> None:
    rows: list[Row] = [*many(100, "cats"), *many(100, "dogs")]
    rows += [(f"copy/{name}", label, digest, None) for name, label, digest, _ in rows[:50]]
    rows += [(f"other/{name}", "dogs", digest, None) for name, _, digest, _ in rows[:50]]
    dataset = assign_splits(dataset_of(*rows))
    assert len(dataset) == 300
    assert count_overlap(dataset) == 0


@pytest.mark.parametrize("count", [3, 5])
def test_small_classes_are_found_in_every_split(count: int) -> None:
    rows = [row for number in range(20) for row in many(count, f"class {number:02}")]
    for seed in range(30):
        dataset = assign_splits(dataset_of(*rows), seed)
        require_trainable(dataset)
        for split in SPLITS:
            assert {picture.label for picture in dataset.split(split)} == set(dataset.classes)


def test_a_class_of_two_groups_is_in_train_and_test() -> None:
    cats = [
        replace(picture, group=f"burst {index % 2}")
        for index, picture in enumerate(dataset_of(*many(9, "cats")).pictures)
    ]
    data = dataset_of(*many(100, "dogs"))
    dataset = assign_splits(replace(data, classes=("cats", "dogs"), pictures=(*cats, *data.pictures)))
    assert {picture.split for picture in dataset.pictures if picture.label == "cats"} == {"train", "test"}
    assert "validation has no pictures of 'cats'" in dataset.notes


def test_a_small_class_moves_no_other() -> None:
    dogs = list(many(100, "dogs"))
    alone = splits_of(assign_splits(dataset_of(*dogs)))
    beside = splits_of(assign_splits(dataset_of(*dogs, *many(4, "cats"))))
    assert {name: beside[name] for name in alone} == alone


def test_a_content_under_two_labels_moves_with_all_its_copies() -> None:
    shared: list[Row] = [
        (f"{label}/{digest}.jpg", label, digest, None) for label in ("cats", "dogs") for digest in "abcdef"
    ]
    for seed in range(20):
        dataset = assign_splits(dataset_of(*shared), seed)
        assert count_overlap(dataset) == 0
        for split in SPLITS:
            assert {picture.label for picture in dataset.split(split)} == {"cats", "dogs"}


def test_every_fifth_of_validation_becomes_test() -> None:
    rows = [*many(30, "cats", "train"), *many(12, "cats", "validation"), *many(30, "dogs", "train"),
            *many(4, "dogs", "validation"), *many(5, "birds", "validation"), *many(9, "birds", "train"),
            *many(1, "fish", "validation"), *many(9, "fish", "train")]  # fmt: skip
    dataset = assign_splits(dataset_of(*rows))
    assert names_in(dataset, "test") == [
        "validation/birds/0004.jpg",
        "validation/cats/0004.jpg",
        "validation/cats/0009.jpg",
        "validation/dogs/0003.jpg",
    ]
    assert names_in(dataset, "validation", "fish") == ["validation/fish/0000.jpg"]
    assert (len(dataset.split("train")), len(dataset.split("validation"))) == (78, 18)
    assert dataset.skipped == ()


def test_the_order_of_rows_does_not_decide_which_is_fifth() -> None:
    rows = [*many(10, "cats", "validation"), *many(10, "cats", "train"), *many(10, "dogs", "validation"),
            *many(10, "dogs", "train")]  # fmt: skip
    dataset = dataset_of(*rows)
    backwards = replace(dataset, pictures=dataset.pictures[::-1])
    assert splits_of(assign_splits(backwards)) == splits_of(assign_splits(dataset))


def test_a_tenth_of_training_becomes_validation() -> None:
    rows = [row for label in ("cats", "dogs") for row in (*many(300, label, "train"), *many(20, label, "test"))]
    dataset = assign_splits(dataset_of(*rows))
    counts = Counter((picture.label, picture.split) for picture in dataset.pictures)
    assert [counts["cats", split] for split in SPLITS] == [270, 30, 20]
    assert [counts["dogs", split] for split in SPLITS] == [270, 30, 20]
    assert dataset.notes == ("validation is a tenth of train",)


def test_small_classes_get_validation_from_training() -> None:
    rows = [row for label in ("cats", "dogs") for row in (*many(2, label, "train"), *many(1, label, "test"))]
    dataset = assign_splits(dataset_of(*rows))
    assert Counter((picture.label, picture.split) for picture in dataset.pictures) == Counter(
        (label, split) for label in ("cats", "dogs") for split in SPLITS
    )


def test_training_alone_is_split_like_any_other() -> None:
    given = assign_splits(dataset_of(*many(100, "cats", "train"), *many(100, "dogs", "train")))
    free = replace(given, pictures=tuple(replace(picture, split=None) for picture in given.pictures))
    assert splits_of(given) == splits_of(assign_splits(free))
    assert set(splits_of(given).values()) == set(SPLITS)


def test_all_three_given_stay() -> None:
    dataset = dataset_of(*(row for split in SPLITS for label in ("cats", "dogs") for row in many(3, label, split)))
    noted = replace(dataset, notes=("validation has only 6 pictures: what is chosen by it is uncertain",))
    assert assign_splits(dataset) == noted


def test_assigning_twice_changes_nothing() -> None:
    for given in (None, "train"):
        dataset = assign_splits(dataset_of(*many(50, "cats", given), *many(5, "dogs", given)))
        assert assign_splits(dataset, seed=1) == dataset


def test_a_content_given_to_several_splits_stays_in_one() -> None:
    rows: list[Row] = [
        ("test/cats/1.jpg", "cats", "A", "test"),
        ("train/cats/1.jpg", "cats", "A", "train"),
        ("train/dogs/copy.jpg", "dogs", "A", "train"),
        ("train/cats/2.jpg", "cats", "B", "train"),
        ("validation/cats/1.jpg", "cats", "A", "validation"),
        ("validation/cats/2.jpg", "cats", "B", "validation"),
        ("train/cats/3.jpg", "cats", "C", "train"),
        ("train/cats/4.jpg", "cats", "C", "train"),
    ]
    given = dataset_of(*rows)
    assert count_overlap(given) == 2
    dataset = assign_splits(given)
    assert count_overlap(dataset) == 0
    assert splits_of(dataset) == {
        "test/cats/1.jpg": "test",
        "validation/cats/2.jpg": "validation",
        "train/cats/3.jpg": "train",
        "train/cats/4.jpg": "train",
    }
    assert left_out(dataset) == {
        "train/cats/1.jpg": "is a copy of test/cats/1.jpg, which stands in test",
        "train/dogs/copy.jpg": "is a copy of test/cats/1.jpg, which stands in test",
        "validation/cats/1.jpg": "is a copy of test/cats/1.jpg, which stands in test",
        "train/cats/2.jpg": "is a copy of validation/cats/2.jpg, which stands in validation",
    }


@pytest.mark.parametrize("test", ["test", "validation"])
def test_an_earlier_split_brings_no_copy_back_that_was_given_to_another(test: Split) -> None:
    rows = [row for label in ("cats", "dogs") for split in ("train", test) for row in many(10, label, split)]
    taken = "validation/dogs/0004.jpg" if test == "validation" else "test/dogs/0004.jpg"
    digest = next(digest for name, _, digest, _ in rows if name == taken)
    dataset = dataset_of(*rows, ("train/cats/copy.jpg", "cats", digest, "train"))
    first = assign_splits(dataset)
    assert left_out(first) == {"train/cats/copy.jpg": f"is a copy of {taken}, which stands in test"}
    earlier = {picture.sha256: picture.split for picture in first.pictures if picture.split}
    again = assign_splits(dataset, seed=1, earlier=earlier)
    assert splits_of(again) == splits_of(first)
    assert left_out(again) == left_out(first)


def test_new_pictures_keep_the_split_they_were_given_whatever_was_earlier() -> None:
    old = [*many(30, "cats"), *many(30, "dogs")]
    earlier = {picture.sha256: picture.split for picture in assign_splits(dataset_of(*old)).pictures if picture.split}
    new = [row for split in SPLITS for row in many(20, "cats", split)]
    dataset = assign_splits(dataset_of(*old, *new, ("open.jpg", "dogs", "open", None)), earlier=earlier)
    assert {picture.sha256: picture.split for picture in dataset.pictures if picture.sha256 in earlier} == earlier
    assert all(splits_of(dataset)[name] == split for name, _, _, split in new)
    assert splits_of(dataset)["open.jpg"] in SPLITS


def test_an_earlier_split_goes_before_a_given_one_and_its_copies_elsewhere_are_skipped() -> None:
    rows: list[Row] = [("cats/1.jpg", "cats", "A", None), ("more/test/1.jpg", "cats", "A", "test"),
            ("more/train/2.jpg", "cats", "B", "train"), ("dogs/1.jpg", "dogs", "C", None)]  # fmt: skip
    dataset = assign_splits(dataset_of(*rows), earlier={"A": "train", "B": "validation"})
    assert (splits_of(dataset)["cats/1.jpg"], splits_of(dataset)["more/train/2.jpg"]) == ("train", "validation")
    assert left_out(dataset) == {"more/test/1.jpg": "is a copy of cats/1.jpg, which stands in train"}


@pytest.mark.parametrize(("given", "shares"), [("test", (18, 2, 20)), ("validation", (20, 16, 4))])
def test_new_pictures_of_a_split_that_another_was_taken_from_are_shared_as_before(
    given: Split, shares: tuple[int, ...]
) -> None:
    old = [row for label in ("cats", "dogs") for split in ("train", given) for row in many(50, label, split)]
    first = assign_splits(dataset_of(*old))
    earlier = {picture.sha256: picture.split for picture in first.pictures if picture.split}
    more = [row for label in ("cats", "dogs") for split in ("train", given) for row in many(60, label, split)]
    dataset = assign_splits(dataset_of(*more), earlier=earlier)
    assert {p.sha256: p.split for p in dataset.pictures if p.sha256 in earlier} == earlier
    new = Counter(picture.split for picture in dataset.pictures if picture.sha256 not in earlier)
    assert tuple(new[split] for split in SPLITS) == shares


def test_pictures_without_a_split_among_others_are_split_too() -> None:
    rows = [row for label in ("cats", "dogs") for split in SPLITS for row in many(10, label, split)]
    dataset = assign_splits(dataset_of(*rows, *many(60, "cats"), ("copy.jpg", "dogs", "dogs-test-3", None)))
    counts = Counter(picture.split for picture in dataset.pictures if picture.label == "cats")
    assert [counts[split] for split in SPLITS] == [70, 10, 10]
    assert splits_of(dataset)["copy.jpg"] == "test"


def test_test_pictures_taken_from_validation_leave_no_copy_there() -> None:
    rows = [*many(9, "cats", "train"), *many(9, "dogs", "train"), *many(5, "dogs", "validation")]
    rows += [(f"validation/cats/{number}.jpg", "cats", "same", "validation") for number in range(5)]
    dataset = assign_splits(dataset_of(*rows))
    assert names_in(dataset, "test", "cats") == [f"validation/cats/{number}.jpg" for number in range(5)]
    assert names_in(dataset, "validation", "cats") == []
    assert count_overlap(dataset) == 0
    assert dataset.skipped == ()


@pytest.mark.parametrize("kind", ["copies", "near duplicates", "groups"])
def test_test_pictures_taken_from_validation_part_no_unit(kind: str) -> None:
    """8 scenes of 5 pictures and 10 of one in each class: a fifth of 50 is 10, so two scenes, or one and 5 others."""
    rows = [row for label in ("cats", "dogs") for row in many(20, label, "train")]
    scenes: dict[str, tuple[str, str]] = {}
    for label in ("cats", "dogs"):
        for number in range(50):
            name = f"validation/{label}/{number:02}.jpg"
            scenes[name] = f"{label} {number // 5 if number < 40 else number}", f"{label}-{number}"
            rows.append((name, label, scenes[name][0] if kind == "copies" else scenes[name][1], "validation"))
    dataset = dataset_of(*rows)
    if kind == "groups":
        grouped = (replace(one, group=scenes[one.name][0] if one.name in scenes else None) for one in dataset.pictures)
        dataset = replace(dataset, pictures=tuple(grouped))
    by_scene: dict[str, list[str]] = {}
    for scene, digest in scenes.values():
        by_scene.setdefault(scene, []).append(digest)
    near = [(one[0], other) for one in by_scene.values() for other in one[1:]] if kind == "near duplicates" else []
    dataset = assign_splits(dataset, near=near)
    splits = splits_of(dataset)
    assert len({(scene, splits[name]) for name, (scene, _) in scenes.items()}) == len(by_scene)
    counts = Counter(picture.label for picture in dataset.split("test"))
    assert counts == {"cats": 10, "dogs": 10}
    assert dataset.notes[0] == (
        "test is every fifth picture of validation, but for what belongs together, which stays in one of them"
    )
    assert count_overlap(dataset) == 0
    assert dataset.skipped == ()


def test_a_fifth_of_validation_is_the_same_where_no_unit_would_be_parted() -> None:
    rows = [row for label in ("cats", "dogs") for split in ("train", "validation") for row in many(23, label, split)]
    alone = assign_splits(dataset_of(*rows))
    one, other = ([digest for name, _, digest, _ in rows if name in names_in(alone, split)] for split in SPLITS[1:])
    near = [*zip(one[::2], one[1::2], strict=False), *zip(other[::2], other[1::2], strict=False)]
    assert assign_splits(dataset_of(*rows), near=near) == alone


def test_a_thousand_random_trees_with_validation() -> None:
    """Test taken from validation parts nothing that stood there together, and is a fifth but for the largest unit."""
    for seed in range(1000):
        rng = random.Random(seed)
        dataset, near = random_tree(rng)
        in_validation = {unit.pictures[0].sha256: rng.random() < 0.4 for unit in units_of(dataset.pictures, near)}
        given = {
            picture.sha256: "validation" if in_validation[unit.pictures[0].sha256] else "train"
            for unit in units_of(dataset.pictures, near)
            for picture in unit.pictures
        }
        pictures = tuple(replace(picture, split=given[picture.sha256]) for picture in dataset.pictures)  # type: ignore[arg-type]
        if set(given.values()) != {"train", "validation"}:
            continue
        dataset = replace(dataset, pictures=pictures)
        validation = Counter(picture.label for picture in dataset.split("validation"))
        units = units_of(dataset.split("validation"), near)
        dataset = assign_splits(dataset, seed, near=near)
        assert count_overlap(dataset) == 0
        split_of = {picture.sha256: picture.split for picture in dataset.pictures}
        assert all(split_of[first] == split_of[second] for first, second in near)
        counts = Counter(picture.label for picture in dataset.split("test"))
        for label, total in validation.items():
            largest = max(len(unit.pictures) for unit in units if label in unit.labels)
            quota = total // 5 or int(total > 1)
            assert abs(counts[label] - quota) <= (0 if largest == 1 else largest), (seed, label)


def test_copies_between_test_and_training_never_reach_validation() -> None:
    rows = [row for label in ("cats", "dogs") for row in (*many(50, label, "train"), *many(5, label, "test"))]
    rows += [(f"train/copy{number}.jpg", "cats", f"cats-test-{number}", "train") for number in range(5)]
    dataset = assign_splits(dataset_of(*rows))
    assert count_overlap(dataset) == 0
    assert len(dataset.split("test")) == 10
    assert len(dataset.skipped) == 5


def test_overlap_is_computed() -> None:
    rows: list[Row] = [("1", "cats", "A", "train"), ("2", "cats", "A", "test"), ("3", "cats", "A", "validation")]
    dataset = dataset_of(*rows, ("4", "cats", "B", "train"), ("5", "cats", "B", "train"), ("6", "cats", "C", None))
    assert count_overlap(dataset) == 1


def test_no_training_pictures() -> None:
    assert sentence(assign_splits, dataset_of(*many(9, "cats", "test"), *many(9, "dogs", "validation"))) == (
        "photos has validation and test pictures but none to train on. Add a folder train/ beside, or give the folder "
        "with the classes itself to have it split."
    )


def test_one_class() -> None:
    dataset = dataset_of(*many(30, "cats"))
    expected = "photos has only one class, 'cats'; a classifier needs at least two. Add a folder of other pictures."
    assert sentence(require_trainable, dataset) == expected
    assert sentence(require_trainable, assign_splits(dataset)) == expected


def test_no_pictures() -> None:
    dataset = replace(dataset_of(*many(1, "cats")), pictures=())
    assert sentence(require_trainable, dataset) == (
        "photos has no pictures; a classifier needs at least two classes of them. Add a folder for each."
    )


@pytest.mark.parametrize(("count", "what"), [(1, "only 1 picture"), (2, "only 2 different pictures")])
def test_a_class_too_small(count: int, what: str) -> None:
    dataset = dataset_of(*many(30, "cats"), *many(count, "dogs"))
    expected = (
        f"photos: 'dogs' has {what}; a class takes at least 3 different pictures, to train, validate and test. "
        "Add more, or remove the class: --min-per-class 3 skips them."
    )
    assert sentence(require_trainable, dataset) == expected
    assert sentence(require_trainable, assign_splits(dataset)) == expected


def test_all_classes_too_small_are_named_at_once() -> None:
    dataset = dataset_of(*many(30, "cats"), *(row for number in range(7) for row in many(number % 2 + 1, f"c{number}")))
    assert sentence(require_trainable, dataset) == (
        "photos: 'c0' has only 1 picture, 'c1' has only 2 different pictures, 'c2' has only 1 picture, 'c3' has only 2 "
        "different pictures, 'c4' has only 1 picture and 2 more classes have too few; a class takes at least 3 "
        "different pictures, to train, validate and test. Add more, or remove these classes: --min-per-class 3 skips "
        "them."
    )


def test_a_class_whose_pictures_cannot_be_read() -> None:
    dataset = dataset_of(*many(30, "cats"), *many(3, "dogs"))
    broken = [Skipped("dogs/0001.jpg", "is cut off"), Skipped("dogs/0002.jpg", "is empty")]
    assert sentence(require_trainable, dataset.without(broken)) == (
        "photos: 'dogs' has only 1 picture; a class takes at least 3 different pictures, to train, validate and test. "
        "2 files can't be read as pictures; the first is dogs/0001.jpg (is cut off). Add more, or remove the class: "
        "--min-per-class 3 skips them."
    )


def test_copies_do_not_make_a_class_larger() -> None:
    copies: list[Row] = [(f"dogs/{number}.jpg", "dogs", "same", None) for number in range(30)]
    assert "'dogs' has only 1 picture;" in sentence(require_trainable, dataset_of(*many(30, "cats"), *copies))


def test_a_class_that_lost_all_its_pictures() -> None:
    dataset = dataset_of(*many(30, "cats"), *many(30, "dogs"), *many(1, "birds"))
    dataset = replace(dataset, pictures=tuple(p for p in dataset.pictures if p.label != "birds"))
    assert "'birds' has no picture;" in sentence(require_trainable, dataset)


def test_a_class_without_training_pictures() -> None:
    rows = [*many(9, "Cats", "train"), *many(9, "dogs", "train"), *many(9, "cats", "validation")]
    assert sentence(require_trainable, assign_splits(dataset_of(*rows))) == (
        "the class 'cats' of photos has no training pictures, only others. Add some to train, or check that its "
        "folder has the same name everywhere."
    )


def test_nothing_to_test_on() -> None:
    rows = [*many(9, "cats", "train"), *many(9, "dogs", "train"), *many(1, "dogs", "validation")]
    assert sentence(require_trainable, assign_splits(dataset_of(*rows))) == (
        "photos has no test pictures left to score on. Add some."
    )


def test_too_few_groups_to_test_on() -> None:
    pictures = [
        Picture(Path(), f"{label}/{number}.png", label, f"{label}{number}", group=f"night {number % 2}")
        for label in ("cats", "dogs")
        for number in range(9)
    ]
    dataset = Dataset("photos", Path(), ("cats", "dogs"), tuple(pictures))
    assert sentence(require_trainable, assign_splits(dataset)) == (
        "photos has no test pictures left to score on. 2 groups take one split each: add pictures of other groups. If "
        "these aren't groups, leave --group-from-name out, or take --columns group= for a table."
    )
