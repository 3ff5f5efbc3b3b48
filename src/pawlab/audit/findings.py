"""What a check finds: one plain record, the same for the terminal, for JSON and for the page."""

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["serious", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "note")  # worst first


@dataclass(frozen=True)
class Mention:
    """A picture that a finding is about, by `Picture.name`, and in a few words what is the matter with this one."""

    name: str
    detail: str = ""


@dataclass(frozen=True)
class Finding:
    """What one check found.

    `severity`: `serious` makes scores untrue or loses pictures, `warning` is likely to cost accuracy, `note` is worth
    knowing. `sentence`: whole sentences in plain words, with what to do. `groups`: the pictures concerned, those
    together that belong together, such as copies; a group of one where each picture stands for itself; empty where the
    finding is about the whole set. No picture is in two groups.
    """

    check: str
    severity: Severity
    sentence: str
    groups: tuple[tuple[Mention, ...], ...] = ()

    @property
    def pictures(self) -> tuple[str, ...]:
        """Return the names of all pictures concerned."""
        return tuple(mention.name for group in self.groups for mention in group)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values; `groups` is a list of lists of `{"picture": name, "detail": text}`."""
        groups = [[{"picture": item.name, "detail": item.detail} for item in group] for group in self.groups]
        return {"check": self.check, "severity": self.severity, "sentence": self.sentence, "groups": groups}
