"""The table of pretrained networks, of table.toml and keras.toml. `load` brings each into one form: an ONNX file.

The file takes `pictures` (n, h, w, 3), RGB, 0-255, and gives `feature_map` float32 (n, y, x, channels) and `features`
float32 (n, channels), its mean over positions. Tensors inside it are named after the stages; `graphs.edit.with_outputs`
gives them.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from pawlab.errors import RecipeError, WeightsError, did_you_mean

Channels = tuple[float, float, float]  # red, green, blue

FILE_ENDING = ".onnx"


@dataclass(frozen=True)
class Stage:
    """A tensor inside a network, (n, channels, y, x).

    `name`: in the graph; `layer`: its name at the source; `blocks`: how many of a stage end with it, where the reader
    builds them.
    """

    name: str
    channels: int
    layer: str = ""
    blocks: int = 0


@dataclass(frozen=True)
class Backbone:
    """All that is needed to use a pretrained network rightly.

    `reader`: which function of `load.READERS` reads it. `image_size`: pixels each way that the weights were trained at.
    `mean`, `std`: per channel; the network is fed (pixels - mean) / std. `stride`: input pixels per cell of the feature
    map; `channels`: features per cell. `stages`: inner tensors, the first first; `probe_stages`: those that a linear
    probe does better with, by cross-validation (docs/accuracy.md). `parameters`: weights without the classifier, batch
    norm's running statistics included. `sha256`: of the weights file; None where the file is only ever fetched and
    checked by Keras. `extra`: the optional part of pawlab that reads the weights. `cut`: the inner layer whose output
    is the feature map; None for the last. `smallest_image`: the fewest pixels each way. `windows`: (size, stride) of
    the convolutions and pools without padding on the way to the feature map; empty where padding is 'same' throughout;
    (1, 2) halves and rounds up. `keras`: the class of Keras Applications, and the file that it keeps the weights in;
    `turned_layer`: its first convolution, where the weights want blue, green, red. `package`: the Python package that
    brings the weights, and the file in it. `top1`: published share of ImageNet's validation pictures named correctly,
    and `top1_source`. `ms`: measured milliseconds per picture on one core at `image_size`; None where not measured.
    `measured`: where and when. `accuracy`: out-of-fold accuracy on sets of ours, by their names.
    """

    name: str
    reader: str
    image_size: int
    mean: Channels
    std: Channels
    stride: int
    channels: int
    parameters: int
    weights: str
    sha256: str | None = None
    licence: str = ""
    paper: str = ""
    extra: str | None = None
    cut: str | None = None
    smallest_image: int = 32
    windows: tuple[tuple[int, int], ...] = ()
    stages: tuple[Stage, ...] = ()
    probe_stages: tuple[str, ...] = ()
    keras: tuple[str, str] | None = None
    package: tuple[str, str] | None = None
    turned_layer: str | None = None
    top1: float | None = None
    top1_source: str = ""
    ms: float | None = None
    measured: str = ""
    accuracy: dict[str, float] = field(default_factory=dict, hash=False)

    def find_stages(self, names: Sequence[str]) -> tuple[Stage, ...]:
        """Return the stages of these names, in the order of the names. Raises RecipeError where there is none."""
        known = {stage.name: stage for stage in self.stages}
        for name in names:
            if name not in known:
                hint = did_you_mean(name, list(known))
                raise RecipeError(f"{self.name} has no stage '{name}'.{hint} It has: {', '.join(known) or 'none'}.")
        return tuple(known[name] for name in names)

    def map_size(self, pixels: int) -> int:
        """Return how many cells the feature map has along a side of `pixels` pixels."""
        if not self.windows:
            return ceil(pixels / self.stride)
        for size, stride in self.windows:
            pixels = (pixels - size) // stride + 1
        return pixels


def _fixed(value: Any) -> Any:
    """Return a value of the table's file as it stands in a row."""
    return tuple(map(_fixed, value)) if isinstance(value, list) else value


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _rows() -> Iterator[Backbone]:
    families = _read("keras.toml")["families"]
    rows = [
        *_read("table.toml")["backbones"],
        *(family | row for family in families for row in family.pop("backbones")),
    ]
    for values in (row | cut for row in rows for cut in ({}, *row.pop("cuts", ()))):
        stages = tuple(Stage(**stage) for stage in values.pop("stages"))
        yield Backbone(**{key: _fixed(value) for key, value in values.items()}, stages=stages)


BACKBONES = tuple(_rows())


def require_file(path: Path) -> None:
    """Raise WeightsError where there are no weights to read: nothing, a folder, or a pipe, which may never end."""
    if not path.is_file():
        if path.exists():
            raise WeightsError(
                f"the weights {path} aren't a file. Name one; what comes through a pipe can be kept in it."
            )
        raise WeightsError(f"there is no weights file {path}.")


def is_file(name: str) -> bool:
    """Say whether a backbone's name is that of an ONNX file."""
    return name.lower().endswith(FILE_ENDING)


def find_backbone(name: str, cut: str | None = None) -> Backbone:
    """Return the row of that name and cut. Raises RecipeError where there is none."""
    rows = {(backbone.name, backbone.cut): backbone for backbone in BACKBONES}
    if (name, cut) not in rows:
        names = [backbone.name for backbone in BACKBONES if backbone.cut is None]
        inner = f" cut at '{cut}'" if cut else ""
        raise RecipeError(
            f"there is no backbone '{name}'{inner}.{did_you_mean(name, names)} `pawlab backbones` lists those with a "
            "name; your own network is a FILE.onnx, one of a hub is hf:OWNER/REPO."
        )
    return rows[name, cut]


def backbone_output(options: dict[str, Any], height: int, width: int) -> tuple[tuple[int, ...], int]:
    """Return the shape of what a network gives for pictures of that size, and its parameters.

    `options`: of a recipe's layer: the name and cut of a row, or, for a file, the facts themselves. The shape is that
    of the feature map, (y, x, channels), or (d,) where stages are pooled beside it.
    """
    if "feature_map" in options:
        return tuple(options["feature_map"]), options["parameters"]
    row = find_backbone(options["name"], options["cut"])
    if "stages" in options:
        return (row.channels + sum(stage.channels for stage in row.find_stages(options["stages"])),), row.parameters
    return (row.map_size(height), row.map_size(width), row.channels), row.parameters


def backbone_documents(name: str | None = None) -> list[dict[str, Any]]:
    """Return the table's rows as JSON values, or the one of that name. Raises RecipeError where there is none."""
    chosen: Sequence[Backbone] = (
        [row for row in BACKBONES if row.cut is None] if name is None else [find_backbone(name)]
    )
    return [
        {
            "name": row.name,
            "image_size": row.image_size,
            "mean": list(row.mean),
            "std": list(row.std),
            "channels": row.channels,
            "stages": {stage.name: stage.channels for stage in row.stages},
            "parameters": row.parameters,
            "ms_per_picture": row.ms,
            "measured": row.measured or None,
            "weights": row.weights,
            "licence": row.licence,
            "paper": row.paper,
            "extra": row.extra,
        }
        for row in chosen
    ]
