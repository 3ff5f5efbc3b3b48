"""What a recipe is: a model and how it is trained, as plain data that is printed, compared and stored as JSON."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import InitVar, asdict, dataclass, field, replace
from typing import Any, Literal

from pawlab.backbones.hub import PREFIX
from pawlab.images import Preprocess

Loss = Literal[
    "sparse categorical cross-entropy from logits",
    "sparse categorical cross-entropy",
    "binary cross-entropy",
    "cross-entropy + L2, C chosen on validation",
    "",
]

Trainer = Literal["linear_probe", "keras", "finetune"]

_OLD_NAMES = {"oddities": "known_quirks", "fit": "resize_mode"}
_OLD_VALUES = {
    "head": "linear_probe",
    "cross-entropy + L2, its strength chosen on validation": "cross-entropy + L2, C chosen on validation",
}


def with_new_names(values: dict[str, Any], say: Callable[[str, str], None] = lambda old, new: None) -> dict[str, Any]:
    """Return a recipe's values with the names that former versions gave them made new; `say` gets each, old and new."""
    result = {}
    for name, value in values.items():
        new_name, new_value = _OLD_NAMES.get(name, name), value
        if new_name != name and new_name in values:
            new_name = name  # refused later, as what it is: one too many
        if name == "preprocess" and isinstance(value, dict):
            new_value = with_new_names(value, say)
        if name in ("trainer", "loss") and isinstance(value, str):
            new_value = _OLD_VALUES.get(value, value)
        for old, new in ((name, new_name), (value, new_value)):
            if isinstance(old, str) and old != new:
                say(old, new)
        result[new_name] = new_value
    return result


