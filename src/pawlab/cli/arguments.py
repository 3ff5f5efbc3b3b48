"""Arguments and options that several commands have, each said once."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pawlab.files.addresses import is_address

DATA_HELP = (
    "A folder with one subfolder per class, or with train/ and validation/ of such; a zip or tar of either; its "
    "address (http, s3, gs, az, hf); a CSV or Parquet table with columns path and label; or a known name: sample, "
    "cats-and-dogs."
)


def argument(text: str) -> Any:
    """Return a command's argument with its help."""
    return typer.Argument(help=text, show_default=False)


def option(text: str, default: str | bool = False, **more: Any) -> Any:
    """Return an option; `default`: what its help says of the default, where None stands for more than nothing."""
    return typer.Option(help=text, show_default=default, **more)


def path_here(out: Path | None) -> Path | None:
    """Refuse an address where a path is to be given: a folder called `s3:` would be made."""
    if out is not None and is_address(str(out).replace(":/", "://", 1)):
        raise typer.BadParameter("give a path; only predict and train write to addresses.")
    return out


ResizeMode = Literal["squash", "crop", "pad"]
Data = Annotated[str, argument(DATA_HELP)]
Model = Annotated[str, argument("A run's folder, or its model.onnx.")]
Weights = Annotated[Path | None, option("The backbone's pretrained weights.", "found by themselves")]
Resize = Annotated[ResizeMode | None, option("How pictures are brought to the recipe's shape.", "the recipe's")]
SureAt = Annotated[
    float | None,
    option("The share of answers that must be right; it is not sure of the rest.", "the highest that can be promised"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Seed = Annotated[int, typer.Option(min=0, help="Decides the split and all random numbers.")]
