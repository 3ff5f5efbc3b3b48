"""What `make bench` is made of: how a command is measured, what is done again, and the page."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
Import = Callable[[str], ModuleType]


@pytest.fixture
def benchmark_module(monkeypatch: pytest.MonkeyPatch) -> Import:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_command_is_measured_with_its_output_seconds_and_memory(benchmark_module: Import) -> None:
    code = "import time; kept = bytearray(300_000_000); time.sleep(0.3); print('first'); print('last')"
    found = benchmark_module("measuring").measure(python(code))
    assert found.output.split() == ["first", "last"]
    assert found.seconds > 0.3
    if sys.platform == "linux":
        assert 300 < found.anonymous_mb < 400
        assert 0 < found.processor_seconds < found.seconds + 1


def test_the_peak_is_the_commands_where_what_measures_is_small() -> None:
    if sys.platform != "linux":
        pytest.skip("what a system counts differs; this is Linux's")
    code = f"from measuring import measure; print(measure({python('kept = bytearray(300_000_000)')!r}).peak_mb)"
    told = subprocess.run(python(code), cwd=BENCHMARKS, capture_output=True, text=True, check=True).stdout
    assert 300 < float(told) < 400


def test_memory_is_of_one_process_not_of_the_one_before(benchmark_module: Import) -> None:
    if sys.platform != "linux":
        pytest.skip("what a system counts differs; this is Linux's")
    measure = benchmark_module("measuring").measure
    measure(python("kept = bytearray(300_000_000)"))
    assert measure(python("import time; time.sleep(0.2)")).anonymous_mb < 100


def test_a_command_that_fails_is_told_by_its_last_line(benchmark_module: Import) -> None:
    measuring = benchmark_module("measuring")
    with pytest.raises(measuring.CommandFailedError, match=r"^exit 3: the reason$"):
        measuring.measure(python("import sys; print('the reason\\n', file=sys.stderr); sys.exit(3)"))
    with pytest.raises(measuring.CommandFailedError, match=r"^/no/such/program can't be started: No such file"):
        measuring.measure(["/no/such/program"])


def test_memory_of_a_process_that_is_gone_is_none(benchmark_module: Import) -> None:
    memory_mb = benchmark_module("measuring").memory_mb
    assert memory_mb(2**22 + 1, "VmRSS") is None
    if sys.platform == "linux":
        assert memory_mb(os.getpid(), "VmRSS") > 10
        assert memory_mb(os.getpid(), "NoSuchThing") is None


def counting(folder: Path, *figures: float) -> list[str]:
    """A command that says the next of these figures each time that it runs."""
    code = (
        "import json, pathlib, sys; place = pathlib.Path(sys.argv[1]); place.mkdir(exist_ok=True);"
        "number = len(list(place.iterdir())); (place / str(number)).touch();"
        "print(json.dumps({'score': float(sys.argv[2 + number]), 'predicted': [0, 1, 1, number]}))"
    )
    return [*python(code), str(folder), *map(str, figures)]


def test_pieces_run_in_turn_and_ratios_are_of_the_same_round(benchmark_module: Import, tmp_path: Path) -> None:
    pieces = benchmark_module("bench_pieces")
    ours = pieces.Piece("ours", counting(tmp_path / "ours", 6, 8, 10))
    peer = pieces.Piece("peer", counting(tmp_path / "peer", 3, 2), rounds=2)
    said: list[str] = []
    part = pieces.Part("", [ours, peer], 3, [pieces.Ratio("ours", "peer", of="score")])
    found = pieces.measured(part, lambda line, **options: said.append(line))
    order = ["ours, 1 of 3", "peer, 1 of 2", "ours, 2 of 3", "peer, 2 of 2", "ours, 3 of 3"]
    assert [line.strip().partition(":")[0] for line in said[::2]] == order
    assert [run["score"] for run in found["pieces"]["ours"]["runs"]] == [6, 8, 10]
    assert found["pieces"]["ours"]["median"]["score"] == 8
    (ratio,) = found["ratios"]
    assert (ratio["runs"], ratio["median"]) == ([2.0, 4.0], 3.0)
    assert [run["same_labels"] for run in found["pieces"]["ours"]["runs"]] == [1.0, 0.75, 0.75]
    assert "predicted" not in json.dumps(found)


def test_a_peer_that_fails_is_skipped_with_the_reason_and_ours_ends_the_part(benchmark_module: Import) -> None:
    pieces = benchmark_module("bench_pieces")
    broken, sound = python("raise SystemExit('no such weights')"), python("print('{\"score\": 1}')")
    missing = pieces.Piece("missing", broken, peer=True, lacking="it isn't installed")
    peer = pieces.Piece("peer", broken, peer=True)
    found = pieces.measured(
        pieces.Part("", [pieces.Piece("ours", sound), peer, missing], 1), lambda *words, **options: None
    )
    assert found["skipped"] == {"missing": "it isn't installed", "peer": "exit 1: no such weights"}
    assert list(found["pieces"]) == ["ours"]
    error = benchmark_module("measuring").CommandFailedError
    with pytest.raises(error, match=r"^ours: exit 1: no such weights$"):
        pieces.measured(pieces.Part("", [pieces.Piece("ours", broken)], 1), lambda *words, **options: None)


@pytest.fixture
def bench(benchmark_module: Import, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`bench.py` with two parts, `slow` and `other`, that take no time, at the commit `abc`."""
    module, pieces = benchmark_module("bench"), benchmark_module("bench_pieces")

    def slow(material: Any) -> Any:
        """The title."""
        return pieces.Part("All of it.", [pieces.Piece("ours", python("print('{\"pictures\": 5}')"))], material.rounds)

    parts = {"slow": slow, "other": slow}
    monkeypatch.setattr(module, "PARTS", parts)
    monkeypatch.setattr(benchmark_module("bench_page"), "PARTS", parts)
    monkeypatch.setattr(module, "OPTIONAL", ("other",))
    monkeypatch.setattr(module, "commit", lambda: "abc")
    here = {"machine": {"system": "Linux", "processor": "Test", "cores": 2}, "versions": {"python": "3.11"}}
    monkeypatch.setattr(module, "machine", lambda: here)
    return module


