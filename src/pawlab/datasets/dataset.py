"""What a data set is: which pictures, what each shows, and which split each belongs to."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Picture:
    """One labelled picture.

    `path` is where its bytes lie; `name` is how people see it (relative to the data's root, with forward slashes);
    `sha256` is the hexadecimal digest of the file's bytes; `split` is None until splits are assigned. Pictures of one
    `group` (a patient, a camera, a burst) belong in one split.
    """

    path: Path
    name: str
    label: str
    sha256: str
    split: Split | None = None
    group: str | None = None


@dataclass(frozen=True)
class Skipped:
    """A file that was skipped, and why.

    `broken`: whether it was to be a picture and can't be read as one. `picture`: the picture it is, where it was
    skipped as a copy of another.
    """

    name: str
    reason: str
    broken: bool = False
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A picture to predict: its name as people know it, and where its file lies: a path, or an address.

    `version`: what a store says of an object, which changes with its content.
    """

    name: str
    path: str
    version: str = ""


def count_skipped(skipped: Iterable[Skipped]) -> list[dict[str, Any]]:
    """Count what was skipped by extension and reason, the most frequent first."""
    counts = Counter((Path(item.name).suffix.lower(), item.reason) for item in skipped)
    return [
        {"extension": extension, "reason": reason, "files": files}
        for (extension, reason), files in counts.most_common()
    ]


def contents_by_class(pictures: Iterable[Picture]) -> dict[str, set[str]]:
    """Return the distinct contents of each class that has pictures."""
    contents: dict[str, set[str]] = {}
    for picture in pictures:
        contents.setdefault(picture.label, set()).add(picture.sha256)
    return contents


@dataclass(frozen=True)
class Dataset:
    """Pictures and `classes`, each sorted by name; a class's position is its index in every output.

    `notes`: sentences on how the data was understood and split, where that isn't plain; `doubts`: such that people
    should look at. `questioned`: test pictures that a person has judged otherwise than their labels say.
    `before_labels`: the fingerprint that there was before labels given by hand were applied; None where none were.
    """

    name: str
    root: Path
    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    skipped: tuple[Skipped, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
    doubts: tuple[str, ...] = field(default=())
    questioned: int = 0
    before_labels: str | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    def split(self, split: Split) -> tuple[Picture, ...]:
        """Return the pictures of one split, in order."""
        return tuple(picture for picture in self.pictures if picture.split == split)

    def class_indices(self, pictures: Iterable[Picture]) -> list[int]:
        """Return each picture's class as its position in `classes`."""
        positions = {name: index for index, name in enumerate(self.classes)}
        return [positions[picture.label] for picture in pictures]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every picture's name, label and content: the same for the same pictures wherever they lie."""
        import hashlib  # which most that know of data sets don't need

        digest = hashlib.sha256()
        for picture in self.pictures:
            digest.update(f"{picture.name}\0{picture.label}\0{picture.sha256}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def joined(self, other: "Dataset") -> "Dataset":
        """Return the pictures of both, each with the split that it was given; names of the other's begin with its name.

        A number follows where that name is taken, so that each picture keeps a name of its own.
        """
        names = chain((one.name for one in self.pictures), (one.name for one in self.skipped))
        taken = {name.partition("/")[0] for name in names}
        numbered = (f"{other.name}-{number}" for number in count(2))
        folder = next(name for name in chain([other.name], numbered) if name not in taken)
        added = (replace(one, name=f"{folder}/{one.name}") for one in other.pictures)
        skipped = (replace(one, name=f"{folder}/{one.name}") for one in other.skipped)
        return replace(
            self,
            classes=tuple(sorted({*self.classes, *other.classes})),
            pictures=tuple(sorted((*self.pictures, *added), key=lambda picture: (picture.name, picture.label))),
            skipped=(*self.skipped, *skipped),
            notes=(*self.notes, *other.notes),
            doubts=(*self.doubts, *other.doubts),
        )

    def without(self, broken: Iterable[Skipped]) -> "Dataset":
        """Return the data without these pictures, which join `skipped` as broken."""
        broken = tuple(replace(item, broken=True) for item in broken)
        gone = {item.name for item in broken}
        kept = tuple(picture for picture in self.pictures if picture.name not in gone)
        return replace(self, pictures=kept, skipped=self.skipped + broken)
