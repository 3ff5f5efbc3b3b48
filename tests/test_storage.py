import errno
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import pytest

from pawlab.errors import OutputError
from pawlab.storage import cache_dir, replacing_file, replacing_folder, sweep

Replacing = Callable[[Path], AbstractContextManager[Path]]
BOTH = pytest.mark.parametrize("replacing", [replacing_file, replacing_folder])


def put(place: Path, text: str, replacing: Replacing) -> None:
    """Write text into a file, or into a file of a folder."""
    (place if replacing is replacing_file else place / "text").write_text(text, encoding="utf-8")


def read(place: Path) -> str:
    return (place / "text" if place.is_dir() else place).read_text(encoding="utf-8")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@BOTH
def test_success_makes_the_target_and_its_parents(tmp_path: Path, replacing: Replacing) -> None:
    target = tmp_path / "a" / "b" / "target"
    with replacing(target) as partial:
        assert partial.parent == target.parent
        put(partial, "new", replacing)
        assert not target.exists()
    assert read(target) == "new"
    assert names(target.parent) == ["target"]


@BOTH
def test_success_replaces_what_stood_there(tmp_path: Path, replacing: Replacing) -> None:
    target = tmp_path / "target"
    for text in ("old", "new"):
        with replacing(target) as partial:
            put(partial, text, replacing)
    assert read(target) == "new"
    assert names(tmp_path) == ["target"]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file can't be replaced there")
