"""Files sorted into folders: nothing overwritten, nothing lost at a kill, all undone."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pawlab.errors import OutputError
from pawlab.files.sorting import TABLE, folder_names, sorting, undo

# Sorts all files of a folder by their names' first letters, and dies at the n-th call of one of these functions,
# before or after it is done: a kill that no `finally` sees.
KILLED = """
import os, sys
from pathlib import Path
from pawlab.files import sorting as module

source, out, how, name, number, after = sys.argv[1:]
left = int(number)
owner = {"append": module.Journal, "link": os, "unlink": Path, "copyfile": module.shutil}[name]
real = getattr(owner, name)

def dying(*arguments, **options):
    global left
    left -= 1
    if left == 0 and after == "before":
        os._exit(9)
    result = real(*arguments, **options)
    if left == 0:
        os._exit(9)
    return result

setattr(owner, name, dying)
with module.sorting(Path(out)) as sorter:
    for file in sorted(Path(source).rglob("*.jpg")):
        if not sorter.is_done(file):
            sorter.put(file, file.name[0], how == "move")
"""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six files in two folders, two of them of one name."""
    folder = tmp_path / "photos"
    for name in ("one/a1.jpg", "one/a2.jpg", "one/b1.jpg", "two/a1.jpg", "two/b=2.jpg", "two/c.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != TABLE and not path.name.startswith(".")
    }


def sort_all(photos: Path, out: Path, move: bool = False) -> None:
    with sorting(out) as sorter:
        for file in sorted(photos.rglob("*.jpg")):
            if not sorter.is_done(file):
                sorter.put(file, file.name[0], move)


SORTED = {
    **{"a/a1.jpg": b"one/a1.jpg", "a/a1-2.jpg": b"two/a1.jpg", "a/a2.jpg": b"one/a2.jpg"},
    **{"b/b1.jpg": b"one/b1.jpg", "b/b=2.jpg": b"two/b=2.jpg", "c/c.jpg": b"two/c.jpg"},
}


@pytest.mark.parametrize("move", [False, True])
def test_every_file_finds_its_place_and_returns(photos: Path, tmp_path: Path, move: bool) -> None:
    before, out = contents(photos), tmp_path / "out"
    sort_all(photos, out, move)
    assert contents(out) == SORTED
    assert contents(photos) == ({} if move else before)
    sort_all(photos, out, move)  # there is nothing left to do
    assert contents(out) == SORTED
    assert undo(out / TABLE) == []
    assert contents(photos) == before
    assert not out.exists()


@pytest.mark.parametrize("after", ["before", "after"])
@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("copy", "append"),
        ("copy", "copyfile"),
        ("copy", "link"),
        ("move", "append"),
        ("move", "link"),
        ("move", "unlink"),
    ],
)
def test_after_a_kill_at_any_step_it_goes_on(photos: Path, tmp_path: Path, how: str, name: str, after: str) -> None:
    before, out = contents(photos), tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(photos), str(out), how, name, "4", after]
    assert subprocess.run(command, check=False).returncode == 9
    lost = set(before.values()) - set(contents(photos).values()) - set(contents(out).values())
    assert lost == set()
    sort_all(photos, out, how == "move")
    assert contents(out) == SORTED
    assert contents(photos) == ({} if how == "move" else before)
    assert undo(out / TABLE) == []
    assert contents(photos) == before
    assert not out.exists()


def test_after_a_kill_it_can_be_undone_at_once(photos: Path, tmp_path: Path) -> None:
    before, out = contents(photos), tmp_path / "out"
    for number, after in ((3, "before"), (3, "after")):
        command = [sys.executable, "-c", KILLED, str(photos), str(out), "move", "link", str(number), after]
        assert subprocess.run(command, check=False).returncode == 9
        assert undo(out / TABLE) == []
        assert contents(photos) == before


