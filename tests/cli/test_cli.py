import csv
import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pawlab import cli, exploration
from pawlab import pipeline as workflow
from pawlab.cli.tables import print_evaluation
from pawlab.errors import PawlabError
from pawlab.export.forms import FORMS
from pawlab.install import install_command
from pawlab.names import printable
from pawlab.runs.record import Run
from pawlab.runs.request import Request


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def pawlab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the program in this process, as its entry point does."""

    def run_program(*arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["pawlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return run_program


@pytest.fixture(scope="module")
def run(learnable_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return workflow.train(learnable_folder, out=tmp_path_factory.mktemp("runs") / "learnable", report=False)


@pytest.fixture
def warm(learnable_folder: Path) -> Path:
    return learnable_folder / "warm-circles" / "00.png"


def test_train_tells_what_people_want_to_know(pawlab: Any, learnable_folder: Path, tmp_path: Path) -> None:
    code, out, _ = pawlab("train", learnable_folder, "--out", tmp_path / "run", "--no-report")
    assert code == 0
    assert "Test       accuracy 100.0% (95% interval" in out
    assert "overlap: 0" in out
    assert f"Results    {tmp_path / 'run'}" in out
    assert f"Next       pawlab predict {tmp_path / 'run'} PICTURE" in out


def test_train_json_is_one_document_and_nothing_else(pawlab: Any, learnable_folder: Path, tmp_path: Path) -> None:
    code, out, _ = pawlab("train", learnable_folder, "--out", tmp_path / "run", "--json", "--no-report")
    assert code == 0
    document = json.loads(out)
    assert document["run"] == str(tmp_path / "run")
    assert document["test"]["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("0", "--memory is 0; it must be more than 0 and less than 1,000,000, in GB."),
        (
            "0.001",
            "--memory 0.001 is too little: a probe on 3824 features of 54 pictures in 2 classes takes 0.02 GB. "
            "Give --memory 0.02 or more, or leave it out.",
        ),
    ],
)
def test_too_little_memory_is_one_line(
    given: str, sentence: str, pawlab: Any, learnable_folder: Path, tmp_path: Path
) -> None:
    code, _, err = pawlab("train", learnable_folder, "--out", tmp_path / "run", "--memory", given)
    assert (code, err.splitlines()[-1]) == (2, f"pawlab: {sentence}")
    assert not (tmp_path / "run").exists()


def test_predict_prints_a_line_a_picture(pawlab: Any, run: Run, warm: Path) -> None:
    code, out, _ = pawlab("predict", run.folder, warm)
    assert code == 0
    label, probability, path = out.split()
    assert (label, path) == ("warm-circles", str(warm))
    assert 95 < float(probability.rstrip("%")) <= 100


def test_predict_takes_folders_globs_and_standard_input(
    pawlab: Any, run: Run, learnable_folder: Path, warm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{warm}\n\n".encode())))
    arguments = (learnable_folder / "cold-squares", learnable_folder / "*" / "0[12].png", "-")
    code, out, _ = pawlab("predict", run.folder, *arguments, "--format", "json")
    assert code == 0
    answers = json.loads(out)
    names = [Path(answer["picture"]).relative_to(learnable_folder).as_posix() for answer in answers]
    assert names == [
        *(f"cold-squares/{number:02}.png" for number in range(30)),
        *(f"warm-circles/0{number}.png" for number in (1, 2)),  # those of cold-squares are there already
        "warm-circles/00.png",
    ]
    assert all(answer["label"] in answer["picture"] for answer in answers)


def test_predict_sorts_and_takes_it_back(pawlab: Any, run: Run, warm: Path, tmp_path: Path) -> None:
    out = tmp_path / "sorted"
    code, shown, _ = pawlab("predict", run.folder, warm.parent, "--sort-into", out)
    assert (code, shown.splitlines()[-1]) == (0, f"Undo       pawlab predict --undo {out / 'sorted.csv'}")
    assert sum(int(line.split()[0]) for line in shown.splitlines()[:-2]) == 30
    _, _, said = pawlab("predict", run.folder, warm.parent, "--sort-into", out)
    assert "30 pictures were sorted before." in said
    code, shown, _ = pawlab("predict", "--undo", out / "sorted.csv")
    assert (code, shown) == (0, f"All is as it was before; {out / 'sorted.csv'} is gone.\n")
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "say which model and which pictures, as in `pawlab predict runs/photos-fast new.jpg`."),
        (("m", "p", "--move"), "--move goes with --sort-into DIR. Say where the pictures shall go."),
        (
            ("m", "p", "--sort-into", "o", "--top", "2"),
            "--sort-into writes a table of its own. Leave out --format, --out and --top.",
        ),
        (
            ("m", "--undo", "t.csv"),
            "--undo takes a sorting back by its table alone. Leave out the model and the pictures.",
        ),
        (("--undo", "t.csv"), "there is no table t.csv. Give the sorted.csv that a sorting has left."),
    ],
)
def test_predict_refuses_what_does_not_fit(pawlab: Any, arguments: tuple[str, ...], sentence: str) -> None:
    assert pawlab("predict", *arguments) == (2, "", f"pawlab: {sentence}\n")


def test_predict_moves_nothing_unasked(pawlab: Any, run: Run, warm: Path, tmp_path: Path) -> None:
    code, _, said = pawlab("predict", run.folder, warm, "--sort-into", tmp_path / "sorted", "--move")
    assert (code, said) == (2, "pawlab: --move asks before it moves; where nobody can answer, add --yes.\n")
    assert warm.is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--extend", "r"), "say which pictures to add, as in `pawlab train --extend r more/`."),
        (
            ("more", "--extend", "r", "--seed", "3", "--recipe", "c4"),
            "--extend trains as the run was trained. Leave out --recipe, --seed.",
        ),
        (
            ("sample", "--labels", "none.csv"),
            "there is no table of labels none.csv. `pawlab review` and `label` make one.",
        ),
    ],
)
def test_train_refuses_what_does_not_fit(pawlab: Any, arguments: tuple[str, ...], sentence: str) -> None:
    code, _, said = pawlab("train", *arguments)
    assert (code, said.splitlines()[-1]) == (2, f"pawlab: {sentence}")


def test_train_extends_a_run(pawlab: Any, run: Run, learnable_folder: Path, tmp_path: Path) -> None:
    more = tmp_path / "more" / "gray"
    more.mkdir(parents=True)
    for number in range(5):
        (more / f"{number}.png").write_bytes(
            (learnable_folder / "cold-squares" / f"{number:02}.png").read_bytes() + b"x"
        )
    code, shown, _ = pawlab("train", more.parent, "--extend", run.folder, "--out", tmp_path / "run", "--no-report")
    assert code == 0
    assert "New        gray" in shown
    assert f"Before     100.0% of {run.metrics['test']['pictures']} old test pictures correct" in shown


def test_a_run_that_is_extended_in_its_place_is_compared_with_what_it_was(
    pawlab: Any, run: Run, learnable_folder: Path, tmp_path: Path
) -> None:
    """Every old test picture was wrong, for once, so that the old run can't be taken for the new one."""
    place, more = Path(shutil.copytree(run.folder, tmp_path / "run")), tmp_path / "more" / "gray"
    lines = (place / "predictions.csv").read_text(encoding="utf-8").splitlines()
    wrong = [line.replace(",warm-circles,warm-circles,", ",warm-circles,cold-squares,") for line in lines]
    wrong = [line.replace(",cold-squares,cold-squares,", ",cold-squares,warm-circles,") for line in wrong]
    (place / "predictions.csv").write_text("\n".join(wrong) + "\n", encoding="utf-8")
    more.mkdir(parents=True)
    for number in range(5):
        old = learnable_folder / "cold-squares" / f"{number:02}.png"
        (more / f"{number}.png").write_bytes(old.read_bytes() + b"x")
    code, shown, _ = pawlab(
        "train", "--extend", place, more.parent, "--out", place, "--overwrite", "--no-report", "--json"
    )
    changed = json.loads(shown)["extended"]
    assert code == 0
    assert (changed["pictures"], changed["before"]) == (run.metrics["test"]["pictures"], 0.0)
    assert (changed["after"] or 0) > 0.5
    assert changed["new_classes"] == ["gray"]


