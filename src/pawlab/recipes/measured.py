"""Our measurements of each recipe, by name, with machine and date: measured.json, which benchmarks/ladder.py writes."""

import json
from pathlib import Path
from typing import Any

MEASURED: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("measured.json").read_text(encoding="utf-8"))
