"""The command that installs something into the environment that pawlab runs in."""

import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path


def install_command(*arguments: str) -> str:
    """Return the command, for sh, cmd and PowerShell alike, that runs `pip install` with arguments in this environment.

    It is the short `pip install ...` where the shell's pip is this environment's; a pipx environment, one that uv made
    without pip, and a Python that its system manages have ways of their own.
    """
    return " ".join([*_installer(Path(sys.prefix)), *map(_quoted, arguments)])


def _installer(prefix: Path) -> tuple[str, ...]:
    """Return the words before the arguments. `prefix`: the environment's folder."""
    if (prefix / "pipx_metadata.json").is_file():
        return "pipx", "runpip", prefix.name, "install"
    if find_spec("pip") is None:
        return "uv", "pip", "install", "--python", _quoted(sys.executable)
    if _is_managed_by_its_system():
        return _quoted(sys.executable), "-m", "pip", "install", "--break-system-packages"
    if _is_the_shells_pip():
        return "pip", "install"
    return _quoted(sys.executable), "-m", "pip", "install"


def _is_the_shells_pip() -> bool:
    found = shutil.which("pip")
    return found is not None and Path(found).parent == Path(sys.executable).parent


def _is_managed_by_its_system() -> bool:
    """Say whether pip refuses to install without being told to (PEP 668)."""
    in_environment = sys.prefix != sys.base_prefix
    return not in_environment and Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED").is_file()


def _quoted(argument: str) -> str:
    """Quote what a shell would take apart; double quotes hold in each, where nothing in them is special."""
    return f'"{argument}"' if set(argument) & set(" [](){}&;<>|*'") else argument
