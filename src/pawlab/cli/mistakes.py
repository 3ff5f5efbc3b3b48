"""What the argument library says of a wrong command, in our words. What it says otherwise stays as it is."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from pawlab.errors import did_you_mean

_IS = {  # by the kind of error that pydantic, which checks the values, reports
    "int_parsing": "is a whole number",
    "int_from_float": "is a whole number",
    "float_parsing": "is a number",
    "greater_than_equal": "is {ge:,} or more",
    "greater_than": "is above {gt:,}",
    "less_than_equal": "is at most {le:,}",
    "less_than": "is below {lt:,}",
}
_NOT_ONE_OF = re.compile(r"'(.*)' is not one of (.*)\.?", re.DOTALL)


def sentence_on(error: Any, command: str) -> str:
    """Return one line on an error of Typer's: what is wrong, the nearest that there is, and where to read on.

    `command`: whose help that is, where the error doesn't know.
    """
    said = next(_sentences(error), "") or error.format_message()
    context = getattr(error, "ctx", None)
    return f"{said} `{command if context is None else context.command_path} --help` shows more."


def _sentences(error: Any) -> Iterator[str]:
    """Yield our words, where we have some: never more than one sentence."""
    for pattern, words in _WORDS.items():
        if found := re.fullmatch(pattern, error.format_message(), re.DOTALL):
            yield words(error, found)
            return


def _no_option(error: Any, found: re.Match[str]) -> str:
    known = [name for parameter in error.ctx.command.params for name in (*parameter.opts, *parameter.secondary_opts)]
    return f"there is no option {found[1]}.{did_you_mean(found[1], [name for name in known if name.startswith('-')])}"


def _too_many(error: Any, found: re.Match[str]) -> str:
    return f"this is too many: {found[1]}. A name with spaces in it goes in quotes."


def _missing(error: Any, found: re.Match[str]) -> str:
    name = found[2].upper() if found[1] == "argument" else found[2]
    what = getattr(error.param, "help", None)
    return f"{name} is missing{f': {what[0].lower()}{what[1:]}' if what else '.'}"


def _missing_command(error: Any, found: re.Match[str]) -> str:
    return f"a command is missing: {' or '.join(error.ctx.command.list_commands(error.ctx))}."


def _invalid(error: Any, found: re.Match[str]) -> str:
    name, said = found[1].strip("'"), found[2].removeprefix("Value error, ")
    if choice := _NOT_ONE_OF.fullmatch(said):
        names = [one.strip("'") for one in choice[2].rstrip(".").split(", ")]
        return f"{name} is one of {', '.join(names)}, not '{choice[1]}'.{did_you_mean(choice[1], names)}"
    for item in _reported(error.__cause__):
        if item["type"] in _IS:
            return f"{name} {_IS[item['type']].format(**item.get('ctx', {}))}, not {item['input']}."
    return f"{name}: {said}"


def _reported(cause: Any) -> list[dict[str, Any]]:
    """Return what pydantic found wrong, if it was pydantic."""
    errors = getattr(cause, "errors", None)
    return errors() if callable(errors) else []


_WORDS: dict[str, Callable[[Any, re.Match[str]], str]] = {
    r"No such option: (\S+).*": _no_option,
    r"No such command (.*?)\.( Did you mean .*)?": lambda _, found: f"there is no command {found[1]}.{found[2] or ''}",
    r"Got unexpected extra argument(?:\(s\)|s)? \((.*)\)": _too_many,
    r"Missing (argument|option) '(.*?)'\..*": _missing,
    r"Missing command\.": _missing_command,
    r"Option '(.*)' requires an argument\.": lambda _, found: f"{found[1]} takes a value, and there is none.",
    r"Option '(.*)' does not take a value\.": lambda _, found: f"{found[1]} takes no value.",
    r"Invalid value for (.*?): (.*)": _invalid,
}
