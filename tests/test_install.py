"""Each kind of environment is told the command that installs into it."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from venv import EnvBuilder
from zipfile import ZipFile

import pytest

from pawlab import install
from pawlab.errors import MissingExtraError
from pawlab.install import install_command


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment whose name has a space, with a pip that isn't the shell's."""
    folder = tmp_path / "my tools" / "pawlab"
    (folder / "bin").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(folder))
    monkeypatch.setattr(sys, "executable", str(folder / "bin" / "python"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(install, "find_spec", lambda name: object())
    return folder


def test_an_environment_is_named_by_its_python(environment: Path) -> None:
    assert install_command("gcsfs") == f'"{sys.executable}" -m pip install gcsfs'


def test_the_shells_own_pip_needs_no_path(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: str(environment / "bin" / name))
    assert install_command("pawlab[serve]") == 'pip install "pawlab[serve]"'
    said = str(MissingExtraError("`pawlab serve`", "serve"))
    assert said == "`pawlab serve` needs the extra 'serve': pip install \"pawlab[serve]\""


def test_pipx_installs_into_its_own(environment: Path) -> None:
    (environment / "pipx_metadata.json").touch()
    assert install_command("pawlab[serve]") == 'pipx runpip pawlab install "pawlab[serve]"'


def test_uv_installs_where_there_is_no_pip(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "find_spec", lambda name: None)
    assert install_command("--force-reinstall", "x==1") == (
        f'uv pip install --python "{sys.executable}" --force-reinstall x==1'
    )


def test_a_python_of_the_system_is_told_so(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (environment / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(environment))
    assert install_command("x").startswith(f'"{sys.executable}" -m pip install x')
    monkeypatch.setattr(sys, "base_prefix", str(environment))
    assert install_command("x") == f'"{sys.executable}" -m pip install --break-system-packages x'


@pytest.mark.skipif(sys.platform == "win32", reason="the command is run by sh")
def test_the_command_installs_into_the_environment_that_says_it(tmp_path: Path) -> None:
    """A project is installed by the command that an environment prints, run by a shell from elsewhere."""
    EnvBuilder(with_pip=True, symlinks=True).create(tmp_path / "an env")
    python = tmp_path / "an env" / "bin" / "python"
    _write_wheel(tmp_path)
    code = (
        "import sys; sys.path.append(sys.argv[1]); from pawlab.install import install_command; "
        "print(install_command('--no-index', '--find-links', *sys.argv[2:]))"
    )
    command = [str(python), "-c", code, str(Path(install.__file__).parents[1]), str(tmp_path), "thing"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    subprocess.run(["sh", "-c", said], capture_output=True, check=True, cwd="/")
    subprocess.run([python, "-c", "import thing"], check=True)


def _write_wheel(folder: Path) -> None:
    """Write the smallest wheel that pip takes: a module `thing`."""
    with ZipFile(folder / "thing-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("thing.py", "")
        wheel.writestr("thing-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1\n")
        wheel.writestr("thing-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("thing-1.dist-info/RECORD", "")