def test_a_part_is_measured_once_at_a_commit_and_again_when_asked(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"

    def run(*words: str) -> str:
        given = ["bench.py", "--quick", "--out", str(out), "--work", str(tmp_path / "work"), *words]
        monkeypatch.setattr(sys, "argv", given)
        bench.main()
        return capfd.readouterr().out

    assert "ours, 1 of 1" in run()
    kept = json.loads((out / "slow.json").read_text(encoding="utf-8"))
    assert (kept["part"], kept["commit"], kept["options"]["quick"]) == ("slow", "abc", True)
    assert kept["pieces"]["ours"]["runs"][0]["pictures"] == 5
    assert kept["machine"]["cores"] == 2
    assert "## slow\n\nThe title. All of it.\n" in (tmp_path / "results.md").read_text(encoding="utf-8")
    assert not (out / "other.json").exists()  # it is optional

    assert "ours" not in (said := run())
    assert "slow is measured at abc already: --again measures it anew" in said
    assert "ours, 1 of 1" in run("--again")
    assert "ours, 2 of 2" in run("--rounds", "2")  # another way of measuring
    monkeypatch.setattr(bench, "commit", lambda: "abc+")
    assert "ours, 1 of 1" in run()
    assert "ours, 1 of 1" in run()  # nobody knows what has changed


def test_a_part_that_fails_leaves_what_was_there_and_the_others_go_on(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out, pieces = tmp_path / "results", import_module("bench_pieces")
    out.mkdir()
    sound = bench.PARTS["other"]

    def broken(material: Any) -> Any:
        """The title."""
        return pieces.Part("", [pieces.Piece("ours", python("raise SystemExit('no model')"))], 1)

    bench.PARTS["slow"] = broken
    monkeypatch.setattr(sys, "argv", ["bench.py", "slow", "other", "--quick", "--out", str(out)])
    with pytest.raises(SystemExit, match="1"):
        bench.main()
    assert "slow isn't measured: ours: exit 1: no model\n" in capfd.readouterr().err
    assert [path.name for path in out.iterdir()] == ["other.json"]
    assert sound is bench.PARTS["other"]


def test_an_unknown_part_is_refused(benchmark_module: Import, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        benchmark_module("bench").arguments(["trian"])
    assert "there is no part trian. The parts are train, predict, cold," in capsys.readouterr().err


def test_quick_figures_never_replace_the_record(benchmark_module: Import) -> None:
    arguments = benchmark_module("bench").arguments
    assert arguments([]).out == BENCHMARKS / "bench"
    assert arguments(["--quick"]).out == BENCHMARKS.parent / "runs" / "bench-quick"
    assert (arguments([]).epochs, arguments(["--quick"]).epochs) == (20, 2)


def test_every_part_has_a_title_and_its_minutes(benchmark_module: Import) -> None:
    bench = benchmark_module("bench")
    assert set(bench.MINUTES) == set(bench.PARTS)
    assert all(function.__doc__ for function in bench.PARTS.values())


def test_the_machine_and_the_commit_are_said(benchmark_module: Import) -> None:
    bench = benchmark_module("bench")
    found = bench.machine()
    assert found["machine"]["cores"] >= 1
    assert found["versions"]["numpy"] == np.__version__
    if (BENCHMARKS.parent / ".git").exists():
        assert bench.commit().rstrip("+").isalnum()


def result(**changed: Any) -> dict[str, Any]:
    ours = {"seconds": 10.0, "pictures": 1000, "test_accuracy": 0.985, "peak_mb": 300.4, "epochs": 2}
    peer = {"seconds": 25.0, "work_seconds": 20.0, "pictures": 1000, "peak_mb": 1200.0}
    return {
        "part": "train",
        "title": "A title.",
        "about": "What it is about.",
        "commit": "abc",
        "date": "2026-01-01 12:00",
        "options": {"quick": False},
        "machine": {"system": "Linux", "processor": "Test", "cores": 2},
        "versions": {"python": "3.11", "keras": "3.15"},
        "load_before": 0.31,
        "pieces": {
            "ours": {
                "runs": [ours, {**ours, "seconds": 12.0}, {**ours, "seconds": 11.0}],
                "median": {**ours, "seconds": 11.0},
            },
            "peer": {"runs": [peer], "median": peer},
        },
        "ratios": [
            {"over": "peer", "under": "ours", "of": "seconds", "aim": "at least 2", "runs": [2.5], "median": 2.5}
        ],
        "skipped": {"absent": "it isn't | installed"},
        **changed,
    }


def test_the_page_says_what_was_measured_what_was_skipped_and_how(benchmark_module: Import) -> None:
    text = benchmark_module("bench_page").page(
        [result(), result(part="fit", commit="abc+", ratios=[], skipped={})], "bench"
    )
    assert text.split("## train\n\n")[1].split("\n\n## fit")[0] == (
        "A title. What it is about.\n\n"
        "2026-01-01 12:00, commit abc, 2 cores of Test, Linux, load before 0.3. python 3.11, keras 3.15.\n\n"
        "|  | seconds | work | pictures a second | test accuracy | peak MB |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| ours | 11.00 (10.00 to 12.00) |  | 91 | 98.5% | 300 (300 to 300) |\n"
        "| peer | 25.00 | 20.00 | 40 |  | 1,200 |\n"
        "| absent | skipped: it isn't \\| installed |  |  |  |  |\n\n"
        "| ratio | median | runs | aim |\n"
        "| --- | ---: | --- | --- |\n"
        "| peer / ours | 2.50 | 2.50 | at least 2 |\n\n"
        "- ours: epochs 2"
    )
    assert "commit abc and changes, 2 cores of Test, Linux, load before 0.3.\n" in text  # the same versions: said once


def test_a_bare_runtime_computes_each_picture_once_in_order(tmp_path: Path) -> None:
    from onnx import TensorProto, checker, helper, save

    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["pictures"], ["values"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["values", "axes"], ["probabilities"], keepdims=0),
        ],
        "mean_colour",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", 8, 8, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    checker.check_model(model)
    save(model, tmp_path / "model.onnx")
    channels = [2, 0, 1, 1, 2, 0, 0]
    (tmp_path / "pictures").mkdir()
    for number, channel in enumerate(channels):
        colour = [200 if place == channel else 10 for place in range(3)]
        Image.new("RGB", (30, 20), tuple(colour)).save(tmp_path / "pictures" / f"{number}.jpg")
    command = [str(BENCHMARKS / "peer_bare.py"), "onnxruntime", str(tmp_path / "model.onnx"), "8", "2"]
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path / "pictures")], capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    assert (said["pictures"], said["predicted"]) == (7, channels)
    assert said["work_seconds"] > 0


def test_crops_are_the_same_however_many_and_30_to_60_percent_of_their_photo(
    benchmark_module: Import, tmp_path: Path
) -> None:
    made = benchmark_module("made_pictures")
    random = np.random.default_rng(0)
    photos = tmp_path / "photos" / "train" / "cats"
    photos.mkdir(parents=True)
    for number in range(3):
        pixels = random.integers(0, 255, (100, 200, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / f"{number}.png")
    for count in (5, 20):
        made.crops(str(tmp_path / "photos"), str(count), str(tmp_path / f"{count}"))
    few, many = (sorted((tmp_path / name).glob("cats/*.jpg")) for name in ("5", "20"))
    assert [path.name for path in few] == [f"{number:06}.jpg" for number in range(5)]
    assert [path.read_bytes() for path in few] == [path.read_bytes() for path in many[:5]]
    assert len({path.read_bytes() for path in many}) == 20
    for path in many:
        with Image.open(path) as image:
            assert 60 <= image.width <= 120
            assert 30 <= image.height <= 60
