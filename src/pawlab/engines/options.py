"""Which engine computes: the options that every command which has an engine understands in one way."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

from pawlab.errors import PawlabError

if TYPE_CHECKING:
    from pawlab.engines.local import Engine

Name = Literal["local", "ray"]
DeviceName = Literal["cpu", "cuda", "coreml", "dml", "openvino"]


class EngineKeywords(TypedDict, total=False):
    """`EngineOptions` as keyword arguments."""

    engine: Name
    address: str | None
    device: DeviceName


@dataclass(frozen=True)
class EngineOptions:
    """`engine`: this machine's cores, or Ray. `address`: of a Ray cluster; Ray on this machine by default.
    `device`: of this machine, what computes the networks.

    Raises PawlabError for what no option can be, or only with another.
    """

    engine: Name = "local"
    address: str | None = None
    device: DeviceName = "cpu"

    def __post_init__(self) -> None:
        """Check what can be checked without the engine."""
        if self.engine not in get_args(Name):
            raise PawlabError(f"there is no engine {self.engine!r}. Give {' or '.join(get_args(Name))}.")
        if self.address is not None and self.engine != "ray":
            raise PawlabError("--address is of a Ray cluster. Add --engine ray, or leave it out.")

        if self.device not in get_args(DeviceName):
            raise PawlabError(f"there is no device {self.device!r}. Give {', '.join(get_args(DeviceName))}.")
        if self.device != "cpu" and self.engine != "local":
            raise PawlabError(f"--device {self.device} is of this machine. Leave out --engine {self.engine}.")

    def open(self) -> "Engine":
        """Return the engine. Raises PawlabError where what it needs isn't installed."""
        if self.device != "cpu":
            from pawlab.engines.device import Device

            return Device(self.device)
        if self.engine == "local":
            from pawlab.engines.local import LOCAL

            return LOCAL
        from pawlab.engines.cluster import Cluster

        return Cluster(self.address)

    def keywords(self) -> EngineKeywords:
        """Return the options as keyword arguments."""
        return asdict(self)  # type: ignore[return-value]

    def to_dict(self) -> dict[str, Any]:
        """Return the options that differ from the default."""
        default = ON_CORES
        return {name: value for name, value in asdict(self).items() if value != getattr(default, name)}


ON_CORES = EngineOptions()
