"""What a table's or list's text means as a file: other systems' separators, missing extensions, composed letters."""

import re
import unicodedata
from collections import defaultdict
from functools import cached_property
from pathlib import Path

from pawlab.errors import DataError
from pawlab.files.addresses import is_address
from pawlab.files.names import is_picture_file
from pawlab.files.scan import scan
from pawlab.images import extensions, is_picture_name
from pawlab.names import from_printable

_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


class Files:
    """Finds pictures from texts, as seen from one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, text: str) -> Path | str:
        """Return the picture that a text means, or why there's none, as a verb phrase.

        Tried in this order: the text as a path; without blanks around it, with slashes for backslashes, its letters
        composed or taken apart; with each extension of pictures; and the only picture of this name below the folder.
        """
        try:
            for form in _forms(text):
                path = self._folder / form
                if path.is_file():
                    return path if is_picture_file(path) else "isn't a picture"
                if path.exists():
                    return "isn't a file"
            return self._with_extension(text) or self._by_name(text) or _missing(text)
        except (OSError, ValueError) as error:
            return f"can't be read: {getattr(error, 'strerror', None) or error}"

    def _with_extension(self, text: str) -> Path | None:
        form = _slashed(text)
        if is_picture_name(form):
            return None
        paths = (self._folder / f"{form}{extension}" for extension in sorted(extensions()))
        return next((path for path in paths if path.is_file()), None)

    def _by_name(self, text: str) -> Path | None:
        """Return the only picture below the folder that is called so, with its extension or without."""
        form = unicodedata.normalize("NFC", _slashed(text)).removeprefix("./")
        found = [] if not form or "/" in form else self._named.get(form, [])
        return found[0] if len(found) == 1 else None

    @cached_property
    def _named(self) -> dict[str, list[Path]]:
        named: dict[str, list[Path]] = defaultdict(list)
        try:
            files = scan(self._folder).all_files()
        except DataError:
            return named
        for file in files:
            for name in {file.name, file.stem}:
                named[unicodedata.normalize("NFC", name)].append(file)
        return named


def _forms(text: str) -> list[str]:
    slashed = _slashed(text)
    composed = (unicodedata.normalize(form, slashed) for form in ("NFC", "NFD"))
    return list(dict.fromkeys((text, from_printable(text), slashed, *composed)))


def _slashed(text: str) -> str:
    return text.strip().replace("\\", "/")


def _missing(text: str) -> str:
    if is_address(text.strip()):
        return "is an address, which isn't followed in a table. Give a path that is relative to the table"
    if _DRIVE.match(text.strip()):
        return "is a path of another machine, with a drive and backslashes; make it relative to the table"
    return "doesn't exist"
