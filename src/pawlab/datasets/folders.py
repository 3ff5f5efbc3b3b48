"""A folder on disk -> labelled candidates: which subfolders are classes, and which are train, validation and test.

    photos/cats/1.jpg                       classes
    photos/train/cats/1.jpg                 splits, then classes
    photos/cats/train/1.jpg                 classes, then splits
    photos/seg_train/seg_train/cats/1.jpg   the same, with folders in between that offer no choice

Splits go by many names (`split_named`). All folders below a class folder belong to that class, but for masks (`masks`).
Where folders could be read in two ways, they are refused with both: no classifier is trained to tell train from test,
or one year from another. Results of pawlab's are skipped, so that training on the folder one works in makes no class of
its plots.
"""

import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pawlab.datasets.dataset import SPLITS, Dataset, Skipped, Split
from pawlab.datasets.folder_names import Kind, accompanies_classes, says_pictures, split_named
from pawlab.datasets.masks import holds_masks, masks_in
from pawlab.datasets.options import DEFAULT, DataOptions, found_in
from pawlab.datasets.reading import Candidate, label_text, read_dataset
from pawlab.errors import DataError, counted
from pawlab.files.names import NO_PICTURE, TABLE, why_passed_over
from pawlab.files.scan import Folder, scan
from pawlab.names import printable
from pawlab.progress import Progress, silent

_BESIDE_SPLITS = "lies beside the splits' folders"
_COVERS = 3  # so many pictures may lie beside the folder that holds all others: a cover, a screenshot, a diagram
_NUMBERED = r"([^/\d]+?)[\W_]*\d+[^/\d]*\.\w+$"  # cat.0.jpg, american_bulldog_12.jpg
_FEWEST_NAMED = 0.9  # of the files in a flat folder, that have to fit _NUMBERED before it is proposed


