"""A device of this machine, by ONNX Runtime's providers: pictures are decoded by threads and computed in batches."""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pawlab.engines.local import LOCAL
from pawlab.engines.work import Computed, Decoded, ForwardPass, Outputs
from pawlab.errors import PawlabError, one_line
from pawlab.graphs.runtime import Graph, open_graph, providers
from pawlab.parallel import batched, map_in_threads

Result = TypeVar("Result")

LARGEST_DIFFERENCE = 1e-3  # from the processor's values, relative to the largest of them, or to 1
_SAMPLE = 16  # pictures that are computed on the processor too
_SYSTEMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}  # by sys.platform


class _Kind(NamedTuple):
    """`provider`: of ONNX Runtime; `package`: which has it, for `systems`; `batch_size`: pictures a run, that keep it
    busy; `options`: so that it computes as exactly as it can."""

    provider: str
    package: str
    systems: tuple[str, ...]
    batch_size: int
    options: dict[str, Any]


KINDS = {
    "cuda": _Kind("CUDAExecutionProvider", "onnxruntime-gpu", ("Linux", "Windows"), 64, {"use_tf32": 0}),
    "coreml": _Kind("CoreMLExecutionProvider", "onnxruntime", ("macOS",), 8, {}),
    "dml": _Kind("DmlExecutionProvider", "onnxruntime-directml", ("Windows",), 32, {}),
    "openvino": _Kind(
        "OpenVINOExecutionProvider", "onnxruntime-openvino", ("Linux", "Windows"), 8, {"precision": "ACCURACY"}
    ),
}


@dataclass(frozen=True)
class Device:
    """A device by its name in `KINDS`."""

    name: str

    def __post_init__(self) -> None:
        """Raise PawlabError where ONNX Runtime, as it is installed, has no such device."""
        kind, there = KINDS[self.name], providers()
        if kind.provider not in there and _SYSTEMS.get(sys.platform) not in kind.systems:
            raise PawlabError(
                f"--device {self.name} is there on {' and '.join(kind.systems)} alone. Leave --device out."
            )
        if kind.provider not in there:
            raise PawlabError(
                f"--device {self.name} needs ONNX Runtime's {kind.provider}, and installed are {', '.join(there)}. "
                f"Install {kind.package} in place of onnxruntime, or leave --device out."
            )

    @property
    def mark(self) -> str:
        """Return the device: its sums are rounded otherwise."""
        return f"@{self.name}"

    @property
    def reads_addresses(self) -> bool:
        """Return that it isn't: this machine's cores read."""
        return False

    def map(self, function: Callable[[Any], Result], sources: Iterable[Any], batch_size: int = 1) -> Iterator[Result]:
        """Yield `function(source)` for each, on this machine's cores: no graph is in it."""
        return LOCAL.map(function, sources, batch_size)

    def forward(self, work: ForwardPass, sources: Iterable[Any]) -> Iterator[Computed]:
        """Yield the outputs for each picture. A batch is decoded while the one before is computed.

        Raises PawlabError where the device can't be had, or where its results for the first pictures differ from the
        processor's by more than LARGEST_DIFFERENCE.
        """
        kind = KINDS[self.name]
        graph = self._open(work)
        batches = batched(map_in_threads(work.read, sources), kind.batch_size)
        checked = False
        with ThreadPoolExecutor(1) as device:
            under_way = None
            for batch in batches:
                if not checked and (pixels := _pixels(batch)) is not None:
                    self._require_same(work, graph, pixels[:_SAMPLE])
                    checked = True
                following = device.submit(_computed, work, graph, batch)
                if under_way is not None:
                    yield from under_way.result()
                under_way = following
            if under_way is not None:
                yield from under_way.result()

    def _open(self, work: ForwardPass) -> Graph:
        kind = KINDS[self.name]
        try:
            graph = open_graph(work.graph, provider=kind.provider, options=kind.options)
        except PawlabError:
            raise
        except Exception as error:  # drivers have a class of error for each kind of fault
            raise PawlabError(f"--device {self.name} can't be used: {one_line(error)}. Leave --device out.") from error
        if kind.provider not in graph.session.get_providers():  # it falls back without a word
            raise PawlabError(
                f"--device {self.name} can't be used: ONNX Runtime finds no such device, or not its libraries. "
                "Leave --device out."
            )
        return graph

    def _require_same(self, work: ForwardPass, graph: Graph, pixels: Any) -> None:
        for expected, found in zip(work.run(pixels), work.run(pixels, graph), strict=True):
            difference = float(np.abs(expected - found).max() / max(1.0, np.abs(expected).max()))
            if not difference <= LARGEST_DIFFERENCE:
                raise PawlabError(
                    f"on {self.name} the results differ from the processor's by {difference:.1e} of the largest, more "
                    f"than {LARGEST_DIFFERENCE:.0e}. Update its driver, or leave --device out."
                )


def _pixels(batch: list[Decoded | str]) -> Any:
    """Return the pictures that could be read, (n, h, w, 3); None where there are none."""
    readable = [item[0] for item in batch if not isinstance(item, str)]
    return np.stack(readable) if readable else None


def _computed(work: ForwardPass, graph: Graph, batch: list[Decoded | str]) -> list[Computed]:
    pixels = _pixels(batch)
    rows = iter(zip(*work.run(pixels, graph), strict=True)) if pixels is not None else iter(())
    return [item if isinstance(item, str) else Outputs(next(rows), item[1]) for item in batch]
