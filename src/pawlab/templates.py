"""What all our HTML has in common: how templates are filled, and pictures that stand within the page itself."""

import io
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from pawlab.errors import PictureError
from pawlab.images import Pixels, Preprocess, decode, inspect

_QUALITY = 78


@cache
def environment(folder: Path) -> Any:
    """Return the jinja2 `Environment` that fills the templates of a folder; what comes from outside is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(percent=percent, number="{:,}".format, thumbnail=thumbnail, uri=data_uri)
    return made


def percent(share: float) -> str:
    """Return a share as people read it: 98.5%."""
    return f"{share:.1%}"


def thumbnail(path: str | Path, longest: int) -> Pixels | None:
    """Return a picture in its own shape, its longer side of so many pixels; None where it can't be decoded."""
    try:
        info = inspect(path)
        scale = longest / max(info.width, info.height)
        height, width = (max(1, round(side * scale)) for side in (info.height, info.width))
        return decode(path, Preprocess(height, width))
    except PictureError:
        return None


def data_uri(pixels: Pixels) -> str:
    """Return uint8 (h, w, 3), RGB, as the address of a JPEG image."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"
