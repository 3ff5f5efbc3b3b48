import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageChops

from pawlab import pictures
from pawlab.data import sample
from pawlab.data.drawing.animal import Kind, any_animal
from pawlab.data.drawing.brush import FINE, Canvas
from pawlab.data.drawing.figure import Figure, bounds, paint_figure
from pawlab.data.drawing.light import DAY
from pawlab.data.drawing.pose import POSES
from pawlab.data.drawing.shot import draw_picture
from pawlab.progress import Advance

A_FEW = 26  # pictures a class: enough to measure, quick to draw


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first pictures of the sample, drawn once for all tests here."""
    folder = tmp_path_factory.mktemp("sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample, "PICTURES_A_CLASS", A_FEW)
        sample.draw_sample(folder)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; the sample has two pictures a class."""
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(sample, "PICTURES_A_CLASS", 2)
    return tmp_path / "data"


def pixels(kind: Kind, index: int, seed: int = 0) -> NDArray[Any]:
    return np.asarray(draw_picture(kind, seed, index)[0])


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_several_hundred_pictures() -> None:
    assert len(sample.KINDS) * sample.PICTURES_A_CLASS == 480


def test_layout(drawn: Path) -> None:
    cats = [f"cats/cat-{index:03d}.jpg" for index in range(1, A_FEW + 1)]
    dogs = [f"dogs/dog-{index:03d}.jpg" for index in range(1, A_FEW + 1)]
    assert files(drawn) == cats + dogs


def test_sizes_and_formats(drawn: Path) -> None:
    seen = [pictures.inspect(path) for path in sorted(drawn.rglob("*.jpg"))]
    sides = [side for info in seen for side in (info.width, info.height)]
    assert {info.format for info in seen} == {"JPEG"}
    assert min(sides) >= 240
    assert max(sides) <= 400
    assert len({(info.width, info.height) for info in seen}) > 20
    assert {np.sign(info.width - info.height) for info in seen} == {-1, 0, 1}


def test_the_whole_sample_is_small(drawn: Path) -> None:
    sizes = [path.stat().st_size for path in drawn.rglob("*.jpg")]
    assert np.mean(sizes) * 480 < 12_000_000


def test_all_pictures_differ(drawn: Path) -> None:
    digests = {hashlib.sha256(pictures.decode(path).tobytes()).hexdigest() for path in drawn.rglob("*.jpg")}
    assert len(digests) == 2 * A_FEW


def test_same_seed_same_pixels_in_any_order() -> None:
    jobs: list[tuple[Kind, int]] = [("cats", 3), ("dogs", 3), ("cats", 7), ("dogs", 11)]
    forwards = [pixels(*job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        backwards = list(pool.map(lambda job: pixels(*job), jobs[::-1]))[::-1]
    for first, second in zip(forwards, backwards, strict=True):
        np.testing.assert_array_equal(first, second)


def test_seed_class_and_index_each_change_the_picture() -> None:
    shown = (pixels("cats", 1), pixels("cats", 1, seed=1), pixels("cats", 2), pixels("dogs", 1))
    assert len({picture.tobytes() for picture in shown}) == 4


def test_files_hold_the_drawn_pictures(drawn: Path) -> None:
    saved = pictures.decode(drawn / "dogs" / "dog-005.jpg").astype(int)
    exact = pixels("dogs", 5).astype(int)
    assert saved.shape == exact.shape
    assert np.abs(saved - exact).mean() < 6


def mean_accuracy(features: NDArray[Any], labels: NDArray[Any]) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = StratifiedKFold(8, shuffle=True, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    return float(cross_val_score(model, features, labels, cv=folds).mean())


@pytest.mark.parametrize("side", [1, 4, 16])
def test_colours_and_thumbnails_do_not_give_the_class_away(drawn: Path, side: int) -> None:
    paths = sorted(drawn.rglob("*.jpg"))
    small = pictures.Preprocess(side, side)
    features = np.stack([pictures.decode(path, small).ravel() / 255 for path in paths])
    labels = np.array([path.parent.name == "dogs" for path in paths])
    assert mean_accuracy(features, labels) < 0.75


@pytest.mark.parametrize("pose", sorted(POSES))
@pytest.mark.parametrize("kind", sample.KINDS)
def test_an_animal_stays_within_its_bounds_and_fills_them(kind: Kind, pose: str) -> None:
    rng = np.random.default_rng(4)
    animal = any_animal(kind, rng)
    figure = Figure(animal, POSES[pose](animal.build, rng), -60, 12, 10, 3, 2, unit=24, spot=(200, 260))
    canvas = Canvas(Image.new("RGB", (400, 400), (0, 255, 0)), DAY)
    blank = canvas.image.copy()
    paint_figure(canvas, figure)
    box = ImageChops.difference(canvas.image, blank).getbbox()
    assert box is not None
    left, top, right, bottom = (24 * value for value in bounds(figure))
    expected = (200 + left, 260 + top, 200 + right, min(400, 260 + bottom))
    np.testing.assert_allclose(box, expected, atol=5 * FINE)  # hair and whiskers stand out a little


def test_the_sample_is_drawn_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sample.sample_folder()
    assert folder == cache / f"sample-v{sample.SAMPLE_VERSION}"
    assert files(folder) == ["cats/cat-001.jpg", "cats/cat-002.jpg", "dogs/dog-001.jpg", "dogs/dog-002.jpg"]
    monkeypatch.setattr(sample, "draw_picture", _refuse)
    assert sample.sample_folder() == folder


def test_a_sample_with_a_picture_missing_is_drawn_again(cache: Path) -> None:
    folder = sample.sample_folder()
    before = (folder / "dogs" / "dog-001.jpg").read_bytes()
    (folder / "dogs" / "dog-001.jpg").unlink()
    sample.sample_folder()
    assert (folder / "dogs" / "dog-001.jpg").read_bytes() == before


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_a_sample_that_fails(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def fail_at_the_second(kind: Kind, seed: int, index: int) -> tuple[Image.Image, int]:
        if index == 2:
            raise error
        return draw_picture(kind, seed, index)

    monkeypatch.setattr(sample, "draw_picture", fail_at_the_second)
    with pytest.raises(error):
        sample.sample_folder()
    assert list(cache.iterdir()) == []


def test_another_process_that_was_quicker_keeps_its_folder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = cache / f"sample-v{sample.SAMPLE_VERSION}"
    draw_sample = sample.draw_sample

    def draw_while_another_finishes(folder: Path, **options: Any) -> None:
        draw_sample(folder, **options)
        draw_sample(target)
        (target / "theirs").touch()

    monkeypatch.setattr(sample, "draw_sample", draw_while_another_finishes)
    assert sample.sample_folder() == target
    assert (target / "theirs").exists()
    assert [path.name for path in cache.iterdir()] == [target.name]


def test_progress_counts_every_picture(cache: Path) -> None:
    bars: list[tuple[str, int | None, str]] = []
    steps: list[int] = []

    @contextmanager
    def progress(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
        bars.append((title, total, unit))
        yield steps.append

    sample.sample_folder(progress)
    assert bars == [("Drawing cats and dogs", 4, "pictures")]
    assert sum(steps) == 4


def _refuse(kind: Kind, seed: int, index: int) -> tuple[Image.Image, int]:
    raise AssertionError(f"draws {kind} {index} again")
