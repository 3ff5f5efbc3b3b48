"""A forward pass: what a graph is to compute of a picture, in a form that can be sent to other processes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.errors import DataError, ModelError, NetworkError, NotThereError, PictureError, one_line
from pawlab.graphs.runtime import Graph, open_graph
from pawlab.images import PictureInfo, Pixels, Preprocess, Source, read

Decoded = tuple[Pixels, PictureInfo]  # uint8 (h, w, 3), and the picture's header


@dataclass(frozen=True)
class Outputs:
    """What a graph gave for one picture. `values`: an array for each output, without the axis of the pictures."""

    values: tuple[NDArray[np.float32], ...]
    info: PictureInfo


@dataclass(frozen=True)
class Held:
    """A picture that is read already, or why it can't be: its source may have changed since."""

    decoded: Decoded | str


Computed = Outputs | str  # or why the picture can't be read


def why_unread(error: PictureError | DataError) -> str:
    """Return why a picture can't be read. Raises the error again where it says nothing of the picture."""
    if isinstance(error, NetworkError) and not isinstance(error, NotThereError):
        raise error
    return str(error)


def as_it_is(source: Any) -> Any:
    """Return a source that can be read without further ado."""
    return source


@dataclass(frozen=True)
class ForwardPass:
    """`graph`: an ONNX file, or its content. `outputs`: the shape of a picture's row by the name of each output.
    `name`: how messages call the graph. `locate`: makes of a source what can be read. `opened`: the graph, where it is
    open already.

    Calling it with one picture computes its outputs. It may be called from many threads at once. Pickled, it holds the
    graph's content, so that another machine needs no file of this one.
    """

    graph: Path | bytes
    outputs: Mapping[str, tuple[int, ...]]
    preprocess: Preprocess
    name: str
    locate: Callable[[Any], Any] = as_it_is
    opened: Graph | None = field(default=None, repr=False, compare=False)

    def __call__(self, source: Source | Held) -> Computed:
        """Return the outputs, or why the picture can't be read. Raises ModelError where the graph fails."""
        decoded = self.read(source)
        if isinstance(decoded, str):
            return decoded
        pixels, info = decoded
        return Outputs(tuple(rows[0] for rows in self.run(pixels[np.newaxis])), info)

    def __reduce__(self) -> tuple[Any, ...]:
        content = self.graph if isinstance(self.graph, bytes) else self.graph.read_bytes()
        return ForwardPass, (content, dict(self.outputs), self.preprocess, self.name, self.locate)

    @cached_property
    def on_cpu(self) -> Graph:
        """Return the graph, open on the processor."""
        return self.opened or open_graph(self.graph)

    def read(self, source: Source | Held) -> Decoded | str:
        """Return a picture as the graph takes it, or why it can't be read.

        Raises NetworkError where that says nothing of the picture.
        """
        if isinstance(source, Held):
            return source.decoded
        try:
            return read(self.locate(source), self.preprocess)
        except (PictureError, DataError) as error:
            return why_unread(error)

    def run(self, pixels: Pixels, graph: Graph | None = None) -> list[NDArray[np.float32]]:
        """Return each output, (n, ...), for pictures (n, h, w, 3). `graph`: the same elsewhere than on the processor.

        A stranger's graph may fail, or give something other than it says: then raises ModelError.
        """
        try:
            found = (graph or self.on_cpu).run(list(self.outputs), pixels)
            shapes, wanted = [rows.shape for rows in found], [(len(pixels), *row) for row in self.outputs.values()]
            if shapes != wanted:
                raise ValueError(f"its outputs are of the shapes {shapes}, not {wanted}")
        except MemoryError:
            raise
        except Exception as error:  # ONNX Runtime has a class of its own for each kind of fault
            raise ModelError(f"{self.name} can't predict: {one_line(error)}. Copy it again, or train anew.") from error
        return found
