"""Pretrained networks in one form, whatever their source: each is built once as an ONNX file and kept in the cache."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pawlab.backbones import efficientnet_lite, keras_applications
from pawlab.backbones.hub import Fetched, fetch, is_on_hub
from pawlab.backbones.own import read_own
from pawlab.backbones.own_graph import build_own_graph
from pawlab.backbones.table import Backbone, Stage, find_backbone, is_file
from pawlab.errors import RecipeError
from pawlab.graphs.anatomy import POOLED
from pawlab.graphs.edit import FEATURES, pool_stages
from pawlab.graphs.runtime import open_graph
from pawlab.progress import Progress, silent
from pawlab.storage import cache_dir, mark_used, replacing_file

if TYPE_CHECKING:
    from onnx import ModelProto

Random = Literal["random"]
Size = tuple[int, int]  # height, width
Weights = Path | Random | None

# of the weights, a digest; the graph's file name, without checksums; what makes the graph, in seconds
Source = tuple[str, str, Callable[[], "ModelProto"]]

GRAPH_VERSION = 2  # add one whenever a change alters a graph's numbers: cached graphs and features are then made anew


@dataclass(frozen=True)
class BackboneGraph:
    """A pretrained network ready to run.

    `path`: an ONNX file, see `table`. `checksum`: of the weights and what is computed with them; the same on every
    machine.
    """

    backbone: Backbone
    path: Path
    checksum: str
    stages: tuple[Stage, ...] = ()

    @property
    def output(self) -> str:
        """Return the tensor with all that a linear probe sees of a picture, float32 (n, width)."""
        return POOLED if self.stages else FEATURES

    @property
    def width(self) -> int:
        """Return how many numbers that are; the first `backbone.channels` are the features of the last map."""
        return self.backbone.channels + sum(stage.channels for stage in self.stages)


def backbone_graph(
    name: str,
    image_size: Size,
    weights: Weights = None,
    progress: Progress = silent,
    *,
    cut: str | None = None,
    include_preprocessing: bool = True,
    stages: Sequence[str] = (),
) -> BackboneGraph:
    """Return the graph of a backbone for pictures of `image_size` (height, width), from the cache or newly built.

    `name`: of the table, the path of an ONNX file (see `own`) or one on a hub (see `hub`), which take none of the
    options. `weights`: a file to use in place of the ones that are found by themselves; "random", which only
    Keras's networks take, leaves the network untrained, for tests of its wiring. `cut`: ends the network at that
    inner layer. Without `include_preprocessing` the graph's `pictures` are float32, already scaled as the network
    wants them. `stages`: inner tensors whose means over positions the graph gives beside its features, as `pooled`.

    Raises RecipeError for an unknown name, cut or stage and for pictures too small for it, WeightsError where its
    weights are missing, wrong or can't be converted faithfully, and MissingExtraError where it needs Keras.
    """
    name = local_name(name, progress)
    row = describe(name, cut)
    (height, width), smallest = image_size, row.smallest_image
    if min(image_size) < smallest:
        raise RecipeError(
            f"{row.name} needs pictures of at least {smallest} x {smallest} pixels, not {height} x {width}."
        )
    identity, file_name, build = READERS[row.reader](row, image_size, weights, include_preprocessing)
    pooled = row.find_stages(stages)
    parts = [identity, GRAPH_VERSION, cut, include_preprocessing, *([list(stages)] if stages else [])]
    checksum = sha256(json.dumps(parts).encode()).hexdigest()
    make = partial(_with_stages, build, pooled) if pooled else build
    path = _cached(f"{file_name}-{checksum[:16]}", Path(name).name, make, progress)
    if not row.channels:  # a file doesn't say so before it runs
        row = replace(row, channels=open_graph(path).outputs["features"][1])
    return BackboneGraph(row, path, checksum, pooled)


def _with_stages(build: Callable[[], "ModelProto"], stages: Sequence[Stage]) -> "ModelProto":
    model = build()
    pool_stages(model, [stage.name for stage in stages])
    return model


def fetched(name: str, progress: Progress = silent) -> Fetched | None:
    """Return a network of a hub as it lies here; None where it is from elsewhere. Raises what `hub.fetch` raises."""
    return fetch(name, progress) if is_on_hub(name) else None


def local_name(name: str, progress: Progress = silent) -> str:
    """Return the path under which a network of a hub lies here; any other name as it is."""
    found = fetched(name, progress)
    return name if found is None else found.path


def describe(name: str, cut: str | None = None) -> Backbone:
    """Return a backbone's row, of the table or read from an ONNX file: there `channels` is 0, not known yet."""
    return read_own(Path(name)).row if is_file(name) else find_backbone(name, cut)


