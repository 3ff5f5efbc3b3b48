"""The forms that a classifier can be written in: how each is made, and how its own runtime answers for pictures."""

import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pawlab.classifier import FILE_NAME, Classifier, save_classifier
from pawlab.errors import PawlabError
from pawlab.export.card import ONNX_ONLY, card_json
from pawlab.export.tflite_metadata import with_metadata
from pawlab.graphs.keras_runtime import import_keras, silent_stderr
from pawlab.graphs.to_keras import to_keras
from pawlab.images import Pixels

Name = Literal["onnx", "keras", "savedmodel", "tflite", "tflite-float16", "web"]
Probabilities = NDArray[np.float32]

_PAGE = Path(__file__).parent / "web"


@dataclass(frozen=True)
class Form:
    """`ending`: of the file's name; "" where it is a folder. `write`: makes it of a classifier, in a new place.
    `answer`: what its own runtime says to pictures (n, h, w, 3) uint8. `needs`: what must be installed to use it.
    `bound`: by how much a probability may differ. `rounds`: the user's own pictures must keep their labels, too.
    Of a folder: what it is `called`, and the file that it is `known_by`.
    """

    ending: str
    write: Callable[[Classifier, Path], Any]
    answer: Callable[[Path, Pixels], Probabilities]
    needs: str
    bound: float = 1e-3
    rounds: bool = False
    called: str = ""
    known_by: str = ""


def _answer_of_keras(model: Path, pixels: Pixels) -> Probabilities:
    keras = import_keras("exporting to Keras")
    return np.asarray(keras.models.load_model(model, compile=False).predict(pixels, verbose=0))


def _write_savedmodel(classifier: Classifier, target: Path) -> None:
    """Write the model with one signature: `pictures` uint8 (n, h, w, 3) to `probabilities`, as in model.onnx."""
    import_keras("exporting to a SavedModel")
    import tensorflow as tf

    network = _keras_model(classifier)
    pictures = tf.TensorSpec(network.input_shape, tf.uint8, name="pictures")

    def answer(pictures: Any) -> dict[str, Any]:
        return {"probabilities": network(tf.cast(pictures, tf.float32), training=False)}

    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]  # the whole network would be kept twice
    module.answer = tf.function(answer, input_signature=[pictures])
    tf.saved_model.save(module, str(target), signatures={"serving_default": module.answer})


def _answer_of_savedmodel(model: Path, pixels: Pixels) -> Probabilities:
    import tensorflow as tf

    signature = tf.saved_model.load(str(model)).signatures["serving_default"]
    return np.asarray(signature(pictures=tf.constant(pixels))["probabilities"])


def _write_tflite(classifier: Classifier, target: Path, half: bool = False) -> None:
    """Write the model with class names and card inside. `half`: its weights in float16, half the size."""
    import_keras("exporting to TensorFlow Lite")
    import tensorflow as tf

    with TemporaryDirectory() as saved:
        _write_savedmodel(classifier, Path(saved))
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        if half:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        model = converter.convert()
    target.write_bytes(with_metadata(model, classifier.card, card_json(classifier.card, ONNX_ONLY)))


def _answer_of_tflite(model: Path, pixels: Pixels) -> Probabilities:
    """Answer picture by picture, as such models are used."""
    import tensorflow as tf

    with silent_stderr(), warnings.catch_warnings(action="ignore"):  # it announces its end, and its delegate
        answer = tf.lite.Interpreter(model_content=model.read_bytes()).get_signature_runner()
        return np.concatenate([answer(pictures=picture[np.newaxis])["probabilities"] for picture in pixels])


def _write_onnx(classifier: Classifier, target: Path) -> None:
    import onnx

    save_classifier(onnx.load(classifier.path), classifier.card, target)


def _write_web(classifier: Classifier, target: Path) -> None:
    """Write a page that classifies in the browser alone, with the model and its card."""
    interpolation = classifier.card.preprocess.interpolation
    if interpolation != "area":
        raise PawlabError(
            f"the page averages over pixels, and this classifier's are {interpolation}. Serve it instead."
        )
    shutil.copytree(_PAGE, target)
    _write_onnx(classifier, target / FILE_NAME)
    (target / f"{FILE_NAME}.json").write_text(card_json(classifier.card, ()), encoding="utf-8", newline="\n")


def _answer_of_onnx(model: Path, pixels: Pixels) -> Probabilities:
    return Classifier.load(model).probabilities(pixels)


def _keras_model(classifier: Classifier) -> Any:
    import onnx

    preprocess = classifier.card.preprocess
    return to_keras(onnx.load(classifier.path), (preprocess.height, preprocess.width))


FORMS: dict[Name, Form] = {
    "onnx": Form(
        ".onnx",
        _write_onnx,
        _answer_of_onnx,
        "onnxruntime",
    ),
    "keras": Form(
        ".keras",
        lambda classifier, target: _keras_model(classifier).save(target),
        _answer_of_keras,
        "keras and tensorflow",
    ),
    "savedmodel": Form(
        "", _write_savedmodel, _answer_of_savedmodel, "tensorflow", called="a SavedModel", known_by="saved_model.pb"
    ),
    "tflite": Form(".tflite", _write_tflite, _answer_of_tflite, "ai-edge-litert or tensorflow"),
    "tflite-float16": Form(
        ".tflite",
        lambda classifier, target: _write_tflite(classifier, target, half=True),
        _answer_of_tflite,
        "ai-edge-litert or tensorflow",
        bound=0.02,
        rounds=True,
    ),
    "web": Form(
        "",
        _write_web,
        lambda page, pixels: _answer_of_onnx(page / FILE_NAME, pixels),
        "onnxruntime",
        called="a page",
        known_by="classifier.js",
    ),
}