def test_who_reads_the_old_file_meanwhile_reads_it_whole(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("old", encoding="utf-8")
    with target.open(encoding="utf-8") as reader:
        with replacing_file(target) as partial:
            put(partial, "new", replacing_file)
        assert reader.read() == "old"


def test_a_new_folder_keeps_nothing_of_the_old(tmp_path: Path) -> None:
    target = tmp_path / "target"
    for name in ("old", "new"):
        with replacing_folder(target) as partial:
            (partial / name).touch()
    assert names(target) == ["new"]


@BOTH
def test_failure_leaves_the_old(tmp_path: Path, replacing: Replacing) -> None:
    target = tmp_path / "target"
    with replacing(target) as partial:
        put(partial, "old", replacing)
    with suppress(KeyboardInterrupt), replacing(target) as partial:
        put(partial, "half of the n", replacing)
        raise KeyboardInterrupt
    assert read(target) == "old"
    assert names(tmp_path) == ["target"]


@BOTH
def test_failure_leaves_no_parents_behind(tmp_path: Path, replacing: Replacing) -> None:
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a" / "b" / "target"):
        _ = 1 / 0
    assert names(tmp_path) == []
    (tmp_path / "a").mkdir()
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a" / "b" / "target"):
        _ = 1 / 0
    assert names(tmp_path) == ["a"]


KILLED_HALF_WAY = """
import sys, time
from pathlib import Path
from pawlab import storage
target = Path(sys.argv[2])
with getattr(storage, sys.argv[1])(target) as partial:
    (partial / "text" if partial.is_dir() else partial).write_text("half of the n", encoding="utf-8")
    print("half-way", flush=True)
    time.sleep(60)
"""


@BOTH
def test_a_kill_half_way_leaves_the_old(tmp_path: Path, replacing: Replacing) -> None:
    target = tmp_path / "target"
    with replacing(target) as partial:
        put(partial, "old", replacing)
    command = [sys.executable, "-c", KILLED_HALF_WAY, replacing.__name__, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half-way\n"
        writer.kill()
    assert read(target) == "old"
    with replacing(target) as partial:
        put(partial, "new", replacing)
    assert read(target) == "new"


MARKS = "abcdef"
WRITES_OFTEN = """
import sys
from pathlib import Path
from pawlab import storage
target, mark = Path(sys.argv[2]), sys.argv[3]
for _ in range(40):
    with getattr(storage, sys.argv[1])(target) as partial:
        for part in [partial / "1", partial / "2"] if partial.is_dir() else [partial]:
            part.write_text(mark * 1000, encoding="utf-8")
"""


@BOTH
def test_of_many_writers_one_stands_whole(tmp_path: Path, replacing: Replacing) -> None:
    target = tmp_path / "target"
    command = [sys.executable, "-c", WRITES_OFTEN, replacing.__name__, str(target)]
    writers = [subprocess.Popen([*command, mark], stderr=subprocess.PIPE, text=True) for mark in MARKS]
    errors = [writer.communicate()[1] for writer in writers]
    assert errors == [""] * len(MARKS)
    parts = [target / "1", target / "2"] if target.is_dir() else [target]
    texts = {part.read_text(encoding="utf-8") for part in parts}
    assert texts <= {mark * 1000 for mark in MARKS}
    assert len(texts) == 1
    assert names(tmp_path) == ["target"]


@pytest.mark.parametrize("number", [errno.ENOTEMPTY, errno.EACCES])
def test_a_folder_that_another_writer_puts_in_between_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Most systems then say that a folder isn't empty, Windows that access is denied."""
    target = tmp_path / "target"

    def overtaken(self: Path, goal: Path) -> Path:
        if self.suffix != ".partial":
            raise FileNotFoundError
        (target / "theirs").mkdir(parents=True)
        raise OSError(number, "as the system says it")

    with replacing_folder(target) as partial:
        (partial / "ours").touch()
        monkeypatch.setattr(Path, "replace", overtaken)
    assert names(target) == ["theirs"]
    assert names(tmp_path) == ["target"]


def test_a_folder_that_comes_in_between_and_is_moved_away_again_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three writers: the second's folder is in our way, and gone by the time we look, since the third replaces it."""

    def overtaken(self: Path, goal: Path) -> Path:
        raise OSError(errno.ENOTEMPTY if self.suffix == ".partial" else errno.ENOENT, "as the system says it")

    with replacing_folder(tmp_path / "target"):
        monkeypatch.setattr(Path, "replace", overtaken)
    assert names(tmp_path) == []


def test_a_folder_that_cant_be_swapped_in_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "target"
    with replacing_folder(target) as partial:
        put(partial, "old", replacing_folder)
    rename = Path.replace

    def refused(self: Path, goal: Path) -> Path:
        if self.suffix == ".partial":
            raise PermissionError(errno.EACCES, "Permission denied")
        return rename(self, goal)

    monkeypatch.setattr(Path, "replace", refused)
    sentence = f"can't write {target}: Permission denied. Choose a place you can write."
    with pytest.raises(OutputError, match="Permission denied") as caught, replacing_folder(target):
        pass
    assert str(caught.value) == sentence
    assert read(target) == "old"
    assert names(tmp_path) == ["target"]


def refusal(replacing: Replacing, target: Path) -> str:
    with pytest.raises(OutputError) as caught, replacing(target):
        pytest.fail("work began although the place can't be written")
    return str(caught.value)


@BOTH
def test_a_place_that_cant_be_written_is_named(tmp_path: Path, replacing: Replacing) -> None:
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    target = tmp_path / "file" / "target"
    said = refusal(replacing, target)
    assert said.startswith(f"can't write {target}: ")
    assert said.endswith(". Choose a place you can write.")
    assert read(tmp_path / "file") == "kept"


@BOTH
@pytest.mark.skipif(sys.platform == "win32", reason="folders have no write permission on Windows")
@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_named(tmp_path: Path, replacing: Replacing) -> None:
    tmp_path.chmod(0o555)
    target = tmp_path / "target"
    assert refusal(replacing, target) == f"can't write {target}: Permission denied. Choose a place you can write."
    tmp_path.chmod(0o755)


def test_something_else_of_that_name_stays(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.touch()
    assert refusal(replacing_file, folder) == (
        f"can't write {folder}: what stands there is no file. Choose another name."
    )
    assert refusal(replacing_folder, file) == (
        f"can't write {file}: what stands there is no folder. Choose another name."
    )
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such devices")
def test_a_device_is_never_replaced() -> None:
    said = refusal(replacing_file, Path("/dev/null"))
    assert said == "can't write /dev/null: what stands there is no file. Choose another name."
    assert Path("/dev/null").is_char_device()


@BOTH
@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path, replacing: Replacing) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    for place, text in ((target, "old"), (link, "new")):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with replacing(place) as partial:
            put(partial, text, replacing)
    assert link.is_symlink()
    assert read(target) == "new"


@BOTH
def test_a_full_disk_is_the_users_to_mend_other_errors_are_ours(tmp_path: Path, replacing: Replacing) -> None:
    target = tmp_path / "target"
    with pytest.raises(OutputError) as caught, replacing(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (
        str(caught.value) == f"can't write {target}: No space left on device. Free some space, or choose another disk."
    )
    with pytest.raises(FileNotFoundError), replacing(target):
        Path("absent").read_bytes()
    assert names(tmp_path) == []


@BOTH
def test_names_may_be_long_or_strange(tmp_path: Path, replacing: Replacing) -> None:
    for name in ("Katze für Ännchen 🐈 " * 4, "x" * 250, ".hidden", "two  spaces"):
        target = tmp_path / name.strip()
        with replacing(target) as partial:
            put(partial, "new", replacing)
        assert read(target) == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="no umask")
def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "plain folder").mkdir()
    with replacing_file(tmp_path / "file"), replacing_folder(tmp_path / "folder"):
        pass
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "folder").stat().st_mode == (tmp_path / "plain folder").stat().st_mode


