"""The card of a classifier: what its file says of itself, in its metadata, as JSON that a stranger may have written."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field, fields, replace
from functools import cached_property
from math import inf
from typing import Any

from pawlab.errors import ModelError
from pawlab.images import Preprocess
from pawlab.storage import strict_json

FORMAT = 2  # of the card; a reader refuses what is newer than itself
CONFIDENCE = 0.95  # in what a classifier promises
_LEAST_ANSWERS = 3  # over the share that may be wrong: without a mistake, 95% confidence takes as many
_TRIED = tuple(share / 100 for share in range(50, 100))
_LONGEST = 1000  # characters
_LONGEST_SIDE = 10_000  # pixels, as in recipes
_MOST_SEEN = 100_000
_PREFIX = 8  # bytes of a SHA-256: enough to distinguish a million pictures


@dataclass(frozen=True)
class SeenPictures:
    """Which pictures were used in training and validation, by the first 8 bytes of their SHA-256.

    `count`: how many different ones; `prefixes`: sorted, one behind the other; empty beyond 100,000 pictures, where
    `complete` is False.
    """

    count: int
    prefixes: bytes = field(repr=False)

    @staticmethod
    def of(contents: Iterable[str]) -> "SeenPictures":
        """Take the pictures' SHA-256 in hexadecimal."""
        found = sorted({bytes.fromhex(content)[:_PREFIX] for content in contents})
        return SeenPictures(len(found), b"".join(found) if len(found) <= _MOST_SEEN else b"")

    @property
    def complete(self) -> bool:
        """Say whether every picture is known."""
        return len(self.prefixes) == self.count * _PREFIX

    @cached_property
    def _set(self) -> frozenset[bytes]:
        starts = range(0, len(self.prefixes), _PREFIX)
        return frozenset(self.prefixes[start : start + _PREFIX] for start in starts)

    def __contains__(self, content: str) -> bool:
        return bytes.fromhex(content)[:_PREFIX] in self._set

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"count": self.count, "prefixes": b64encode(self.prefixes).decode("ascii")}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> "SeenPictures":
        """Read back what `to_dict` gave. Raises ValueError where it can't have."""
        found = _Values(values)
        count, text = found.number("count", 0, inf, int), found.get("prefixes")
        prefixes = b64decode(text, validate=True) if isinstance(text, str) else b"?"
        found.require(len(prefixes) in (0, count * _PREFIX), "prefixes", "as long as its count")
        return SeenPictures(count, prefixes)


@dataclass(frozen=True)
class Point:
    """A threshold that promises something: it answers `coverage`, `pictures`, of those that the curve was read off.

    `promised`: with 95% confidence, the accuracy of what it answers is at least this; `accuracy`: what it was.
    """

    threshold: float
    promised: float
    coverage: float
    accuracy: float
    pictures: int


@dataclass(frozen=True)
class Curve:
    """What can be promised, from the most answers to the most certain: each point promises more than those before."""

    points: tuple[Point, ...] = ()

    def at(self, target: float) -> Point | None:
        """Return the point that answers most and keeps a target, above 0 and below 1; None where none does."""
        enough = _LEAST_ANSWERS / (1 - target) - 1e-6
        return next((point for point in self.points if point.promised >= target and point.pictures >= enough), None)

    def most(self) -> tuple[float, Point] | None:
        """Return the highest share of right answers that can be promised, in whole percents from 50, and its point."""
        kept = [(target, point) for target in _TRIED if (point := self.at(target)) is not None]
        return kept[-1] if kept else None

    @staticmethod
    def from_list(rows: Any) -> "Curve":
        """Read it from lists of a point's fields. Raises ValueError where it isn't one."""
        if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 5 for row in rows):
            raise ValueError("in its card, 'curve' isn't made as pawlab's are")
        names = [item.name for item in fields(Point)]
        return Curve(tuple(_point(_Values(dict(zip(names, row, strict=True)))) for row in rows))


