from pathlib import Path

import pytest
from scipy.stats import binomtest

import pawlab
from pawlab.errors import OutputError
from pawlab.evaluation.metrics import wilson_interval
from pawlab.runs.side_by_side import compare_runs
from run_folders import make_run, with_predictions


def rights(pattern: str) -> dict[str, bool]:
    """Pictures 0, 1, 2 ...: x is predicted correctly, o isn't, and where a dash is there is no such picture."""
    return {f"{number:04x}": letter == "x" for number, letter in enumerate(pattern) if letter != "-"}


def two(folder: Path, one: str, other: str) -> tuple[Path, Path]:
    first = with_predictions(make_run(folder / "one"), rights(one))
    return first, with_predictions(make_run(folder / "other"), rights(other), names="elsewhere/{}.jpeg")


def test_pictures_are_the_same_by_content_whatever_their_names(tmp_path: Path) -> None:
    one, other = two(tmp_path, "x" * 20 + "o" * 12 + "x", "x" * 20 + "x" * 10 + "oo" + "o")
    found = compare_runs(one, other).to_dict()
    assert (found["pictures"], found["difference"], found["better"]) == (33, -9 / 33, False)
    assert found["p_value"] == binomtest(1, 11, 0.5).pvalue
    assert found["one"] == {
        **{"run": str(one), "accuracy": 21 / 33, "pictures": 33, "only_this_right": 1, "left_out": 0},
        "ci95": [round(bound, 6) for bound in wilson_interval(21, 33)],
    }
    assert (found["other"]["accuracy"], found["other"]["only_this_right"]) == (30 / 33, 10)
    low, high = found["ci95"]
    assert found["sentence"] == (
        f"{other} is better than {one}: 27.3 points of accuracy more (95% interval {-high * 100:.1f} to "
        f"{-low * 100:.1f}; McNemar's exact test: p 0.012)."
    )
    assert compare_runs(other, one).sentence == found["sentence"]


def test_few_pictures_tell_nothing(tmp_path: Path) -> None:
    one, other = two(tmp_path, "xxxo", "xxoo")
    found = compare_runs(one, other)
    assert found.paired.better is None
    assert found.sentence.startswith(
        f"4 test pictures are too few to tell {one} from {other}: 25.0 points of accuracy apart (95% interval "
    )
    assert found.sentence.endswith("; McNemar's exact test: p 1.000).")


def test_only_pictures_that_both_have_under_one_label_count(tmp_path: Path) -> None:
    one, other = two(tmp_path, "xxo--", "x-oxx")
    found = compare_runs(one, other)
    assert (found.paired.pictures, found.left_out) == (2, (1, 2))
    with_predictions(other, rights("xxo"), label="dogs")
    with pytest.raises(OutputError) as caught:
        compare_runs(one, other)
    assert str(caught.value) == (
        f"{one} and {other} were tested on different pictures. Train one of them on the other's data."
    )


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    one, other = two(tmp_path, "xo", "xx")
    with pytest.raises(OutputError) as caught:
        compare_runs(one, one)
    assert str(caught.value) == f"{one} and {one} are the same run. Name two."
    (other / "split.csv").write_text("path,label\n")
    with pytest.raises(OutputError) as caught:
        compare_runs(one, other)
    assert str(caught.value) == (
        f"{other / 'split.csv'} is damaged: its first line isn't path,label,split,sha256. Bring the file back as it "
        "was, or train that run anew."
    )
    (other / "split.csv").write_bytes((one / "split.csv").read_bytes())  # of other names
    with pytest.raises(OutputError) as caught:
        compare_runs(one, other)
    assert str(caught.value) == f"{other / 'predictions.csv'} or split.csv beside it is damaged. Train the run anew."
    begun = make_run(tmp_path / "begun", accuracy=None)
    with pytest.raises(OutputError) as caught:
        compare_runs(one, begun)
    assert str(caught.value) == (
        f"can't read {begun / 'split.csv'}: No such file or directory. Is the run finished? `pawlab runs` shows it."
    )


def test_runs_that_were_trained_are_compared(learnable_folder: Path, tmp_path: Path) -> None:
    one = pawlab.train(learnable_folder, out=tmp_path / "one", report=False)
    other = pawlab.train(learnable_folder, out=tmp_path / "other", report=False, resize_mode="crop")
    found = pawlab.compare_runs(one.folder, other.folder)
    assert found.paired.pictures == one.metrics["test"]["pictures"]
    assert found.to_dict()["one"]["accuracy"] == one.metrics["test"]["accuracy"]
