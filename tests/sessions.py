"""ONNX Runtime's own sessions, for tests that look closer than pawlab does."""

from pathlib import Path
from typing import TYPE_CHECKING

from pawlab.graphs.runtime import open_graph

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(graph: Path | bytes) -> "InferenceSession":
    return open_graph(graph).session
