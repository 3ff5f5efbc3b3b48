import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pawlab import cli
from run_folders import make_run, with_predictions


@pytest.fixture
def pawlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the program in a folder of its own, as its entry point does; return its code, output and messages."""
    monkeypatch.chdir(tmp_path)

    def run_program(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pawlab", "runs", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return (int(ended.value.code or 0), *capsys.readouterr())

    return run_program


class Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_first_word_is_a_folder_or_a_command(pawlab: Any) -> None:
    make_run(Path("runs/photos-fast"))
    make_run(Path("elsewhere/a-run-with-a-name-that-is-much-longer-than-a-terminal-is-wide/and-its-recipe-is-a1"))
    _, default, _ = pawlab()
    assert "photos-fast" in default
    for words in ((), ("list",), ("list", "runs"), ("runs",), ("--sort", "name")):
        assert pawlab(*words) == (0, default, "")
    _, out, _ = pawlab("elsewhere")
    assert "a-run-with-a-name-that-is-much-longer-than-a-terminal-is-wide/and-its-recipe-is-a1   photos   fast" in out
    rows = json.loads(pawlab("elsewhere", "--json")[1])
    assert [row["recipe"] for row in rows] == ["fast"]
    Path("empty").mkdir()
    assert pawlab("empty") == (0, "No runs in empty.\n", "")
    assert pawlab("empty", "--json") == (0, "[]\n", "")


def test_what_is_damaged_is_told_and_choosing_by_the_test_is_warned_of(pawlab: Any) -> None:
    make_run(Path("runs/one"))
    (make_run(Path("runs/other")) / "run.json").write_text("{")
    code, out, err = pawlab("--sort", "test")
    assert code == 0
    assert [line.split()[-1] for line in out.splitlines() if "2026" in line or "other" in line] == [
        "finished",
        "damaged",
    ]
    assert err == (
        "runs/other/run.json is damaged: it isn't JSON. Train anew.\n"
        "Choose by validation: of many test scores the best is one that was lucky, too high for new pictures.\n"
    )


def test_two_runs_side_by_side(pawlab: Any) -> None:
    with_predictions(make_run(Path("runs/one")), {"aa": True, "bb": False, "cc": True})
    with_predictions(make_run(Path("runs/other")), {"aa": True, "bb": True})
    code, out, err = pawlab("compare", "one", "other")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "One        runs/one: accuracy 50.0% (95% interval 9.5% to 90.5%) of 2 test pictures, 0 right alone; "
        "1 left out, as the other hasn't them",
        "Other      runs/other: accuracy 100.0% (95% interval 34.2% to 100.0%) of 2 test pictures, 1 right alone",
        "Verdict    2 test pictures are too few to tell runs/other from runs/one: 50.0 points of accuracy apart "
        "(95% interval -27.3 to 90.5; McNemar's exact test: p 1.000).",
    ]
    assert json.loads(pawlab("compare", "one", "other", "--json")[1])["better"] is None


def test_deleting_asks_first(pawlab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = make_run(Path("runs/one")), make_run(Path("runs/other"), accuracy=None)
    code, out, err = pawlab("delete", "one")
    assert (code, out) == (2, "")
    assert err == "pawlab: deleting asks first, and nobody is there to answer. Add --yes to delete without.\n"
    monkeypatch.setattr(sys, "stdin", Keyboard("n\n"))
    code, out, err = pawlab("delete", "one", "other")
    assert (code, out) == (0, "")
    assert "runs/one: fast on photos, finished, test accuracy 92.0%\nruns/other: fast on photos, not finished\n" in err
    assert err.endswith("Delete these 2 for good? [y/N] Nothing was deleted.\n")
    assert one.is_dir()
    monkeypatch.setattr(sys, "stdin", Keyboard("y\n"))
    assert pawlab("delete", "one")[:2] == (0, "Deleted runs/one.\n")
    assert not one.exists()
    (other / "notes.txt").write_text("precious")
    assert pawlab("delete", "runs/other", "-y") == (
        0,
        "Deleted the run in runs/other; kept what isn't its own:\n  runs/other/notes.txt\n",
        "",
    )


def test_a_run_that_is_named_twice_is_deleted_once(pawlab: Any) -> None:
    one = make_run(Path("runs/one"))
    other = make_run(Path("runs/other"))
    names = ("one", "./runs/../runs/one", str(other.absolute()), "other")
    assert pawlab("delete", *names, "--yes") == (0, f"Deleted runs/one.\nDeleted {other.absolute()}.\n", "")
    assert not one.exists()
    assert not other.exists()


def test_nothing_is_deleted_where_one_of_the_names_is_wrong(pawlab: Any) -> None:
    make_run(Path("runs/one"))
    assert pawlab("delete", "one", "two", "--yes") == (
        2,
        "",
        "pawlab: there is no run two, nor runs/two. `pawlab runs runs` lists what there is.\n",
    )
    assert Path("runs/one").is_dir()
