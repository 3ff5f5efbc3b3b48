import logging
import os
from pathlib import Path
from threading import Thread

import pytest

from pawlab import waiting
from pawlab.files.names import file_sha256
from web_client import until


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_it_is_said_what_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A pipe that nobody writes to stands for a drive that doesn't answer."""
    monkeypatch.setattr(waiting, "_PATIENCE", 0.05)
    monkeypatch.setattr(waiting, "_LOOK", 0.01)
    pipe = tmp_path / "photo.jpg"
    os.mkfifo(pipe)
    reading = Thread(target=file_sha256, args=(pipe,))
    with caplog.at_level(logging.WARNING, "pawlab"):
        reading.start()
        until(lambda: caplog.messages)
        pipe.write_bytes(b"at last")
        reading.join(10)
    assert caplog.messages == [f"pawlab: waiting for {pipe}"]
    assert waiting._waited_for == {}


def test_what_answers_is_not_spoken_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"here")
    for _ in range(1000):
        file_sha256(tmp_path / "photo.jpg")
    assert caplog.messages == []