def test_it_is_undone_by_a_table_named_as_text(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sort_all(photos, out)
    assert undo(str(out / "sorted.csv")) == []
    assert not out.exists()


def test_nothing_is_overwritten(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "c").mkdir(parents=True)
    (out / "c" / "c.jpg").write_bytes(b"mine")
    sort_all(photos, out)
    assert contents(out) == {**SORTED, "c/c.jpg": b"mine", "c/c-2.jpg": b"two/c.jpg"}
    assert undo(out / TABLE) == []
    assert contents(out) == {"c/c.jpg": b"mine"}


def test_undo_leaves_what_was_changed_and_old_places_that_are_taken(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sort_all(photos, out, move=True)
    (photos / "two" / "c.jpg").write_bytes(b"new")
    (out / "b" / "b1.jpg").write_bytes(b"retouched")
    (out / "a" / "a2.jpg").unlink()
    left = undo(out / TABLE)
    assert left == [
        f"c/c.jpg can't return: there is another file at {photos / 'two/c.jpg'}",
        "b/b1.jpg has changed since",
        f"a/a2.jpg is gone, and so is {photos / 'one/a2.jpg'}",
    ]
    assert (photos / "two" / "c.jpg").read_bytes() == b"new"
    assert contents(out) == {"b/b1.jpg": b"retouched", "c/c.jpg": b"two/c.jpg"}
    assert (photos / "one" / "a1.jpg").read_bytes() == b"one/a1.jpg"
    assert undo(out / TABLE) == left


def test_a_link_is_copied_not_moved(photos: Path, tmp_path: Path) -> None:
    link = photos / "d.jpg"
    link.symlink_to(photos / "one" / "a1.jpg")
    with sorting(tmp_path / "out") as sorter:
        sorter.put(link, "d", move=True)
    assert link.is_symlink()
    assert (tmp_path / "out" / "d" / "d.jpg").read_bytes() == b"one/a1.jpg"


@pytest.fixture
def another_disk(photos: Path) -> Iterator[Path]:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == photos.stat().st_dev or not os.access(shared, os.W_OK):
        pytest.skip("there is no other disk here")
    with TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


@pytest.mark.parametrize("disk", ["tmp_path", "another_disk"])
def test_a_file_that_cannot_leave_its_folder_stands_once_and_can_be_copied(
    photos: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, disk: str
) -> None:
    file, out, unlink = photos / "two/c.jpg", request.getfixturevalue(disk) / "out", Path.unlink
    before = contents(photos)

    def refusing(path: Path, missing_ok: bool = False) -> None:
        if path == file:
            raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refusing)
    for _ in range(2):
        with sorting(out) as sorter, pytest.raises(OutputError) as caught:
            sorter.put(file, "c", move=True)
        assert str(caught.value) == (
            f"can't move {file} out of its folder: Operation not permitted. Leave out --move to copy."
        )
        assert (contents(photos), contents(out)) == (before, {})
    with sorting(out) as sorter:
        sorter.put(photos / "two/a1.jpg", "a", move=True)  # another job comes in between
    with sorting(out) as sorter:
        assert not sorter.is_done(file)
        sorter.put(file, "c", move=False)
        assert sorter.is_done(file)
    assert contents(out) == {"a/a1.jpg": b"two/a1.jpg", "c/c.jpg": b"two/c.jpg"}
    assert undo(out / TABLE) == []
    assert contents(photos) == before
    assert not out.exists()


def test_a_move_cut_off_in_a_folder_that_cannot_be_written_since_can_end_as_a_copy(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, out, unlink = contents(photos), tmp_path / "out", Path.unlink
    command = [sys.executable, "-c", KILLED, str(photos), str(out), "move", "link", "1", "after"]
    assert subprocess.run(command, check=False).returncode == 9
    file = photos / "one/a1.jpg"
    assert file.samefile(out / "a/a1.jpg")

    def refusing(path: Path, missing_ok: bool = False) -> None:
        if path == file:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refusing)
    sort_all(photos, out)
    assert contents(out) == SORTED
    assert not file.samefile(out / "a/a1.jpg")
    assert undo(out / TABLE) == []
    assert contents(photos) == before


def test_names_that_are_not_utf_8_return(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    try:
        Path(os.fsdecode(os.fsencode(photos) + b"/\xff.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this disk takes no such names")
    before = sorted(photos.iterdir())
    with sorting(out) as sorter:
        for file in photos.iterdir():
            sorter.put(file, "x", move=True)
    assert list(photos.iterdir()) == []
    assert undo(out / TABLE) == []
    assert sorted(photos.iterdir()) == before


def test_two_do_not_sort_into_one_folder_at_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    message = f"another process is sorting into {out}. Wait until it is done, or stop it."
    with sorting(out), pytest.raises(OutputError) as caught, sorting(out):
        pass
    assert str(caught.value) == message


def test_a_table_of_others_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        undo(tmp_path / "sorted.csv")
    assert (
        str(caught.value)
        == f"there is no table {tmp_path / 'sorted.csv'}. Give the sorted.csv that a sorting has left."
    )
    (tmp_path / "sorted.csv").write_text("a,b\n1,2\n")
    with pytest.raises(OutputError, match="holds something else: its columns aren't picture, folder, name"):
        undo(tmp_path / "sorted.csv")


def test_folder_names_are_safe_and_differ() -> None:
    names = folder_names(["cats", "Cats", "a/b", "..", "con", "not-sure"], ["not-sure"])
    assert names == {
        **{"cats": "cats", "Cats": "Cats-2", "a/b": "a_b", "..": "_", "con": "con_", "not-sure": "not-sure-2"},
    }
