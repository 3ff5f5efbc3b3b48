"""The options on how data is read, which mean the same in every command that takes data."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Annotated, Any

import typer

from pawlab.datasets.options import DEFAULT, DataOptions, NearDuplicates


def _option(kind: Any, text: str, shown: str | bool = True, **more: Any) -> Any:
    return Annotated[kind, typer.Option(help=text, show_default=shown, rich_help_panel="How data is read", **more)]


_KINDS = {
    "split": _option(str, "Percentages of train/validation/test, for data without splits of its own."),
    "split_from": _option(str | None, "Keep the splits of this run's pictures.", False, metavar="RUN"),
    "group": _option(str | None, "A table's column: pictures of one group stay in one split.", False, metavar="COLUMN"),
    "group_from_name": _option(str | None, "Group by what this finds in a picture's name.", False, metavar="REGEX"),
    "near_duplicates": _option(NearDuplicates, "Keep near duplicates in one split, or only report them."),
    "label_from_name": _option(str | None, "Take labels from what this finds in names.", False, metavar="REGEX"),
    "columns": _option(str | None, "A table's columns: path=...,label=...", False),
    "min_per_class": _option(int, "Skip classes with fewer different pictures.", False, min=0),
    "value_range": _option(
        str | None, "Black and white of pictures of more than 8 bits, as in 0,4095.", "found in the data"
    ),
}


def takes_data(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which gets them together as the parameter `options`. Use it below app.command."""
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "options"]
    added = [
        inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=getattr(DEFAULT, item.name),
                          annotation=_KINDS[item.name])
        for item in fields(DataOptions)
    ]  # fmt: skip

    @wraps(command)
    def run(**values: Any) -> None:
        options = DataOptions(**{item.name: values.pop(item.name) for item in fields(DataOptions)})
        command(**values, options=options)

    del run.__dict__["__wrapped__"]  # Typer would look at what lies below
    run.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
    return run
