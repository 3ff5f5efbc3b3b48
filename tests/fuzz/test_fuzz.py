"""Some cases of every fuzzer, the same each time; `make soak` runs them by the ten thousand."""

import subprocess
import sys
import warnings
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")

from fuzzing import TARGETS, Outcome, run_cases, run_one
from mutation import mutated, with_sound_png_sums
from soak import with_table
from target import Target, randomness

from picture_files import encode, quadrants

CASES = {"decoder": 400, "archives": 150, "cards": 400, "tables": 200, "weights": 400, "requests": 200}
CASES |= {"recipes": 300, "trees": 60, "flips": 200}


@pytest.mark.parametrize("kind", list(TARGETS))
def test_no_case_fails(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, on damaged files
        outcome = run_cases(kind, 0, 0, CASES[kind])
    assert outcome.failures == []
    assert outcome.past >= outcome.cases / 2, "most cases end at the first check, so that they say little"


class Faulty(Target):
    """Fails on every fifth case or so."""

    kind = "faulty"

    def make(self, random: Random) -> bytes:
        return random.randbytes(5)

    def try_one(self, given: bytes, random: Random) -> bool:
        assert given[0] % 5, "a fault"
        return True


def test_a_failure_is_told_with_its_input_and_comes_again(tmp_path: Path) -> None:
    outcome = Outcome("faulty")
    for number in range(50):
        run_one(Faulty(tmp_path), 3, number, outcome)
    assert outcome.cases == 50
    assert outcome.past == 50 - len(outcome.failures)
    assert 0 < len(outcome.failures) < 50
    again = Outcome("faulty")
    run_one(Faulty(tmp_path), 3, outcome.failures[0]["number"], again)
    assert again.failures[0]["input"] == outcome.failures[0]["input"]
    assert "AssertionError: a fault" in again.failures[0]["error"]


def test_cases_depend_on_seed_kind_and_number_alone() -> None:
    values = {
        (seed, kind, number): randomness(seed, kind, number).random()
        for seed in (0, 1)
        for kind in "ab"
        for number in (0, 1)
    }
    assert len(set(values.values())) == 8
    assert randomness(1, "a", 0).random() == values[1, "a", 0]


def test_changes_change_and_sums_of_png_are_made_sound() -> None:
    sound = encode(quadrants(), "PNG")
    assert with_sound_png_sums(sound) == sound
    damaged = bytearray(sound)
    damaged[-3] ^= 1
    assert with_sound_png_sums(bytes(damaged)) == sound
    changed = [mutated(sound, Random(seed), [sound], [b"IDAT"], spare=16) for seed in range(200)]
    assert sum(one != sound for one in changed) > 180
    assert sum(one[:16] == sound[:16] for one in changed) > 150


@pytest.mark.skipif(sys.platform != "linux", reason="forks after imports, which other systems' libraries don't bear")
def test_killed_commands_leave_nothing_behind() -> None:
    """In a process of its own: it forks, which one with threads must not."""
    command = [sys.executable, str(Path(__file__).with_name("soak.py")), "--kills", "3", "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "3 commands, 0 failures"), done.stdout + done.stderr


def test_the_page_gets_the_counts_of_the_log() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")
    log = {"date": "2026-01-02", "minutes": 20, "seed": 5, "python": "3.11", "system": "Linux"}
    log |= {"kinds": {"cards": {"cases": 12000, "past_first_check": 9000}}, "kills": {"kill -9": 70, "ended before": 9}}
    for failures in (2, 0):
        page = with_table(page, {**log, "failures": [{"kind": "cards"}] * failures})
        assert (
            f"| cards | 12,000 | 9,000 | {failures} |\n| commands: kill -9 | 70 | | |\n| all kills | 70 | | 0 |\n"
            in page
        )
    assert page.count("| cards |") == page.count("## What the fuzzers found") == 1
