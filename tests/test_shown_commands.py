"""Every command that README and documents show runs on the sample, and says what they say that it does."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import pawlab
from pawlab import cli
from shown_commands import Shell, Shown, shown_in

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if path.name not in ("cli.md", "recipes.md", "diary.md") and "_build" not in path.parts
}
COMMANDS = {name: shown_in(text) for name, text in DOCUMENTS.items()}
_FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="documents show the commands of a POSIX shell")


def named(*notes: str) -> Any:
    """Return the documents that have a command with one of these notes."""
    return [name for name, commands in COMMANDS.items() if any(shown.note in notes for shown in commands)]


def run(document: str, notes: tuple[str, ...], folder: Path) -> None:
    """Run a document's commands in a folder as documents presume it."""
    commands = [shown for shown in COMMANDS[document] if shown.note in notes]
    lay_out(folder)
    shell = Shell(folder)
    try:
        if presumes_a_run(commands):
            shell.check(Shown("pawlab train photos/ -q --no-report", (), ""))
        for shown in commands:
            shell.check(shown)
    finally:
        shell.close()


def lay_out(folder: Path) -> None:
    """Fill a folder: two classes in `photos/`, and in `other/`; `new/` has no labels, `more/` a third class."""
    sample = pawlab.get_data("sample")
    for label in ("cats", "dogs"):
        for split in ("train", "validation"):
            shutil.copytree(sample / split / label, folder / "photos" / label, dirs_exist_ok=True)
        shutil.copytree(sample / "test" / label, folder / "other" / label)
        shutil.copytree(sample / "test" / label, folder / "new", dirs_exist_ok=True)
    for name, picture in {"new.jpg": "cat-123.jpg", "cat.jpg": "cat-124.jpg", "dog.jpg": "dog-123.jpg"}.items():
        shutil.copy(folder / "new" / picture, folder / name)
    (folder / "more" / "foxes").mkdir(parents=True)
    for number, dog in enumerate(sorted((folder / "new").glob("dog-*.jpg"))[:12]):
        shutil.copy(dog, folder / "more" / "foxes" / f"fox-{number}.jpg")
    rows = [f"photos/{path.parent.name}/{path.name},{path.parent.name}" for path in sorted(folder.glob("photos/*/*"))]
    (folder / "table.csv").write_text("\n".join(["path,label", *rows]) + "\n")


def presumes_a_run(commands: list[Shown]) -> bool:
    """Say whether runs/photos-fast is used before the document trains it."""
    lines = [shown.command for shown in commands]
    trained = next((n for n, line in enumerate(lines) if re.match(r"pawlab train photos/( -q)?$", line)), len(lines))
    return any("photos-fast" in line for line in lines[:trained])


@POSIX
@pytest.mark.parametrize("document", named(""))
def test_its_commands_run_and_say_what_it_shows(document: str, tmp_path: Path) -> None:
    run(document, ("",), tmp_path)


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("document", named("slow"))
def test_its_slow_commands_run_too(document: str, tmp_path: Path) -> None:
    run(document, ("", "slow"), tmp_path)


def test_a_block_is_run_or_says_why_it_is_not() -> None:
    notes = {(name, shown.note) for name, commands in COMMANDS.items() for shown in commands}
    assert [(name, note) for name, note in notes if note not in ("", "slow") and not note.startswith("not run: ")] == []


def test_no_command_stands_outside_of_such_a_block() -> None:
    blocks = [(name, *block) for name, text in DOCUMENTS.items() for block in _FENCED.findall(text)]
    commands = re.compile(r"^(\$ )?pawlab [a-z]", re.MULTILINE)
    assert [name for name, kind, text in blocks if kind != "console" and commands.search(text)] == []


def spoken_of() -> list[str]:
    """Return commands that are in sentences and in blocks that aren't run, without what stands for something else."""
    inline = [found for text in DOCUMENTS.values() for found in re.findall(r"`(pawlab [a-z][^`\n]*)`", text)]
    blocks = [shown.command for commands in COMMANDS.values() for shown in commands if shown.note.startswith("not run")]
    return sorted({re.split(r" [|>;&]", line)[0] for line in (*inline, *blocks) if line.startswith("pawlab ")})


@pytest.mark.parametrize("command", spoken_of())
def test_a_command_that_is_spoken_of_exists(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for word in command.replace("'", "").replace('"', "").split()[1:] if word not in ("...",)]
    monkeypatch.setattr(sys, "argv", ["pawlab", *words, "--help"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0, capsys.readouterr().err


def test_the_reader_of_blocks() -> None:
    text = (
        "<!-- slow -->\n```console\n$ pawlab a \\\n    b   # why\nsaid\n$ c\n```\n\n```console\n$ d\npawlab: no.\n```\n"
    )
    assert shown_in(text) == [
        Shown("pawlab a     b", ("said",), "slow"),
        Shown("c", (), "slow"),
        Shown("d", ("pawlab: no.",), ""),
    ]
    assert [shown.fails for shown in shown_in(text)] == [False, False, True]
