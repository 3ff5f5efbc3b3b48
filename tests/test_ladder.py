"""The ladder's runner and its page: what is kept of each run, and what is made of it."""

import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def ladder(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return import_module("ladder")


@pytest.fixture
def ladder_page(ladder: ModuleType) -> ModuleType:
    return import_module("ladder_page")


def result(name: str, seed: int, *accuracies: float, dead: bool = False) -> dict[str, Any]:
    return {
        "recipe": name,
        "seed": seed,
        "epochs": len(accuracies),
        "mean": sum(accuracies) / len(accuracies),
        "stable_range": [min(accuracies), max(accuracies)],
        "stands_still": dead,
        "gap": 0.02,
        "validation": max(accuracies),
        "test": accuracies[-1],
        "trainable": 1234,
        "seconds": 60 + seed,
        "machine": "2 cores",
        "date": f"2026-01-0{seed + 1}",
    }


def test_dead_seeds_are_counted_and_left_out_of_the_means(ladder_page: ModuleType) -> None:
    runs = [result("d4", 0, 0.5, 0.5, dead=True), result("d4", 1, 0.94, 0.96), result("d4", 2, 0.96, 0.98)]
    facts = ladder_page.facts(runs)
    assert (facts["seeds"], facts["dead_seeds"], facts["mean"], facts["test"]) == (3, 1, 0.96, 0.97)
    assert facts["stable_range"] == [0.94, 0.98]
    assert facts["sd"] == pytest.approx(0.02 / 2**0.5, abs=1e-6)
    cells = ["d4", "1,234", "95.0-97.0", "96.0 ± 1.4", "94.0-98.0", "within", "97.0 (96.0-98.0)", "+2", "1 of 3"]
    assert ladder_page.row("d4", runs) == cells


@pytest.mark.parametrize(
    ("mean", "said"), [(0.55, "within"), (0.6004, "within"), (0.6061, "0.6 above"), (0.53, "2.0 below")]
)
def test_a_mean_lies_within_the_published_range_or_so_far_outside(
    ladder_page: ModuleType, mean: float, said: str
) -> None:
    assert ladder_page.against(mean, [0.55, 0.6]) == said


def test_results_of_different_numbers_of_epochs_are_not_mixed(ladder_page: ModuleType, tmp_path: Path) -> None:
    for seed, accuracies in enumerate([(0.5,), (0.5, 0.6)]):
        (tmp_path / f"a1-seed-{seed}.json").write_text(json.dumps(result("a1", seed, *accuracies)))
    with pytest.raises(SystemExit, match=r"holds runs of \[1, 2\] epochs\."):
        ladder_page.read(tmp_path)


def test_the_first_seed_of_all_comes_first_and_more_seeds_of_some_last(ladder: ModuleType) -> None:
    plan = ladder.planned(["a4", "d4"], [0, 1, 2])
    assert plan[:6] == [(0, "a4"), (0, "d4"), (1, "a4"), (1, "d4"), (2, "a4"), (2, "d4")]
    assert plan[6:] == [(seed, "d4") for seed in range(3, 10)]
    assert ladder.planned(["d4"], [5]) == [(5, "d4")]


def test_what_is_there_is_not_done_again_and_other_results_are_refused(
    ladder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {"epochs": 20, "network": ladder.network_of("a1")}
    (tmp_path / "a1-seed-0.json").write_text(json.dumps(there))
    measured: list[str] = []
    monkeypatch.setattr(ladder, "measure", lambda name, seed, asked, place: measured.append(place.name))
    command = ["ladder.py", "--results", str(tmp_path), "--recipes", "a1", "--seeds"]
    monkeypatch.setattr(sys, "argv", [*command, "0,1"])
    ladder.main()
    assert measured == ["a1-seed-1.json"]
    monkeypatch.setattr(sys, "argv", [*command, "0", "--epochs", "3"])
    with pytest.raises(SystemExit, match="is of another number of epochs or another version of a1"):
        ladder.main()
