"""What a recipe is: a model and how it is trained, as plain data that is printed, compared and stored as JSON."""

from dataclasses import dataclass, field
from typing import Any, Literal

from pawlab.pictures import Preprocess


@dataclass(frozen=True)
class Layer:
    """One step of a model: its kind and its options, all JSON values. `recipes.layers` has one function a kind."""

    kind: str
    options: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return `{"kind": ..., option: value, ...}`."""
        return {"kind": self.kind, **self.options}


@dataclass(frozen=True)
class Recipe:
    """A model and how it is trained.

    `preprocess`: how pictures become pixels. `layers`: from pixels 0-255 to one logit a class. `epochs` and `batch_size`
    are 0 where nothing is trained in epochs (a head fitted in one go). `published`: what its source reports, with
    "source" naming it; `measured`: what we saw, with machine and date.
    """

    name: str
    title: str
    source: str
    purpose: str
    preprocess: Preprocess
    layers: tuple[Layer, ...]
    trainer: Literal["head", "keras"]
    batch_size: int = 0
    epochs: int = 0
    optimizer: str = ""
    learning_rate: float = 0.0
    loss: str = ""
    published: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)

    @property
    def backbone(self) -> str | None:
        """Return the name of the pretrained network among the layers, if there is one."""
        return next((str(layer.options["name"]) for layer in self.layers if layer.kind == "backbone"), None)
