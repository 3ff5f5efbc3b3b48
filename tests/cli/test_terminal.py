from collections.abc import Iterator

import pytest

from pawlab.cli import terminal


@pytest.fixture(autouse=True)
def level(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(terminal, "_PAUSE", 0.0)
    yield
    terminal.set_level(False, False)


def run(unit: str = "pictures") -> None:
    with terminal.bar("Working", 3, unit) as advance:
        for loss in (0.5, 0.25, 0.125):
            advance(1, f"loss {loss}")


def test_progress_is_printed_as_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    run("epochs")
    assert capsys.readouterr() == (
        "",
        "Working: 1 of 3 epochs  loss 0.5\n"
        "Working: 2 of 3 epochs  loss 0.25\n"
        "Working: 3 of 3 epochs  loss 0.125\n"
        "Working: done, 3 epochs in 0 s\n",
    )


def test_what_is_soon_done_is_silent(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_PAUSE", 3600.0)
    run()
    assert capsys.readouterr().err == ""
    terminal.set_level(quiet=False, verbose=True)
    run()
    assert capsys.readouterr().err == "Working: done, 3 pictures in 0 s\n"


def test_quiet_silences_all_but_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.set_level(quiet=True, verbose=False)
    run()
    terminal.say("a remark")
    terminal.say("a mistake", always=True)
    assert capsys.readouterr().err == "a mistake\n"
