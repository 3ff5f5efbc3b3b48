"""Pretrained networks as ONNX graphs, each built once and kept in the cache."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pawlab.backbones.own import OwnBackbone, is_own, read_own
from pawlab.backbones.own_graph import build_graph
from pawlab.backbones.table import BACKBONES, Backbone, find_backbone
from pawlab.errors import RecipeError, did_you_mean
from pawlab.graphs.runtime import open_session
from pawlab.progress import Progress, silent
from pawlab.storage import cache_dir, replacing_file

if TYPE_CHECKING:
    from onnx import ModelProto

Random = Literal["random"]

GRAPH_VERSION = 1  # add one whenever a change alters a graph's numbers: cached graphs and features are then made anew


@dataclass(frozen=True)
class BackboneGraph:
    """A pretrained network ready to run.

    `path`: an ONNX file. It takes `pictures` uint8 (n, h, w, 3), RGB, 0-255, and gives `feature_map` float32
    (n, y, x, channels) and `features` float32 (n, channels), its mean over positions. `checksum`: names the weights and
    what is computed with them; the same on every machine.
    """

    backbone: Backbone
    path: Path
    checksum: str


@dataclass(frozen=True)
class _Source:
    """`weights_sha256`: of the weights; `file_name`: without the checksums; `build`: makes the graph, in seconds."""

    weights_sha256: str
    file_name: str
    build: Callable[[], "ModelProto"]


def backbone_graph(
    name: str,
    image_size: tuple[int, int],
    weights: Path | Random | None = None,
    progress: Progress = silent,
    *,
    cut: str | None = None,
    include_preprocessing: bool = True,
) -> BackboneGraph:
    """Return the graph of a backbone for pictures of `image_size` (height, width), from the cache or newly built.

    `name`: of the table, or the path of an ONNX file (see `own_backbone`), which takes none of the options. `weights`:
    a file to use in place of the ones that are found by themselves; "random", which only Keras's networks take, leaves
    the network untrained, for tests of its wiring. `cut`: ends the network at that inner layer. Without
    `include_preprocessing` the graph's `pictures` are float32, already scaled as the network wants them.

    Raises KeyError for an unknown name or cut, RecipeError for pictures too small for it, WeightsError where its
    weights are missing, wrong or can't be converted faithfully, and MissingExtraError where it needs Keras.
    """
    if is_own(name):
        if weights is not None:
            raise RecipeError(f"{name} holds its own weights. Leave --weights out.")
        return _own_graph(read_own(Path(name)), image_size, progress)
    backbone = find_backbone(name, cut)
    _check_size(backbone, image_size)
    find_source = _efficientnet_lite if backbone.extra is None else _keras
    source = find_source(backbone, image_size, weights, include_preprocessing)
    identity = [source.weights_sha256, GRAPH_VERSION, cut, include_preprocessing]
    checksum = sha256(json.dumps(identity).encode()).hexdigest()
    path = _cached(f"{source.file_name}-{checksum[:16]}", name, source.build, progress)
    return BackboneGraph(backbone, path, checksum)


def own_size(name: str) -> tuple[int, int] | None:
    """Return the (height, width) that a backbone is meant for; None where a file leaves it open.

    Raises RecipeError for a name that isn't in the table.
    """
    if is_own(name):
        return read_own(Path(name)).image_size
    names = [backbone.name for backbone in BACKBONES if backbone.cut is None]
    if name not in names:
        known = ", ".join(names)
        raise RecipeError(f"there is no backbone '{name}'.{did_you_mean(name, names)} There are: {known}, x.onnx.")
    return (find_backbone(name).image_size,) * 2


def _own_graph(own: OwnBackbone, image_size: tuple[int, int], progress: Progress) -> BackboneGraph:
    if own.fixed and own.image_size != image_size:
        (height, width), (own_height, own_width) = image_size, own.image_size or image_size
        raise RecipeError(f"{own.path} takes pictures of {own_height} x {own_width} pixels, not {height} x {width}.")
    checksum = sha256(json.dumps([own.sha256, GRAPH_VERSION, image_size]).encode()).hexdigest()
    path = _cached(f"own-{checksum[:16]}", own.path.name, lambda: build_graph(own, image_size), progress)
    outputs = {output.name: output.shape for output in open_session(path).get_outputs()}
    return BackboneGraph(_row(own, image_size, outputs["features"][1]), path, checksum)


def _row(own: OwnBackbone, image_size: tuple[int, int], channels: int) -> Backbone:
    """Describe a user's network as the table does ours. It scales pixels itself: hence mean 0 and std 1."""
    return Backbone(
        name=str(own.path),
        image_size=min(image_size),
        mean=0.0,
        std=1.0,
        stride=min(image_size),
        channels=channels,
        parameters=own.parameters,
        weights=own.path.name,
        sha256=own.sha256,
        licence="",
        paper="",
    )


def _check_size(backbone: Backbone, image_size: tuple[int, int]) -> None:
    if min(image_size) < backbone.smallest_image:
        height, width = image_size
        smallest = backbone.smallest_image
        raise RecipeError(
            f"{backbone.name} needs pictures of at least {smallest} x {smallest} pixels, not {height} x {width}."
        )


def _efficientnet_lite(
    backbone: Backbone, image_size: tuple[int, int], weights: Path | Random | None, include_preprocessing: bool
) -> _Source:
    """One graph serves every size. Weights that the user names are looked at even where the graph is in the cache."""
    from pawlab.backbones import efficientnet_lite

    tensors = None if weights is None else efficientnet_lite.load_weights(Path(weights))

    def build() -> "ModelProto":
        return efficientnet_lite.build_graph(tensors or efficientnet_lite.load_weights(), include_preprocessing)

    return _Source(str(backbone.sha256), backbone.name, build)


def _keras(
    backbone: Backbone, image_size: tuple[int, int], weights: Path | Random | None, include_preprocessing: bool
) -> _Source:
    from pawlab.backbones import keras_applications as keras_backbones

    used = weights if weights == "random" else keras_backbones.find_weights(backbone, image_size, weights)
    height, width = image_size
    parts = [backbone.name, *([backbone.cut] if backbone.cut else []), f"{height}x{width}"]

    def build() -> "ModelProto":
        return keras_backbones.build_graph(backbone, image_size, used, include_preprocessing)

    return _Source(keras_backbones.weights_sha256(used), "-".join(parts), build)


def _cached(stem: str, name: str, build: Callable[[], "ModelProto"], progress: Progress) -> Path:
    """Return a whole file whose name begins with `stem`; build it where there is none.

    A file's name ends with its content's checksum, so that one which was damaged is known and made again, and two
    processes that build at once do no harm.
    """
    folder = cache_dir("backbones")
    for path in sorted(folder.glob(f"{stem}-*.onnx")):
        if _is_whole(path):
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
