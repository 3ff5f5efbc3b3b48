"""The example that is written beside an export: a short program that uses it without pawlab."""

import json
from pathlib import Path
from string import Template

from pawlab.export.forms import FORMS, Name
from pawlab.images import Preprocess

_PIXELS = Template('''\
def pixels(path):
    """Return an upright picture as (1, $height, $width, 3), RGB, 0-255."""
    image = Image.open(path)
    $draft  # a JPEG needn't be decoded larger
    image = ImageOps.exif_transpose(image)
    if image.mode[0] in "IF":  # more than 8 bits per pixel
        values = np.nan_to_num(np.asarray(image, np.float32), posinf=0.0)
        highest = 1 if image.mode == "F" else 65535 if image.mode[:4] == "I;16" or values.max() > 255 else 255
        highest = 255 if image.mode == "F" and values.max() > 1 else highest
        scaled = np.rint(values * np.float32(255 / highest))
        image = Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))
    if image.has_transparency_data:  # laid on white
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("RGB")
    $resized
    return np.asarray(image)[np.newaxis]
''')
_PROGRAM = Template('''\
"""Predicts what pictures show: run it with their paths. It needs numpy, pillow and $needs."""

import json
import sys
from pathlib import Path

$imports

HERE = Path(__file__).parent
CARD = json.loads((HERE / $card).read_text(encoding="utf-8"))


$pixels

$load
for path in sys.argv[1:]:
    $answer
    best = int(probabilities.argmax())
    doubt = "" if probabilities[best] >= CARD["threshold"] else "not sure: "
    print(f"{doubt}{CARD['classes'][best]} {probabilities[best]:.4f} {path}")
''')

_RESIZED = {
    "squash": "image = image.resize(($width, $height), Image.Resampling.BILINEAR)",
    "crop": """\
scale = min(image.width / $width, image.height / $height)
    width, height = min(image.width, $width * scale), min(image.height, $height * scale)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    box = (left, top, left + width, top + height)
    image = image.resize(($width, $height), Image.Resampling.BILINEAR, box=box)""",
    "pad": """\
scale = min($width / image.width, $height / image.height)
    width, height = (max(1, round(side * scale)) for side in image.size)
    inner = image.resize((min($width, width), min($height, height)), Image.Resampling.BILINEAR)
    image = Image.new("RGB", ($width, $height), (127, 127, 127))
    image.paste(inner, (($width - inner.width) // 2, ($height - inner.height) // 2))""",
}
_DRAFT = {
    "squash": "image.draft(None, ($longer, $longer))",
    "crop": "image.draft(None, ($longer, $longer))",
    "pad": """\
scale = $longer / max(image.size)
    image.draft(None, (max(1, int(image.width * scale)), max(1, int(image.height * scale))))""",
}
_PILLOW = "from PIL import Image, ImageOps"
_PARTS: dict[Name, dict[str, str]] = {
    "onnx": {
        "imports": f"import numpy as np\nimport onnxruntime\n{_PILLOW}",
        "load": 'model = onnxruntime.InferenceSession(HERE / $file, providers=["CPUExecutionProvider"])',
        "answer": '(probabilities,) = model.run(["probabilities"], {"pictures": pixels(path)})[0]',
    },
    "keras": {
        "imports": f"import keras\nimport numpy as np\n{_PILLOW}",
        "load": "model = keras.models.load_model(HERE / $file)",
        "answer": "(probabilities,) = model.predict(pixels(path), verbose=0)",
    },
    "savedmodel": {
        "imports": f"import numpy as np\nimport tensorflow as tf\n{_PILLOW}",
        "load": 'model = tf.saved_model.load(str(HERE / $file)).signatures["serving_default"]',
        "answer": '(probabilities,) = model(pictures=tf.constant(pixels(path)))["probabilities"].numpy()',
    },
    "tflite": {
        "imports": (
            f"import numpy as np\n{_PILLOW}\n\ntry:\n    from ai_edge_litert.interpreter import Interpreter\n"
            "except ImportError:  # TensorFlow has one too\n    import tensorflow\n\n"
            "    Interpreter = tensorflow.lite.Interpreter"
        ),
        "load": "model = Interpreter(str(HERE / $file)).get_signature_runner()",
        "answer": '(probabilities,) = model(pictures=pixels(path))["probabilities"]',
    },
}


def example(form: Name, target: Path, card: Path, preprocess: Preprocess) -> str:
    """Return the program for an export `target`, to lie beside it and its `card`."""
    parts = {name: Template(text).safe_substitute(file=json.dumps(target.name)) for name, text in _PARTS[form].items()}
    return _PROGRAM.substitute(
        parts, card=json.dumps(card.name), needs=FORMS[form].needs, pixels=pixels_code(preprocess)
    )


def pixels_code(preprocess: Preprocess) -> str:
    """Return the source of a function that prepares a picture file as `images.decode` does: NumPy and Pillow alone."""
    numbers = {"height": preprocess.height, "width": preprocess.width}
    numbers["longer"] = max(numbers.values())
    draft, resized = (Template(some[preprocess.resize_mode]).substitute(numbers) for some in (_DRAFT, _RESIZED))
    return _PIXELS.substitute(numbers, draft=draft, resized=resized)
