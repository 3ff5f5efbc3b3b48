"""How much memory there is: the machine's, or a container's share of it."""

import os
import sys
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_UNKNOWN = 4 * 10**9  # where the system doesn't say


def memory_there() -> int:
    """Return in bytes what this machine has, or what its control group may use, where that is less."""
    return min(_of_machine(), _limit(_CGROUP))


def _limit(cgroup: Path) -> int:
    """Return how many bytes the control group may use; many where it sets no limit."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # versions 2 and 1
        try:
            return int((cgroup / name).read_text())
        except (OSError, ValueError):  # no such system, or "max"
            continue
    return sys.maxsize


def _of_machine() -> int:
    if sys.platform == "win32":
        return _of_windows()
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return _UNKNOWN


def _of_windows() -> int:
    """Ask for MEMORYSTATUSEX, whose second field of 64 bits is the machine's memory."""
    import ctypes

    status = (ctypes.c_uint64 * 8)(64)  # its first 32 bits hold its length
    found = ctypes.windll.kernel32.GlobalMemoryStatusEx(status)  # type: ignore[attr-defined,unused-ignore]
    return int(status[1]) if found else _UNKNOWN
