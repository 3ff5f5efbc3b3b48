"""How data is read and split: the options that every command which takes data understands in one way."""

import re
from dataclasses import asdict, dataclass
from functools import cached_property
from math import isfinite
from typing import Any, Literal, TypedDict, get_args

from pawlab.datasets.dataset import SPLITS, Split
from pawlab.errors import PawlabError
from pawlab.names import flag, plain

NearDuplicates = Literal["group", "report"]

_EXAMPLES = {"split": "80/10/10", "columns": "path=file,label=breed", "value_range": "0,4095"}


class DataKeywords(TypedDict, total=False):
    """`DataOptions` as keyword arguments."""

    split: str
    split_from: str | None
    group: str | None
    group_from_name: str | None
    near_duplicates: NearDuplicates
    label_from_name: str | None
    columns: str | None
    min_per_class: int
    value_range: str | None
    labels: str | None


@dataclass(frozen=True)
class DataOptions:
    """How data is read and split.

    `split`: percentages of train/validation/test, for data without splits of its own. `split_from`: a run whose
    pictures keep their splits. `group`: the table's column, and `group_from_name`: the part of a picture's name (a
    regular expression), by which pictures belong together (a patient, a camera, a burst): groups are never split.
    `near_duplicates`: `group` keeps pictures that show the same in one split, `report` only reports them.
    `label_from_name`: a regular expression that finds the label in a picture's path below the data's folder.
    `columns`: a table's columns, as "path=file,label=breed"; "group=" takes none for groups. `min_per_class`: classes
    with fewer distinct pictures are skipped. `value_range`: "black,white" of pictures of more than 8 bits, where the
    files can't tell. `labels`: the table of decisions that `pawlab review` made; test pictures keep the labels that
    they have.

    A path may be a `Path` or a `Run`. Raises PawlabError for what no option can be, TypeError for what is no text.
    """

    split: str = "80/10/10"
    split_from: str | None = None
    group: str | None = None
    group_from_name: str | None = None
    near_duplicates: NearDuplicates = "group"
    label_from_name: str | None = None
    columns: str | None = None
    min_per_class: int = 0
    value_range: str | None = None
    labels: str | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without the data."""
        for name, value in vars(self).copy().items():
            object.__setattr__(self, name, value := plain(value))
            _require_kind(name, value)
        if self.near_duplicates not in get_args(NearDuplicates):
            choices = " or ".join(get_args(NearDuplicates))
            raise PawlabError(f"near duplicates can't be {self.near_duplicates!r}. Give {choices}.")
        if self.min_per_class < 0:
            raise PawlabError(f"at least {self.min_per_class} pictures per class can't be asked for. Give 0 or more.")
        _ = self.shares, self.column_names, self.label_pattern, self.group_pattern, self.black_and_white

    @cached_property
    def shares(self) -> dict[Split, float]:
        """What part of the pictures each split gets; they add up to 1."""
        numbers = [_number(text) for text in self.split.split("/")]
        wrong = len(numbers) != len(SPLITS) or any(number is None or number <= 0 for number in numbers)
        total = sum(number or 0 for number in numbers)
        if wrong or abs(total - 100) > 1e-6:
            raise PawlabError(
                f"the split {self.split!r} can't be read. Give percentages of train, validation and test, each above "
                "0, that add up to 100, such as 80/10/10."
            )
        return {split: (number or 0) / 100 for split, number in zip(SPLITS, numbers, strict=True)}

    @cached_property
    def column_names(self) -> dict[str, str]:
        """Which column of a table is path, label, split or group, as far as given; empty where none is to be taken."""
        names = {}
        for text in (self.columns or "").split(",") if self.columns else ():
            role, equals, name = (part.strip() for part in text.partition("="))
            optional = role in ("split", "group")
            if not (optional or role in ("path", "label")) or not equals or not (name or optional):
                raise PawlabError(
                    f"columns {self.columns!r} can't be read. Give them as path=COLUMN,label=COLUMN; split=COLUMN and "
                    "group=COLUMN may follow, or split= and group= to take none."
                )
            names[role] = name
        if self.group:
            names["group"] = self.group
        return names

    @cached_property
    def label_pattern(self) -> re.Pattern[str] | None:
        """The compiled `label_from_name`."""
        return _pattern(self.label_from_name, "label_from_name")

    @cached_property
    def group_pattern(self) -> re.Pattern[str] | None:
        """The compiled `group_from_name`."""
        return _pattern(self.group_from_name, "group_from_name")

    @cached_property
    def black_and_white(self) -> tuple[float, float] | None:
        """The values of `value_range`."""
        if self.value_range is None:
            return None
        numbers = [_number(text) for text in self.value_range.split(",")]
        if len(numbers) != 2 or None in numbers or not numbers[0] < numbers[1]:  # type: ignore[operator]
            raise PawlabError(
                f"the value range {self.value_range!r} can't be read. Give black and white, as in 0,4095."
            )
        return numbers[0], numbers[1]  # type: ignore[return-value]

    def keywords(self) -> DataKeywords:
        """Return the options as keyword arguments."""
        return asdict(self)  # type: ignore[return-value]

    def to_dict(self) -> dict[str, Any]:
        """Return the options that differ from the default."""
        default = DataOptions()
        return {name: value for name, value in asdict(self).items() if value != getattr(default, name)}


def _require_kind(name: str, value: Any) -> None:
    """Raise TypeError where an option isn't what it must be: a whole number, or text."""
    if name == "min_per_class":
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} is {value!r}; it must be a whole number")
    elif value is not None and not isinstance(value, str):
        example = f", as in {_EXAMPLES[name]!r}" if name in _EXAMPLES else ""
        raise TypeError(f"{name} is {value!r}; it must be text{example}")


def found_in(pattern: re.Pattern[str], name: str) -> str | None:
    """Return what a pattern finds in a name: its first group that took part, or all of it; None without a match."""
    match = pattern.search(name)
    if match is None:
        return None
    return next((group for group in match.groups() if group), match[0]) or None


def _pattern(text: str | None, option: str) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        name = flag(option)
        raise PawlabError(f"{name} {text!r} isn't a regular expression: {error}.") from error


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


DEFAULT = DataOptions()