@dataclass(frozen=True)
class Card:
    """What the file says of itself, in its metadata.

    `classes`: in the order of the outputs. `threshold`: below this probability a prediction counts as "not sure".
    `target`: how often predictions that are sure are right, at least; None where that isn't promised. `curve`: what
    else could be.
    `version`: of pawlab, when it was made. `ood_threshold`: the same above this `ood_score`, 0 to 2; None where the
    graph doesn't give one. `seen`: which pictures were used in training and validation; None in older files.
    `checksum`: whether the file ends in one; older files have none.
    """

    classes: tuple[str, ...]
    preprocess: Preprocess
    recipe: str
    version: str
    threshold: float
    ood_threshold: float | None = None
    target: float | None = None
    curve: Curve = field(default=Curve(), repr=False)
    seen: SeenPictures | None = field(default=None, repr=False)
    checksum: bool = field(default=True, repr=False)

    def sure_at(self, target: float) -> "Card":
        """Return the card with another promise. Raises ModelError where it can't be kept."""
        if not 0 < target < 1:
            raise ModelError(f"a classifier can be sure at a share between 0 and 1, as in 0.95, not at {target:g}")
        point = self.curve.at(target)
        if point is None:
            raise ModelError(f"this classifier can't promise {target:g}{self._most()}")
        return replace(self, target=target, threshold=point.threshold)

    def _most(self) -> str:
        """Say what could be promised instead."""
        most = self.curve.most()
        if most is None:
            return ", nor anything else: it saw too few pictures, or gets too many wrong. Leave --sure-at out."
        target, point = most
        return f". The most it can is {target:g}, for {point.coverage:.0%} of pictures like those it was trained on."

    def to_json(self) -> str:
        """Return what stands under the metadata key `pawlab`."""
        return json.dumps(
            {
                "format": FORMAT,
                "classes": self.classes,
                "preprocess": self.preprocess.to_dict(),
                "recipe": self.recipe,
                "version": self.version,
                "threshold": self.threshold,
                "ood_threshold": self.ood_threshold,
                "target": self.target,
                "curve": [astuple(point) for point in self.curve.points],
                "seen": None if self.seen is None else self.seen.to_dict(),
                "checksum": self.checksum,
            },
            allow_nan=False,
        )

    @staticmethod
    def from_json(text: str) -> "Card":
        """Read it back, in this format or an older one. Raises ValueError, with the reason, where it isn't sound.

        Class names are texts, two or more, all different; sizes are whole numbers from 1 to 10,000; thresholds lie
        where theirs can; nothing is NaN.
        """
        values = _Values(strict_json(text))
        version = values.text("version")
        if values.number("format", 1, inf, int) > FORMAT:
            raise ValueError(f"it was made by a newer pawlab ({version})")
        limit = "unfamiliarity_threshold" if values.get("format") == 1 else "ood_threshold"
        seen = values.get("seen")
        return Card(
            classes=values.names("classes"),
            preprocess=_preprocess(values.get("preprocess")),
            recipe=values.text("recipe"),
            version=version,
            threshold=values.number("threshold", 0, 1),
            ood_threshold=None if values.get(limit) is None else values.number(limit, 0, 3),
            target=None if values.get("target") is None else values.number("target", 0, 1),
            curve=Curve.from_list(values.get("curve", [])),
            seen=None if seen is None else SeenPictures.from_dict(seen),
            checksum=bool(values.get("checksum", False)),
        )


class _Values(dict[str, Any]):
    """An object of a card, asked for values of a kind. Raises ValueError where they aren't of it."""

    def __init__(self, values: Any) -> None:
        if not isinstance(values, dict):
            raise ValueError("its card isn't made as pawlab's are")
        super().__init__(values)

    def require(self, right: bool, name: str, what: str) -> None:
        if not right:
            raise ValueError(f"in its card, '{name}' is {self.get(name)!r:.60}, not {what}")

    def text(self, name: str) -> str:
        value = self.get(name)
        self.require(isinstance(value, str) and len(value) <= _LONGEST, name, f"a text of up to {_LONGEST} characters")
        return str(value)

    def number(self, name: str, low: float, high: float, kind: type[int] | type[float] = float) -> Any:
        value: Any = self.get(name)
        kinds = (int,) if kind is int else (int, float)
        what = f"a {'whole ' if kind is int else ''}number from {low} to {high}"
        self.require(type(value) in kinds and low <= value <= high, name, what)  # which NaN isn't
        return kind(value)

    def names(self, name: str) -> tuple[str, ...]:
        value: Any = self.get(name)
        texts = isinstance(value, list) and all(isinstance(one, str) and one for one in value)
        self.require(texts and 2 <= len(set(value)) == len(value), name, "two different names or more")
        return tuple(value)


def _point(values: _Values) -> Point:
    threshold, promised, coverage, accuracy = (
        values.number(name, 0, 1) for name in ("threshold", "promised", "coverage", "accuracy")
    )
    return Point(threshold, promised, coverage, accuracy, values.number("pictures", 1, inf, int))


def _preprocess(said: Any) -> Preprocess:
    values = _Values(said)
    for side in ("height", "width"):
        values.number(side, 1, _LONGEST_SIDE, int)
    span = values.get("value_range")
    numbers = isinstance(span, list) and len(span) == 2 and all(type(one) in (int, float) for one in span)
    values.require(span is None or (numbers and all(abs(one) < inf for one in span)), "value_range", "two numbers")
    try:
        return Preprocess.from_dict(values)
    except TypeError as error:
        raise ValueError(f"in its card, 'preprocess' isn't as pawlab writes it: {error}") from error
