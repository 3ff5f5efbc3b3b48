"""What is published: the wheel and the source archive, built, looked into and installed."""

import subprocess
import sys
import tarfile
import tomllib
from email.message import Message
from email.parser import Parser
from pathlib import Path
from venv import EnvBuilder
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 6_000_000  # bytes: most of it is the built-in pictures


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The source archive, and the wheel that is built from it."""
    pytest.importorskip("hatchling", reason="needs hatchling, which builds the package")
    place = tmp_path_factory.mktemp("dist")
    source = _build(ROOT, "sdist", place)
    with tarfile.open(source) as archive:
        archive.extractall(place, filter="data")
    return source, _build(place / source.name.removesuffix(".tar.gz"), "wheel", place)


def _build(project: Path, kind: str, place: Path) -> Path:
    code = f"import sys, hatchling.build as build; print(build.build_{kind}(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, place], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def metadata(built: tuple[Path, Path]) -> Message:
    with ZipFile(built[1]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(wheel.read(name).decode())


def _files_below(folder: Path) -> set[str]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in files}


def test_the_wheel_holds_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    with ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        licences = {Path(name).name for name in wheel.namelist() if ".dist-info/licenses/" in name}
    assert names == {f"pawlab/{name}" for name in _files_below(ROOT / "src" / "pawlab")}
    assert licences == {"LICENSE", "NOTICE"}


def test_the_source_archive_holds_what_its_users_need(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "pyproject.toml", "constraints.txt", "PKG-INFO"}
    assert names >= {f"tests/{path.name}" for path in ROOT.glob("tests/*.py")}
    assert not [name for name in names if name.startswith((".venv", "docs/_build", "runs/", "dist/"))]


def test_both_are_small(built: tuple[Path, Path]) -> None:
    assert max(path.stat().st_size for path in built) < LARGEST


def test_the_metadata_says_what_is_true(metadata: Message) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (metadata["Name"], metadata["Version"]) == ("pawlab", project["version"])
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert set(metadata.get_all("Provides-Extra") or []) == set(project["optional-dependencies"])
    versions = {line.rpartition(" ")[2] for line in metadata.get_all("Classifier") or [] if " 3." in line}
    assert versions == {"3.11", "3.12", "3.13", "3.14"}
    assert metadata["Requires-Python"] == ">=3.11"


def test_classifiers_are_known_ones(metadata: Message) -> None:
    """A registry refuses a package for a classifier that isn't on its list."""
    known = pytest.importorskip("trove_classifiers", reason="needs trove-classifiers, which hatchling brings")
    given = set(metadata.get_all("Classifier") or [])
    assert given
    assert given <= known.classifiers


def test_twine_finds_nothing(built: tuple[Path, Path]) -> None:
    pytest.importorskip("twine", reason="needs twine")
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *built], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.count("PASSED")) == (0, 2), done.stdout


@pytest.mark.slow
def test_the_wheel_installs_and_trains(built: tuple[Path, Path], tmp_path: Path) -> None:
    """In an environment of its own, which borrows the dependencies of this one: nothing is fetched."""
    EnvBuilder(with_pip=True, symlinks=sys.platform != "win32").create(tmp_path / "env")
    scripts = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    python = str(scripts / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(built[1])]
    subprocess.run(install, check=True, cwd=tmp_path)
    place = _said(python, "import sysconfig; print(sysconfig.get_path('purelib'))")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    Path(place, "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    environment = {"PAWLAB_CACHE_DIR": str(tmp_path / "cache"), "PATH": str(scripts)}
    train = [str(scripts / "pawlab"), "train", "sample", "--out", str(tmp_path / "run")]
    done = subprocess.run(train, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").is_file()
    assert _said(python, "import pawlab; print(pawlab.__file__)").startswith(place)


def _said(python: str, code: str) -> str:
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()
