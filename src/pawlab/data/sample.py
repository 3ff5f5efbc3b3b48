"""The built-in picture set: cats and dogs drawn by our own code, so that everything can be tried without a download."""

from contextlib import suppress
from pathlib import Path

from pawlab import storage
from pawlab.data.drawing.animal import Kind
from pawlab.data.drawing.shot import draw_picture
from pawlab.parallel import map_in_threads
from pawlab.progress import Progress, silent

SAMPLE_VERSION = 1  # add one whenever a picture changes: older caches are then left alone
PICTURES_A_CLASS = 240
KINDS: tuple[Kind, ...] = ("cats", "dogs")


def sample_folder(progress: Progress = silent) -> Path:
    """Return the folder of the sample, drawn on first use and cached: cats/cat-001.jpg ... and dogs/dog-001.jpg ...

    A kill leaves nothing half-drawn; of two processes that draw at the same time both go on with a whole folder.
    Raises OutputError where the cache can't be written.
    """
    target = storage.cache_dir("data") / f"sample-v{SAMPLE_VERSION}"
    if not _is_whole(target):
        with suppress(_DrawnMeanwhileError), storage.replacing_folder(target) as folder:
            draw_sample(folder, progress=progress)
            if _is_whole(target):
                raise _DrawnMeanwhileError
    return target


class _DrawnMeanwhileError(Exception):
    """Another process has put its sample in place, which may be being read already: ours, the same, is thrown away."""


def draw_sample(folder: Path, seed: int = 0, progress: Progress = silent) -> None:
    """Fill `folder` with cats/cat-001.jpg ... and dogs/dog-001.jpg ...: PICTURES_A_CLASS each, sides of 240-400 pixels.

    The same seed gives the same pictures, pixel by pixel.
    """
    for kind in KINDS:
        (folder / kind).mkdir(parents=True, exist_ok=True)
    jobs = [(kind, index) for index in range(1, PICTURES_A_CLASS + 1) for kind in KINDS]
    with progress("Drawing cats and dogs", total=len(jobs)) as advance:
        for _ in map_in_threads(lambda job: _draw_file(folder, job[0], seed, job[1]), jobs):
            advance(1)


def _draw_file(folder: Path, kind: Kind, seed: int, index: int) -> None:
    picture, quality = draw_picture(kind, seed, index)
    picture.save(_file(folder, kind, index), quality=quality)


def _file(folder: Path, kind: Kind, index: int) -> Path:
    return folder / kind / f"{kind.removesuffix('s')}-{index:03d}.jpg"


def _is_whole(folder: Path) -> bool:
    """Say whether every picture is there: somebody may have deleted some from a cache that was whole."""
    return all(_file(folder, kind, index).is_file() for kind in KINDS for index in range(1, PICTURES_A_CLASS + 1))