def probe_stages(name: str) -> tuple[str, ...]:
    """Return the stages that a linear probe does better with, by the table. Raises RecipeError for an unknown name."""
    return () if is_file(name) or is_on_hub(name) else find_backbone(name).probe_stages


def own_size(name: str) -> Size | None:
    """Return the (height, width) that a backbone is meant for; None where a file leaves it open.

    Raises RecipeError for a name that isn't in the table.
    """
    name = local_name(name)
    return read_own(Path(name)).image_size if is_file(name) else (find_backbone(name).image_size,) * 2


def _read_efficientnet_lite(row: Backbone, size: Size, weights: Weights, include_preprocessing: bool) -> Source:
    """One graph serves every size. Weights that the user names are looked at even where the graph is in the cache."""
    tensors = None if weights is None else efficientnet_lite.load_weights(row, Path(weights))

    def build() -> "ModelProto":
        return efficientnet_lite.build_graph(row, tensors or efficientnet_lite.load_weights(row), include_preprocessing)

    return str(row.sha256), row.name, build


def _read_keras_applications(row: Backbone, size: Size, weights: Weights, include_preprocessing: bool) -> Source:
    used = weights if weights == "random" else keras_applications.find_weights(row, size, weights)
    parts = [row.name, *([row.cut] if row.cut else []), f"{size[0]}x{size[1]}"]
    build = partial(keras_applications.build_graph, row, size, used, include_preprocessing)
    return keras_applications.weights_sha256(used), "-".join(parts), build


def _read_file(row: Backbone, size: Size, weights: Weights, include_preprocessing: bool) -> Source:
    if weights is not None:
        raise RecipeError(f"{row.name} holds its own weights. Leave --weights out.")
    own = read_own(Path(row.name))
    if own.fixed and own.image_size != size:
        height, width = own.image_size or size
        raise RecipeError(f"{row.name} takes pictures of {height} x {width} pixels, not {size[0]} x {size[1]}.")
    return json.dumps([own.row.sha256, size]), "own", partial(build_own_graph, own, size)


READERS: dict[str, Callable[[Backbone, Size, Weights, bool], Source]] = {
    "efficientnet_lite": _read_efficientnet_lite,
    "keras_applications": _read_keras_applications,
    "file": _read_file,
}


def _cached(stem: str, name: str, build: Callable[[], "ModelProto"], progress: Progress) -> Path:
    """Return a whole file whose name begins with `stem`; build it where there is none.

    A file's name ends with its content's checksum, so that one which was damaged is known and made again, and two
    processes that build at once do no harm.
    """
    folder = cache_dir("backbones")
    for path in sorted(folder.glob(f"{stem}-*.onnx")):
        if _is_whole(path):
            mark_used(path)
            return path
        with suppress(OSError):  # it may be in use by another process; then it is just passed over
            path.unlink()
    with progress(f"Preparing {name}", None, "steps"):
        content = build().SerializeToString(deterministic=True)
    target = folder / f"{stem}-{_digest(content)}.onnx"
    with replacing_file(target) as partial:
        partial.write_bytes(content)
    return target


def _is_whole(path: Path) -> bool:
    try:
        return path.stem.rpartition("-")[2] == _digest(path.read_bytes())
    except OSError:
        return False


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]