@dataclass
class _Found:
    """Labelled files, the rest with reasons, and lines on what was understood."""

    candidates: list[Candidate] = field(default_factory=list)
    left_over: list[tuple[Path, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    masks: dict[Path, str] = field(default_factory=dict)

    def skip(self, folder: Folder, reason: str) -> None:
        """Skip all that a folder holds."""
        self.left_over += [(file, reason) for file in folder.all_files()]

    def add(self, folder: Folder, top: Folder, label: str, split: Split | None) -> None:
        """Take all that a folder holds for pictures of a class, but for masks."""
        masks = masks_in(folder)
        self.masks.update(masks)
        files = [file for file in folder.all_files() if file not in masks]
        self.candidates += [Candidate(file, _name(file, top.path), label, split) for file in files]


def folder_dataset(
    path: Path,
    name: str,
    progress: Progress = silent,
    shown: Path | None = None,
    options: DataOptions = DEFAULT,
) -> Dataset:
    """Read a folder of labelled pictures; `split` is set where its subfolders are train, validation or test.

    `shown` is what errors call the folder, where people know it by another path: that of an archive.

    Files that belong to no class or can't be read as pictures are skipped, with the reason. Raises DataError where
    there's no folder, it can't be read, it holds no pictures in class folders, or could be read in two ways.
    """
    scanned = scan(path.absolute())
    shown = shown or path
    top, doubts = _descend(scanned, shown, options)
    shown /= top.path.relative_to(scanned.path)
    found = _by_name(top, options) if options.label_pattern else _by_folder(top, shown)
    if not found.candidates:
        raise _no_candidates(scanned, top, shown, options)
    found.left_over += [(file, why_passed_over(file)) for inner in scanned.walk() for file in inner.others]
    found.left_over += [(file, "lies beside the data's folder") for file in _beside(scanned, top)]
    if found.masks:
        count, first = counted(len(found.masks), "picture", "pictures"), _name(min(found.masks), top.path)
        doubts.append(f"{count} skipped as masks of others, the first is {first} (rename what is none)")
    left_over = (*found.left_over, *found.masks.items())
    skipped = [Skipped(_name(file, top.path), reason) for file, reason in left_over]
    return read_dataset(
        name, top.path, found.candidates, skipped, progress, tuple(found.notes), options, (*doubts, *found.doubts)
    )


def _descend(scanned: Folder, shown: Path, options: DataOptions) -> tuple[Folder, list[str]]:
    """Go down through folders that offer no choice, as in many archives; return the last one, and doubts.

    Raises DataError where what lies beside one of them may be a class; a pattern for labels settles that.
    """
    folder, doubts = scanned, []
    while (inner := _only_one(folder)) and split_named(inner.name) is None and _is_wrapper(inner):
        beside = [one for one in folder.with_pictures if one is not inner]
        if not says_pictures(inner.name) and sum(len(one.all_files()) for one in beside) > _COVERS:
            if options.label_pattern:
                break
            raise _class_or_not(beside[0], inner, shown / folder.path.relative_to(scanned.path))
        doubts += [_set_aside(one, inner) for one in beside]
        folder = inner
    return folder, doubts


def _set_aside(beside: Folder, inner: Folder) -> str:
    return (
        f"{printable(beside.name)}/ lies beside {printable(inner.name)}/, which holds the classes: "
        f"{counted(len(beside.all_files()), 'picture', 'pictures')} skipped (if it is a class, rename it)"
    )


def _class_or_not(beside: Folder, inner: Folder, shown: Path) -> DataError:
    one, other = printable(beside.name), printable(inner.name)
    classes = ", ".join(printable(folder.name) for folder in inner.with_pictures[:5])
    below = shlex.quote(f"^{re.escape(other)}/([^/]+)/")
    return DataError(
        f"{one}/ in {printable(str(shown))} may be a class as {other}/ is, or lie beside the classes in {other}/ "
        f"({classes}): which is it? Add --label-from-name '^([^/]+)/' for the classes {one} and {other}, {below} for "
        f"those in {other}/."
    )


def _only_one(folder: Folder) -> Folder | None:
    """Return the subfolder that holds all pictures, but for a cover and what lies in masks, docs and the like."""
    if len(folder.files) > _COVERS:
        return None
    inner = folder.with_pictures
    if len(inner) > 1:
        inner = [one for one in inner if not accompanies_classes(one.name)]
        if len(inner) != 1 or len(inner[0].with_pictures) < 2:
            return None
    return inner[0] if inner else None


def _is_wrapper(only: Folder) -> bool:
    """A lone folder of pictures is a class; one that holds folders of pictures, and no more than a cover, is none."""
    return bool(only.with_pictures) and (not only.files or (len(only.with_pictures) > 1 and len(only.files) <= _COVERS))


def _beside(scanned: Folder, top: Folder) -> list[Path]:
    """Return the pictures that don't lie below the folder that holds the data."""
    below = {id(folder) for folder in top.walk()}
    return [file for folder in scanned.walk() if id(folder) not in below for file in folder.files]


def _by_folder(top: Folder, shown: Path) -> _Found:
    """Take labels from folders."""
    found = _Found()
    splits = _split_folders(top)
    found.left_over += [(path, reason) for folder in top.walk() for path, reason in folder.skipped]
    if not splits:
        _add_classes(found, top, top, None, shown)
        return found
    found.left_over += [(file, _BESIDE_SPLITS) for file in top.files]
    read, beside = [], []
    for folder in top.folders:
        kind = split_named(folder.name) if folder in splits else None
        inner = _descend_split(folder, splits)
        if kind is None:
            found.skip(folder, _BESIDE_SPLITS)
            beside.append(inner)
        elif kind == "unlabelled" or (not inner.with_pictures and inner.files):
            found.notes.append(_skip_unlabelled(found, folder, top))
        elif inner.with_pictures:
            _add_classes(found, inner, top, kind, shown / folder.name)
            classes = counted(len(inner.with_pictures), "class", "classes")
            read.append((SPLITS.index(kind), f"{_name(inner.path, top.path)}/ -> {kind}, {classes}"))
        else:
            found.left_over.append((folder.path, "is a folder without pictures"))
    found.notes[:0] = ["; ".join(line for _, line in sorted(read))] if read else []
    found.doubts += _like_splits(beside, {candidate.label for candidate in found.candidates}, top)
    return found


def _like_splits(beside: Iterable[Folder], labels: set[str], top: Folder) -> list[str]:
    """Return a line for each folder beside the splits that holds classes of theirs: a split by another name."""
    return [
        f"{_name(folder.path, top.path)}/ holds the same classes, but its name says no split: "
        f"{counted(len(folder.all_files()), 'picture', 'pictures')} skipped (rename it to train, validation or test)"
        for folder in beside
        if len({label_text(inner.name) for inner in folder.with_pictures} & labels) > 1
    ]


def _split_folders(top: Folder) -> list[Folder]:
    """Return the subfolders that are splits; none where these are classes that happen to be called so.

    They are splits where nothing else holds pictures, or where they hold folders of classes and the rest doesn't. So
    `train`, `plane` and `car`, each with pictures, are three classes.
    """
    named = [folder for folder in top.with_pictures if split_named(folder.name)]
    with_classes = [folder for folder in named if folder.with_pictures and not folder.files]
    if len(named) == len(top.with_pictures):
        return named
    if len({split_named(folder.name) for folder in with_classes}) > 1:
        return named
    return named if any(len(folder.with_pictures) > 1 for folder in with_classes) else []


def _descend_split(folder: Folder, splits: Sequence[Folder]) -> Folder:
    """Go down within a split to its class folders, as in training_set/training_set/cats."""
    while len(folder.with_pictures) == 1 and len(folder.files) <= _COVERS:
        inner = folder.with_pictures[0]
        elsewhere = {one.name for other in splits if len(other.with_pictures) > 1 for one in other.with_pictures}
        same = inner.name.casefold() == folder.name.casefold()
        if not same and (inner.name in elsewhere or not _is_wrapper(inner)):
            break
        folder = inner
    return folder


def _skip_unlabelled(found: _Found, folder: Folder, top: Folder) -> str:
    """Skip a folder called test or the like that holds no classes; return a line that says so."""
    name = _name(folder.path, top.path)
    found.skip(folder, f"has no label: {name}/ holds no class folders")
    pictures = counted(len(folder.all_files()), "picture", "pictures")
    return f"{name}/ holds no class folders: {pictures} skipped as unlabelled"


def _add_classes(found: _Found, parent: Folder, top: Folder, split: Split | None, shown: Path) -> None:
    """Take a folder's subfolders as classes; where each of them holds splits, go down once more."""
    found.left_over += [(file, "lies in no class folder") for file in parent.files]
    classes = _without_unlabelled(found, parent, top)
    classes = _without_repeats(found, classes, top)
    inverted = split is None and _hold_splits(classes)
    if not inverted:
        _require_one_reading(classes, shown)
    for folder in classes:
        label = label_text(folder.name)
        if inverted:
            for inner in folder.folders:
                kind = split_named(inner.name)
                if kind is None or kind == "unlabelled":
                    found.skip(inner, _BESIDE_SPLITS)
                else:
                    found.add(inner, top, label, kind)
        else:
            found.add(folder, top, label, split)
        if not folder.holds_pictures:
            found.left_over.append((folder.path, "is a folder without pictures"))
    if inverted:
        within = (inner.name for folder in classes for inner in folder.with_pictures)
        splits = sorted({printable(name) for name in within if split_named(name) != "unlabelled"})
        found.notes.append(f"{counted(len(classes), 'class', 'classes')}, each with {', '.join(splits)}")


def _without_unlabelled(found: _Found, parent: Folder, top: Folder) -> list[Folder]:
    """Skip flat folders called test, val or pred among classes. A class may be called train, but for nothing else."""
    kept = []
    for folder in parent.folders:
        kind = split_named(folder.name) if folder.holds_pictures else None
        if kind is None or len(parent.with_pictures) == 1:
            kept.append(folder)
        elif folder.name.casefold() in ("train", "trains"):
            kept.append(folder)
            found.doubts.append(f"{_name(folder.path, top.path)}/ is taken for a class, as other classes lie beside it")
        else:
            pattern = "^" + "[^/]+/" * len(parent.path.relative_to(top.path).parts) + "([^/]+)/"
            line = _skip_unlabelled(found, folder, top)
            found.doubts.append(f"{line} (if it is a class, add --label-from-name '{pattern}')")
    return kept


def _without_repeats(found: _Found, classes: list[Folder], top: Folder) -> list[Folder]:
    """Skip a folder among the classes that holds these classes once more, as nested copies in archives do."""
    kept = []
    for folder in classes:
        others = {_key(other) for other in classes if other is not folder and other.holds_pictures}
        within = {_key(inner) for inner in folder.with_pictures}
        if len(within & others) > 1 and not within - others and len(folder.files) <= _COVERS:
            name = _name(folder.path, top.path)
            found.skip(folder, f"lies in {name}/, which repeats the class folders beside it")
            found.doubts.append(f"{name}/ repeats the class folders beside it: skipped")
        else:
            kept.append(folder)
    return kept


def _hold_splits(classes: Iterable[Folder]) -> bool:
    """Say whether every class holds nothing but two or more splits: cats/train, cats/test, dogs/train, dogs/test."""
    filled = [folder for folder in classes if folder.holds_pictures]
    return bool(filled) and all(
        not folder.files and len({split_named(inner.name) for inner in folder.with_pictures} - {None}) > 1
        and all(split_named(inner.name) for inner in folder.with_pictures)
        for folder in filled
    )  # fmt: skip


def _require_one_reading(classes: Iterable[Folder], shown: Path) -> None:
    """Refuse folders that all hold the same subfolders: which of the two are the classes isn't to be seen."""
    filled = [folder for folder in classes if folder.holds_pictures]
    names = [{_key(inner) for inner in folder.with_pictures if not holds_masks(inner, folder)} for folder in filled]
    common = set.intersection(*names) if names else set()
    if len(filled) < 2 or len(common) < 2 or any(folder.files for folder in filled):
        return
    outer = " and ".join(f"{printable(folder.name)}/" for folder in filled[:2])
    inner = ", ".join(printable(name) for name in sorted(common)[:5])
    raise DataError(
        f"the folders {outer} in {printable(str(shown))} hold the same subfolders ({inner}): which are the classes? "
        "Add --label-from-name '([^/]+)/[^/]+$' for the inner ones, '([^/]+)/[^/]+/[^/]+$' for the outer ones."
    )


def _key(folder: Folder) -> str:
    return unicodedata.normalize("NFC", folder.name).casefold()


def _by_name(top: Folder, options: DataOptions) -> _Found:
    """Take labels from the pictures' names; splits from folders where all that hold pictures are splits."""
    pattern = options.label_pattern
    assert pattern is not None
    found = _Found(left_over=[item for folder in top.walk() for item in folder.skipped])
    splits = {id(folder): split_named(folder.name) for folder in _split_folders(top)} if not top.files else {}
    found.masks = masks_in(top)
    labels: Counter[tuple[str, Kind | None]] = Counter()
    for folder in (top, *top.folders):
        kind = splits.get(id(folder))
        for file in folder.files if folder is top else folder.all_files():
            if file in found.masks:
                continue
            label = found_in(pattern, _name(file, top.path))
            if label is None or kind == "unlabelled":
                found.left_over.append((file, "has no label: its name doesn't match --label-from-name"))
            elif splits and kind is None:
                found.left_over.append((file, _BESIDE_SPLITS))
            else:
                labels[label_text(label), kind] += 1
                found.candidates.append(Candidate(file, _name(file, top.path), label_text(label), kind))
    classes = sorted({label for label, _ in labels})
    found.notes.append(f"labels from names: {', '.join(classes[:5])}{', ...' if len(classes) > 5 else ''}")
    return found


def _name(path: Path, root: Path) -> str:
    """Return how people see a file: from the data's folder on, or else from the folder around it."""
    return printable((path.relative_to(root) if path.is_relative_to(root) else Path(path.name)).as_posix())


def _no_candidates(scanned: Folder, top: Folder, shown: Path, options: DataOptions) -> DataError:
    flat = max(top.walk(), key=lambda folder: len(folder.files))
    place = printable(str(shown / flat.path.relative_to(top.path)))
    unreadable = [item for inner in scanned.walk() for item in inner.skipped]
    others = [file for inner in scanned.walk() for file in inner.others]
    if flat.files and options.label_pattern:
        return DataError(
            f"no picture's name in {printable(str(shown))} matches --label-from-name {options.label_from_name!r}; "
            f"the first is {_name(flat.files[0], top.path)}."
        )
    if flat.files:
        problem = f"holds {counted(len(flat.files), 'picture', 'pictures')} but no class folders. Move each"
    elif unreadable:
        path, reason = unreadable[0]
        problem = f"holds no pictures that can be read ({_name(path, top.path)} {reason}). Put each"
    elif others:
        problem = f"holds no pictures, only {_kinds_of(others)}. Put each"
    else:
        problem = "holds no pictures. Put each"
    return DataError(
        f"{place} {problem} into a folder named after what it shows, such as cats/ and dogs/."
        f"{_proposal(flat.files) or _table_among(others, top)}"
    )


def _table_among(others: Sequence[Path], top: Folder) -> str:
    """Return what to do with the first table, if there's one."""
    tables = (f" {_name(file, top.path)} {TABLE}." for file in others if why_passed_over(file) == TABLE)
    return next(tables, "")


def _kinds_of(files: Sequence[Path]) -> str:
    """Return which files there are, the most frequent first: `40 .mov files (is a video)`."""
    kinds = Counter((file.suffix.lower() or file.name, why_passed_over(file)) for file in files)
    return ", ".join(
        counted(count, f"{suffix} file", f"{suffix} files") + (f" ({reason})" if reason != NO_PICTURE else "")
        for (suffix, reason), count in kinds.most_common(3)
    )


def _proposal(files: Sequence[Path]) -> str:
    """Return how to take labels from names, where the names of a flat folder seem to hold some."""
    pattern = re.compile(_NUMBERED)
    labels = Counter(label for file in files if (label := found_in(pattern, printable(file.name))))
    if labels.total() < _FEWEST_NAMED * len(files) or not 2 <= len(labels) <= max(2, len(files) // 3):
        return ""
    shown = ", ".join(sorted(labels)[:5]) + (", ..." if len(labels) > 5 else "")
    return f" Or take labels from the names ({len(labels)} found: {shown}): --label-from-name '{_NUMBERED}'"
