"""What we measured of each recipe: by name, with machine and date. Written by benchmarks/ladder.py, not by hand."""

from typing import Any

MEASURED: dict[str, dict[str, Any]] = {}
