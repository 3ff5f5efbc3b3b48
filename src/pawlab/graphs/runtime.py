"""The one way an ONNX graph is opened and run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pawlab.errors import PawlabError
from pawlab.install import install_command
from pawlab.names import printable

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CPU = "CPUExecutionProvider"


@dataclass(frozen=True)
class Graph:
    """An open graph, also for many threads at once. `batch_size`: most rows per run; None takes all together."""

    session: "InferenceSession"
    batch_size: int | None = None

    def run(self, outputs: Sequence[str] | None, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Return these outputs, or all, for the rows (n, ...) of the graph's only input."""
        names, given = None if outputs is None else list(outputs), self.session.get_inputs()[0].name
        size = self.batch_size or max(1, len(values))
        runs = [self.session.run(names, {given: values[i : i + size]}) for i in range(0, max(1, len(values)), size)]
        return runs[0] if len(runs) == 1 else [np.concatenate(parts) for parts in zip(*runs, strict=True)]

    @property
    def outputs(self) -> dict[str, list[Any]]:
        """Return the shape of each output by its name; open lengths are names."""
        return {output.name: output.shape for output in self.session.get_outputs()}

    @property
    def metadata(self) -> Mapping[str, str]:
        """Return the graph's metadata."""
        metadata: Mapping[str, str] = self.session.get_modelmeta().custom_metadata_map
        return metadata


def open_graph(
    graph: Path | bytes,
    *,
    provider: str = CPU,
    threads: int = 1,
    batch_size: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Graph:
    """Open a graph. `provider`: of ONNX Runtime, with its own `options`; `threads`: inside one run.

    One thread, since threads over pictures beat threads inside one: the cores never wait for each other, and the order
    in which numbers are added up, hence every bit of the result, doesn't depend on how many cores there are.

    Raises PawlabError where ONNX Runtime can't be imported, and what it raises on a file that isn't a graph.
    """
    onnxruntime = _onnxruntime()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 4  # its warnings are for developers of graphs, and would reach the user's terminal
    given = graph if isinstance(graph, bytes) else _path_or_content(graph)
    chosen = [(provider, dict(options or {}))]
    session = onnxruntime.InferenceSession(given, settings, providers=chosen, enable_fallback=0)  # it would print
    return Graph(session, batch_size)


def _path_or_content(path: Path) -> str | bytes:
    """Return the path, or the file's bytes where ONNX Runtime can't open it: its paths are text in UTF-8."""
    text = str(path)
    return text if printable(text) == text else path.read_bytes()


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except Exception as error:  # a broken installation raises ImportError, OSError and others
        raise PawlabError(
            f"ONNX Runtime can't be imported: {' '.join(str(error).split())[:200]}. Install it again: "
            + install_command("--force-reinstall", "onnxruntime")
        ) from error
    return onnxruntime


def providers() -> list[str]:
    """Return what ONNX Runtime can compute on, as it is installed here."""
    return list(_onnxruntime().get_available_providers())


def runtime_version() -> str:
    """Return ONNX Runtime's version, which may change the last bits of results."""
    return str(_onnxruntime().__version__)
