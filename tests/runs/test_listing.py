import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import pawlab
from pawlab.errors import OutputError
from pawlab.runs.listing import ORDERS, find_run, list_runs
from run_folders import make_run


def names(folder: Path, sort: Any = "date") -> list[str]:
    return [run.name for run in list_runs(folder, sort)]


def test_a_row_says_what_a_run_was_of_and_how_good_it_is(tmp_path: Path) -> None:
    make_run(tmp_path / "photos-fast")
    (run,) = list_runs(tmp_path)
    assert run.to_dict() == {
        "name": "photos-fast",
        "folder": str(tmp_path / "photos-fast"),
        "state": "finished",
        "date": "2026-11-26T12:00:00Z",
        "data": "photos",
        "recipe": "fast",
        "validation": {"accuracy": 0.9, "ci95": [0.9 - 0.05, 0.9 + 0.02], "pictures": 60},
        "test": {"accuracy": 0.92, "ci95": [0.92 - 0.05, 0.92 + 0.02], "pictures": 60},
        "seconds": 7.4,
        "problem": "",
    }
    header, (line,) = list_runs(tmp_path).table()
    assert dict(zip(header, line, strict=True)) == {
        **{"name": "photos-fast", "data": "photos", "recipe": "fast", "seconds": "7", "state": "finished"},
        **{"validation": "90.0% (85.0-92.0)", "test": "92.0% (87.0-94.0)"},
        "date": datetime(2026, 11, 26, 12, tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M"),
    }


def test_runs_lie_at_any_depth_and_what_is_hidden_within_a_run_or_no_run_is_passed_over(tmp_path: Path) -> None:
    make_run(tmp_path / "one")
    make_run(tmp_path / "photos-compared" / "a1")
    make_run(tmp_path / "one" / "folds" / "1")
    make_run(tmp_path / ".one.x.previous")
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "other" / "run.json").write_text('{"job": 7}')  # another program's
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to(make_run(tmp_path.with_name(f"{tmp_path.name}-elsewhere")))
    assert names(tmp_path, "name") == ["linked", "one", "photos-compared/a1"]
    assert names(tmp_path / "one") == ["one"]


def test_how_far_a_run_came(tmp_path: Path) -> None:
    make_run(tmp_path / "a-finished")
    make_run(tmp_path / "b-interrupted", interrupted=True)
    make_run(tmp_path / "c-begun", accuracy=None, recipe="a1")
    for name, text in {"d-torn": '{"request": ', "e-short": '{"request": {}}'}.items():
        (make_run(tmp_path / name) / "run.json").write_text(text)
    for name, text in {"f-torn": "{", "g-empty": "{}", "h-null": '{"validation": {"ci95": [null, 1]}}'}.items():
        (make_run(tmp_path / name) / "metrics.json").write_text(text)
    runs = list_runs(tmp_path, "name")
    assert [run.state for run in runs] == ["finished", "interrupted", "not finished", *["damaged"] * 5]
    begun, torn = runs[2], runs[3]
    assert (begun.recipe, begun.data, begun.test, begun.seconds) == ("a1", "photos", None, None)
    assert torn.problem == f"{tmp_path / 'd-torn' / 'run.json'} is damaged: it isn't JSON. Train anew."
    assert runs[6].problem == f"{tmp_path / 'g-empty'} is damaged: KeyError: 'validation'."


def test_a_run_of_ones_own_recipe_that_has_only_begun_goes_by_that_recipes_name(tmp_path: Path) -> None:
    request = {"data": "x", "recipe": "my/own.toml", "own_recipe": {"name": "own"}}
    make_run(tmp_path / "begun", accuracy=None, request=request)
    assert [run.recipe for run in list_runs(tmp_path)] == ["own"]


def test_the_best_scores_latest_dates_and_shortest_times_come_first_and_what_has_none_last(tmp_path: Path) -> None:
    make_run(tmp_path / "x", accuracy=0.7, seconds=3, date="2026-11-01T08:00:00+00:00", data="b", recipe="c4")
    make_run(tmp_path / "y", accuracy=0.9, seconds=9, date="2026-11-02T08:00:00+02:00", data="a", recipe="a1")
    make_run(tmp_path / "z", accuracy=None, date="2026-11-02T07:00:00+00:00", data="c", recipe="b2")
    found = {sort: "".join(names(tmp_path, sort)) for sort in ORDERS}
    assert found == {
        **{"name": "xyz", "data": "yxz", "recipe": "yzx", "validation": "yxz", "test": "yxz"},
        **{"date": "zyx", "seconds": "xyz", "state": "xyz"},
    }
    with pytest.raises(ValueError) as caught:
        list_runs(tmp_path, "tests")  # type: ignore[arg-type]
    assert str(caught.value) == f"sort is 'tests'; it must be one of {', '.join(ORDERS)}"


def test_an_older_run_has_the_date_of_its_file(tmp_path: Path) -> None:
    file = make_run(tmp_path / "old") / "run.json"
    file.write_text(file.read_text().replace('"date"', '"dated"').replace('"request"', '"order"'))
    os.utime(file, (1_700_000_000, 1_700_000_000))
    (run,) = list_runs(tmp_path)
    assert (run.state, run.to_dict()["date"]) == ("finished", "2023-11-14T22:13:20Z")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        list_runs(tmp_path / "runs")
    assert str(caught.value) == (
        f"there is no folder {tmp_path / 'runs'}. "
        "Train first, as in `pawlab train sample`, or name the folder that your runs lie in."
    )
    assert list_runs(tmp_path) == ()


def test_a_run_is_found_by_its_path_or_its_name_and_never_by_guessing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(Path("runs/photos-fast"))
    assert find_run("photos-fast") == find_run("runs/photos-fast") == Path("runs/photos-fast")
    with pytest.raises(OutputError) as caught:
        find_run("photos-fat")
    assert str(caught.value) == "there is no run photos-fat, nor runs/photos-fat. Did you mean 'photos-fast'?"
    make_run(Path("photos-fast"))
    with pytest.raises(OutputError) as caught:
        find_run("photos-fast")
    here, there = tmp_path / "photos-fast", tmp_path / "runs" / "photos-fast"
    assert str(caught.value) == f"there is a run in {here} and one in {there}. Give its path."
    assert find_run(here) == here


def test_a_notebook_shows_the_table(tmp_path: Path) -> None:
    make_run(tmp_path / "<b>photos")
    html = pawlab.list_runs(tmp_path)._repr_html_()
    assert "92.0% (87.0-94.0)" in html
    assert "&lt;b&gt;photos" in html


def test_the_table_needs_no_framework(tmp_path: Path) -> None:
    make_run(tmp_path / "photos-fast")
    code = (
        "import sys\nfrom pawlab.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "heavy = 'tensorflow keras onnx onnxruntime sklearn scipy matplotlib pandas pyarrow'.split()\n"
        "print('loaded', *[name for name in heavy if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "runs", str(tmp_path), "--sort", "test"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "92.0% (87.0-94.0)" in done.stdout
    assert done.stdout.endswith("loaded\n")
