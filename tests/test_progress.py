import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pawlab import progress as module
from pawlab.progress import notebook_bar


class Notebook:
    """IPython as a kernel has it, as far as a bar sees it: `places` holds what each display has shown, oldest first."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.places: list[list[dict[str, str]]] = []
        self.shell = SimpleNamespace(kernel=object(), execution_count=1)
        ipython, shown = ModuleType("IPython"), ModuleType("IPython.display")
        ipython.get_ipython = lambda: self.shell  # type: ignore[attr-defined]
        shown.display = self.display  # type: ignore[attr-defined]
        patch.setitem(sys.modules, "IPython", ipython)
        patch.setitem(sys.modules, "IPython.display", shown)

    def display(self, data: dict[str, str], raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        shown = [data]
        self.places.append(shown)
        return SimpleNamespace(update=lambda data, raw: shown.append(data))

    def texts(self) -> list[list[str]]:
        return [[look["text/plain"] for look in shown] for shown in self.places]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A clock that a test moves by hand."""
    time = SimpleNamespace(now=100.0)
    monkeypatch.setattr(module, "monotonic", lambda: time.now)
    return time


def test_a_bar_in_a_notebook_tells_how_far_it_is_and_goes(monkeypatch: pytest.MonkeyPatch, clock: Any) -> None:
    notebook = Notebook(monkeypatch)
    with notebook_bar("Reading <all>", total=2000) as advance:
        advance(400)  # too soon to be shown
        clock.now += 1
        advance(100)
        clock.now += 2
        advance(500, "loss 0.5")
    assert notebook.texts() == [
        [
            "",
            "Reading <all>: 0 of 2,000 pictures",
            "Reading <all>: 500 of 2,000 pictures, 3 s left",
            "Reading <all>  loss 0.5: 1,000 of 2,000 pictures, 3 s left",
            "",
        ]
    ]
    html = notebook.places[0][2]["text/html"]
    expected = "Reading &lt;all&gt;: 500 of 2,000 pictures, 3 s left"
    assert html == f'<progress value="500" max="2000"></progress> <small>{expected}</small>'


def test_work_of_unknown_length(monkeypatch: pytest.MonkeyPatch, clock: Any) -> None:
    notebook = Notebook(monkeypatch)
    with notebook_bar("Fetching", total=None, unit="bytes") as advance:
        clock.now += 1
        advance(5000)
    assert notebook.places[0][2]["text/html"] == "<progress></progress> <small>Fetching: 5,000 bytes</small>"


def test_a_bar_goes_where_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(monkeypatch)
    with pytest.raises(ZeroDivisionError), notebook_bar("Dividing", total=1):
        _ = 1 / 0
    assert notebook.texts()[0][-1] == ""


def test_the_bars_of_a_cell_share_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(monkeypatch)
    for title in ("one", "two"):
        with notebook_bar(title, total=1):
            pass
    notebook.shell.execution_count = 2
    with notebook_bar("three", total=1):
        pass
    shown = [[text.partition(":")[0] for text in texts if text] for texts in notebook.texts()]
    assert shown == [["one", "two"], ["three"]]


def test_elsewhere_nothing_is_shown(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    with notebook_bar("Reading", total=1) as advance:
        advance(1)
    assert tuple(capfd.readouterr()) == ("", "")
    notebook = Notebook(monkeypatch)
    with notebook_bar("Nothing to do", total=0) as advance:
        advance(0)
    del notebook.shell.kernel  # IPython in a terminal
    with notebook_bar("Reading", total=1) as advance:
        advance(1)
    assert notebook.places == []
