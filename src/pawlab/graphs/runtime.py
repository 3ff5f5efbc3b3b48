"""The one way an ONNX graph is opened."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(graph: Path | bytes) -> "InferenceSession":
    """Open a graph for runs of one thread each; a session may be run from many threads at once.

    Threads over pictures rather than inside one: the cores never wait for each other, and the order in which numbers
    are added up, hence every bit of the result, doesn't depend on how many cores there are.

    Raises what ONNX Runtime raises on a file that isn't a graph.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # its warnings are for developers of graphs, and would reach the user's terminal
    return onnxruntime.InferenceSession(
        graph if isinstance(graph, bytes) else str(graph), options, providers=["CPUExecutionProvider"]
    )
