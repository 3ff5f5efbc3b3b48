import os
import subprocess
import sys
from pathlib import Path

import pytest

import pawlab
from pawlab.errors import DataError, OutputError
from pawlab.storage import cache_dir, mark_used
from pawlab.storage.cache import clear, spaces, trim


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of 3 x 1 MB, of which `a` was used last."""
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path))
    for age, name in enumerate("abc"):
        file = cache_dir("features", name) / "rows"
        file.write_bytes(bytes(10**6))
        os.utime(file.parent, (10**9 - age,) * 2)
    return tmp_path


def kept(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "features").iterdir())


def test_what_lies_there_the_least_recently_used_first(cache: Path) -> None:
    found = spaces()
    assert [(space.path.name, space.what, space.size) for space in found] == [
        (name, "features of pictures", 10**6) for name in "cba"
    ]
    mark_used(cache / "features" / "c")
    assert spaces()[-1].path.name == "c"
    assert spaces()[-1].age < 60


@pytest.mark.parametrize(("limit", "left"), [("", "abc"), ("3", "abc"), ("2", "ab"), ("1", "a"), ("0", "")])
def test_it_keeps_to_its_limit(cache: Path, monkeypatch: pytest.MonkeyPatch, limit: str, left: str) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_MB", limit)
    trim()
    assert kept(cache) == list(left)


def test_calls_from_python_keep_to_it_too(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_MB", "1")
    with pytest.raises(DataError):
        pawlab.train("nothing here")
    assert kept(cache) == ["a"]


def test_a_limit_that_is_no_number(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_MB", "2 GB")
    with pytest.raises(OutputError) as caught:
        trim()
    assert str(caught.value) == "PAWLAB_CACHE_MB is '2 GB'; it must be a whole number of megabytes, such as 5000."


def test_nothing_is_removed_while_another_process_uses_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_MB", "1")
    code = "from pawlab.storage import cache_dir; cache_dir('features'); print('in use', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"in use"
        trim()
        with pytest.raises(OutputError, match="another pawlab process uses the cache"):
            clear()
        assert kept(cache) == list("abc")
        other.kill()
    assert clear() == 3 * 10**6
    assert kept(cache) == []