@pytest.mark.parametrize("command", ["review", "label"])
def test_the_pages_need_their_extra(pawlab: Any, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setitem(sys.modules, "pawlab.serve.server", None)
    sentence = f"`pawlab {command}` needs the extra 'serve': {install_command('pawlab[serve]')}"
    assert pawlab(command, "photos") == (2, "", f"pawlab: {sentence}\n")


def test_label_needs_classes(pawlab: Any, warm: Path) -> None:
    pytest.importorskip("fastapi", reason="needs the extra 'serve'")
    sentence = "say which classes there are, as in --classes cats,dogs; more can be added on the page."
    assert pawlab("label", warm.parent) == (2, "", f"pawlab: {sentence}\n")


def test_predict_csv(pawlab: Any, run: Run, warm: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"")
    code, out, _ = pawlab("predict", run.folder, warm, tmp_path / "broken.jpg", "--format", "csv", "--top", "2")
    header, first, second = out.splitlines()
    assert code == 0
    assert header.split(",")[:4] == ["picture", "label", "probability", "sure"]
    assert first.startswith(f"{warm},warm-circles,0.9")
    assert "cold-squares" in first
    assert second.startswith(f"{tmp_path / 'broken.jpg'},,,false,")
    assert "the file is empty" in second


def test_predict_parquet_reads_back(pawlab: Any, run: Run, warm: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "a.parquet"
    code, text, err = pawlab("predict", run.folder, warm, tmp_path / "absent.png", "--format", "parquet", "--out", out)
    assert (code, text, err) == (0, "", f"2 predictions written to {out}.\n1 of 2 pictures could not be read.\n")
    rows = parquet.read_table(out).to_pylist()
    assert [(row["label"], row["sure"]) for row in rows] == [("warm-circles", True), (None, False)]
    assert rows[0]["probability"] > 0.9
    assert rows[1]["probability"] is None


def test_predict_writes_a_file_whole(pawlab: Any, run: Run, warm: Path, tmp_path: Path) -> None:
    code, out, _ = pawlab("predict", run.folder, warm, "--format", "json", "--out", tmp_path / "answers.json")
    assert (code, out) == (0, "")
    assert json.loads((tmp_path / "answers.json").read_text())[0]["label"] == "warm-circles"
    assert [path.name for path in tmp_path.iterdir()] == ["answers.json"]


MINE = {
    "labels.csv": "picture,label,notes\na.jpg,cats,important\n",
    "notes.txt": "my notes, which nobody else has\n",
    "a.json": '[\n{"name": 1}\n]\n',
}


@pytest.mark.parametrize("name", [*MINE, "mine.parquet"])
def test_predict_replaces_predictions_and_nothing_else(
    pawlab: Any, run: Run, warm: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    for _ in range(2):
        assert pawlab("predict", run.folder, warm, "--out", out)[0] == 0
    if name in MINE:
        out.write_text(MINE[name], encoding="utf-8")
    else:
        pyarrow = pytest.importorskip("pyarrow")
        import_module("pyarrow.parquet").write_table(pyarrow.table({"path": ["a.jpg"], "label": ["cats"]}), out)
    before = out.read_bytes()
    code, _, said = pawlab("predict", run.folder, warm, "--out", out)
    assert (code, said) == (2, f"pawlab: {out} is there already and holds no predictions. Choose another --out.\n")
    assert out.read_bytes() == before


def test_explain_names_what_it_can_not_draw(pawlab: Any, run: Run, warm: Path, tmp_path: Path) -> None:
    code, _, said = pawlab("explain", run.folder, warm.parent, "--out", tmp_path / "why.png")
    count = len(list(warm.parent.iterdir()))
    assert (code, said) == (2, f"pawlab: {warm.parent} holds {count} pictures, and one is drawn. Name one.\n")
    assert pawlab("explain", run.folder, warm.as_uri(), "--out", tmp_path / "why.png")[0] == 0


def test_predict_takes_the_format_from_the_files_ending(pawlab: Any, run: Run, warm: Path, tmp_path: Path) -> None:
    starts = {"a.json": "[\n{", "a.CSV": "picture,label,", "a.parquet": "PAR1", "a.txt": "warm-circles "}
    for name, start in starts.items():
        assert pawlab("predict", run.folder, warm, "--out", tmp_path / name, "-q") == Outcome(0, "", "")
        assert (tmp_path / name).read_bytes().startswith(start.encode()), name
    assert pawlab("predict", run.folder, warm, "--format", "csv", "--out", tmp_path / "b.txt").code == 0
    assert (tmp_path / "b.txt").read_text().startswith("picture,label,")
    for form in ("csv", "table", "parquet"):
        assert pawlab("predict", run.folder, warm, "--format", form, "--out", tmp_path / "b.json") == Outcome(
            2,
            "",
            f"pawlab: {tmp_path / 'b.json'} ends as json does, but --format is {form}. "
            "Choose another --out or --format.\n",
        )
    assert not (tmp_path / "b.json").exists()


def test_predict_reads_neither_devices_nor_pipes(pawlab: Any, run: Run, warm: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    code, out, err = pawlab("predict", run.folder, warm, "/dev/zero", tmp_path / "pipe.jpg")
    assert (code, err) == (0, "2 of 3 pictures could not be read.\n")
    assert out.splitlines()[1:] == [
        f"{'error':<24}  /dev/zero: isn't a regular file",
        f"{'error':<24}  {tmp_path / 'pipe.jpg'}: isn't a regular file",
    ]


def test_evaluate(pawlab: Any, run: Run, learnable_folder: Path) -> None:
    code, out, err = pawlab("evaluate", run.folder, learnable_folder)
    assert code == 0
    assert out.startswith("Test       accuracy 100.0% (95% interval")
    assert err.endswith("54 pictures of training or validation excluded.\n")
    document = json.loads(pawlab("evaluate", run.folder, learnable_folder, "--json").out)
    assert document["accuracy"] == run.metrics["test"]["accuracy"]
    assert document["pictures"] == run.metrics["test"]["pictures"]


def test_the_rarest_class_is_told_by_itself(pawlab: Any, run: Run, learnable_folder: Path, tmp_path: Path) -> None:
    for label, count in (("cold-squares", 12), ("warm-circles", 3)):
        (tmp_path / "few" / label).mkdir(parents=True)
        for number in range(count):
            name = f"{label}/{number:02}.png"
            (tmp_path / "few" / name).write_bytes((learnable_folder / name).read_bytes())
    out = pawlab("evaluate", run.folder, tmp_path / "few", "--include-seen").out
    assert "Rarest     warm-circles: recall 100.0% (95% interval 43.9% to 100.0%) of 3 pictures" in out
    assert "balanced accuracy 100.0%, macro F1 1.000" in out
    trained = pawlab("train", tmp_path / "few", "--out", tmp_path / "run", "--no-report").out
    assert "Rarest     warm-circles: recall" in trained
    assert "Rarest" not in pawlab("evaluate", run.folder, learnable_folder, "--include-seen").out


def test_a_class_that_is_never_predicted_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"pictures": 1, "recall": 0.0, "precision": None, "f1": 0.0}
    print_evaluation(
        {
            **{"accuracy": 0.9, "ci95": [0.6, 0.98], "pictures": 10, "balanced_accuracy": 0.5, "macro_f1": 0.4737},
            "selective": {"coverage": 1.0, "accuracy": 0.9, "errors_caught": 0.0},
            "per_class": {"common": {"pictures": 9, "recall": 1.0, "precision": 0.9, "f1": 0.947}, "rare": row},
        }
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "Rarest     rare: recall 0.0% (95% interval 0.0% to 79.3%) of 1 picture; it is never predicted"
    assert lines[4] == "           rare: recall 0.0% of 1, never predicted"


def test_explore(pawlab: Any, learnable_folder: Path) -> None:
    code, out, _ = pawlab("explore", learnable_folder)
    assert code == 0
    assert "Baseline   50.0%" in out
    document = json.loads(pawlab("explore", learnable_folder, "--json").out)
    assert document["overlap"] == 0
    assert document["classes"] == ["cold-squares", "warm-circles"]


def test_the_learning_curve_is_printed_and_in_the_document(pawlab: Any, learnable_folder: Path) -> None:
    out = pawlab("explore", learnable_folder, "--learning-curve").out
    curve = json.loads(pawlab("explore", learnable_folder, "--learning-curve", "--json").out)["learning_curve"]
    first, *_, last = curve["points"]
    assert f"Curve      {first['pictures']} training pictures: accuracy {first['accuracy']:.1%} (" in out
    assert f"           {last['pictures']} training pictures: accuracy 100.0% (" in out
    assert f"           {curve['sentence']}\n" in out


def test_recipes(pawlab: Any) -> None:
    assert "3,420,674" in pawlab("recipes").out
    names = {entry["name"] for entry in json.loads(pawlab("recipes", "--json").out)}
    assert {"fast", "a1", "b2", "c3", "d4", "e1"} <= names
    document = json.loads(pawlab("recipes", "fast", "--json").out)
    promised = {"name", "source", "image_size", "batch_size", "epochs", "layers", "parameters", "published"}
    assert promised <= set(document)
    assert "Frozen EfficientNet-Lite0" in pawlab("recipes", "fast").out


def test_a_recipe_file_with_a_former_name_is_said_to_have_one(pawlab: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    layers = "layers = [{ kind = 'flatten' }, { kind = 'dense' }]"
    path.write_text(f"epochs = 1\npreprocess = {{ height = 8, width = 8, fit = 'crop' }}\n{layers}", encoding="utf-8")
    shown = pawlab("recipes", path)
    assert (shown.code, shown.err) == (0, f"pawlab: {path}: 'fit' is now 'resize_mode'.\n")


def test_data_list(pawlab: Any) -> None:
    names = [entry["name"] for entry in json.loads(pawlab("data", "list", "--json").out)]
    assert sorted(names) == ["cats-and-dogs", "sample"]


def test_version_and_bare_call(pawlab: Any) -> None:
    assert pawlab("--version").out.startswith("pawlab 0.")
    bare = pawlab()
    assert bare.code == 0
    assert "train" in bare.out


def one_class(folder: Path, learnable: Path) -> Path:
    shutil.copytree(learnable / "warm-circles", folder / "warm-circles")
    return folder


def test_mistakes_get_one_line_and_exit_code_2(
    pawlab: Any, run: Run, learnable_folder: Path, warm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file"
    file.write_text("a file, not a folder")
    archive = tmp_path / "photos.zip"
    archive.write_text("no archive")
    single = one_class(tmp_path / "single", learnable_folder)
    truncated = tmp_path / "truncated.onnx"
    truncated.write_bytes((run.folder / "model.onnx").read_bytes()[:5_000_000])
    before = sorted(tmp_path.rglob("*"))
    calls: list[tuple[tuple[str | Path, ...], str]] = [
        (("train", "absent"), "there's no folder or file 'absent'"),
        (("train", archive), "photos.zip"),
        (("train", single), "class"),
        (("train", learnable_folder, "--recipe", "fsat"), "there is no recipe 'fsat'. Did you mean 'fast'?"),
        (("train", learnable_folder, "--out", file / "run"), f"can't write the run to {file / 'run'}"),
        (("train", learnable_folder, "--fit", "stretch"), "`pawlab train --help` shows more."),
        (("train",), "say which pictures to train on"),
        (("trian", learnable_folder), "there is no command 'trian'. Did you mean 'train'?"),
        (
            (
                "train",
                learnable_folder,
                "--resume",
                run.folder,
                "--epochs",
                "2",
                "--no-report",
                "--seed",
                "0",
                "--json",
            ),
            "--resume goes on with a run as it was begun. Leave out DATA, --seed, --epochs, --no-report.\n",
        ),
        (("train", "--resume", run.folder, "--json", "-q"), "is finished; there is nothing to resume."),
        (
            ("train", learnable_folder, "--recipe", "a4", "--cv", "3", "--minutes", "1"),
            "--minutes limits one training, and --cv 3 takes 3 more. Leave one of them out.\n",
        ),
        (
            ("train", learnable_folder, "--recipe", "a4", "--balance", "weights"),
            "--balance is of linear probes, and a4 fits none. Leave it out.\n",
        ),
        (
            ("train", learnable_folder, "--epochs", "2"),
            "the recipe fast is fitted in one go: --epochs has no effect. Leave it out.\n",
        ),
        (
            ("train", learnable_folder, "--epochs", "2", "--tensorboard", "--recipe", "accurate"),
            "the recipe accurate is fitted in one go: --epochs and --tensorboard have no effect. Leave them out.\n",
        ),
        (
            ("predict", run.folder, warm, ""),
            "a picture's name is empty, as an unset shell variable's would be. Name a file or a folder.\n",
        ),
        (("predict", "absent", warm), "there is no model at absent"),
        (("predict", warm, warm), "00.png is a picture. The model comes first, then the pictures."),
        (("predict", truncated, warm), "isn't a model file that can be read"),
        (("predict", run.folder, "absent.png"), "the picture could not be read."),
        (("predict", run.folder, "*.nothing"), "no file matches *.nothing."),
        (("predict", run.folder, warm, "--format", "parquet"), "add --out FILE"),
        (("predict", run.folder, warm, "--out", file / "x.csv"), f"can't write {file / 'x.csv'}"),
        (("evaluate", run.folder, "absent"), "there's no folder or file 'absent'"),
        (("recipes", "a11"), "there is no recipe 'a11'. Did you mean"),
        (("data", "get", "cats"), "cats"),
    ]
    for arguments, sentence in calls:
        code, _, err = pawlab(*arguments)
        assert code == 2, arguments
        assert err.startswith("pawlab: "), arguments
        assert sentence in err, arguments
        assert err.count("\n") == 1, err
        assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before  # nothing is left behind


@contextmanager
def full_output(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put a disk without room behind standard output. No fixture: pytest renews its streams before a test is called."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with full.open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        yield


@pytest.mark.parametrize("command", [("recipes", "--json"), ("recipes",), ("train", "--help"), ("--version",)])
def test_a_full_disk_behind_standard_output_is_told_in_one_line(
    pawlab: Any, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_output(monkeypatch):
        outcome = pawlab(*command)
    assert outcome == Outcome(1, "", "pawlab: can't write to standard output: No space left on device.\n")


def test_a_mistake_is_told_even_where_standard_output_is_full(
    pawlab: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_output(monkeypatch):
        code, _, err = pawlab("predict", run.folder, "absent.png")
    assert (code, err.splitlines()) == (
        2,
        [
            "pawlab: the picture could not be read.",
            "pawlab: can't write to standard output: No space left on device.",
        ],
    )


def test_a_reader_who_leaves_early_is_no_mistake(
    pawlab: Any, run: Run, learnable_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = [("predict", run.folder, learnable_folder, "--format", "json"), ("recipes", "--json"), ("recipes",)]
    for command in commands:
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            assert pawlab(*command) == Outcome(0, "", ""), command


def test_standard_output_may_be_closed(pawlab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert pawlab("recipes") == Outcome(0, "", "")
    sys.stdout.close()  # what the program put in its place


def test_one_file_is_told_as_one(pawlab: Any, learnable_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(learnable_folder, tmp_path / "photos")
    (tmp_path / "photos" / "warm-circles" / "00.png").write_bytes(b"")
    out = pawlab("train", tmp_path / "photos", "--out", tmp_path / "run", "--no-report").out
    assert f"Skipped    1 file; {tmp_path / 'run' / 'run.json'} lists them\n           1 .png: is empty\n" in out


def test_our_own_fault_is_told_apart(pawlab: Any, monkeypatch: pytest.MonkeyPatch, learnable_folder: Path) -> None:
    def broken(*arguments: Any, **named: Any) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(exploration, "explore", broken)
    code, _, err = pawlab("explore", learnable_folder)
    assert code == 1
    assert "ZeroDivisionError: ours" in err
    assert err.endswith("this is our own fault, not yours. Please report it with the lines above.\n")


def test_ctrl_c_ends_quietly(pawlab: Any, monkeypatch: pytest.MonkeyPatch, learnable_folder: Path) -> None:
    def interrupted(*arguments: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exploration, "explore", interrupted)
    assert pawlab("explore", learnable_folder) == Outcome(130, "", "pawlab: stopped.\n")


def test_export_says_the_same_where_it_is_the_same(
    pawlab: Any, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("export", run.folder, "--to", "onnx", "--out", tmp_path / "x.onnx")
    code, out, _ = pawlab(*command)
    assert code == 0
    assert "Checked    probabilities are the same as model.onnx's\n" in out
    form = FORMS["onnx"]
    monkeypatch.setitem(FORMS, "onnx", replace(form, answer=lambda path, pixels: form.answer(path, pixels) + 2e-4))
    assert "Checked    probabilities differ from model.onnx's by 2e-04 at most\n" in pawlab(*command).out


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_names_are_never_sent_raw_to_a_terminal(pawlab: Any, run: Run, warm: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "\x1b[2J\rclass"
    folder.mkdir(parents=True)
    (tmp_path / "a" / "b").mkdir()
    for number in range(6):
        shutil.copy(warm, folder / f"\x9b{number}.png")
        shutil.copy(warm, tmp_path / "a" / "b" / f"{number}.png")
    for command in (
        ("explore", tmp_path / "a"),
        ("explore", tmp_path / "a", "--json"),
        ("evaluate", run.folder, folder),
    ):
        _, out, err = pawlab(*command)
        assert (out + err).replace("\n", "").isprintable()


def test_csv_holds_no_formula_and_one_row_a_picture(pawlab: Any, run: Run, warm: Path, tmp_path: Path) -> None:
    names = ["=1+1.png"] if sys.platform == "win32" else ["=1+1.png", "a\rb.png", "a\udcff.png"]
    for name in names:
        shutil.copy(warm, tmp_path / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert pawlab("predict", run.folder, *names, "--out", "p.csv").code == 0
        with Path("p.csv").open(newline="", encoding="utf-8") as file:
            written = [row["picture"] for row in csv.DictReader(file)]
        assert written == [f"'{names[0]}", *names[1:2], *[r"a\udcff.png"][: len(names) - 1]]
        again = pawlab("predict", run.folder, "p.csv", "--format", "json")
    assert [item["error"] for item in json.loads(again.out)] == [None] * len(names)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
def test_data_run_and_model_may_lie_where_names_are_no_text(
    pawlab: Any, learnable_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "h\udcffre"
    shutil.copytree(learnable_folder, here / "d\udce9ta")
    (here / "d\udce9ta" / "warm-circles" / "00.png").rename(here / "d\udce9ta" / "warm-circles" / "\udc80.png")
    monkeypatch.chdir(here)
    code, out, err = pawlab("train", "d\udce9ta", "--out", "r\udcffn", "--json")
    assert (code, json.loads(out)["run"]) == (0, r"r\udcffn"), err
    record = json.loads(Path("r\udcffn", "run.json").read_text(encoding="utf-8"))
    assert record["request"]["data"] == r"d\udce9ta"
    assert Request.from_record(record, Path("run.json")).data == "d\udce9ta"
    assert r"h\udcffre" in record["request"]["directory"]
    assert r"r\udcffn" in Path("r\udcffn", "report.html").read_text(encoding="utf-8")
    assert r"warm-circles/\udc80.png" in Path("r\udcffn", "split.csv").read_text(encoding="utf-8")
    picture = Path("d\udce9ta", "warm-circles", "\udc80.png")
    for form in ("json", "csv", "parquet"):
        assert pawlab("predict", "r\udcffn", picture, "--out", f"p.{form}").code == 0
    assert json.loads(Path("p.json").read_text(encoding="utf-8"))[0]["picture"] == printable(str(picture))
    for table in ("p.csv", "p.parquet"):
        assert '"error": null' in pawlab("predict", "r\udcffn", table, "--format", "json").out
    assert pawlab("explain", "r\udcffn", picture, "--out", "h\udcffat.png").code == 0
    assert pawlab("export", "r\udcffn", "--to", "onnx", "--out", "m\udcff.onnx").code == 0


@pytest.fixture
def heeded() -> Iterator[None]:
    """Have the signals to end do what they do in a terminal: whoever started the tests may have had them ignored."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    usual: dict[int, Any] = {
        signal.SIGINT: signal.default_int_handler,
        **{getattr(signal, name): signal.SIG_DFL for name in names},
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("heeded")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither signal")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_end_is_like_ctrl_c(
    name: str, pawlab: Any, learnable_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = getattr(signal, name)
    monkeypatch.setattr(exploration, "explore", lambda *_, **__: os.kill(os.getpid(), number))
    assert pawlab("explore", learnable_folder) == Outcome(130, "", "pawlab: stopped.\n")
    assert signal.getsignal(number) == signal.SIG_DFL


@pytest.mark.usefixtures("heeded")
def test_an_interrupt_that_a_library_turns_into_its_own_error_ends_the_command(
    pawlab: Any, learnable_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NumPy does where it falls into a comparison."""

    def explore(*_: Any, **__: Any) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise TypeError("can't compare") from None

    monkeypatch.setattr(exploration, "explore", explore)
    assert pawlab("explore", learnable_folder) == Outcome(130, "", "pawlab: stopped.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_under_nohup_a_closed_terminal_ends_nothing(
    pawlab: Any, learnable_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explore(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        raise PawlabError("it went on")

    monkeypatch.setattr(exploration, "explore", explore)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert pawlab("explore", learnable_folder) == Outcome(2, "", "pawlab: it went on\n")
    finally:
        signal.signal(signal.SIGHUP, before)


class Dropping:
    """Has Python drop an interrupt, as a library's call-backs do."""

    def __del__(self) -> None:
        raise KeyboardInterrupt


@pytest.mark.usefixtures("heeded")
def test_an_interrupt_that_python_drops_still_ends_the_command(
    pawlab: Any, learnable_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explore(*_: Any, **__: Any) -> None:
        Dropping()
        time.sleep(20)

    monkeypatch.setattr(exploration, "explore", explore)
    assert pawlab("explore", learnable_folder) == Outcome(130, "", "pawlab: stopped.\n")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(errno.EMFILE, "Too many open files", "a"),
            "a: Too many open files. Allow more open files (",
        ),
        (OSError(errno.ENAMETOOLONG, "File name too long", "a"), "a: File name too long. Choose shorter names."),
        (
            OSError(errno.EIO, "Input/output error", "a"),
            "a: Input/output error. Check the disk or the connection",
        ),
        (OSError(errno.ESTALE, "Stale file handle", "a"), "a: Stale file handle. Mount the network drive again."),
        (MemoryError(), "there isn't enough memory. Close other programs, or raise the memory limit."),
        (ImportError("x.so: failed to map segment from shared object"), "there isn't enough memory. Close other"),
        (RuntimeError("can't start new thread"), "there isn't enough memory. Close other programs"),
    ],
)
def test_what_the_system_refuses_is_one_line(
    pawlab: Any, learnable_folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(exploration, "explore", refused)
    code, out, err = pawlab("explore", learnable_folder)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"pawlab: {sentence}")


def in_shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = script.replace("pawlab", f"{sys.executable} -m pawlab")
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)


ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no such shell")


@ON_POSIX
def test_without_a_working_folder(tmp_path: Path) -> None:
    done = in_shell("mkdir gone; cd gone; rmdir ../gone; pawlab explore sample", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pawlab: the working folder is gone. Change to one that exists, as with `cd ~`.\n"


@ON_POSIX
def test_with_closed_streams(run: Run, warm: Path, tmp_path: Path) -> None:
    done = in_shell(f"pawlab predict {run.folder} - <&-", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr == "pawlab: standard input names no pictures. Give one path a line.\n"
    done = in_shell(f"pawlab predict {run.folder} {warm} --out a.csv <&- >&- 2>&-", tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").startswith("picture,label,")
    assert "written" not in (tmp_path / "a.csv").read_text(encoding="utf-8")


@ON_POSIX
def test_with_a_limit_on_the_size_of_files(learnable_folder: Path, tmp_path: Path) -> None:
    done = in_shell(f"ulimit -f 200; pawlab train {learnable_folder} --out run --no-report", tmp_path)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "File too large. Allow larger files (`ulimit -f` shows the limit)" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_it_is_imported_ends_it_quietly(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "pawlab"], env=os.environ | {"PYTHONPATH": path}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, b"")


def test_the_cache_is_shown_and_cleared(pawlab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path))
    (tmp_path / "backbones").mkdir()
    (tmp_path / "backbones" / "a.onnx").write_bytes(bytes(2_500_000))
    code, out, _ = pawlab("cache")
    assert (code, "pretrained network" in out, "2.5 MB" in out, "0 hours ago" in out) == (0, True, True, True)
    (space,) = json.loads(pawlab("cache", "--json").out)
    assert (space["bytes"], space["path"]) == (2_500_000, str(tmp_path / "backbones" / "a.onnx"))
    assert pawlab("cache", "clear").out == "2.5 MB removed.\n"
    assert json.loads(pawlab("cache", "--json").out) == []


def test_a_command_leaves_the_cache_within_its_limit(
    pawlab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PAWLAB_CACHE_MB", "0")
    assert pawlab("explore", "sample").code == 0
    assert json.loads(pawlab("cache", "--json").out) == []
