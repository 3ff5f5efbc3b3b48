"""The built-in pictures, so that everything can be tried without a download: 300 drawn cats and dogs in one zip.

sample.zip holds train/, validation/ and test/ of cats/ and dogs/: 180, 60 and 60 JPEG files of 200 to 256 pixels a
side. The set is staged: `fast` gets most of it right and makes a few mistakes, so that every part of a report has
something to show. Its scores say nothing about photos.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path

SAMPLE = Path(__file__).with_name("sample.zip")


def sample_files(count: int) -> Iterator[bytes]:
    """Yield the bytes of so many JPEG files of the sample, cats and dogs in turn."""
    with zipfile.ZipFile(SAMPLE) as archive:
        names = sorted(archive.namelist(), key=lambda name: name[-7:])  # by number, so that the classes alternate
        for name in names[:count]:
            yield archive.read(name)
