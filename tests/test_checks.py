from dataclasses import replace
from pathlib import Path

import pytest

from pawlab.data.checks import CHECKS, class_imbalance, run_checks
from pawlab.data.dataset import SetAside
from pawlab.data.discover import discover
from pawlab.data.splits import assign_splits
from picture_folders import content, dataset_of, make, many, write


def test_clean_data_has_no_findings() -> None:
    assert run_checks(dataset_of(*many(30, "cats"), *many(30, "dogs"))) == ()


def test_a_folder_with_a_known_answer(tmp_path: Path) -> None:
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
    findings = {finding.check: finding for finding in run_checks(assign_splits(discover(tmp_path)))}
    assert list(findings) == ["two labels", "exact duplicates", "set aside"]
    assert findings["two labels"].groups == (("cats/7.jpg", "dogs/copy e.jpg"),)
    assert findings["two labels"].sentence == (
        "1 picture stands under more than one label. At most one can be right: remove the others."
    )
    assert findings["exact duplicates"].groups == (
        ("cats/0.jpg", "cats/copy a.jpg"),
        ("cats/1.jpg", "cats/copy b.jpg", "cats/copy c.jpg"),
        ("dogs/5.jpg", "dogs/copy d.jpg"),
    )
    assert findings["exact duplicates"].sentence == (
        "4 pictures are exact copies of others of the same class. Copies stay in one split, so they don't flatter the "
        "score, but they count more than once."
    )
    assert findings["set aside"].sentence == "1 entry was set aside; the first is dogs/nothing.jpg (is empty)."
    assert findings["set aside"].pictures == ("dogs/nothing.jpg",)
    assert findings["two labels"].to_dict() == {
        "check": "two labels",
        "sentence": findings["two labels"].sentence,
        "pictures": [["cats/7.jpg", "dogs/copy e.jpg"]],
    }


def test_imbalance_begins_at_three_to_one() -> None:
    assert class_imbalance(dataset_of(*many(29, "cats"), *many(10, "dogs"), *many(20, "birds"))) is None
    finding = class_imbalance(dataset_of(*many(30, "cats"), *many(10, "dogs"), *many(20, "birds")))
    assert finding is not None
    assert finding.sentence == (
        "the classes are uneven: 30 pictures of 'cats', 10 of 'dogs' (3 times as many or more). "
        "Compare scores with the baseline, and look at each class by itself."
    )


def test_a_class_that_lost_all_its_pictures_is_uneven() -> None:
    dataset = dataset_of(*many(30, "cats"), *many(1, "dogs"))
    finding = class_imbalance(replace(dataset, pictures=dataset.pictures[:-1]))
    assert finding is not None
    assert "30 pictures of 'cats', 0 of 'dogs'" in finding.sentence


def test_no_pictures_at_all_pass_every_check() -> None:
    assert run_checks(replace(dataset_of(*many(1, "cats")), pictures=(), classes=())) == ()


@pytest.mark.parametrize("count", [1, 1200])
def test_counts_read_well(count: int) -> None:
    dataset = replace(dataset_of(*many(3, "cats")), set_aside=(SetAside("a.jpg", "is empty"),) * count)
    expected = {1: "1 entry was", 1200: "1,200 entries were"}[count]
    assert run_checks(dataset)[0].sentence.startswith(f"{expected} set aside; the first is a.jpg")


def test_the_real_photos_have_no_exact_duplicates(cats_and_dogs: Path) -> None:
    assert run_checks(assign_splits(discover(cats_and_dogs))) == ()


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS) == 4
