"""The example that is written beside an export: a short program that uses it without pawlab."""

import json
from pathlib import Path
from typing import Any

from pawlab.classifier import FILE_NAME
from pawlab.export.forms import FORMS, Name
from pawlab.images import Preprocess
from pawlab.templates import environment


def example(form: Name, target: Path, card: Path, preprocess: Preprocess, scored: bool) -> str:
    """Return the program for an export `target`, to lie beside it and its `card`.

    `scored`: whether it says how unlike the training pictures a picture is, and from where on that is too much.
    """
    file = f"{target.name}/{FILE_NAME}" if form == "web" else target.name
    names = {"file": json.dumps(file), "card": json.dumps(card.name), "form": "onnx" if form == "web" else form}
    pixels = pixels_code(preprocess)
    return _filled("example.py.j2", **names, needs=FORMS[form].needs, pixels=pixels, scored=scored)


def pixels_code(preprocess: Preprocess) -> str:
    """Return the source of a function that prepares a picture file as `images.decode` does: NumPy and Pillow alone."""
    return _filled("pixels.py.j2", longer=max(preprocess.height, preprocess.width), **preprocess.to_dict())


def _filled(template: str, **values: Any) -> str:
    text: str = environment(Path(__file__).parent).get_template(template).render(values)
    return text + "\n"
