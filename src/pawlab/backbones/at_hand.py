"""The networks that can be used on this machine without fetching anything."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from pawlab.backbones import efficientnet_lite, keras_applications
from pawlab.backbones.table import BACKBONES, FILE_ENDING


def at_hand() -> list[str]:
    """Return the names of networks whose weights are here, those with the fewest parameters first, then files.

    They are the rows of the table whose weights are installed, lie in the folder PAWLAB_WEIGHTS_DIR or in Keras's own,
    and the ONNX files in that folder.
    """
    rows = [row for row in BACKBONES if row.cut is None]
    here = [row for row in rows if row.reader == "efficientnet_lite" and efficientnet_lite.is_installed(row)]
    if all(find_spec(name) for name in ("keras", "tensorflow")):
        readable = [row for row in rows if row.reader == "keras_applications"]
        here += [row for row in readable if keras_applications.kept_weights(row, (row.image_size, row.image_size))]
    return [*(row.name for row in sorted(here, key=lambda row: row.parameters)), *map(str, _files())]


def _files() -> Iterator[Path]:
    folder = os.environ.get("PAWLAB_WEIGHTS_DIR")
    if folder and Path(folder).is_dir():
        yield from sorted(path.absolute() for path in Path(folder).iterdir() if path.suffix.lower() == FILE_ENDING)
