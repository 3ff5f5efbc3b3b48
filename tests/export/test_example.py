"""The printed code prepares every kind of file as the decoder does, pixel by pixel."""

import io
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from pawlab.export.example import pixels_code
from pawlab.images import Interpolation, Preprocess, ResizeMode, decode
from picture_files import as_rgb, encode, exif, gray_quadrants, palette, png, quadrants, smooth, tiff16

RAMP = np.linspace(0, 65535, 60 * 90).reshape(60, 90)
ALPHA = np.dstack([smooth(90, 60), np.linspace(0, 255, 60 * 90).reshape(60, 90).astype(np.uint8)])
FILES: dict[str, bytes] = {
    "jpeg": encode(smooth(700, 500), "JPEG", quality=90),
    "turned": encode(quadrants(), "JPEG", exif=exif(6)),
    "mirrored": encode(quadrants(), "PNG", exif=exif(2)),
    "gray": encode(gray_quadrants(), "PNG"),
    "palette": encode(palette(quadrants()), "GIF"),
    "transparent": encode(ALPHA, "PNG"),
    "transparent gray": encode(Image.fromarray(as_rgb(gray_quadrants())).convert("LA"), "PNG"),
    "16-bit gray": png(RAMP.astype(np.uint16), 0),
    "16-bit transparent": png(np.dstack([RAMP] * 4).astype(np.uint16), 6),
    "16-bit tiff": tiff16(np.dstack([RAMP] * 3).astype(np.uint16)),
    "32-bit tiff": encode(Image.fromarray(RAMP.astype(np.int32)), "TIFF"),
    "8 bits in 32": encode(Image.fromarray((RAMP / 257).astype(np.int32)), "TIFF"),
    "float to 1": encode(Image.fromarray((RAMP / 65535).astype(np.float32)), "TIFF"),
    "float to 255": encode(Image.fromarray((RAMP / 257).astype(np.float32)), "TIFF"),
    "cmyk": encode(Image.fromarray(smooth(90, 60)).convert("CMYK"), "JPEG"),
}


@pytest.mark.parametrize("interpolation", get_args(Interpolation))
@pytest.mark.parametrize("mode", get_args(ResizeMode))
@pytest.mark.parametrize("kind", FILES)
def test_the_printed_code_equals_the_decoder(
    kind: str, mode: ResizeMode, interpolation: Interpolation, tmp_path: Path
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(FILES[kind])
    names: dict[str, Any] = {}
    preprocess = Preprocess(48, 64, mode, interpolation=interpolation)
    exec("import numpy as np\nfrom PIL import Image, ImageOps\n" + pixels_code(preprocess), names)
    np.testing.assert_array_equal(names["pixels"](io.BytesIO(FILES[kind]))[0], decode(path, preprocess))