@dataclass(frozen=True)
class Layer:
    """One step of a model: its kind and its options, all JSON values. `recipes.layers` has one function per kind."""

    kind: str
    options: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return `{"kind": ..., option: value, ...}`."""
        return {"kind": self.kind, **self.options}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Layer":
        """Read back what `to_dict` gave."""
        return Layer(values["kind"], {name: value for name, value in values.items() if name != "kind"})

    def having(self, **options: Any) -> "Layer":
        """Return the layer with these options changed."""
        return Layer(self.kind, {**self.options, **options})


def trainer_of(layers: Sequence[Layer]) -> Trainer:
    """Return the trainer that follows from the layers."""
    kinds = {layer.kind for layer in layers}
    if "fine_tune" in kinds:
        return "finetune"
    return "linear_probe" if kinds & {"standardise", "logistic_regression"} else "keras"


def probe_layers(network: Layer) -> tuple[Layer, ...]:
    """Return the layers of a linear probe on a backbone, which pools by itself where it is given stages."""
    pool = () if "stages" in network.options else (Layer("global_average_pool"),)
    return (network, *pool, Layer("standardise"), Layer("logistic_regression"))


def loss_of(layers: Sequence[Layer]) -> Loss:
    """Return the loss that follows from the layers: from the activation of the last dense one, if there is one."""
    activations = [layer.options["activation"] for layer in layers if layer.kind == "dense"]
    if trainer_of(layers) == "finetune":
        return "sparse categorical cross-entropy from logits"
    match activations[-1:]:
        case []:
            return "cross-entropy + L2, C chosen on validation"
        case ["sigmoid"]:
            return "binary cross-entropy"
        case ["softmax"]:
            return "sparse categorical cross-entropy"
    return "sparse categorical cross-entropy from logits"


@dataclass(frozen=True)
class Recipe:
    """A model and how it is trained.

    `preprocess`: how pictures become pixels. `layers`: from pixels 0-255 to one output per class. `epochs` and
    `batch_size` are 0 where nothing is trained in epochs (a head fitted in one go). `early_stopping`: stop after so
    many epochs without a better validation accuracy, or loss where a network is fine-tuned; 0 trains all epochs.
    `small_size`: pixels each way that pictures get instead where most are smaller than `preprocess` makes them; 0
    changes nothing. `known_quirks`: what a reader would take for our mistake, one sentence each. `published`: what its
    source reports; `measured`: what we saw, with machine and date.
    """

    name: str
    title: str
    source: str
    purpose: str
    preprocess: Preprocess
    layers: tuple[Layer, ...]
    trainer: Trainer
    batch_size: int = 0
    epochs: int = 0
    optimizer: str = ""
    learning_rate: float = 0.0
    small_size: int = 0
    loss: Loss = ""
    early_stopping: int = 0
    known_quirks: tuple[str, ...] = ()
    published: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)
    oddities: InitVar[tuple[str, ...] | None] = None  # the former name of known_quirks

    def __post_init__(self, oddities: tuple[str, ...] | None) -> None:
        if oddities is not None:
            warnings.warn("Recipe(oddities=...) is now known_quirks=...", DeprecationWarning, stacklevel=3)
            object.__setattr__(self, "known_quirks", oddities)

    def fitting(self, sizes: Sequence[tuple[int, int]]) -> "Recipe":
        """Return the recipe as it is for pictures of these sizes, (width, height) each: see `small_size`."""
        height, width = self.preprocess.height, self.preprocess.width
        smaller = sum(given_width < width and given_height < height for given_width, given_height in sizes)
        if not self.small_size or 2 * smaller <= len(sizes):
            return self
        return replace(self, preprocess=replace(self.preprocess, height=self.small_size, width=self.small_size))

    @property
    def backbone(self) -> str | None:
        """Return the name of the pretrained network among the layers, if there is one."""
        return str(self._network["name"]) if self._network else None

    @property
    def _network(self) -> dict[str, Any]:
        """Return the options of the backbone's layer; none where there is no backbone."""
        return next((layer.options for layer in self.layers if layer.kind == "backbone"), {})

    @property
    def has_chosen_network(self) -> bool:
        """Say whether `--backbone` brought the network: a file, one of a hub, or the best of those at hand."""
        return not {"sha256", "hub", "why"}.isdisjoint(self._network)

    @property
    def hub_name(self) -> str | None:
        """Return the name by which the backbone was fetched from a hub, at that commit; None where it wasn't."""
        found = self._network.get("hub")
        return f"{PREFIX}{found['repo']}:{found['file']}@{found['revision']}" if found else None

    @property
    def stages(self) -> tuple[str, ...]:
        """Return the backbone's inner tensors whose means a linear probe sees beside its features."""
        return tuple(self._network.get("stages", ()))

    @property
    def outputs(self) -> int:
        """Return how many outputs the last dense layer has; 2 where it is one sigmoid, or there is none."""
        units: list[int] = [layer.options["units"] for layer in self.layers if layer.kind == "dense"]
        return max([2, *units[-1:]])

    @property
    def trains_in_epochs(self) -> bool:
        """Say whether there is anything to watch, stop and resume; a linear probe is fitted in one go."""
        return self.epochs > 0

    def to_dict(self) -> dict[str, Any]:
        """Return the whole recipe as JSON values: what a run stores."""
        return {
            **asdict(self),
            "preprocess": self.preprocess.to_dict(),
            "layers": [layer.to_dict() for layer in self.layers],
            "known_quirks": list(self.known_quirks),
        }

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "Recipe":
        """Read back what `to_dict` gave, through JSON or not, or what older versions wrote."""
        values = with_new_names(values)
        return Recipe(
            **{
                **values,
                "preprocess": Preprocess.from_dict(values["preprocess"]),
                "layers": tuple(Layer.from_dict(layer) for layer in values["layers"]),
                "known_quirks": tuple(values["known_quirks"]),
            }
        )

    def for_classes(self, classes: int) -> "Recipe":
        """Return the recipe for so many classes (2 or more): the last dense layer has at least one output for each.

        One sigmoid stands for two classes; for more it becomes a softmax, and the loss follows.
        """
        last = max((i for i, layer in enumerate(self.layers) if layer.kind == "dense"), default=None)
        if last is None:
            return self
        layer = self.layers[last]
        units, activation = max(classes, layer.options["units"]), layer.options["activation"]
        if activation == "sigmoid":
            if classes == 2:
                return self
            activation = "softmax"
        layers = (*self.layers[:last], layer.having(units=units, activation=activation), *self.layers[last + 1 :])
        return replace(self, layers=layers, loss=loss_of(layers))
