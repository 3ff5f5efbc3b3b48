"""Commands that are killed, told to end, or run out of disk at a random moment; then what must still be true.

The commands run in processes forked from one that has imported everything, so that a case takes about as long as its
work. For disks that are full, a small file system in memory is filled up to a random rest where the system lets us
make one, and else the size of files is limited.
"""

import ctypes
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import onnxruntime  # noqa: F401  (before processes are forked)
import sklearn.linear_model  # noqa: F401
from target import randomness

import pawlab.pipeline  # noqa: F401
from own_networks import convolution_network
from pawlab.classifier import Classifier
from pawlab.cli import main
from pawlab.datasets.sample import sample_files
from pawlab.runs.record import Run, read_split
from pawlab.storage import remove

WAYS = ("kill -9", "SIGTERM", "disk full")
_A_CLASS = 6  # pictures
_CACHES = ("features", "archives")  # made anew now and then, so that kills meet their making too
_ROOM = 4_000_000  # bytes of the file system in memory
_LONGEST = 120  # seconds for a command that nothing ends
_ENDED_BY_TERM = 130


class Ground:
    """A folder with a few pictures as folder and archive, a whole run, and a cache; `disk`: where commands write."""

    def __init__(self, folder: Path) -> None:
        """Make it, and run each command once to its end to know how long they take."""
        self.data, self.disk, self.log = folder / "photos", folder / "disk", folder / "log"
        self.cache = folder / "cache"
        os.environ["PAWLAB_CACHE_DIR"] = str(self.cache)
        self.disk.mkdir()
        self.is_small = _mount(self.disk)
        files = list(sample_files(4 * _A_CLASS))
        for number, content in enumerate(files):
            path = self.data / ("cats", "dogs")[number % 2] / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.network = convolution_network(folder / "small.onnx", opset=17)
        self.archive = Path(shutil.make_archive(str(folder / "photos"), "zip", self.data))
        self.seconds = {name: self._seconds_of(name) for name in COMMANDS for _ in range(2)}  # of the second, cached

    def _seconds_of(self, name: str) -> float:
        start = time.monotonic()
        code = self.end_of(self.start(COMMANDS[name](self)), _LONGEST)
        assert code == 0, f"{name} ends with {code}: {self.log.read_text()[-2000:]}"
        return time.monotonic() - start

    def close(self) -> None:
        """Give back the file system in memory."""
        if self.is_small:
            ctypes.CDLL(None).umount2(os.fsencode(self.disk), 2)  # also where something still looks at it

    def start(self, arguments: list[str], most_bytes: int | None = None) -> int:
        """Fork a process that runs a command, and return its id. `most_bytes`: the limit of a file's size."""
        process = os.fork()
        if process:
            return process
        code = 1
        try:
            code = self._run(arguments, most_bytes)
        finally:
            os._exit(code)

    def _run(self, arguments: list[str], most_bytes: int | None) -> int:
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.stdout, sys.stderr = (open(one, "w", 1, "utf-8", closefd=False) for one in (1, 2))  # noqa: SIM115
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
        sys.argv = ["pawlab", *arguments]
        try:
            main()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 0
        except BaseException:
            traceback.print_exc()
        return 99

    def end_of(self, process: int, seconds: float) -> int | None:
        """Wait for a process's end and return its code, negative for a signal; None, and it is killed, if it hangs."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done, status = os.waitpid(process, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        return None


Command = Callable[[Ground], list[str]]


def _train(ground: Ground) -> list[str]:
    return [*_training(ground), str(ground.data), "--out", str(ground.disk / "run")]


def _train_archive(ground: Ground) -> list[str]:
    return [*_training(ground), str(ground.archive), "--out", str(ground.disk / "new")]


def _training(ground: Ground) -> list[str]:
    return ["train", "--backbone", str(ground.network), "--overwrite", "--no-report", "-q"]


def _predict(ground: Ground) -> list[str]:
    return ["predict", str(ground.disk / "run"), str(ground.data), "--out", str(ground.disk / "out.csv"), "-q"]


COMMANDS: dict[str, Command] = {"train": _train, "train archive": _train_archive, "predict": _predict}


def _mount(folder: Path) -> bool:
    """Mount a small file system in memory that this process alone sees; say whether that could be done."""
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None, use_errno=True)
        own_mounts, private, recursive = 0x00020000, 1 << 18, 1 << 14
        made = library.unshare(own_mounts) == 0 and library.mount(b"none", b"/", None, private | recursive, None) == 0
        size = f"size={_ROOM}".encode()
        return bool(made and library.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, size) == 0)
    return False


def one_case(ground: Ground, seed: int, number: int) -> dict[str, Any]:
    """End a command at a moment that seed and number choose, and return how that went: `failure` is None or a text."""
    random = randomness(seed, "kills", number)
    name, way = random.choice(list(COMMANDS)), WAYS[number % len(WAYS)]
    case = {"kind": "kill", "seed": seed, "number": number, "command": name, "way": way, "failure": None}
    if random.random() < 0.3:
        remove(ground.cache / random.choice(_CACHES))
    try:
        case["code"] = _ended(ground, name, way, random)
        _require_whole(ground)
        _require_nothing_left(ground, name)
    except Exception as error:
        said = "".join(traceback.format_exception(error)[-4:])
        case["failure"] = f"{said}\n{ground.log.read_text(errors='replace')[-1500:]}"
    return case


def _ended(ground: Ground, name: str, way: str, random: Random) -> int:
    """Start a command, end it the given way, and return its exit code. Raises AssertionError where that is wrong."""
    filler, limit = ground.disk / "filler", None
    if way == "disk full":
        if ground.is_small:
            _fill(filler, ground.disk, random)
        else:
            limit = int(10 ** random.uniform(1, 5))
    process = ground.start(COMMANDS[name](ground), limit)
    if way != "disk full":
        time.sleep(random.uniform(0, 0.9) * ground.seconds[name])
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL if way == "kill -9" else signal.SIGTERM)
    code = ground.end_of(process, _LONGEST)
    filler.unlink(missing_ok=True)
    said = ground.log.read_text(errors="replace")
    assert code is not None, "it hangs"
    assert code in {"kill -9": (0, -9), "SIGTERM": (0, _ENDED_BY_TERM, -15), "disk full": (0, 1, 2)}[way], (
        f"code {code}"
    )
    assert "Traceback" not in said
    assert code != 2 or said.strip().count("\n") == 0, "more than one line"
    return code


def _fill(filler: Path, disk: Path, random: Random) -> None:
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    rest = int(10 ** random.uniform(2, 5.3))
    with filler.open("wb") as file:
        for _ in range(max(0, free - rest) // 4096):
            file.write(bytes(4096))


def _require_whole(ground: Ground) -> None:
    """Whatever stands under a final name is whole; what was there before is there, or its successor."""
    assert (ground.disk / "out.csv").read_bytes().endswith(b"\n")
    assert (ground.disk / "out.csv").read_bytes().count(b"\n") == 1 + 4 * _A_CLASS
    for name in ("run", "new"):
        folder = ground.disk / name
        if not folder.exists():  # a kill between two renames: the former one lies beside it
            assert list(ground.disk.glob(f".{name}.*")), f"{name} is gone"
            continue
        run = Run(folder)
        assert 0 <= run.metrics["test"]["accuracy"] <= 1
        assert len(read_split(folder)) == 4 * _A_CLASS
        assert Classifier.load(folder).classes == ("cats", "dogs")


def _require_nothing_left(ground: Ground, name: str) -> None:
    """The same command works now, and nothing of the one before it stays behind."""
    code = ground.end_of(ground.start(COMMANDS[name](ground)), _LONGEST)
    assert code == 0, f"afterwards, {name} ends with {code}"
    hidden = [path.name for path in ground.disk.iterdir() if path.name.startswith(".")]
    assert not hidden, f"left behind: {hidden}"
    unfinished = [path.name for path in ground.cache.rglob(".*.partial")]
    assert not unfinished, f"left in the cache: {unfinished}"
