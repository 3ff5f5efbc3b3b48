"""The options that mean the same in every command: how data is read, and how much is said."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Annotated, Any

import typer

from pawlab.cli.terminal import set_level
from pawlab.datasets.options import DataOptions, NearDuplicates
from pawlab.engines.options import DeviceName, EngineOptions, Name

Command = Callable[..., None]


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
    "labels": _option(
        str | None, "Labels as corrected by hand: the table that `pawlab review` made.", False, metavar="FILE"
    ),
}

_ENGINE_KINDS = {
    "engine": Annotated[Name, typer.Option(help="What computes: this machine's cores, or Ray.")],
    "address": Annotated[
        str | None, typer.Option(help="Of a Ray cluster, with --engine ray.", show_default="Ray on this machine")
    ],
    "device": Annotated[DeviceName, typer.Option(help="What computes the network on this machine.")],
}

_LEVELS = {
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Print results and mistakes only.")],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Print a line for each step.")],
}


def takes_data(command: Command) -> Command:
    """Add the options to a command, which gets them together as the parameter `options`. Use it below `levelled`."""
    return _taking(command, "options", DataOptions, _KINDS)


def takes_engine(command: Command) -> Command:
    """Add the options to a command, which gets them together as the parameter `engines`. Use it below `takes_data`."""
    return _taking(command, "engines", EngineOptions, _ENGINE_KINDS)


def _taking(command: Command, parameter: str, options: Any, kinds: dict[str, Any]) -> Command:
    defaults = {item.name: item.default for item in fields(options)}

    def run(values: dict[str, Any]) -> None:
        given = options(**{name: values.pop(name) for name in defaults})
        command(**values, **{parameter: given})

    return _extended(command, run, parameter, {name: (kinds[name], value) for name, value in defaults.items()})


def levelled(command: Command) -> Command:
    """Add -q and -v to a command."""

    def run(values: dict[str, Any]) -> None:
        set_level(values.pop("quiet"), values.pop("verbose"))
        command(**values)

    return _extended(command, run, "", {name: (kind, False) for name, kind in _LEVELS.items()})


def _extended(
    command: Command, run: Callable[[dict[str, Any]], None], replaced: str, added: dict[str, tuple[Any, Any]]
) -> Command:
    """Return a command with the parameters `added`, (annotation, default) by name, that calls `run` with all values."""
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != replaced]
    kind = inspect.Parameter.KEYWORD_ONLY
    more = [inspect.Parameter(name, kind, default=value, annotation=what) for name, (what, value) in added.items()]

    @wraps(command)
    def extended(**values: Any) -> None:
        run(values)

    del extended.__dict__["__wrapped__"]  # Typer would look at what lies below
    extended.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    extended.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *more)}
    return extended