def test_the_cache_lies_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "cache"))
    assert cache_dir("a", "b") == tmp_path / "cache" / "a" / "b"
    assert (tmp_path / "cache" / "a" / "b").is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="the home folder is told otherwise there")
def test_the_cache_may_be_named_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PAWLAB_CACHE_DIR", "~/mine")
    assert cache_dir() == tmp_path / "mine"


@pytest.mark.skipif(sys.platform != "linux", reason="the place differs by system")
def test_the_cache_lies_in_the_users_cache_folder_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAWLAB_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "pawlab"


def test_a_cache_that_cant_be_made_says_how_to_choose_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(OutputError) as caught:
        cache_dir("features")
    assert str(caught.value).startswith(f"can't make the cache folder {tmp_path / 'file' / 'features'}: ")
    assert str(caught.value).endswith(". Set PAWLAB_CACHE_DIR to a folder you can write.")


@pytest.mark.skipif(sys.platform != "linux", reason="the place differs by system")
@pytest.mark.parametrize("home", ["nowhere", "a file"])
def test_without_a_cache_that_can_be_written_a_temporary_one_serves(tmp_path: Path, home: str) -> None:
    """In a process of its own, whose end removes it."""
    (tmp_path / "a file").touch()
    code = "from pawlab.storage import cache_dir; place = cache_dir('x'); print(place, place.is_dir())"
    environment = {**os.environ, "HOME": str(tmp_path / home / "x" if home == "a file" else "/proc/nowhere")}
    for name in ("PAWLAB_CACHE_DIR", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path)
    place, there = done.stdout.split()
    assert there == "True"
    assert not Path(place).exists()
    assert done.stderr == (
        "pawlab: the user's cache folder can't be written: nothing is kept for the next run. Set PAWLAB_CACHE_DIR.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


def test_a_cache_named_from_a_home_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", "~nobody-of-this-name/cache")
    with pytest.raises(OutputError, match=r"can't make the cache folder ~nobody.*\. Set PAWLAB_CACHE_DIR to a folder"):
        cache_dir()


def partials(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix == ".partial"]


@BOTH
@pytest.mark.parametrize("other_cache", [False, True])
def test_what_a_killed_process_left_goes_when_another_works_there(
    tmp_path: Path, replacing: Replacing, other_cache: bool
) -> None:
    """What was made with another cache may be of a process that lives: it stays for a day."""
    writer_code = KILLED_HALF_WAY
    environment = os.environ | ({"PAWLAB_CACHE_DIR": str(tmp_path / "cache")} if other_cache else {})
    place = tmp_path / "place"
    command = [sys.executable, "-c", writer_code, replacing.__name__, str(place / "target")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half-way\n"
        (left,) = partials(place)
        sweep.cache_clear()
        with replacing_file(place / "a"):
            assert left.exists(), "its process lives"
        writer.kill()
    sweep.cache_clear()
    with replacing_folder(place / "b"):
        assert left.exists() == other_cache
    if other_cache:
        os.utime(left, (0, 0))
        sweep.cache_clear()
        with replacing_folder(place / "c"):
            assert not left.exists()


def test_a_process_that_ends_leaves_no_lock(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from pawlab.storage import replacing_file as r\n"
    code += "with r(Path(sys.argv[1])): pass"
    environment = os.environ | {"PAWLAB_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "file")], env=environment, check=True)
    assert names(tmp_path / "cache" / "locks") == []


@pytest.mark.skipif(sys.platform != "linux", reason="the place differs by system")
def test_a_temporary_cache_of_a_killed_process_goes_with_the_next(tmp_path: Path) -> None:
    code = "import os; from pawlab.storage import cache_dir, replacing_file\n"
    code += "with replacing_file(cache_dir() / 'x'): print(cache_dir(), flush=True); "
    environment = {**os.environ, "HOME": "/proc/nowhere", "TMPDIR": str(tmp_path)}
    for name in ("PAWLAB_CACHE_DIR", "XDG_CACHE_HOME"):
        environment.pop(name, None)
    for end in ("os._exit(1)", "pass"):
        subprocess.run([sys.executable, "-c", code + end], env=environment, stderr=subprocess.PIPE, check=False)
        assert len(names(tmp_path)) == (1 if end != "pass" else 0)


def test_where_there_is_no_home_a_temporary_cache_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    import platformdirs

    def refused(*_: Any, **__: Any) -> Path:
        raise RuntimeError("could not determine the home directory for '~/.cache'")

    monkeypatch.delenv("PAWLAB_CACHE_DIR", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_path", refused)
    assert cache_dir("features").is_dir()
